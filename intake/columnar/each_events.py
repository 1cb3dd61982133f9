"""Charges that rate every event on its own: one query for all charges of a shape, its result a table by statement."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from ...engine.batch.each import Times, each_lookup, each_query, shape_of
from ...engine.batch.each_keys import EachAmount, EachKey, EachQuantity, EachShare
from ...engine.batch.family import Member
from ...engine.batch.lookup import Reading, SourceColumn
from ...engine.batch.metering import Usage
from ...engine.batch.number import Integer, Number, UnfitError, literal
from ...engine.batch.quoting import text_literal
from ...engine.batch.table import SmallTable
from ...engine.batch.windows import window_sql
from ...engine.plan import Charge, ColumnKind, OfEach, Program
from ...records import Record
from .cells import name
from .tables import insert

if TYPE_CHECKING:
    import duckdb


UNPRICED: Final = "events that no query prices"


class AskedEach(Record):
    """A family (by its number) and what it asks of its `each` charges."""

    number: int
    members: tuple[Member, ...]
    keys: tuple[EachKey, ...]


class KnownEach(Record):
    """What a family asked: the tables to join by `sid`, and numbers over their columns."""

    tables: tuple[str, ...]
    numbers: Mapping[EachKey, Number]


@dataclass(slots=True)
class _Group:
    """Charges of one shape: by the version of their plan, with the windows whose shares are asked."""

    charges: dict[int, Charge]
    windows: dict[str, None]
    families: list[tuple[AskedEach, int]]


def read_each(
    connection: duckdb.DuckDBPyConnection,
    program: Program,
    usage: Usage,
    relation: str,
    types: Mapping[str, str],
    asked: Sequence[AskedEach],
) -> Mapping[int, KnownEach | str]:
    """What every family asked, by its number, or why no query gives it. Statements that a query leaves to the scalar
    evaluator go into `scalar_statement`."""
    if not asked:
        return {}
    versions = _make_fact(connection, relation, types, asked)
    groups = _groups(asked, versions)
    tables: dict[int, list[str]] = {}
    numbers: dict[int, dict[EachKey, Number]] = {}
    failed: dict[int, str] = {}
    for place, group in enumerate(groups):
        table = f"each_{place}"
        try:
            found = _read(connection, program, usage, types, group, table)
        except UnfitError as unfit:
            failed.update((family.number, str(unfit)) for family, _ in group.families)
            continue
        for family, index in group.families:
            tables.setdefault(family.number, []).append(table)
            own = numbers.setdefault(family.number, {})
            own[EachAmount(index)], own[EachQuantity(index)] = found["amount"], found["quantity"]
            own.update({EachShare(index, window): found[window] for window in group.windows})
    return {
        **{number: KnownEach(tuple(own), numbers[number]) for number, own in tables.items()},
        **failed,
    }


def _make_fact(
    connection: duckdb.DuckDBPyConnection, relation: str, types: Mapping[str, str], asked: Sequence[AskedEach]
) -> Mapping[int, int]:
    """Make the view `fact` of all rows that stand on a statement of these families; versions by the plan's identity."""
    versions: dict[int, int] = {}
    rows: list[list[object]] = []
    for family in asked:
        for member in family.members:
            version = versions.setdefault(id(member.plan), len(versions))
            rows.append([member.number, version])
    insert(connection, "member_version", {"member": "INTEGER", "version": "INTEGER"}, rows)
    own = [row[0] for row in connection.execute("DESCRIBE statement").fetchall() if row[0].startswith("a_")]
    columns = [column for column in types if column.startswith("f_")]
    listed = "".join(f", u.{name(column)}" for column in columns) + "".join(f", s.{name(column)}" for column in own)
    connection.execute(
        "CREATE OR REPLACE TEMP VIEW fact AS SELECT s.sid, v.version, u.time, u.event, u.id, u.source, s.from_time, "
        f"s.until_time{listed} FROM {relation} u JOIN statement s ON u.account = s.account_key "
        "AND u.time >= s.from_time AND u.time < s.until_time JOIN member_version v ON v.member = s.member"
    )
    return versions


