"""The tables that a run leaves its statements in, and statements that Python rated put into them.

- `statement_head`: `sid` INTEGER (from 0, in the order of output), `account`, `plan` VARCHAR, `period` INTEGER.
- `statement_total`: `sid`, `total`, `due` HUGEINT.
- `statement_period`: `period`; `start`, `end`; `part_start`, `part_end`, the billing period of which it bills a part.
- `line`: `sid`, `ord` (its place on the statement), `info`, `amount`, `quantity`, `exact`, `by`, `applied_to`, `days`.
- `line_info`, what lines have in common: `info`, `id`, `kind`, `label`, `unit`, `because`, `source`, `included` (a tax
  that prices include), `by`, `applied_to`.
- `line_days`, the days that lines of prices which change in a period are about: `days`; `start`, `end`.

Amounts are whole numbers of the ruleset's money unit. `quantity` is a DECIMAL of any scale; where it is not the exact
quantity, `exact` is: the decimal text, or `numerator/denominator`, with `quantity` then rounded half even to twelve
decimals (or NULL, where that is more than the column holds). `by` and `applied_to` are JSON as `json.dumps` writes it;
in a `line` they take precedence over those of `line_info`. Times are texts as `isoformat` writes them.

A `line` that queries filled may lack `exact`, `by`, `applied_to` and `days`, where they would be NULL, have narrower
numbers, and have `account` and `member` of its statement, which `member_head` (`member`, `plan`, `period`) describes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from ...engine.statement import Line, LineKind, Statement
from ...money import approximate_text, decimal_text
from ...records import Record
from ..statement_json import exact_text, kind_text

if TYPE_CHECKING:
    import duckdb

QUANTITY_DIGITS: Final = 12
"""Decimals of a quantity that stands for one without an exact decimal."""

_AMOUNT_MAX: Final = 2**127 - 1
_BATCH: Final = 50_000
_TABLES: Final = {
    "statement_head": "sid INTEGER, account VARCHAR, plan VARCHAR, period INTEGER",
    "statement_total": "sid INTEGER, total HUGEINT, due HUGEINT",
    "statement_period": 'period INTEGER, start VARCHAR, "end" VARCHAR, part_start VARCHAR, part_end VARCHAR',
    "line": "sid INTEGER, ord INTEGER, info INTEGER, amount HUGEINT, quantity DECIMAL(38, 12), exact VARCHAR, "
    '"by" VARCHAR, applied_to VARCHAR, days INTEGER',
    "line_info": "info INTEGER, id VARCHAR, kind VARCHAR, label VARCHAR, unit VARCHAR, because VARCHAR, "
    'source VARCHAR, included BOOLEAN, "by" VARCHAR, applied_to VARCHAR',
    "line_days": 'days INTEGER, start VARCHAR, "end" VARCHAR',
}
MAY_BE_VIEWS: Final = ("statement_head", "statement_total")
"""Tables that are views over what was there already, where queries alone fill them."""

Span: TypeAlias = tuple[datetime, datetime]
"""A half-open time, in the ruleset's zone."""


class LineInfo(Record):
    """What lines of many statements have in common: a row of `line_info`."""

    id: str
    kind: LineKind
    label: str
    unit: str
    because: str
    source: str
    by: tuple[tuple[str, str], ...] = ()
    on: tuple[str, ...] = ()


def create_statement_tables(connection: duckdb.DuckDBPyConnection, *, quantity_decimals: int = QUANTITY_DIGITS) -> None:
    """Make the tables, empty. The fewer decimals `quantity` has beyond those that are used, the cheaper is writing."""
    import duckdb

    for table, columns in _TABLES.items():
        if table in MAY_BE_VIEWS:
            with suppress(duckdb.CatalogException):  # It is a table already.
                connection.execute(f"DROP VIEW IF EXISTS {table}")
        found = columns.replace("DECIMAL(38, 12)", f"DECIMAL(38, {quantity_decimals})")
        connection.execute(f"CREATE OR REPLACE TEMP TABLE {table} ({found})")


def insert_line_infos(connection: duckdb.DuckDBPyConnection, infos: Iterable[LineInfo], first: int) -> None:
    """Add rows to `line_info`, numbered from `first`."""
    rows = [
        (
            number,
            info.id,
            kind_text(info.kind),
            info.label,
            info.unit,
            info.because,
            info.source,
            info.kind is LineKind.INCLUDED_TAX,
            json.dumps(dict(info.by), ensure_ascii=False) if info.by else None,
            json.dumps(info.on, ensure_ascii=False) if info.on else None,
        )
        for number, info in enumerate(infos, first)
    ]
    _insert(connection, "line_info", rows)


