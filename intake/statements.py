"""Statements into files or to standard output: JSON Lines, CSV, Parquet, or tables for people."""

from __future__ import annotations

import enum
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import assert_never

from ..diagnostics import Diagnostic
from ..engine.statement import Statement
from .outputs import TextSink, written_aside
from .rejects import not_written
from .statement_json import statement_json


class StatementFormat(enum.Enum):
    """`--format` of statements."""

    TABLE = "table"
    JSON_LINES = "jsonl"
    CSV = "csv"
    PARQUET = "parquet"


def write_statements(
    statements: Iterable[Statement], format_: StatementFormat, out: Path | None = None
) -> tuple[Diagnostic, ...]:
    """Write statements to a file, or to standard output; returns why that failed, or nothing.

    A file is there whole or not at all. Parquet needs a file.
    """
    if out is None:
        if format_ is StatementFormat.PARQUET:
            return (not_to_standard_output(),)
        _write_text(statements, format_, sys.stdout)
        return ()
    try:
        with written_aside(out) as aside:
            if format_ is StatementFormat.PARQUET:
                from .focus import write_parquet

                write_parquet(statements, aside)
            else:
                with aside.open("w", encoding="utf-8", newline="") as stream:
                    _write_text(statements, format_, stream)
    except OSError as error:
        return (not_written(out, error),)
    return ()


def not_to_standard_output() -> Diagnostic:
    """The finding that Parquet needs a file."""
    hint = "name a file with -o, or take another --format"
    return Diagnostic("RB9007", "Parquet cannot be written to standard output", hints=(hint,))


def _write_text(statements: Iterable[Statement], format_: StatementFormat, stream: TextSink) -> None:
    match format_:
        case StatementFormat.JSON_LINES:
            for statement in statements:
                stream.write(statement_json(statement) + "\n")
        case StatementFormat.CSV:
            from .focus import write_csv

            write_csv(statements, stream)
        case StatementFormat.TABLE:
            from .table import statement_table

            for index, statement in enumerate(statements):
                stream.write(("\n" if index else "") + statement_table(statement))
        case StatementFormat.PARQUET:
            raise ValueError("Parquet is not text")
        case _:
            assert_never(format_)
