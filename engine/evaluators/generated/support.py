"""What generated code calls: how amounts fall on lines, and which policy is best for a line. Integers only.

The common plan needs none of this, for there only sums matter; `generated_policies` says when single lines do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

from ....money import Rounding, allocate, round_ratio
from .source import Unquotable


def need() -> NoReturn:
    """An attribute is not known, or a quantity is refused: the interpreter says how."""
    raise Unquotable


def take(size: int, weights: Sequence[int], left: Sequence[int]) -> tuple[int, ...]:
    """What lines have left when a discount is taken off, never more than a line has."""
    whole = [max(weight, 0) for weight in weights]
    if not any(whole):
        return tuple(left)
    parts = list(allocate(size, whole))
    over = 0
    for index, amount in enumerate(left):
        most = max(amount, 0)
        if parts[index] > most:
            over += parts[index] - most
            parts[index] = most
    for index, amount in enumerate(left):
        room = min(over, max(amount, 0) - parts[index])
        parts[index] += room
        over -= room
    return tuple(amount - part for amount, part in zip(left, parts, strict=True))


def add(size: int, weights: Sequence[int], left: Sequence[int]) -> tuple[int, ...]:
    """What lines have left when an amount is added to them; it falls nowhere if none weighs anything."""
    whole = [max(weight, 0) for weight in weights]
    if not any(whole):
        return tuple(left)
    return tuple(amount + part for amount, part in zip(left, allocate(size, whole), strict=True))


def spread(size: int, left: Sequence[int]) -> tuple[int, ...]:
    """What lines have left when a bound falls on them; no more is taken than they have."""
    return add(max(size, -sum(max(amount, 0) for amount in left)), left, left)


@dataclass(frozen=True, slots=True)
class Offered:
    """A policy that may be the best one for lines: `numerator / denominator` money units, or that share of its lines.

    `limit` is what it may take at most, over `limit_denominator`.
    """

    targets: tuple[int, ...]
    numerator: int
    denominator: int
    is_share: bool
    limit: int | None = None
    limit_denominator: int = 1

    def size(self, left: Sequence[int], lines: Sequence[int]) -> tuple[int, int]:
        """What it takes from lines before rounding, as a ratio."""
        base = sum(left[index] for index in lines)
        size, over = (self.numerator * base, self.denominator) if self.is_share else (self.numerator, self.denominator)
        if self.limit is not None and size * self.limit_denominator > self.limit * over:
            size, over = self.limit, self.limit_denominator
        takeable = sum(max(left[index], 0) for index in lines)
        return (takeable, 1) if size > takeable * over else (size, over)


def best_one(
    offered: Mapping[int, Offered], left: tuple[int, ...], count: int, mode: Rounding
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """What lines have left, and what each of `count` policies takes, where the best one wins each line."""
    best: list[tuple[int, int, int] | None] = [None] * len(left)
    for number, policy in offered.items():
        size, over = policy.size(left, policy.targets)
        whole = sum(max(left[index], 0) for index in policy.targets)
        for index in policy.targets:
            share, below = size * max(left[index], 0), over * whole
            before = best[index]
            if share > 0 and (before is None or share * before[2] > before[1] * below):
                best[index] = (number, share, below)
    sizes = [0] * count
    for number, policy in offered.items():
        lines = [index for index, found in enumerate(best) if found is not None and found[0] == number]
        size, over = policy.size(left, lines)
        sizes[number] = round_ratio(max(size, 0), over, mode)
        if lines and sizes[number]:
            own = [left[index] for index in lines]
            after = dict(zip(lines, take(sizes[number], own, own), strict=True))
            left = tuple(after.get(index, amount) for index, amount in enumerate(left))
    return left, tuple(sizes)
