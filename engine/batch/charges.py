"""Charges of meters, attributes and amounts in pricing SQL: quantities through included units and ladders to lines.

The meaning is `evaluators.charges`; a family is priced in lockstep, member by member the same charge.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

from ...money import Rounding
from ..condition import Comparison
from ..evaluators.proration import bound_step, covered_share, granted
from ..plan import Bound, Charge, OfAmount, OfAttribute, OfEach, OfMeter, Pooling, Program
from ..schedule import Mode, Schedule
from ..statement import LineKind
from .buckets import EVERYTHING, Bucket, Metered
from .bundle import SHARED, Bundle
from .each_keys import EachKey, EachQuantity, EachShare
from .facts import StatementFacts
from .family import Combination, Member, combinations
from .history import Climbed, HistoryKey, Term, Used, spans_of_ladder, terms_of
from .ladders import Climb, Cost, cost
from .ledger import Info, Ledger, Portion, PricedSlot, Slot
from .number import (
    FALSE,
    NOTHING,
    TRUE,
    ZERO,
    Integer,
    Number,
    Truth,
    UnfitError,
    add,
    both,
    choose,
    compare,
    compare_numbers,
    either,
    fraction,
    larger,
    less,
    negation,
    number_not_below_zero,
    number_where,
    product_of,
    ratio_of,
    smaller,
    subtract,
    sum_of,
)
from .sheet import Sheet
from .time_order import AskedTurns, DayAmount, Share, Turns, priced_in_time, rungs_of


@dataclass(slots=True)
class Allowance:
    """What is left of an included quantity while the charges of a statement use it up."""

    meter: str
    left: Number


@dataclass(frozen=True, slots=True)
class Group:
    """The quantity of one line: the row that prices it in each member, as metered, and whether there was usage."""

    combination: Combination
    rows: tuple[int, ...]
    metered: Number
    present: Truth


@dataclass(slots=True)
class Pricing:
    """Everything that pricing a family's charges needs."""

    program: Program
    sheet: Sheet
    members: tuple[Member, ...]
    ledger: Ledger
    facts: StatementFacts
    metered: Metered
    history: Mapping[HistoryKey, Number] = field(default_factory=dict)
    each: Mapping[EachKey, Number] = field(default_factory=dict)
    bundles: Mapping[int, Bundle] = field(default_factory=dict)
    turns: Turns = field(default_factory=Turns)
    held: list[Allowance] = field(default_factory=list)

    @property
    def size(self) -> Fraction:
        """One money unit, in money."""
        return self.program.money.size

    def share_in(self, index: int, window: str) -> tuple[Number, Number] | None:
        """For a priced line: the quantity that lies in a window, and the whole quantity, both before rounding."""
        item = self.ledger.priced[index]
        if item.slot.bundle is not None:
            raise UnfitError(SHARED)
        if item.each is not None:
            return self.each[EachShare(item.each, window)], self.each[EachQuantity(item.each)]
        if item.charges is None or item.combination is None:
            return None
        charge = item.charges[0]
        if not isinstance(charge.source, OfMeter):
            return None
        meter = self.program.meters[charge.source.meter]
        if not meter.adds_up or meter.each_rounding is not None or meter.each_minimum is not None:
            raise UnfitError("an offer during a window on a meter that does not add up")
        bucket = bucket_of(charge, item.combination)
        inside, _ = self.metered.raw(meter, replace(bucket, window=window))
        whole, _ = self.metered.raw(meter, bucket)
        return inside, whole


def begin_allowances(pricing: Pricing) -> None:
    """What each `include` frees at most."""
    sheet, members = pricing.sheet, pricing.members
    for index, include in enumerate(members[0].plan.includes):
        if include.every is None:
            values = [granted(member.plan.includes[index], member.situation) for member in members]
            pricing.held.append(Allowance(include.meter, sheet.numbers(values)))
            continue
        terms = [terms_of(pricing.program, member, index) for member in members]
        first = less(sheet.numbers([term.grants[0] for term in terms]), pricing.history[Used(index, -1)])
        left = sheet.let_number(number_not_below_zero(first))
        split = [any(span.rule == Used(index, 0) for span in term.spans) for term in terms]
        if any(split):
            left = number_where(sheet.truths(split), _freed_in_parts(pricing, index, terms, left), left)
        pricing.held.append(Allowance(include.meter, sheet.let_number(left)))


