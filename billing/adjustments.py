"""Late usage: what a billed period would have cost with it, less what was billed, line by line.

A billed period is rated again under the ruleset of its bill and with what was known of the account then, so that
nothing but the usage makes a difference. Usage that reaches forward, as included units of a year, changes the periods
after its own as well, so that these are looked at too. The issued documents stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import cast

from ..diagnostics import Diagnostic
from ..engine.period import DateRange
from ..engine.statement import LineKind
from ..intake.statement_json import exact_text
from ..ledger.store import Reader, Store
from .account_facts import Due, covered_of, facts_of_accounts
from .drafts import ADJUSTMENT, DraftLine, lines_of_statement
from .rating import DueAccount, Rated, latest_end, rate_account
from .rulesets import Published, ruleset_by_hash
from .stored.parts import Part, engine, parts_of
from .usage_facts import usage_of_account


@dataclass(frozen=True, slots=True)
class Adjusted:
    """The adjustment lines of a subscription's billed periods, oldest first."""

    account: str
    subscription: int
    plan: str
    lines: tuple[DraftLine, ...]


@dataclass(frozen=True, slots=True)
class _Billed:
    """A billed period: the document, the run that made it, and the ruleset of its bill."""

    invoice: int
    account: str
    subscription: int
    plan: str
    hash: str
    period: DateRange
    run: int


def adjustments(store: Store, ruleset: str, since: int, place: int) -> Iterator[Adjusted | Diagnostic]:
    """The adjustments for events that came in the sequence after `since` and not after `place`, by account."""
    late = store.read(lambda reader: _late(reader, ruleset, since, place))
    for (account, _), billed in sorted(late.items()):
        yield from store.read(lambda reader, account=account, billed=billed: _adjusted(reader, account, billed, place))  # type: ignore[misc]


def _late(reader: Reader, ruleset: str, since: int, place: int) -> dict[tuple[str, int], list[_Billed]]:
    """The billed periods that late events belong to, and those after them, by account and subscription."""
    first: dict[tuple[str, int], str] = {}
    for account, subscription, start in reader.rows(
        "SELECT invoices.account, subscription, min(period_start) FROM usage_events "
        "JOIN invoices ON invoices.account = usage_events.account AND starts <= time AND time < ends "
        "WHERE usage_events.id > ? AND usage_events.id <= ? AND invoices.id <= ? AND usage_events.id > run "
        "AND ruleset = ? AND kind IN ('invoice', 'nothing') GROUP BY invoices.account, subscription",
        (since, place, place, ruleset),
    ):
        first[cast(str, account), cast(int, subscription)] = cast(str, start)
    for part in parts_of(reader, after=since, through=place):
        for key, begin in _late_in(reader, part, ruleset, place):
            first[key] = min(begin, first.get(key, begin))
    return {key: _billed_since(reader, key, start, place) for key, start in first.items()}


def _late_in(reader: Reader, part: Part, ruleset: str, place: int) -> Iterator[tuple[tuple[str, int], str]]:
    """The same for the events of a file of usage: it came after the runs whose places are before its own."""
    billed = reader.rows(
        "SELECT account, subscription, period_start, starts, ends FROM invoices WHERE ruleset = ? "
        "AND kind IN ('invoice', 'nothing') AND id <= ? AND run < ? AND starts <= ? AND ends > ?",
        (ruleset, place, part.id, part.last, part.first),
    )
    if not billed:
        return
    with engine([part]) as cursor:
        found = cursor.execute(
            "WITH billed AS (SELECT unnest(?::VARCHAR[]) AS account, unnest(?::BIGINT[]) AS subscription, "
            "unnest(?::VARCHAR[]) AS period_start, unnest(?::BIGINT[]) AS starts, unnest(?::BIGINT[]) AS ends) "
            "SELECT account, subscription, min(period_start) FROM billed JOIN read_parquet(?) AS filed "
            "USING (account) WHERE starts <= time AND time < ends GROUP BY account, subscription",
            [*map(list, zip(*billed, strict=True)), part.pattern],
        ).fetchall()
    for account, subscription, start in found:
        yield (account, subscription), start


def _billed_since(reader: Reader, key: tuple[str, int], start: str, place: int) -> list[_Billed]:
    account, subscription = key
    return [
        _Billed(
            cast(int, invoice),
            account,
            subscription,
            cast(str, plan),
            cast(str, digest),
            DateRange(date.fromisoformat(cast(str, first)), date.fromisoformat(cast(str, end))),
            cast(int, run),
        )
        for invoice, plan, digest, first, end, run in reader.rows(
            "SELECT id, plan, hash, period_start, period_end, run FROM invoices WHERE subscription = ? "
            "AND period_start >= ? AND kind IN ('invoice', 'nothing') AND id <= ? ORDER BY period_start",
            (subscription, start, place),
        )
    ]


