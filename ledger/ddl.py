"""Tables as statements of SQLite and of PostgreSQL: the same columns, guards and append-only rule in both.

Append-only is held by triggers. In SQLite `INSERT OR REPLACE` deletes the row in its way without firing a trigger
for DELETE, so that an insert is refused too where it would meet an earlier row.
"""

from __future__ import annotations

import enum
import re

from .tables import Column, ColumnType, Table, Unique


class Dialect(enum.Enum):
    """The databases that are spoken to."""

    SQLITE = "sqlite"
    POSTGRESQL = "postgresql"


TYPES = {
    Dialect.SQLITE: {ColumnType.INTEGER: "INTEGER", ColumnType.TEXT: "TEXT", ColumnType.BYTES: "BLOB"},
    Dialect.POSTGRESQL: {ColumnType.INTEGER: "BIGINT", ColumnType.TEXT: 'TEXT COLLATE "C"', ColumnType.BYTES: "BYTEA"},
}
"""Texts are compared by their bytes in both, whatever language a server was set up for."""


def create_table(table: Table, dialect: Dialect) -> list[str]:
    """The statements that make a table, its indexes and its triggers."""
    parts = [_column(column, table, dialect) for column in table.all_columns]
    if table.key:
        parts.append(f"PRIMARY KEY ({', '.join(table.key)})")
    parts.extend(f"CHECK ({check})" for check in table.checks)
    end = " STRICT" if dialect is Dialect.SQLITE else ""
    statements = [f"CREATE TABLE {table.name} ({', '.join(parts)}){end}"]
    for number, unique in enumerate(table.unique, start=1):
        where = f" WHERE {unique.where}" if unique.where else ""
        name = f"{table.name}_unique_{number}"
        statements.append(f"CREATE UNIQUE INDEX {name} ON {table.name} ({', '.join(unique.columns)}){where}")
    for number, columns in enumerate(table.indexes, start=1):
        statements.append(f"CREATE INDEX {table.name}_by_{number} ON {table.name} ({', '.join(columns)})")
    if table.append_only:
        statements.extend(_append_only(table, dialect))
    return statements


def _column(column: Column, table: Table, dialect: Dialect) -> str:
    parts = [column.name, TYPES[dialect][column.type]]
    if table.append_only and column.name == "id":
        parts.append("PRIMARY KEY")
    if not column.nullable:
        parts.append("NOT NULL")
    if column.check:
        parts.append(f"CHECK ({column.check})")
    return " ".join(parts)


def _append_only(table: Table, dialect: Dialect) -> list[str]:
    if dialect is Dialect.POSTGRESQL:
        return [
            (
                f"CREATE TRIGGER {table.name}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table.name} "
                "FOR EACH STATEMENT EXECUTE FUNCTION ratebook_append_only()"
            )
        ]
    refuse = f"SELECT RAISE(ABORT, '{table.name} only grows')"
    statements = [
        f"CREATE TRIGGER {table.name}_no_{verb.lower()} BEFORE {verb} ON {table.name} BEGIN {refuse}; END"
        for verb in ("UPDATE", "DELETE")
    ]
    for number, unique in enumerate((Unique(("id",)), *table.unique)):
        same = " AND ".join(f"{column} = NEW.{column}" for column in unique.columns)
        met = f"EXISTS (SELECT 1 FROM {table.name} WHERE {same})"
        if unique.where:
            met = f"EXISTS (SELECT 1 FROM {table.name} WHERE {same} AND {unique.where})"
            met = f"{_of_new(unique.where, table)} AND {met}"
        statements.append(
            f"CREATE TRIGGER {table.name}_no_replace_{number} BEFORE INSERT ON {table.name} WHEN {met} "
            f"BEGIN {refuse}; END"
        )
    return statements


def _of_new(condition: str, table: Table) -> str:
    """A condition on the columns of a table as one on the row that comes; what stands in quotes stays as it is."""
    names = "|".join(column.name for column in table.all_columns)
    pieces = re.split(r"('[^']*')", condition)
    return "".join(piece if piece.startswith("'") else re.sub(rf"\b({names})\b", r"NEW.\1", piece) for piece in pieces)


POSTGRESQL_FUNCTION = (
    "CREATE OR REPLACE FUNCTION ratebook_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ "
    "BEGIN RAISE EXCEPTION '% only grows', TG_TABLE_NAME USING ERRCODE = 'restrict_violation'; END $$"
)
"""What PostgreSQL's triggers call; made before the first table."""
