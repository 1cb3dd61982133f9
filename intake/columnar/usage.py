"""Usage files as one SQL relation of validated, typed rows.

`usage_relation` looks at names, headers and footers only. The rows are read by the queries that use the relation, whose
column `plain` says of each row whether SQL alone understood it: then the Python reader (`facts`) takes the row too,
with the same values. Rows that are not plain are for `odd_rows`.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, TYPE_CHECKING
from zoneinfo import ZoneInfo

from ...diagnostics import Diagnostic
from ...engine.usage import FactSchema
from ...records import Record
from ..columns import usage_columns
from ..files import FileKind, InputFile, expand_paths, opened
from ..rejects import Reject, ignored_column, reject
from .expressions import quoted
from .relation import ColumnTypes, RowsQuery, common_types, retyped
from .scan_rows import Declared, declared_fields, read_scan
from .scans import parquet_scans
from .text_scans import text_scan

if TYPE_CHECKING:
    import duckdb


class UsageRelation(Record):
    """All rows of usage as SQL.

    `sql` is a SELECT; `types` are those of its columns: `account`, `event`, `time`, `f_…`, `id_key` (the `id` as the
    file has it), `id`, `source`, `meter`, `quantity`, `plain`. `findings` and `rejects` are about whole files. `rows`
    counts those of the relation where footers tell it, `refused_rows` those of files in which none can be read.
    `conflicting` names the fields that different events declare as kinds which share no column: nothing that reads one
    of those can be rated from here. `left` are the files that the Python reader has to read as a whole.
    """

    sql: str
    types: Mapping[str, str]
    queries: tuple[RowsQuery, ...]
    fields: tuple[str, ...]
    schema: FactSchema
    files: tuple[InputFile, ...]
    findings: tuple[Diagnostic, ...]
    rejects: tuple[Reject, ...]
    rows: int | None
    refused_rows: int
    conflicting: tuple[str, ...]
    left: tuple[InputFile, ...]
    spooled: tuple[IO[bytes], ...] = ()

    @property
    def is_proven(self) -> bool:
        """Whether footers prove every row plain."""
        return not self.left and all(query.plain == "true" for query in self.queries)


def usage_relation(
    connection: duckdb.DuckDBPyConnection,
    paths: Iterable[str | Path],
    schema: FactSchema,
    fields_used: Collection[str] | None = None,
) -> UsageRelation:
    """The usage in files and globs. All fields are checked; those in `fields_used` (None for all) become columns."""
    named, found = expand_paths(paths)
    spooled, files = _spooled(named)
    findings = list(found)
    declared = declared_fields(schema)
    wanted = usage_columns(schema)
    zone = ZoneInfo(schema.zone)
    parquet = [file for file in files if file.kind is FileKind.PARQUET]
    scans, refused, about_files = parquet_scans(connection, parquet, wanted)
    findings.extend(about_files)
    left = []
    for file in files:
        if file.kind is not FileKind.PARQUET:
            scan = text_scan(file, schema, wanted)
            if scan is None:
                left.append(file)
            else:
                scans.append(scan)
                findings.extend(ignored_column(file, column, "") for column in scan.header if column not in wanted)
    rejects = [reject(each.file, None, *mistake) for each in refused for mistake in each.mistakes]
    read = [read_scan(scan, schema, declared, zone) for scan in scans]
    types = common_types(read, schema, declared)
    queries = tuple(RowsQuery(retyped(each, types), schema, declared, types) for each in read)
    used = tuple(name for name in declared if fields_used is None or name in fields_used)
    return UsageRelation(
        _union(queries, used, types, declared),
        _column_types(used, types, declared),
        queries,
        used,
        schema,
        files,
        tuple(findings),
        tuple(rejects),
        None if left or any(scan.rows is None for scan in scans) else sum(scan.rows or 0 for scan in scans),
        sum(each.rows for each in refused),
        tuple(name for name in used if len(declared[name].families) > 1),
        tuple(left),
        spooled,
    )


def _spooled(files: tuple[InputFile, ...]) -> tuple[tuple[IO[bytes], ...], tuple[InputFile, ...]]:
    """The files with standard input as a temporary one, which lasts as long as it is held: it is read several times."""
    if all(file.path is not None for file in files):
        return (), files
    spool = NamedTemporaryFile(suffix=".jsonl")  # noqa: SIM115 - held by the relation
    with opened(next(file for file in files if file.path is None)) as stream:
        shutil.copyfileobj(stream, spool)
    spool.flush()
    path = Path(spool.name)
    return (spool,), tuple(replace(file, path=file.path or path) for file in files)


def _column_types(fields: Iterable[str], types: ColumnTypes, declared: Mapping[str, Declared]) -> dict[str, str]:
    shown = {"account": types.account, "event": types.event, "time": "TIMESTAMPTZ"}
    shown |= {f"f_{name}": types.fields[name, declared[name].families[0]] for name in fields}
    shown |= {"id_key": types.id, "id": "VARCHAR", "source": "VARCHAR", "meter": types.meter}
    return shown | {"quantity": types.quantity, "plain": "BOOLEAN"}


def _union(
    queries: Iterable[RowsQuery], fields: tuple[str, ...], types: ColumnTypes, declared: Mapping[str, Declared]
) -> str:
    selects = [query.sql(fields) for query in queries]
    if selects:
        return " UNION ALL ".join(selects)
    nothing = ", ".join(
        f"CAST(NULL AS {sql_type}) AS {quoted(name)}"
        for name, sql_type in _column_types(fields, types, declared).items()
    )
    return f"SELECT {nothing} WHERE false"
