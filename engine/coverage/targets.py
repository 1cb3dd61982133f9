"""The things that examples can exercise, one form each: a closed set, matched exhaustively by whoever handles them."""

from __future__ import annotations

import enum
from typing import TypeAlias

from ...records import Record

ANY_ROW = -1
"""The row of items that are about a long table."""


class Side(enum.Enum):
    """Where a quantity lies at a bound: within one smallest unit of it."""

    BELOW = "below"
    AT = "at"
    ABOVE = "above"


class Acts(enum.Enum):
    """Whether a floor, ceiling or limit changes the amount."""

    BINDS = "binds"
    RESTS = "rests"


class BoundOf(enum.Enum):
    """What a charge's floor or ceiling is about."""

    ROW_MINIMUM = "row minimum"
    ROW_CAP = "row cap"
    MINIMUM = "minimum"
    CAP = "cap"
    PERIOD_MINIMUM = "minimum per period"
    PERIOD_CAP = "cap per period"

    @property
    def is_floor(self) -> bool:
        return self in (BoundOf.ROW_MINIMUM, BoundOf.MINIMUM, BoundOf.PERIOD_MINIMUM)


class Used(enum.Enum):
    """How much of what is included was used."""

    NONE = "none"
    PARTLY = "partly"
    UP = "up"


class RuleKind(enum.Enum):
    """The rules that conditions and dates belong to."""

    CHARGE = "charge"
    FEE = "fee"
    POLICY = "policy"
    TAX = "tax"


class FeeCase(enum.Enum):
    """What may become of a fee on a statement."""

    WHOLE = "whole"
    PART = "part"
    NOT_DUE = "not due"
    TRIAL = "trial"


class CardCase(enum.Enum):
    """What may become of a prepaid card on a statement."""

    PAYS_ALL = "pays all"
    RUNS_OUT = "runs out"
    EXPIRED = "expired"


# What can be exercised. Charges, fees and policies are named, the rest is counted from 0.


class VersionUsed(Record):
    """The version of the plan, or the contract, is rated at all."""


class RowPriced(Record):
    """A row prices a quantity."""

    charge: str
    row: int


class BandEntered(Record):
    """A band prices a part of a quantity."""

    charge: str
    row: int
    band: int


class BoundMet(Record):
    """The end of a band is met from one side."""

    charge: str
    row: int
    band: int
    side: Side


class OnceCharged(Record):
    """`plus $3 once` is charged."""

    charge: str
    row: int
    band: int


class OnceSpared(Record):
    """`once if used` is not charged, for there is no usage."""

    charge: str
    row: int
    band: int


class UsageRefused(Record):
    """A band that is `refused` refuses."""

    charge: str
    row: int
    band: int


class StepMet(Record):
    """`per started 60 s`: the last step is used whole, or only begun."""

    charge: str
    row: int
    band: int
    whole: bool


class OwnBoundMet(Record):
    """A floor or ceiling of a charge or of a row."""

    charge: str
    row: int
    of: BoundOf
    acts: Acts


class PlanBoundMet(Record):
    """A floor or ceiling of the plan, by its number."""

    index: int
    acts: Acts


class IncludeMet(Record):
    """What the plan includes, by its number."""

    index: int
    used: Used


class FreeMet(Record):
    """What an `each` charge frees: an event inside it, or one beyond."""

    charge: str
    beyond: bool


class RuleApplies(Record):
    """A rule that may also not apply has an effect."""

    kind: RuleKind
    name: str


class ConditionFails(Record):
    """The condition of that number is the one that keeps a rule from applying."""

    kind: RuleKind
    name: str
    index: int


class OutsideDates(Record):
    """A rule with dates, in a period outside of them."""

    kind: RuleKind
    name: str


class NothingToDo(Record):
    """A policy that is reckoned past a mark, where nothing is past it."""

    policy: str


class LimitMet(Record):
    """`at most $20`."""

    policy: str
    acts: Acts


class DuringMet(Record):
    """Usage inside the window of `during`, or outside of it."""

    policy: str
    inside: bool


class Overlap(Record):
    """Two policies of one kind that hold together."""

    first: str
    second: str


class FeeMet(Record):
    """What becomes of a fee."""

    fee: str
    case: FeeCase


class CardMet(Record):
    """What becomes of a prepaid card."""

    card: str
    case: CardCase


class HalfRounded(Record):
    """An amount lies exactly between two money units, where the way of rounding decides."""


OfCharge: TypeAlias = (
    RowPriced | BandEntered | BoundMet | OnceCharged | OnceSpared | UsageRefused | StepMet | OwnBoundMet | FreeMet
)
Target: TypeAlias = (
    VersionUsed
    | OfCharge
    | PlanBoundMet
    | IncludeMet
    | RuleApplies
    | ConditionFails
    | OutsideDates
    | NothingToDo
    | LimitMet
    | DuringMet
    | Overlap
    | FeeMet
    | CardMet
    | HalfRounded
)
