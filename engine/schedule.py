"""Piecewise prices as breakpoints over integers: the one place that walks bands.

A schedule counts quantities in `1/quantity_scale` of the charge's unit and money in `1/money_scale` of the currency's
main unit, so that every bound, rate and amount is an integer. Nothing is rounded here. A breakpoint carries its side:
`(low, high]` where the bound is included, `[low, high)` where it is not.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace
from fractions import Fraction
from math import lcm

from ..records import Record


class Mode(enum.Enum):
    """How bands are read; a price without bands is a graduated one with a single band."""

    GRADUATED = "graduated"
    VOLUME = "volume"
    STAIRSTEP = "stairstep"


class DependsOn(Record):
    """What a width is multiplied by: days of the period, a metered quantity, or an attribute. One of the three."""

    days: Fraction | None = None
    meter: str | None = None
    attribute: str | None = None
    per: Fraction = Fraction(1)
    """The width is for so many of it: `first 200 kWh per 2 kW of demand`."""


class Band(Record):
    """One band.

    `upper` is the bound above which the next band begins, None for the last. `rate` is money per integer of quantity,
    or per started `step` of so many integers. `once` is added where the band is entered, with `if_used` only for a
    quantity above zero. `width_per` makes the band's width (not `upper`) so many times what it depends on; with
    `prorated` it is the covered days' share of itself.
    """

    upper: int | None
    inclusive: bool = True
    rate: int = 0
    step: int | None = None
    once: int = 0
    if_used: bool = False
    refused: bool = False
    width_per: DependsOn | None = None
    prorated: bool = False
    head: str = ""
    text: str = ""
    once_text: str = ""


class Schedule(Record):
    """The price of one row: bands in rising order, the last of them open."""

    mode: Mode
    bands: tuple[Band, ...]
    quantity_scale: int
    money_scale: int

    @property
    def depends(self) -> bool:
        return any(band.width_per is not None or band.prorated for band in self.bands)


@dataclass(frozen=True, slots=True)
class Slice:
    """The part of a quantity that a band prices: `size` integers, `steps` started steps (0 where there are none)."""

    band: int
    size: int
    steps: int
    amount: int
    once: int


def walk(
    schedule: Schedule, quantity: int, start: int = 0, whole: int | None = None, *, resumed: bool = False
) -> tuple[Slice, ...]:
    """The slices of a quantity (in the schedule's integers; below zero counts as zero), in order of the bands.

    The sizes add up to the quantity; the amounts and `once` add up to its price. The first band is entered even by
    zero. With `start`, only what lies above it is sliced, and a band begun before it has had its `once`; `whole` is
    then the quantity that chooses the band of a volume schedule.

    A `resumed` ladder was climbed to `start` by others, or on earlier bills: its foot has been entered, and a step that
    was started below `start` has been paid for. Without it, steps begin anew at `start`. Raises `ValueError` for a
    schedule whose widths still depend.
    """
    quantity = max(quantity, 0)
    match schedule.mode:
        case Mode.GRADUATED:
            slices = []
            low = 0
            for index, band in enumerate(schedule.bands):
                if index and quantity <= low:
                    break
                high = quantity if band.upper is None else min(quantity, band.upper)
                if high > start or (index == 0 and start == 0):
                    begun = max(start - low, 0) if resumed else 0
                    entered = low >= start and not (resumed and index == 0 and not band.if_used)
                    slices.append(_slice(schedule, index, high - max(low, start), begun, entered=entered))
                low = band.upper if band.upper is not None else quantity
            return tuple(slices)
        case Mode.VOLUME | Mode.STAIRSTEP:
            index = band_of(schedule, quantity if whole is None else whole)
            entered = start == 0 and (not resumed or schedule.bands[index].if_used)
            begun = start if resumed else 0
            return (_slice(schedule, index, quantity - start, begun, entered=entered),)


def band_of(schedule: Schedule, quantity: int) -> int:
    """The band that a whole quantity falls in."""
    for index, band in enumerate(schedule.bands):
        if band.upper is None or quantity < band.upper or (band.inclusive and quantity == band.upper):
            return index
    raise ValueError("the last band of a schedule is open")


def _slice(schedule: Schedule, index: int, size: int, begun: int, *, entered: bool) -> Slice:
    band = schedule.bands[index]
    if band.width_per is not None or band.prorated:
        raise ValueError("the widths of this schedule still depend")
    once = band.once if entered and not (band.if_used and size <= 0) else 0
    if band.step is None:
        return Slice(index, size, 0, size * band.rate, once)
    steps = -(-(begun + size) // band.step) + -begun // band.step
    return Slice(index, size, steps, steps * band.rate, once)


def price(schedule: Schedule, quantity: int) -> int:
    """The price of a quantity, in the schedule's money."""
    return sum(part.amount + part.once for part in walk(schedule, quantity))


def scaled(schedule: Schedule, quantity_scale: int) -> Schedule:
    """The same schedule over finer integers; `quantity_scale` is a multiple of the schedule's own."""
    factor = quantity_scale // schedule.quantity_scale
    if factor == 1:
        return schedule
    bands = tuple(
        replace(
            band,
            upper=None if band.upper is None else band.upper * factor,
            step=None if band.step is None else band.step * factor,
            rate=band.rate if band.step is None else band.rate * factor,
            once=band.once * factor,
        )
        for band in schedule.bands
    )
    return Schedule(schedule.mode, bands, quantity_scale, schedule.money_scale * factor)


def fitting(schedule: Schedule, quantity: Fraction) -> tuple[Schedule, int]:
    """A schedule whose integers hold the quantity exactly, and the quantity in them."""
    finer = scaled(schedule, lcm(schedule.quantity_scale, quantity.denominator))
    return finer, int(quantity * finer.quantity_scale)


def settled(schedule: Schedule, factors: tuple[Fraction, ...]) -> Schedule:
    """The schedule with its dependent widths multiplied out: `factors` holds one number a band, 1 where none depends.

    In a graduated schedule a band's own width (its bound less the one before) is multiplied, in the others its bound,
    which is a total.
    """
    bounds: list[Fraction | None] = []
    low, reach = 0, Fraction(0)
    for band, factor in zip(schedule.bands, factors, strict=True):
        if band.upper is None:
            bounds.append(None)
        elif schedule.mode is Mode.GRADUATED:
            reach += (band.upper - low) * factor
            low = band.upper
            bounds.append(reach)
        else:
            bounds.append(band.upper * factor)
    denominator = lcm(*(bound.denominator for bound in bounds if bound is not None))
    finer = scaled(schedule, schedule.quantity_scale * denominator)
    bands = tuple(
        replace(band, upper=None if bound is None else int(bound * denominator), width_per=None, prorated=False)
        for band, bound in zip(finer.bands, bounds, strict=True)
    )
    return replace(finer, bands=bands)
