"""Which row of a table prices a combination of values: a decision tree, one level a key column.

Values, ranges, prefixes and windows are looked up, not scanned, where the column allows it. The key of a combination
is its value, or the cell's own words in a prefix, range or window column: that is what makes one line per row there.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from dataclasses import field
from datetime import date
from fractions import Fraction
from typing import Any, TypeAlias

from ..money import decimal_text
from ..records import Record
from .condition import Scalar


class Leaf(Record):
    """The row at which a path through the tree ends."""

    row: int


class RangeCase(Record):
    """One range of a column: `[low, high)` or with its ends as said; None is open."""

    low: Fraction | date | None
    low_included: bool
    high: Fraction | date | None
    high_included: bool
    text: str
    tree: Tree


class Branch(Record):
    """The choice at one column; `otherwise` takes what nothing else here names.

    `ranges` are disjoint and rising; `prefixes` maps each prefix to its tree, the longest one wins; `windows` are
    disjoint sets of time by name.
    """

    column: int
    values: Mapping[Scalar, Tree] = field(default_factory=dict)
    ranges: tuple[RangeCase, ...] = ()
    prefixes: Mapping[str, Tree] = field(default_factory=dict)
    prefix_lengths: tuple[int, ...] = ()
    """The lengths that prefixes have, the longest first."""
    windows: tuple[tuple[str, Tree], ...] = ()
    otherwise: Tree | None = None
    otherwise_text: str = ""


class Chain(Record):
    """Whole tables that are asked one after another: the first that has a row for a combination prices it."""

    trees: tuple[Tree, ...]


Tree: TypeAlias = Leaf | Branch | Chain
Key: TypeAlias = tuple[str, ...]


def below(tree: Tree) -> Iterator[Tree]:
    """The trees that a tree leads to in one step."""
    match tree:
        case Leaf():
            return
        case Chain(trees):
            yield from trees
        case Branch():
            yield from tree.values.values()
            yield from (case.tree for case in tree.ranges)
            yield from tree.prefixes.values()
            yield from (part for _, part in tree.windows)
            if tree.otherwise is not None:
                yield tree.otherwise


def dispatch(tree: Tree, values: tuple[Scalar | None, ...], in_window: Callable[[str], bool]) -> tuple[int, Key] | int:
    """The row for a combination and its key, or the number of the column at which no row is found.

    `values` holds one value a column, None where it is missing (or where the column is `time`); `in_window` tells
    whether the combination's time lies in a window.
    """
    if isinstance(tree, Chain):
        answer: tuple[int, Key] | int = 0
        for part in tree.trees:
            answer = dispatch(part, values, in_window)
            if not isinstance(answer, int):
                break
        return answer
    key: list[str] = []
    while isinstance(tree, Branch):
        found = step(tree, values[tree.column], in_window)
        if found is None:
            return tree.column
        text, tree = found
        key.append(text)
    assert isinstance(tree, Leaf), "tables follow one another as a whole"
    return tree.row, tuple(key)


def step(branch: Branch, value: Scalar | None, in_window: Callable[[str], bool]) -> tuple[str, Tree] | None:
    """What one column makes of a value: the key's text and the tree below, or None where it has no row."""
    for name, below in branch.windows:
        if in_window(name):
            return name, below
    if value is not None:
        if value in branch.values:
            return value_text(value), branch.values[value]
        if branch.prefix_lengths:
            text = str(value)
            for length in branch.prefix_lengths:
                if text[:length] in branch.prefixes and len(text) >= length:
                    return text[:length], branch.prefixes[text[:length]]
        if branch.ranges:
            case = _range_of(branch.ranges, value)
            if case is not None:
                return case.text, case.tree
    if branch.otherwise is None:
        return None
    own = not (branch.ranges or branch.prefix_lengths or branch.windows or branch.otherwise_text)
    return (value_text(value) if own and value is not None else branch.otherwise_text), branch.otherwise


def _range_of(ranges: tuple[RangeCase, ...], value: Scalar) -> RangeCase | None:
    # Only the last case that begins at or before the value, and the one before it (whose high end may be included
    # where the next one's low end is not), can hold it.
    after = bisect_right(ranges, value, key=_low_key)
    for case in reversed(ranges[max(0, after - 2) : after]):
        if _holds(case, value):
            return case
    return None


def _low_key(case: RangeCase) -> Any:
    return _Lowest() if case.low is None else case.low


class _Lowest:
    """Below every value."""

    def __lt__(self, other: object) -> bool:
        return True

    def __gt__(self, other: object) -> bool:
        return False


def _holds(case: RangeCase, value: Scalar) -> bool:
    if case.low is not None and (value < case.low or (value == case.low and not case.low_included)):  # type: ignore[operator]
        return False
    return case.high is None or value < case.high or (value == case.high and case.high_included)  # type: ignore[operator]


def value_text(value: Scalar) -> str:
    """A value as keys and statements show it."""
    match value:
        case bool():
            return "yes" if value else "no"
        case Fraction():
            return str(value.numerator) if value.denominator == 1 else _decimal(value)
        case date():
            return value.isoformat()
        case str():
            return value


def _decimal(value: Fraction) -> str:
    return decimal_text(value) or str(value)
