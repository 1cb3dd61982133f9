"""The lines of all statements in the order of output, beside everything that output says of them.

What is written afterwards is one scan with expressions over these rows. A join would lose their order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .cells import text_literal
from .measured_lines import Measured

if TYPE_CHECKING:
    import duckdb


def stage_kinds(connection: duckdb.DuckDBPyConnection) -> None:
    """Make `written_kind`: the combinations of plan and period, numbered."""
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE written_kind AS SELECT CAST(row_number() OVER () AS INTEGER) AS kind, * "
        "FROM (SELECT DISTINCT plan, period FROM statement_head)"
    )


def stage_lines(connection: duckdb.DuckDBPyConnection, measured: Measured, *, with_statements: bool) -> None:
    """Make `written_line` of the lines, with the columns of `written_kind_text`, `written_info` and `written_days`.

    `with_statements` adds totals, flags for the first and the last line of a statement, and a row without `ord` for
    each statement without lines.
    """
    kinds = "JOIN written_kind USING (plan, period) JOIN written_kind_text USING (kind)"
    infos = "JOIN written_info USING (info)"
    columns = ["amount", "quantity", "account", "written_kind_text.* EXCLUDE (kind)", "written_info.* EXCLUDE (info)"]
    optional = {"exact": measured.has_exact, "by": measured.has_by, "applied_to": measured.has_applied_to}
    columns += [f'line."{column}"' for column, is_used in optional.items() if is_used]
    days = ""
    if measured.has_days:
        columns.append("written_days.* EXCLUDE (days)")
        days = " LEFT JOIN written_days USING (days)"
    if measured.has_cut:
        columns.append("shown")
        days += " LEFT JOIN written_cut USING (exact)"
    if with_statements:
        # Two layers: neighbours are known only once the rows are in order.
        rows = (
            f"SELECT sid, ord, total, due, {', '.join(columns)} FROM statement_head {kinds} "
            f"JOIN statement_total USING (sid) LEFT JOIN line USING (sid) LEFT {infos}{days} ORDER BY sid, ord"
        )
        rows = (
            "SELECT * EXCLUDE (sid), coalesce(lag(sid) OVER () <> sid, true) AS begins, "
            f"coalesce(lead(sid) OVER () <> sid, true) AS ends FROM ({rows})"
        )
    else:
        head = f"JOIN statement_head USING (sid) {kinds}"
        rows = f"SELECT {', '.join(columns)} FROM line {head} {infos}{days} ORDER BY sid, ord"
    connection.execute(f"CREATE OR REPLACE TEMP TABLE written_line AS {rows}")


def enumeration(connection: duckdb.DuckDBPyConnection, query: str) -> str:
    """The type of an enumeration of the texts that a query finds, empty ones left out: a number or two in each row."""
    found = connection.execute(f"SELECT DISTINCT text FROM ({query}) AS found(text) WHERE text <> '' ORDER BY ALL")
    words = [text_literal(word) for (word,) in found.fetchall()]
    return f"ENUM ({', '.join(words)})" if words else "VARCHAR"
