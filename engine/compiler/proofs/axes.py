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
from itertools import pairwise, product
from math import prod

from ...condition import Scalar, scalar
from ...dispatch import Branch, RangeCase, Tree, below, dispatch, value_text
from ...plan import Charge, ColumnKind, OfMeter, Plan, Program
from ...usage import FieldKind, Value
from .known import Unmodelled

COMBINATIONS_MAX = 2_000
_ANOTHER = "another"
_BEYOND = 1_000_003
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
    numbers: dict[str, set[Fraction]] = {}
    orders: set[tuple[str, ...]] = set()
    for _, charge in tables:
        for index, column in enumerate(charge.columns):
            if column.kind is ColumnKind.FIELD:
                kind = _kind(program, meter, column.name)
                found = candidates.setdefault(column.name, {})
                if kind in (FieldKind.NUMBER, FieldKind.MONEY):
                    numbers.setdefault(column.name, set()).update(bounds_of(charge.tree, index))
                    candidates[column.name] = dict.fromkeys(between(numbers[column.name]))
                else:
                    found.update(dict.fromkeys(_values(charge.tree, index, column.values, kind)))
            elif column.kind is ColumnKind.TIME:
                own = dict.fromkeys(name for branch in branches_at(charge.tree, index) for name, _ in branch.windows)
                orders.add(tuple(own))
                windows.update(own)
    if len(orders) > 1:
        raise Unmodelled(f"several tables price {meter} by time, and not by the same windows in the same order")
    times: list[str | None] = [*windows, ELSEWHERE] if orders else [None]
    if prod(map(len, candidates.values())) * len(times) > COMBINATIONS_MAX:
        raise Unmodelled(f"{meter} has more combinations of values than are compared")
    open_ = {_ANOTHER} | {value_text(scalar(value)) for name, found in candidates.items() if name in numbers
                          for value in list(found)[len(numbers[name]) :]}  # fmt: skip
    seen = set()
    for values in product(*candidates.values()):
        fields = dict(zip(candidates, values, strict=True))
        for time in times:
            rows = _rows(tables, fields, time, attributes)
            if rows is None:
                continue
            endless = any(text in open_ for *_, key in rows for text in key)
            alike = tuple((*row, tuple(_ANOTHER if text in open_ else text for text in key)) for *row, key in rows)
            if alike not in seen:
                seen.add(alike)
                yield UsageAxis(meter, tuple(fields.items()), time, rows, endless, may_be_absent=True)


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
    for branch in branches_at(tree, column):
        yield from map(value_of, branch.values)
        yield from branch.prefixes
        yield from (inside_of(case) for case in branch.ranges)
    if kind is FieldKind.TEXT:
        yield _ANOTHER


def bounds_of(tree: Tree, column: int) -> Iterator[Fraction]:
    """Zero, and the numbers at which the cells of a column begin and end."""
    yield Fraction(0)
    for branch in branches_at(tree, column):
        yield from (value for value in branch.values if isinstance(value, Fraction))
        for case in branch.ranges:
            yield from (end for end in (case.low, case.high) if isinstance(end, Fraction))


def between(bounds: Iterable[Fraction]) -> Iterator[Value]:
    """Numbers of which one stands for each cell: first the bounds, then one between any two and one beyond them."""
    ordered = sorted(set(bounds))
    yield from map(value_of, ordered)
    yield from (value_of((low + high) / 2) for low, high in pairwise(ordered))
    yield value_of(ordered[-1] + _BEYOND)


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
