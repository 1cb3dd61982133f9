"""A whole customer base in one go: files to statements through the columnar evaluator.

What cannot be a query is rated by the scalar evaluator in the same run, on the rows of just those accounts, and
counted by reason.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias
from zoneinfo import ZoneInfo

from ...diagnostics import Diagnostic, Severity
from ...engine.batch.buckets import Bucket
from ...engine.batch.columns import columns_of
from ...engine.batch.facts import AttributeColumn
from ...engine.batch.metering import Usage
from ...engine.batch.periods import reach_of
from ...engine.batch.quoting import text_literal
from ...engine.batch.simple import Aggregate, is_simple
from ...engine.period import DateRange, Period, local_day
from ...engine.plan import Program
from ...engine.statement import Statement
from ...engine.usage import AccountUsage, Subscription
from ...records import Record
from ..parquet import connect
from ..rejects import Reject
from ..statements import StatementFormat
from .accounts import load_accounts
from .cards import Held, make_cards
from .checks import Checked, check_rows, count_unsubscribed
from .each_events import AskedEach, read_each
from .failures import interrupted_by_hand, told_of_no_room
from .history import Asked, read_history
from .odd_rows import SettledUsage, settle
from .open_lines import AskedBundles, read_open
from .pricing import Family, attribute_columns, plan_families, price
from .read_back import statements_of
from .results import fill
from .scalar_road import Answered, rated_one_by_one
from .scan import Scanned, scan
from .special import read_special
from .spilling import spilling
from .statements import Statements, make_statements
from .turns import Rows
from .usage import UsageRelation, usage_relation
from .verify import Verified, verify
from .writing import write_columnar

if TYPE_CHECKING:
    import duckdb


@dataclass(slots=True)
class Columnar:
    """A run: counts of rows as in `UsageIntake`, what went the scalar road and why, and what was refused.

    `total` is the sum of all statements in money units; `scalar` counts accounts by reason.
    """

    program: Program
    connection: duckdb.DuckDBPyConnection
    read: int = 0
    counted: int = 0
    repeated: int = 0
    rejected: int = 0
    outside: int = 0
    unsubscribed: int = 0
    accounts: int = 0
    total: int = 0
    scalar: Mapping[str, int] = field(default_factory=dict)
    left: tuple[str, ...] = ()
    """Accounts without a result, for they need their events and the rows were sums."""
    refusals: tuple[Diagnostic, ...] = ()
    rejects: tuple[Reject, ...] = ()
    findings: tuple[Diagnostic, ...] = ()
    is_sound: bool = True

    subscriptions: int = 0
    source: Source | None = None
    period: DateRange | None = None
    idle: int = 0
    """Subscriptions without a statement."""
    idle_with_days: bool = False
    """Whether some of them have days in the period."""
    beyond: Mapping[int, Subscription] = field(default_factory=dict)
    more: Mapping[str, AccountUsage] = field(default_factory=dict)

    @property
    def kinds(self) -> list[tuple[str, date]]:
        """The plans of subscriptions and their first days, each pair once."""
        return self.connection.execute("SELECT DISTINCT plan, start FROM subscription").fetchall()

    def first_day(self) -> date | None:
        """The local day of the earliest usage."""
        assert self.source is not None, "a sound run has been rated"
        found = self.connection.execute(f"SELECT epoch_us(min(time)) FROM {self.source.relation}").fetchone()
        if found is None or found[0] is None:
            return None
        instant = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=found[0])
        return local_day(instant, ZoneInfo(self.program.zone))

    def account_names(self) -> list[str]:
        """The names of all accounts, in order."""
        found = self.connection.execute("SELECT account FROM account_name ORDER BY account").fetchall()
        return [row[0] for row in found]

    def verify(self, count: int, chooser: random.Random) -> Verified:
        """Rate so many accounts again by the scalar evaluator, chosen at random, and compare."""
        assert self.source is not None and self.period is not None, "a sound run has been rated"
        relation = self.source.relation
        return verify(self.connection, self.program, relation, self.period, self.beyond, self.more, count, chooser)

    def write(self, format_: StatementFormat, out: Path | None) -> tuple[Diagnostic, ...]:
        """Write all statements, whole or not at all; returns why that failed, or nothing."""
        return write_columnar(self.connection, self.program, format_, out)

    def statements(self) -> Iterator[Statement]:
        """The statements in the order of output, without derivations."""
        return statements_of(self.connection, self.program)


Watch: TypeAlias = Callable[[str, int | None, Callable[[], float]], AbstractContextManager[None]]
"""Is entered around a scan, with what it does, how many rows it reads (None where that is not known), and what tells
how many percent of them it has read.
"""


@contextmanager
def _unwatched(_label: str, _rows: int | None, _percent: Callable[[], float]) -> Iterator[None]:
    yield


@contextmanager
def rate_columnar(
    program: Program,
    usage: Sequence[str | Path],
    accounts: str | Path,
    period: DateRange,
    *,
    account: str | None = None,
    unique_ids: bool = False,
    skip_bad_rows: bool = False,
    watch: Watch | None = None,
) -> Iterator[Columnar]:
    """Rate usage against accounts; the result can be written while the context is open.

    Where rows or files are wrong, `is_sound` is false and nothing is rated: `rejects` and `findings` say what is
    wrong. Raises `NoRoomError` where memory and disks are too small. With `skip_bad_rows` rows that have mistakes are
    left out. `account` chooses one account; all rows are checked. `watch` hears how far a scan has come.
    """
    connection = connect()
    run = Columnar(program, connection)
    asked = _Asked(account, unique_ids, skip_bad_rows, watch or _unwatched)
    if watch is not None:
        # Only then does the engine reckon how far it is.
        connection.execute("SET enable_progress_bar = true; SET enable_progress_bar_print = false")
    with interrupted_by_hand(), spilling(connection):
        with told_of_no_room():
            _rate_files(run, usage, accounts, period, asked)
        yield run


class _Asked(Record):
    account: str | None
    unique_ids: bool
    skip_bad_rows: bool
    watch: Watch


def _rate_files(
    run: Columnar, paths: Sequence[str | Path], accounts: str | Path, period: DateRange, asked: _Asked
) -> None:
    program, connection = run.program, run.connection
    loaded = load_accounts(connection, accounts, program.schema)
    run.findings, run.rejects, run.rejected = loaded.findings, loaded.rejects, loaded.rejected
    if _has_errors(run.findings):
        run.is_sound = False
        return
    if asked.skip_bad_rows:
        # Usage of an account whose own row is wrong has no account then.
        connection.execute("CREATE OR REPLACE TEMP TABLE account_name AS SELECT DISTINCT account FROM subscription")
    if asked.account is not None:
        chosen = f"SELECT * FROM subscription WHERE account = {text_literal(asked.account)} ORDER BY sub"
        connection.execute(f"CREATE OR REPLACE TEMP TABLE subscription AS {chosen}")
    run.subscriptions = _count(connection, "SELECT count(*) FROM subscription")
    rows = usage_relation(connection, paths, program.schema)
    first = _repeats_settled(connection, rows, asked)
    source = _source(rows, first)
    prepared = prepare(run, source, period)
    with asked.watch("rating", rows.rows, lambda: connection.query_progress()):
        scanned = meter(run, source, prepared, looks_for_odd=not rows.is_proven)
    checked = check_rows(
        connection,
        source.relation,
        rows=rows.rows if first is None else None,
        matched=scanned.matched,
        common=prepared.statements.common,
        looks_for_odd=not rows.is_proven,
    )
    settled, counted = first, checked.rows
    if checked.odd or checked.unknown:
        settled = _odd_settled(connection, rows, checked, asked)
        source = _source(rows, settled)
    _take_note(run, rows, settled)
    run.is_sound = not _has_errors(run.findings) and (asked.skip_bad_rows or not run.rejects)
    if not run.is_sound:
        return
    if checked.odd or checked.unknown:
        prepared = prepare(run, source, period)
        scanned = meter(run, source, prepared, looks_for_odd=False)
        counted = _count(connection, f"SELECT count(*) FROM {source.relation}")
    if settled is not None:
        counted += sum(len(usage.events) + len(usage.quantities) for usage in settled.beyond.values())
    run.counted = counted
    run.read = counted + run.repeated + (rows.refused_rows if settled is None else settled.rejected)
    own = source.relation
    if asked.account is not None:
        own = f"(SELECT * FROM {own} WHERE CAST(account AS VARCHAR) = {text_literal(asked.account)})"
    is_whole = not source.has_quantities and asked.account is None and not (settled and settled.beyond)
    run.outside = (counted if is_whole else _count(connection, f"SELECT count(time) FROM {own}")) - scanned.dated
    if run.outside > 0:
        run.unsubscribed = count_unsubscribed(connection, own, period, ZoneInfo(program.zone))
        run.outside -= run.unsubscribed
    finish(run, source, prepared, scanned, period, loaded.beyond, {} if settled is None else settled.beyond)


def _repeats_settled(connection: duckdb.DuckDBPyConnection, rows: UsageRelation, asked: _Asked) -> SettledUsage | None:
    """Usage with each identity once, and with the files that only the Python reader reads; None where that is all of
    it.
    """
    has_ids = any(query.rows.scan.column("id") is not None for query in rows.queries)
    if not rows.left and (asked.unique_ids or not has_ids):
        return None
    return settle(connection, rows, has_odd_rows=False, unique_ids=asked.unique_ids)


def _odd_settled(
    connection: duckdb.DuckDBPyConnection, rows: UsageRelation, checked: Checked, asked: _Asked
) -> SettledUsage:
    """Usage without the rows that are wrong, which the Python reader has refused in its own words."""
    return settle(
        connection,
        rows,
        known_accounts={row[0] for row in connection.execute("SELECT account FROM account_name").fetchall()},
        unknown="SELECT account FROM unknown_key" if checked.unknown else None,
        has_odd_rows=checked.odd > 0,
        unique_ids=asked.unique_ids,
    )


def _source(rows: UsageRelation, settled: SettledUsage | None) -> Source:
    metered = any(query.rows.meters and query.rows.scan.column("meter") is not None for query in rows.queries)
    if settled is None:
        return Source(f"({rows.sql})", rows.types, rows.fields, has_quantities=metered)
    return Source(f"({settled.sql})", settled.types, rows.fields, has_quantities=metered or settled.odd > 0)


def _take_note(run: Columnar, rows: UsageRelation, settled: SettledUsage | None) -> None:
    """Note what was wrong with rows and files of usage."""
    if settled is None:
        run.findings, run.rejects = (*run.findings, *rows.findings), (*run.rejects, *rows.rejects)
        run.rejected += rows.refused_rows
        return
    run.findings, run.rejects = (*run.findings, *settled.findings), (*run.rejects, *settled.rejects)
    run.repeated = settled.repeated
    run.rejected += settled.rejected


def _count(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    found = connection.execute(query).fetchone()
    return int(found[0]) if found is not None else 0


def _has_errors(findings: Sequence[Diagnostic]) -> bool:
    return any(finding.severity is Severity.ERROR for finding in findings)


class Source(Record):
    """A relation of valid usage: a table or a query in brackets, the types of its columns, the fields that have one,
    and whether there are metered quantities among the rows. `sums` as in `Usage`.
    """

    relation: str
    types: Mapping[str, str]
    fields: Sequence[str]
    has_quantities: bool = False
    sums: Mapping[Bucket, Aggregate] | None = None


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
    results = fill(connection, prepared.statements.members, priced, answered)
    run.idle, run.idle_with_days = _idle(connection, period)
    run.total, run.accounts, run.refusals = results.total, results.accounts, results.refusals


def _idle(connection: duckdb.DuckDBPyConnection, period: DateRange) -> tuple[int, bool]:
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
