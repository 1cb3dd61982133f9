"""What became of a claim: proved, refuted with a witness that was rated, or not decided, and why."""

from __future__ import annotations

import enum
from fractions import Fraction

from ....diagnostics import Span
from ....records import Record


class Verdict(enum.Enum):
    """The three outcomes."""

    PROVED = "proved"
    REFUTED = "refuted"
    NOT_DECIDED = "not decided"


class Bill(Record):
    """What some usage costs on a plan, as `rate` says; `amount` is in money."""

    plan: str
    usage: str
    amount: Fraction


class Witness(Record):
    """Facts that refute a claim: the bill as it is, and the one that it is held against."""

    facts: str
    bill: Bill
    against: Bill
    text: str
    turned: tuple[str, ...] = ()
    """For two bills of one plan: the lines that stand on one of them only."""
    until: str | None = None
    """Up to which usage it stays so: the second bill below the first, or the first plan dearer than the second."""
    since: str | None = None
    """For two plans: from which usage on the first is dearer."""


class Outcome(Record):
    """A verdict, with a few words on what it rests on or why there is none.

    `slack` is by how much money rounding alone may break what was proved.
    """

    verdict: Verdict
    text: str
    span: Span | None = None
    reason: str = ""
    slack: Fraction = Fraction(0)
    witness: Witness | None = None
