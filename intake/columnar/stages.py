"""The stages of a run: what plans ask of usage, filling it, and pricing; over one relation of valid usage."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from ...engine.batch.buckets import Bucket
from ...engine.batch.columns import columns_of
from ...engine.batch.facts import AttributeColumn
from ...engine.batch.metering import Usage
from ...engine.batch.periods import reach_of
from ...engine.batch.simple import Aggregate, is_simple
from ...engine.period import DateRange, Period
from ...engine.plan import Program
from ...engine.usage import AccountUsage, Subscription
from ...records import Record
from .cards import Held, make_cards
from .each_events import AskedEach, read_each
from .history import Asked, read_history
from .open_lines import AskedBundles, read_open
from .pricing import Family, attribute_columns, plan_families, price
from .results import fill
from .scalar_road import Answered, rated_one_by_one
from .scan import Scanned, scan
from .special import read_special
from .statements import Statements, make_statements
from .turns import Rows

if TYPE_CHECKING:
    import duckdb

    from .run import Columnar


class Source(Record):
    """A relation of valid usage: a table or a query in brackets, the types of its columns, the fields that have one,
    and whether there are metered quantities among the rows. `sums` as in `Usage`. `rows` is about how many rows there
    are, where files say it.
    """

    relation: str
    types: Mapping[str, str]
    fields: Sequence[str]
    has_quantities: bool = False
    sums: Mapping[Bucket, Aggregate] | None = None
    rows: int | None = None


class Prepared(Record):
    """What is known before usage is read: who is rated, in which families, and what they ask of usage."""

    statements: Statements
    usage: Usage
    attributes: Mapping[str, AttributeColumn]
    held: Held
    families: tuple[Family, ...]
    buckets: tuple[Bucket, ...]


def prepare(run: Columnar, source: Source, period: DateRange) -> Prepared:
    """Work out the statements of the table `subscription` and what their plans ask of usage."""
    program, connection = run.program, run.connection
    statements = make_statements(connection, program, period, source.types["account"])
    common = statements.members[0].situation.covered if statements.common is not None else None
    usage = _usage(program, source, reach_of(program, statements.members, period), common)
    attributes = attribute_columns(connection, program)
    held = make_cards(connection, program)
    planned, buckets = plan_families(program, statements.members, attributes, held.columns)
    connection.execute("CREATE OR REPLACE TEMP TABLE scalar_statement (sid INTEGER, reason VARCHAR)")
    return Prepared(statements, usage, attributes, held, planned, buckets)


def meter(run: Columnar, source: Source, prepared: Prepared, *, looks_for_odd: bool) -> Scanned:
    """Fill what the plans ask of usage."""
    program, connection, buckets = run.program, run.connection, prepared.buckets
    if source.has_quantities and prepared.statements.common is None:
        _leave_undated(connection, source.relation)
    meters = {bucket: program.meters[bucket.meter] for bucket in buckets}
    others = [bucket for bucket, own in meters.items() if not is_simple(own, prepared.usage.events[own.event])]
    specials = read_special(connection, program, prepared.usage, source.relation, source.types, others)
    return scan(
        connection,
        program,
        prepared.usage,
        source.relation,
        buckets,
        prepared.statements.common,
        specials,
        looks_for_odd=looks_for_odd,
        rows=source.rows,
    )


def finish(
    run: Columnar,
    source: Source,
    prepared: Prepared,
    scanned: Scanned,
    period: DateRange,
    beyond: Mapping[int, Subscription],
    more: Mapping[str, AccountUsage],
) -> None:
    """Price everything and fill the tables of statements.

    `beyond` are subscriptions and `more` is usage that no column holds: their accounts take the scalar road.
    """
    program, connection, usage, relation = run.program, run.connection, prepared.usage, source.relation
    families = prepared.families
    asked = [Asked(family.number, family.members, family.history) for family in families if family.history]
    history = read_history(connection, program, usage, relation, asked) if asked else {}
    events = [AskedEach(family.number, family.members, family.each) for family in families if family.each]
    each = read_each(connection, program, usage, relation, source.types, events)
    wanted = [AskedBundles(family.number, family.members, family.bundles) for family in families if family.bundles]
    opened = read_open(connection, program, usage, relation, source.types, prepared.statements.common, wanted)
    run.source, run.period, run.beyond, run.more = source, period, beyond, more
    rows = Rows(relation, source.types, usage)
    priced = price(
        connection,
        program,
        families,
        scanned.metered,
        history,
        each,
        opened,
        prepared.attributes,
        prepared.held,
        rows,
    )
    _leave_beyond(connection, beyond, more)
    run.scalar = _reasons(connection, prepared.statements)
    lone = (
        "SELECT account FROM statement JOIN scalar_statement USING (sid) UNION ALL SELECT account FROM subscription "
        "JOIN subscription_kind USING (sub) JOIN kind USING (kind) WHERE unfit IS NOT NULL"
    )
    if prepared.held.rounds > 1:
        _leave_card_sharers(connection, lone)
    answered: Iterator[Answered] = iter(())
    if run.scalar and source.sums is not None:
        run.left = _leave_for_events(connection, lone)
    elif run.scalar:
        answered = rated_one_by_one(connection, program, relation, period, beyond, lone, more)
    results = fill(connection, prepared.statements, priced, answered)
    run.idle, run.idle_with_days = _idle(connection, period, prepared.statements.subscriptions)
    run.total, run.accounts, run.refusals = results.total, results.accounts, results.refusals


def _idle(connection: duckdb.DuckDBPyConnection, period: DateRange, rated: int) -> tuple[int, bool]:
    """How many subscriptions have no statement, beside so many that do, and whether some have days in the period."""
    every = connection.execute("SELECT count(*) FROM subscription").fetchone()
    if every == (rated,):
        return 0, False
    days = f"start < DATE '{period.end}' AND (\"end\" IS NULL OR DATE '{period.start}' < \"end\")"
    found = connection.execute(
        f"SELECT count(*), coalesce(bool_or({days}), false) FROM subscription WHERE sub NOT IN (SELECT sub FROM "
        "statement)"
    ).fetchone()
    return (int(found[0]), bool(found[1])) if found is not None else (0, False)


def _leave_undated(connection: duckdb.DuckDBPyConnection, relation: str) -> None:
    """Leave accounts to the scalar evaluator that have quantities without a time and several statements."""
    connection.execute(
        "INSERT INTO scalar_statement SELECT sid, 'quantities without a time and several billing periods' FROM "
        "statement "
        "WHERE account IN (SELECT account FROM statement GROUP BY account HAVING count(*) > 1) AND account_key IN "
        f"(SELECT account FROM {relation} WHERE time IS NULL)"
    )


def _leave_beyond(
    connection: duckdb.DuckDBPyConnection, beyond: Mapping[int, Subscription], more: Mapping[str, AccountUsage]
) -> None:
    """Leave accounts to the scalar evaluator whose attributes or usage no column holds."""
    wide = "numbers that no column holds"
    for column, type_, values in (("sub", "INTEGER", list(beyond)), ("account", "VARCHAR", list(more))):
        if values:
            connection.execute(
                f"INSERT INTO scalar_statement SELECT sid, ? FROM statement WHERE {column} IN (SELECT "
                f"unnest(?::{type_}[]))",
                [wide, values],
            )


def _leave_card_sharers(connection: duckdb.DuckDBPyConnection, lone: str) -> None:
    """Leave every statement of an account to the scalar evaluator where one is and cards are carried along.

    What one statement takes off a card is gone for the next, whoever rates it.
    """
    connection.execute(
        f"INSERT INTO scalar_statement SELECT sid, NULL FROM statement WHERE account IN ({lone}) AND account IN "
        "(SELECT account FROM card_part JOIN statement USING (sid)) AND sid NOT IN (SELECT sid FROM scalar_statement)"
    )


def _leave_for_events(connection: duckdb.DuckDBPyConnection, lone: str) -> tuple[str, ...]:
    """Take accounts, with all their statements, out of the result; their names."""
    found = connection.execute(f"SELECT DISTINCT account FROM ({lone}) ORDER BY account").fetchall()
    accounts = tuple(account for (account,) in found)
    connection.execute(
        "INSERT INTO scalar_statement SELECT sid, NULL FROM statement WHERE account IN (SELECT unnest(?::VARCHAR[]))",
        [list(accounts)],
    )
    return accounts


def _reasons(connection: duckdb.DuckDBPyConnection, statements: Statements) -> Mapping[str, int]:
    found = connection.execute(
        "SELECT reason, count(DISTINCT account) FROM scalar_statement JOIN statement USING (sid) GROUP BY "
        "reason ORDER BY reason"
    ).fetchall()
    return {**dict(found), **statements.unfit}


def _usage(program: Program, source: Source, reach: Period, common: Period | None) -> Usage:
    """The columns of usage as metering sees them."""
    zone = ZoneInfo(program.zone)
    digits = {name: _digits(source.types[f"f_{name}"]) for name in source.fields}
    events = {event.name: columns_of(event, "", digits) for event in program.schema.events.values()}
    scale = _digits(source.types["quantity"])[1] if source.has_quantities else None
    return Usage(events, reach, zone, scale, common, source.sums)


def _digits(type_: str) -> tuple[int, int]:
    """The digits before and after the point that a type of numbers has."""
    if not type_.startswith("DECIMAL"):
        return 38, 0
    width, scale = type_[8:-1].split(",")
    return int(width) - int(scale), int(scale)
