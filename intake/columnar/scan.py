"""The scan over usage that fills every bucket, and the table `metered` that pricing reads.

`metered` has a row per statement: `sid`, `member`, attributes, and each bucket as whole numbers of the narrowest type
that holds what was measured. What the files hold is known then: pricing cannot overflow on it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ...engine.batch.buckets import Bucket, Filled, Metered
from ...engine.batch.metering import Usage, doubtful_sql, filter_sql, given_sql
from ...engine.batch.number import (
    NOTHING,
    ONE,
    Integer,
    Number,
    Truth,
    UnfitError,
    either,
    greatest,
    literal,
    type_of,
)
from ...engine.batch.simple import Aggregate, aggregate_of, is_simple
from ...engine.batch.slots import slots_of
from ...engine.plan import Program
from ...records import Record
from .special import Special
from .staged_lines import order_kept
from .tables import whole_sql
from .threads import array_of_groups

if TYPE_CHECKING:
    import duckdb


class Scanned(Record):
    """What a scan found: the buckets as columns of `metered`, and how many rows stand on a statement."""

    metered: Metered
    matched: int
    dated: int
    odd: int


def scan(
    connection: duckdb.DuckDBPyConnection,
    program: Program,
    usage: Usage,
    relation: str,
    buckets: Sequence[Bucket],
    common: tuple[int, int] | None,
    specials: Mapping[Bucket, Special | str],
    *,
    looks_for_odd: bool = False,
    rows: int | None = None,
) -> Scanned:
    """Fill the buckets in one pass over `relation`, of about so many rows, and make the table `metered`; `specials`
    were read before.

    With `looks_for_odd` rows that are not `plain` are counted on the way, also those outside of all periods: what else
    was found then means nothing.
    """
    odd = ", count(*) FILTER (WHERE NOT plain) AS odd" if looks_for_odd else ", 0 AS odd"
    or_odd = " OR NOT plain" if looks_for_odd else ""
    plain = [bucket for bucket in buckets if bucket not in specials]
    slots = slots_of(program, plain, usage) if usage.sums is None else None
    aggregates = aggregates_of(program, usage, buckets, {} if slots is None else slots.filters)
    relation = relation if slots is None else slots.relation(relation)
    known = {bucket: found for bucket, found in specials.items() if isinstance(found, Special)}
    doubtful = doubtful_sql(program, buckets, usage)
    doubts = f"count(*) FILTER (WHERE {doubtful})" if usage.sums is None else "sum(doubts)"
    doubts = f", {doubts} AS doubts" if doubtful is not None else ""
    count, dated = usage.counts_sql
    listed = _listed(aggregates) + doubts
    undated = " OR time IS NULL" if usage.quantity_scale is not None else ""
    if common is not None:
        low, high = (f"make_timestamptz({edge})" for edge in common)
        grouped = (
            f"SELECT account, {count} AS n, {dated} AS dated{odd}{listed} FROM {relation} "
            f"WHERE (time >= {low} AND time < {high}){undated}{or_odd} GROUP BY account"
        )
        joined = "used u ON u.account = s.account_key"
    else:
        inside = "u.time >= s.from_time AND u.time < s.until_time"
        condition = f"({inside}{' OR u.time IS NULL' if undated else ''})"
        grouped = (
            f"SELECT s.sid AS sid, {count} AS n, {dated} AS dated, 0 AS odd{listed} FROM {relation} u "
            "JOIN (SELECT sid, account_key, from_time, until_time FROM statement) s ON u.account = "
            f"s.account_key AND {condition} GROUP BY s.sid"
        )
        joined = "used u ON u.sid = s.sid"
    with array_of_groups(connection, rows, len(_names(aggregates)) + 3):
        connection.execute(f"CREATE OR REPLACE TEMP TABLE used AS {grouped}")
    if doubtful is not None:
        connection.execute(
            "INSERT INTO scalar_statement SELECT s.sid, 'usage without the time or field that a price asks for' "
            f"FROM statement s JOIN {joined} WHERE u.doubts > 0"
        )
    bounds = measured(connection, "used", _names(aggregates))
    with order_kept(connection):
        connection.execute(
            "CREATE OR REPLACE TEMP TABLE metered AS SELECT s.* EXCLUDE (account_key, from_time, until_time)"
            f"{_cells(aggregates, bounds)}{_special_cells(aggregates, known)} FROM statement s LEFT JOIN {joined}"
            f"{''.join(f' LEFT JOIN {each.table} ON {each.table}.sid = s.sid' for each in known.values())}"
        )
    # Rows of an account that has no statement stand on none.
    dated = f"SELECT coalesce(sum(u.dated), 0) FROM statement s JOIN {joined}"
    sums = f"coalesce(sum(n), 0), ({dated}), coalesce(sum(odd), 0)"
    found = connection.execute(f"SELECT {sums} FROM used").fetchone() or (0, 0, 0)
    metered = _metered({bucket: each for bucket, each in aggregates.items() if bucket not in specials}, bounds)
    filled = {bucket: _special(aggregates[bucket], bounds, each) for bucket, each in known.items()}
    unfit = {bucket: reason for bucket, reason in specials.items() if isinstance(reason, str)}
    return Scanned(Metered({**metered.filled, **filled}, unfit), *map(int, found))


def scan_spans(
    connection: duckdb.DuckDBPyConnection, program: Program, usage: Usage, relation: str, buckets: Sequence[Bucket]
) -> Metered:
    """Fill buckets for every span of the table `span` and make the table `span_metered` (sid, member, rule, part)."""
    aggregates = aggregates_of(program, usage, buckets)
    meters = [program.meters[bucket.meter] for bucket in buckets]
    if not all(is_simple(meter, usage.events[meter.event]) for meter in meters):
        raise UnfitError("earlier usage of a meter that needs order in time")
    undated = " OR (p.undated AND u.time IS NULL)" if usage.quantity_scale is not None else ""
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE span_used AS SELECT s.sid AS sid, s.member AS member, p.span AS span, "
        "p.rule AS rule, "
        f"p.part AS part{_listed(aggregates)} FROM {relation} u JOIN (SELECT sid, member, account_key FROM "
        "statement) s "
        "ON u.account = s.account_key JOIN span p ON p.member = s.member AND ((u.time >= p.from_time AND u.time "
        "< p.until_time)"
        f"{undated}) GROUP BY s.sid, s.member, p.span, p.rule, p.part"
    )
    bounds = measured(connection, "span_used", _names(aggregates))
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE span_metered AS SELECT u.sid, u.member, u.rule, u.part"
        f"{_cells(aggregates, bounds)} FROM span_used u"
    )
    return _metered(aggregates, bounds)


def aggregates_of(
    program: Program, usage: Usage, buckets: Sequence[Bucket], filters: Mapping[Bucket, str] | None = None
) -> dict[Bucket, Aggregate]:
    """The aggregates of the buckets; those of other meters hold only what was metered elsewhere.

    `filters` choose the rows of some buckets, in place of their own conditions.
    """
    if usage.sums is not None:
        return {bucket: usage.sums[bucket] for bucket in buckets}
    found: dict[Bucket, Aggregate] = {}
    for index, bucket in enumerate(buckets):
        meter, name = program.meters[bucket.meter], f"b{index}"
        given, scale = given_sql(program, bucket, usage), usage.quantity_scale or 0
        if is_simple(meter, usage.events[meter.event]):
            where = (filters or {}).get(bucket) or filter_sql(program, meter, bucket, usage)
            found[bucket] = aggregate_of(meter, name, where, usage.events[meter.event], given, scale)
        else:
            found[bucket] = Aggregate(
                name, "0", 0, True, None, None, None if given is None else f"{name}_g", given, scale
            )
    return found


def _listed(aggregates: Mapping[Bucket, Aggregate]) -> str:
    return "".join(f", {sql} AS {name}" for each in aggregates.values() for name, sql, _ in each.columns)


def _names(aggregates: Mapping[Bucket, Aggregate]) -> list[str]:
    return [name for each in aggregates.values() for name, _, _ in each.columns]


def _cells(aggregates: Mapping[Bucket, Aggregate], bounds: Mapping[str, tuple[int, int]]) -> str:
    """The columns of `metered`: whole numbers, and whether there was usage."""
    columns = [column for each in aggregates.values() for column in each.columns]
    numbers = "".join(f", {cell_sql(name, scale, *bounds[name])} AS {name}" for name, _, scale in columns)
    return numbers + "".join(f", {each.used_sql} AS {each.top}_u" for each in aggregates.values())


def _special_cells(aggregates: Mapping[Bucket, Aggregate], known: Mapping[Bucket, Special]) -> str:
    """The columns of `metered` of meters with queries of their own."""
    cells = ""
    for bucket, each in known.items():
        column, decided = f"{aggregates[bucket].top}_s", f"{each.table}.top IS NOT NULL AND NOT {each.table}.ambiguous"
        own = type_of(each.top.low, each.top.high)
        cells += f", CASE WHEN {decided} THEN {each.table}.top ELSE 0 END::{own} AS {column}"
        cells += f", {each.table}.sid IS NOT NULL AS {column}_u"
        if each.under is not None:
            type_ = type_of(each.under.low, each.under.high)
            cells += f", CASE WHEN {decided} THEN {each.table}.under ELSE 1 END::{type_} AS {column}_d"
    return cells


def _special(aggregate: Aggregate, bounds: Mapping[str, tuple[int, int]], each: Special) -> Filled:
    """A bucket whose quantity a query of its own found, with what was metered elsewhere."""
    plain, column = filled_of(aggregate, bounds), f"{aggregate.top}_s"
    return Filled(each.number(column, f"{column}_d"), plain.given, either(Truth(f"{column}_u"), plain.used))


def _metered(aggregates: Mapping[Bucket, Aggregate], bounds: Mapping[str, tuple[int, int]]) -> Metered:
    return Metered({bucket: filled_of(aggregate, bounds) for bucket, aggregate in aggregates.items()})


def measured(connection: duckdb.DuckDBPyConnection, table: str, names: Sequence[str]) -> Mapping[str, tuple[int, int]]:
    """The least and greatest value of each column, as integers over its scale; zero counts in, for rows without
    usage.
    """
    if not names:
        return {}
    asked = ", ".join(f"CAST(min({name}) AS VARCHAR), CAST(max({name}) AS VARCHAR)" for name in names)
    found = connection.execute(f"SELECT {asked} FROM {table}").fetchone() or ()
    return {
        name: (min(_unscaled(found[2 * at]), 0), max(_unscaled(found[2 * at + 1]), 0)) for at, name in enumerate(names)
    }


def _unscaled(text: str | None) -> int:
    return 0 if text is None else int(text.replace(".", ""))


def cell_sql(name: str, scale: int, low: int, high: int) -> str:
    """A column of the relation `u` as a whole number over its scale, of the narrowest type for its bounds."""
    type_ = type_of(low, high)
    if scale == 0:
        return f"coalesce(u.{name}, 0)::{type_}"
    return f"coalesce({whole_sql(f'u.{name}', scale, max(-low, high))}, 0)::{type_}"


def filled_of(aggregate: Aggregate, bounds: Mapping[str, tuple[int, int]]) -> Filled:
    """A bucket over the columns of its aggregate, which are whole numbers with these bounds."""

    def integer(name: str) -> Integer:
        low, high = bounds[name]
        return literal(low) if low == high else Integer(name, low, high)

    under = None if aggregate.under is None else integer(aggregate.under)
    if under is not None and under.low < 1:
        under = greatest(under, ONE)
    samples = Number(integer(aggregate.top), 10**aggregate.scale, under)
    given = NOTHING if aggregate.given is None else Number(integer(aggregate.given), 10**aggregate.given_scale)
    return Filled(samples, given, Truth(f"{aggregate.top}_u"))
