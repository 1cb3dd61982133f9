"""What a total depends on: a quantity for each combination of `by` values priced alike, and numbers of accounts.

Combinations are named by one that stands for all of its row. Where any text may stand in a field, one axis stands for
any number of lines.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import product
from math import prod

from ...condition import Scalar, scalar
from ...dispatch import Branch, RangeCase, Tree, below, dispatch, value_text
from ...plan import Charge, ColumnKind, OfMeter, Plan, Program
from ...usage import FieldKind, Value
from .known import Unmodelled

COMBINATIONS_MAX = 2_000
_ANOTHER = "another"
ELSEWHERE = ""
"""The time of usage that lies in none of a table's windows."""


@dataclass(frozen=True, slots=True)
class UsageAxis:
    """The quantity of a meter for one combination; `rows` tells which row of which charge prices it."""

    meter: str
    fields: tuple[tuple[str, Value], ...] = ()
    window: str | None = None
    rows: tuple[tuple[int, str, int, tuple[str, ...]], ...] = ()
    """The number of the plan, the charge, the row and the key of its line."""
    endless: bool = False
    may_be_absent: bool = False


@dataclass(frozen=True, slots=True)
class NumberAxis:
    """A number or an amount of money that is known of the account."""

    attribute: str


def usage_axes(
    program: Program, plans: Sequence[Plan], meters: Iterable[str], attributes: Mapping[str, Value | None]
) -> Iterator[UsageAxis]:
    """The axes of meters, for an account with these attributes. Raises `Unmodelled` for too many combinations."""
    for meter in meters:
        own = [
            (number, charge)
            for number, plan in enumerate(plans)
            for charge in plan.charges
            if isinstance(charge.source, OfMeter) and charge.source.meter == meter
        ]
        tables = [(number, charge) for number, charge in own if charge.columns]
        if not tables:
            yield UsageAxis(meter)
        else:
            yield from _combinations(program, meter, tables, attributes)


def _combinations(
    program: Program, meter: str, tables: Sequence[tuple[int, Charge]], attributes: Mapping[str, Value | None]
) -> Iterator[UsageAxis]:
    candidates: dict[str, dict[Value, None]] = {}
    windows: dict[str, None] = {}
    timed = 0
    for _, charge in tables:
        timed += any(column.kind is ColumnKind.TIME for column in charge.columns)
        for index, column in enumerate(charge.columns):
            if column.kind is ColumnKind.FIELD:
                kind = _kind(program, meter, column.name)
                found = candidates.setdefault(column.name, {})
                found.update(dict.fromkeys(_values(charge.tree, index, column.values, kind)))
            elif column.kind is ColumnKind.TIME:
                windows.update(
                    dict.fromkeys(name for branch in branches_at(charge.tree, index) for name, _ in branch.windows)
                )
    if timed > 1 and len({tuple(sorted(windows)) for _ in tables}) > 1:
        raise Unmodelled(f"several tables price {meter} by time")
    times: list[str | None] = [*windows, ELSEWHERE] if timed else [None]
    if prod(map(len, candidates.values())) * len(times) > COMBINATIONS_MAX:
        raise Unmodelled(f"{meter} has more combinations of values than are compared")
    others = {_ANOTHER, *(value_text(scalar(list(found)[-1])) for found in candidates.values() if _is_open(found))}
    seen = set()
    for values in product(*candidates.values()):
        fields = dict(zip(candidates, values, strict=True))
        for time in times:
            rows = _rows(tables, fields, time, attributes)
            if rows is None or rows in seen:
                continue
            seen.add(rows)
            endless = any(text in others for *_, key in rows for text in key)
            yield UsageAxis(meter, tuple(fields.items()), time, rows, endless, may_be_absent=True)


def _is_open(found: Mapping[Value, None]) -> bool:
    """Whether the last of these values stands for any number of numbers."""
    last = list(found)[-1]
    return isinstance(last, Decimal) and last >= 1_000_003


def _rows(
    tables: Sequence[tuple[int, Charge]],
    fields: Mapping[str, Value],
    time: str | None,
    attributes: Mapping[str, Value | None],
) -> tuple[tuple[int, str, int, tuple[str, ...]], ...] | None:
    found = []
    for number, charge in tables:
        values: list[Scalar | None] = []
        for column in charge.columns:
            value = (fields if column.kind is ColumnKind.FIELD else attributes).get(column.name)
            values.append(None if value is None or column.kind is ColumnKind.TIME else scalar(value))
        row = dispatch(charge.tree, tuple(values), lambda name: name == time)
        if isinstance(row, int):
            return None
        found.append((number, charge.name, *row))
    return tuple(found)


def _kind(program: Program, meter: str, name: str) -> FieldKind:
    event = program.schema.events[program.meters[meter].event]
    return next(item.kind for item in event.fields if item.name == name)


def branches_at(tree: Tree, column: int) -> Iterator[Branch]:
    """Every choice at one column of a table."""
    if isinstance(tree, Branch) and tree.column == column:
        yield tree
    for part in below(tree):
        yield from branches_at(part, column)


def _values(tree: Tree, column: int, declared: Sequence[str], kind: FieldKind) -> Iterator[Value]:
    """Values of which one stands for each cell of a column."""
    if kind is FieldKind.YES_NO:
        yield from (True, False)
        return
    if declared:
        yield from declared
        return
    numbers = []
    for branch in branches_at(tree, column):
        for value in branch.values:
            yield value_of(value)
            numbers.append(value)
        yield from branch.prefixes
        for case in branch.ranges:
            inside = inside_of(case)
            yield inside
            numbers.append(scalar(inside))
    if kind is FieldKind.TEXT:
        yield _ANOTHER
    elif kind in (FieldKind.NUMBER, FieldKind.MONEY):
        yield value_of(max([item for item in numbers if isinstance(item, Fraction)], default=Fraction(0)) + 1_000_003)


def value_of(value: Scalar) -> Value:
    """A value of a cell as usage and accounts hold it."""
    if isinstance(value, Fraction):
        return Decimal(value.numerator) / Decimal(value.denominator)
    return value


def inside_of(case: RangeCase) -> Value:
    """A value that lies in a range."""
    low, high = case.low, case.high
    if isinstance(low, date) or isinstance(high, date):
        if low is not None:
            assert isinstance(low, date)
            return low if case.low_included else low + timedelta(days=1)
        assert isinstance(high, date)
        return high - timedelta(days=1)
    if low is not None and case.low_included:
        return value_of(low)
    if high is not None and case.high_included:
        return value_of(high)
    if low is None:
        return value_of(Fraction(0) if high is None else high - 1)
    return value_of(low + 1 if high is None else (low + high) / 2)