def _adjusted(reader: Reader, account: str, billed: Sequence[_Billed], place: int) -> list[Adjusted | Diagnostic]:
    lines: list[DraftLine] = []
    found: list[Adjusted | Diagnostic] = []
    for period in billed:
        published = ruleset_by_hash(reader, period.hash)
        again = rated_again(reader, published, period.account, period.subscription, period.period, period.run, place)
        if isinstance(again, Diagnostic):
            found.append(again)
            continue
        now = _by_key(
            (line.name, line.kind, line.dimensions, line.amount, line.quantity, line)
            for line in lines_of_statement(published.program, again)
        )
        lines.extend(_differences(_lines_billed(reader, period, place), now, period))
    if lines:
        latest = billed[-1]
        found.append(Adjusted(account, latest.subscription, latest.plan, tuple(lines)))
    return found


def rated_again(
    reader: Reader, published: Published, account: str, subscription: int, period: DateRange, facts: int, usage: int
) -> Rated | Diagnostic:
    """A billed period rated with what was known of the account at one place and its usage at another, without cards."""
    program = published.program
    (known,) = facts_of_accounts(reader, program, published.name, facts, accounts={account})
    known.cards.clear()
    row = next(item for item in known.subscriptions if item.number == subscription)
    own = DueAccount(known, (Due(row, period, covered_of(row, period)),), {})
    until = latest_end(program, [own])
    events = usage_of_account(reader, program.schema, account, through=usage, until=until)
    return next(rate_account(program, own, events))


@dataclass(slots=True)
class _Sum:
    """What lines that are one in name and kind come to together; `like` is one of them, None where none is billed."""

    amount: int = 0
    quantity: Fraction | None = None
    like: DraftLine | None = None


_Key = tuple[str, str, str]


def _by_key(lines: Iterator[tuple[str, str, str, int, str, DraftLine]]) -> dict[_Key, _Sum]:
    found: dict[_Key, _Sum] = {}
    for name, kind, dimensions, amount, quantity, line in lines:
        if kind == LineKind.PREPAID.value:
            continue
        own = found.setdefault((name, kind, dimensions), _Sum())
        own.amount += amount
        own.like = line
        if quantity:
            own.quantity = (own.quantity or Fraction(0)) + Fraction(quantity)
    return found


def _lines_billed(reader: Reader, period: _Billed, place: int) -> dict[_Key, _Sum]:
    """What was billed of a period: its bill's lines, and adjustments of them that later documents hold."""
    rows = reader.rows(
        "SELECT name, invoice_lines.kind, label, dimensions, quantity, unit, amount, place, adjusts FROM invoice_lines "
        "JOIN invoices ON invoices.id = invoice_lines.invoice WHERE invoices.id <= ? AND subscription = ? "
        "AND ((invoice = ? AND origin_start = '') OR (origin_start = ? AND invoices.kind <> 'credit note'))",
        (place, period.subscription, period.invoice, period.period.start.isoformat()),
    )

    def lines() -> Iterator[tuple[str, str, str, int, str, DraftLine]]:
        for name, kind, label, dimensions, quantity, unit, amount, rule, adjusts in cast("list[tuple[str, ...]]", rows):
            line = DraftLine(name, kind, label, dimensions, quantity, unit, int(amount), rule, adjusts=adjusts)
            yield name, line.posted_as, dimensions, line.amount, quantity, line

    return _by_key(lines())


def _differences(before: Mapping[_Key, _Sum], now: Mapping[_Key, _Sum], period: _Billed) -> Iterator[DraftLine]:
    origin = (period.period.start.isoformat(), period.period.end.isoformat())
    for key in [*now, *(key for key in before if key not in now)]:
        old, new = before.get(key, _Sum()), now.get(key, _Sum())
        more = new.amount - old.amount
        if not more:
            continue
        name, kind, dimensions = key
        like = new.like or old.like
        assert like is not None, "a key has a line"
        quantity = (new.quantity or Fraction(0)) - (old.quantity or Fraction(0))
        shown = like.kind if kind == LineKind.INCLUDED_TAX.value else ADJUSTMENT
        yield DraftLine(
            name,
            shown,
            like.label,
            dimensions,
            exact_text(quantity) if quantity else "",
            like.unit if quantity else "",
            more,
            like.place,
            origin,
            kind,
        )
