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
from ...engine.period import DateRange
from ...engine.plan import Program
from ..parquet import connect
from ..rejects import Reject
from .accounts import load_accounts
from .cards import make_cards
from .history import Asked, read_history
from .pricing import attribute_columns, plan_families, price
from .scan import scan
from .statements import make_statements
from .usage import UsageRelation, usage_relation

if TYPE_CHECKING:
    import duckdb


@dataclass(slots=True)
class Columnar:
    """A run: counts of rows as in `UsageIntake`, what went the scalar road and why, and what was refused."""

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
    lines: str | None = None
    totals: str | None = None
    infos: tuple = ()


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
        _rate(run, usage, accounts, period)
        yield run
    finally:
        connection.close()


def _rate(run: Columnar, paths: Sequence[str | Path], accounts: str | Path, period: DateRange) -> None:
    program, connection = run.program, run.connection
    loaded = load_accounts(connection, accounts, program.schema)
    rows = usage_relation(connection, paths, program.schema)
    relation = f"({rows.sql})"
    usage = _usage(program, rows, period)
    statements = make_statements(connection, program, period, rows.types["account"])
    attributes = attribute_columns(connection, program)
    held = make_cards(connection, program)
    planned, buckets = plan_families(program, statements.members, attributes, held.columns)
    scanned = scan(connection, program, usage, relation, buckets, statements.common)
    asked = [Asked(family.number, family.members, family.history) for family in planned if family.history]
    history = read_history(connection, program, usage, relation, asked) if asked else {}
    priced = price(connection, program, planned, scanned.metered, history, attributes, held)
    run.accounts = loaded.count
    run.lines = priced.lines
    run.totals = priced.totals
    run.infos = priced.infos


def _usage(program: Program, rows: UsageRelation, period: DateRange) -> Usage:
    """The columns of usage as metering sees them."""
    zone = ZoneInfo(program.zone)
    digits = {field: _digits(rows.types[f"f_{field}"]) for field in rows.fields}
    events = {event.name: columns_of(event, "", digits) for event in program.schema.events.values()}
    scale = _digits(rows.types["quantity"])[1] if "quantity" in rows.types else None
    return Usage(events, period.period(zone), zone, scale)


def _digits(type_: str) -> tuple[int, int]:
    """The digits before and after the point that a type of numbers has."""
    if not type_.startswith("DECIMAL"):
        return 38, 0
    width, scale = type_[8:-1].split(",")
    return int(width) - int(scale), int(scale)