def _freed_in_parts(pricing: Pricing, index: int, terms: Sequence[Term], left: Number) -> Number:
    """What is freed where a term ends inside the period: each part's usage by what its own term has left."""
    freed: list[Number] = []
    for part in range(max(len(term.grants) for term in terms)):
        grants = [term.grants[part] if part < len(term.grants) else Fraction(0) for term in terms]
        most = left if part == 0 else pricing.sheet.numbers(grants)
        freed.append(smaller(most, pricing.history[Used(index, part)]))
    return pricing.sheet.let_number(sum_of(*freed))


def price_charge(pricing: Pricing, index: int) -> None:
    """Put the lines of one charge that is no `each` charge on the ledger, its own floor and cap included."""
    charges = [member.plan.charges[index] for member in pricing.members]
    charge, ledger = charges[0], pricing.ledger
    stands, missing = pricing.facts.condition([item.when for item in charges])
    ledger.refuse_where("an attribute that is not known", missing)
    groups = _groups(pricing, charges, stands)
    sizes = [_less_included(pricing, charge, group) for group in groups]
    costs = _on_ladders(pricing, charges, groups, sizes)
    lines: list[PricedSlot] = []
    for group, found in zip(groups, costs, strict=True):
        ledger.refuse_where("usage that the price list refuses", both(group.present, found.refused))
        lines.append(_line(pricing, charges, group, found))
    for line in lines:
        ledger.put_priced(line)
    if charge.columns and not charge.bounds_per_row:
        for gap in sum_bounds(pricing, charges, lines, stands):
            ledger.put_priced(PricedSlot(gap, tuple(charges)))


def _groups(pricing: Pricing, charges: Sequence[Charge], stands: Truth) -> list[Group]:
    charge = charges[0]
    choices = [combinations(item, member.situation) for item, member in zip(charges, pricing.members, strict=True)]
    if any(choice is None for choice in choices):
        raise UnfitError("a table whose columns may hold any value")
    rows = list(zip(*(choice or () for choice in choices), strict=True))
    groups: list[Group] = []
    for own in rows:
        first = own[0]
        metered, used = _quantity(pricing, charge, first, stands)
        present = both(stands, used if charge.columns and isinstance(charge.source, OfMeter) else TRUE)
        if first.row == -1:
            pricing.ledger.refuse_where("usage that no row prices", both(stands, used))
            continue
        groups.append(Group(first, tuple(item.row for item in own), metered, present))
    return groups


def bucket_of(charge: Charge, combination: Combination) -> Bucket:
    """The bucket of a metered line."""
    assert isinstance(charge.source, OfMeter)
    cases = combination.cases if charge.columns else EVERYTHING
    return Bucket(charge.source.meter, cases)


def _quantity(pricing: Pricing, charge: Charge, combination: Combination, stands: Truth) -> tuple[Number, Truth]:
    match charge.source:
        case OfMeter(meter):
            return pricing.metered.quantity(
                pricing.sheet, pricing.program.meters[meter], bucket_of(charge, combination)
            )
        case OfAttribute(attribute, factor):
            value, missing = pricing.facts.attribute_number(attribute, factor)
            pricing.ledger.refuse_where("an attribute that is not known", both(stands, missing))
            return value, TRUE
        case OfAmount(lines):
            amounts = [pricing.ledger.amounts.get(line, ZERO) for line in dict.fromkeys(lines)]
            counts = [lines.count(line) for line in dict.fromkeys(lines)]
            whole = sum_of(
                *(
                    product_of(Number(amount), fraction(pricing.size * count))
                    for amount, count in zip(amounts, counts, strict=True)
                )
            )
            return pricing.sheet.let_number(whole), TRUE
        case OfEach():
            raise AssertionError("events are rated one by one elsewhere")


def _less_included(pricing: Pricing, charge: Charge, group: Group) -> Number:
    """The quantity that goes onto the ladder: none below zero, and less what is included."""
    sheet = pricing.sheet
    quantity = number_where(group.present, number_not_below_zero(group.metered), NOTHING)
    if not isinstance(charge.source, OfMeter):
        return sheet.let_number(quantity)
    for allowance in pricing.held:
        if allowance.meter == charge.source.meter:
            taken = sheet.let_number(smaller(allowance.left, quantity))
            allowance.left = sheet.let_number(number_not_below_zero(less(allowance.left, taken)))
            quantity = number_not_below_zero(less(quantity, taken))
    return sheet.let_number(quantity)


