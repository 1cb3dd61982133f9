"""Subjects that are compared with each other: an order that meets all comparisons, with values in it.

Numbers lie dense, so that `<` leaves room and `is not` never matters by itself; days follow each other by one. Both are
systems of differences, `x - y` at least so much, which are met exactly if no circle of them adds up above zero.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date, timedelta
from fractions import Fraction
from typing import TypeAlias

from ...condition import Comparison, Scalar
from .demands import Between, Demand, Subject, meets

_SPLITS_MAX = 12
# Days are counted from here, so that a day that nothing binds is one of our time.
_EPOCH = date(2026, 1, 1)
# A bound is a number and a count of steps that are smaller than any number: `x > 3` is `x >= 3 + 1 step`.
_Bound: TypeAlias = tuple[Fraction, int]
# `left - right` is at least the bound; None is zero.
_Edge: TypeAlias = tuple[Subject | None, Subject | None, _Bound]
_Pair: TypeAlias = tuple[Subject | None, Comparison, Subject | None, Fraction]

_ZERO: _Bound = (Fraction(0), 0)


def ordered_together(
    between: Sequence[Between], own: Mapping[Subject, Sequence[Demand]], *, is_date: bool
) -> Mapping[Subject, Scalar] | None:
    """Numbers, or days, that meet the comparisons with each other and each subject's own; None where there are none."""
    pairs: list[_Pair] = [(each.left, each.comparison, each.right, Fraction(0)) for each in between]
    for subject, demands in own.items():
        pairs += [
            (subject, demand.comparison, None, _number(demand.value))
            for demand in demands
            if demand.comparison is not None
        ]
    differ = [pair for pair in pairs if pair[1] is Comparison.IS_NOT]
    edges = [edge for pair in pairs if pair[1] is not Comparison.IS_NOT for edge in _edges(pair, is_date=is_date)]
    numbers = _apart(list(own), edges, differ, is_date=is_date, splits_left=_SPLITS_MAX)
    if numbers is None:
        return None
    return {name: _EPOCH + timedelta(days=int(each)) if is_date else each for name, each in numbers.items()}


def _number(value: Scalar | None) -> Fraction:
    if isinstance(value, date):
        return Fraction((value - _EPOCH).days)
    assert isinstance(value, Fraction)
    return value


def _edges(pair: _Pair, *, is_date: bool) -> list[_Edge]:
    left, comparison, right, amount = pair
    more: _Bound = (amount + 1, 0) if is_date else (amount, 1)
    less: _Bound = (1 - amount, 0) if is_date else (-amount, 1)
    match comparison:
        case Comparison.IS:
            return [(left, right, (amount, 0)), (right, left, (-amount, 0))]
        case Comparison.GREATER_OR_EQUAL:
            return [(left, right, (amount, 0))]
        case Comparison.LESS_OR_EQUAL:
            return [(right, left, (-amount, 0))]
        case Comparison.GREATER:
            return [(left, right, more)]
        case Comparison.LESS:
            return [(right, left, less)]
        case Comparison.IS_NOT:
            raise AssertionError("what differs lies on one side or the other")


def _apart(
    names: Sequence[Subject], edges: Sequence[_Edge], differ: Sequence[_Pair], *, is_date: bool, splits_left: int
) -> dict[Subject, Fraction] | None:
    """A solution in which what has to differ does, found by trying both sides of what does not yet."""
    numbers = _least(names, edges, is_date=is_date)
    if numbers is None:
        return None
    same = next((pair for pair in differ if _value(numbers, pair[0]) == _value(numbers, pair[2]) + pair[3]), None)
    if same is None:
        return numbers
    if not splits_left:
        # Too many to try: taken as possible.
        return numbers
    left, _, right, amount = same
    for side in (Comparison.GREATER, Comparison.LESS):
        further = [*edges, *_edges((left, side, right, amount), is_date=is_date)]
        found = _apart(names, further, differ, is_date=is_date, splits_left=splits_left - 1)
        if found is not None:
            return found
    return None


def _value(numbers: Mapping[Subject, Fraction], name: Subject | None) -> Fraction:
    return Fraction(0) if name is None else numbers[name]


def _least(names: Sequence[Subject], edges: Sequence[_Edge], *, is_date: bool) -> dict[Subject, Fraction] | None:
    """Values with every difference at least its bound; None where the bounds contradict each other in a circle."""
    nodes: list[Subject | None] = [None, *names]
    # Each node's distance from a source that every node is at least as far from as nothing.
    reach: dict[Subject | None, _Bound] = dict.fromkeys(nodes, _ZERO)
    for _ in range(len(nodes) + 1):
        moved = False
        for left, right, (amount, steps) in edges:
            number, small = reach[right]
            if reach[left] < (number + amount, small + steps):
                reach[left] = (number + amount, small + steps)
                moved = True
        if not moved:
            break
    else:
        return None
    base, base_steps = reach[None]
    step = Fraction(1) if is_date else _step(reach, edges)
    return {
        name: number - base + (small - base_steps) * step for name, (number, small) in reach.items() if name is not None
    }


def _step(reach: Mapping[Subject | None, _Bound], edges: Sequence[_Edge]) -> Fraction:
    """A step so small that no bound which has room is passed by taking all of them."""
    step = Fraction(1)
    for left, right, (amount, steps) in edges:
        room = reach[left][0] - reach[right][0] - amount
        taken = reach[right][1] + steps - reach[left][1]
        if room > 0 and taken > 0:
            step = min(step, room / (2 * taken))
    return step


def words_together(
    between: Sequence[Between],
    own: Mapping[Subject, Sequence[Demand]],
    words: Mapping[Subject, tuple[Scalar, ...]],
) -> Mapping[Subject, Scalar] | None:
    """Words that meet the comparisons with each other and each subject's own; None where there are none."""
    named = {demand.value for demands in own.values() for demand in demands if isinstance(demand.value, str)}
    named |= {value for values in words.values() for value in values if isinstance(value, str)}
    candidates: dict[Subject, list[Scalar]] = {}
    for number, (subject, values) in enumerate(words.items(), start=1):
        # Any text: one that is named, or one of its own that is not.
        open_values: Sequence[Scalar] = [*sorted(named), *unnamed(named, number)]
        candidates[subject] = [
            value
            for value in values or open_values
            if all(meets(value, demand.comparison, demand.value) for demand in own[subject])
        ]
    return _assigned(list(words), {}, between, candidates)


def unnamed(named: Collection[str], count: int) -> list[str]:
    """So many texts that are none of these."""
    texts = (f"another {number}" if number else "another" for number in range(len(named) + count))
    return [text for text in texts if text not in named][:count]


def _assigned(
    waiting: Sequence[Subject],
    given: Mapping[Subject, Scalar],
    between: Sequence[Between],
    candidates: Mapping[Subject, Sequence[Scalar]],
) -> Mapping[Subject, Scalar] | None:
    if not waiting:
        return given
    for value in candidates[waiting[0]]:
        further = {**given, waiting[0]: value}
        if all(
            meets(further[each.left], each.comparison, further[each.right])
            for each in between
            if each.left in further and each.right in further
        ):
            found = _assigned(waiting[1:], further, between, candidates)
            if found is not None:
                return found
    return None
