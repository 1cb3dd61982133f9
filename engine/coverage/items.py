"""What the examples of a ruleset can exercise, read from its plans: each a small value, and where its rule stands.

An operation of the plan that is added later has to say here what of it can be exercised: every `match` is exhaustive.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from itertools import combinations
from typing import TypeAlias, assert_never

from ...money import MoneyUnit
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
from .targets import (
    ANY_ROW,
    Acts,
    BandEntered,
    BoundMet,
    BoundOf,
    CardCase,
    CardMet,
    ConditionFails,
    DuringMet,
    FeeCase,
    FeeMet,
    FreeMet,
    HalfRounded,
    IncludeMet,
    LimitMet,
    NothingToDo,
    OnceCharged,
    OnceSpared,
    OutsideDates,
    Overlap,
    OwnBoundMet,
    PlanBoundMet,
    RowPriced,
    RuleApplies,
    RuleKind,
    Side,
    StepMet,
    Target,
    UsageRefused,
    Used,
    VersionUsed,
)

ROWS_LISTED_MAX = 40
"""A table with more rows is covered as a whole: what one row shows of a band or bound, it shows for all."""


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
        if not _concerns_a_line(policy):
            continue
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
    if charge.columns and not all(band.refused for band in schedule.bands):
        yield RowPriced(charge.name, row)
    for index, band in enumerate(schedule.bands):
        if len(schedule.bands) > 1 or not charge.columns:
            yield from _entered(charge.name, row, index, band)
        yield from _of_band(charge.name, row, index, band, schedule.mode)
        if band.upper is not None:
            yield from (BoundMet(charge.name, row, index, side) for side in Side)
    for of, _ in bounds_of(charge, number):
        yield from (OwnBoundMet(charge.name, row, of, acts) for acts in Acts)


def _entered(charge: str, row: int, index: int, band: Band) -> Iterator[Target]:
    """That a band prices anything; of a row with one band, the row says it."""
    if not band.refused:
        yield BandEntered(charge, row, index)


def _of_band(charge: str, row: int, index: int, band: Band, mode: Mode) -> Iterator[Target]:
    if band.refused:
        yield UsageRefused(charge, row, index)
        return
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
    # Rows of one table have their bounds in common, and a long one is not looked through for each quantity.
    return min(Fraction(1, row.schedule.quantity_scale) for row in charge.rows[:ROWS_LISTED_MAX])


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
        if _is_unbounded(charge) and len(charge.rows) <= ROWS_LISTED_MAX
        for row in charge.rows
        if row.minimum is None and row.cap is None
    )


def _is_unbounded(charge: Charge) -> bool:
    """Whether nothing but its prices makes the charge's amount, so that a half that they give is rounded."""
    free = charge.free_events or charge.free_quantity or charge.round_event is not None
    return not isinstance(charge.source, OfAmount) and not free and next(bounds_of(charge, None), None) is None


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


def _concerns_a_line(policy: Policy) -> bool:
    """Whether the plan has a line that a policy works on; one for other plans can do nothing here."""
    if policy.targets.names or policy.targets.everything:
        return True
    match policy.effect:
        case PercentOff() | MoneyOff() | UnitsFree() | AddPercent(base=None):
            return False
        case AddMoney() | AddPercent() | AddPerUnit():
            return True
        case _:
            assert_never(policy.effect)


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
    if not (_concerns_a_line(first) and _concerns_a_line(second)):
        return False
    if first.targets.everything or second.targets.everything:
        return True
    return bool(set(first.targets.names) & set(second.targets.names))


def _meet(first: Policy, second: Policy) -> bool:
    starts = [first.start or date.min, second.start or date.min]
    ends = [first.end or date.max, second.end or date.max]
    return max(starts) < min(ends)
