"""More never costs less: does a form never fall along one axis?

The signs of what floors, ceilings and credits cut are taken both ways where a box leaves them open; for each, what is
left is a curve over the axis, which must not fall at a slope or a jump. Rounding, percentages below 100% of whole
amounts, and what is known to rise stay as they are while they are added; where they are taken off they are replaced
by what they round, and rounding is counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from heapq import heapify, heappop, heappush

from .bounds import Bounds
from .curve import At, Curve, combined, first_fall
from .form import Along, Form, Kept, Positive, Rising, Rounded, Through

ZERO = Fraction(0)
_SIGNS_MAX = 9


@dataclass(frozen=True, slots=True)
class Rises:
    """It never falls by more than `noise`, which only rounding makes."""

    noise: Fraction


@dataclass(frozen=True, slots=True)
class Falls:
    """It is not known never to fall: from a place on, where one is known, or because of something (`why`)."""

    at: At | None
    why: str = ""


def rises(bounds: Bounds, form: Form, axis: int) -> Rises | Falls:
    """Whether a form never falls along an axis, in the box of these bounds."""
    undecided = _undecided(bounds, form, axis)
    if len(undecided) > _SIGNS_MAX:
        return Falls(None, "too many floors, ceilings and credits meet")
    noise: dict[int, Fraction] = {}
    for pattern in range(1 << len(undecided)):
        signs = {atom: bool(pattern >> place & 1) for place, atom in enumerate(undecided)}
        found = _with_signs(bounds, form, axis, signs, noise)
        if found is not None:
            return found
    return Rises(sum(noise.values(), ZERO))


def _undecided(bounds: Bounds, form: Form, axis: int) -> list[int]:
    """The atoms `Positive` along the axis whose sign the box leaves open."""
    arena = bounds.arena
    found: dict[int, None] = {}
    seen: set[int] = set()
    waiting = list(form.terms)
    while waiting:
        number = waiting.pop()
        if number in seen or axis not in arena.axes[number]:
            continue
        seen.add(number)
        atom = arena.atoms[number]
        if isinstance(atom, Positive) and _sign(bounds, number, atom) is None:
            found[number] = None
        if not isinstance(atom, Along):
            waiting.extend(atom.of.terms)
    return sorted(found)


def _sign(bounds: Bounds, number: int, atom: Positive) -> bool | None:
    if number in bounds.box.signs:
        return bounds.box.signs[number]
    low, high = bounds.range(atom.of)
    if low is not None and low >= 0:
        return True
    return False if high is not None and high <= 0 else None


def _with_signs(
    bounds: Bounds, form: Form, axis: int, signs: dict[int, bool], noise: dict[int, Fraction]
) -> Falls | None:
    """Why the form may fall where atoms have these signs; None where it never does."""
    arena = bounds.arena
    factors = {atom: factor for atom, factor in form.terms.items() if axis in arena.axes[atom]}
    waiting = [-atom for atom in factors]
    heapify(waiting)
    curves: list[tuple[Fraction, Curve]] = []
    while waiting:
        number = -heappop(waiting)
        factor = factors.pop(number, ZERO)
        if not factor:
            continue
        atom = arena.atoms[number]
        match atom:
            case Along(_, curve):
                curves.append((factor, curve))
                continue
            case Positive(of):
                sign = signs[number] if number in signs else bool(_sign(bounds, number, atom))
                below = of.times(factor) if sign else Form()
            case Rounded(of) | Kept(of) if factor > 0 and _rises_exactly(bounds, of, axis, signs):
                continue
            case Rounded(of, low, high):
                noise[number] = max(noise.get(number, ZERO), abs(factor) * (high - low))
                below = of.times(factor)
            case Kept(of, share, low, high):
                noise[number] = max(noise.get(number, ZERO), abs(factor) * (high - low))
                below = of.times(factor * (1 - share))
            case Through(of, curve):
                own_low, own_high = bounds.range(of)
                begin = At(max(own_low or ZERO, ZERO))
                end = None if own_high is None else At(max(own_high, ZERO))
                upward = curve if factor > 0 else combined([(-Fraction(1), curve)])
                if first_fall(upward, begin, end) is None and _rises_exactly(bounds, of, axis, signs):
                    continue
                if len(curve.points) == 1 and not curve.pieces[0].stairs and (own_low is not None and own_low >= 0):
                    below = of.times(factor * curve.pieces[0].slope)
                else:
                    return Falls(None, "several quantities meet in one price")
            case Rising(of, name, _, _, own_noise, is_rising, also):
                if is_rising and factor > 0 and axis not in also and rises(bounds, of, axis) == Rises(ZERO):
                    noise[number] = max(noise.get(number, ZERO), factor * own_noise)
                    continue
                found = rises(bounds, of, axis) if is_rising and factor > 0 and axis not in also else None
                if isinstance(found, Rises):
                    noise[number] = max(noise.get(number, ZERO), factor * (own_noise + found.noise))
                    continue
                return Falls(None, str(name[0]))
            case _:
                raise AssertionError("the kinds of atoms are closed")
        for one, own in below.terms.items():
            if axis not in arena.axes[one]:
                continue
            if one not in factors:
                heappush(waiting, -one)
            factors[one] = factors.get(one, ZERO) + own
    if not curves:
        return None
    own_range = bounds.box.ranges[axis]
    fall = first_fall(combined(curves), own_range.low, own_range.high)
    return None if fall is None else Falls(fall)


def _rises_exactly(bounds: Bounds, form: Form, axis: int, signs: dict[int, bool]) -> bool:
    noise: dict[int, Fraction] = {}
    return _with_signs(bounds, form, axis, signs, noise) is None and not any(noise.values())
