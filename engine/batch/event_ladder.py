"""What a quantity of one event costs, as integers of SQL: `schedule.walk` for many prices at once.

A price is a schedule with a floor, a ceiling and a rounding of its own. Prices of one charge differ row by row; their
numbers are the parameters of a `Sheet`, brought to one scale of quantities and one of money, and one expression prices
them all. What a price does not have stands there as what changes nothing: a bound past every quantity, a rate of zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import lcm

from ...money import Rounding
from ...records import Record
from ..condition import Comparison
from ..plan import Charge, LineRounding, Row
from ..schedule import Band, Mode, Schedule, scaled
from .number import (
    FALSE,
    ONE,
    TRUE,
    ZERO,
    Integer,
    Truth,
    UnfitError,
    add,
    both,
    choose,
    compare,
    either,
    greatest,
    is_positive,
    is_zero,
    least,
    multiply,
    negation,
    not_below_zero,
    subtract,
    type_of,
)
from .sheet import Sheet


class Price(Record):
    """A schedule with the bounds and the rounding of an event, in money."""

    schedule: Schedule
    minimum: Fraction | None = None
    cap: Fraction | None = None
    rounding: LineRounding | None = None


def price_of(charge: Charge, row: Row) -> Price:
    """The price of a row of an `each` charge.

    Raises `UnfitError` where a width or a bound depends on something: whoever asks settles it first.
    """
    minimum, cap = row.minimum or charge.minimum, row.cap or charge.cap
    if row.schedule.depends:
        raise UnfitError("a width that depends on a meter or an attribute, for each event")
    if any(bound is not None and bound.prorated for bound in (minimum, cap)):
        raise UnfitError("a prorated floor or ceiling for each event")
    return Price(
        row.schedule,
        None if minimum is None else minimum.amount,
        None if cap is None else cap.amount,
        charge.round_event,
    )


def form_of(price: Price) -> object:
    """The numbers of a price, without its words: prices of one form cost the same."""
    schedule = price.schedule
    bands = tuple(
        (band.upper, band.inclusive, band.rate, band.step, band.once, band.if_used, band.refused)
        for band in schedule.bands
    )
    rounding = None if price.rounding is None else (price.rounding.size, price.rounding.mode)
    return schedule.mode, bands, schedule.quantity_scale, schedule.money_scale, price.minimum, price.cap, rounding


@dataclass(frozen=True)
class Ladders:
    """The prices of a charge, brought to `1/quantity_scale` of its unit and `1/money_scale` of the currency's."""

    prices: tuple[Price, ...]
    quantity_scale: int

    @cached_property
    def schedules(self) -> tuple[Schedule, ...]:
        """The schedules over the common integers of quantities; each has its own money."""
        return tuple(scaled(price.schedule, self.quantity_scale) for price in self.prices)

    @cached_property
    def money_scale(self) -> int:
        """What all amounts, bounds and roundings are whole numbers of."""
        found = [schedule.money_scale for schedule in self.schedules]
        for price in self.prices:
            found += [bound.denominator for bound in (price.minimum, price.cap) if bound is not None]
            found += [] if price.rounding is None else [price.rounding.size.denominator]
        return lcm(*found)

    @property
    def depth(self) -> int:
        """The bands of the longest schedule."""
        return max(len(schedule.bands) for schedule in self.schedules)

    def money(self, schedule: Schedule, amount: int) -> int:
        """An amount of a schedule over the common integers of money."""
        return amount * (self.money_scale // schedule.money_scale)

    def band(self, schedule: Schedule, index: int) -> Band | None:
        """A band of a schedule, None past its last."""
        return schedule.bands[index] if index < len(schedule.bands) else None

    def low(self, schedule: Schedule, index: int) -> int:
        """Where a band of a graduated schedule begins."""
        return (schedule.bands[index - 1].upper or 0) if index else 0


def ladders_of(prices: Sequence[Price], *denominators: int) -> Ladders:
    """The prices over the least integers that hold their bounds and whatever has one of these denominators."""
    return Ladders(tuple(prices), lcm(*denominators, *(price.schedule.quantity_scale for price in prices)))


class Stretch(Record):
    """What is priced in one go: `(start, end]` of an event's quantity, of which `whole` chooses a volume band."""

    end: Integer
    whole: Integer
    start: Integer | None = None
    """None where an event is priced from its foot."""


def climb(sheet: Sheet, ladders: Ladders, stretch: Stretch) -> tuple[Integer, Truth]:
    """What a stretch costs, and whether a band refuses it."""
    graduated = sheet.truths([price.schedule.mode is Mode.GRADUATED for price in ladders.prices])
    found: list[tuple[Integer, Truth]] = []
    if graduated is not FALSE:
        found.append(_graduated(sheet, ladders, stretch))
    if graduated is not TRUE:
        found.append(_volume(sheet, ladders, stretch))
    if len(found) == 1:
        return found[0]
    (amount, refused), (other_amount, other_refused) = found
    return (
        sheet.let(choose(graduated, amount, other_amount)),
        either(both(graduated, refused), both(negation(graduated), other_refused)),
    )


def _graduated(sheet: Sheet, ladders: Ladders, stretch: Stretch) -> tuple[Integer, Truth]:
    end, start = stretch.end, stretch.start
    past = end.high
    parts: list[Integer] = []
    refusals: list[Truth] = []
    for index in range(ladders.depth):
        bands = [
            schedule.bands[index] if schedule.mode is Mode.GRADUATED and index < len(schedule.bands) else None
            for schedule in ladders.schedules
        ]
        if all(band is None for band in bands):
            break
        lows = [
            past if band is None else min(ladders.low(schedule, index), past)
            for schedule, band in zip(ladders.schedules, bands, strict=True)
        ]
        uppers = [_upper(band, past) for band in bands]
        low, upper = sheet.integers(lows), sheet.integers(uppers)
        top = sheet.let(least(end, upper))
        foot = low if start is None else sheet.let(greatest(low, start))
        size = top if foot.constant == 0 else sheet.let(not_below_zero(subtract(top, foot)))
        once = _once(ladders, bands)
        never = [band is not None and index > 0 and _is_empty(band, at) for band, at in zip(bands, lows, strict=True)]
        used = sheet.integers([0 if skip else amount for skip, amount in zip(never, once.used, strict=True)])
        bare = sheet.integers(once.bare)
        entered = _entered(index, stretch, low, upper)
        paid = bare if used == bare else choose(is_positive(size), used, bare)
        parts += [_stepped(sheet, ladders, bands, size), choose(entered, paid, ZERO)]
        refusing_bands = sheet.truths([band is not None and band.refused for band in bands])
        refusals.append(both(refusing_bands, is_positive(size)))
    if start is None:
        refusing = sheet.integers([_refused_from(ladders, schedule, past) for schedule in ladders.schedules])
        return sheet.let(add(*parts)), compare(end, Comparison.GREATER, refusing)
    return sheet.let(add(*parts)), either(*refusals)


def _entered(index: int, stretch: Stretch, low: Integer, upper: Integer) -> Truth:
    """Whether the foot of a band lies in the stretch, so that its `once` is due."""
    start, end = stretch.start, stretch.end
    if start is None:
        return TRUE if index == 0 else compare(end, Comparison.GREATER, low)
    if index == 0:
        return is_zero(start)
    return both(
        compare(end, Comparison.GREATER, low),
        compare(low, Comparison.GREATER_OR_EQUAL, start),
        compare(least(end, upper), Comparison.GREATER, start),
    )


def _is_empty(band: Band, low: int) -> bool:
    """Whether a band of no width is entered without anything in it, and then costs nothing once."""
    return band.upper is not None and (band.upper <= 0 or (band.upper <= low and band.if_used))


def _volume(sheet: Sheet, ladders: Ladders, stretch: Stretch) -> tuple[Integer, Truth]:
    whole, start = stretch.whole, stretch.start
    size = stretch.end if start is None else sheet.let(subtract(stretch.end, start))
    size = Integer(size.sql, 0, size.high, size.depth)
    past = whole.high
    amount, refused = ZERO, FALSE
    chosen: list[tuple[Truth, Integer, Truth]] = []
    for index in range(ladders.depth):
        bands = [
            schedule.bands[index] if schedule.mode is not Mode.GRADUATED and index < len(schedule.bands) else None
            for schedule in ladders.schedules
        ]
        if all(band is None for band in bands):
            break
        # A bound that is not included is passed by one integer less.
        tops = [
            past if band is None or band.upper is None else min(band.upper - (not band.inclusive), past)
            for band in bands
        ]
        once = _once(ladders, bands)
        used, bare = sheet.integers(once.used), sheet.integers(once.bare)
        paid = used if used == bare else choose(is_positive(size), used, bare)
        entered = TRUE if start is None else is_zero(start)
        cost = add(_stepped(sheet, ladders, bands, size), choose(entered, paid, ZERO))
        refuses = sheet.truths([band is not None and band.refused for band in bands])
        chosen.append((compare(whole, Comparison.LESS_OR_EQUAL, sheet.integers(tops)), cost, refuses))
    for inside, cost, refuses in reversed(chosen):
        amount = choose(inside, cost, amount)
        refused = refuses if inside.known else either(both(inside, refuses), both(negation(inside), refused))
    return sheet.let(amount), both(refused, is_positive(size))


def _upper(band: Band | None, past: int) -> int:
    return past if band is None or band.upper is None else min(band.upper, past)


def _refused_from(ladders: Ladders, schedule: Schedule, past: int) -> int:
    """Past which quantity a graduated schedule refuses."""
    if schedule.mode is not Mode.GRADUATED:
        return past
    lows = [
        ladders.low(schedule, index)
        for index, band in enumerate(schedule.bands)
        if band.refused and (band.upper is None or band.upper > ladders.low(schedule, index))
    ]
    return min([past, *lows])


class _Once(Record):
    """What a band costs once, by price: where something is used, and where it is entered by nothing."""

    used: list[int]
    bare: list[int]


def _once(ladders: Ladders, bands: Sequence[Band | None]) -> _Once:
    amounts = [
        0 if band is None else ladders.money(schedule, band.once)
        for schedule, band in zip(ladders.schedules, bands, strict=True)
    ]
    bare = [0 if band is not None and band.if_used else amount for amount, band in zip(amounts, bands, strict=True)]
    return _Once(amounts, bare)


def _stepped(sheet: Sheet, ladders: Ladders, bands: Sequence[Band | None], size: Integer) -> Integer:
    """The rate of a band for a size, or for its started steps: no steps are steps of one integer."""
    rates = [
        0 if band is None else ladders.money(schedule, band.rate)
        for schedule, band in zip(ladders.schedules, bands, strict=True)
    ]
    if not any(rates):
        return ZERO
    steps = [1 if band is None or band.step is None else band.step for band in bands]
    # A large step has a large rate: together they are less than the most steps at the highest rate.
    costs = [-(-size.high // step) * rate for step, rate in zip(steps, rates, strict=True)]
    count = started(sheet, size, sheet.integers(steps))
    return _product(count, sheet.integers(rates), min(0, *costs), max(0, *costs))


def _product(left: Integer, right: Integer, low: int, high: int) -> Integer:
    """The product of two integers of which it is known that it lies between two bounds."""
    if left.constant is not None or right.constant is not None:
        return multiply(left, right)
    size = max(-low, high, left.size_max, right.size_max)
    type_ = type_of(-size, size)
    return Integer(f"(({left.sql})::{type_} * ({right.sql})::{type_})", low, high, max(left.depth, right.depth))


def started(sheet: Sheet, size: Integer, step: Integer) -> Integer:
    """How many steps are started by a size that is not below zero."""
    if step.constant == 1:
        return size
    return sheet.quotient(add(size, subtract(step, ONE)), step)[0]


def bounded_event(sheet: Sheet, ladders: Ladders, amount: Integer) -> Integer:
    """The amount of a whole event with its floor, its ceiling and its rounding."""
    scale = ladders.money_scale
    if any(price.minimum is not None for price in ladders.prices):
        floors = [amount.low if price.minimum is None else int(price.minimum * scale) for price in ladders.prices]
        amount = sheet.let(greatest(amount, sheet.integers(floors)))
    if any(price.cap is not None for price in ladders.prices):
        ceilings = [amount.high if price.cap is None else int(price.cap * scale) for price in ladders.prices]
        amount = sheet.let(least(amount, sheet.integers(ceilings)))
    return _rounded(sheet, ladders, amount)


def _rounded(sheet: Sheet, ladders: Ladders, amount: Integer) -> Integer:
    roundings = [price.rounding for price in ladders.prices]
    found = amount
    for mode in _modes(roundings):
        own = [item if item is not None and item.mode is mode else None for item in roundings]
        size_max = max(int(item.size * ladders.money_scale) for item in own if item is not None)
        # Prices that are rounded otherwise, or not at all, are chosen from before: any size will do for them.
        sizes = [size_max if item is None else int(item.size * ladders.money_scale) for item in own]
        size = sheet.integers(sizes)
        bound = found.size_max + size_max
        whole = _product(sheet.rounded(found, size, mode), size, -bound if found.low < 0 else 0, bound)
        found = sheet.let(choose(sheet.truths([item is not None for item in own]), whole, found))
    return found


def _modes(roundings: Iterable[LineRounding | None]) -> list[Rounding]:
    return list(dict.fromkeys(rounding.mode for rounding in roundings if rounding is not None))
