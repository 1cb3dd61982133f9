"""What a comparison of two rulesets says: changes, what they do to the same usage, examples, findings."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from ....diagnostics import Diagnostic, Span
from ....money import MoneyUnit
from ....records import Record


class Kind(enum.Enum):
    """What happened to a thing."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


class Change(Record):
    """One thing that changed.

    `what` is a word of the language or of this page (`price`, `fee`, `dates`), `name` what it is called. `plan` is the
    heading of the plan's version, empty for what belongs to the whole ruleset. `where` names the rows of a table
    (`row_count` of them), `usage` the quantities that are concerned. `difference` is money with its sign and what it
    is for, `share` the new price over the old less one. `also` names the contracts that took the change over.
    """

    kind: Kind
    what: str
    name: str
    plan: str = ""
    where: str = ""
    row_count: int = 0
    usage: str = ""
    old: str = ""
    new: str = ""
    difference: str = ""
    share: Fraction | None = None
    old_span: Span | None = None
    new_span: Span | None = None
    also: tuple[str, ...] = ()
    note: str = ""


class Verdict(enum.Enum):
    """What the same usage costs now."""

    DEARER = "dearer"
    CHEAPER = "cheaper"
    SAME = "same"
    REFUSED = "refused"
    PRICED = "priced"


class UsageRange(Record):
    """A range of usage in which the same usage costs more, less, or the same; None is without end.

    Differences are the new amount less the old, exact and before rounding: `at_low` and `at_high` at the ends (the
    limit where the end does not belong to the range), `slope` for each further unit past the last turning point.
    `most` is the largest difference by size, at `most_at`; `most_old` and `most_new` are the amounts there. It is
    reached only just inside the range where `most_included` is false, and grows on where `slope` is not zero.
    """

    low: Fraction
    low_included: bool
    high: Fraction | None
    high_included: bool
    verdict: Verdict
    at_low: Fraction = Fraction(0)
    at_high: Fraction | None = None
    slope: Fraction = Fraction(0)
    most: Fraction = Fraction(0)
    most_at: Fraction = Fraction(0)
    most_included: bool = True
    most_old: Fraction = Fraction(0)
    most_new: Fraction = Fraction(0)


class Effect(Record):
    """What the changes do to the same usage of one charge, or to the whole bill where only one meter is used.

    `of` says what is counted ("egress", "each call"), `unit` in what; it is empty for numbers, and `is_money` where
    the quantity is money. `fields` are values of one row that the effect holds for. `notes` say what is left out.
    """

    plan: str
    name: str
    of: str
    unit: str
    ranges: tuple[UsageRange, ...]
    is_money: bool = False
    whole_bill: bool = False
    where: str = ""
    row_count: int = 0
    fields: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    also: tuple[str, ...] = ()


class ExampleChange(Record):
    """An example of the earlier version: what its line cost then and costs now; None where it cannot be rated."""

    title: str
    plan: str
    line: str
    old: Fraction | None
    new: Fraction | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Comparison:
    """All that is different between two rulesets."""

    changes: tuple[Change, ...]
    effects: tuple[Effect, ...]
    examples: tuple[ExampleChange, ...]
    findings: tuple[Diagnostic, ...]
    notes: tuple[str, ...]
    money: MoneyUnit | None = None

    @property
    def is_empty(self) -> bool:
        return not (self.changes or self.examples or self.findings)

    def headings(self) -> Iterator[str]:
        """The plans that something is said of, in the order of what is said; the ruleset itself (empty) last."""
        found = dict.fromkeys([*(item.plan for item in self.changes), *(item.plan for item in self.effects)])
        yield from (plan for plan in found if plan)
        if "" in found:
            yield ""
