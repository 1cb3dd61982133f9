"""Versions of the schema: numbered, forward only. A migration that has been released is never edited.

Each brings a database from the version before to its own, inside one transaction. The tables of a migration are
written as they were then: where one changes later, the earlier form stays here and `tables` has the present one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..diagnostics import Diagnostic
from .books import BOOK_TABLES
from .ddl import POSTGRESQL_FUNCTION, Dialect, create_table
from .tables import LEDGER_TABLES


@dataclass(frozen=True, slots=True)
class Migration:
    """A step: its number, what it is for, and its statements in a dialect."""

    number: int
    purpose: str
    statements: Callable[[Dialect], list[str]]


def _ledger(dialect: Dialect) -> list[str]:
    made = [POSTGRESQL_FUNCTION] if dialect is Dialect.POSTGRESQL else []
    for table in LEDGER_TABLES:
        made.extend(create_table(table, dialect))
    return made


def _books(dialect: Dialect) -> list[str]:
    return [statement for table in BOOK_TABLES for statement in create_table(table, dialect)]


MIGRATIONS: tuple[Migration, ...] = (
    Migration(1, "accounts, transfers, balances and the log over them", _ledger),
    Migration(2, "customers, rulesets, subscriptions, usage, invoices, payments, cards, watches", _books),
)

CREATE_VERSIONS = "CREATE TABLE IF NOT EXISTS schema_versions (number BIGINT PRIMARY KEY, purpose TEXT NOT NULL)"
READ_VERSION = "SELECT coalesce(max(number), 0) FROM schema_versions"
WRITE_VERSION = "INSERT INTO schema_versions (number, purpose) VALUES (?, ?)"
LATEST = MIGRATIONS[-1].number


def wrong_version(place: str, version: int) -> Diagnostic | None:
    """The finding that a database has another schema than this program; None where it has this one."""
    if version == LATEST:
        return None
    if version > LATEST:
        hint = "install the newer Ratebook that wrote it"
    else:
        hint = "`ratebook init --database …` brings it to this version; make a copy first"
    return Diagnostic(
        "RB7033", f"the database has schema {version}, this program needs {LATEST}", hints=(hint,), place=place
    )


def pending(version: int) -> tuple[Migration, ...]:
    """The migrations that a database of a version lacks."""
    return tuple(item for item in MIGRATIONS if item.number > version)
