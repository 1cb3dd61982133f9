"""Subscriptions into statements to rate: who has which billing periods, in tables of the engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING

from ...engine.batch.family import Member
from ...engine.batch.periods import Alike, Rated, choosing_attributes, members_of
from ...engine.period import DateRange
from ...engine.plan import Program
from ...records import Record
from .cells import name
from .staged_lines import order_kept
from .tables import insert

if TYPE_CHECKING:
    import duckdb


class Statements(Record):
    """What stands in the tables `kind`, `member` and `statement`.

    `count` statements are those of so many `accounts` and `subscriptions`. `unfit` counts subscriptions that only the
    scalar evaluator can answer, by reason. `common` is the covered period of all statements in microseconds since 1970,
    where it is one and no account has two of them.
    """

    members: tuple[Member, ...]
    count: int
    accounts: int
    subscriptions: int
    unfit: Mapping[str, int]
    common: tuple[int, int] | None


def make_statements(
    connection: duckdb.DuckDBPyConnection, program: Program, period: DateRange, account_type: str
) -> Statements:
    """Make the table `statement`: one row per statement to rate, `sid` in the order of output.

    `account_type` is the type of the account column of usage: `account_key` is the account in it, NULL where none can
    be written so.
    """
    chosen = choosing_attributes(program)
    attributes = "".join(f", {name('a_' + each)}" for each in chosen)
    rows = connection.execute(
        f'SELECT DISTINCT plan, start, "end"{attributes} FROM subscription ORDER BY ALL'
    ).fetchall()
    kinds = [Alike(row[0], row[1], row[2], tuple(zip(chosen, row[3:], strict=True))) for row in rows]
    rated = members_of(program, kinds, period)
    _make_kinds(connection, rated, chosen)
    members = tuple(member for each in rated.values() for member in each.members)
    _make_members(connection, rated)
    same = 's.plan = k.plan AND s.start = k.start AND s."end" IS NOT DISTINCT FROM k."end"'
    same += "".join(f" AND s.{name('a_' + each)} IS NOT DISTINCT FROM k.{name('a_' + each)}" for each in chosen)
    own_columns = [row[0] for row in connection.execute("DESCRIBE subscription").fetchall()]
    kept = ", ".join(f"s.{name(column)}" for column in own_columns if column.startswith("a_") or column == "cards")
    key = "s.account" if account_type == "VARCHAR" else f"TRY_CAST(s.account AS {account_type})"
    connection.execute(
        "CREATE OR REPLACE TEMP VIEW subscription_kind AS SELECT s.sub, k.kind FROM subscription s JOIN kind k "
        f"ON {same}"
    )
    # A join finds the rows of one side in any order: where there is one each, the other side decides.
    is_one = all(len(each.members) <= 1 for each in rated.values())
    with order_kept(connection) if is_one else nullcontext():
        connection.execute(
            "CREATE OR REPLACE TEMP TABLE statement AS SELECT (row_number() OVER () - 1)::INTEGER AS sid, * FROM "
            f"(SELECT s.sub, s.account, CASE WHEN CAST({key} AS VARCHAR) = s.account THEN {key} END AS account_key, "
            f"m.member, m.from_time, m.until_time{', ' + kept if kept else ''} FROM subscription s "
            f"JOIN kind k ON {same} JOIN member m USING (kind){'' if is_one else ' ORDER BY s.sub, m.place'})"
        )
    counted = "SELECT count(*), count(DISTINCT account), count(DISTINCT sub) FROM statement"
    count, accounts, subscriptions = connection.execute(counted).fetchone() or (0, 0, 0)
    unfit: Mapping[str, int] = {}
    if any(each.unfit is not None for each in rated.values()):
        unfit = dict(
            connection.execute(
                "SELECT unfit, count(*) FROM subscription_kind JOIN kind USING (kind) WHERE unfit IS NOT NULL GROUP "
                "BY unfit"
            ).fetchall()
        )
    common = _common(connection) if count == accounts else None
    return Statements(members, count, accounts, subscriptions, unfit, common)


def _make_kinds(connection: duckdb.DuckDBPyConnection, rated: Mapping[Alike, Rated], chosen: Sequence[str]) -> None:
    types = dict(row[:2] for row in connection.execute("DESCRIBE subscription").fetchall())
    names = ("kind", "plan", "start", "end", "unfit", *("a_" + each for each in chosen))
    own = ("INTEGER", "VARCHAR", "DATE", "DATE", "VARCHAR", *(types["a_" + each] for each in chosen))
    rows = [
        [index, kind.plan, kind.start, kind.end, found.unfit, *(value for _, value in kind.attributes)]
        for index, (kind, found) in enumerate(rated.items())
    ]
    insert(connection, "kind", dict(zip(names, own, strict=True)), rows)


def _make_members(connection: duckdb.DuckDBPyConnection, rated: Mapping[Alike, Rated]) -> None:
    rows: list[list[object]] = []
    for index, found in enumerate(rated.values()):
        for place, member in enumerate(found.members):
            covered = member.situation.covered
            rows.append([member.number, index, place, covered.start, covered.end, member.situation.days.end])
    types = {"member": "INTEGER", "kind": "INTEGER", "place": "INTEGER", "from_time": "TIMESTAMPTZ"}
    insert(connection, "member", {**types, "until_time": "TIMESTAMPTZ", "days_end": "DATE"}, rows)


def _common(connection: duckdb.DuckDBPyConnection) -> tuple[int, int] | None:
    # Every member has a statement, and there are few members.
    found = connection.execute(
        "SELECT count(DISTINCT (from_time, until_time)), epoch_us(min(from_time)), epoch_us(max(until_time)) "
        "FROM member"
    ).fetchone()
    return None if found is None or found[0] != 1 else (found[1], found[2])
