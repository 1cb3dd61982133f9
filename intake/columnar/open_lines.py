"""Charges of meters whose keys may hold any value: one grouped query for each, its lines a table of their own.

Usage is added up by statement and by what tables can tell apart; Python has `dispatch` say what prices each combination
that occurs, and all lines of one shape of prices are priced by one query (`engine.batch.open_rows`). The sum of a
statement's lines is joined to the family's statements.
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ...engine.batch.bundle import Bundle
from ...engine.batch.family import Member
from ...engine.batch.ledger import Info
from ...engine.batch.lookup import Answer, Lookup, lookup_of
from ...engine.batch.metering import Usage
from ...engine.batch.number import FALSE, Integer, TooLargeError, Truth, UnfitError, literal
from ...engine.batch.open_rows import Rule, Rules, depends_on_days, included, rows_query
from ...engine.batch.table import small_table
from ...engine.dispatch import Key
from ...engine.evaluators.situation import declared_order
from ...engine.plan import Charge, OfMeter, Program
from ...engine.statement import LineKind
from ...records import Record
from .each_events import make
from .open_usage import Groups, add_up, reading_of, window_membership
from .tables import insert

if TYPE_CHECKING:
    import duckdb

TOO_LARGE = "quantities or prices of more than 38 digits"


class AskedBundles(Record):
    """A family (by its number) and its charges whose lines are not known before their usage."""

    number: int
    members: tuple[Member, ...]
    charges: tuple[int, ...]


class KnownBundle(Record):
    """The lines of a family's charge: their sum as columns of `table` (by `sid`), themselves in `<table>_priced`."""

    table: str
    bundle: Bundle
    is_alone: bool
    """Whether no other family has lines in the table."""

    def lines_sql(self, members: Sequence[Member], first: int, statements: str | None) -> str:
        """The lines as `results` takes them, beginning at this place on their statements."""
        wheres = []
        if not self.is_alone:
            numbers = ", ".join(str(member.number) for member in members)
            wheres.append(f"p.sid IN (SELECT sid FROM statement WHERE member IN ({numbers}))")
        if statements is not None:
            wheres.append(f"p.sid IN ({statements})")
        where = f" WHERE {' AND '.join(wheres)}" if wheres else ""
        return (
            f"SELECT p.sid, {first} + l.rank AS ord, p.info, p.amount::HUGEINT AS amount, p.quantity, p.exact, "
            f'l."by", NULL::VARCHAR AS applied_to FROM {self.table}_priced p JOIN {self.table}_line l USING '
            f"(line){where}"
        )


class Opened(Record):
    """What families asked, by their number and by charge, or why no query gives it; the constant parts of all lines."""

    families: Mapping[int, Mapping[int, KnownBundle] | str]
    infos: tuple[Info, ...]


@dataclass(slots=True)
class _Group:
    """Charges of one name and form: by version, each with a member whose plan has it, and versions by member."""

    charges: dict[int, Charge] = field(default_factory=dict)
    members: dict[int, Member] = field(default_factory=dict)
    versions: dict[int, int] = field(default_factory=dict)
    families: list[tuple[AskedBundles, int]] = field(default_factory=list)
    _known: dict[int, int] = field(default_factory=dict)

    def add(self, family: AskedBundles, index: int) -> None:
        self.families.append((family, index))
        for member in family.members:
            charge = member.plan.charges[index]
            known = None if depends_on_days(member, charge) else self._known.get(id(member.plan))
            if known is None:
                known = self._known[id(member.plan)] = len(self.charges)
                self.charges[known], self.members[known] = charge, member
            self.versions[member.number] = known


def read_open(
    connection: duckdb.DuckDBPyConnection,
    program: Program,
    usage: Usage,
    relation: str,
    types: Mapping[str, str],
    common: tuple[int, int] | None,
    asked: Sequence[AskedBundles],
) -> Opened:
    """Price the lines of every family's charges."""
    groups: dict[Hashable, _Group] = {}
    for family in asked:
        for index in family.charges:
            charge = family.members[0].plan.charges[index]
            form = (
                charge.name,
                charge.source,
                charge.pooling,
                tuple((column.kind, column.name) for column in charge.columns),
            )
            groups.setdefault(form, _Group()).add(family, index)
    found: dict[int, dict[int, KnownBundle]] = {}
    failed: dict[int, str] = {}
    infos: dict[Info, int] = {}
    for place, group in enumerate(groups.values()):
        table = f"open_{place}"
        try:
            bundle = _read(connection, program, usage, (relation, types, common), group, table, infos)
        except (UnfitError, TooLargeError) as error:
            reason = TOO_LARGE if isinstance(error, TooLargeError) else str(error)
            failed.update((family.number, reason) for family, _ in group.families)
            continue
        for family, index in group.families:
            own = _of_charge(bundle, index)
            found.setdefault(family.number, {})[index] = KnownBundle(table, own, len(group.families) == 1)
    return Opened({**found, **failed}, tuple(infos))


