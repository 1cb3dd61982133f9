"""The checks after a fault see what is wrong: each is shown a ledger that was broken by hand in one way."""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from ratebook.ledger.requests import Posted, TransferId
from ratebook.ledger.store import open_store
from ratebook.tests.ledger.faults.checks import problems
from ratebook.tests.ledger.faults.workload import Stream, Told, prepare, write_batches

Broken = Callable[[sqlite3.Connection], None]


def _statements(*statements: str) -> Broken:
    def break_it(raw: sqlite3.Connection) -> None:
        triggers = raw.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for (name,) in triggers:
            raw.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            raw.execute(statement)

    return break_it


LAST = "(SELECT max(id) FROM transfers)"


def _written(database: Path, told: Told | None = None, name: str = "stream") -> Told:
    told = told or Told()
    store = open_store(str(database), create=True)
    stream = Stream(name, prepare(store), random.Random(5))

    def acknowledged(requests: list, outcomes: list) -> None:
        told.acknowledged.extend(zip(requests, outcomes, strict=True))

    assert write_batches(store, stream, told.sent.extend, acknowledged, batches=40) is None
    store.close()
    return told


def _looked_at(database: Path, told: Told) -> list[str]:
    store = open_store(str(database))
    try:
        return problems(store, told)
    finally:
        store.close()


def test_nothing_is_wrong_with_a_ledger_that_nobody_broke(tmp_path: Path) -> None:
    told = _written(tmp_path / "ledger.db")
    assert _looked_at(tmp_path / "ledger.db", told) == []


@pytest.mark.parametrize(
    ("broken", "kinds"),
    [
        (_statements(f"DELETE FROM transfers WHERE id = {LAST}"), {"chain", "sums", "lost"}),
        (_statements("DELETE FROM refusals WHERE id = (SELECT max(id) FROM refusals)"), {"chain", "lost"}),
        (_statements(f"UPDATE transfers SET amount = amount + 1 WHERE id = {LAST}"), {"chain", "sums"}),
        (_statements(f"UPDATE transfers SET reference = 'x' WHERE id = {LAST}"), {"chain"}),
        (_statements("UPDATE balances SET credits = credits + 1, debits = debits + 1"), {"sums"}),
        (_statements("UPDATE log_head SET size = size - 1"), {"chain"}),
        (_statements("UPDATE balances SET floor = NULL"), {"sums"}),
        (
            _statements(
                "INSERT INTO refusals SELECT (SELECT size + 1 FROM log_head), key, fingerprint, 'ACCOUNT_CLOSED', '', "
                f"0, leaf FROM transfers WHERE id = {LAST}"
            ),
            {"chain", "repeated"},
        ),
    ],
)
def test_what_was_broken_is_found(broken: Broken, kinds: set[str], tmp_path: Path) -> None:
    told = _written(tmp_path / "ledger.db")
    with sqlite3.connect(tmp_path / "ledger.db") as raw:
        broken(raw)
    raw.close()
    found = {one.split(":", 1)[0] for one in _looked_at(tmp_path / "ledger.db", told)}
    assert kinds <= found


def test_an_answer_that_nobody_wrote_down_is_found(tmp_path: Path) -> None:
    told = _written(tmp_path / "ledger.db")
    promised = replace(told.sent[0], key="promised")
    told.sent.append(promised)
    told.acknowledged.append((promised, Posted((TransferId(1_000),))))
    assert [one.split(":", 1)[0] for one in _looked_at(tmp_path / "ledger.db", told)] == ["lost"]


def test_an_earlier_state_is_found_by_what_was_acknowledged_since(tmp_path: Path) -> None:
    told = _written(tmp_path / "ledger.db")
    shutil.copy(tmp_path / "ledger.db", tmp_path / "earlier.db")
    _written(tmp_path / "ledger.db", told, "later")
    assert {one.split(":", 1)[0] for one in _looked_at(tmp_path / "earlier.db", told)} == {"lost"}


def test_half_of_a_group_is_found(tmp_path: Path) -> None:
    told = _written(tmp_path / "ledger.db")
    groups = [
        request for request, outcome in told.acknowledged if len(request.legs) > 1 and isinstance(outcome, Posted)
    ]
    with sqlite3.connect(tmp_path / "ledger.db") as raw:
        _statements(f"DELETE FROM transfers WHERE key = '{groups[0].key}' AND leg = 1")(raw)
    raw.close()
    assert any(one.startswith("partial") for one in _looked_at(tmp_path / "ledger.db", told))
