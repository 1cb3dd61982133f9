"""The one rounding function and the one allocation function; everything that rounds or splits goes through them.

Integers and fractions only. Both act on the size and keep the sign, so that a credit mirrors the charge it reverses.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from fractions import Fraction
from typing import assert_never


class Rounding(Enum):
    """The modes of the language, each valued by its words; all are of the size, not the sign."""

    HALF_EVEN = "half even"
    HALF_UP = "half up"
    HALF_DOWN = "half down"
    UP = "up"
    DOWN = "down"


def round_ratio(numerator: int, denominator: int, mode: Rounding) -> int:
    """The whole number that `numerator / denominator` rounds to; it is less than one away from the exact ratio."""
    if denominator <= 0:
        raise ValueError(f"a denominator is positive, not {denominator}")
    whole, rest = divmod(abs(numerator), denominator)
    match mode:
        case Rounding.HALF_EVEN:
            away = 2 * rest > denominator or (2 * rest == denominator and whole % 2 == 1)
        case Rounding.HALF_UP:
            away = 2 * rest >= denominator
        case Rounding.HALF_DOWN:
            away = 2 * rest > denominator
        case Rounding.UP:
            away = rest > 0
        case Rounding.DOWN:
            away = False
        case _:
            assert_never(mode)
    size = whole + 1 if away else whole
    return size if numerator >= 0 else -size


def round_to(value: Fraction, unit: Fraction, mode: Rounding) -> int:
    """How many of `unit` the value rounds to: 1.27 to 0.05 half even is 25."""
    if unit <= 0:
        raise ValueError(f"a rounding unit is positive, not {unit}")
    return round_ratio(value.numerator * unit.denominator, value.denominator * unit.numerator, mode)


def allocate(total: int, weights: Sequence[int]) -> tuple[int, ...]:
    """Split a total by weight: the parts add up to it, and each is less than one away from its exact share.

    Whole shares are given first; what is left goes by one to the largest remainders, the earlier first. A negative
    total is split by its size. A part with weight zero gets nothing.
    """
    if any(weight < 0 for weight in weights):
        raise ValueError("weights are not negative")
    whole = sum(weights)
    if whole == 0:
        if total != 0:
            raise ValueError(f"nothing to allocate {total} to: every weight is zero")
        return (0,) * len(weights)
    shares = [divmod(abs(total) * weight, whole) for weight in weights]
    parts = [part for part, _ in shares]
    # The sort is stable, so that equal remainders keep the order of the parts.
    by_remainder = sorted(range(len(shares)), key=lambda index: -shares[index][1])
    for index in by_remainder[: abs(total) - sum(parts)]:
        parts[index] += 1
    return tuple(parts) if total >= 0 else tuple(-part for part in parts)
