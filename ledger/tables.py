"""The tables as data: one description for both databases, for the chain over their rows, and for whoever checks it.

An append-only table has `id`, which is the row's place in the one sequence of the database, and `leaf`, the hash of
all its other columns. Both are filled by the store. Other tables hold what follows from these and can be computed
anew: balances, counters.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass


class ColumnType(enum.Enum):
    """What a column holds: a whole number of 64 bits, a text, or bytes."""

    INTEGER = "integer"
    TEXT = "text"
    BYTES = "bytes"


@dataclass(frozen=True, slots=True)
class Column:
    """A column; `check` is a condition in SQL that both databases understand."""

    name: str
    type: ColumnType
    nullable: bool = False
    check: str = ""


@dataclass(frozen=True, slots=True)
class Unique:
    """Columns whose values occur once, among the rows for which `where` holds."""

    columns: tuple[str, ...]
    where: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A table. `columns` leave out `id` and `leaf` of append-only tables; `key` is the primary key of the others."""

    name: str
    columns: tuple[Column, ...]
    append_only: bool = True
    key: tuple[str, ...] = ()
    unique: tuple[Unique, ...] = ()
    indexes: tuple[tuple[str, ...], ...] = ()
    checks: tuple[str, ...] = ()

    def __hash__(self) -> int:
        # By all its fields it took 8 µs, for every row that is written alone.
        return hash(self.name)

    @property
    def all_columns(self) -> tuple[Column, ...]:
        """Every column in the order in which the table has them."""
        if not self.append_only:
            return self.columns
        return (Column("id", ColumnType.INTEGER), *self.columns, Column("leaf", ColumnType.BYTES))

    @property
    def hashed(self) -> tuple[str, ...]:
        """The names of the columns that a row's leaf covers, in order: the id and everything else but the leaf."""
        return ("id", *(column.name for column in self.columns))


def integer(name: str, *, nullable: bool = False, check: str = "") -> Column:
    """A column of whole numbers."""
    return Column(name, ColumnType.INTEGER, nullable, check)


def text(name: str, *, nullable: bool = False, check: str = "") -> Column:
    """A column of texts."""
    return Column(name, ColumnType.TEXT, nullable, check)


def binary(name: str, *, nullable: bool = False) -> Column:
    """A column of bytes."""
    return Column(name, ColumnType.BYTES, nullable)


def any_of(column: str, *words: str) -> str:
    """A check that a column has one of these words. SQLite builds a table for `IN` at every row, which took 9 µs."""
    return " OR ".join(f"{column} = '{word}'" for word in words)


ACCOUNTS = Table(
    "accounts",
    (text("name"), text("kind"), text("owner"), text("currency"), integer("opened")),
    unique=(Unique(("name",)),),
    indexes=(("owner",),),
)
"""Accounts of the ledger. `owner` is the customer's account, empty for the platform's own."""

TRANSFERS = Table(
    "transfers",
    (
        text("key"),
        integer("leg"),
        binary("fingerprint"),
        text("phase", check=any_of("phase", "plain", "hold", "post", "void", "expire")),
        integer("debit"),
        integer("credit"),
        integer("amount", check="amount > 0 AND amount <= 1000000000000000"),
        text("currency"),
        text("kind"),
        text("reference"),
        integer("effective"),
        integer("expires", nullable=True),
        integer("hold", nullable=True),
        integer("reverses", nullable=True),
        integer("reversed_from", nullable=True),
    ),
    unique=(
        Unique(("key", "leg")),
        Unique(("hold",), "hold IS NOT NULL"),
        Unique(("reverses", "reversed_from"), "reverses IS NOT NULL"),
    ),
    indexes=(("debit",), ("credit",)),
    checks=("debit <> credit", f"(hold IS NOT NULL) = ({any_of('phase', 'post', 'void', 'expire')})"),
)
"""One row a transfer, balanced by construction. A hold has one end, and each part of a transfer one reversal."""

REFUSALS = Table(
    "refusals",
    (text("key"), binary("fingerprint"), text("refusal"), text("detail"), integer("effective")),
    unique=(Unique(("key",)),),
)
"""Requests that were refused: the answer to their keys stays the same."""

TERMS = Table(
    "account_terms",
    (integer("account"), integer("floor", nullable=True), integer("closed"), integer("effective")),
    indexes=(("account",),),
)
"""What an account was allowed from then on: the latest row of an account counts."""

BALANCES = Table(
    "balances",
    (
        integer("account"),
        integer("credits", check="credits >= 0"),
        integer("debits", check="debits >= 0"),
        integer("held", check="held >= 0"),
        integer("floor", nullable=True),
        integer("closed", check="closed IN (0, 1)"),
    ),
    append_only=False,
    key=("account",),
    checks=("floor IS NULL OR credits - debits - held >= floor",),
)
"""What follows from transfers and terms, kept for speed; the last guard of every floor stands here."""

LOG_HEAD = Table(
    "log_head",
    (integer("one", check="one = 1"), integer("size"), binary("frontier")),
    append_only=False,
    key=("one",),
)
"""How many rows the sequence has, and the frontier of the Merkle tree over them. One row."""

LEDGER_TABLES = (ACCOUNTS, TRANSFERS, REFUSALS, TERMS, BALANCES, LOG_HEAD)
