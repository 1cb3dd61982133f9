"""What the examples of a ruleset can exercise, read from its plans: each a small value, and where its rule stands.

An operation of the plan that is added later has to say here what of it can be exercised: every `match` is exhaustive.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from itertools import combinations
from typing import TypeAlias, assert_never

from ...money import MoneyUnit
from ...records import Record
from ..compiler.satisfy import witness
from ..condition import And, Condition
from ..derivation import Place
from ..period import Every
from ..plan import (
    AddMoney,
    AddPercent,
    AddPerUnit,
    Bound,
    Charge,
    Fee,
    MoneyOff,
    OfAmount,
    OfAttribute,
    OfEach,
    OfMeter,
    PercentOff,
    Plan,
    Policy,
    PolicyKind,
    Program,
    Proration,
    Tax,
    UnitsFree,
)
from ..schedule import Band, Mode
from ..usage import FieldKind
from .half import half_quantity

ROWS_LISTED_MAX = 40
"""A table with more rows is covered as a whole: what one row shows of a band or bound, it shows for all."""
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


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to exercise: in which version of which plan (none for cards), of which rule, and where that stands."""

    plan: str
    since: date | None
    rule: str
    target: Target
    place: Place


Key: TypeAlias = tuple[str, date | None, Target]
"""What an item is about, without its words and place."""


def key_of(item: Item) -> Key:
    """The key of an item."""
    return item.plan, item.since, item.target


def items_of(program: Program) -> tuple[Item, ...]:
    """Everything that examples of a ruleset can exercise, in the order of its plans and their rules."""
    found: list[Item] = []
    for versions in program.plans.values():
        for plan in versions:
            found.extend(
                Item(plan.name, plan.start, rule, target, place) for rule, target, place in _of_plan(program, plan)
            )
    for card in program.cards.values():
        cases = [CardCase.PAYS_ALL, CardCase.RUNS_OUT]
        if card.valid_months is not None or card.valid_days is not None:
            cases.append(CardCase.EXPIRED)
        found.extend(Item("", None, card.name, CardMet(card.name, case), card.place) for case in cases)
    return tuple(found)


_Found: TypeAlias = tuple[str, Target, Place]


def _of_plan(program: Program, plan: Plan) -> Iterator[_Found]:
    yield "", VersionUsed(), plan.place
    for charge in plan.charges:
        for target, place in _of_charge(charge):
            yield charge.name, target, place
        yield from _of_conditions(RuleKind.CHARGE, charge, place=charge.place)
    for fee in plan.fees:
        yield from ((fee.name, FeeMet(fee.name, case), fee.place) for case in _cases_of(plan, fee))
        yield from _of_conditions(RuleKind.FEE, fee, place=fee.place)
    for index, include in enumerate(plan.includes):
        yield from ((f"include {include.meter}", IncludeMet(index, used), include.place) for used in Used)
    for policy in plan.policies:
        yield policy.name, RuleApplies(RuleKind.POLICY, policy.name), policy.place
        yield from _of_conditions(RuleKind.POLICY, policy, place=policy.place)
        yield from _of_effect(policy)
    yield from _of_overlaps(program, plan)
    for number, bound in enumerate(plan.bounds):
        yield from ((bound.kind.value, PlanBoundMet(number, acts), bound.bound.place) for acts in Acts)
    for tax in plan.taxes:
        yield tax.name, RuleApplies(RuleKind.TAX, tax.name), tax.place
        yield from _of_conditions(RuleKind.TAX, tax, place=tax.place)
    if _half_can_happen(program, plan):
        yield "rounding", HalfRounded(), plan.place


def _of_conditions(kind: RuleKind, rule: Charge | Fee | Policy | Tax, *, place: Place) -> Iterator[_Found]:
    if isinstance(rule, Charge) and rule.when:
        yield rule.name, RuleApplies(kind, rule.name), place
    for index in range(len(flat(rule.when))):
        yield rule.name, ConditionFails(kind, rule.name, index), place
    if isinstance(rule, Policy | Tax) and (rule.start is not None or rule.end is not None):
        yield rule.name, OutsideDates(kind, rule.name), place


def flat(conditions: tuple[Condition, ...]) -> tuple[Condition, ...]:
    """Conditions that all have to hold, looking into `and`, as it is looked for the one that fails."""
    return tuple(
        part
        for condition in conditions
        for part in (flat(condition.parts) if isinstance(condition, And) else (condition,))
    )


# Charges


def listed_row(charge: Charge, row: int) -> int:
    """The row that items speak of: itself, or any row of a long table."""
    return row if len(charge.rows) <= ROWS_LISTED_MAX else ANY_ROW


def _of_charge(charge: Charge) -> Iterator[tuple[Target, Place]]:
    long = len(charge.rows) > ROWS_LISTED_MAX
    seen: dict[Target, Place] = {}
    for number, row in enumerate(charge.rows):
        place = charge.place if long else row.place
        for target in _of_row(charge, number, listed_row(charge, number)):
            seen.setdefault(target, place)
    yield from seen.items()
    for of, bound in bounds_of(charge, None):
        yield from ((OwnBoundMet(charge.name, ANY_ROW, of, acts), bound.place) for acts in Acts)
    match charge.source:
        case OfEach() if charge.free_events or charge.free_quantity:
            yield FreeMet(charge.name, beyond=False), charge.place
            yield FreeMet(charge.name, beyond=True), charge.place
        case OfEach() | OfMeter() | OfAttribute() | OfAmount():
            pass
        case _:
            assert_never(charge.source)


