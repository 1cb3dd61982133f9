"""From what is stored to statements: the due billing periods of all accounts, rated under one published ruleset.

Few accounts are rated one by one. Many go through the columnar evaluator, from files that hold what is stored; accounts
whose bill depends on something that only one account knows, as cards and attributes that change between two periods,
are rated one by one beside it. Both ways give the same statements.
"""

from __future__ import annotations

import csv
import heapq
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from zoneinfo import ZoneInfo

from ..diagnostics import Diagnostic
from ..engine.evaluators.rate import rate
from ..engine.period import DateRange
from ..engine.plan import Aggregation, Program
from ..engine.statement import LineKind, Statement
from ..engine.usage import AccountUsage
from ..ledger.requests import AccountId
from ..ledger.store import Store
from ..money import MoneyUnit, Rounding
from .account_facts import AccountFacts, Due, HeldCard, Place, row_of, subscription_of
from .usage_facts import usage_of_account
from .usage_tables import accounts_without_decimals, write_usage

ONE_BY_ONE_MAX = 500
"""Up to so many accounts are rated one by one: it is faster than to start the columnar evaluator."""


@dataclass(frozen=True, slots=True)
class Rated:
    """A due period with its statement. `cards` says which card pays a prepaid line, by the line's place."""

    due: Due
    statement: Statement
    cards: Mapping[int, HeldCard]


@dataclass(frozen=True, slots=True)
class DueAccount:
    """An account with its due periods, in order.

    `live` is what was taken from its cards as it happened, in these periods: by subscription, first day, and account of
    the card. `is_whole` says that every period of the account that begins in the range of the run is due.
    """

    facts: AccountFacts
    due: tuple[Due, ...]
    live: Mapping[tuple[int, str, int], int]
    is_whole: bool = True

    @property
    def is_alone(self) -> bool:
        """Whether it can only be rated by itself: what it has depends on the period, or its bills use it up."""
        facts, due = self.facts, self.due
        if (
            facts.cards
            or facts.overdue
            or not self.is_whole
            or len({item.subscription.number for item in due}) < len(due)
        ):
            return True
        return not facts.is_steady_in(
            DateRange(min(item.covered.start for item in due), max(item.covered.end for item in due))
        )


@contextmanager
def rated(
    store: Store, program: Program, accounts: Sequence[DueAccount], within: DateRange, place: Place
) -> Iterator[Iterator[Rated | Diagnostic]]:
    """The statements of due periods by account and first day, or why there is none; read them inside the context."""
    if len(accounts) <= ONE_BY_ONE_MAX:
        yield one_by_one(store, program, accounts, place)
        return
    odd = store.read(lambda reader: accounts_without_decimals(reader, through=place.usage))
    alone = [account for account in accounts if account.is_alone or account.facts.account in odd]
    rest = [account for account in accounts if not account.is_alone and account.facts.account not in odd]
    if not rest:
        yield one_by_one(store, program, alone, place)
        return
    with TemporaryDirectory(prefix="ratebook-") as folder:
        table = Path(folder) / "accounts.csv"
        write_accounts_file(program, rest, table)
        names, span = {account.facts.account for account in rest}, span_of(program, rest)
        usage = store.read(
            lambda reader: write_usage(
                reader, program.schema, Path(folder), accounts=names, table=table, through=place.usage, span=span
            )
        )
        with by_columns(program, rest, within, usage, table) as found:
            yield heapq.merge(found, one_by_one(store, program, alone, place), key=account_of)


def account_of(item: Rated | Diagnostic) -> str:
    """The account that a result is about."""
    return item.statement.account if isinstance(item, Rated) else item.place.removeprefix("account ")


def latest_end(program: Program, accounts: Sequence[DueAccount]) -> datetime:
    """When the last due period ends."""
    zone = ZoneInfo(program.zone)
    return max(due.instants(zone).end for account in accounts for due in account.due)


def span_of(program: Program, accounts: Sequence[DueAccount]) -> tuple[datetime | None, datetime]:
    """From when (None for all that came before) to when usage is needed."""
    zone = ZoneInfo(program.zone)
    until = latest_end(program, accounts)
    if asks_for_earlier_usage(program):
        return None, until
    return min(due.instants(zone).start for account in accounts for due in account.due), until