# Ladders


def _on_ladders(
    pricing: Pricing, charges: Sequence[Charge], groups: Sequence[Group], sizes: Sequence[Number]
) -> list[Cost]:
    charge = charges[0]
    if charge.counted is not None:
        return _counted(pricing, charges, groups, sizes)
    if charge.prorated:
        index = next(at for at, item in enumerate(pricing.members[0].plan.charges) if item.name == charge.name)
        amounts = (pricing.turns.numbers[DayAmount(index, number)] for number in range(len(groups)))
        return [Cost(amount, FALSE, ()) for amount in amounts]
    return _pooled(pricing, charges, groups, sizes)


def day_costs(pricing: Pricing, index: int) -> tuple[list[Group], list[Cost]]:
    """What a day's quantities of a charge that is prorated by day cost for a whole period; `pricing` reads the day."""
    charges = [member.plan.charges[index] for member in pricing.members]
    stands, missing = pricing.facts.condition([item.when for item in charges])
    pricing.ledger.refuse_where("an attribute that is not known", missing)
    groups = _groups(pricing, charges, stands)
    sizes = [
        pricing.sheet.let_number(number_where(group.present, number_not_below_zero(group.metered), NOTHING))
        for group in groups
    ]
    return groups, _pooled(pricing, charges, groups, sizes)


def _pooled(
    pricing: Pricing, charges: Sequence[Charge], groups: Sequence[Group], sizes: Sequence[Number]
) -> list[Cost]:
    match charges[0].pooling:
        case None:
            return [
                cost_on(pricing, charges, group.rows, Climb(size)) for group, size in zip(groups, sizes, strict=True)
            ]
        case Pooling.SHARE:
            return _by_share(pricing, charges, groups, sizes)
        case Pooling.ROW_ORDER:
            return _in_row_order(pricing, charges, groups, sizes)
        case Pooling.TIME_ORDER:
            return _in_time_order(pricing, charges, groups, sizes)


def cost_on(pricing: Pricing, charges: Sequence[Charge], rows: Sequence[int], climb: Climb) -> Cost:
    """What a climb costs on the row of each member's charge."""
    schedules = [charge.rows[row].schedule for charge, row in zip(charges, rows, strict=True)]
    return cost(pricing.sheet, schedules, climb, _factors(pricing, schedules))


def _factors(pricing: Pricing, schedules: Sequence[Schedule]) -> list[Number]:
    """What the widths of bands are multiplied by."""
    found: list[Number] = []
    for band in schedules[0].bands:
        value: Number = fraction(1)
        if band.prorated:
            value = pricing.sheet.numbers([covered_share(member.situation) for member in pricing.members])
        depends = band.width_per
        if depends is not None:
            if depends.meter is not None:
                meter = pricing.program.meters[depends.meter]
                read, _ = pricing.metered.quantity(pricing.sheet, meter, Bucket(meter.name))
                own = number_not_below_zero(read)
            elif depends.attribute is not None:
                own, missing = pricing.facts.attribute_number(depends.attribute, Fraction(1))
                pricing.ledger.refuse_where("an attribute that is not known", missing)
                pricing.ledger.refuse_where("a width below zero", compare_numbers(own, Comparison.LESS, NOTHING))
                own = number_not_below_zero(own)
            else:
                days = [Fraction(member.situation.covered_days.day_count) for member in pricing.members]
                own = pricing.sheet.numbers(days)
            value = product_of(value, product_of(own, fraction(1 / depends.per)))
        found.append(pricing.sheet.let_number(value))
    return found


def _counted(
    pricing: Pricing, charges: Sequence[Charge], groups: Sequence[Group], sizes: Sequence[Number]
) -> list[Cost]:
    """Ladders on which earlier bills of the year stand."""
    charge, sheet = charges[0], pricing.sheet
    if charge.pooling is not None:
        raise UnfitError("a ladder that is pooled and counted over a year")
    index = next(at for at, item in enumerate(pricing.members[0].plan.charges) if item.name == charge.name)
    found: list[Cost] = []
    for number, (group, size) in enumerate(zip(groups, sizes, strict=True)):
        before = pricing.history[Climbed(index, number)]
        entered = _entered(pricing, index, number)
        end = sheet.let_number(sum_of(before, size))
        if charge.rows[group.rows[0]].schedule.mode is Mode.GRADUATED:
            found.append(cost_on(pricing, charges, group.rows, Climb(end, before, entered)))
            continue
        # On a ladder whose band is that of the whole: the price of all to date, less that of what went before.
        to_date = cost_on(pricing, charges, group.rows, Climb(end))
        earlier = cost_on(pricing, charges, group.rows, Climb(before))
        amount = less(to_date.amount, number_where(entered, earlier.amount, NOTHING))
        refused = either(to_date.refused, both(entered, earlier.refused))
        found.append(Cost(amount, refused, None))
    return found


