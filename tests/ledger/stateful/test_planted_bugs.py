"""The stateful test sees bugs: each is planted into the ledger, and the same machine has to fail over it.

The machine runs on two SQLite databases from which every guard was taken (checks, unique indexes, triggers), so that
what is seen is seen by the machine. A bug of the rules is in both of them, and only the model and the invariants know
better; a bug of a database is in one. The draws are the same each time, but for numbers that Hypothesis takes from
whatever modules are loaded: so there is room for many more sequences than are needed.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from ratebook.ledger import posting, sqlite, transaction
from ratebook.ledger.refusals import Refusal
from ratebook.ledger.requests import Posted, Refused
from ratebook.ledger.sqlite import SqliteConnection, SqliteSession, sqlite3
from ratebook.ledger.transaction import LedgerTransaction, Log
from ratebook.tests.ledger.stateful.machine import BothStores

SEQUENCES = 200
"""Most bugs are seen in less than ten; those about closed accounts and forgotten legs took up to fifty."""
STEPS = 60
Plant = Callable[[pytest.MonkeyPatch], None]


def _without(refusal: Refusal, name: str) -> Plant:
    """A rule of `posting` that lets through what it should refuse for this reason."""

    def plant(patch: pytest.MonkeyPatch) -> None:
        rule: Callable[..., Refused | None] = getattr(posting, name)

        def lenient(*known: Any) -> Refused | None:
            found = rule(*known)
            return None if found is not None and found.refusal is refusal else found

        patch.setattr(posting, name, lenient)

    return plant


def _overdraft_by_one(patch: pytest.MonkeyPatch) -> None:
    rule = posting._refuse

    def lenient(move: posting.Move, accounts: Any) -> Refused | None:
        lower = {
            number: replace(state, floor=None if state.floor is None else state.floor - 1)
            for number, state in accounts.items()
        }
        return rule(move, lower)

    patch.setattr(posting, "_refuse", lenient)


def _accounts_pay_themselves(patch: pytest.MonkeyPatch) -> None:
    rule = posting._refuse

    def lenient(move: posting.Move, accounts: Any) -> Refused | None:
        return None if move.debit == move.credit and move.debit in accounts else rule(move, accounts)

    patch.setattr(posting, "_refuse", lenient)


def _holds_never_end(patch: pytest.MonkeyPatch) -> None:
    """A hold that was posted, voided or expired can be so again."""
    rule = posting._resolution
    patch.setattr(
        posting,
        "_resolution",
        lambda leg, hold, effective: rule(leg, replace(hold, resolved=False), effective),
    )


def _holds_expire_a_moment_later(patch: pytest.MonkeyPatch) -> None:
    rule = posting._resolution
    patch.setattr(posting, "_resolution", lambda leg, hold, effective: rule(leg, hold, effective - 1))


def _another_body_is_answered(patch: pytest.MonkeyPatch) -> None:
    rule = posting._again
    patch.setattr(posting, "_again", lambda before, body: rule(before, before.fingerprint))


def _half_of_a_group_stays(patch: pytest.MonkeyPatch) -> None:
    """The rows of a refused group are gone, and what it did to the accounts is not."""
    patch.setattr(posting._Before, "restore", lambda before: None)


def _forgets(kind: type[Posted | Refused]) -> Plant:
    """A store that forgets the keys of what it posted, or refused."""

    def plant(patch: pytest.MonkeyPatch) -> None:
        remembered = LedgerTransaction._remembered

        def forgetful(own: LedgerTransaction, keys: Sequence[str]) -> dict[str, posting.Remembered]:
            found = remembered(own, keys)
            return {key: one for key, one in found.items() if not isinstance(one.outcome, kind)}

        patch.setattr(LedgerTransaction, "_remembered", forgetful)

    return plant


def _a_leaf_without_its_last_field(patch: pytest.MonkeyPatch) -> None:
    leaf = transaction.leaf
    patch.setattr(transaction, "leaf", lambda head, fields: leaf(head, fields[:-1]))


def _a_tree_in_another_order(patch: pytest.MonkeyPatch) -> None:
    append = transaction.Frontier.append
    seal = Log.seal

    def reversed_(log: Log, table: Any, rows: Any) -> Any:
        before = log.frontier
        whole = seal(log, table, rows)
        log.frontier = append(before, [row[-1] for row in reversed(whole)])  # type: ignore[misc]
        return whole

    patch.setattr(Log, "seal", reversed_)


def _what_failed_stays(patch: pytest.MonkeyPatch) -> None:
    """A work that raises is not undone."""
    patch.setattr(SqliteSession, "undo", SqliteSession.release)


class _LosesHolds(SqliteConnection):
    """A database in whose balances nothing is ever put aside."""

    def update_balances(self, rows: Sequence[tuple[int, int, int, int]]) -> None:
        super().update_balances([(credited, debited, 0, account) for credited, debited, _, account in rows])


class _ForgetsALeg(SqliteConnection):
    """A database that leaves out the last leg where it is asked what a key was answered."""

    def chosen(self, sql: str, values: Sequence[int] | Sequence[str]) -> list[tuple[Any, ...]]:
        found = super().chosen(sql, values)
        return found[:-1] if "FROM refusals" in sql and len(found) > 1 else found


class _WritesInAnotherCase(SqliteConnection):
    """A database that does not give texts back as they were written."""

    def insert(self, table: Any, rows: Sequence[Any]) -> None:
        super().insert(
            table,
            [tuple(one.replace("reserve", "Reserve") if type(one) is str else one for one in row) for row in rows],
        )


def _in_one(odd: type[SqliteConnection]) -> Plant:
    """Makes the second of the two databases such a one."""

    def plant(patch: pytest.MonkeyPatch) -> None:
        begin = SqliteSession.__init__

        def begun(own: SqliteSession, path: Path, folder: Path | None = None) -> None:
            begin(own, path, folder)
            if path.name.startswith(SECOND):
                own._connection = odd(own._raw)

        patch.setattr(SqliteSession, "__init__", begun)

    return plant


SECOND = "second"
BUGS: dict[str, Plant] = {
    "an overdraft by one": _overdraft_by_one,
    "any overdraft": _without(Refusal.INSUFFICIENT_FUNDS, "_refuse"),
    "currencies are not compared": _without(Refusal.CURRENCY_DIFFERS, "_refuse"),
    "closed accounts pay": _without(Refusal.ACCOUNT_CLOSED, "_refuse"),
    "accounts pay themselves": _accounts_pay_themselves,
    "a hold resolved twice": _holds_never_end,
    "a hold posted a moment after it expired": _holds_expire_a_moment_later,
    "a reversal over the amount": _without(Refusal.REVERSAL_EXCEEDED, "_refuse_reversal"),
    "a reversal of a reversal": _without(Refusal.NOT_REVERSIBLE, "_refuse_reversal"),
    "half of a group stays": _half_of_a_group_stays,
    "a key answers another body": _another_body_is_answered,
    "keys of what was posted are forgotten": _forgets(Posted),
    "keys of what was refused are forgotten": _forgets(Refused),
    "a leaf without its last field": _a_leaf_without_its_last_field,
    "a tree in another order": _a_tree_in_another_order,
    "what failed stays": _what_failed_stays,
    "one database loses holds": _in_one(_LosesHolds),
    "one database forgets a leg": _in_one(_ForgetsALeg),
    "one database writes another text": _in_one(_WritesInAnotherCase),
}


@pytest.fixture
def two_unguarded(new_sqlite: Callable[[], str], monkeypatch: pytest.MonkeyPatch) -> Callable[[], tuple[str, str]]:
    """Two new databases for each sequence, in which nothing but the program holds the rules."""
    empty = Path(new_sqlite())
    raw = sqlite3.connect(empty, isolation_level=None)
    for kind, name in raw.execute(
        "SELECT type, name FROM sqlite_master WHERE type = 'trigger' OR name LIKE '%_unique_%' ORDER BY type DESC"
    ).fetchall():
        raw.execute(f"DROP {kind} {name}")
    raw.close()
    writing = sqlite._writing

    def unguarded(path: Path) -> sqlite3.Connection:
        connection = writing(path)
        connection.execute("PRAGMA ignore_check_constraints = ON")
        return connection

    monkeypatch.setattr(sqlite, "_writing", unguarded)

    def make() -> tuple[str, str]:
        made = tuple(empty.with_name(f"{name}-{next(numbers)}.db") for name in ("first", SECOND))
        for path in made:
            shutil.copy(empty, path)
        first, second = map(str, made)
        return first, second

    numbers = count()
    return make


def _run(databases: Callable[[], tuple[str, str]], sequences: int) -> None:
    class Machine(BothStores):
        """The machine on two databases without guards."""

        steps_max = STEPS

    Machine.databases = staticmethod(databases)
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Machine,
        settings=settings(
            max_examples=sequences,
            stateful_step_count=STEPS,
            phases=[Phase.generate],
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_nothing_is_seen_where_nothing_was_planted(two_unguarded: Callable[[], tuple[str, str]]) -> None:
    _run(two_unguarded, 12)


@pytest.mark.parametrize("bug", BUGS)
def test_a_planted_bug_is_seen(
    bug: str, two_unguarded: Callable[[], tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    BUGS[bug](monkeypatch)
    with pytest.raises(AssertionError) as seen:
        _run(two_unguarded, SEQUENCES)
    assert Path(seen.traceback[-1].path).name in ("machine.py", "watched.py")