def bounds_of(charge: Charge, row: int | None) -> Iterator[tuple[BoundOf, Bound]]:
    """The floors and ceilings of a row, or of the charge itself where no row is named."""
    named: tuple[tuple[BoundOf, Bound | None], ...]
    if row is not None:
        named = ((BoundOf.ROW_MINIMUM, charge.rows[row].minimum), (BoundOf.ROW_CAP, charge.rows[row].cap))
    else:
        named = (
            (BoundOf.MINIMUM, charge.minimum),
            (BoundOf.CAP, charge.cap),
            (BoundOf.PERIOD_MINIMUM, charge.period_minimum),
            (BoundOf.PERIOD_CAP, charge.period_cap),
        )
    yield from ((of, bound) for of, bound in named if bound is not None)


def _of_row(charge: Charge, number: int, row: int) -> Iterator[Target]:
    schedule = charge.rows[number].schedule
    if charge.columns:
        yield RowPriced(charge.name, row)
    for index, band in enumerate(schedule.bands):
        yield from _of_band(charge.name, row, index, band, schedule.mode)
        if band.upper is not None:
            yield from (BoundMet(charge.name, row, index, side) for side in Side)
    for of, _ in bounds_of(charge, number):
        yield from (OwnBoundMet(charge.name, row, of, acts) for acts in Acts)


def _of_band(charge: str, row: int, index: int, band: Band, mode: Mode) -> Iterator[Target]:
    if band.refused:
        yield UsageRefused(charge, row, index)
        return
    yield BandEntered(charge, row, index)
    if band.once and (mode is not Mode.STAIRSTEP or band.if_used):
        yield OnceCharged(charge, row, index)
    if band.once and band.if_used and index == 0:
        yield OnceSpared(charge, row, index)
    if band.step is not None and band.rate:
        yield StepMet(charge, row, index, whole=True)
        if band.step > 1:
            yield StepMet(charge, row, index, whole=False)


def smallest(program: Program, charge: Charge) -> Fraction:
    """The least step of a charge's quantity that a person would name: what "just above a bound" means.

    What its meter rounds to; a cent, say, where the quantity is money; otherwise one unit, or where bounds and steps
    are finer than units, what they are whole numbers of.
    """
    if is_money(program, charge):
        return MoneyUnit.minor(program.money.currency).size
    if isinstance(charge.source, OfMeter):
        rounding = program.meters[charge.source.meter].rounding
        if rounding is not None:
            return rounding.size
    return min((Fraction(1, row.schedule.quantity_scale) for row in charge.rows), default=Fraction(1))


def is_money(program: Program, charge: Charge) -> bool:
    """Whether a charge prices money."""
    match charge.source:
        case OfAmount():
            return True
        case OfMeter(meter):
            return any(base.startswith("money ") for base, _ in program.meters[meter].unit.dimension)
        case OfAttribute(attribute):
            return program.schema.attributes[attribute].kind is FieldKind.MONEY
        case OfEach(event, field):
            fields = program.schema.events[event].fields
            return any(item.name == field and item.kind is FieldKind.MONEY for item in fields)
        case _:
            assert_never(charge.source)


def _half_can_happen(program: Program, plan: Plan) -> bool:
    return any(
        half_quantity(row.schedule, smallest(program, charge), program.money.size) is not None
        for charge in plan.charges
        if not isinstance(charge.source, OfAmount) and len(charge.rows) <= ROWS_LISTED_MAX
        for row in charge.rows
    )


# Fees and policies


def _cases_of(plan: Plan, fee: Fee) -> Iterator[FeeCase]:
    yield FeeCase.WHOLE
    if fee.calendar and not (fee.every.days == 1 and fee.proration is not Proration.BY_SECOND):
        yield FeeCase.PART
    if _days(fee.every) > _days(plan.billing.every):
        yield FeeCase.NOT_DUE
    if fee.trial is not None:
        yield FeeCase.TRIAL


def _days(every: Every) -> int:
    return every.days or every.months * 28


def _of_effect(policy: Policy) -> Iterator[_Found]:
    if policy.at_most is not None:
        yield from ((policy.name, LimitMet(policy.name, acts), policy.place) for acts in Acts)
    match policy.effect:
        case PercentOff(during=str()):
            yield from ((policy.name, DuringMet(policy.name, inside), policy.place) for inside in (True, False))
        case AddPercent(per=per):
            if per is not None and per.bound is not None:
                yield policy.name, NothingToDo(policy.name), policy.place
        case AddPerUnit(bound=bound):
            if bound is not None:
                yield policy.name, NothingToDo(policy.name), policy.place
        case PercentOff() | MoneyOff() | UnitsFree() | AddMoney():
            pass
        case _:
            assert_never(policy.effect)


def _of_overlaps(program: Program, plan: Plan) -> Iterator[_Found]:
    for kind in (PolicyKind.DISCOUNT, PolicyKind.OFFER):
        own = [policy for policy in plan.policies if policy.kind is kind]
        for first, second in combinations(own, 2):
            if _share_a_line(first, second) and _meet(first, second):
                if witness([*first.when, *second.when], program.schema.attributes) is None:
                    continue
                yield f"{first.name}, {second.name}", Overlap(first.name, second.name), second.place


def _share_a_line(first: Policy, second: Policy) -> bool:
    if first.targets.everything or second.targets.everything:
        return True
    return bool(set(first.targets.names) & set(second.targets.names))


def _meet(first: Policy, second: Policy) -> bool:
    starts = [first.start or date.min, second.start or date.min]
    ends = [first.end or date.max, second.end or date.max]
    return max(starts) < min(ends)