def _entered(pricing: Pricing, index: int, number: int) -> Truth:
    """Whether a combination has had a line on an earlier bill of the year; a charge without columns has one on each."""
    if not pricing.members[0].plan.charges[index].columns:
        spans = [spans_of_ladder(pricing.program, member, index) for member in pricing.members]
        return pricing.sheet.truths([bool(own) for own in spans])
    return compare_numbers(pricing.history[Climbed(index, number, True)], Comparison.GREATER, NOTHING)


def _in_row_order(
    pricing: Pricing, charges: Sequence[Charge], groups: Sequence[Group], sizes: Sequence[Number]
) -> list[Cost]:
    """Each combination goes on where the one before it ended; without usage the first enters the ladder."""
    sheet = pricing.sheet
    whole = sheet.let_number(sum_of(*sizes))
    idle = sheet.let(compare_numbers(whole, Comparison.IS, NOTHING))
    position: Number = NOTHING
    resumed: Truth = FALSE
    earlier: Truth = FALSE
    found: list[Cost] = []
    for group, size in zip(groups, sizes, strict=True):
        some = sheet.let(compare_numbers(size, Comparison.GREATER, NOTHING))
        end = sheet.let_number(sum_of(position, size))
        own = cost_on(pricing, charges, group.rows, Climb(end, position, resumed, whole))
        first = both(idle, group.present, negation(earlier))
        takes_turn = sheet.let(either(some, first))
        found.append(cost_where(takes_turn, own))
        position = end
        resumed = sheet.let(either(resumed, some))
        earlier = sheet.let(either(earlier, group.present))
    return found


def _in_time_order(
    pricing: Pricing, charges: Sequence[Charge], groups: Sequence[Group], sizes: Sequence[Number]
) -> list[Cost]:
    """Each event goes on where the one before it ended, at the prices of its combination."""
    sheet, source = pricing.sheet, charges[0].source
    assert isinstance(source, OfMeter), "only usage has an order in time"
    if pricing.program.meters[source.meter].rounding is not None:
        raise UnfitError("a ladder in order of time, of quantities that are rounded")
    index = next(at for at, item in enumerate(pricing.members[0].plan.charges) if item.name == charges[0].name)
    idle = sheet.let(compare_numbers(sheet.let_number(sum_of(*sizes)), Comparison.IS, NOTHING))
    earlier: Truth = FALSE
    shares: list[Share] = []
    for group, size in zip(groups, sizes, strict=True):
        schedules = tuple(charge.rows[row].schedule for charge, row in zip(charges, group.rows, strict=True))
        first = sheet.let(both(idle, group.present, negation(earlier)))
        foot = cost_on(pricing, charges, group.rows, Climb(NOTHING))
        shares.append(Share(schedules, size, tuple(_factors(pricing, schedules)), first, foot))
        earlier = sheet.let(either(earlier, group.present))
    includes = any(allowance.meter == source.meter for allowance in pricing.held)
    freed = tuple(number_not_below_zero(less(group.metered, size)) for group, size in zip(groups, sizes, strict=True))
    pricing.turns.asked.append(
        AskedTurns(
            index,
            source.meter,
            tuple(bucket_of(charges[0], group.combination).cases for group in groups),
            tuple(rungs_of(sheet, share.schedules, share.factors) for share in shares),
            freed if includes else None,
        )
    )
    return priced_in_time(sheet, pricing.turns, index, shares)


