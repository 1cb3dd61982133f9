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

from ...diagnostics import Diagnostic
from ...engine.batch.metering import Usage
from ...engine.period import DateRange
from ...engine.plan import Program
from ..parquet import connect
from ..rejects import Reject
from .accounts import load_accounts
from .history import Asked, read_history
from .pricing import attribute_columns, plan_families, price
from .scan import scan
from .statements import make_statements

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
    relation, usage, account_type = _stand_in(connection, program, paths, period)
    statements = make_statements(connection, program, period, account_type)
    attributes = attribute_columns(connection, program)
    planned, buckets = plan_families(program, statements.members, attributes)
    scanned = scan(connection, program, usage, relation, buckets, statements.common)
    asked = [Asked(family.number, family.members, family.history) for family in planned if family.history]
    history = read_history(connection, program, usage, relation, asked) if asked else {}
    priced = price(connection, program, planned, scanned.metered, history, attributes)
    run.accounts = loaded.count
    run.lines = priced.lines
    run.totals = priced.totals
    run.infos = priced.infos


def _stand_in(connection, program, paths, period):
    from zoneinfo import ZoneInfo

    from ...engine.batch.columns import columns_of

    zone = ZoneInfo(program.zone)
    path = str(paths[0])
    types = {r[0]: r[1] for r in connection.execute(f"DESCRIBE SELECT * FROM read_parquet('{path}')").fetchall()}
    digits = {}
    fields = []
    for event in program.schema.events.values():
        for f in event.fields:
            if types.get(f.name, "").startswith("DECIMAL"):
                w, sc = types[f.name][8:-1].split(",")
                digits[f.name] = (int(w) - int(sc), int(sc))
            if f"{f.name} AS f_{f.name}" not in fields and f.name in types:
                fields.append(f"{f.name} AS f_{f.name}")
    rel = f"(SELECT account, event, time, {', '.join(fields)} FROM read_parquet('{path}'))"
    events = {e.name: columns_of(e, "", digits) for e in program.schema.events.values()}
    return rel, Usage(events, period.period(zone), zone), types["account"]
