"""Which rows of two tables price the same usage.

Each table is asked by its own decision tree, so that it does not matter how a table is cut into rows, in which order
they stand, or whether a value was named before or fell under `otherwise`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from fractions import Fraction
from itertools import pairwise, product
from math import prod
from typing import TypeAlias

from ....records import Record
from ...condition import Scalar
from ...dispatch import Tree, dispatch, value_text
from ...plan import ColumnKind
from ..model import Charge, Key, KeyAny, KeyOtherwise, KeyRange, KeyValues, KeyWindows, Row
from .meaning import meaning

_COMBINATIONS_MAX = 100_000
_NAMED_MAX = 3
OTHER = "\0other"
"""What stands for every value that no table names."""

Axis: TypeAlias = tuple[ColumnKind, str]


class Point(Record):
    """A value that stands for others which no table tells from it, and its words; `prefix` where it begins longer ones.

    The value of a column `time` is the name of a window.
    """

    value: Scalar
    words: str


class RowPair(Record):
    """Rows that price the same usage; None where one table has no price for it.

    `where` names the combinations of key values, empty where they are all; `count` says in how many rows of the newer
    table they stand (of the older one where they are gone). `fields` is one of them.
    """

    old: Row | None
    new: Row | None
    old_index: int | None
    new_index: int | None
    where: str
    count: int
    sample: tuple[tuple[Axis, Scalar], ...] = ()

    @property
    def fields(self) -> tuple[tuple[str, str], ...]:
        """The sample in words, without what stands for all other values."""
        return tuple((name, value_text(value)) for (_, name), value in self.sample if value != OTHER)


class Table(Record):
    """A charge with its decision tree."""

    charge: Charge
    tree: Tree


def pair_rows(old: Table, new: Table) -> tuple[RowPair, ...]:
    """The pairs of rows that price the same usage, those that say the same taken together, in order of the new rows."""
    axes = _axes(old.charge, new.charge)
    if not axes:
        return (RowPair(old.charge.rows[0], new.charge.rows[0], 0, 0, "", 1),)
    domains = {axis: _domain(axis, (old.charge, new.charge)) for axis in axes}
    content = {id(row): _content(row) for table in (old, new) for row in table.charge.rows}
    grouped: dict[object, list[tuple[int | None, int | None, tuple[Point, ...]]]] = {}
    total = 0
    for points in _combinations(axes, domains, (old.charge, new.charge)):
        total += 1
        before, after = (_row_of(table, axes, points) for table in (old, new))
        if before is None and after is None:
            continue
        key = (
            None if before is None else content[id(old.charge.rows[before])],
            None if after is None else content[id(new.charge.rows[after])],
        )
        grouped.setdefault(key, []).append((before, after, points))
    pairs = [_pair(old.charge, new.charge, axes, domains, found, total) for found in grouped.values()]
    return tuple(sorted(pairs, key=lambda pair: (pair.new_index is None, pair.new_index or 0, pair.old_index or 0)))


def _content(row: Row) -> object:
    return meaning((row.bands, row.minimum, row.cap))


def _pair(
    old: Charge,
    new: Charge,
    axes: Sequence[Axis],
    domains: Mapping[Axis, tuple[Point, ...]],
    found: Sequence[tuple[int | None, int | None, tuple[Point, ...]]],
    total: int,
) -> RowPair:
    before, after, points = found[0]
    rows = {item[1] for item in found} if after is not None else {item[0] for item in found}
    return RowPair(
        None if before is None else old.rows[before],
        None if after is None else new.rows[after],
        before,
        after,
        "" if len(found) == total else _where(axes, domains, [item[2] for item in found]),
        len(rows),
        tuple((axis, point.value) for axis, point in zip(axes, points, strict=True)),
    )


def _where(axes: Sequence[Axis], domains: Mapping[Axis, tuple[Point, ...]], found: list[tuple[Point, ...]]) -> str:
    """`region us, eu; tier gold` where the combinations are a product, otherwise the first of them."""
    columns = [tuple(dict.fromkeys(points[index] for points in found)) for index in range(len(axes))]
    if prod(map(len, columns)) == len(found):
        parts = [
            f"{name} {_listed(point.words or 'any other' for point in values)}"
            for (kind, name), values in zip(axes, columns, strict=True)
            if len(values) < len(domains[kind, name])
        ]
        return "; ".join(parts)
    texts = [
        " ".join(f"{name} {point.words or 'any other'}" for (_, name), point in zip(axes, points, strict=True))
        for points in found[:_NAMED_MAX]
    ]
    more = len(found) - len(texts)
    return "; ".join(texts) + (f"; and {more:,} more" if more else "")


def _listed(words: Iterable[str]) -> str:
    words = list(words)
    if len(words) <= 2 * _NAMED_MAX:
        return ", ".join(words)
    return f"{', '.join(words[:_NAMED_MAX])} and {len(words) - _NAMED_MAX:,} more"


def _axes(old: Charge, new: Charge) -> tuple[Axis, ...]:
    return tuple(dict.fromkeys((column.kind, column.name) for charge in (new, old) for column in charge.columns))


def _keys(charge: Charge, axis: Axis) -> Iterator[Key]:
    for index, column in enumerate(charge.columns):
        if (column.kind, column.name) == axis:
            yield from (row.keys[index] for row in charge.rows)


def _domain(axis: Axis, charges: Sequence[Charge]) -> tuple[Point, ...]:
    """Values that stand for all that the tables tell apart; the words of what stands for all others are empty."""
    ranges: dict[Key, None] = {}
    points: dict[Point, None] = {}
    closed = True
    for charge in charges:
        for index, column in enumerate(charge.columns):
            if (column.kind, column.name) == axis:
                declared = charge.declared[index] if index < len(charge.declared) else None
                closed = closed and declared is not None
                points.update((Point(value, value_text(value)), None) for value in declared or ())
        for key in _keys(charge, axis):
            match key:
                case KeyValues(values, prefix):
                    points.update((Point(value, _words(value, prefix)), None) for value in values)
                case KeyWindows(names):
                    closed = False
                    points.update((Point(name, name), None) for name in names)
                case KeyRange():
                    ranges[key] = None
                case KeyAny() | KeyOtherwise():
                    pass
    if ranges:
        return (*points, *_stretches([key for key in ranges if isinstance(key, KeyRange)]))
    if closed and points:
        return tuple(points)
    return (*points, Point(OTHER, ""))


def _words(value: Scalar, prefix: bool) -> str:
    return f"{value_text(value)}…" if prefix else value_text(value)


def _stretches(ranges: Sequence[KeyRange]) -> Iterator[Point]:
    """A value in each stretch between the ends of ranges, and each end itself where it is included only once."""
    ends = sorted({end for key in ranges for end in (key.low, key.high) if end is not None})
    if not ends:
        yield Point(Fraction(0), "any")
        return
    yield Point(_beside(ends[0], -1), f"below {_end(ends[0])}")
    for low, high in pairwise(ends):
        yield Point(low, _end(low))
        middle = _between(low, high)
        if middle is not None:
            yield Point(middle, f"between {_end(low)} and {_end(high)}")
    yield Point(ends[-1], _end(ends[-1]))
    yield Point(_beside(ends[-1], 1), f"above {_end(ends[-1])}")


def _end(value: Fraction | date) -> str:
    return value_text(value)


def _beside(value: Fraction | date, step: int) -> Fraction | date:
    return value + timedelta(step) if isinstance(value, date) else value + step


def _between(low: Fraction | date, high: Fraction | date) -> Fraction | date | None:
    if isinstance(low, date) and isinstance(high, date):
        return low + timedelta(1) if (high - low).days > 1 else None
    assert isinstance(low, Fraction) and isinstance(high, Fraction)
    return (low + high) / 2


def _combinations(
    axes: Sequence[Axis], domains: Mapping[Axis, tuple[Point, ...]], charges: Sequence[Charge]
) -> Iterator[tuple[Point, ...]]:
    """Every combination of points; where these would be too many, those that the rows name."""
    if prod(len(domains[axis]) for axis in axes) <= _COMBINATIONS_MAX:
        yield from product(*(domains[axis] for axis in axes))
        return
    by_words = {axis: {point.words: point for point in domains[axis]} for axis in axes}
    seen: set[tuple[Point, ...]] = set()
    for charge in charges:
        columns = {(column.kind, column.name): index for index, column in enumerate(charge.columns)}
        for row in charge.rows:
            cells = [
                _named(row.keys[columns[axis]], by_words[axis]) if axis in columns else domains[axis][-1:]
                for axis in axes
            ]
            for points in product(*cells):
                if points not in seen:
                    seen.add(points)
                    yield points


def _named(key: Key, points: Mapping[str, Point]) -> tuple[Point, ...]:
    """The points that a cell names; the last one of the column, which is the most general, for the others."""
    match key:
        case KeyValues(values, prefix):
            return tuple(points[_words(value, prefix)] for value in values)
        case KeyWindows(names):
            return tuple(points[name] for name in names)
        case KeyRange(low, low_included, high, high_included):
            ends = [_end(low)] if low is not None and low_included else []
            ends += [_end(high)] if high is not None and high_included else []
            open_to = f"between {_end(low)} and" if low is not None else "below"
            words = ends or [word for word in points if word.startswith(open_to)]
            return tuple(points[word] for word in words[:1])
        case KeyAny() | KeyOtherwise():
            return (list(points.values())[-1],)


def _row_of(table: Table, axes: Sequence[Axis], points: tuple[Point, ...]) -> int | None:
    if not table.charge.columns:
        return 0
    known = dict(zip(axes, points, strict=True))
    own = [(column.kind, column.name) for column in table.charge.columns]
    values = tuple(None if kind is ColumnKind.TIME else known[kind, name].value for kind, name in own)
    windows = {str(known[axis].value) for axis in own if axis[0] is ColumnKind.TIME}
    found = dispatch(table.tree, values, windows.__contains__)
    return None if isinstance(found, int) else found[0]
