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
from ...engine.period import DateRange, Period
from ...engine.plan import Program
from ..parquet import connect
from ..rejects import Reject
from .accounts import load_accounts
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
