"""A whole customer base in one go: files to statements through the columnar evaluator.

What cannot be a query is rated by the scalar evaluator in the same run, on the rows of just those accounts, and counted by
reason.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from ...diagnostics import Diagnostic
from ...engine.batch.columns import columns_of
from ...engine.batch.metering import Usage
from ...engine.batch.periods import reach_of
from ...engine.batch.simple import is_simple
from ...engine.period import DateRange, Period
from ...engine.plan import Program
from ...engine.usage import Subscription
from ..parquet import connect
from ..rejects import Reject
from .accounts import load_accounts
from .cards import make_cards
from .each_events import AskedEach, read_each
from .history import Asked, read_history
from .pricing import attribute_columns, plan_families, price
from .results import fill
from .scalar_road import rated_one_by_one
from .scan import scan
from .special import read_special
from .statements import Statements, make_statements
from .usage import usage_relation

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
    refusals: tuple[Diagnostic, ...] = ()
    rejects: tuple[Reject, ...] = ()
    findings: tuple[Diagnostic, ...] = ()


@contextmanager
def rate_columnar(
    program: Program,
    usage: Sequence[str | Path],
    accounts: str | Path,
    period: DateRange,
    *,
    unique_ids: bool = False,
    skip_bad_rows: bool = False,
) -> Iterator[Columnar]:
    """Rate usage against accounts; the result can be written while the context is open."""
    connection = connect()
    try:
        run = Columnar(program, connection)
        loaded = load_accounts(connection, accounts, program.schema)
        rows = usage_relation(connection, usage, program.schema)
        metered = any(query.rows.meters and query.rows.scan.column("meter") is not None for query in rows.queries)
        source = Source(f"({rows.sql})", rows.types, rows.fields, has_quantities=metered)
        rate_relation(run, source, period, loaded.beyond)
        yield run
    finally:
        connection.close()


@dataclass(frozen=True, slots=True)
class Source:
    """A relation of valid usage: a table or a query in brackets, the types of its columns, the fields that have one, and
    whether there are metered quantities among the rows."""

    relation: str
    types: Mapping[str, str]
    fields: Sequence[str]
    has_quantities: bool = False


def rate_relation(run: Columnar, source: Source, period: DateRange, beyond: Mapping[int, Subscription]) -> None:
    """Rate the subscriptions of the table `subscription` on the rows of a relation, and fill the tables of statements."""
    program, connection, relation = run.program, run.connection, source.relation
    statements = make_statements(connection, program, period, source.types["account"])
    usage = _usage(program, source, reach_of(program, statements.members, period))
    attributes = attribute_columns(connection, program)
    held = make_cards(connection, program)
    planned, buckets = plan_families(program, statements.members, attributes, held.columns)
    connection.execute("CREATE OR REPLACE TEMP TABLE scalar_statement (sid INTEGER, reason VARCHAR)")
    others = [bucket for bucket in buckets if not is_simple(program.meters[bucket.meter])]
    specials = read_special(connection, program, usage, relation, source.types, others)
    scanned = scan(connection, program, usage, relation, buckets, statements.common, specials)
    asked = [Asked(family.number, family.members, family.history) for family in planned if family.history]
    history = read_history(connection, program, usage, relation, asked) if asked else {}
    events = [AskedEach(family.number, family.members, family.each) for family in planned if family.each]
    each = read_each(connection, program, usage, relation, source.types, events)
    priced = price(connection, program, planned, scanned.metered, history, each, attributes, held)
    _leave_whole_accounts(connection, beyond)
    run.scalar = _reasons(connection, statements)
    lone = (
        "SELECT account FROM statement JOIN scalar_statement USING (sid) UNION ALL SELECT account FROM subscription "
        "JOIN subscription_kind USING (sub) JOIN kind USING (kind) WHERE unfit IS NOT NULL"
    )
    answered = rated_one_by_one(connection, program, relation, period, beyond, lone) if run.scalar else iter(())
    results = fill(connection, statements.members, priced, answered)
    run.total, run.accounts, run.refusals = results.total, results.accounts, results.refusals


def _leave_whole_accounts(connection: duckdb.DuckDBPyConnection, beyond: Mapping[int, Subscription]) -> None:
    """Leave accounts to the scalar evaluator whose attributes no column holds, and all statements of accounts that an
    earlier query left."""
    if beyond:
        connection.execute(
            "INSERT INTO scalar_statement SELECT sid, ? FROM statement WHERE sub IN (SELECT unnest(?::INTEGER[]))",
            ["attributes of more than 38 digits", list(beyond)],
        )


def _reasons(connection: duckdb.DuckDBPyConnection, statements: Statements) -> Mapping[str, int]:
    found = connection.execute(
        "SELECT reason, count(DISTINCT account) FROM scalar_statement JOIN statement USING (sid) GROUP BY reason ORDER BY reason"
    ).fetchall()
    return {**dict(found), **statements.unfit}


def _usage(program: Program, source: Source, reach: Period) -> Usage:
    """The columns of usage as metering sees them."""
    zone = ZoneInfo(program.zone)
    digits = {name: _digits(source.types[f"f_{name}"]) for name in source.fields}
    events = {event.name: columns_of(event, "", digits) for event in program.schema.events.values()}
    scale = _digits(source.types["quantity"])[1] if source.has_quantities else None
    return Usage(events, reach, zone, scale)


def _digits(type_: str) -> tuple[int, int]:
    """The digits before and after the point that a type of numbers has."""
    if not type_.startswith("DECIMAL"):
        return 38, 0
    width, scale = type_[8:-1].split(",")
    return int(width) - int(scale), int(scale)