def _of_charge(bundle: Bundle, index: int) -> Bundle:
    return Bundle(index, bundle.amount, bundle.present, bundle.unpriced, bundle.refused, bundle.signed, bundle.room)


def _read(
    connection: duckdb.DuckDBPyConnection,
    program: Program,
    usage: Usage,
    rows: tuple[str, Mapping[str, str], tuple[int, int] | None],
    group: _Group,
    table: str,
    infos: dict[Info, int],
) -> Bundle:
    relation, types, common = rows
    insert(connection, f"{table}_version", {"member": "INTEGER", "version": "INTEGER"}, list(group.versions.items()))
    charge = next(iter(group.charges.values()))
    assert isinstance(charge.source, OfMeter)
    meter = program.meters[charge.source.meter]
    reading = reading_of(connection, usage.events[meter.event], types)
    lookup = lookup_of(group.charges, reading, window_membership(program, usage), shows_keys=True)
    variants = lookup.variant_table(f"{table}_variant")
    if variants is not None:
        make(connection, variants)
    groups = add_up(connection, program, usage, relation, common, meter, charge, lookup, table)
    room, has_unpriced = _answer(connection, group, lookup, table)
    groups = groups.by_line(connection, lookup)
    _let_go(connection, lookup, table, has_unpriced=has_unpriced)
    pairs = _make_pairs(connection, group, table, infos)
    _price(connection, program, pairs, groups, table)
    connection.execute(f"DROP TABLE IF EXISTS {table}_ordered; DROP TABLE {table}_group")
    return _summed(connection, table, room, has_unpriced=has_unpriced)


def _answer(connection: duckdb.DuckDBPyConnection, group: _Group, lookup: Lookup, table: str) -> tuple[int, bool]:
    """Make the tables of answers and lines; how many lines a statement may have, and if some usage has no price."""
    keys = "".join(f", {key.name}" for key in lookup.keys)
    variant, windows = "variant" if len(lookup.trees) > 1 else "0", "windows" if lookup.windows else "0"
    combinations = connection.execute(f"SELECT DISTINCT {variant}{keys}, {windows} FROM {table}_keyed").fetchall()
    answers = list(lookup.answers(combinations))
    charges: dict[int, Charge] = {}
    for version, charge in group.charges.items():
        charges.setdefault(lookup.variants[version], charge)
    found = {(answer.variant, answer.row, answer.key) for answer in answers if answer.row is not None}
    order = sorted(found, key=lambda item: (item[0], item[1], declared_order(charges[item[0]], item[2])))
    numbers = {line: number for number, line in enumerate(order)}
    firsts: dict[int, int] = {}
    for number, (own, _, _) in enumerate(order):
        firsts.setdefault(own, number)
    lines = [[number, row, number - firsts[own], _by(lookup, key)] for number, (own, row, key) in enumerate(order)]
    insert(
        connection, f"{table}_line", {"line": "INTEGER", "number": "INTEGER", "rank": "INTEGER", "by": "VARCHAR"}, lines
    )

    def cells(answer: Answer) -> tuple[object, ...]:
        line = None if answer.row is None else numbers[answer.variant, answer.row, answer.key]
        return (*lookup.cells_of(answer), line)

    columns = (*lookup.key_columns, ("line", "INTEGER"))
    make(connection, small_table(f"{table}_answer", columns, map(cells, answers)))  # type: ignore[arg-type]
    room = 1 + max((number - firsts[own] for number, (own, _, _) in enumerate(order)), default=0)
    return room, any(answer.row is None for answer in answers)


def _let_go(connection: duckdb.DuckDBPyConnection, lookup: Lookup, table: str, *, has_unpriced: bool) -> None:
    """Let go of usage by key, which may be large, but for the statements with usage that nothing prices."""
    if has_unpriced:
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE {table}_unpriced AS SELECT DISTINCT k.sid FROM {table}_keyed k "
            f"JOIN {table}_answer a ON {lookup.join_sql('k', 'a')} WHERE a.line IS NULL"
        )
    connection.execute(f"DROP VIEW {table}_keyed; DROP TABLE {table}_used; DROP TABLE {table}_answer")


def _by(lookup: Lookup, key: Key) -> str | None:
    """The values of a line's key as it shows them."""
    told = dict(zip((column.name for column in lookup.columns), key, strict=False))
    return json.dumps(told, ensure_ascii=False) if told else None


