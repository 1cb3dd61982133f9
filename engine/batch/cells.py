"""Ranges as numbered cells: the ends of ranges cut the line of values, and a value is known by the cell that holds it.

Cell 0 lies before the first cut, cell n after the n-th. All values of a cell lie in the same ranges.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from fractions import Fraction
from math import ceil, floor

from ...records import Record
from ..condition import Scalar
from ..dispatch import RangeCase


class Cut(Record):
    """Between two values that a column can hold: `at` is the lowest one after it.

    Numbers count in units of the column's last digit, `digits` after the point.
    """

    at: int | date
    digits: int = 0

    @property
    def value(self) -> Scalar:
        """The lowest value after the cut."""
        return self.at if isinstance(self.at, date) else Fraction(self.at, 10**self.digits)

    @property
    def before(self) -> Scalar:
        """The highest value before the cut."""
        if isinstance(self.at, date):
            return self.at - timedelta(days=1)
        return Fraction(self.at - 1, 10**self.digits)

    @property
    def sql(self) -> str:
        """The value after the cut, with as many digits as the column has, so that a comparison widens nothing."""
        if isinstance(self.at, date):
            return f"DATE '{self.at.isoformat()}'"
        size = str(abs(self.at)).rjust(self.digits + 1, "0")
        text = f"{size[: -self.digits]}.{size[-self.digits :]}" if self.digits else size
        return f"-{text}" if self.at < 0 else text


def cuts_of(ranges: Iterable[RangeCase], values: Iterable[Scalar], digits: int) -> tuple[Cut, ...]:
    """The cuts at the ends of ranges and around values, in a column of dates or of numbers with so many digits."""
    found: set[Cut] = set()
    for case in ranges:
        if case.low is not None:
            found.add(_after(case.low, digits, included=case.low_included))
        if case.high is not None:
            found.add(_after(case.high, digits, included=not case.high_included))
    for value in values:
        if isinstance(value, Fraction | date):
            found.update(_after(value, digits, included=included) for included in (True, False))
    return tuple(sorted(found, key=lambda cut: cut.at))


def _after(bound: Fraction | date, digits: int, *, included: bool) -> Cut:
    """The cut before the lowest value that is not below a bound, or that is above it."""
    if isinstance(bound, date):
        return Cut(bound if included else bound + timedelta(days=1))
    units = bound * 10**digits
    return Cut(ceil(units) if included else floor(units) + 1, digits)


def held_at(cuts: Sequence[Cut], cell: int) -> Scalar:
    """A value of a cell."""
    return cuts[0].before if cell == 0 else cuts[cell - 1].value


def cell_sql(expression: str, cuts: Sequence[Cut]) -> str:
    """The number of the cell that holds a value, NULL for NULL: halves are asked, so that few comparisons are made."""
    inner = _search(expression, cuts, 0, len(cuts))
    return f"CASE WHEN {expression} IS NULL THEN NULL ELSE {inner} END"


def _search(expression: str, cuts: Sequence[Cut], low: int, high: int) -> str:
    if low == high:
        return str(low)
    middle = (low + high) // 2
    below, above = _search(expression, cuts, low, middle), _search(expression, cuts, middle + 1, high)
    return f"CASE WHEN {expression} < {cuts[middle].sql} THEN {below} ELSE {above} END"
