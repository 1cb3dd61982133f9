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
from ...engine.batch.quoting import text_literal
from ...engine.period import DateRange, local_day
from ...engine.plan import Program
from ...engine.statement import Statement
from ...engine.usage import AccountUsage, Subscription
from ...records import Record
from ..parquet import connect
from ..rejects import Reject
from ..statements import StatementFormat
from .accounts import choose_account, load_accounts
from .checks import Checked, check_rows, count_unsubscribed
from .failures import interrupted_by_hand, told_of_no_room
from .odd_rows import SettledUsage, settle
from .read_back import statements_of
from .spilling import spilling
from .stages import Source, finish, meter, prepare
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
    if asked.skip_bad_rows and loaded.rejects:
        # Usage of an account whose own row is wrong has no account then.
        connection.execute("CREATE OR REPLACE TEMP TABLE account_name AS SELECT DISTINCT account FROM subscription")
    if asked.account is not None:
        choose_account(connection, asked.account)
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
        return Source(f"({rows.sql})", rows.types, rows.fields, has_quantities=metered, rows=rows.rows)
    has_quantities = metered or settled.odd > 0
    return Source(f"({settled.sql})", settled.types, rows.fields, has_quantities=has_quantities, rows=rows.rows)


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