def _by_share(
    pricing: Pricing, charges: Sequence[Charge], groups: Sequence[Group], sizes: Sequence[Number]
) -> list[Cost]:
    """Each combination's share of what the whole costs at its row's prices; without usage the first pays it."""
    sheet = pricing.sheet
    whole = sheet.let_number(sum_of(*sizes))
    idle = sheet.let(compare_numbers(whole, Comparison.IS, NOTHING))
    divisor = sheet.let_number(number_where(idle, fraction(1), whole))
    earlier: Truth = FALSE
    found: list[Cost] = []
    for group, size in zip(groups, sizes, strict=True):
        own = cost_on(pricing, charges, group.rows, Climb(whole))
        first = both(idle, group.present, negation(earlier))
        some = compare_numbers(size, Comparison.GREATER, NOTHING)
        share = number_where(first, fraction(1), ratio_of(size, divisor))
        share = sheet.let_number(share)
        amount = product_of(sheet.let_number(own.amount), share)
        portions = tuple(Portion(product_of(item.size, share), item.unit_price) for item in own.portions or ())
        part = Cost(amount, own.refused, portions)
        found.append(cost_where(sheet.let(either(some, first)), part))
        earlier = sheet.let(either(earlier, group.present))
    return found


def cost_where(condition: Truth, own: Cost) -> Cost:
    """A price where a condition holds, and nothing elsewhere."""
    portions = tuple(
        Portion(number_where(condition, item.size, NOTHING), item.unit_price) for item in own.portions or ()
    )
    return Cost(number_where(condition, own.amount, NOTHING), both(condition, own.refused), portions)


# Lines


def bounded(pricing: Pricing, amount: Number, minimums: Sequence[Bound | None], caps: Sequence[Bound | None]) -> Number:
    """The amount with a floor and a ceiling of its own, before rounding; all members have them or none."""
    if minimums[0] is not None:
        amount = larger(amount, limit(pricing, minimums))
    if caps[0] is not None:
        amount = smaller(amount, limit(pricing, caps))
    return amount


def limit(pricing: Pricing, bounds: Sequence[Bound | None]) -> Number:
    """A floor or ceiling as it stands for the covered days of each member."""
    values = [
        Fraction(0) if bound is None else bound_step(bound, member.situation).value
        for bound, member in zip(bounds, pricing.members, strict=True)
    ]
    return pricing.sheet.numbers(values)


def rounded_line(pricing: Pricing, amount: Number) -> Integer:
    """An amount in whole money units, rounded once."""
    return pricing.sheet.round_number(pricing.sheet.let_number(amount), pricing.size, pricing.program.line_rounding)


def _line(pricing: Pricing, charges: Sequence[Charge], group: Group, found: Cost) -> PricedSlot:
    rows = [charge.rows[row] for charge, row in zip(charges, group.rows, strict=True)]
    charge = charges[0]
    amount = bounded(pricing, found.amount, [row.minimum for row in rows], [row.cap for row in rows])
    if not charge.columns or charge.bounds_per_row:
        amount = bounded(pricing, amount, [item.minimum for item in charges], [item.cap for item in charges])
    infos = tuple(
        Info(
            item.name,
            LineKind.CHARGE,
            item.labels.default,
            row.place if item.columns else item.place,
            item.unit,
            item.because,
            tuple((column.name, text) for column, text in zip(item.columns, group.combination.key, strict=False)),
        )
        for item, row in zip(charges, rows, strict=True)
    )
    units = choose(group.present, rounded_line(pricing, amount), ZERO)
    slot = Slot(infos, group.present, pricing.sheet.let(units), group.metered)
    return PricedSlot(slot, tuple(charges), group.combination, found.portions)


def sum_bounds(pricing: Pricing, charges: Sequence[Charge], lines: Sequence[PricedSlot], stands: Truth) -> list[Slot]:
    """What a floor or cap on the sum of several rows adds or takes: a line of its own."""
    charge, sheet = charges[0], pricing.sheet
    found: list[Slot] = []
    sides = ((LineKind.MINIMUM, [item.minimum for item in charges]), (LineKind.CAP, [item.cap for item in charges]))
    for kind, bounds in sides:
        if bounds[0] is None:
            continue
        current = sheet.let(add(*(item.slot.amount for item in lines), *(slot.amount for slot in found)))
        most = rounded_line(pricing, limit(pricing, bounds))
        sign = Comparison.LESS if kind is LineKind.MINIMUM else Comparison.GREATER
        present = sheet.let(both(stands, compare(current, sign, most)))
        infos = tuple(
            Info(item.name, kind, item.labels.default, bound.place, because=bound.because)
            for item, bound in zip(charges, bounds, strict=True)
            if bound is not None
        )
        gap = sheet.let(choose(present, subtract(most, current), ZERO))
        found.append(Slot(infos, present, gap, None, ((charge.name, TRUE),)))
    return found


__all__ = ["Pricing", "Rounding", "begin_allowances", "price_charge"]