def asks_for_earlier_usage(program: Program) -> bool:
    """Whether anything in a ruleset may look back before a period: levels that last, included units and ladders that
    run over several bills."""
    plans = [plan for versions in program.plans.values() for plan in versions]
    looking_back = (Aggregation.LATEST, Aggregation.TIME_WEIGHTED_AVERAGE, Aggregation.TIME_INTEGRAL)
    return (
        any(meter.level is not None or meter.aggregation in looking_back for meter in program.meters.values())
        or any(include.every is not None for plan in plans for include in plan.includes)
        or any(charge.counted is not None for plan in plans for charge in plan.charges)
    )


def one_by_one(
    store: Store, program: Program, accounts: Sequence[DueAccount], place: Place
) -> Iterator[Rated | Diagnostic]:
    """Statements by the scalar evaluator, with derivations; cards are carried from one period to the next."""
    for account in accounts:
        until = latest_end(program, [account])
        usage = store.read(
            lambda reader, account=account, until=until: usage_of_account(  # type: ignore[misc]
                reader, program.schema, account.facts.account, through=place.usage, until=until
            )
        )
        yield from rate_account(program, account, usage)


def rate_account(program: Program, account: DueAccount, usage: AccountUsage) -> Iterator[Rated | Diagnostic]:
    """The statements of one account's due periods. What one takes from a card is gone for the next."""
    left = {card.account: card.left for card in account.facts.cards}
    for due in account.due:
        held = _cards_for(program, account, due, left)
        subscription = subscription_of(program, account.facts, due, held)
        result = (
            subscription if isinstance(subscription, Diagnostic) else rate(program, subscription, usage, due.period)
        )
        if isinstance(result, Diagnostic):
            yield replace(result, place=f"account {account.facts.account}")
            continue
        paid = {
            index: held[line.card]
            for index, line in enumerate(result.lines)
            if line.kind is LineKind.PREPAID and line.card is not None
        }
        for index, card in paid.items():
            taken = -in_minor_units(program, result.lines[index].amount)
            live = account.live.get((due.subscription.number, due.period.start.isoformat(), card.account), 0)
            left[card.account] -= max(taken - live, 0)
        yield Rated(due, result, paid)


def _cards_for(program: Program, account: DueAccount, due: Due, left: Mapping[AccountId, int]) -> list[HeldCard]:
    """The cards as the period found them: what was taken from them as it happened is its own to distribute."""
    found = []
    for card in account.facts.cards:
        live = account.live.get((due.subscription.number, due.period.start.isoformat(), card.account), 0)
        now = left[card.account] + live
        if now > 0 and card.card in program.cards:
            found.append(replace(card, left=now))
    return found


def in_minor_units(program: Program, amount: int) -> int:
    """An amount of a statement in the currency's minor units; where the ruleset's unit is finer it is rounded."""
    money = program.money
    minor = MoneyUnit.minor(money.currency)
    if money.size == minor.size:
        return amount
    return minor.round(money.fraction(amount), rounding_of(program))


def rounding_of(program: Program) -> Rounding:
    """The mode in which totals are rounded."""
    return program.line_rounding if program.total_rounding is None else program.total_rounding.mode


def write_accounts_file(program: Program, accounts: Sequence[DueAccount], path: Path) -> None:
    """Write due subscriptions as the columnar evaluator reads them."""
    columns = ["account", "plan", "start", "end", *program.schema.attributes]
    with path.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(columns)
        for account in accounts:
            for due in account.due:
                row = row_of(program, account.facts, due)
                writer.writerow([_cell(row.get(column)) for column in columns])


def _cell(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case _:
            return str(value)


@contextmanager
def by_columns(
    program: Program, accounts: Sequence[DueAccount], within: DateRange, usage: Sequence[Path], table: Path
) -> Iterator[Iterator[Rated | Diagnostic]]:
    """Statements by the columnar evaluator, without derivations."""
    from ..intake.columnar.run import rate_columnar

    due = [item for account in accounts for item in account.due]
    with rate_columnar(program, list(usage), table, within, unique_ids=True) as run:
        assert run.is_sound, [str(item) for item in (*run.findings, *run.rejects)][:5]
        refused = {item.place.removeprefix("account "): item for item in run.refusals}
        yield _matched(due, run.statements(), refused)


def _matched(
    due: Sequence[Due], statements: Iterator[Statement], refused: Mapping[str, Diagnostic]
) -> Iterator[Rated | Diagnostic]:
    """Statements with the periods that they are of: both come by account and first day."""
    after = next(statements, None)
    for item in due:
        row = item.subscription
        named = (row.account, row.plan, item.period.start)
        if after is not None and named == (after.account, after.plan, after.start.date()):
            yield Rated(item, after, {})
            after = next(statements, None)
        else:
            yield refused[row.account]
    assert after is None, "every statement is of a due period"
