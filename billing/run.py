"""The billing run: every account's due periods of a ruleset, rated, issued, posted and settled.

What a run reads is fixed by its row: the ruleset, and everything before it in the sequence. A run that was broken off
is taken up again by the same call, and comes to the same documents under the same numbers; two calls at once share one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import cast

from ..diagnostics import Diagnostic
from ..engine.period import DateRange
from ..engine.plan import Program
from ..grammar.collector import without_garbage_collector
from ..ledger.books import BILL_RUN_ENDS, BILL_RUNS
from ..ledger.store import Reader, Store, Transaction
from .account_facts import Due, Place, facts_of_accounts, periods_of
from .acting import Acting, asked_for, record, remember, remembered
from .adjustments import Adjusted, adjustments
from .drafts import Draft, draft_of, draft_of_adjustments
from .invoices import PER_COMMIT, Issue, Issued, issue
from .rating import DueAccount, Rated, rated
from .rulesets import Published, ruleset_by_hash, ruleset_in_force


@dataclass(frozen=True, slots=True)
class Run:
    """A billing run. Its number is its place in the sequence: it reads what stands before."""

    id: int
    period: str
    ruleset: str
    hash: str
    issued: date
    payable_by: date
    time: int


@dataclass(slots=True)
class Billed:
    """What a call of a run did. `earlier` documents were there before it; `refusals` name accounts without a bill."""

    run: Run
    invoices: int = 0
    empty: int = 0
    earlier: int = 0
    total: int = 0
    currency: str = ""
    refusals: list[Diagnostic] = field(default_factory=list)


def bill(
    store: Store,
    acting: Acting,
    ruleset: str,
    period: DateRange,
    *,
    issued: date,
    payable_within: int = 14,
    per_commit: int = PER_COMMIT,
    on_progress: Callable[[int], None] | None = None,
) -> Billed | Diagnostic:
    """Bill the periods that begin in a range and are over on the day of issue, and adjust earlier ones for late usage.

    Payment is due so many days after the day of issue. A run of the ruleset that was broken off is finished first: this
    call takes it up again where it is of the same period, and is refused otherwise.
    """
    text = f"{period.start}..{period.end - timedelta(days=1)}"
    run = store.write(lambda transaction: _begin(transaction, acting, ruleset, text, issued, payable_within))
    if isinstance(run, Diagnostic):
        return run
    published = store.read(lambda reader: ruleset_by_hash(reader, run.hash))
    program = published.program
    result = Billed(run, currency=published.currency)
    within = _range_of(run.period)
    accounts, refused = store.read(lambda reader: due_accounts(reader, published, within, run.issued, run.id))
    result.refusals.extend(refused)
    late = _late(store, run, result)
    shared = Issue(run.id, run.issued, run.payable_by, run.time)
    with rated(store, program, accounts, within, Place(run.id, run.id)) as statements, without_garbage_collector():
        drafts = _in_order(program, run, statements, late, result.refusals)
        for some in _chunks(drafts, per_commit):
            _note(result, issue(store, some, shared))
            if on_progress is not None:
                on_progress(result.invoices + result.empty + result.earlier)
    store.write(lambda transaction: _end(transaction, acting, result))
    return result


def _begin(
    transaction: Transaction, acting: Acting, ruleset: str, period: str, issued: date, payable_within: int
) -> Run | Diagnostic:
    """The row of this run: the one that this key began, the one that was broken off, or a new one."""
    days = {"issued": issued.isoformat(), "payable within": payable_within}
    asked = asked_for("bill run", {"ruleset": ruleset, "period": period, **days})
    before = remembered(transaction, acting.key, asked)
    if before is not None:
        return before if isinstance(before, Diagnostic) else run_of(transaction, cast(int, before["run"]))
    run = _begun(transaction, acting, ruleset, period, issued, payable_within)
    if isinstance(run, Run):
        remember(transaction, acting.key, asked, {"run": run.id})
    return run


def _begun(
    transaction: Transaction, acting: Acting, ruleset: str, period: str, issued: date, payable_within: int
) -> Run | Diagnostic:
    unfinished = transaction.rows(
        f"SELECT {_COLUMNS} FROM bill_runs WHERE ruleset = ? AND id NOT IN (SELECT run FROM bill_run_ends)", (ruleset,)
    )
    if unfinished:
        run = _run(unfinished[0])
        if run.period == period:
            return run
        hint = f"take it up again first: `ratebook bill run --ruleset {ruleset} --period {run.period}`"
        return Diagnostic("RB7055", f"the run of {run.period} was broken off", hints=(hint,))
    published = ruleset_in_force(transaction, ruleset)
    if isinstance(published, Diagnostic):
        return published
    payable_by = issued + timedelta(days=payable_within)
    row = (period, ruleset, published.hash, issued.isoformat(), payable_by.isoformat(), acting.time)
    (number,) = transaction.append(BILL_RUNS, [row])
    record(transaction, acting, "bill run", subject=str(number), after={"period": period, "ruleset": ruleset})
    return Run(number, period, ruleset, published.hash, issued, payable_by, acting.time)


def _end(transaction: Transaction, acting: Acting, result: Billed) -> None:
    """Say that the run is done, unless another call has said so already."""
    if transaction.rows("SELECT 1 FROM bill_run_ends WHERE run = ?", (result.run.id,)):
        return
    ((invoices, empty),) = transaction.rows(
        "SELECT CAST(coalesce(sum(CASE WHEN kind = 'nothing' THEN 0 ELSE 1 END), 0) AS BIGINT), "
        "CAST(coalesce(sum(CASE WHEN kind = 'nothing' THEN 1 ELSE 0 END), 0) AS BIGINT) FROM invoices WHERE run = ?",
        (result.run.id,),
    )
    transaction.append(BILL_RUN_ENDS, [(result.run.id, invoices, empty, acting.time)])


_COLUMNS = "id, period, ruleset, hash, issued, payable_by, time"


def _run(row: tuple[object, ...]) -> Run:
    number, period, ruleset, digest, issued, payable_by, time = row
    return Run(
        cast(int, number),
        cast(str, period),
        cast(str, ruleset),
        cast(str, digest),
        date.fromisoformat(cast(str, issued)),
        date.fromisoformat(cast(str, payable_by)),
        cast(int, time),
    )


def run_of(reader: Reader, number: int) -> Run:
    """The run of a number that the database gave."""
    (row,) = reader.rows(f"SELECT {_COLUMNS} FROM bill_runs WHERE id = ?", (number,))
    return _run(row)


def _range_of(period: str) -> DateRange:
    first, _, last = period.partition("..")
    return DateRange(date.fromisoformat(first), date.fromisoformat(last) + timedelta(days=1))


def due_accounts(
    reader: Reader, published: Published, within: DateRange, issued: date, place: int
) -> tuple[list[DueAccount], list[Diagnostic]]:
    """The accounts with periods to bill, as of a place in the sequence, and why others cannot be billed.

    What was billed after that place is due all the same: it is the run's own.
    """
    program = published.program
    facts = facts_of_accounts(reader, program, published.name, place)
    billed = {
        (cast(int, number), date.fromisoformat(cast(str, start)))
        for number, start in reader.rows(
            "SELECT subscription, period_start FROM invoices WHERE ruleset = ? AND id <= ? AND period_end > ? "
            "AND kind IN ('invoice', 'nothing')",
            (published.name, place, within.start.isoformat()),
        )
    }
    live = taken_from_cards(reader, place) if program.cards else {}
    found: list[DueAccount] = []
    refused: list[Diagnostic] = []
    # A card that is empty pays all the same what was taken from it as it happened.
    used = {card for _, _, card in live}
    for account in facts:
        account.cards[:] = [card for card in account.cards if card.left > 0 or card.account in used]
        periods = list(periods_of(program, account, within))
        refused.extend(item for item in periods if isinstance(item, Diagnostic))
        due = tuple(
            item
            for item in periods
            if isinstance(item, Due)
            and item.covered.end <= issued
            and (item.subscription.number, item.period.start) not in billed
        )
        if due:
            found.append(DueAccount(account, due, live, is_whole=len(due) == len(periods)))
    return found, refused


def taken_from_cards(reader: Reader, place: int) -> dict[tuple[int, str, int], int]:
    found: dict[tuple[int, str, int], int] = {}
    for number, start, amount, debit, credit in reader.rows(
        "SELECT subscription, period_start, live_charges.amount, debit, credit FROM live_charges "
        "JOIN transfers ON transfers.id = live_charges.transfer WHERE live_charges.id <= ?",
        (place,),
    ):
        account = cast(int, debit if cast(int, amount) > 0 else credit)
        key = (cast(int, number), cast(str, start), account)
        found[key] = found.get(key, 0) + cast(int, amount)
    return found


def _late(store: Store, run: Run, result: Billed) -> dict[str, list[Adjusted]]:
    """The adjustments of this run by account: for usage that came since the run before it."""
    ((since,),) = store.read(
        lambda reader: reader.rows(
            "SELECT coalesce(max(id), 0) FROM bill_runs WHERE ruleset = ? AND id < ?", (run.ruleset, run.id)
        )
    )
    found: dict[str, list[Adjusted]] = {}
    for item in adjustments(store, run.ruleset, cast(int, since), run.id):
        if isinstance(item, Diagnostic):
            result.refusals.append(item)
        else:
            found.setdefault(item.account, []).append(item)
    return found


def _in_order(
    program: Program,
    run: Run,
    statements: Iterable[Rated | Diagnostic],
    late: dict[str, list[Adjusted]],
    refusals: list[Diagnostic],
) -> Iterator[Draft]:
    """The documents of a run by account: adjustments stand on the first of an account, or on one of their own."""
    waiting = sorted(late)

    def alone(account: str) -> Iterator[Draft]:
        for item in late.pop(account, []):
            yield draft_of_adjustments(program, account, item.subscription, item.plan, run.issued, item.lines)

    for item in statements:
        if isinstance(item, Diagnostic):
            refusals.append(item)
            continue
        account = item.statement.account
        while waiting and waiting[0] < account:
            yield from alone(waiting.pop(0))
        lines = [line for own in late.pop(account, []) for line in own.lines]
        yield draft_of(program, item, lines)
    for account in waiting:
        yield from alone(account)


def _chunks(items: Iterable[Draft], size: int) -> Iterator[list[Draft]]:
    own: list[Draft] = []
    for item in items:
        own.append(item)
        if len(own) == size:
            yield own
            own = []
    if own:
        yield own


def _note(result: Billed, issued: Issued) -> None:
    result.invoices += issued.invoices
    result.empty += issued.empty
    result.earlier += issued.earlier
    result.total += issued.total
    result.refusals.extend(issued.refusals)
