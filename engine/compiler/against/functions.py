"""What a quantity costs as an exact function that is a straight line between its turning points.

Amounts come from the one walk over bands. Started blocks are read at their ends, where a block costs its whole price;
between them the price is that of the end of the block, so nothing is lost for quantities in whole blocks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from math import lcm

from ...schedule import Schedule, band_of, fitting, price

Amount = Callable[[Fraction], "Fraction | None"]


@dataclass(frozen=True, slots=True)
class PriceFunction:
    """`at(quantity)` is money, None where such usage is refused; between two neighbouring `turns` it is a line."""

    at: Amount
    turns: tuple[Fraction, ...] = ()


def constant(amount: Fraction) -> PriceFunction:
    """The same for every quantity."""
    return PriceFunction(lambda _quantity: amount)


def of_schedule(schedule: Schedule) -> PriceFunction:
    """The price by a schedule whose widths do not depend."""
    smooth = _without_steps(schedule)

    def at(quantity: Fraction) -> Fraction | None:
        finer, whole = fitting(smooth, quantity)
        if finer.bands[band_of(finer, whole)].refused and whole > 0:
            return None
        return Fraction(price(finer, whole), finer.money_scale)

    turns = tuple(Fraction(band.upper, smooth.quantity_scale) for band in smooth.bands if band.upper is not None)
    return PriceFunction(at, (Fraction(0), *turns))


def _without_steps(schedule: Schedule) -> Schedule:
    """The schedule with the price of a block spread over it, equal to it wherever blocks are whole."""
    steps = [band.step for band in schedule.bands if band.step is not None]
    if not steps:
        return schedule
    finer = lcm(*steps)
    bands = tuple(
        replace(
            band,
            rate=band.rate * finer if band.step is None else band.rate * (finer // band.step),
            once=band.once * finer,
            step=None,
        )
        for band in schedule.bands
    )
    return Schedule(schedule.mode, bands, schedule.quantity_scale, schedule.money_scale * finer)


def shifted(function: PriceFunction, included: Fraction) -> PriceFunction:
    """The function of what is left of a quantity after so much of it is included."""
    if not included:
        return function
    turns = (Fraction(0), *(turn + included for turn in function.turns))
    return PriceFunction(lambda quantity: function.at(max(quantity - included, Fraction(0))), turns)


def total(functions: Sequence[PriceFunction]) -> PriceFunction:
    """The sum; None where a part is."""

    def at(quantity: Fraction) -> Fraction | None:
        amount = Fraction(0)
        for function in functions:
            part = function.at(quantity)
            if part is None:
                return None
            amount += part
        return amount

    return PriceFunction(at, tuple(sorted({turn for function in functions for turn in function.turns})))


def between(function: PriceFunction, minimum: Fraction | None, cap: Fraction | None) -> PriceFunction:
    """The function with a floor and a ceiling; where it crosses them it turns."""
    turns = {Fraction(0), *function.turns}
    for bound in (minimum, cap):
        if bound is not None:
            turns.update(_crossings(function, bound))

    def at(quantity: Fraction) -> Fraction | None:
        amount = function.at(quantity)
        if amount is None:
            return None
        raised = amount if minimum is None else max(amount, minimum)
        return raised if cap is None else min(raised, cap)

    return PriceFunction(at, tuple(sorted(turns)))


def _crossings(function: PriceFunction, bound: Fraction) -> Iterator[Fraction]:
    for stretch in stretches(function.turns):
        found = line(function.at, stretch)
        if found is None or not found.slope:
            continue
        crossing = stretch.low + (bound - found.at_low) / found.slope
        if stretch.low < crossing and (stretch.high is None or crossing < stretch.high):
            yield crossing


@dataclass(frozen=True, slots=True)
class Stretch:
    """The open range between two neighbouring turning points, the last without end."""

    low: Fraction
    high: Fraction | None

    @property
    def inside(self) -> tuple[Fraction, Fraction]:
        """Two quantities inside it."""
        width = Fraction(3) if self.high is None else self.high - self.low
        return self.low + width / 3, self.low + width * 2 / 3


@dataclass(frozen=True, slots=True)
class Line:
    """A straight line: its value in the limit at the lower end of its stretch, and its slope."""

    at_low: Fraction
    slope: Fraction


def stretches(turns: Sequence[Fraction]) -> Iterator[Stretch]:
    """The open ranges between turning points, from zero on."""
    marks = sorted({Fraction(0), *(turn for turn in turns if turn > 0)})
    for low, high in pairwise(marks):
        yield Stretch(low, high)
    yield Stretch(marks[-1], None)


def line(amount: Amount, stretch: Stretch) -> Line | None:
    """The line that a function is inside a stretch without turning points; None where it is refused."""
    first, second = stretch.inside
    at_first, at_second = amount(first), amount(second)
    if at_first is None or at_second is None:
        return None
    slope = (at_second - at_first) / (second - first)
    return Line(at_first - slope * (first - stretch.low), slope)