def _groups(asked: Sequence[AskedEach], versions: Mapping[int, int]) -> list[_Group]:
    groups: dict[Hashable, _Group] = {}
    for family in asked:
        for index in sorted({key.charge for key in family.keys}):
            charge = family.members[0].plan.charges[index]
            group = groups.setdefault((charge.name, shape_of(charge)), _Group({}, {}, []))
            group.families.append((family, index))
            for key in family.keys:
                if isinstance(key, EachShare) and key.charge == index:
                    group.windows[key.window] = None
            for member in family.members:
                group.charges[versions[id(member.plan)]] = member.plan.charges[index]
    return list(groups.values())


def _read(
    connection: duckdb.DuckDBPyConnection,
    program: Program,
    usage: Usage,
    types: Mapping[str, str],
    group: _Group,
    table: str,
) -> Mapping[str, Number]:
    source = next(iter(group.charges.values())).source
    assert isinstance(source, OfEach)
    columns = replace(usage.events[source.event], relation="fact")
    attributes = dict(row[:2] for row in connection.execute("DESCRIBE statement").fetchall())
    reading: Reading = {
        **{
            (ColumnKind.FIELD, field): SourceColumn(column.sql, types[f"f_{field}"])
            for field, column in columns.fields.items()
        },
        **{
            (ColumnKind.ATTRIBUTE, column.removeprefix("a_")): SourceColumn(name(column), type_)
            for column, type_ in attributes.items()
            if column.startswith("a_")
        },
    }

    def membership(window: str) -> str:
        return window_sql(program.windows[window], "time", usage.reach, usage.zone)

    lookup = each_lookup(group.charges, reading, membership)
    variants = lookup.variant_table(f"{table}_variant_of")
    if variants is not None:
        make(connection, variants)
    where = f"event = '{source.event}'"
    combinations = lookup.closed()
    if combinations is None:
        asked = lookup.keys_sql("fact", None if variants is None else variants.name, where)
        combinations = tuple(connection.execute(asked).fetchall())
    times = Times(program.windows, usage.zone, usage.reach)
    shares = [membership(window) for window in group.windows]
    query = each_query(group.charges, columns, times, lookup, combinations, name=table, shares=shares)
    for small in query.tables:
        make(connection, small)
    inside = "".join(f", inside_{at} AS {table}_inside_{at}" for at in range(len(shares)))
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE {table} AS SELECT sid, amount AS {table}_amount, quantity AS {table}_quantity, "
        f"scalar AS {table}_scalar{inside} FROM ({query.sql})"
    )
    connection.execute(
        f"INSERT INTO scalar_statement SELECT sid, {text_literal(UNPRICED)} FROM {table} WHERE {table}_scalar"
    )
    found = {
        "amount": _number(connection, table, f"{table}_amount", query.amount_scale),
        "quantity": _number(connection, table, f"{table}_quantity", query.quantity_scale),
    }
    for at, window in enumerate(group.windows):
        found[window] = _number(connection, table, f"{table}_inside_{at}", query.quantity_scale)
    return found


def _number(connection: duckdb.DuckDBPyConnection, table: str, column: str, scale: int) -> Number:
    ends = connection.execute(
        f"SELECT min({column})::VARCHAR, max({column})::VARCHAR FROM {table} WHERE NOT {table}_scalar"
    ).fetchone()
    low, high = (0 if end is None else int(end) for end in ends or (None, None))
    low, high = min(low, 0), max(high, 0)
    # What a statement left to the scalar evaluator has there means nothing, and must not overflow.
    sql = f"CASE WHEN {table}_scalar THEN 0::HUGEINT ELSE coalesce({column}, 0)::HUGEINT END"
    return Number(literal(0) if low == high else Integer(f"({sql})", low, high), scale)


def make(connection: duckdb.DuckDBPyConnection, table: SmallTable) -> None:
    """Make a small table."""
    connection.execute(table.create_sql, table.parameters)
