"""Statements of a whole customer base from tables to a file or to standard output.

What is written is, byte for byte, what `intake.statements` writes of the same statements; Parquet has the same columns,
types and values. A file is there whole or not at all.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ...diagnostics import Diagnostic
from ...engine.batch.quoting import text_literal
from ...engine.plan import Program
from ..outputs import TextSink, written_aside
from ..rejects import not_written
from ..statements import StatementFormat, not_to_standard_output
from .failures import disk_error, interrupted_by_hand
from .parquet_lines import parquet_select
from .staged_lines import forget_shared
from .text_lines import TextRows, csv_rows, json_rows

if TYPE_CHECKING:
    import duckdb

_BATCH: Final = 10_000
# At its lowest level, Zstandard halves the file for a tenth of the time that writing takes. Amounts and quantities are
# nearly all different: looking for dictionaries of them takes a fifth of that time and makes nothing smaller.
_PARQUET: Final = "FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, DICTIONARY_SIZE_LIMIT 1000"
_TABLES: Final = ("line", "kind", "cut", "kind_text", "member", "info", "days")


def write_columnar(
    connection: duckdb.DuckDBPyConnection, program: Program, format_: StatementFormat, out: Path | None = None
) -> tuple[Diagnostic, ...]:
    """Write the statements that stand in the connection's tables; returns why that failed, or nothing.

    The tables are those of `statement_tables`. Without a file, text goes to standard output. Raises `OverflowError` for
    an amount of 39 digits where the ruleset's money unit is no power of ten.
    """
    import duckdb

    try:
        if out is None:
            if format_ is StatementFormat.PARQUET:
                return (not_to_standard_output(),)
            with interrupted_by_hand():
                _print(connection, program, format_)
        else:
            with interrupted_by_hand(), written_aside(out) as aside:
                _write_file(connection, program, format_, aside)
    except OSError as error:
        if out is None:
            raise
        return (not_written(out, error),)
    except duckdb.Error as error:
        found = disk_error(error, out)
        if found is None:
            raise
        return (found,)
    finally:
        for table in _TABLES:
            connection.execute(f"DROP TABLE IF EXISTS written_{table}")
        forget_shared(connection)
    return ()


def _write_file(connection: duckdb.DuckDBPyConnection, program: Program, format_: StatementFormat, aside: Path) -> None:
    if format_ is StatementFormat.TABLE:
        with aside.open("w", encoding="utf-8", newline="") as stream:
            _write_tables(connection, program, stream)
        return
    if format_ is StatementFormat.PARQUET:
        query, options = parquet_select(connection, program), _PARQUET
    else:
        rows = _text_rows(connection, program, format_)
        pieces = ", ".join([f"CASE WHEN place = 0 THEN {text_literal(rows.before)} END", *rows.pieces])
        query, options = f"SELECT encode(concat({pieces})) FROM {rows.lines}", "FORMAT blob"
    connection.execute(f"COPY ({query}) TO {text_literal(str(aside))} ({options}, USE_TMP_FILE false)")
    if format_ is not StatementFormat.PARQUET and aside.stat().st_size == 0:
        aside.write_text(rows.before, "utf-8")


def _print(connection: duckdb.DuckDBPyConnection, program: Program, format_: StatementFormat) -> None:
    if format_ is StatementFormat.TABLE:
        _write_tables(connection, program, sys.stdout)
        return
    rows = _text_rows(connection, program, format_)
    sys.stdout.write(rows.before)
    connection.execute(f"SELECT concat({', '.join(rows.pieces)}) FROM {rows.lines}")
    while batch := connection.fetchmany(_BATCH):
        sys.stdout.write("".join(text for (text,) in batch))


def _text_rows(connection: duckdb.DuckDBPyConnection, program: Program, format_: StatementFormat) -> TextRows:
    return (csv_rows if format_ is StatementFormat.CSV else json_rows)(connection, program)


def _write_tables(connection: duckdb.DuckDBPyConnection, program: Program, stream: TextSink) -> None:
    from ..table import statement_table
    from .read_back import statements_of

    for index, statement in enumerate(statements_of(connection, program)):
        stream.write(("\n" if index else "") + statement_table(statement))