def insert_periods(connection: duckdb.DuckDBPyConnection, periods: Mapping[int, tuple[Span, Span | None]]) -> None:
    """Add billing periods by their number, each with the whole one of which it bills a part, or None."""
    rows = [
        (number, *map(datetime.isoformat, span), *((None, None) if whole is None else map(datetime.isoformat, whole)))
        for number, (span, whole) in periods.items()
    ]
    _insert(connection, "statement_period", rows)


def insert_days(connection: duckdb.DuckDBPyConnection, days: Mapping[int, Span]) -> None:
    """Add the days that lines of prices which change inside a period are about, as `Statement.period_of` gives them."""
    _insert(connection, "line_days", [(number, *map(datetime.isoformat, span)) for number, span in days.items()])


def insert_statements(
    connection: duckdb.DuckDBPyConnection, statements: Sequence[Statement], sids: Sequence[int]
) -> None:
    """Add statements that Python rated, each at its place in the order of output.

    Raises `OverflowError`, with nothing added, for an amount beyond 38 digits.
    """
    if any(abs(amount) > _AMOUNT_MAX for each in statements for amount in _amounts(each)):
        raise OverflowError("an amount beyond what a table holds")
    room = _quantity_room(connection)
    infos: dict[LineInfo, int] = {}
    periods: dict[tuple[Span, Span | None], int] = {}
    days: dict[Span, int] = {}
    first_info, first_period = _next(connection, "line_info", "info"), _next(connection, "statement_period", "period")
    first_days = _next(connection, "line_days", "days")
    for begin in range(0, len(statements), _BATCH):
        heads, totals, lines = [], [], []
        for sid, statement in zip(sids[begin : begin + _BATCH], statements[begin : begin + _BATCH], strict=True):
            span = ((statement.start, statement.end), statement.part_of)
            period = periods.setdefault(span, first_period + len(periods))
            heads.append((sid, statement.account, statement.plan, period))
            totals.append((sid, statement.total, statement.due))
            for order, line in enumerate(statement.lines):
                info = infos.setdefault(_info(line), first_info + len(infos))
                own = None
                if line.days is not None:
                    own = days.setdefault(statement.period_of(line), first_days + len(days))
                lines.append((sid, order, info, line.amount, *_quantity(line, room), None, None, own))
        _insert(connection, "statement_head", heads)
        _insert(connection, "statement_total", totals)
        _insert(connection, "line", lines)
    insert_line_infos(connection, infos, first_info)
    insert_periods(connection, {number: span for span, number in periods.items()})
    insert_days(connection, {number: span for span, number in days.items()})


def _amounts(statement: Statement) -> Iterable[int]:
    yield from (statement.total, statement.due)
    yield from (line.amount for line in statement.lines)


def _info(line: Line) -> LineInfo:
    place = str(line.place)
    return LineInfo(line.id, line.kind, line.labels.default, line.unit, line.because, place, line.by, line.on)


def _quantity(line: Line, room: tuple[int, int]) -> tuple[str | None, str | None]:
    """A line's quantity as a decimal that the column holds, and exactly where that is not the same."""
    if line.quantity is None:
        return None, None
    exact = decimal_text(line.quantity)
    shown = exact if exact is not None else approximate_text(line.quantity, QUANTITY_DIGITS)
    whole, _, decimals = shown.lstrip("-").partition(".")
    fits = len(whole) <= room[0] and len(decimals) <= room[1]
    return shown if fits else None, exact_text(line.quantity) if exact is None or not fits else None


def _quantity_room(connection: duckdb.DuckDBPyConnection) -> tuple[int, int]:
    """The digits that the column of quantities has before and behind the point."""
    (type_,) = connection.sql("SELECT quantity FROM line").types
    sizes: dict[str, Any] = dict(type_.children)
    return sizes["precision"] - sizes["scale"], sizes["scale"]


def _next(connection: duckdb.DuckDBPyConnection, table: str, key: str) -> int:
    found = connection.execute(f"SELECT coalesce(max({key}) + 1, 0) FROM {table}").fetchone()
    return 0 if found is None else int(found[0])


def _insert(connection: duckdb.DuckDBPyConnection, table: str, rows: Sequence[Sequence[object]]) -> None:
    """Add rows; values go as texts, so that the column's type is the only one they take."""
    if rows:
        columns = [[None if value is None else str(value) for value in column] for column in zip(*rows, strict=True)]
        cells = ", ".join(["unnest(?::VARCHAR[])"] * len(columns))
        connection.execute(f"INSERT INTO {table} SELECT {cells}", columns)
