"""The view of an invoice: finished strings in the order of the page. Templates format it and compute nothing.

Everything here is compared by identity and holds only text, booleans and tuples of the like: a template can neither
reckon with it nor change it.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from enum import Enum

from .breakdown import Row
from .language import Language
from .words import Words


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceOptions:
    """What a document is besides its statement. Without a `number` it is a draft."""

    language: Language
    number: str | None = None
    date: datetime.date | None = None
    due_date: datetime.date | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Fact:
    """A name and its value: `Period | Mar 1 – 31, 2026`."""

    label: str
    value: str


@dataclass(frozen=True, slots=True, eq=False)
class PartyView:
    """Whom the document is from or to; `heading` is `From` or `Bill to`."""

    heading: str
    name: str
    address: tuple[str, ...]
    facts: tuple[Fact, ...]


@dataclass(frozen=True, slots=True, eq=False)
class RuleView:
    """The ruleset's own words and where they stand."""

    place: str
    text: str


@dataclass(frozen=True, slots=True, eq=False)
class Why:
    """How an amount came about. `rounding` is empty where rounding changed nothing."""

    quantities: tuple[Row, ...]
    rows: tuple[Row, ...]
    rounding: str
    shares: tuple[Fact, ...]
    rule: RuleView
    because: str
    source: str
    met: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class LineView:
    """A line of the statement. `quantity` and `rate` are empty where `bands` say more."""

    id: str
    kind: str
    label: str
    by: str
    quantity: str
    rate: str
    amount: str
    bands: tuple[Row, ...]
    note: str
    why: Why


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """A charge or fee with its rows, and the policies that are about it alone.

    `amount` is the sum of the rows where there are several. `is_single` says that the one row is the group itself.
    """

    id: str
    label: str
    is_single: bool
    amount: str
    lines: tuple[LineView, ...]
    policies: tuple[LineView, ...]


class TotalKind(Enum):
    """What a row of the totals is."""

    SUBTOTAL = "subtotal"
    TAX = "tax"
    ROUNDING = "rounding"
    TOTAL = "total"
    INCLUDED_TAX = "included"
    PREPAID = "prepaid"
    DUE = "due"


@dataclass(frozen=True, slots=True, eq=False)
class TotalView:
    """A row under the lines; `line` is the line of the statement that it shows, if it is one."""

    kind: str
    label: str
    amount: str
    note: str
    line: LineView | None


@dataclass(frozen=True, slots=True, eq=False)
class InvoiceView:
    """A whole document."""

    language: str
    direction: str
    words: Words
    title: str
    heading: str
    is_draft: bool
    number: str
    date: str
    period: str
    account: str
    plan: str
    logo: str
    seller: PartyView | None
    buyer: PartyView | None
    facts: tuple[Fact, ...]
    currency: str
    groups: tuple[Group, ...]
    adjustments: tuple[LineView, ...]
    totals: tuple[TotalView, ...]
    total: str
    due: str
    payment: tuple[Fact, ...]
    bank: tuple[str, ...]
    note: str
    ruleset: str
    ruleset_hash: str
    calculated_from: str

    @property
    def explained(self) -> tuple[LineView, ...]:
        """All lines in the order of the page, for a document that puts the workings at its end."""
        lines = [line for group in self.groups for line in (*group.lines, *group.policies)]
        lines.extend(self.adjustments)
        lines.extend(total.line for total in self.totals if total.line is not None)
        return tuple(lines)
