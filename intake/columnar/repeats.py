"""Identities that occur more than once, found over all rows with bounded memory.

Whole numbers that lie dense are marked in a string of bits, one for each: as many bits as rows means that none repeats.
Other identities are grouped, some millions at a time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .expressions import quoted
from .usage import UsageRelation

if TYPE_CHECKING:
    import duckdb

REPEATED: Final = "repeated_identity"
_ROWS_PER_PASS: Final = 25_000_000
_BITS_MAX: Final = 1_000_000_000
_BITS_PER_ROW: Final = 16


def repeated_identities(connection: duckdb.DuckDBPyConnection, relation: UsageRelation) -> bool:
    """Make the table `repeated_identity` of every (`id_key`, `source`) that several rows have; whether there is one."""
    identified = [query for query in relation.queries if query.rows.scan.column("id") is not None]
    if not identified:
        return False
    if (
        len(identified) == 1
        and identified[0].rows.scan.column("source") is None
        and _are_distinct(connection, relation)
    ):
        return False
    selects = " UNION ALL ".join(
        f"SELECT {quoted('is.id')} AS id_key, {quoted('is.source')} AS source FROM ({query.inner()}) AS read_row "
        f"WHERE {quoted('is.id')} IS NOT NULL"
        for query in identified
    )
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {REPEATED} (id_key {relation.types['id_key']}, source VARCHAR)")
    passes = max(1, -(-(relation.rows or 0) // _ROWS_PER_PASS))
    for each in range(passes):
        # Texts are grouped by their hash, which takes less room; those that only share a hash are told apart after it.
        own = "" if passes == 1 else f" WHERE hash(id_key) % {passes} = {each}"
        hashed = f"SELECT hash(id_key, source) AS identity FROM ({selects}){own} GROUP BY identity HAVING count(*) > 1"
        found = connection.execute(f"CREATE OR REPLACE TEMP TABLE repeated_hash AS {hashed}").fetchone()
        if found is not None and found[0]:
            connection.execute(
                f"INSERT INTO {REPEATED} SELECT id_key, source FROM ({selects}) "
                "WHERE hash(id_key, source) IN (SELECT identity FROM repeated_hash) GROUP BY ALL HAVING count(*) > 1"
            )
    count = connection.execute(f"SELECT count(*) FROM {REPEATED}").fetchone()
    return count is not None and count[0] > 0


def _are_distinct(connection: duckdb.DuckDBPyConnection, relation: UsageRelation) -> bool:
    """Whether the one column of identities holds whole numbers, dense enough to mark, of which none occurs twice."""
    (query,) = [query for query in relation.queries if query.rows.scan.column("id") is not None]
    scan = query.rows.scan
    column = scan.column("id")
    if column is None or not column.type_id.endswith(("int", "integer")) or not scan.rows:
        return False
    low, high = column.evidence.low, column.evidence.high
    if low is None or high is None:
        return False
    span = int(high) - int(low) + 1
    if span > min(_BITS_MAX, _BITS_PER_ROW * scan.rows):
        return False
    marks = f"bit_count(bitstring_agg({column.sql}, {int(low)}, {int(high)}))"
    marked = connection.execute(f"SELECT {marks} = count({column.sql}) FROM {scan.source}").fetchone()
    return marked is not None and bool(marked[0])
