"""Never above zero? Boxes are divided until every one is settled, or the budget is spent.

A box is divided where the difference bends: at an answer that it leaves open, at the sign of what a floor or a ceiling
cuts, and only then at a point of its prices.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from .bounds import Bounds, Upper
from .box import Box, Fork, middle_of, split_at
from .curve import At
from .form import Along, Arena, Form, Kept, Positive, Rounded
from .known import Unrated

ZERO = Fraction(0)
BOXES_MAX = 2_000
WORK_MAX = 40_000
"""How many quantities the boxes of one search have together at most."""
_PAIRED_MAX = 8
"""In how many boxes parts are compared in pairs although the whole is not settled yet."""


@dataclass(frozen=True, slots=True)
class Settled:
    """Never above `slack`, a whole number of money units that only rounding makes."""

    slack: Fraction
    boxes: int


@dataclass(frozen=True, slots=True)
class Open:
    """Not settled: the box that was left, where its bound is reached, and how many boxes were tried."""

    box: Box
    places: dict[int, At | None]
    boxes: int


@dataclass(frozen=True, slots=True)
class Problem:
    """A difference as a form of a box. `endless` axes stand for any number of rows alike."""

    arena: Arena
    difference: Callable[[Box], Form]
    unit: Fraction
    endless: frozenset[int] = frozenset()
    boxes_max: int = BOXES_MAX


def settle(
    problem: Problem, whole: Box, try_places: Callable[[Box, dict[int, At | None]], bool] = lambda *_: False
) -> Settled | Open:
    """Whether a difference is nowhere above zero. The search ends where `try_places` says that a place refutes it."""
    waiting = [whole]
    slack = ZERO
    count = 0
    while waiting:
        box = waiting.pop()
        count += 1
        try:
            form = problem.difference(box)
        except Fork as fork:
            if count > problem.boxes_max:
                return Open(box, {}, count)
            waiting.extend(reversed(fork.ways))
            continue
        except Unrated:
            continue
        bounds = Bounds(problem.arena, box, problem.endless)
        upper = bounds.least(form)
        likely = (upper.clean is not None and upper.clean <= 0) or count <= _PAIRED_MAX
        if likely and never_above(bounds, form, problem.unit):
            continue
        if upper.clean is not None and upper.clean <= 0:
            slack = max(slack, upper.noise // problem.unit * problem.unit if problem.unit else upper.noise)
            continue
        parts = _divided(problem.arena, box, form, upper)
        if count > problem.boxes_max or not parts or try_places(box, upper.places):
            return Open(box, upper.places, count)
        waiting.extend(reversed(parts))
    return Settled(slack, count)


def never_above(bounds: Bounds, form: Form, unit: Fraction, depth: int = 4) -> bool:
    """Whether a difference of whole amounts is surely not above zero, to the last unit."""
    total = bounds.least(form).total
    if total is not None and (total <= 0 or (total < unit and not _is_endless(bounds, form))):
        return True
    if depth == 0:
        return False
    for number, factor in form.terms.items():
        if factor <= 0:
            continue
        for other, against in form.terms.items():
            if against != -factor:
                continue
            if _is_never_above(bounds, number, other, unit, depth):
                rest = Form(
                    form.constant, {atom: own for atom, own in form.terms.items() if atom not in (number, other)}
                )
                return never_above(bounds, rest, unit, depth)
    return False


def _is_endless(bounds: Bounds, form: Form) -> bool:
    return bool(bounds.arena.axes_of(form) & bounds.endless)


def _is_never_above(bounds: Bounds, number: int, other: int, unit: Fraction, depth: int) -> bool:
    """Whether one atom is surely not above another of its kind: both never fall where what is in them does not."""
    one, two = bounds.arena.atoms[number], bounds.arena.atoms[other]
    match one, two:
        case Rounded(), Rounded() if (one.low, one.high) == (two.low, two.high):
            total = bounds.least(one.of - two.of).total
            return total is not None and total <= 0
        case Kept(), Kept() if one.share >= two.share:
            return never_above(bounds, one.of - two.of, unit, depth - 1)
        case Positive(), Positive():
            return never_above(bounds, one.of - two.of, ZERO, depth - 1)
        case Along(), Along() if one.axis == two.axis:
            return False
        case _:
            return False


def _divided(arena: Arena, box: Box, form: Form, upper: Upper) -> tuple[Box, ...]:
    """The parts of a box; none where nothing is left to divide."""
    if upper.loose:
        _, number = max(upper.loose, key=lambda item: (item[0] < 0, item[0]))
        atom = arena.atoms[number]
        if isinstance(atom, Positive):
            return (box.with_sign(number, True, atom.of), box.with_sign(number, False, atom.of.times(-Fraction(1))))
    axes = upper.through or frozenset().union(*(arena.axes_of(given) for given in box.given))
    axes = axes or arena.axes_of(form)
    best: tuple[tuple[bool, Fraction], int] | None = None
    for axis in sorted(axes):
        own = box.ranges[axis]
        if own.is_point:
            continue
        width = (own.high is None, ZERO if own.high is None else own.high.number - own.low.number)
        if best is None or width > best[0]:
            best = (width, axis)
    if best is None:
        return ()
    axis = best[1]
    at = middle_of(box.ranges[axis], _points(arena, axis))
    if at is None:
        return ()
    return split_at(box, axis, at)


def _points(arena: Arena, axis: int) -> list[Fraction]:
    return [
        point for atom in arena.atoms if isinstance(atom, Along) and atom.axis == axis for point in atom.curve.points
    ]
