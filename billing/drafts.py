"""What is about to be issued: a document's lines in whole minor units, worked out before anything is written.

A ruleset's money unit may be finer than the currency's minor unit. Each line is then rounded to it by the ruleset's
mode, and so is the total, once; what is between them is a line of rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

from ..engine.plan import Program
from ..engine.statement import Line, LineKind
from ..intake.statement_json import exact_text, statement_json
from ..ledger.requests import AccountId
from .acting import canonical, microseconds
from .rating import Rated, in_minor_units

ADJUSTMENT = "adjustment"
NOT_ADDED = frozenset({LineKind.PREPAID.value, LineKind.INCLUDED_TAX.value})
"""The kinds of lines that are no part of a total."""


@dataclass(frozen=True, slots=True)
class DraftLine:
    """A line of a document, in minor units. An adjustment is about `origin` and corrects a line of the kind `adjusts`.

    `card` is the account of the card that pays a prepaid line.
    """

    name: str
    kind: str
    label: str
    dimensions: str
    quantity: str
    unit: str
    amount: int
    place: str
    origin: tuple[str, str] = ("", "")
    adjusts: str = ""
    card: AccountId | None = None
    serial: str = ""

    @property
    def is_added(self) -> bool:
        """Whether the line is part of the total."""
        return self.kind not in NOT_ADDED

    @property
    def posted_as(self) -> str:
        """The kind by which the ledger knows it."""
        return self.adjusts or self.kind


@dataclass(frozen=True, slots=True)
class Draft:
    """A document before it has a number. `is_of_period` says whether it bills one, or only adjusts earlier ones."""

    account: str
    subscription: int
    plan: str
    ruleset: str
    hash: str
    period_start: str
    period_end: str
    starts: int
    ends: int
    currency: str
    lines: tuple[DraftLine, ...]
    statement: str
    is_of_period: bool = True

    @property
    def total(self) -> int:
        """What the document comes to."""
        return sum(line.amount for line in self.lines if line.is_added)

    @property
    def has_amounts(self) -> bool:
        """Whether anything is billed at all, were it only what adds up to zero."""
        return any(line.amount for line in self.lines)


def draft_of(program: Program, rated: Rated, adjustments: Sequence[DraftLine] = ()) -> Draft:
    """The document of a rated period, with adjustments of earlier ones."""
    statement, due = rated.statement, rated.due
    covered = due.instants(ZoneInfo(program.zone))
    return Draft(
        account=statement.account,
        subscription=due.subscription.number,
        plan=statement.plan,
        ruleset=program.name,
        hash=program.hash,
        period_start=due.period.start.isoformat(),
        period_end=due.period.end.isoformat(),
        starts=microseconds(covered.start),
        ends=microseconds(covered.end),
        currency=statement.money.currency.code,
        lines=(*lines_of_statement(program, rated), *adjustments),
        statement=statement_json(statement),
    )


def draft_of_adjustments(
    program: Program, account: str, subscription: int, plan: str, day: date, lines: Sequence[DraftLine]
) -> Draft:
    """A document that only adjusts earlier periods, for a subscription without a bill in this run."""
    starts = min(line.origin[0] for line in lines)
    ends = max(line.origin[1] for line in lines)
    currency = program.money.currency.code
    body = canonical({"schema": "ratebook.adjustment/1", "account": account, "plan": plan, "day": day.isoformat()})
    return Draft(
        account, subscription, plan, program.name, program.hash, starts, ends, 0, 0, currency, tuple(lines), body, False
    )


def lines_of_statement(program: Program, rated: Rated) -> tuple[DraftLine, ...]:
    """The lines of a statement in minor units, which add up to its total in minor units."""
    statement = rated.statement
    found = []
    for index, line in enumerate(statement.lines):
        card = rated.cards.get(index)
        found.append(
            _line(
                program,
                line,
                card=None if card is None else card.account,
                serial="" if card is None else card.serial,
            )
        )
    total = in_minor_units(program, statement.total)
    off = total - sum(line.amount for line in found if line.is_added)
    if off:
        kind = LineKind.ROUNDING.value
        found.append(DraftLine("rounding", kind, "Rounding to the smallest coin", "", "", "", off, ""))
    return tuple(found)


def _line(program: Program, line: Line, *, card: AccountId | None, serial: str) -> DraftLine:
    days = None if line.days is None else (line.days.start.isoformat(), line.days.end.isoformat())
    named = dict(line.by) if days is None else {**dict(line.by), "": f"{days[0]}..{days[1]}"}
    return DraftLine(
        name=line.id,
        kind=line.kind.value,
        label=line.labels.default,
        dimensions=canonical(named) if named else "",
        quantity="" if line.quantity is None else exact_text(line.quantity),
        unit=line.unit,
        amount=in_minor_units(program, line.amount),
        place=str(line.place),
        card=card,
        serial=serial,
    )
