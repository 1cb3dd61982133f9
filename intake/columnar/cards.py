"""Prepaid cards of statements: which take part, in the order in which they pay, as columns of the statement's row."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from math import lcm
from typing import TYPE_CHECKING, Final

from ...engine.batch.cards import NO_CARDS, CardColumns
from ...engine.batch.number import Integer, Number, Truth, literal
from ...engine.batch.quoting import text_literal
from ...engine.plan import Card, Program
from ...records import Record

if TYPE_CHECKING:
    import duckdb

CARDS_MAX: Final = 6
"""Statements on which more cards take part are left to the scalar evaluator."""


class Held(Record):
    """The columns of cards, whether the table `statement_card` has them, and the statements that an account may have.

    `scale` is over what worths are whole numbers; so is the money unit.
    """

    columns: CardColumns
    any: bool
    rounds: int = 1
    scale: int = 1


def make_cards(connection: duckdb.DuckDBPyConnection, program: Program) -> Held:
    """Make the table `statement_card`: by `sid` the card (its number in the program) and its worth at each place.

    Cards take part and stand in order as in `closing.apply_cards`. `card_part` has a row for each place of a statement,
    with the `holding` that it is (of accounts with several statements), and the statement's `round` in its account.
    """
    found = connection.execute(
        "SELECT count(*) FROM subscription WHERE cards IS NOT NULL AND len(cards) > 0"
    ).fetchone()
    if not program.cards or found in (None, (0,)):
        return Held(NO_CARDS, False)
    names = list(program.cards)
    _make_taking_part(connection, program, names)
    size = connection.execute("SELECT coalesce(max(place), -1) + 1, coalesce(max(round), 1) FROM card_part").fetchone()
    places, rounds = (min(int(size[0]), CARDS_MAX), int(size[1])) if size else (0, 1)
    scale = lcm(_scale(connection), program.money.size.denominator)
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE statement_card AS SELECT sid, max(place) >= {CARDS_MAX} AS cards_too_many"
        f"{pivot(places, scale)} FROM card_part GROUP BY sid"
    )
    columns = _columns(connection, places, scale, len(names))
    return Held(replace(columns, are_carried=rounds > 1), True, rounds, scale)


def pivot(places: int, scale: int, spent: str = "0::HUGEINT") -> str:
    """The columns of cards and worths at each place, over rows of `card_part`; `spent` is off what they are worth."""
    left = f"(worth * {scale}::DECIMAL({len(str(scale))},0))::HUGEINT - {spent}"
    return "".join(
        f", coalesce(max(card) FILTER (WHERE place = {place}), -1)::INTEGER AS card_{place}"
        f", coalesce(max({left}) FILTER (WHERE place = {place}), 0)::HUGEINT AS worth_{place}"
        for place in range(places)
    )


def _make_taking_part(connection: duckdb.DuckDBPyConnection, program: Program, names: list[str]) -> None:
    """A row for each card that takes part in a statement, with its place in the order."""
    digits = max(_digits_left(connection), *(_digits(program.cards[name].worth) for name in names))
    exact = f"DECIMAL(38,{digits})"
    rows = ", ".join(
        f"({index}, {text_literal(name)}, {_ends(program.cards[name])}, {_exact(program.cards[name])}::{exact})"
        for index, name in enumerate(names)
    )
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE card_part AS "
        f"WITH known(card, name, ends, worth) AS (VALUES {rows}), "
        "held AS (SELECT s.sid, s.account, m.days_end, c.bought, c.left_over, k.card, c.number, "
        "row_number() OVER (PARTITION BY s.sid, c.name, c.bought ORDER BY c.number) AS same, "
        f"coalesce(c.left_over::{exact}, k.worth) AS worth, "
        "CASE WHEN k.ends IS NULL THEN NULL ELSE (c.bought + k.ends)::DATE END AS expires "
        "FROM statement s JOIN member m USING (member), "
        "LATERAL (SELECT unnest(s.cards).card AS name, unnest(s.cards).bought AS bought, unnest(s.cards).left "
        "AS left_over, "
        "generate_subscripts(s.cards, 1) AS number) c JOIN known k ON k.name = c.name), "
        "several AS (SELECT account FROM statement GROUP BY account HAVING count(*) > 1), "
        "part AS (SELECT sid, account, card, worth, bought, same, account IN (SELECT account FROM several) AS carried, "
        "(row_number() OVER (PARTITION BY sid ORDER BY coalesce(expires, DATE '9999-12-31'), bought, number) - 1)"
        "::INTEGER AS place FROM held "
        "WHERE bought < days_end AND (expires IS NULL OR expires >= days_end)) "
        "SELECT sid, card, worth, place, 1 AS round, NULL::BIGINT AS holding FROM part WHERE NOT carried UNION ALL "
        "SELECT sid, card, worth, place, dense_rank() OVER (PARTITION BY account ORDER BY sid) AS round, "
        "dense_rank() OVER (ORDER BY account, card, bought, same) AS holding FROM part WHERE carried"
    )


def _ends(card: Card) -> str:
    """How long a card is valid, as the engine adds it to a day: the last day of a shorter month."""
    if card.valid_months is not None:
        return f"INTERVAL {card.valid_months} MONTH"
    if card.valid_days is not None:
        return f"INTERVAL {card.valid_days} DAY"
    return "NULL::INTERVAL"


def _exact(card: Card) -> str:
    """A card's worth as a decimal."""
    digits = _digits(card.worth)
    number = str(int(card.worth * 10**digits)).rjust(digits + 1, "0")
    text = f"{number[:-digits]}.{number[-digits:]}" if digits else number
    return f"{text_literal(text)}::DECIMAL(38,{digits})"


def _digits(worth: Fraction) -> int:
    """How many decimals a worth has."""
    digits = 0
    while (worth * 10**digits).denominator != 1:
        digits += 1
    return digits


def _digits_left(connection: duckdb.DuckDBPyConnection) -> int:
    """How many decimals the column of what is left on cards has."""
    found = connection.execute(
        "SELECT typeof(any_value(cards[1].left)) FROM subscription WHERE len(cards) > 0"
    ).fetchone()
    return 0 if found is None or not found[0].startswith("DECIMAL") else int(found[0].partition(",")[2].rstrip(")"))


def _scale(connection: duckdb.DuckDBPyConnection) -> int:
    """The scale at which every worth is a whole number."""
    types = {row[0]: row[1] for row in connection.execute("DESCRIBE card_part").fetchall()}
    digits = int(types["worth"].partition(",")[2].rstrip(")") or 0)
    return int(10**digits)


def _columns(connection: duckdb.DuckDBPyConnection, places: int, scale: int, cards: int) -> CardColumns:
    numbers: list[Integer] = []
    worths: list[Number] = []
    for place in range(places):
        ends = connection.execute(f"SELECT max(worth_{place})::VARCHAR FROM statement_card").fetchone()
        high = int(ends[0]) if ends and ends[0] is not None else 0
        numbers.append(Integer(f"coalesce(card_{place}, -1)", -1, cards - 1))
        worths.append(Number(literal(0) if high == 0 else Integer(f"coalesce(worth_{place}, 0)", 0, high), scale))
    return CardColumns(tuple(numbers), tuple(worths), Truth("coalesce(cards_too_many, false)"))
