"""What the footers of Parquet files prove of their columns, so that rows need not be asked.

Footers hold bounds: a truncated one is still a bound. Where a footer is silent nothing is known.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final

from ...engine.batch.quoting import pattern
from ...records import Record
from .expressions import literal

if TYPE_CHECKING:
    import duckdb


class Evidence(Record):
    """What is known of a column: whether nothing may stand in it, and texts that its values lie between.

    The bounds of times are microseconds since 1970, as the file means them: of UTC, or of a clock without a zone.
    """

    has_nulls: bool = True
    low: str | None = None
    high: str | None = None


UNKNOWN: Final = Evidence()


def row_count(connection: duckdb.DuckDBPyConnection, path: str) -> int:
    """How many rows a Parquet file says that it has."""
    found = connection.execute("SELECT sum(num_rows) FROM parquet_file_metadata(?)", [pattern(path)]).fetchone()
    assert found is not None, "an aggregate has a row"
    return int(found[0] or 0)


_BOUND: Final = "coalesce(stats_{0}_value, CASE WHEN type <> 'BYTE_ARRAY' THEN stats_{0} END)"


def evidence(connection: duckdb.DuckDBPyConnection, path: str, types: Mapping[str, str]) -> dict[str, Evidence]:
    """What a file's footer proves of its columns, which have these types.

    Bounds are compared as the column's own type does; a row group that says nothing leaves the column unknown.
    """
    low, high = _BOUND.format("min"), _BOUND.format("max")
    found: dict[str, Evidence] = {}
    for sql_type, names in _by_type(types):
        listed = ", ".join(map(literal, names))
        # A row group without a value has no bounds, and needs none.
        least, greatest = f"min(TRY_CAST({low} AS {sql_type}))", f"max(TRY_CAST({high} AS {sql_type}))"
        if sql_type.startswith("TIMESTAMP"):
            least, greatest = f"epoch_us({least})", f"epoch_us({greatest})"
        query = f"""
            SELECT path_in_schema, coalesce(bool_and(coalesce(stats_null_count = 0, false)), false),
                   CAST({least} AS VARCHAR), CAST({greatest} AS VARCHAR),
                   bool_and(coalesce(stats_null_count = num_values, false)
                            OR TRY_CAST({low} AS {sql_type}) IS NOT NULL
                            AND TRY_CAST({high} AS {sql_type}) IS NOT NULL)
            FROM parquet_metadata(?) WHERE path_in_schema IN ({listed}) GROUP BY path_in_schema"""
        for name, is_full, first, last, is_bounded in connection.execute(query, [pattern(path)]).fetchall():
            found[name] = Evidence(not is_full, *((first, last) if is_bounded else (None, None)))
    return found


def _by_type(types: Mapping[str, str]) -> Iterable[tuple[str, list[str]]]:
    names: dict[str, list[str]] = {}
    for name, sql_type in types.items():
        names.setdefault(sql_type, []).append(name)
    return names.items()
