"""For an item, the facts that may touch it: tried one after the other, the plainest first, until one does.

Nothing here decides whether an item is touched; a candidate is rated, and what happened is read off.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from itertools import islice
from typing import assert_never

from ..compiler.satisfy import Subject, witness
from ..condition import AmountOf, Attribute, Condition, Month, Not, Scalar, UsageOf, operands
from ..evaluators.turning import quantity_costing
from ..period import Every
from ..plan import (
    AddMoney,
    AddPercent,
    AddPerUnit,
    Charge,
    ColumnKind,
    MoneyOff,
    OfAmount,
    OfAttribute,
    OfEach,
    OfMeter,
    PercentOff,
    Policy,
    UnitsFree,
)
from ..schedule import Band
from ..usage import CardHolding
from .draft import Cell, Desk, Draft, Frame, as_value, given_value, path_to, usual_value
from .frames import frames_of
from .half import half_quantity
from .items import (
    ANY_ROW,
    Acts,
    BandEntered,
    BoundMet,
    CardCase,
    CardMet,
    ConditionFails,
    DuringMet,
    FeeMet,
    FreeMet,
    HalfRounded,
    IncludeMet,
    Item,
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
    UsageRefused,
    Used,
    VersionUsed,
    flat,
    smallest,
)
from .touched import Walk
from .words import charge_of, conditions_of, tax_of

SIZES = tuple(Fraction(10) ** power for power in range(10))
_LINES_TRIED = 4
_ROWS_TRIED = 6


def drafts_for(desk: Desk, item: Item, frames: Sequence[Frame]) -> Iterator[Draft]:
    """Candidates that may touch an item."""
    for frame in frames_of(desk, item, frames):
        yield from _drafts(desk, item, with_needed(desk, Draft(desk.plan.name, frame)))


def _drafts(desk: Desk, item: Item, draft: Draft) -> Iterator[Draft]:
    target, plan = item.target, desk.plan
    match target:
        case VersionUsed():
            yield from _with_lines(desk, draft, _line_names(desk), SIZES[:1])
            yield draft
        case RowPriced() | BandEntered() | BoundMet() | OnceCharged() | OnceSpared() | UsageRefused() | StepMet():
            charge = charge_of(plan, target.charge)
            for quantity in _quantities(desk, charge, target):
                yield from _standing(desk, draft, charge, max(target.row, ANY_ROW), quantity)
        case OwnBoundMet(charge=name):
            charge = charge_of(plan, name)
            if target.acts is Acts.BINDS or target.of.is_floor:
                yield from _sized(desk, draft, charge, target.row, (Fraction(0), *SIZES))
            yield from _sized(desk, draft, charge, target.row, SIZES)
        case FreeMet(name, beyond):
            yield from _free(desk, draft, charge_of(plan, name), beyond=beyond)
        case PlanBoundMet():
            yield draft
            yield from _with_lines(desk, draft, plan.bounds[target.index].lines or _line_names(desk), SIZES)
        case IncludeMet(index, used):
            include = plan.includes[index]
            yield from _included(desk, draft, include.meter, include.quantity, used)
        case RuleApplies(kind, name):
            yield from _applying(desk, draft, kind, name)
        case ConditionFails(kind, name, number):
            conditions = conditions_of(plan, kind, name)
            wanted = (*conditions[:number], Not(conditions[number]))
            yield from _meeting(desk, draft, wanted)
        case OutsideDates():
            yield from _with_lines(desk, draft, _line_names(desk), SIZES[:1])
            yield draft
        case NothingToDo(name):
            yield from _with_mark(desk, draft, _policy(desk, name), SIZES[:1])
        case LimitMet(name) | DuringMet(name):
            yield from _applying(desk, draft, RuleKind.POLICY, name)
        case Overlap(first, second):
            both = (_policy(desk, first), _policy(desk, second))
            for base in _meeting(desk, draft, [*both[0].when, *both[1].when]):
                yield base
                yield from _with_lines(desk, base, both[0].targets.names or _line_names(desk), SIZES)
        case FeeMet(name, _):
            yield from _meeting(desk, draft, conditions_of(plan, RuleKind.FEE, name))
        case HalfRounded():
            yield from _half(desk, draft)
        case CardMet(card, case):
            for holding in _holdings(desk, draft.frame, card, case):
                yield from _with_lines(desk, replace(draft, cards=(holding,)), _line_names(desk), SIZES)
        case _:
            assert_never(target)


def _line_names(desk: Desk) -> tuple[str, ...]:
    return tuple(charge.name for charge in desk.plan.charges)


def _policy(desk: Desk, name: str) -> Policy:
    return next(policy for policy in desk.plan.policies if policy.name == name)


def with_needed(desk: Desk, draft: Draft) -> Draft:
    """The draft with a value for every attribute that a rule needs and that accounts don't have by default."""
    attributes = desk.program.schema.attributes
    given = {
        name: usual_value(attributes[name])
        for name in _needed(desk)
        if name in attributes and attributes[name].default is None
    }
    return replace(draft, attributes={**given, **draft.attributes})


