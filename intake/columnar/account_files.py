"""Accounts files as SQL, where SQL can read them as the Python reader does; what the columns mean is not known here."""

from __future__ import annotations

import csv
import gzip
import mmap
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ...engine.batch.quoting import pattern, text_literal
from ...records import Record
from ..files import FileKind, InputFile
from .cells import name

if TYPE_CHECKING:
    import duckdb

_CELL: Final = rb'(?:[^",\r\n\x00]*+|"(?:[^"\r\n\x00]++|"")*+")'


class RawFile(Record):
    """`relation` stands in a FROM; `types` are DuckDB's, by column in the order of the file."""

    file: InputFile
    relation: str
    types: Mapping[str, Any]


def raw_file(connection: duckdb.DuckDBPyConnection, file: InputFile) -> RawFile | None:
    """The rows of a file with an absent value for an empty cell of CSV; None where the Python reader has to read it."""
    if file.path is None:
        return None
    match file.kind:
        case FileKind.PARQUET:
            relation = f"read_parquet({_pattern(file.path)}, hive_partitioning = false)"
        case FileKind.CSV:
            columns = csv_columns(file.path)
            if columns is None:
                return None
            shape = ", ".join(f"{text_literal(column)}: 'VARCHAR'" for column in columns)
            dialect = "auto_detect = false, header = true, delim = ',', quote = '\"', escape = '\"', nullstr = ''"
            relation = f"read_csv({_pattern(file.path)}, {dialect}, columns = {{{shape}}})"
        case FileKind.JSON_LINES | FileKind.JSON | FileKind.ROWS:
            return None
    found = connection.sql(f"SELECT * FROM {relation}")
    if len({column.casefold() for column in found.columns}) < len(found.columns):
        return None  # names that differ in case only are one name to DuckDB
    return RawFile(file, relation, dict(zip(found.columns, found.types, strict=True)))


def _pattern(path: Path) -> str:
    """The path as a text of SQL; DuckDB takes it for a pattern, so that signs of patterns stand in brackets."""
    return text_literal(pattern(str(path)))


def csv_columns(path: Path) -> list[str] | None:
    """The columns of a CSV file in which every row is a line with a well-formed cell for each of them.

    Every reader of CSV agrees on such a file; others are left to the Python reader, which words what is wrong.
    """
    try:
        with _bytes_of(path) as content:
            end = content.find(b"\n")
            if end < 0:
                return None
            is_crlf = content[max(end - 1, 0) : end] == b"\r"
            header = content[: end - 1 if is_crlf else end].removeprefix(b"\xef\xbb\xbf")
            columns = next(csv.reader([header.decode()], strict=True), [])
            if not columns or not all(columns):
                return None
            row = _CELL + (b"," + _CELL) * (len(columns) - 1)
            newline = rb"\r\n" if is_crlf else rb"\n"
            rows = re.compile(b"(?:" + row + newline + b")*+(?:" + row + b")?")
            is_plain = re.fullmatch(row, header) and rows.fullmatch(content, end + 1)
            return columns if is_plain else None
    except (OSError, EOFError, ValueError, csv.Error):
        return None


@contextmanager
def _bytes_of(path: Path) -> Iterator[bytes | mmap.mmap]:
    if path.suffix.lower() == ".gz":
        with gzip.open(path, "rb") as unzipped:
            yield unzipped.read()
        return
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
        yield content


def column_of(file: RawFile, column: str) -> str | None:
    """The column as SQL writes it, or None where the file has none of this name."""
    return name(column) if column in file.types else None
