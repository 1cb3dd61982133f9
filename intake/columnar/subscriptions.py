"""Subscriptions between Python and the table `subscription`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

from ...engine.usage import CardHolding, FactSchema, Subscription, Value
from ..values import DIGITS_MAX
from .account_cards import cards_text, cards_type, cards_value, digits_left
from .cells import column_type, digits_of, name

if TYPE_CHECKING:
    import duckdb

_BATCH: Final = 50_000


def insert_subscriptions(
    connection: duckdb.DuckDBPyConnection, subscriptions: Sequence[Subscription], schema: FactSchema
) -> dict[int, Subscription]:
    """Make the table `subscription` of subscriptions in order; those whose numbers have no room there come back."""
    sizes = {
        attribute: _largest(
            digits_of(value) for each in subscriptions if (value := _number(each, attribute)) is not None
        )
        for attribute in schema.attributes
    }
    left = _largest(digits_left(each.cards) for each in subscriptions if each.cards)
    types = {
        attribute.name: column_type(attribute.kind, sizes[attribute.name]) for attribute in schema.attributes.values()
    }
    cards = cards_type(*left)
    columns = "".join(f", {name('a_' + attribute)} {type_}" for attribute, type_ in types.items())
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE subscription "
        f'(sub INTEGER, account VARCHAR, plan VARCHAR, start DATE, "end" DATE{columns}, cards {cards})'
    )
    casts = "".join(f", CAST(unnest(?::VARCHAR[]) AS {type_})" for type_ in types.values())
    insert = (
        "INSERT INTO subscription SELECT unnest(?::INTEGER[]), unnest(?::VARCHAR[]), unnest(?::VARCHAR[]), "
        f"unnest(?::DATE[]), unnest(?::DATE[]){casts}, {cards_value('unnest(?::VARCHAR[])', cards)}"
    )
    rooms = {attribute: _room(sizes[attribute]) for attribute in types}
    beyond: dict[int, Subscription] = {}
    for first in range(0, len(subscriptions), _BATCH):
        batch = subscriptions[first : first + _BATCH]
        values = [[_text(each.attributes.get(attribute), rooms[attribute]) for each in batch] for attribute in types]
        cells = [
            cards_text(each.cards) if each.cards and digits_left(each.cards)[1] <= _room(left) else None
            for each in batch
        ]
        given = [[each.account for each in batch], [each.plan for each in batch]]
        days = [[each.start for each in batch], [each.end for each in batch]]
        connection.execute(insert, [list(range(first, first + len(batch))), *given, *days, *values, cells])
        for sub, each in enumerate(batch, first):
            numbers = [(attribute, _number(each, attribute)) for attribute in types]
            lost = [1 for attribute, value in numbers if value is not None and digits_of(value)[1] > rooms[attribute]]
            if lost or (each.cards and digits_left(each.cards)[1] > _room(left)):
                beyond[sub] = each
    return beyond


def subscriptions_of(
    connection: duckdb.DuckDBPyConnection, schema: FactSchema, condition: str = "true"
) -> Iterator[tuple[int, Subscription]]:
    """The subscriptions of the table for which a condition in SQL holds, in order, each with its `sub`.

    Those that `LoadedAccounts.beyond` holds lack what the table has no room for.
    """
    attributes = list(schema.attributes)
    columns = "".join(f", {name('a_' + attribute)}" for attribute in attributes)
    page = f'SELECT sub, account, plan, start, "end", cards{columns} FROM subscription WHERE ({condition}) AND sub > ?'
    last = -1
    # Page by page, for the caller may use the connection in between, which ends a query.
    while batch := connection.execute(f"{page} ORDER BY sub LIMIT {_BATCH}", [last]).fetchall():
        last = batch[-1][0]
        for sub, account, plan, start, end, cards, *values in batch:
            known = {attribute: value for attribute, value in zip(attributes, values, strict=True) if value is not None}
            held = tuple(_holding(each) for each in cards or ())
            yield sub, Subscription(account, plan, start, end, known, held)


def _holding(card: dict[str, Any]) -> CardHolding:
    left = card["left"]
    return CardHolding(card["card"], card["bought"], None if left is None else Fraction(left))


def _number(subscription: Subscription, attribute: str) -> Decimal | None:
    value = subscription.attributes.get(attribute)
    return value if isinstance(value, Decimal) else None


def _largest(sizes: Iterator[tuple[int, int]]) -> tuple[int, int]:
    whole = decimals = 0
    for size in sizes:
        whole, decimals = max(whole, size[0]), max(decimals, size[1])
    return whole, decimals


def _room(size: tuple[int, int]) -> int:
    """How many decimals a column has whose numbers need this many digits before and behind the point."""
    return min(size[1], DIGITS_MAX - size[0])


def _text(value: Value | None, decimals_max: int) -> str | None:
    """A value as the text that SQL casts; None for a number with more decimals than there is room for."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return f"{value:f}" if digits_of(value)[1] <= decimals_max else None
    return value.isoformat() if isinstance(value, date) else value
