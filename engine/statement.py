"""The result of rating: a statement of one subscription and one billing period, with a derivation behind every line."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from zoneinfo import ZoneInfo

from ..money import MoneyUnit
from ..records import Record
from .derivation import Place, Step
from .period import DateRange, Period


class LineKind(enum.Enum):
    """What a line is, in the words of `interfaces`; `INCLUDED_TAX` prints as `tax` and is not added."""

    CHARGE = "charge"
    FEE = "fee"
    DISCOUNT = "discount"
    OFFER = "offer"
    PENALTY = "penalty"
    MINIMUM = "minimum"
    CAP = "cap"
    TAX = "tax"
    INCLUDED_TAX = "included tax"
    ROUNDING = "rounding"
    PREPAID = "prepaid"


class Labels(Record):
    """What a thing is called: by default, and per language code."""

    default: str
    by_language: Mapping[str, str] = field(default_factory=dict)

    def in_language(self, language: str | None) -> str:
        """The label in a language (`zh_Hant` falls back to `zh`), or the default one."""
        if language is None:
            return self.default
        return self.by_language.get(language) or self.by_language.get(language.split("_")[0], self.default)


NO_LABELS = Labels("")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a statement. `amount` counts the statement's money unit; `derivation.value` is the same in money.

    `quantity` is in `unit`; `by` holds the values of a row of a `by` charge; `on` the lines that a policy, bound or tax
    is about. `taken` says how a policy's amount fell on the lines, by their index in the statement.
    """

    id: str
    kind: LineKind
    labels: Labels
    amount: int
    derivation: Step
    place: Place
    quantity: Fraction | None = None
    unit: str = ""
    by: tuple[tuple[str, str], ...] = ()
    on: tuple[str, ...] = ()
    because: str = ""
    source: str = ""
    taken: tuple[tuple[int, int], ...] = ()
    card: int | None = None
    """For a prepaid line: which of the subscription's cards paid."""
    quantity_derivation: Step | None = None
    """How the metered quantity came about, where the line prices one."""
    met: tuple[str, ...] = ()
    """The conditions that the rule waited for and that held, with the values that they were held against."""
    days: DateRange | None = None
    """The days that the line is about, where prices change inside the period; None for all of them."""

    @property
    def row_name(self) -> str:
        """The line and what sets it apart from others of its charge, in a few words; derivations name it so."""
        days = [] if self.days is None else [f"from {self.days.start}"]
        return " ".join([self.id, *(text for _, text in self.by), *days])

    @property
    def is_added(self) -> bool:
        """Whether the line is part of the total."""
        return self.kind not in (LineKind.PREPAID, LineKind.INCLUDED_TAX)


class NotApplied(Record):
    """A policy, bound or tax that the plan has and that did nothing here, and why, in business words."""

    id: str
    kind: LineKind
    labels: Labels
    reason: str
    place: Place


class TurningPoint(Record):
    """A quantity at which the price changes its manner: "above 655.56 GB the minimum no longer adds anything"."""

    meter: str
    quantity: Fraction
    unit: str
    text: str


@dataclass(frozen=True, slots=True)
class Statement:
    """What one subscription owes for one billing period; recomputable, not yet an invoice.

    `start` and `end` are the period's instants in the ruleset's zone, half-open.
    """

    ruleset: str
    ruleset_hash: str
    account: str
    plan: str
    plan_labels: Labels
    start: datetime
    end: datetime
    money: MoneyUnit
    lines: tuple[Line, ...]
    not_applied: tuple[NotApplied, ...]
    total: int
    due: int
    ruleset_labels: Labels = NO_LABELS
    covered: Period | None = None
    """The part of the period that the subscription covers: usage in it is on this statement."""
    part_of: tuple[datetime, datetime] | None = None
    """The billing period of which this statement bills a part, from its start to its end; None for a whole one."""

    def period_of(self, line: Line) -> tuple[datetime, datetime]:
        """What a line is about, half-open, in the ruleset's zone: the days of its prices, or all that is billed."""
        zone = self.start.tzinfo
        if line.days is None or not isinstance(zone, ZoneInfo):
            return self.start, self.end
        own = line.days.period(zone)
        # A bill for a part shows what lies in it, or where a correction of earlier days belongs.
        shown = own.overlap(Period(self.start, self.end)) or own
        return shown.start.astimezone(zone), shown.end.astimezone(zone)