def _needed(desk: Desk) -> Iterator[str]:
    attributes = desk.program.schema.attributes
    yield from (name for name, schema in attributes.items() if schema.required)
    for charge in desk.plan.charges:
        if isinstance(charge.source, OfAttribute):
            yield charge.source.attribute
        yield from (column.name for column in charge.columns if column.kind is ColumnKind.ATTRIBUTE)
        yield from (
            band.width_per.attribute
            for row in charge.rows[:_ROWS_TRIED]
            for band in row.schedule.bands
            if band.width_per is not None and band.width_per.attribute is not None
        )
    yield from (fee.multiplier for fee in desk.plan.fees if fee.multiplier is not None)


# Charges


def _quantities(
    desk: Desk,
    charge: Charge,
    target: RowPriced | BandEntered | BoundMet | OnceCharged | OnceSpared | UsageRefused | StepMet,
) -> Iterator[Fraction]:
    """Positions on the ladder of a row that may touch an item of it."""
    schedule = charge.rows[max(target.row, 0)].schedule
    unit, scale = smallest(desk.program, charge), schedule.quantity_scale
    bands = schedule.bands
    match target:
        case RowPriced():
            yield from SIZES[:4]
        case BoundMet(band=band, side=side):
            upper = Fraction(bands[band].upper or 0, scale)
            match side:
                case Side.BELOW:
                    yield upper - unit
                case Side.AT:
                    yield upper
                case Side.ABOVE:
                    yield upper + unit
                case _:
                    assert_never(side)
        case BandEntered(band=band) | OnceCharged(band=band) | UsageRefused(band=band):
            yield from _inside(bands, band, scale, unit)
        case OnceSpared():
            yield Fraction(0)
        case StepMet(band=band, whole=whole):
            low = Fraction(bands[band - 1].upper or 0, scale) if band else Fraction(0)
            step = Fraction(bands[band].step or 1, scale)
            if whole:
                yield low + step
                yield (low // step + 1) * step
            else:
                yield low + (unit if unit < step else step / 2)
                yield low + step / 2
        case _:
            assert_never(target)


def _inside(bands: Sequence[Band], band: int, scale: int, unit: Fraction) -> Iterator[Fraction]:
    """Quantities that reach into a band: a little, then a good deal of it, then its end."""
    low = Fraction(bands[band - 1].upper or 0, scale) if band else Fraction(0)
    upper = bands[band].upper
    high = None if upper is None else Fraction(upper, scale)
    wide = low + max(low, SIZES[1]) if high is None else low + (high - low) / 2
    if wide.denominator != 1 and high is not None and high - low >= 2:
        wide = Fraction(int(wide))
    yield wide
    yield low + unit
    if high is not None:
        yield high


def _standing(desk: Desk, draft: Draft, charge: Charge, row: int, quantity: Fraction) -> Iterator[Draft]:
    """Drafts in which a charge stands and a row of it gets a quantity."""
    for base in _meeting(desk, draft, flat(charge.when)):
        yield from given_to(desk, base, charge, row, quantity)


def given_to(desk: Desk, draft: Draft, charge: Charge, row: int, quantity: Fraction) -> Iterator[Draft]:
    """Drafts in which a row of a charge gets a quantity, before what is included comes off."""
    cells = path_to(charge, row)
    if cells is None or quantity < 0:
        return
    match charge.source:
        case OfMeter(meter):
            if quantity == 0 and not charge.columns:
                yield draft
            else:
                yield from desk.with_usage(draft, meter, quantity, (charge, cells))
        case OfAttribute(attribute, factor):
            value = as_value(quantity / factor)
            if value is not None:
                given = _with_cells(draft, charge, cells)
                yield replace(given, attributes={**given.attributes, attribute: value})
        case OfAmount(lines):
            yield from with_amount(desk, _with_cells(draft, charge, cells), lines, quantity)
        case OfEach():
            if quantity == 0 and not charge.columns:
                yield draft
            else:
                yield from desk.with_event(draft, charge, charge.source, quantity, cells)
        case _:
            assert_never(charge.source)


def _with_cells(draft: Draft, charge: Charge, cells: Sequence[Cell]) -> Draft:
    given = {
        column.name: value
        for column, cell in zip(charge.columns, cells, strict=False)
        if column.kind is ColumnKind.ATTRIBUTE
        and cell.value is not None
        and (value := given_value(cell.value)) is not None
    }
    return replace(draft, attributes={**draft.attributes, **given})


def with_amount(desk: Desk, draft: Draft, lines: Iterable[str], amount: Fraction) -> Iterator[Draft]:
    """Drafts in which one of some charges comes to an amount."""
    for name in islice(lines, _LINES_TRIED):
        charge = next((charge for charge in desk.plan.charges if charge.name == name), None)
        if charge is None:
            continue
        for row in range(min(len(charge.rows), _ROWS_TRIED)):
            if charge.rows[row].schedule.depends:
                continue
            quantity = quantity_costing(charge.rows[row].schedule, amount, Fraction(0))
            if quantity is not None:
                yield from given_to(desk, draft, charge, row, quantity)


def _sized(desk: Desk, draft: Draft, charge: Charge, row: int, sizes: Iterable[Fraction]) -> Iterator[Draft]:
    rows = range(min(len(charge.rows), _ROWS_TRIED)) if row < 0 else (row,)
    for base in _meeting(desk, draft, flat(charge.when)):
        for size in sizes:
            for number in rows:
                yield from given_to(desk, base, charge, number, size)


def _with_lines(desk: Desk, draft: Draft, names: Iterable[str], sizes: Iterable[Fraction]) -> Iterator[Draft]:
    """Drafts in which lines grow: the first of the charges that are named, then the others."""
    charges = [charge for charge in desk.plan.charges if charge.name in set(names)] or list(desk.plan.charges)
    sizes = tuple(sizes)
    for charge in charges[:_LINES_TRIED]:
        if isinstance(charge.source, OfAmount):
            continue
        for size in sizes:
            for row in range(min(len(charge.rows), _ROWS_TRIED if len(sizes) == 1 else 2)):
                yield from given_to(desk, draft, charge, row, size)


def _free(desk: Desk, draft: Draft, charge: Charge, *, beyond: bool) -> Iterator[Draft]:
    quantity = charge.free_quantity or Fraction(1)
    count = charge.free_events + 1 if beyond and charge.free_events else 1
    for size in (quantity * 2, quantity + 1) if beyond and charge.free_quantity else (quantity, quantity / 2):
        grown = [draft]
        for _ in range(min(count, 20)):
            grown = [later for base in grown[:1] for later in given_to(desk, base, charge, ANY_ROW, size)]
        yield from grown


def _included(desk: Desk, draft: Draft, meter: str, quantity: Fraction, used: Used) -> Iterator[Draft]:
    match used:
        case Used.NONE:
            yield draft
        case Used.PARTLY:
            half = quantity / 2
            yield from desk.with_usage(draft, meter, half if half < 1 else Fraction(int(half)))
        case Used.UP:
            for charge in desk.on_meter(meter):
                size = quantity + smallest(desk.program, charge)
                for row in range(min(len(charge.rows), _ROWS_TRIED)):
                    yield from given_to(desk, draft, charge, row, size)
        case _:
            assert_never(used)


def _half(desk: Desk, draft: Draft) -> Iterator[Draft]:
    program = desk.program
    for charge in desk.plan.charges:
        if isinstance(charge.source, OfAmount):
            continue
        for number, row in enumerate(charge.rows[:_ROWS_TRIED]):
            quantity = half_quantity(row.schedule, smallest(program, charge), program.money.size)
            if quantity is not None:
                yield from _standing(desk, draft, charge, number, quantity)


# Conditions and policies


def _meeting(desk: Desk, draft: Draft, conditions: Sequence[Condition]) -> Iterator[Draft]:
    """The draft with facts for which conditions hold, as far as they can be given."""
    facts = witness(conditions, desk.program.schema.attributes)
    if facts is None:
        return
    # What has to be unknown must not be given.
    asked = {item.name for condition in conditions for item in operands(condition) if isinstance(item, Attribute)}
    solved = {subject.name for subject in facts if isinstance(subject, Attribute)}
    kept = {name: value for name, value in draft.attributes.items() if name not in asked - solved}
    yield from _with_facts(desk, replace(draft, attributes=kept), list(facts.items()))


def _with_facts(desk: Desk, draft: Draft, facts: Sequence[tuple[Subject, Scalar]]) -> Iterator[Draft]:
    if not facts:
        yield draft
        return
    (subject, scalar), rest = facts[0], facts[1:]
    match subject:
        case Attribute(name):
            value = given_value(scalar)
            if value is not None:
                yield from _with_facts(desk, replace(draft, attributes={**draft.attributes, name: value}), rest)
        case UsageOf(meter):
            if isinstance(scalar, Fraction):
                ways = desk.with_usage(draft, meter, scalar) if scalar else iter((draft,))
                for base in islice(ways, 2):
                    yield from _with_facts(desk, base, rest)
        case AmountOf(line):
            if isinstance(scalar, Fraction):
                ways = with_amount(desk, draft, [line], scalar) if scalar else iter((draft,))
                for base in islice(ways, 2):
                    yield from _with_facts(desk, base, rest)
        case Month():
            if draft.frame.days.start.month == scalar:
                yield from _with_facts(desk, draft, rest)
        case _:
            yield from _with_facts(desk, draft, rest)


def _applying(desk: Desk, draft: Draft, kind: RuleKind, name: str) -> Iterator[Draft]:
    for base in _meeting(desk, draft, conditions_of(desk.plan, kind, name)):
        match kind:
            case RuleKind.CHARGE:
                yield base
                yield from _with_lines(desk, base, [name], SIZES[:4])
            case RuleKind.FEE:
                yield base
            case RuleKind.POLICY:
                yield from _with_mark(desk, base, _policy(desk, name), SIZES)
            case RuleKind.TAX:
                yield base
                names = tax_of(desk.plan, name).targets.names
                yield from _with_lines(desk, base, names or _line_names(desk), SIZES[:4])
            case _:
                assert_never(kind)


def _with_mark(desk: Desk, draft: Draft, policy: Policy, sizes: Sequence[Fraction]) -> Iterator[Draft]:
    """Drafts in which a policy has something to work on: its lines grow, and what it reckons with."""
    names = policy.targets.names if not policy.targets.everything else _line_names(desk)
    for asked in _asked_of(policy):
        if asked in desk.program.schema.attributes:
            for size in (*sizes, Fraction(0)):
                value = as_value(size)
                if value is not None:
                    others = {name: Decimal(10) for name in _asked_of(policy)}
                    grown = replace(draft, attributes={**draft.attributes, **others, asked: value})
                    yield grown
                    yield from _with_lines(desk, grown, names, SIZES[2:4])
    match policy.effect:
        case PercentOff(during=window) if window is not None:
            yield from _in_window(desk, draft, names, window)
        case UnitsFree(meter):
            yield from _with_lines(desk, draft, [charge.name for charge in desk.on_meter(meter)], sizes)
        case AddPerUnit(meter=str() as meter, bound=bound):
            mark = Fraction(0) if bound is None or bound.number is None else bound.number
            attribute = None if bound is None else bound.attribute
            for past in (*sizes, Fraction(0)):
                base = draft
                if attribute is not None:
                    mark = Fraction(100)
                    value = as_value(mark / (bound.factor if bound is not None else 1))
                    if value is not None:
                        base = replace(draft, attributes={**draft.attributes, attribute: value})
                for way in (mark + past, mark - past):
                    if way >= 0:
                        yield from desk.with_usage(base, meter, way)
        case PercentOff() | MoneyOff() | AddMoney() | AddPercent() | AddPerUnit():
            yield draft
            yield from _with_lines(desk, draft, names, sizes)
        case _:
            assert_never(policy.effect)


def _asked_of(policy: Policy) -> tuple[str, ...]:
    """The attributes that a policy's effect reckons with."""
    found: list[str | None] = [None if policy.at_most is None else policy.at_most.attribute]
    match policy.effect:
        case MoneyOff(money) | AddMoney(money):
            found.append(money.attribute)
        case AddPercent(base=base, per=per):
            found.append(None if base is None else base.attribute)
            found.append(None if per is None else per.attribute)
            found.append(None if per is None or per.bound is None else per.bound.attribute)
        case AddPerUnit(attribute=attribute, bound=bound):
            found.append(attribute)
            found.append(None if bound is None or attribute is None else bound.attribute)
        case PercentOff() | UnitsFree():
            pass
        case _:
            assert_never(policy.effect)
    return tuple(dict.fromkeys(name for name in found if name is not None))


def _in_window(desk: Desk, draft: Draft, names: Iterable[str], window: str) -> Iterator[Draft]:
    """Usage of a line inside a window, and outside of it."""
    charges = [charge for charge in desk.plan.charges if charge.name in set(names)]
    for charge in charges[:_LINES_TRIED]:
        for size in SIZES[:7:2]:
            for time in (Cell(inside=window), Cell(outside=(window,))):
                if isinstance(charge.source, OfMeter):
                    yield from desk.with_usage(draft, charge.source.meter, size, time=time)
                elif isinstance(charge.source, OfEach):
                    cells = path_to(charge, ANY_ROW) or ()
                    yield from desk.with_event(draft, charge, charge.source, size, cells, time)


# Cards


def _holdings(desk: Desk, frame: Frame, card: str, case: CardCase) -> Iterator[CardHolding]:
    held = desk.program.cards[card]
    if case is not CardCase.EXPIRED:
        yield CardHolding(card, frame.days.start)
    elif held.valid_months is not None:
        yield CardHolding(card, Every(months=1).after(frame.days.start, -held.valid_months))
        yield CardHolding(card, Every(months=1).after(frame.days.start, -held.valid_months - 1))
    elif held.valid_days is not None:
        yield CardHolding(card, Every(days=1).after(frame.days.start, -held.valid_days))


def adjusted(desk: Desk, item: Item, draft: Draft, walks: Sequence[Walk]) -> Iterator[Draft]:
    """Better candidates, now that it is known where the first one stood: what is included, what widths depend on."""
    target = item.target
    if not isinstance(target, RowPriced | BandEntered | BoundMet | OnceCharged | UsageRefused):
        return
    charge = charge_of(desk.plan, target.charge)
    own = [walk for walk in walks if walk.charge.name == charge.name and target.row in (ANY_ROW, walk.walked.row)]
    if not own:
        return
    walk, unit = own[-1], smallest(desk.program, charge)
    bands, scale = walk.walked.schedule.bands, walk.walked.schedule.quantity_scale
    if isinstance(target, BoundMet):
        wanted = Fraction(bands[target.band].upper or 0, scale)
        wanted += {Side.BELOW: -unit, Side.AT: Fraction(0), Side.ABOVE: unit}[target.side]
    elif isinstance(target, RowPriced):
        wanted = unit
    else:
        wanted = (Fraction(bands[target.band - 1].upper or 0, scale) if target.band else Fraction(0)) + unit
    fresh = with_needed(desk, Draft(desk.plan.name, draft.frame))
    given = _given_quantity(draft, charge)
    for base in _meeting(desk, fresh, flat(charge.when)):
        yield from given_to(desk, base, charge, walk.walked.row, wanted + given - walk.position)


def _given_quantity(draft: Draft, charge: Charge) -> Fraction:
    """How much of a charge's quantity the draft gives."""
    match charge.source:
        case OfMeter(meter):
            return sum((item.quantity for item in draft.quantities if item.meter == meter), Fraction(0))
        case OfAttribute() | OfAmount() | OfEach():
            return Fraction(0)
        case _:
            assert_never(charge.source)
