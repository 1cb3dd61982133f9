"""Accounts on the driver, and their subscriptions as a frame beside which usage is rated."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from ...engine.usage import FactSchema, Subscription
from ..columnar.accounts import LoadedAccounts, load_accounts
from ..columnar.cells import name

if TYPE_CHECKING:
    import duckdb
    from pyspark.sql import DataFrame, SparkSession


@dataclass(frozen=True, slots=True)
class Subscriptions:
    """`types` are those of the table `subscription` and of the column `apart`. `beyond` is as in `LoadedAccounts`, by
    account and first day."""

    connection: duckdb.DuckDBPyConnection
    loaded: LoadedAccounts
    types: Mapping[str, str]
    beyond: Mapping[tuple[str, date], Subscription]

    def frame(self, session: SparkSession, apart: Sequence[str]) -> DataFrame:
        """A row per subscription: `account`, the others with `s_` before their names, and whether it is apart."""
        listed = ", ".join(
            f"{name(column)} AS {name('s_' + column)}"
            for column in self.types
            if column not in ("sub", "account", "apart")
        )
        self.connection.execute(
            "CREATE OR REPLACE TEMP TABLE apart AS SELECT unnest(?::VARCHAR[]) AS account", [list(apart)]
        )
        found = self.connection.sql(
            f"SELECT account, {listed}, account IN (SELECT account FROM apart) AS s_apart "
            "FROM subscription ORDER BY sub"
        )
        return session.createDataFrame(found.to_arrow_table())

    def names(self) -> list[str]:
        """Every account that has a subscription."""
        return [row[0] for row in self.connection.execute("SELECT DISTINCT account FROM subscription").fetchall()]


def load_subscriptions(
    session: SparkSession, connection: duckdb.DuckDBPyConnection, path: str | Path, schema: FactSchema
) -> Subscriptions:
    """Make the table `subscription` of an accounts file, which Spark fetches where it lies elsewhere."""
    if "://" in str(path) and not str(path).startswith("file://"):
        with tempfile.TemporaryDirectory(prefix="ratebook-") as folder:
            copy = Path(folder) / PurePosixPath(str(path)).name
            row = session.read.format("binaryFile").load(str(path)).select("content").head()
            copy.write_bytes(b"" if row is None else bytes(row[0]))
            loaded = load_accounts(connection, copy, schema)
    else:
        loaded = load_accounts(connection, str(path).removeprefix("file://"), schema)
    shape = connection.execute("DESCRIBE subscription").fetchall()
    types = {row[0]: "VARCHAR" if row[1].startswith("ENUM") else row[1] for row in shape}
    beyond = {(each.account, each.start): each for each in loaded.beyond.values()}
    return Subscriptions(connection, loaded, {**types, "apart": "BOOLEAN"}, beyond)
