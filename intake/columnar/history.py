"""What earlier usage decides, read by a second scan and added up to one row a statement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ...engine.batch.family import Member
from ...engine.batch.history import HistoryKey, buckets_of, history_query, rule_number, spans_of
from ...engine.batch.metering import Usage
from ...engine.batch.number import Integer, Number, UnfitError, literal
from ...engine.batch.simple import is_simple
from ...engine.plan import Program
from ...records import Record
from .scan import measured, scan_spans
from .tables import insert

if TYPE_CHECKING:
    import duckdb


class Asked(Record):
    """A family and what it asks of earlier usage."""

    number: int
    members: tuple[Member, ...]
    keys: tuple[HistoryKey, ...]


class Known(Record):
    """What a family asked, as columns of `table` (by `sid`; a statement without earlier usage has no row there)."""

    table: str
    numbers: Mapping[HistoryKey, Number]


def read_history(
    connection: duckdb.DuckDBPyConnection, program: Program, usage: Usage, relation: str, asked: Sequence[Asked]
) -> Mapping[int, Known | str]:
    """What every family asked, by its number, or why no query gives it."""
    found: dict[int, Known | str] = {}
    rows: list[list[object]] = []
    buckets: dict[object, None] = {}
    sound: list[Asked] = []
    for family in asked:
        try:
            own = _span_rows(program, family.members, len(rows))
            wanted = buckets_of(family.members[0])
            meters = [program.meters[bucket.meter] for bucket in wanted]
            if not all(is_simple(meter, usage.events[meter.event]) for meter in meters):
                raise UnfitError("earlier usage of a meter that needs order in time")
        except UnfitError as unfit:
            found[family.number] = str(unfit)
            continue
        buckets.update(dict.fromkeys(wanted))
        rows.extend(own)
        sound.append(family)
    if not sound:
        return found
    types = ("INTEGER", "INTEGER", "INTEGER", "INTEGER", "TIMESTAMPTZ", "TIMESTAMPTZ", "BOOLEAN")
    names = ("span", "member", "rule", "part", "from_time", "until_time", "undated")
    insert(connection, "span", dict(zip(names, types, strict=True)), rows)
    try:
        metered = scan_spans(connection, program, usage, relation, list(buckets))  # type: ignore[arg-type]
    except UnfitError as unfit:
        return {**found, **{family.number: str(unfit) for family in sound}}
    for family in sound:
        found[family.number] = _known(connection, program, family, metered)
    return found


def _span_rows(program: Program, members: Sequence[Member], first: int) -> list[list[object]]:
    rows: list[list[object]] = []
    for member in members:
        for span in spans_of(program, member):
            number = first + len(rows)
            rows.append(
                [number, member.number, *rule_number(span.rule), span.period.start, span.period.end, span.undated]
            )
    return rows


def _known(connection: duckdb.DuckDBPyConnection, program: Program, family: Asked, metered: object) -> Known | str:
    members = ", ".join(str(member.number) for member in family.members)
    source = f"(SELECT * FROM span_metered WHERE member IN ({members}))"
    try:
        query = history_query(program, family.members, metered, family.keys, source)  # type: ignore[arg-type]
    except UnfitError as unfit:
        return str(unfit)
    table = f"history_{family.number}"
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {table} AS {query.sql}")
    bounds = measured(connection, table, [column for column, _ in query.columns.values()])
    numbers: dict[HistoryKey, Number] = {}
    for key, (column, scale) in query.columns.items():
        low, high = bounds[column]
        top = literal(low) if low == high else Integer(f"coalesce({column}, 0)", low, high)
        numbers[key] = Number(top, scale)
    return Known(table, numbers)
