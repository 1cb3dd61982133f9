"""Statements as CSV and JSON Lines: the text of each staged line, pieced together by a query."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ...engine.batch.quoting import text_literal
from ...engine.plan import Program
from ...records import Record
from ..focus import COLUMNS
from .line_texts import csv_cell_sql, csv_cells, csv_texts, json_opening, json_text_sql, json_texts
from .measured_lines import amount_sql, measure, quantity_sql
from .staged_lines import lines_in_order, stage_kinds, stage_lines

if TYPE_CHECKING:
    import duckdb

_BY: Final = '"by"'


class TextRows(Record):
    """`before` stands before all rows. `pieces` are arguments of `concat` that make the text of a row of `lines`, which
    are in the order of output, the first one with `place` 0."""

    before: str
    pieces: tuple[str, ...]
    lines: str


def csv_rows(connection: duckdb.DuckDBPyConnection, program: Program) -> TextRows:
    """The rows that `focus.write_csv` writes."""
    measured = measure(connection)
    quantity = quantity_sql(connection, measured)
    stage_kinds(connection)
    csv_texts(connection, program)
    lines = lines_in_order(connection, measured)
    amount = amount_sql(program.money, measured.amount_size).text("amount")
    nothing = text_literal(program.money.text(0))
    comma = "','"
    pieces = [
        *(csv_cell_sql("account"), comma, "period_cells"),
        _first("days_cells", "charged_cells") if measured.has_days else "charged_cells",
        *("plan_cell", "named_cells"),
        *(_first(_json_cell(_BY), "by_cell") if measured.has_by else "by_cell", comma),
        *(_first(_json_cell("applied_to"), "on_cell") if measured.has_applied_to else "on_cell", comma),
        *(quantity.shown(), comma, "unit_cell", comma),
        *([f"CASE WHEN contains(exact, '/') THEN {csv_cell_sql('exact')} END"] if measured.has_cut else []),
        *(comma, amount, comma),
        *(f"CASE WHEN is_included IS NULL THEN {amount} ELSE {nothing} END", comma, "last_cells"),
    ]
    return TextRows(csv_cells(*COLUMNS)[:-1] + "\n", tuple(pieces), lines)


def json_rows(connection: duckdb.DuckDBPyConnection, program: Program) -> TextRows:
    """The rows that `statement_json` writes, each line of a statement a piece of the statement's row."""
    measured = measure(connection, with_totals=True)
    quantity = quantity_sql(connection, measured)
    stage_kinds(connection)
    json_texts(connection, program)
    stage_lines(connection, measured, with_statements=True)
    money = amount_sql(program.money, measured.amount_size)
    line = [
        "named_piece",
        _first(f"', \"by\": ' || {_BY}", "by_piece") if measured.has_by else "by_piece",
        *(["days_piece"] if measured.has_days else []),
        # NULL for a line without a quantity, which `concat` leaves out.
        f"', \"quantity\": \"' || {quantity.exact()} || '\"'",
        "unit_piece",
        _first("', \"on\": ' || applied_to", "on_piece") if measured.has_applied_to else "on_piece",
        *('\', "amount": "\'', money.text("amount"), "last_piece"),
    ]
    opening = f"{text_literal(json_opening(program))}, {json_text_sql('account')}, opening"
    closing = f'\'], "total": "\', {money.text("total")}, \'", "due": "\', {money.text("due")}, \'"}}\', chr(10)'
    pieces = (
        f"CASE WHEN begins THEN concat({opening}) ELSE ', ' END",
        f"CASE WHEN ord IS NOT NULL THEN concat({', '.join(line)}) END",
        f"CASE WHEN ends THEN concat({closing}) END",
    )
    return TextRows("", pieces, "(SELECT rowid AS place, * FROM written_line)")


def _first(own: str, shared: str) -> str:
    """What a line says of itself, or else what it shares with others, which is an enumeration."""
    return f"coalesce(CAST({own} AS VARCHAR), CAST({shared} AS VARCHAR))"


def _json_cell(column: str) -> str:
    """JSON as a cell of CSV: it always holds quotes, and never begins with what a spreadsheet runs."""
    return f"'\"' || replace({column}, '\"', '\"\"') || '\"'"
