"""A report as a value: columns that know what they hold, rows, and what may be drawn of them."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias

from ...money import MoneyUnit
from ..amounts import unit_of

Cell: TypeAlias = str | int | Decimal | None
"""A text, a count, an amount or quantity, or nothing. Amounts are in whole currency, exact."""


class ColumnKind(enum.Enum):
    """What a column holds: how it is aligned, which type it gets in a file."""

    TEXT = "text"
    COUNT = "count"
    MONEY = "money"
    QUANTITY = "quantity"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a report."""

    name: str
    kind: ColumnKind


@dataclass(frozen=True, slots=True)
class Bars:
    """A chart with a bar for each row: `labels`, `value` and `series` name columns; each series has its own chart."""

    labels: tuple[str, ...]
    value: str
    series: str


@dataclass(frozen=True, slots=True)
class Trend:
    """A chart over days or months, which `when` names; what differs in `series` has charts of its own."""

    when: str
    value: str
    series: tuple[str, ...]


Chart: TypeAlias = Bars | Trend


@dataclass(frozen=True, slots=True)
class Report:
    """A table under a title. `notes` say how to read it; every row has the columns in their order."""

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()
    charts: tuple[Chart, ...] = ()

    def objects(self) -> list[Mapping[str, object]]:
        """The rows by the names of their columns; decimals as exact texts."""
        names = [column.name for column in self.columns]
        return [dict(zip(names, map(_plain, row), strict=True)) for row in self.rows]


def _plain(cell: Cell) -> object:
    return format(cell, "f") if isinstance(cell, Decimal) else cell


def whole(value: object) -> int:
    """A whole number as a database gives it: PostgreSQL adds integers up to decimals."""
    if isinstance(value, int):
        return value
    assert isinstance(value, Decimal) and value == value.to_integral_value(), "the books hold whole numbers"
    return int(value)


def word(value: object) -> str:
    """A text as a database gives it."""
    assert isinstance(value, str), "the column holds texts"
    return value


def money(amount: int, currency: str) -> Decimal:
    """An amount of the books in whole currency, with the digits of the currency."""
    unit = unit_of(currency)
    assert isinstance(unit, MoneyUnit), "amounts are stored in currencies that exist"
    return Decimal(unit.text(amount))


def texts(*names: str) -> tuple[Column, ...]:
    """Columns of texts."""
    return tuple(Column(name, ColumnKind.TEXT) for name in names)


def counts(*names: str) -> tuple[Column, ...]:
    """Columns of whole numbers."""
    return tuple(Column(name, ColumnKind.COUNT) for name in names)


def amounts(*names: str) -> tuple[Column, ...]:
    """Columns of money."""
    return tuple(Column(name, ColumnKind.MONEY) for name in names)


def with_totals(
    rows: Sequence[tuple[Cell, ...]], columns: Sequence[Column], currency: int
) -> tuple[tuple[Cell, ...], ...]:
    """The rows and a row `total` for each currency, which stands in the column of this number."""
    sums: dict[Cell, list[Cell]] = {}
    for row in rows:
        total = sums.setdefault(row[currency], ["total", *("" for _ in columns[1:])])
        total[currency] = row[currency]
        for place, column in enumerate(columns):
            cell = row[place]
            if column.kind in (ColumnKind.MONEY, ColumnKind.COUNT) and isinstance(cell, int | Decimal):
                before = total[place]
                total[place] = cell if before == "" else before + cell  # type: ignore[operator]
    blank = {column.kind for column in columns} - {ColumnKind.TEXT}
    ends = [
        tuple(None if cell == "" and columns[place].kind in blank else cell for place, cell in enumerate(total))
        for total in sums.values()
    ]
    return (*rows, *ends)
