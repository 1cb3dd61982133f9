"""What the quantities of a charge cost, a combination each, on their own ladders or on one that they share.

The meaning is `evaluators.pooling`, and `evaluators.counting` where earlier bills stand on a ladder.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from ..condition import Comparison
from ..evaluators.proration import covered_share
from ..plan import Charge, OfMeter, Pooling
from ..schedule import Mode, Schedule
from .buckets import Bucket
from .history import Climbed, spans_of_ladder
from .ladders import Climb, Cost, cost
from .ledger import Portion
from .number import (
    FALSE,
    NOTHING,
    Number,
    Truth,
    UnfitError,
    both,
    compare_numbers,
    either,
    fraction,
    less,
    negation,
    number_not_below_zero,
    number_where,
    product_of,
    ratio_of,
    sum_of,
)
from .situation import Group, Pricing, bucket_of
from .time_order import AskedTurns, DayAmount, Share, priced_in_time, rungs_of


def on_ladders(
    pricing: Pricing, charges: Sequence[Charge], groups: Sequence[Group], sizes: Sequence[Number]
) -> list[Cost]:
    charge = charges[0]
    if charge.counted is not None:
        return _counted(pricing, charges, groups, sizes)
    if charge.prorated:
        index = next(at for at, item in enumerate(pricing.members[0].plan.charges) if item.name == charge.name)
        amounts = (pricing.turns.numbers[DayAmount(index, number)] for number in range(len(groups)))
        return [Cost(amount, FALSE, ()) for amount in amounts]
    return pooled(pricing, charges, groups, sizes)


def pooled(pricing: Pricing, charges: Sequence[Charge], groups: Sequence[Group], sizes: Sequence[Number]) -> list[Cost]:
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
    index = next(at for at, item in enumerate(pricing.members[0].plan.charges) if item.name == charge.name)
    before = [pricing.history[Climbed(index, number)] for number in range(len(groups))]
    entered = [_entered(pricing, index, number) for number in range(len(groups))]
    together, any_entered = sheet.let_number(sum_of(*before)), sheet.let(either(*entered))
    match charge.pooling:
        case None:
            return [
                _goes_on(pricing, charges, group.rows, size, own_before, own_entered)
                for group, size, own_before, own_entered in zip(groups, sizes, before, entered, strict=True)
            ]
        case Pooling.SHARE:
            return _by_share(pricing, charges, groups, sizes, together, any_entered)
        case Pooling.ROW_ORDER:
            return _in_row_order(pricing, charges, groups, sizes, together, any_entered)
        case Pooling.TIME_ORDER:
            return _in_time_order(pricing, charges, groups, sizes, together, any_entered)


def _goes_on(
    pricing: Pricing, charges: Sequence[Charge], rows: Sequence[int], size: Number, before: Number, entered: Truth
) -> Cost:
    """What a quantity costs above what stands on the ladder already."""
    sheet = pricing.sheet
    end = sheet.let_number(sum_of(before, size))
    if charges[0].rows[rows[0]].schedule.mode is Mode.GRADUATED:
        return cost_on(pricing, charges, rows, Climb(end, before, entered))
    # On a ladder whose band is that of the whole: the price of all to date, less that of what went before.
    to_date = cost_on(pricing, charges, rows, Climb(end))
    earlier = cost_on(pricing, charges, rows, Climb(before))
    amount = less(to_date.amount, number_where(entered, earlier.amount, NOTHING))
    return Cost(amount, either(to_date.refused, both(entered, earlier.refused)), None)


def _entered(pricing: Pricing, index: int, number: int) -> Truth:
    """Whether a combination has had a line on an earlier bill of the year; a charge without columns has one on each."""
    if not pricing.members[0].plan.charges[index].columns:
        spans = [spans_of_ladder(pricing.program, member, index) for member in pricing.members]
        return pricing.sheet.truths([bool(own) for own in spans])
    return compare_numbers(pricing.history[Climbed(index, number, True)], Comparison.GREATER, NOTHING)


def _in_row_order(
    pricing: Pricing,
    charges: Sequence[Charge],
    groups: Sequence[Group],
    sizes: Sequence[Number],
    before: Number = NOTHING,
    entered: Truth = FALSE,
) -> list[Cost]:
    """Each combination goes on where the one before it ended; without usage the first enters the ladder.

    `before` is what stands on it already, and `entered` whether something ever stood there.
    """
    sheet = pricing.sheet
    used = sheet.let_number(sum_of(*sizes))
    whole = sheet.let_number(sum_of(before, used))
    idle = sheet.let(compare_numbers(used, Comparison.IS, NOTHING))
    position, resumed = before, entered
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
    pricing: Pricing,
    charges: Sequence[Charge],
    groups: Sequence[Group],
    sizes: Sequence[Number],
    before: Number = NOTHING,
    entered: Truth = FALSE,
) -> list[Cost]:
    """Each event goes on where the one before it ended, at the prices of its combination; `before` stands there."""
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
        foot = cost_on(pricing, charges, group.rows, Climb(before, before, entered, before))
        shares.append(Share(schedules, size, tuple(_factors(pricing, schedules)), first, foot))
        earlier = sheet.let(either(earlier, group.present))
    includes = any(allowance.meter == source.meter for allowance in pricing.held)
    freed = tuple(number_not_below_zero(less(group.metered, size)) for group, size in zip(groups, sizes, strict=True))
    pricing.turns.asked.append(
        AskedTurns(
            index,
            source.meter,
            tuple(bucket_of(charges[0], group.combination).cases for group in groups),
            tuple(rungs_of(sheet, share.schedules, share.factors, before) for share in shares),
            freed if includes else None,
        )
    )
    return priced_in_time(sheet, pricing.turns, index, shares, before, entered)


def _by_share(
    pricing: Pricing,
    charges: Sequence[Charge],
    groups: Sequence[Group],
    sizes: Sequence[Number],
    before: Number | None = None,
    entered: Truth = FALSE,
) -> list[Cost]:
    """Each combination's share of what the whole costs at its row's prices; without usage the first pays it."""
    sheet = pricing.sheet
    whole = sheet.let_number(sum_of(*sizes))
    idle = sheet.let(compare_numbers(whole, Comparison.IS, NOTHING))
    divisor = sheet.let_number(number_where(idle, fraction(1), whole))
    earlier: Truth = FALSE
    found: list[Cost] = []
    for group, size in zip(groups, sizes, strict=True):
        if before is None:
            own = cost_on(pricing, charges, group.rows, Climb(whole))
        else:
            own = _goes_on(pricing, charges, group.rows, whole, before, entered)
        first = both(idle, group.present, negation(earlier))
        some = compare_numbers(size, Comparison.GREATER, NOTHING)
        share = number_where(first, fraction(1), ratio_of(size, divisor))
        share = sheet.let_number(share)
        amount = product_of(sheet.let_number(own.amount), share)
        portions = None
        if own.portions is not None:
            portions = tuple(Portion(product_of(item.size, share), item.unit_price) for item in own.portions)
        part = Cost(amount, own.refused, portions)
        found.append(cost_where(sheet.let(either(some, first)), part))
        earlier = sheet.let(either(earlier, group.present))
    return found


def cost_where(condition: Truth, own: Cost) -> Cost:
    """A price where a condition holds, and nothing elsewhere."""
    portions = None
    if own.portions is not None:
        portions = tuple(Portion(number_where(condition, item.size, NOTHING), item.unit_price) for item in own.portions)
    return Cost(number_where(condition, own.amount, NOTHING), both(condition, own.refused), portions)
