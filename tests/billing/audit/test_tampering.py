"""Short forms of the tampering that `scripts/reliability tamper` does at length."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

from . import tampering

EVERYTHING = {
    "columns of rows of the log flipped",
    "columns of balances, open amounts, counters and the state flipped",
    "their rows deleted",
    "tails deleted",
    "tails deleted and the state set back",
    "rows swapped, hashes with them",
    "rows swapped, hashes left in place",
    "rows put in at the end",
    "rows put in between",
    "whole chains recomputed",
    "the database that nobody touched",
}


def database_at(name: str) -> str:
    """The address of a database on the server of the tests."""
    return os.environ["RATEBOOK_TEST_SERVER"].format(name=name)


def check(figures: tampering.Figures, rows: int) -> None:
    assert figures.missed == []
    assert figures.rows == rows
    assert set(figures.tried) == EVERYTHING


def test_everything_is_found_on_sqlite(tmp_path: Path) -> None:
    asked = tampering.Asked(rows=40, seed=1, times=3, kept=3)
    check(tampering.run(str(tmp_path / "ledger.db"), asked), 40)


def test_everything_is_found_on_postgresql() -> None:
    import psycopg

    name = f"ratebook_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(database_at("postgres"), autocommit=True) as server:
        try:
            url = database_at(name)
            asked = tampering.Asked(rows=40, seed=2, times=1, kept=1, together=20)
            check(tampering.run(url, asked), 40)
        finally:
            server.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'.encode())
