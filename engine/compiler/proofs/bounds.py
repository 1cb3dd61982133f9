"""Bounds of forms on a box, by substitution from the last atom to the first.

What depends on one axis is bounded exactly, whatever its bends; only where several quantities meet in a floor, a
ceiling or a band is a straight line put above it. Rounding is kept apart: a bound is what holds before rounding, plus
what rounding can add.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from fractions import Fraction
from heapq import heapify, heappop, heappush
from typing import assert_never

from .box import Box
from .curve import At, Curve, combined, line_above
from .form import Along, Arena, Form, Kept, Positive, Rising, Rounded, Through

ZERO = Fraction(0)
ONE = Fraction(1)


@dataclass(slots=True)
class Upper:
    """A least upper bound that was found: `clean` before rounding (None where there is none), `noise` by rounding.

    `places` is where each axis reaches it, `loose` the atoms `Positive` for which a line was put above a bend.
    """

    clean: Fraction | None
    noise: Fraction = ZERO
    places: dict[int, At | None] = field(default_factory=dict)
    loose: list[tuple[Fraction, int]] = field(default_factory=list)
    """With how much slack; a slack without an end stands as -1."""
    through: set[int] = field(default_factory=set)
    """The axes of what was bounded by a line because several quantities meet in it."""

    @property
    def total(self) -> Fraction | None:
        return None if self.clean is None else self.clean + self.noise


class Bounds:
    """Bounds of the forms of one arena on one box; `endless` axes stand for any number of rows alike."""

    def __init__(self, arena: Arena, box: Box, endless: frozenset[int] = frozenset()) -> None:
        self.arena = arena
        self.box = box
        self.endless = endless
        self._uppers: dict[object, Upper] = {}

    def upper(self, form: Form) -> Upper:
        """The upper bound of a form."""
        key = form.key
        if key not in self._uppers:
            self._uppers[key] = self._substituted(form)
        return self._uppers[key]

    def range(self, form: Form) -> tuple[Fraction | None, Fraction | None]:
        """Bounds of a form, rounding included."""
        low = self.upper(form.times(-ONE)).total
        return (None if low is None else -low), self.upper(form).total

    def least(self, form: Form) -> Upper:
        """The best upper bound of a form, also with the help of what the box assumes.

        Where `g` is not below zero, `form + m × g` with any `m` above zero is nowhere less than the form.
        """
        best = self.upper(form)
        if best.total is not None and best.total <= 0:
            return best  # nobody asks for less
        for given in self.box.given:
            base = form
            for multiple in self._multiples(base, given):
                tried = form + given.times(multiple)
                found = self.upper(tried)
                if found.total is not None and (best.total is None or found.total < best.total):
                    best, form = found, tried
        return best

    def _multiples(self, form: Form, given: Form) -> list[Fraction]:
        """Multiples of a form by which an atom, or the slope along an axis, goes out of another."""
        found: dict[Fraction, None] = {}
        for atom, factor in given.terms.items():
            found[-form.terms.get(atom, ZERO) / factor] = None
        for last in (False, True):
            slopes, own = self._slopes(form, last=last), self._slopes(given, last=last)
            for axis, slope in own.items():
                if slope:
                    found[-slopes.get(axis, ZERO) / slope] = None
        return [multiple for multiple in found if multiple > 0]

    def _slopes(self, form: Form, *, last: bool) -> dict[int, Fraction]:
        """How fast a form rises along each axis at the beginning or the end of the box, floors and ceilings aside."""
        slopes: dict[int, Fraction] = {}
        waiting = list(form.terms.items())
        while waiting:
            number, factor = waiting.pop()
            atom = self.arena.atoms[number]
            match atom:
                case Along(axis, curve):
                    own = self.box.ranges[axis]
                    place = own.high.number if last and own.high is not None else max(own.low.number, ZERO)
                    index = len(curve.points) - 1
                    if not last or own.high is not None:
                        index = max(bisect_right(curve.points, place) - 1, 0)
                    slopes[axis] = slopes.get(axis, ZERO) + factor * curve.pieces[index].steepness
                case Rounded(of):
                    waiting.extend((below, factor * part) for below, part in of.terms.items())
                case Kept(of, share):
                    waiting.extend((below, factor * (1 - share) * part) for below, part in of.terms.items())
                case Positive(of) if self.box.signs.get(number):
                    waiting.extend((below, factor * part) for below, part in of.terms.items())
                case _:
                    pass
        return slopes

    def _substituted(self, form: Form) -> Upper:
        bound = Upper(form.constant)
        factors = dict(form.terms)
        waiting = [-atom for atom in factors]
        heapify(waiting)
        by_axis: dict[int, list[tuple[int, Fraction]]] = {}
        seen = -1
        while waiting:
            number = -heappop(waiting)
            if number == seen:
                continue
            seen = number
            factor = factors.pop(number, ZERO)
            if not factor:
                continue
            atom = self.arena.atoms[number]
            if isinstance(atom, Along):
                by_axis.setdefault(atom.axis, []).append((number, factor))
                continue
            instead = self._instead(number, factor, bound)
            if instead is None:
                return Upper(None, loose=[(-ONE, number)], through=set(self.arena.axes[number]))
            assert bound.clean is not None
            bound.clean += instead.constant
            for below, own in instead.terms.items():
                if below not in factors:
                    heappush(waiting, -below)
                factors[below] = factors.get(below, ZERO) + own
        self._put_axes(bound, by_axis)
        return bound

    def _put_axes(self, bound: Upper, by_axis: dict[int, list[tuple[int, Fraction]]]) -> None:
        for axis, parts in by_axis.items():
            own = self.box.ranges[axis]
            found = self.arena.highest(tuple(parts), own.low, own.high)
            bound.places[axis] = found.at
            if found.value is None or (axis in self.endless and found.value > 0):
                bound.clean = None
            if bound.clean is not None and found.value is not None:
                bound.clean += found.value

    def _instead(self, number: int, factor: Fraction, bound: Upper) -> Form | None:
        """A form nowhere below `factor × atom`; None where there is none."""
        atom = self.arena.atoms[number]
        match atom:
            case Positive(of):
                return self._positive(number, of, factor, bound)
            case Rounded(of, low, high):
                bound.noise += factor * (high if factor > 0 else low)
                return of.times(factor)
            case Kept(of, share, low, high):
                bound.noise += factor * (high if factor > 0 else low)
                return of.times(factor * (1 - share))
            case Through(of, curve):
                return self._through(of, curve, factor, bound, self.arena.axes[number])
            case Rising(_, _, lower, upper):
                edge = upper if factor > 0 else lower
                bound.through |= self.arena.axes[number]
                return None if edge is None else edge.times(factor)
            case Along():
                raise AssertionError("curves over one axis are bounded together")
            case _:
                assert_never(atom)

    def _positive(self, number: int, of: Form, factor: Fraction, bound: Upper) -> Form | None:
        sign = self.box.signs.get(number)
        if sign is not None:
            return of.times(factor) if sign else Form()
        down, up = self.upper(of.times(-ONE)), self.upper(of)
        low = None if down.total is None else -down.total
        high = up.total
        if low is not None and low >= 0:
            return of.times(factor)
        if high is not None and high <= 0:
            return Form()
        if up.clean is not None and up.clean <= 0:
            # Only rounding lifts it above zero.
            bound.noise += max(factor * up.noise, ZERO)
            return Form()
        if down.clean is not None and down.clean <= 0:
            bound.noise += max(factor * down.noise, ZERO)
            return of.times(factor)
        if factor < 0:
            slack = -ONE if high is None or low is None else -factor * min(high, -low)
            bound.loose.append((slack, number))
            return of.times(factor) if high is None or (low is not None and high > -low) else Form()
        if high is None:
            bound.loose.append((-ONE, number))
            return None if low is None else of.plus(-low).times(factor)
        if low is None:
            bound.loose.append((-ONE, number))
            return Form(high * factor)
        steep = high / (high - low)
        bound.loose.append((factor * steep * -low, number))
        return of.plus(-low).times(factor * steep)

    def _through(self, of: Form, curve: Curve, factor: Fraction, bound: Upper, axes: frozenset[int]) -> Form | None:
        low, high = self.range(of)
        begin = At(max(low or ZERO, ZERO))
        end = None if high is None else At(max(high, ZERO))
        found = line_above(combined([(factor, curve)]), begin, end)
        if found is None:
            return None
        slope, base = found
        bound.through |= axes
        if low is not None and low >= 0:
            return of.times(slope).plus(base)
        # Below zero the curve stands still: its argument is not below zero.
        return self.arena.positive(of).times(slope).plus(base)
