"""What a quantity costs on a ladder, as integer expressions: `schedule.walk` for all statements of a family at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction

from ...money import Rounding
from ...records import Record
from ..condition import Comparison
from ..schedule import Band, DependsOn, Mode, Schedule
from .ledger import Portion
from .number import (
    FALSE,
    NOTHING,
    ONE,
    TRUE,
    Integer,
    Number,
    Truth,
    both,
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
    sum_of,
)
from .sheet import Sheet


class Climb(Record):
    """A stretch `(start, end]` of a ladder; `resumed` as in `schedule.walk`. `whole` chooses the band of a volume
    ladder.
    """

    end: Number
    start: Number = NOTHING
    resumed: Truth = FALSE
    whole: Number | None = None


class Cost(Record):
    """The price of a climb, before rounding; where it is refused; and its portions, one a band (None where they are
    not known).
    """

    amount: Number
    refused: Truth
    portions: tuple[Portion, ...] | None


Factor = Callable[[DependsOn, Sequence[Band]], Number]
"""What a width is multiplied by."""


def cost(sheet: Sheet, schedules: Sequence[Schedule], climb: Climb, factors: Sequence[Number]) -> Cost:
    """What a climb costs on the schedules of a family, one a member and all of one shape.

    `factors` multiply the bands' widths, 1 where nothing depends.
    """
    uppers = uppers_of(sheet, schedules, factors)
    quantity = sheet.let_number(number_not_below_zero(climb.end))
    if schedules[0].mode is Mode.GRADUATED:
        return _graduated(sheet, schedules, uppers, quantity, climb)
    return _whole(sheet, schedules, uppers, quantity, climb)


def uppers_of(sheet: Sheet, schedules: Sequence[Schedule], factors: Sequence[Number]) -> list[Number | None]:
    """The upper bounds with dependent widths multiplied out, as `schedule.settled`."""
    found: list[Number | None] = []
    reach: Number = NOTHING
    depends = schedules[0].depends
    for index, band in enumerate(schedules[0].bands):
        if band.upper is None:
            found.append(None)
            continue
        bounds = [Fraction(schedule.bands[index].upper or 0, schedule.quantity_scale) for schedule in schedules]
        if not depends:
            found.append(sheet.numbers(bounds))
        elif schedules[0].mode is Mode.GRADUATED:
            lows = [
                Fraction(schedule.bands[index - 1].upper or 0, schedule.quantity_scale) if index else Fraction(0)
                for schedule in schedules
            ]
            widths = sheet.numbers([high - low for high, low in zip(bounds, lows, strict=True)])
            reach = sheet.let_number(sum_of(reach, product_of(widths, factors[index])))
            found.append(reach)
        else:
            found.append(sheet.let_number(product_of(sheet.numbers(bounds), factors[index])))
    return found


def _graduated(
    sheet: Sheet, schedules: Sequence[Schedule], uppers: Sequence[Number | None], quantity: Number, climb: Climb
) -> Cost:
    parts: list[Number] = []
    refused: list[Truth] = []
    portions: list[Portion] = []
    low: Number = NOTHING
    start = climb.start
    from_foot = compare_numbers(start, Comparison.IS, NOTHING)
    for index, band in enumerate(schedules[0].bands):
        upper = uppers[index]
        high = quantity if upper is None else sheet.let_number(smaller(quantity, upper))
        size = sheet.let_number(number_not_below_zero(less(high, larger(low, start))))
        reached = TRUE if index == 0 else compare_numbers(quantity, Comparison.GREATER, low)
        above_start = compare_numbers(high, Comparison.GREATER, start)
        standing = both(reached, either(above_start, from_foot) if index == 0 else above_start)
        begun = number_where(climb.resumed, number_not_below_zero(less(start, low)), NOTHING)
        entered = compare_numbers(low, Comparison.GREATER_OR_EQUAL, start)
        if index == 0 and not band.if_used:
            entered = both(entered, negation(climb.resumed))
        _price(sheet, schedules, index, size, begun, both(standing, entered), standing, parts, refused, portions)
        if upper is None:
            break
        low = upper
    return Cost(sum_of(*parts), either(*refused), tuple(portions))


def _whole(
    sheet: Sheet, schedules: Sequence[Schedule], uppers: Sequence[Number | None], quantity: Number, climb: Climb
) -> Cost:
    """A ladder whose band is that of the whole quantity."""
    chooser = quantity if climb.whole is None else sheet.let_number(number_not_below_zero(climb.whole))
    from_foot = compare_numbers(climb.start, Comparison.IS, NOTHING)
    size = sheet.let_number(less(quantity, climb.start))
    size = number_not_below_zero(size)
    parts: list[Number] = []
    refused: list[Truth] = []
    portions: list[Portion] = []
    before: list[Truth] = []
    amount: Number = NOTHING
    found: list[tuple[Truth, Number]] = []
    for index, band in enumerate(schedules[0].bands):
        upper = uppers[index]
        if upper is None:
            inside = TRUE
        else:
            sign = Comparison.LESS_OR_EQUAL if band.inclusive else Comparison.LESS
            inside = sheet.let(compare_numbers(chooser, sign, upper))
        standing = both(inside, *(negation(item) for item in before))
        begun = number_where(climb.resumed, climb.start, NOTHING)
        entered = from_foot if band.if_used else both(from_foot, negation(climb.resumed))
        own: list[Number] = []
        _price(sheet, schedules, index, size, begun, entered, standing, own, refused, portions)
        found.append((inside, sum_of(*own)))
        before.append(inside)
        if upper is None:
            break
    for inside, price in reversed(found):
        amount = number_where(inside, price, amount)
    del parts
    return Cost(sheet.let_number(amount), either(*refused), tuple(portions))


def _price(
    sheet: Sheet,
    schedules: Sequence[Schedule],
    index: int,
    size: Number,
    begun: Number,
    entered: Truth,
    standing: Truth,
    parts: list[Number],
    refused: list[Truth],
    portions: list[Portion],
) -> None:
    """One band: what a part of the quantity costs in it, as `schedule._slice`."""
    band = schedules[0].bands[index]
    some = compare_numbers(size, Comparison.GREATER, NOTHING)
    if band.refused:
        refused.append(both(standing, some))
    rate_values = [
        Fraction(
            schedule.bands[index].rate * (schedule.quantity_scale if band.step is None else 1), schedule.money_scale
        )
        for schedule in schedules
    ]
    if any(rate_values):
        rate = sheet.numbers(rate_values)
        if band.step is None:
            amount = product_of(size, rate)
            unit_price = rate
        else:
            step = sheet.numbers([Fraction(item.bands[index].step or 1, item.quantity_scale) for item in schedules])
            steps = _started(sheet, sum_of(begun, size), step)
            if begun.top.constant != 0:
                steps = less(steps, _started(sheet, begun, step))
            amount = product_of(steps, rate)
            positive = number_where(some, size, fraction(1))
            unit_price = ratio_of(amount, positive)
        parts.append(amount)
    else:
        unit_price = NOTHING
    portions.append(Portion(number_where(standing, size, NOTHING), unit_price))
    if band.once:
        once = sheet.numbers([Fraction(item.bands[index].once, item.money_scale) for item in schedules])
        when = both(entered, some) if band.if_used else entered
        parts.append(number_where(when, once, NOTHING))


def _started(sheet: Sheet, quantity: Number, step: Number) -> Number:
    """How many steps a quantity starts."""
    ratio = ratio_of(quantity, step)
    return Number(sheet.rounded(ratio.top, ratio.divisor, Rounding.UP))


def as_number(value: Integer) -> Number:
    """A whole number."""
    return Number(value)


__all__ = ["ONE", "Climb", "Cost", "as_number", "cost", "uppers_of"]
