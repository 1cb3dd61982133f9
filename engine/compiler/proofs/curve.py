"""Prices as curves: exact functions of one quantity, straight between their points, with jumps and stairs.

A place on the axis carries its side: just below a number, at it, or just above it. What is left of zero is "not used at
all", which costs nothing. Curves are made by asking the one walk over bands; nothing here prices anything itself.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from ...schedule import Mode, Schedule, fitting, price

ZERO = Fraction(0)


class At(NamedTuple):
    """A place on an axis: just below (-1), at (0), or just above (1) a number. Places are ordered."""

    number: Fraction
    side: int = 0


ABSENT = At(Fraction(-1))
"""Before zero: there is no such usage at all."""
START = At(ZERO)


@dataclass(frozen=True, slots=True)
class Stair:
    """`height` for each started `step` above `origin`."""

    step: Fraction
    origin: Fraction
    height: Fraction

    def count(self, at: At) -> int:
        """How many steps have begun."""
        steps = (at.number - self.origin) / self.step
        return steps.numerator // steps.denominator + 1 if at.side > 0 else -(-steps.numerator // steps.denominator)


@dataclass(frozen=True, slots=True)
class Piece:
    """`base + slope × quantity` and stairs, between two neighbouring points."""

    base: Fraction
    slope: Fraction
    stairs: tuple[Stair, ...] = ()

    def value(self, at: At) -> Fraction:
        """The value that the piece has, or tends to, at a place of its closure."""
        stairs = sum((stair.height * stair.count(at) for stair in self.stairs), ZERO)
        return self.base + self.slope * at.number + stairs

    @property
    def steepness(self) -> Fraction:
        """How fast it rises in the long run."""
        return self.slope + sum((stair.height / stair.step for stair in self.stairs), ZERO)


@dataclass(frozen=True, slots=True)
class Curve:
    """`values[i]` at `points[i]`, `pieces[i]` from there to the next point; the first point is zero.

    `absent` is the value where there is no usage at all: not even zero was metered.
    """

    points: tuple[Fraction, ...]
    values: tuple[Fraction, ...]
    pieces: tuple[Piece, ...]
    absent: Fraction = ZERO

    def value(self, at: At) -> Fraction:
        """The value, or the limit, at a place."""
        if at.number < 0:
            return self.absent
        if at.side == 0:
            index = bisect_right(self.points, at.number) - 1
            return self.values[index] if self.points[index] == at.number else self.pieces[index].value(at)
        index = (bisect_left(self.points, at.number) if at.side < 0 else bisect_right(self.points, at.number)) - 1
        return self.pieces[max(index, 0)].value(at)

    def __hash__(self) -> int:
        return hash((self.points, self.values))


IDENTITY = Curve((ZERO,), (ZERO,), (Piece(ZERO, Fraction(1)),))


def always(curve: Curve) -> Curve:
    """The curve of a line that stands also without usage."""
    return Curve(curve.points, curve.values, curve.pieces, curve.values[0])


@lru_cache(maxsize=4096)
def curve_of(schedule: Schedule, free: Fraction = ZERO, factor: Fraction = Fraction(1)) -> Curve:
    """What `factor × quantity − free` costs, not below zero, on a schedule without dependent widths."""
    bounds = [Fraction(band.upper, schedule.quantity_scale) for band in schedule.bands if band.upper is not None]
    own = sorted({ZERO, *bounds})
    points, values, pieces = [], [], []
    if free > 0:
        points, values = [ZERO], [_price(schedule, ZERO)]
        pieces = [Piece(values[0], ZERO)]
    for index, low in enumerate(own):
        high = own[index + 1] if index + 1 < len(own) else None
        points.append((low + free) / factor)
        values.append(_price(schedule, low))
        pieces.append(_piece(schedule, low, high, free, factor))
    return Curve(tuple(points), tuple(values), tuple(pieces))


def _price(schedule: Schedule, quantity: Fraction) -> Fraction:
    finer, whole = fitting(schedule, quantity)
    return Fraction(price(finer, whole), finer.money_scale)


def _piece(schedule: Schedule, low: Fraction, high: Fraction | None, free: Fraction, factor: Fraction) -> Piece:
    """The piece above `low`: two prices between its ends tell a straight one, one price and the step a stair."""
    middle = low + 1 if high is None else (low + high) / 2
    begins, band = ZERO, schedule.bands[-1]
    for candidate in schedule.bands:
        upper = None if candidate.upper is None else Fraction(candidate.upper, schedule.quantity_scale)
        if upper is None or middle <= upper:
            band = candidate
            break
        begins = upper
    at = _price(schedule, middle)
    if band.step is None:
        further = low + 2 if high is None else (middle + high) / 2
        slope = (_price(schedule, further) - at) / (further - middle)
        return Piece(at - slope * (middle + free), slope * factor)
    origin = begins if schedule.mode is Mode.GRADUATED else ZERO
    step = Fraction(band.step, schedule.quantity_scale)
    height = Fraction(band.rate, schedule.money_scale)
    stair = Stair(step / factor, (origin + free) / factor, height)
    return Piece(at - height * stair.count(At((middle + free) / factor)), ZERO, (stair,) if height else ())


def combined(parts: Sequence[tuple[Fraction, Curve]]) -> Curve:
    """The sum of curves, each times a number."""
    points = sorted({point for _, curve in parts for point in curve.points})
    values, pieces = [], []
    for point in points:
        values.append(sum((factor * curve.value(At(point)) for factor, curve in parts), ZERO))
        base = slope = ZERO
        heights: dict[tuple[Fraction, Fraction], Fraction] = {}
        for factor, curve in parts:
            piece = curve.pieces[bisect_right(curve.points, point) - 1]
            base += factor * piece.base
            slope += factor * piece.slope
            for stair in piece.stairs:
                # Stairs that differ by whole steps are one staircase, some steps higher or lower.
                whole, rest = divmod(stair.origin / stair.step, 1)
                base -= factor * stair.height * whole
                key = (stair.step, rest * stair.step)
                heights[key] = heights.get(key, ZERO) + factor * stair.height
        stairs = tuple(Stair(step, origin, height) for (step, origin), height in heights.items() if height)
        pieces.append(Piece(base, slope, stairs))
    absent = sum((factor * curve.absent for factor, curve in parts), ZERO)
    return Curve(tuple(points), tuple(values), tuple(pieces), absent)


class Highest(NamedTuple):
    """A least upper bound and where it is reached or approached; None where there is no bound, or no last place."""

    value: Fraction | None
    at: At | None


def highest(curve: Curve, low: At, high: At | None) -> Highest:
    """The least upper bound of a curve from `low` to `high`; exact, but for stairs that run against a slope."""
    best = Highest(curve.value(low), low)
    assert best.value is not None
    if high is not None and high.number < 0:
        return best
    begin = max(low, START)
    for index in range(max(bisect_right(curve.points, begin.number) - 1, 0), len(curve.points)):
        point = curve.points[index]
        last = index + 1 == len(curve.points)
        if high is not None and point > high.number:
            break
        here = At(point)
        if begin <= here and (high is None or here <= high) and curve.values[index] > best.value:
            best = Highest(curve.values[index], here)
        left = max(begin, At(point, 1))
        right = None if last else At(curve.points[index + 1], -1)
        if high is not None and (right is None or high < right):
            right = high
        if right is not None and right < left:
            continue
        found = _highest_of_piece(curve.pieces[index], left, right)
        if found.value is None:
            return found
        if found.value > best.value:  # type: ignore[operator]
            best = found
    return best


def _highest_of_piece(piece: Piece, left: At, right: At | None) -> Highest:
    if right is None and piece.steepness > 0:
        return Highest(None, None)
    at_left = piece.value(left)
    rising = piece.slope >= 0 and all(stair.height >= 0 for stair in piece.stairs)
    falling = piece.slope <= 0 and all(stair.height <= 0 for stair in piece.stairs)
    if falling or (right is None and rising):
        return Highest(at_left, left)
    if right is not None and rising:
        return Highest(piece.value(right), right)
    # Stairs against a slope: every stair lies less than one step above the line through its feet.
    base = piece.base - sum((stair.height * stair.origin / stair.step for stair in piece.stairs), ZERO)
    most = sum((max(stair.height, ZERO) for stair in piece.stairs), ZERO)
    ends = [left.number] if right is None else [left.number, right.number]
    return Highest(max(base + piece.steepness * end for end in ends) + most, left)


def lowest(curve: Curve, low: At, high: At | None) -> Highest:
    """The greatest lower bound, as `highest`."""
    found = highest(combined([(Fraction(-1), curve)]), low, high)
    return Highest(None if found.value is None else -found.value, found.at)


def first_fall(curve: Curve, low: At, high: At | None) -> At | None:
    """A place from `low` to `high` at or after which more costs less; None where the curve never falls."""
    begin = max(low, START)
    if low.number < 0 and (high is None or high > START) and curve.value(At(ZERO, 1)) < curve.absent:
        return START
    for index, point in enumerate(curve.points):
        last = index + 1 == len(curve.points)
        if (high is not None and point > high.number) or (not last and curve.points[index + 1] < begin.number):
            continue
        here, piece = At(point), curve.pieces[index]
        if (
            index
            and begin < here
            and (high is None or high >= here)
            and curve.values[index] < curve.pieces[index - 1].value(At(point, -1))
        ):
            return here
        if begin <= here and (high is None or high > here) and piece.value(At(point, 1)) < curve.values[index]:
            return here
        inside = (high is None or high.number > point) and (last or begin.number < curve.points[index + 1])
        if inside and (piece.slope < 0 or any(stair.height < 0 for stair in piece.stairs)):
            return max(begin, here)
    return None


def bounded(curve: Curve, bound: Fraction, *, floor: bool) -> Curve | None:
    """The curve with a floor or a ceiling; None where stairs stand in the way. Absent usage stays free."""
    if any(piece.stairs for piece in curve.pieces):
        return None
    points: set[Fraction] = set(curve.points)
    for index, piece in enumerate(curve.pieces):
        if piece.slope:
            crossing = (bound - piece.base) / piece.slope
            high = curve.points[index + 1] if index + 1 < len(curve.points) else None
            if curve.points[index] < crossing and (high is None or crossing < high):
                points.add(crossing)
    pick = max if floor else min
    ordered = sorted(points)
    pieces = []
    for low, after in pairwise([*ordered, None]):
        assert low is not None
        piece = curve.pieces[bisect_right(curve.points, low) - 1]
        middle = low + 1 if after is None else (low + after) / 2
        own = piece.value(At(middle))
        pieces.append(piece if pick(own, bound) == own else Piece(bound, ZERO))
    values = tuple(pick(curve.value(At(point)), bound) for point in ordered)
    return Curve(tuple(ordered), values, tuple(pieces), pick(curve.absent, bound) if curve.absent else ZERO)


def line_above(curve: Curve, low: At, high: At | None) -> tuple[Fraction, Fraction] | None:
    """A slope and a base of a straight line that lies nowhere below the curve; None where there is none."""
    if high is None:
        slope = curve.pieces[-1].steepness
    elif high.number == low.number:
        slope = ZERO
    else:
        slope = (curve.value(high) - curve.value(low)) / (high.number - low.number)
    rest = combined([(Fraction(1), curve), (-slope, IDENTITY)])
    found = highest(rest, low, high)
    return None if found.value is None else (slope, found.value)
