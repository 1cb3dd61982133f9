"""Files of one shape that one scan reads: their columns as SQL has them, and what their headers and footers say."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from ...diagnostics import Diagnostic
from ...engine.batch.quoting import pattern
from ...records import Record
from ..columns import ENVELOPE, Mistake, refused_columns
from ..files import InputFile, UnreadableFileError, unreadable
from ..parquet import holds_float, read_errors
from ..rejects import ignored_column
from ..rows import RowSource
from .expressions import literal, quoted
from .footers import UNKNOWN, Evidence, evidence, row_count
from .readings import Column

if TYPE_CHECKING:
    import duckdb

STRUCTURE: Final = (("account", "subject"), ("event", "meter", "type"))


class Scan(Record):
    """Files that one query reads. `source` stands after FROM; `inner` are the columns inside `data`.

    `opaque` columns are such that SQL takes no row in which something stands there.
    """

    files: tuple[InputFile, ...]
    source: str
    columns: Mapping[str, Column]
    inner: Mapping[str, Column]
    opaque: tuple[Column, ...]
    rows: int | None
    numbered: str | None = None
    """For text: the same as `source` with the line of each row as `line_number`."""
    header: tuple[str, ...] = ()

    def source_of(self, file: InputFile, *, numbered: bool = False) -> str:
        """One file of the scan, after FROM; where rows are numbered, `row_number_sql` tells the number of each."""
        if self.numbered is not None:
            return self.numbered if numbered else self.source
        return _read_parquet([file], numbered=numbered)

    @property
    def row_number_sql(self) -> str:
        """The number of a row, as messages count: rows of Parquet, lines of others."""
        return "file_row_number + 1" if self.numbered is None else "line_number"

    def column(self, name: str) -> Column | None:
        """The column that gives an envelope name or a field, wherever it stands."""
        found = self.columns.get(name)
        return self.inner.get(name) if found is None and name not in ENVELOPE else found


class RefusedFile(Record):
    """A file whose columns make every row wrong."""

    file: InputFile
    mistakes: tuple[Mistake, ...]
    rows: int


def parquet_scans(
    connection: duckdb.DuckDBPyConnection, files: Sequence[InputFile], wanted: Collection[str]
) -> tuple[list[Scan], list[RefusedFile], list[Diagnostic]]:
    """The scans of Parquet files, files of one shape in one; the refused files; and findings about whole files."""
    shapes: dict[tuple[tuple[str, str], ...], list[Scan]] = {}
    refused: list[RefusedFile] = []
    findings: list[Diagnostic] = []
    for file in files:
        try:
            with read_errors():
                shape = connection.sql(f"SELECT * FROM {_read_parquet([file])}")
                described = list(zip(shape.columns, shape.types, strict=True))
                scan, floats = _parquet_scan(connection, file, described, wanted)
        except UnreadableFileError as error:
            findings.append(unreadable(file, error))
            continue
        findings.extend(ignored_column(file, column, "") for column in shape.columns if column not in wanted)
        mistakes = refused_columns(RowSource(iter(()), tuple(shape.columns), floats), STRUCTURE)
        if mistakes:
            refused.append(RefusedFile(file, tuple(mistakes), scan.rows or 0))
        else:
            shapes.setdefault(tuple((name, str(type_)) for name, type_ in described), []).append(scan)
    return [_together(scans) for scans in shapes.values()], refused, findings


def _parquet_scan(
    connection: duckdb.DuckDBPyConnection, file: InputFile, shape: list[tuple[str, Any]], wanted: Collection[str]
) -> tuple[Scan, dict[str, str]]:
    columns: dict[str, Column] = {}
    inner: dict[str, Column] = {}
    opaque: list[Column] = []
    floats: dict[str, str] = {}
    bounded = {name: str(type_) for name, type_ in shape if name in wanted and not _is_nested(type_)}
    known = evidence(connection, str(file.path), bounded)
    for name, type_ in shape:
        if name not in wanted:
            continue
        if name == "data" and type_.id == "struct":
            for child, child_type in type_.children:
                if holds_float(child_type):
                    floats[f"data.{child}"] = str(child_type)
                inner[child] = _column(f"{quoted(name)}.{quoted(child)}", child_type, UNKNOWN)
        elif holds_float(type_):
            floats[name] = str(type_)
        elif name in ("data", "specversion"):
            opaque.append(_column(quoted(name), type_, known.get(name, UNKNOWN)))
        else:
            columns[name] = _column(quoted(name), type_, known.get(name, UNKNOWN))
    # What stands both in the row and inside `data` is for the Python reader to refuse.
    opaque.extend(column for name, column in inner.items() if name in columns and name not in ENVELOPE)
    source = _read_parquet([file])
    return Scan((file,), source, columns, inner, tuple(opaque), row_count(connection, str(file.path))), floats


def _read_parquet(files: Sequence[InputFile], *, numbered: bool = False) -> str:
    listed = ", ".join(literal(pattern(str(file.path))) for file in files)
    return f"read_parquet([{listed}], hive_partitioning = false{', file_row_number = true' if numbered else ''})"


def _is_nested(type_: Any) -> bool:
    return type_.id in ("list", "struct", "map", "array", "union", "enum")


def _column(sql: str, type_: Any, known: Evidence) -> Column:
    sizes = dict(type_.children) if type_.id == "decimal" else {}
    return Column(sql, type_.id, sizes.get("precision", 0), sizes.get("scale", 0), known)


def _together(scans: Sequence[Scan]) -> Scan:
    """Scans of one shape as one: a column is as known as in the file that says least."""
    first = scans[0]
    files = tuple(scan.files[0] for scan in scans)
    columns = {
        name: replace(column, evidence=joined([scan.columns[name].evidence for scan in scans], column.type_id))
        for name, column in first.columns.items()
    }
    rows = sum(scan.rows or 0 for scan in scans)
    opaque = tuple(replace(column, evidence=UNKNOWN if len(scans) > 1 else column.evidence) for column in first.opaque)
    return Scan(files, _read_parquet(files), columns, first.inner, opaque, rows)


def joined(known: Sequence[Evidence], type_id: str) -> Evidence:
    """What is known of several columns read one after the other."""
    if len(known) == 1:
        return known[0]
    lows, highs = [each.low for each in known], [each.high for each in known]
    has_nulls = any(each.has_nulls for each in known)
    if None in lows or None in highs:
        return Evidence(has_nulls)
    low, high = [each for each in lows if each is not None], [each for each in highs if each is not None]
    if type_id == "varchar":
        return Evidence(has_nulls, min(low), max(high))
    if type_id == "decimal" or type_id.startswith("timestamp") or type_id.endswith(("int", "integer")):
        return Evidence(has_nulls, min(low, key=Decimal), max(high, key=Decimal))
    return Evidence(has_nulls)
