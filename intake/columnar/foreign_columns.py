"""Columns that stand in rows whose event or meter has no such field: they are not read, which is said once a file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...diagnostics import Diagnostic
from ..columns import ENVELOPE, EVENT_COLUMNS, QUANTITY_COLUMNS, usage_columns
from ..rejects import ignored_column
from .expressions import FALSE, all_of, literal, quoted
from .relation import RowsQuery

if TYPE_CHECKING:
    import duckdb

_Candidate = tuple[str, str, str]
"""A column as it is named, of whom it is no field, and whether something stands there in a row of theirs."""


def foreign_columns(connection: duckdb.DuckDBPyConnection, query: RowsQuery) -> Iterator[Diagnostic]:
    """The columns of a scan's plain rows that are not read; a scan whose files hold none of those costs nothing."""
    candidates = list(_candidates(query))
    if not candidates or query.plain == FALSE:
        return
    asked = ", ".join(f"coalesce(bool_or({condition}), false)" for _, _, condition in candidates)
    for file in query.rows.scan.files:
        inner = query.inner(query.rows.scan.source_of(file))
        found = connection.execute(f"SELECT {asked} FROM ({inner}) AS read_row WHERE {query.plain}").fetchone() or ()
        named = {(column, owner) for (column, owner, _), stands in zip(candidates, found, strict=True) if stands}
        yield from (ignored_column(file, column, owner) for column, owner in sorted(named))


def _candidates(query: RowsQuery) -> Iterator[_Candidate]:
    rows, wanted = query.rows, usage_columns(query.schema)
    scan = rows.scan
    owners = [("is.event", each.name, EVENT_COLUMNS, each.fields) for each in rows.events]
    owners += [("is.meter", each.name, QUANTITY_COLUMNS, each.fields) for each in rows.meters]
    for kind, name, envelope, fields in owners:
        own = envelope | {field.name for field in fields}
        is_own = f"coalesce({quoted(kind)} = {literal(name)}, false)"
        for column in query.raw_columns:
            if column not in own:
                owner = f" of `{name}`" if column in wanted else ""
                yield column, owner, all_of([is_own, f"{quoted(f'raw.{column}')} IS NOT NULL"])
    for column in scan.inner:
        if column in ENVELOPE:
            yield f"data.{column}", "", f"{quoted(f'data.{column}')} IS NOT NULL"
