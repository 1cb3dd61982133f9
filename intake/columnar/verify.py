"""Accounts chosen at random, rated again by the scalar evaluator and compared line by line with what queries found."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from ...engine.period import DateRange
from ...engine.plan import Program
from ...engine.statement import Statement
from ...engine.usage import AccountUsage, Subscription
from ...records import Record
from ..statement_json import statement_json
from .read_back import statements_of
from .scalar_road import rated_one_by_one

if TYPE_CHECKING:
    import duckdb


class Difference(Record):
    """A statement that both evaluators give differently, as JSON; an empty text where one has none."""

    account: str
    columnar: str
    scalar: str


class Verified(Record):
    """How many accounts were rated again, and which of their statements differ."""

    accounts: int
    differences: tuple[Difference, ...]


def verify(
    connection: duckdb.DuckDBPyConnection,
    program: Program,
    relation: str,
    period: DateRange,
    beyond: Mapping[int, Subscription],
    more: Mapping[str, AccountUsage],
    count: int,
    chooser: random.Random,
) -> Verified:
    """Rate so many accounts again, chosen among those that queries rated."""
    known = connection.execute(
        "SELECT DISTINCT account FROM statement WHERE sid NOT IN (SELECT sid FROM scalar_statement) ORDER BY account"
    ).fetchall()
    chosen = sorted(chooser.sample([row[0] for row in known], min(count, len(known))))
    if not chosen:
        return Verified(0, ())
    connection.execute("CREATE OR REPLACE TEMP TABLE verified_account (account VARCHAR)")
    connection.execute("INSERT INTO verified_account SELECT unnest(?::VARCHAR[])", [chosen])
    asked = "SELECT account FROM verified_account"
    by_rows: dict[str, list[str]] = {}
    for answer in rated_one_by_one(connection, program, relation, period, beyond, asked, more):
        by_rows[answer.account] = [_text(each) for each in answer.results]
    by_columns: dict[str, list[str]] = {}
    for statement in statements_of(connection, program, f"account IN ({asked})"):
        by_columns.setdefault(statement.account, []).append(statement_json(statement))
    return Verified(len(chosen), tuple(_differences(chosen, by_columns, by_rows)))


def _text(result: object) -> str:
    return statement_json(result) if isinstance(result, Statement) else str(result)


def _differences(
    accounts: list[str], by_columns: dict[str, list[str]], by_rows: dict[str, list[str]]
) -> Iterator[Difference]:
    for account in accounts:
        left, right = by_columns.get(account, []), by_rows.get(account, [])
        for place in range(max(len(left), len(right))):
            one = left[place] if place < len(left) else ""
            other = right[place] if place < len(right) else ""
            if one != other:
                yield Difference(account, one, other)
