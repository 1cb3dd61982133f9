"""Charging as it happens: one usage event is kept and paid in the same moment, or refused without any effect.

An event is named by its source and id, as all usage is: the same again gets the same answer for ever, also where it was
a refusal. Its price is what it adds to the statement of its billing period; it is taken from prepaid cards and from the
wallet, and stays provisional until the bill, which posts whole lines and counts what was taken as settled.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeGuard, cast

from ..diagnostics import Diagnostic, Severity
from ..engine.evaluators import running as counters
from ..engine.evaluators.running import Marginal, Running
from ..engine.statement import LineKind
from ..engine.usage import UsageEvent
from ..ledger.books import LIVE_CHARGES, LIVE_LINES, USAGE_EVENTS
from ..ledger.refusals import Refusal
from ..ledger.requests import Leg, Refused, Request, Transfer
from ..ledger.store import Reader, Store, Transaction, Undo
from .acting import Acting, Json, canonical, instant, record, refusal, remember, remembered
from .live_period import LivePeriod, Memory, keep, memory_of, period_of, program_in_force
from .live_sources import Share, Sources, given_back, shares_of, sources_of
from .rating import in_minor_units
from .stored.lookup import kept
from .usage_facts import usage_fact
from .usage_rows import METER, Subscribed, UsageRow, read_usage_rows

PER_COMMIT = 100

WITHHELD = "withheld"
"""The kind of a live line for what was made cheaper and had not been charged as it happened."""

Row = Mapping[str, object]
"""An event as a line of JSON gives it: `id`, `account`, `event`, `time`, perhaps `source`, and the fields."""


@dataclass(frozen=True, slots=True)
class LiveLine:
    """What an event changed of a line, in minor units."""

    name: str
    kind: str
    dimensions: tuple[tuple[str, str], ...]
    label: str
    amount: int


@dataclass(frozen=True, slots=True)
class Priced:
    """An event with its price and who pays it, decided and not yet written."""

    period: LivePeriod
    after: Running
    sources: Sources
    lines: tuple[LiveLine, ...]
    shares: tuple[Share, ...]

    @property
    def price(self) -> int:
        """What is taken, in minor units; below zero what is given back."""
        return sum(item.amount for item in self.shares)


def debit(store: Store, acting: Acting, event: Row) -> Json | Diagnostic:
    """Charge one usage event now, or refuse it; see `debit_all`. The key of the call is not looked at."""
    return debit_all(store, acting, [event])[0]


def debit_all(
    store: Store, acting: Acting, events: Iterable[Row], *, per_commit: int = PER_COMMIT
) -> list[Json | Diagnostic]:
    """Charge usage events in their order, each by itself: one that is refused has no effect and does not stop others.

    An event that usage intake kept before is not charged again; the bill charges it.
    """
    given = list(events)
    memory = memory_of(store)
    rows = store.read(lambda reader: read_rows(reader, memory, given))
    found: list[Json | Diagnostic] = []
    for first in range(0, len(rows), per_commit):
        some = rows[first : first + per_commit]
        failed: dict[int, Diagnostic] = {}
        while True:
            answer = store.write(
                lambda transaction, some=some, failed=failed: _debit_some(transaction, acting, memory, some, failed)  # type: ignore[misc]
            )
            if isinstance(answer, list):
                break
            # The ledger has refused one of them after all: the others are done again without it.
            failed.update(answer)
        found.extend(answer)
    return found


def read_rows(reader: Reader, memory: Memory, events: Sequence[Row]) -> list[UsageRow | Diagnostic]:
    """Rows held to the rulesets of their accounts, as usage intake does it."""
    subscribed = _subscribed(reader, memory, {str(row.get("account", row.get("subject", ""))) for row in events})
    if not subscribed.schemas:
        hints = ("`ratebook publish FILE` publishes one", "`ratebook subscription add` puts an account on a plan")
        return [Diagnostic("RB7054", "the account is subscribed to no published ruleset", hints=hints) for _ in events]
    return [_read_row(row, subscribed) for row in events]


def _read_row(row: Row, subscribed: Subscribed) -> UsageRow | Diagnostic:
    read = read_usage_rows([row], subscribed, name="event")
    if read.rejects:
        return read.rejects[0].diagnostic
    errors = [item for item in read.findings if item.severity is Severity.ERROR]
    if errors:
        return errors[0]
    (found,) = read.rows
    if found.event.startswith(METER):
        return Diagnostic(
            "RB7080",
            f"a quantity of {found.event.removeprefix(METER)} that was metered elsewhere has no price as it happens",
            hints=("charge the event itself", "`ratebook usage add` keeps the quantity for the bill"),
        )
    return found


def _subscribed(reader: Reader, memory: Memory, accounts: Iterable[str]) -> Subscribed:
    by_account: dict[str, list[str]] = {}
    schemas = {}
    for account in sorted(accounts):
        for (ruleset,) in reader.rows(
            "SELECT DISTINCT ruleset FROM subscriptions WHERE account = ? ORDER BY ruleset", (account,)
        ):
            program = program_in_force(reader, memory, cast(str, ruleset))
            if program is not None:
                schemas[program.name] = program.schema
                by_account.setdefault(account, []).append(program.name)
    return Subscribed(by_account, schemas)


def _debit_some(
    transaction: Transaction,
    acting: Acting,
    memory: Memory,
    rows: Sequence[UsageRow | Diagnostic],
    failed: Mapping[int, Diagnostic],
) -> list[Json | Diagnostic]:
    answers: list[Json | Diagnostic] = []
    for place, row in enumerate(rows):
        if isinstance(row, Diagnostic):
            answers.append(row)
            continue
        answer = failed.get(place) or _answer(transaction, acting, memory, row)
        if isinstance(answer, Refused):
            raise Undo({place: refusal(answer)})
        answers.append(answer)
    return answers


def _answer(transaction: Transaction, acting: Acting, memory: Memory, row: UsageRow) -> Json | Diagnostic | Refused:
    """The answer that an event got before, or gets now. What only money decided is remembered with its refusal."""
    key, asked = key_of(row.source, row.event_id), row.fingerprint
    before = remembered(transaction, key, asked)
    if isinstance(before, Diagnostic) and before.code == Refusal.KEY_REUSED.code:
        return _other_content(row)
    if before is not None:
        return before
    content = kept(transaction, [row.identity]).get(row.identity)
    if content is not None:
        return _kept_before(row) if content == row.fingerprint else _other_content(row)
    answer = charge(transaction, acting, memory, row)
    if not isinstance(answer, Refused | Diagnostic) or _is_about_funds(answer):
        remember(transaction, key, asked, answer)
    return answer


def _is_about_funds(answer: Diagnostic | Refused) -> TypeGuard[Diagnostic]:
    return isinstance(answer, Diagnostic) and answer.code == Refusal.INSUFFICIENT_FUNDS.code


def _kept_before(row: UsageRow) -> Json:
    """Usage intake kept it: the bill charges it."""
    return {"id": row.event_id, "source": row.source, "account": row.account, "charged": False, "price": 0}


def _other_content(row: UsageRow) -> Diagnostic:
    hint = "give different usage different ids, or repeat an event as it was"
    return Diagnostic("RB3009", f"event {row.event_id} came before with other content", hints=(hint,))


def key_of(source: str, event_id: str) -> str:
    """The key under which an event is charged once for ever."""
    return f"debit:{len(source)}:{source}:{event_id}"


def charge(transaction: Transaction, acting: Acting, memory: Memory, row: UsageRow) -> Json | Diagnostic | Refused:
    """Charge an event that was not asked for before. Nothing is written before all is decided, but for the ledger's
    own refusal, which the caller has to undo."""
    priced = price(transaction, memory, row)
    if isinstance(priced, Diagnostic):
        return priced
    legs = [leg_of(share, priced.sources, row) for share in priced.shares]
    return write(transaction, acting, memory, row, priced, legs)


def price(transaction: Reader, memory: Memory, row: UsageRow, *, sources: Sources | None = None) -> Priced | Diagnostic:
    """What an event costs now and who pays it; `sources` where these are known already."""
    period = period_of(transaction, memory, row.account, row.event, instant(row.time))
    if isinstance(period, Diagnostic):
        return period
    return price_in(transaction, period, row, sources=sources)


def price_in(
    reader: Reader, period: LivePeriod, row: UsageRow, *, sources: Sources | None = None
) -> Priced | Diagnostic:
    """The same in a period that is known."""
    fact = fact_of(period, row)
    counted = counters.debit(period.running, fact)
    if isinstance(counted, Diagnostic):
        return counted
    after, marginal = counted
    own = sources_of(reader, row.account, period.program) if sources is None else sources
    if isinstance(own, Diagnostic):
        return own
    if own.closed:
        return Diagnostic("RB7008", f"account {row.account} is closed", hints=("open another account",))
    lines = list(lines_of(period.running, after, marginal))
    due = sum(line.amount for line in lines)
    shares: list[Share] | Diagnostic = []
    if due > 0:
        shares = shares_of(own, period.running, after, due)
    elif due < 0:
        shares = given_back(reader, period.key, own, -due)
    if isinstance(shares, Diagnostic):
        return replace(shares, place=f"account {row.account}")
    off = sum(item.amount for item in shares) - due
    if off:
        lines.append(LiveLine("", WITHHELD, (), "", off))
    return Priced(period, after, own, tuple(lines), tuple(shares))


def fact_of(period: LivePeriod, row: UsageRow) -> UsageEvent:
    """A row of usage as the evaluator takes it."""
    fields = json.loads(row.fields)
    fact = usage_fact(
        period.program.schema, row.account, row.event, instant(row.time), fields, row.event_id, row.source
    )
    assert isinstance(fact, UsageEvent), "its period was found by its event"
    return fact


def lines_of(before: Running, after: Running, marginal: Marginal) -> Iterable[LiveLine]:
    """What changed of each line in minor units, so that over a period they add up to what the bill will round to."""
    program = after.ground.program
    labels = {(item.id, item.kind): item.labels.default for item in marginal.lines}
    sums: dict[tuple[str, str, tuple[str, ...]], int] = {}
    for name in {**after.amounts, **before.amounts}:
        now, was = after.amounts.get(name, 0), before.amounts.get(name, 0)
        if now != was and name[1] != LineKind.INCLUDED_TAX.value:
            key = (name[0], name[1], name[4:-1])
            sums[key] = sums.get(key, 0) + in_minor_units(program, now) - in_minor_units(program, was)
    due = in_minor_units(program, after.total) - in_minor_units(program, before.total)
    for (line, kind, by), amount in sums.items():
        if amount:
            pairs = tuple(zip(by[::2], by[1::2], strict=True))
            yield LiveLine(line, kind, pairs, labels.get((line, LineKind(kind)), line), amount)
    off = due - sum(sums.values())
    if off:
        yield LiveLine("rounding", LineKind.ROUNDING.value, (), "Rounding to the smallest coin", off)


def leg_of(share: Share, sources: Sources, row: UsageRow) -> Leg:
    """What moves a share: from a card or the wallet to the receivable, or back."""
    if share.amount > 0:
        return Transfer(
            share.source.account, sources.receivable, share.amount, sources.currency, "live charge", row.event_id
        )
    return Transfer(
        sources.receivable, share.source.account, -share.amount, sources.currency, "live credit", row.event_id
    )


def write(
    transaction: Transaction, acting: Acting, memory: Memory, row: UsageRow, priced: Priced, legs: Sequence[Leg]
) -> Json | Refused:
    """Post a price, keep the event and its counters. The first legs are those of the shares, in their order."""
    transfers: Sequence[int] = ()
    if legs:
        request = Request(key_of(row.source, row.event_id), tuple(legs), acting.time)
        (outcome,) = transaction.post([request])
        if isinstance(outcome, Refused):
            return outcome
        transfers = outcome.transfers
    (number,) = transaction.append(
        USAGE_EVENTS,
        [(row.source, row.event_id, row.account, row.event, row.time, row.fields, row.fingerprint, acting.time)],
    )
    named = (*priced.period.key, row.source, row.event_id)
    if priced.lines:
        transaction.append(
            LIVE_LINES,
            [(*named, line.name, line.kind, dimensions_text(line.dimensions), line.amount) for line in priced.lines],
        )
    if priced.shares:
        transaction.append(
            LIVE_CHARGES,
            [
                (*named, share.amount, transfer)
                for share, transfer in zip(priced.shares, transfers[: len(priced.shares)], strict=True)
            ],
        )
    keep(transaction, memory, replace(priced.period, running=priced.after, through=number))
    answer = answer_of(row, priced)
    record(
        transaction,
        acting,
        "usage charged",
        account=row.account,
        subject=row.event_id,
        after={"price": priced.price, "taken": answer["taken"]},
    )
    return answer


def dimensions_text(pairs: Sequence[tuple[str, str]]) -> str:
    """The `by` values of a line as invoices have them: JSON, empty for none."""
    return canonical(dict(pairs)) if pairs else ""


def answer_of(row: UsageRow, priced: Priced) -> Json:
    """What the caller hears of a charge; amounts in minor units."""
    number, start = priced.period.key
    return {
        "id": row.event_id,
        "source": row.source,
        "account": row.account,
        "charged": True,
        "subscription": number,
        "period_start": start,
        "currency": priced.sources.currency,
        "price": priced.price,
        "lines": [
            {
                "name": line.name,
                "kind": line.kind,
                "by": dict(line.dimensions),
                "label": line.label,
                "amount": line.amount,
            }
            for line in priced.lines
        ],
        "taken": [{"from": share.source.name, "amount": share.amount} for share in priced.shares],
    }