def _make_pairs(
    connection: duckdb.DuckDBPyConnection, group: _Group, table: str, infos: dict[Info, int]
) -> Sequence[Sequence[Rule]]:
    """Make the table of what prices the rows that occur, by version and row; the rules of each shape."""
    rules = Rules()
    rows: list[list[object]] = []
    pairs = f"SELECT DISTINCT g.version, l.number FROM {table}_group g JOIN {table}_line l USING (line)"
    for version, number in connection.execute(pairs).fetchall():
        charge = group.charges[version]
        assert isinstance(charge.source, OfMeter)
        free = included(group.members[version], charge.source.meter)
        place, rule = rules.place_of(Rule(group.members[version], charge, number, free))
        info = Info(
            charge.name,
            LineKind.CHARGE,
            charge.labels.default,
            charge.rows[number].place,
            charge.unit,
            charge.because,
        )
        rows.append([version, number, place, rule, infos.setdefault(info, len(infos))])
    names = ("version", "number", "shape", "rule", "info")
    insert(connection, f"{table}_pair", dict.fromkeys(names, "INTEGER"), rows)
    return rules.by_shape


def _price(
    connection: duckdb.DuckDBPyConnection,
    program: Program,
    shapes: Sequence[Sequence[Rule]],
    groups: Groups,
    table: str,
) -> None:
    """Make the table of priced lines."""
    shared = any(rule.free or rule.charge.pooling is not None for rules in shapes for rule in rules)
    order = None
    if shared:
        groups, order = groups.in_order(connection)
    metered, cells = groups.cells(connection)
    cells += ", u.size_before, u.size_whole, u.is_first" if shared else ""
    queries = []
    for number, rules in enumerate(shapes):
        query = rows_query(program, rules, metered, order, f"{table}_shape_{number}")
        joined, columns = "", ""
        if query.parameters:
            parameter = f"{table}_parameter_{number}"
            types = {"rule": "INTEGER", **{item.name: item.type_ for item in query.parameters}}
            values = [[rule, *(item.values[rule] for item in query.parameters)] for rule in range(len(rules))]
            insert(connection, parameter, types, values)
            joined = f" JOIN {parameter} c ON c.rule = p.rule"
            columns = "".join(f", c.{item.name}" for item in query.parameters)
        connection.execute(
            f"CREATE OR REPLACE TEMP VIEW {table}_shape_{number} AS SELECT u.sid, u.line, p.info{cells}{columns} "
            f"FROM {groups.relation} u JOIN {table}_line l ON l.line = u.line "
            f"JOIN {table}_pair p ON p.version = u.version AND p.number = l.number{joined} WHERE p.shape = {number}"
        )
        queries.append(query.sql)
    nothing = (
        "SELECT 0::INTEGER AS sid, 0::INTEGER AS line, 0::INTEGER AS info, 0::BIGINT AS amount, "
        "0::DECIMAL(38,12) AS quantity, NULL::VARCHAR AS exact, false AS refused WHERE false"
    )
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {table}_priced AS {' UNION ALL '.join(queries) or nothing}")


def _summed(connection: duckdb.DuckDBPyConnection, table: str, room: int, *, has_unpriced: bool) -> Bundle:
    """Make the table of what the lines of each statement come to."""
    parts = f"SELECT sid, amount, true AS has_line, refused, false AS unpriced FROM {table}_priced"
    if has_unpriced:
        parts += f" UNION ALL SELECT sid, 0, false, false, true FROM {table}_unpriced"
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE {table} AS SELECT sid, sum(amount)::HUGEINT AS {table}_amount, "
        f"bool_or(has_line) AS {table}_some, bool_or(refused) AS {table}_refused, bool_or(unpriced) AS "
        f"{table}_unpriced "
        f"FROM ({parts}) GROUP BY sid"
    )
    found = connection.execute(
        f"SELECT coalesce(min({table}_amount), 0)::VARCHAR, coalesce(max({table}_amount), 0)::VARCHAR, "
        f"coalesce(bool_or({table}_refused), false), (SELECT coalesce(min(amount), 0) < 0 FROM {table}_priced) "
        f"FROM {table}"
    ).fetchone()
    assert found is not None, "a query of aggregates has a row"
    low, high = min(int(found[0]), 0), max(int(found[1]), 0)
    return Bundle(
        charge=0,
        amount=literal(0) if low == high else Integer(f"coalesce({table}_amount, 0::HUGEINT)", low, high),
        present=Truth(f"coalesce({table}_some, false)"),
        unpriced=Truth(f"coalesce({table}_unpriced, false)") if has_unpriced else FALSE,
        refused=Truth(f"coalesce({table}_refused, false)") if found[2] else FALSE,
        signed=bool(found[3]),
        room=room,
    )
