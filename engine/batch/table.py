"""Small tables that Python works out and a query joins: their rows travel as parameters, never inside the text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import TypeAlias

from ...records import Record
from .quoting import quoted

Cell: TypeAlias = int | str | Decimal | date | bool | None


class SmallTable(Record):
    """A table by columns: `columns` are names with their SQL types, `values` a sequence of texts for each.

    Everything travels as text and is cast once, in the database: 38 digits stay 38 digits.
    """

    name: str
    columns: tuple[tuple[str, str], ...]
    values: tuple[tuple[str | None, ...], ...]

    @property
    def create_sql(self) -> str:
        """The statement that makes it; `parameters` go with it, one list a column."""
        given = ", ".join(f"unnest(?::VARCHAR[]) AS {quoted(name)}" for name, _ in self.columns)
        cast = ", ".join(f"CAST({quoted(name)} AS {type_}) AS {quoted(name)}" for name, type_ in self.columns)
        return f"CREATE OR REPLACE TEMP TABLE {quoted(self.name)} AS SELECT {cast} FROM (SELECT {given})"

    @property
    def parameters(self) -> list[list[str | None]]:
        """The values of `create_sql`."""
        return [list(column) for column in self.values]

    def __len__(self) -> int:
        return len(self.values[0])


def small_table(name: str, columns: Sequence[tuple[str, str]], rows: Iterable[Sequence[Cell]]) -> SmallTable:
    """The table of some rows, each as long as `columns`."""
    by_column: list[list[str | None]] = [[] for _ in columns]
    for row in rows:
        for column, cell in zip(by_column, row, strict=True):
            column.append(_text(cell))
    return SmallTable(name, tuple(columns), tuple(tuple(column) for column in by_column))


def _text(cell: Cell) -> str | None:
    match cell:
        case None:
            return None
        case bool():
            return "true" if cell else "false"
        case Decimal():
            return format(cell, "f")
        case _:
            return str(cell)
