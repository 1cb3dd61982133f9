"""Files of usage as frames of Spark: Parquet by its columns, CSV and JSON Lines line by line, as bytes decide.

Spark splits and lists files and fetches them from wherever it can. It never reads a number, except from typed columns.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final

from ...diagnostics import Diagnostic
from ..files import FileKind
from .chunks import PLACE_COLUMNS, TEXT

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_KINDS: Final = {
    ".parquet": FileKind.PARQUET,
    ".csv": FileKind.CSV,
    ".jsonl": FileKind.JSON_LINES,
    ".ndjson": FileKind.JSON_LINES,
}
_METADATA: Final = {
    FileKind.PARQUET: ("file_path", "file_block_start", "row_index"),
    FileKind.CSV: ("file_path", "file_block_start"),
    FileKind.JSON_LINES: ("file_path", "file_block_start"),
}


@dataclass(frozen=True, slots=True)
class Frame:
    """Rows of one kind. `placed` are the same rows with the file, the split, and for Parquet the row of each."""

    kind: FileKind
    rows: DataFrame
    placed: DataFrame
    header: bytes = b""
    ignored: tuple[str, ...] = ()
    """Columns of typed rows that nobody reads."""


def frames_of(
    session: SparkSession, usage: Iterable[str | Path] | DataFrame, wanted: Iterable[str]
) -> tuple[list[Frame], list[Diagnostic]]:
    """The frames of files, globs and URLs, or of rows that a caller has, and what cannot be read."""
    columns = frozenset(wanted)
    if not isinstance(usage, Iterable):
        own = _selected(usage, columns)
        return [Frame(FileKind.PARQUET, own, own, ignored=_ignored(usage, columns))], []
    frames: list[Frame] = []
    findings: list[Diagnostic] = []
    by_kind: dict[FileKind, list[str]] = {}
    for path in dict.fromkeys(map(str, usage)):
        kind = _kind_of(path)
        if kind is None:
            hint = "take Parquet, .csv or .jsonl, one by one or as a glob: usage/*.parquet"
            findings.append(Diagnostic("RB9002", "Spark reads no usage from this", hints=(hint,), place=path))
        else:
            by_kind.setdefault(kind, []).append(path)
    for kind, paths in by_kind.items():
        try:
            frames.extend(_frames(session, kind, paths, columns))
        except Exception as error:
            found = _unreadable(error, paths)
            if found is None:
                raise
            findings.append(found)
    return frames, findings


def _kind_of(path: str) -> FileKind | None:
    name = PurePosixPath(path.rstrip("/")).name.lower().removesuffix(".gz")
    return _KINDS.get(PurePosixPath(name).suffix)


def _frames(session: SparkSession, kind: FileKind, paths: Sequence[str], wanted: frozenset[str]) -> list[Frame]:
    if kind is FileKind.PARQUET:
        # Files of one run may have different columns: a column that one of them lacks is empty in its rows.
        read = session.read.option("mergeSchema", "true").parquet(*paths)
        placed = _with_places(_selected(read, wanted, hidden=True), kind)
        return [Frame(kind, _selected(read, wanted), placed, ignored=_ignored(read, wanted))]
    if kind is FileKind.JSON_LINES:
        lines = session.read.option("lineSep", "\n").text(list(paths))
        return [Frame(kind, lines, _with_places(lines, kind))]
    return [_csv_frame(session, files, header) for header, files in _by_header(session, paths).items()]


def _by_header(session: SparkSession, paths: Sequence[str]) -> Mapping[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name in session.read.text(list(paths)).inputFiles():
        first = session.read.option("lineSep", "\n").text(name).head()
        found.setdefault("" if first is None else first[TEXT], []).append(name)
    return found


def _csv_frame(session: SparkSession, files: Sequence[str], header: str) -> Frame:
    from pyspark.sql import functions

    lines = session.read.option("lineSep", "\n").text(list(files))
    rows = lines.where(functions.col(TEXT) != functions.lit(header))
    return Frame(FileKind.CSV, rows, _with_places(rows, FileKind.CSV), header.removesuffix("\r").encode())


def _selected(rows: DataFrame, wanted: frozenset[str], *, hidden: bool = False) -> DataFrame:
    kept = [name for name in rows.columns if name in wanted]
    names = [f"`{name}`" for name in kept]
    return rows.select(*names, "_metadata") if hidden else rows.select(*names)


def _ignored(rows: DataFrame, wanted: frozenset[str]) -> tuple[str, ...]:
    return tuple(name for name in rows.columns if name not in wanted)


def _with_places(rows: DataFrame, kind: FileKind) -> DataFrame:
    own = [name for name in rows.columns if name != "_metadata"]
    places = [f"_metadata.{field} AS {name}" for field, name in zip(_METADATA[kind], PLACE_COLUMNS, strict=False)]
    return rows.selectExpr(*[f"`{name}`" for name in own], *places)


def _unreadable(error: Exception, paths: Sequence[str]) -> Diagnostic | None:
    """The finding that Spark cannot read files, where that is what it says."""
    condition: Any = getattr(error, "getCondition", None) or getattr(error, "getErrorClass", None)
    if condition is None:
        return None
    reason = str(error).partition("\n")[0]
    return Diagnostic(
        "RB9001", reason, hints=("check the path, and that all files have the same types",), place=paths[0]
    )
