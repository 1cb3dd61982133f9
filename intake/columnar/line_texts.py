"""What output says of lines and statements whatever their usage: worked out once for all that are alike, in Python, and
joined to the lines.

Texts of one row each: cells of CSV, pieces of JSON. What differs from line to line stands between them.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from ...engine.batch.quoting import text_literal
from ...engine.plan import Program
from ..focus import category_of
from ..outputs import spreadsheet_safe
from ..statement_json import SCHEMA
from .staged_lines import enumeration

if TYPE_CHECKING:
    import duckdb

_NUMBER: Final = "[+-]?[0-9]+([.][0-9]+)?"
_RISKY: Final = ("=", "+", "-", "@", "\t", "\r")


def csv_cells(*cells: str | None) -> str:
    """The cells as `focus.write_csv` writes them, each with a comma behind it."""
    stream = io.StringIO()
    # A last cell of its own, for a row of one empty cell would be written with quotes.
    csv.writer(stream, lineterminator="\n").writerow([*(spreadsheet_safe(cell or "") for cell in cells), "."])
    return stream.getvalue()[: -len(".\n")]


def csv_cell_sql(text: str) -> str:
    """SQL that writes a text as `csv_cells` does, without the comma; NULL stays NULL."""
    risky = ", ".join(f"chr({ord(sign)})" for sign in _RISKY)
    is_run = f"left({text}, 1) IN ({risky}) AND NOT regexp_full_match({text}, '{_NUMBER}')"
    safe = f"CASE WHEN {is_run} THEN '''' || {text} ELSE {text} END"
    # What is quoted differs between versions of Python.
    quoting = "".join(sign for sign in ',"\r\n' if csv_cells(f"a{sign}b").startswith('"'))
    escaped = "".join(f"\\x{ord(sign):02x}" for sign in quoting)
    return (
        f"CASE WHEN regexp_matches({text}, '[{escaped}]') THEN '\"' || replace({safe}, '\"', '\"\"') || '\"' "
        f"ELSE {safe} END"
    )


def json_text(text: str) -> str:
    """A text as `statement_json` writes it."""
    return json.dumps(text, ensure_ascii=False)


def json_text_sql(text: str) -> str:
    """SQL that writes a text as `json_text` does."""
    escaped = f"replace({text}, '\\', '\\\\')"
    for sign in ('"', *map(chr, range(32))):
        escaped = f"replace({escaped}, chr({ord(sign)}), {text_literal(json_text(sign)[1:-1])})"
    return f"'\"' || CASE WHEN regexp_matches({text}, '[\\x00-\\x1f\"\\\\]') THEN {escaped} ELSE {text} END || '\"'"


def _rows(connection: duckdb.DuckDBPyConnection, query: str) -> list[tuple[str | None, ...]]:
    return connection.execute(query).fetchall()


def _table(
    connection: duckdb.DuckDBPyConnection, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]
) -> None:
    """Make a table of texts under an INTEGER, the first column. Texts become enumerations, so that rows are small."""
    key, *texts = columns
    types = ", ".join([f"{key} INTEGER", *(f"{text} VARCHAR" for text in texts)])
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {table} ({types})")
    if rows:
        values = ", ".join(["unnest(?::INTEGER[])", *["unnest(?::VARCHAR[])"] * len(texts)])
        connection.execute(f"INSERT INTO {table} SELECT {values}", [list(column) for column in zip(*rows, strict=True)])
    for text in texts:
        found = connection.execute(f"SELECT DISTINCT {text} FROM {table}").fetchall()
        type_ = enumeration(word for (word,) in found)
        # An empty text is NULL from here on, which `concat` leaves out.
        connection.execute(f"ALTER TABLE {table} ALTER {text} TYPE {type_} USING CAST(nullif({text}, '') AS {type_})")


_KINDS: Final = (
    'SELECT kind, plan, coalesce(part_start, start), coalesce(part_end, "end"), start, "end", part_start, part_end '
    "FROM written_kind JOIN statement_period USING (period) ORDER BY kind"
)
_INFOS: Final = (
    'SELECT info, id, kind, label, unit, because, source, included, "by", applied_to FROM line_info ORDER BY info'
)


def csv_texts(connection: duckdb.DuckDBPyConnection, program: Program) -> None:
    """Make `written_kind_text`, `written_days` and `written_info` for CSV.

    `written_info` has the cells up to the label, `by`, `applied_to`, the unit, and from `because` to the end.
    """
    currency = program.money.currency.code
    kinds = [
        (kind, csv_cells(currency, begins, ends), csv_cells(start, end), csv_cells(plan))
        for kind, plan, begins, ends, start, end, _, _ in _rows(connection, _KINDS)
    ]
    _table(connection, "written_kind_text", ("kind", "period_cells", "charged_cells", "plan_cell"), kinds)
    days = [
        (key, csv_cells(start, end))
        for key, start, end in _rows(connection, 'SELECT days, start, "end" FROM line_days')
    ]
    _table(connection, "written_days", ("days", "days_cells"), days)
    infos = []
    for info, name, kind, label, unit, because, source, included, by, on in _rows(connection, _INFOS):
        named = csv_cells(name, kind, category_of(str(kind)), label)
        last = csv_cells(because, source, program.name, program.hash)[:-1] + "\n"
        infos.append(
            (info, named, csv_cells(by)[:-1], csv_cells(on)[:-1], csv_cells(unit)[:-1], last, "yes" if included else "")
        )
    columns = ("info", "named_cells", "by_cell", "on_cell", "unit_cell", "last_cells", "is_included")
    _table(connection, "written_info", columns, infos)


def json_texts(connection: duckdb.DuckDBPyConnection, program: Program) -> None:
    """Make `written_kind_text` (`opening`, from the plan to the lines), `written_days` and `written_info` for JSON."""
    kinds = []
    for kind, plan, _, _, start, end, part_start, part_end in _rows(connection, _KINDS):
        periods = {"period": {"start": start, "end": end}}
        if part_start is not None:
            periods["part_of"] = {"start": part_start, "end": part_end}
        rest = json.dumps({"plan": plan, **periods, "currency": program.money.currency.code}, ensure_ascii=False)
        kinds.append((kind, f', {rest[1:-1]}, "lines": ['))
    _table(connection, "written_kind_text", ("kind", "opening"), kinds)
    days = [
        (key, f', "period": {json.dumps({"start": start, "end": end})}')
        for key, start, end in _rows(connection, 'SELECT days, start, "end" FROM line_days')
    ]
    _table(connection, "written_days", ("days", "days_piece"), days)
    infos = []
    for info, name, kind, label, unit, because, source, included, by, on in _rows(connection, _INFOS):
        named = json.dumps({"id": name, "kind": kind, "label": label}, ensure_ascii=False)[:-1]
        last = {
            **({"included": True} if included else {}),
            **({"because": because} if because else {}),
            "source": source,
        }
        pieces = (
            f', "by": {by}' if by else "",
            f', "unit": {json_text(unit)}' if unit else "",
            f', "on": {on}' if on else "",
            f'", {json.dumps(last, ensure_ascii=False)[1:]}',
        )
        infos.append((info, named, *pieces))
    columns = ("info", "named_piece", "by_piece", "unit_piece", "on_piece", "last_piece")
    _table(connection, "written_info", columns, infos)


def json_opening(program: Program) -> str:
    """What stands before the account in every statement."""
    ruleset = {"name": program.name, "hash": program.hash}
    return json.dumps({"schema": SCHEMA, "ruleset": ruleset}, ensure_ascii=False)[:-1] + ', "account": '
