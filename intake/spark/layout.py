"""The types that usage has in all tasks of a run, from headers alone, and what headers make of files as a whole."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ...diagnostics import Diagnostic
from ...engine.usage import FactSchema
from ..columnar.readings import Digits
from ..columnar.taken_rows import room_of
from ..columnar.usage import UsageRelation, usage_relation
from ..files import FileKind, InputFile
from ..rejects import Reject, ignored_column
from ..usage import read_usage
from .frames import Frame

if TYPE_CHECKING:
    import duckdb

TEXT_ROOM: Final = Digits(18, 6)
"""What numbers in files of text are given at first; what needs more is told, and the run repeated."""


@dataclass(frozen=True, slots=True)
class Layout:
    """`types` are those of the relation of usage, `fields` the fields with a column."""

    types: Mapping[str, str]
    fields: tuple[str, ...]
    has_quantities: bool
    has_ids: bool
    rejects: tuple[Reject, ...]
    findings: tuple[Diagnostic, ...]
    conflicting: tuple[str, ...]


def layout_of(
    connection: duckdb.DuckDBPyConnection, frames: Sequence[Frame], schema: FactSchema, rooms: Mapping[str, Digits]
) -> Layout:
    """The layout of all frames; `rooms` are digits that columns of numbers need besides."""
    nothing = usage_relation(connection, [], schema)
    found: list[UsageRelation] = [nothing]
    rejects: list[Reject] = []
    findings: list[Diagnostic] = []
    with tempfile.TemporaryDirectory(prefix="ratebook-") as folder:
        for number, frame in enumerate(frames):
            if frame.kind is FileKind.PARQUET:
                import pyarrow.parquet
                from pyspark.sql.pandas.types import to_arrow_schema

                path = Path(folder) / f"{number}.parquet"
                pyarrow.parquet.write_table(to_arrow_schema(frame.rows.schema, timezone="UTC").empty_table(), path)
                relation = usage_relation(connection, [path], schema)
                found.append(relation)
                rejects += relation.rejects
            elif frame.kind is FileKind.CSV:
                path = Path(folder) / f"{number}.csv"
                path.write_bytes(frame.header + b"\n")
                intake = read_usage([path], schema)
                rejects += intake.rejects
                findings += intake.findings
            file = InputFile("usage", frame.kind)
            findings += [ignored_column(file, column, "") for column in frame.ignored]
    is_text = any(frame.kind is not FileKind.PARQUET for frame in frames)
    types = {
        name: _shared(name, sql_type, [each.types[name] for each in found], rooms.get(name), is_text=is_text)
        for name, sql_type in nothing.types.items()
    }
    return Layout(
        types,
        nothing.fields,
        bool(schema.meters) and any(_may_have(frame, "meter") for frame in frames),
        any(_may_have(frame, "id") for frame in frames),
        tuple(replace(each, file="usage", place="usage") for each in rejects),
        tuple(dict.fromkeys(replace(each, place="usage") for each in findings)),
        nothing.conflicting,
    )


def _shared(name: str, sql_type: str, found: Sequence[str], room: Digits | None, *, is_text: bool) -> str:
    if name in ("account", "id_key") or sql_type.startswith(("ENUM", "VARCHAR")):
        return "VARCHAR"
    if not sql_type.startswith("DECIMAL"):
        return sql_type
    joined = TEXT_ROOM if is_text else Digits(1, 0)
    for each in [*map(room_of, found), *([] if room is None else [room])]:
        joined = joined.joined(each)
    return joined.sql_type


def _may_have(frame: Frame, column: str) -> bool:
    """Whether rows of a frame may have a column; lines of JSON may have any."""
    if frame.kind is FileKind.PARQUET:
        return column in frame.rows.columns
    return frame.kind is FileKind.JSON_LINES or column.encode() in frame.header
