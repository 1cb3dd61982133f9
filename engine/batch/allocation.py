"""Splitting an amount by weight in SQL, part by part what `money.allocate` gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from ..condition import Comparison
from .number import (
    ONE,
    ZERO,
    Integer,
    Truth,
    add,
    both,
    choose,
    compare,
    counted,
    greatest,
    is_positive,
    least,
    literal,
    multiply,
    not_below_zero,
    subtract,
    type_of,
)
from .sheet import Sheet

_COMPARED_MAX: Final = 4
"""Up to so many parts are ranked pair by pair; more of them are sorted, whose text grows no faster than they do."""
_RUN: Final = 8
"""How many terms of a running sum stand in one expression."""


def allocate(sheet: Sheet, size: Integer, weights: Sequence[Integer]) -> list[Integer]:
    """The parts of a size that is not below zero, by weights that are not below zero.

    All parts are zero where every weight is.
    """
    size = sheet.let(size)
    weights = [sheet.let(weight) for weight in weights]
    whole = sheet.let(add(*weights))
    some = is_positive(whole)
    if len(weights) == 1:
        return [sheet.let(choose(some, size, ZERO))]
    divisor = sheet.let(greatest(whole, ONE))
    shares: list[Integer] = []
    rests: list[Integer] = []
    for weight in weights:
        share, rest = sheet.quotient(multiply(size, weight), divisor)
        # No part is more than the whole.
        shares.append(replace(share, high=size.high) if share.high > size.high else share)
        rests.append(rest)
    missing = sheet.let(choose(some, not_below_zero(subtract(size, add(*shares))), ZERO))
    if missing.constant is None:
        # Every rest is less than one part, so that fewer than all parts get one more.
        missing = replace(missing, high=min(missing.high, len(weights) - 1))
    extras = _first_by_rest(sheet, rests, missing)
    return [
        sheet.let(_no_more_than(add(share, counted(both(extra, is_positive(weight)))), size))
        for share, extra, weight in zip(shares, extras, weights, strict=True)
    ]


def _no_more_than(part: Integer, size: Integer) -> Integer:
    """A part with the bound that it has as part of a whole."""
    return replace(part, high=size.high) if part.high > size.high else part


def _first_by_rest(sheet: Sheet, rests: Sequence[Integer], missing: Integer) -> list[Truth]:
    """Whether each part is among the first so many by the size of its rest, the earlier first where rests are equal."""
    if len(rests) <= _COMPARED_MAX:
        found = []
        for index, rest in enumerate(rests):
            before = [
                counted(compare(other, Comparison.GREATER if place > index else Comparison.GREATER_OR_EQUAL, rest))
                for place, other in enumerate(rests)
                if place != index
            ]
            found.append(compare(add(*before), Comparison.LESS, missing))
        return found
    count = len(rests)
    # Keys are unique and fall as parts are served, so that the last one served tells them all.
    keys = [
        sheet.let(add(multiply(rest, literal(count)), literal(count - 1 - index))) for index, rest in enumerate(rests)
    ]
    low, high = min(key.low for key in keys), max(key.high for key in keys)
    type_ = type_of(low, high)
    listed = ", ".join(f"({key.sql})::{type_}" for key in keys)
    depth = max(missing.depth, *(key.depth for key in keys))
    sql = f"CASE WHEN {missing.sql} > 0 THEN list_reverse_sort([{listed}])[({missing.sql})::BIGINT] ELSE {high + 1} END"
    last = sheet.let(Integer(f"({sql})::{type_of(low, high + 1)}", low, high + 1, depth))
    return [compare(key, Comparison.GREATER_OR_EQUAL, last) for key in keys]


def moved_to_room(sheet: Sheet, parts: Sequence[Integer], most: Sequence[Integer]) -> list[Integer]:
    """The parts with what is more than their `most` moved to the first ones that have room for it.

    What finds no room is left out.
    """
    most = [sheet.let(limit) for limit in most]
    kept = [sheet.let(least(part, limit)) for part, limit in zip(parts, most, strict=True)]
    over = sheet.let(_at_least_zero(add(*(subtract(part, own) for part, own in zip(parts, kept, strict=True)))))
    rooms = [sheet.let(_at_least_zero(subtract(limit, own))) for own, limit in zip(kept, most, strict=True)]
    found = []
    for own, room, limit, before in zip(kept, rooms, most, running_sums(sheet, rooms), strict=True):
        taken = least(room, not_below_zero(subtract(over, before)))
        part = add(own, taken)
        found.append(sheet.let(replace(part, high=limit.high) if part.high > limit.high else part))
    return found


def running_sums(sheet: Sheet, terms: Sequence[Integer]) -> list[Integer]:
    """For each term the sum of those before it."""
    found = []
    begun: Integer = ZERO
    for index in range(len(terms)):
        first = index - index % _RUN
        if index == first and index:
            begun = sheet.let(add(begun, *terms[first - _RUN : first]))
        found.append(add(begun, *terms[first:index]))
    return found


def _at_least_zero(value: Integer) -> Integer:
    """A difference that cannot be below zero, with the bound that says so."""
    return replace(value, low=0) if value.low < 0 and value.constant is None else value
