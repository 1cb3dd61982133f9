"""Prepaid cards of accounts that are rated for several periods: what a statement takes off a card is gone for the next.

Statements are paid in rounds: the first of every account, then the second, and so on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...engine.plan import Program
from .cards import CARDS_MAX, Held, pivot

if TYPE_CHECKING:
    import duckdb


def carry_cards(
    connection: duckdb.DuckDBPyConnection, program: Program, held: Held, payments: Sequence[str | None]
) -> None:
    """Take off the table `statement_card` what earlier statements of the account have been paid from each card.

    `payments` are queries of what the cards of the statements in `card_round` pay.
    """
    if held.rounds < 2:
        return
    asked = [payment for payment in payments if payment is not None]
    places = len(held.columns.cards)
    # One unit of money, as worths are counted.
    unit = int(program.money.size * held.scale)
    connection.execute("CREATE OR REPLACE TEMP TABLE card_spent (holding BIGINT, units HUGEINT)")
    for number in range(1, held.rounds + 1):
        connection.execute(
            "CREATE OR REPLACE TEMP TABLE card_round AS SELECT DISTINCT sid FROM card_part "
            f"WHERE round = {number} AND holding IS NOT NULL"
        )
        if number > 1:
            _take_off(connection, places, held.scale, unit)
        if number < held.rounds:
            for payment in asked:
                _note(connection, payment, places)


def _take_off(connection: duckdb.DuckDBPyConnection, places: int, scale: int, unit: int) -> None:
    spent = "SELECT holding, sum(units)::HUGEINT AS units FROM card_spent GROUP BY holding"
    columns = pivot(places, scale, f"coalesce(units, 0::HUGEINT) * {unit}::HUGEINT")
    # Made anew: queries over a table of which rows were deleted and others added fail inside DuckDB 2.0.0.
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE statement_card AS SELECT * FROM statement_card "
        f"WHERE sid NOT IN (SELECT sid FROM card_round) UNION ALL SELECT sid, max(place) >= {CARDS_MAX} AS "
        f"cards_too_many{columns} FROM card_part LEFT JOIN ({spent}) USING (holding) WHERE sid IN (SELECT sid "
        "FROM card_round) GROUP BY sid"
    )


def _note(connection: duckdb.DuckDBPyConnection, payment: str, places: int) -> None:
    rows = ", ".join(f"{{place: {place}, units: paid_{place}}}" for place in range(places))
    connection.execute(
        "INSERT INTO card_spent SELECT p.holding, q.units FROM card_part p JOIN (SELECT sid, "
        f"unnest(paid).place AS place, unnest(paid).units AS units FROM (SELECT sid, [{rows}] AS paid FROM "
        f"({payment}))) q "
        "ON p.sid = q.sid AND p.place = q.place WHERE q.units > 0"
    )
