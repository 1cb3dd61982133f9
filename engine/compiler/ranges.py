"""Ranges of a column, cut at each other's ends: which rows hold between two ends, and what no range holds.

The cuts are found in one pass over the sorted ends, so that a table of many thousand ranges is no slower for a row than
a short one.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from fractions import Fraction

from ..condition import Scalar
from ..dispatch import RangeCase, Tree, value_text
from .model import KeyRange

End = Fraction | date


class Cuts:
    """Ranges by row, cut at their ends: the ends rise, and rows are known for each end and each piece between ends."""

    def __init__(self, ranges: Mapping[int, KeyRange]) -> None:
        self.ranges = ranges
        self._ends: list[End] = sorted(
            {end for key in ranges.values() for end in (key.low, key.high) if end is not None}
        )
        # Piece 2k lies below end k (and above the one before it), piece 2k + 1 is the end itself.
        index = {end: number for number, end in enumerate(self._ends)}
        last = 2 * len(self._ends)
        self._begin: dict[int, list[int]] = {}
        self._cease: dict[int, list[int]] = {}
        for row, key in ranges.items():
            first = 0 if key.low is None else 2 * index[key.low] + (1 if key.low_included else 2)
            final = last if key.high is None else 2 * index[key.high] + (1 if key.high_included else 0)
            if first <= final:
                self._begin.setdefault(first, []).append(row)
                self._cease.setdefault(final, []).append(row)
        self._rows: dict[int, tuple[int, ...]] = dict(self._swept())

    def _swept(self) -> Iterator[tuple[int, tuple[int, ...]]]:
        """The rows of every piece that has some, in their order."""
        open_rows: set[int] = set()
        for piece in range(2 * len(self._ends) + 1 if self.ranges else 0):
            open_rows.update(self._begin.get(piece, ()))
            if open_rows:
                yield piece, tuple(sorted(open_rows))
                open_rows.difference_update(self._cease.get(piece, ()))

    def rows_with(self, value: Scalar) -> tuple[int, ...]:
        """The rows whose range holds a value."""
        if not self.ranges or isinstance(value, str | bool):
            return ()
        number = bisect_left(self._ends, value)
        at_end = number < len(self._ends) and self._ends[number] == value
        return self._rows.get(2 * number + at_end, ())

    def cases(self, below: Callable[[Iterable[int], str], Tree]) -> tuple[RangeCase, ...]:
        """Disjoint, rising cases with what `below` makes of their rows and of the words for them."""
        merged: list[RangeCase] = []
        for piece, chosen in self._rows.items():
            low, low_in, high, high_in = self._piece(piece)
            text = self.ranges[chosen[0]].text
            # Where ranges overlap, a message names what they share.
            shown = text if len(chosen) == 1 else _piece_text(low, high)
            last = merged[-1] if merged else None
            if last is not None and last.text == text and last.high == low and (last.high_included or low_in):
                tree = below(chosen, shown)
                if last.tree == tree:
                    merged[-1] = RangeCase(last.low, last.low_included, high, high_in, text, tree)
                    continue
            else:
                tree = below(chosen, shown)
            merged.append(RangeCase(low, low_in, high, high_in, text, tree))
        return tuple(merged)

    def _piece(self, piece: int) -> tuple[End | None, bool, End | None, bool]:
        number, is_end = divmod(piece, 2)
        if is_end:
            return self._ends[number], True, self._ends[number], True
        low = self._ends[number - 1] if number else None
        high = self._ends[number] if number < len(self._ends) else None
        return low, False, high, False


def _piece_text(low: End | None, high: End | None) -> str:
    if low is not None and low == high:
        return value_text(low)
    if low is None:
        return "of any size" if high is None else f"below {value_text(high)}"
    return f"above {value_text(low)}" if high is None else f"between {value_text(low)} and {value_text(high)}"


def hole(ranges: Mapping[int, KeyRange], values: Mapping[Scalar, object]) -> str | None:
    """What the ranges of an open column leave out from zero up; empty text where any other value is left out."""
    if not ranges:
        return ""
    reach: End | None = None
    reach_included = False
    for key in sorted(ranges.values(), key=_low_order):
        if key.low is not None:
            starts_low = isinstance(key.low, Fraction) and key.low <= 0 and reach is None
            joined = reach is not None and (
                key.low < reach  # type: ignore[operator]
                or (key.low == reach and (key.low_included or reach_included or key.low in values))
            )
            if not starts_low and not joined:
                return f"below {value_text(key.low)}" if reach is None else f"{value_text(reach)}"
        if key.high is None:
            return None
        if reach is None or key.high > reach or (key.high == reach and key.high_included):  # type: ignore[operator]
            reach, reach_included = key.high, key.high_included
    assert reach is not None
    return f"{'above' if reach_included else 'from'} {value_text(reach)}"


def _low_order(key: KeyRange) -> tuple[int, object, bool]:
    return (0, 0, False) if key.low is None else (1, key.low, not key.low_included)
