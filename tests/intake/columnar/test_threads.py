"""How many threads work, and which groups stand in an array."""

from __future__ import annotations

import duckdb
import pytest

from ratebook.intake.columnar.threads import array_of_groups, one_thread
from ratebook.intake.parquet import connect


def setting(connection: duckdb.DuckDBPyConnection, name: str) -> int:
    return int(connection.execute(f"SELECT current_setting('{name}')").fetchall()[0][0])


def test_one_thread_is_for_a_while_only() -> None:
    connection = connect()
    connection.execute("SET threads = 3")
    with pytest.raises(KeyError), one_thread(connection), one_thread(connection):
        assert setting(connection, "threads") == 1
        raise KeyError
    assert setting(connection, "threads") == 3


@pytest.mark.parametrize(
    ("rows", "aggregates", "threads", "bits"),
    [(None, 4, 2, 12), (10_000, 4, 2, 12), (1_000_000, 4, 2, 16), (10**9, 4, 2, 20), (10**9, 4, 16, 17)],
)
def test_an_array_is_as_large_as_rows_and_memory_allow(
    rows: int | None, aggregates: int, threads: int, bits: int
) -> None:
    connection = connect()
    connection.execute(f"SET threads = {threads}")
    with pytest.raises(KeyError), array_of_groups(connection, rows, aggregates):
        assert setting(connection, "perfect_ht_threshold") == bits
        raise KeyError
    assert setting(connection, "perfect_ht_threshold") == 12


def test_sums_in_an_array_are_those_of_other_groups() -> None:
    connection = connect()
    connection.execute(
        "CREATE TABLE used AS SELECT (n * 7919 % 50_021)::INTEGER AS account, (n % 3)::TINYINT AS slot, "
        "n::DECIMAL(18, 6) AS size FROM range(1_000_000) AS own(n)"
    )
    query = (
        "SELECT account, count(*) AS n, sum(size) FILTER (slot = 0) AS b0, sum(size) FILTER (slot = 2) AS b1 FROM used "
        "GROUP BY account ORDER BY account"
    )
    plan = f"EXPLAIN {query}"
    expected = connection.execute(query).fetchall()
    assert "PERFECT" not in str(connection.execute(plan).fetchall()).upper()
    with array_of_groups(connection, 1_000_000, 3):
        assert "PERFECT" in str(connection.execute(plan).fetchall()).upper()
        assert connection.execute(query).fetchall() == expected
