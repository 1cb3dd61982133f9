"""The lines of all statements in the order of output, beside everything that output says of them.

Lines that queries left in order, beside the account and the kind of their statement, are read as they stand; others are
put in order first. What is written is one scan with expressions over these rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ...engine.batch.quoting import text_literal
from .cells import name
from .measured_lines import Measured
from .threads import one_thread

if TYPE_CHECKING:
    import duckdb


def stage_kinds(connection: duckdb.DuckDBPyConnection) -> None:
    """Make `written_kind`: the combinations of plan and period, numbered."""
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE written_kind AS SELECT CAST(row_number() OVER () AS INTEGER) AS kind, * "
        "FROM (SELECT DISTINCT plan, period FROM statement_head)"
    )


def lines_in_order(connection: duckdb.DuckDBPyConnection, measured: Measured) -> str:
    """A relation of the lines in the order of output, which reads one table.

    It has the columns of `written_kind_text`, `written_info` and `written_days`, and `place`, 0 in the first row.
    """
    if not _stand_in_order(connection, measured) or not _set_shared(connection):
        stage_lines(connection, measured, with_statements=False)
        return "(SELECT rowid AS place, * FROM written_line)"
    own = ["amount", "quantity", "account", *(["applied_to"] if measured.has_applied_to else [])]
    shared = [
        f"{alias}.{name(column)}"
        for alias, table in (("of_info", "written_info"), ("of_member", "written_member"))
        for column in connection.sql(f"SELECT * FROM {table}").columns[1:]
    ]
    # A join would hand rows on in the order of threads.
    looked_up = (
        "getvariable('written_info')[info + 1] AS of_info, getvariable('written_member')[member + 1] AS of_member"
    )
    return (
        f"(SELECT place, {', '.join([*own, *shared])} "
        f"FROM (SELECT rowid AS place, {', '.join(own)}, {looked_up} FROM line))"
    )


def _set_shared(connection: duckdb.DuckDBPyConnection) -> bool:
    """Set variables `written_info` and `written_member`: what lines share, in lists at the places that they name.

    False where numbers are left out, so that they are no places.
    """
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE written_member AS SELECT member, written_kind_text.* EXCLUDE (kind) "
        "FROM member_head JOIN written_kind USING (plan, period) JOIN written_kind_text USING (kind)"
    )
    for table, key in (("written_info", "info"), ("written_member", "member")):
        found = connection.execute(f"SELECT min({key}) = 0 AND max({key}) = count(*) - 1 FROM {table}").fetchone()
        if found != (True,):
            return False
        connection.execute(f"SET VARIABLE {table} = (SELECT list(each ORDER BY {key}) FROM {table} AS each)")
    return True


def forget_shared(connection: duckdb.DuckDBPyConnection) -> None:
    """Reset what `lines_in_order` has set."""
    connection.execute("RESET VARIABLE written_info; RESET VARIABLE written_member")


def _stand_in_order(connection: duckdb.DuckDBPyConnection, measured: Measured) -> bool:
    """Whether the lines stand in order, and say by themselves all that needs their statement."""
    columns = connection.sql("SELECT * FROM line").columns
    if "member" not in columns or measured.has_exact or measured.has_by or measured.has_days:
        return False
    found = connection.execute(
        "SELECT bool_and(follows) FROM (SELECT coalesce(lag(sid) OVER () < sid OR (lag(sid) OVER () = sid AND "
        "lag(ord) OVER () < ord), true) AS follows FROM line)"
    ).fetchone()
    return found == (True,)


@contextmanager
def order_kept(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Joins read their left side in its order, and look rows of the right side up, which have to fit into memory.

    On several threads a join hands on what each of them has found, one thread after the other.
    """
    connection.execute("SET disabled_optimizers = 'join_order,build_side_probe_side'")
    try:
        with one_thread(connection):
            yield
    finally:
        connection.execute("RESET disabled_optimizers")


def stage_lines(connection: duckdb.DuckDBPyConnection, measured: Measured, *, with_statements: bool) -> None:
    """Make `written_line` of the lines, with the columns of `written_kind_text`, `written_info` and `written_days`.

    `with_statements` adds totals, flags for the first and the last line of a statement, and a row without `ord` for
    each statement without lines.
    """
    kinds = "JOIN written_kind USING (plan, period) JOIN written_kind_text USING (kind)"
    infos = "JOIN written_info USING (info)"
    columns = ["amount", "quantity", "statement_head.account"]
    columns += ["written_kind_text.* EXCLUDE (kind)", "written_info.* EXCLUDE (info)"]
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


def enumeration(texts: Iterable[str]) -> str:
    """The type of an enumeration of texts, empty ones left out: a number or two in each row."""
    words = [text_literal(word) for word in sorted({text for text in texts if text})]
    return f"ENUM ({', '.join(words)})" if words else "VARCHAR"
