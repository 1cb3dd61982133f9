"""Identities that occur more than once, found over all rows with bounded memory.

Whole numbers that lie dense are marked in a string of bits, one for each: as many bits as rows means that none repeats.
Other identities are grouped, some millions at a time.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import islice
from typing import TYPE_CHECKING, Final

from ..rows import Broken, RawRow
from .expressions import quoted
from .relation import RowsQuery
from .usage import UsageRelation

if TYPE_CHECKING:
    import duckdb

REPEATED: Final = "repeated_identity"
_UNSEEN: Final = "unseen_identity"
_PAGE: Final = 10_000
_ROWS_PER_PASS: Final = 25_000_000
_BITS_MAX: Final = 1_000_000_000
_BITS_PER_ROW: Final = 16


def repeated_identities(
    connection: duckdb.DuckDBPyConnection, relation: UsageRelation, unseen: Iterable[RawRow | Broken]
) -> bool:
    """Make the table `repeated_identity` of every (`id_key`, `source`) that several rows have; whether there is one.

    `unseen` are the rows that are not in the relation, or in which it sees no `id`.
    """
    identified = [query for query in relation.queries if query.rows.scan.column("id") is not None]
    if not identified:
        return False
    has_unseen = _identities(connection, unseen, relation.types["id_key"])
    if not has_unseen and len(identified) == 1 and _are_distinct(connection, identified[0]):
        return False
    selects = " UNION ALL ".join(
        f"SELECT {quoted('is.id')} AS id_key, {quoted('is.source')} AS source FROM ({query.inner()}) AS read_row "
        f"WHERE {quoted('is.id')} IS NOT NULL"
        for query in identified
    )
    if has_unseen:
        selects += f" UNION ALL SELECT id_key, source FROM {_UNSEEN}"
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


def _identities(connection: duckdb.DuckDBPyConnection, rows: Iterable[RawRow | Broken], id_type: str) -> bool:
    """Put the identities of rows that only the Python reader sees into a table; whether there is one."""
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {_UNSEEN} (id_key {id_type}, source VARCHAR)")
    named = """(SELECT unnest(from_json(?, '[{"id": "VARCHAR", "source": "VARCHAR"}]')) AS named)"""
    query = f"INSERT INTO {_UNSEEN} SELECT TRY_CAST(named.id AS {id_type}), named.source FROM {named}"
    found = (_identity(row) for row in rows if not isinstance(row, Broken) and row.get("id"))
    has_some = False
    while page := list(islice(found, _PAGE)):
        connection.execute(query, [json.dumps(page)])
        has_some = True
    return has_some


def _identity(row: RawRow) -> dict[str, str | None]:
    identity, source = row.get("id"), row.get("source")
    return {"id": str(identity), "source": str(source) if source else None}


def _are_distinct(connection: duckdb.DuckDBPyConnection, query: RowsQuery) -> bool:
    """Whether identities are whole numbers without a source, dense enough to mark, of which none occurs twice."""
    scan = query.rows.scan
    column = scan.column("id")
    if column is None or not column.type_id.endswith(("int", "integer")) or not scan.rows:
        return False
    low, high = column.evidence.low, column.evidence.high
    if low is None or high is None or scan.column("source") is not None:
        return False
    if int(high) - int(low) + 1 > min(_BITS_MAX, _BITS_PER_ROW * scan.rows):
        return False
    marks = f"bit_count(bitstring_agg({column.sql}, {int(low)}, {int(high)}))"
    marked = connection.execute(f"SELECT {marks} = count({column.sql}) FROM {scan.source}").fetchone()
    return marked is not None and bool(marked[0])
