"""Prepaid cards of accounts as a column. Texts are read by the Python reader itself, each distinct one once."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from ...engine.usage import CardHolding, FactSchema
from ...money import decimal_text
from ...records import Record
from ..accounts import read_cards
from ..parquet import fetched_column
from ..values import DIGITS_MAX, Refusal
from .account_files import RawFile
from .typed_cards import TypedCards, typed_cards

if TYPE_CHECKING:
    import duckdb

_BATCH: Final = 20_000


class CardsColumn(Record):
    """How the cards of each file's rows are found: as they stand there, or by a table of distinct cells."""

    type_: str
    tables: Mapping[str, str]
    """The table by the file's name; its columns are `cell` and `cards`."""
    typed: Mapping[str, TypedCards]
    """By the file's name, where SQL reads the column."""

    def value(self, file: RawFile) -> str:
        """The cards of a row of the file."""
        if file.file.name in self.typed:
            return self.typed[file.file.name].value(self.type_)
        return "read_cards.cards" if file.file.name in self.tables else f"CAST(NULL AS {self.type_})"

    def plain(self, file: RawFile) -> str:
        """The condition that the cards of a row are plain."""
        typed = self.typed.get(file.file.name)
        return "true" if typed is None else f"(raw.cards IS NULL OR {typed.plain})"

    def joined(self, file: RawFile) -> str:
        """What follows the file's relation in FROM."""
        table = self.tables.get(file.file.name)
        return "" if table is None else f" LEFT JOIN {table} AS read_cards ON raw.cards = read_cards.cell"


def cards_column(
    connection: duckdb.DuckDBPyConnection, files: Sequence[RawFile], schema: FactSchema
) -> CardsColumn | None:
    """How to read the column, the distinct cells of texts read already; None where one of them holds a mistake."""
    tables: dict[str, str] = {}
    typed: dict[str, TypedCards] = {}
    decimals = whole = 0
    for number, file in enumerate(files):
        if "cards" not in file.types:
            continue
        known = typed_cards(file.types["cards"], schema)
        if known is not None:
            typed[file.file.name] = known
            whole, decimals = max(whole, known.digits[0]), max(decimals, known.digits[1])
            continue
        column = fetched_column("cards", file.types["cards"])
        if column is None:
            return None
        table = tables[file.file.name] = f"account_cards_{number}"
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE {table}_cell AS SELECT row_number() OVER () AS number, cards AS cell "
            f"FROM (SELECT DISTINCT cards FROM {file.relation} WHERE cards IS NOT NULL)"
        )
        connection.execute(f"CREATE OR REPLACE TEMP TABLE {table}_read (number BIGINT, cards VARCHAR)")
        # Temporary tables are seen by their own connection only, where a second query ends the first: so page by page.
        page = f"SELECT number, {column} FROM {table}_cell AS raw(number, cards) WHERE number > ? AND number <= ?"
        for first in range(0, _count(connection, f"{table}_cell"), _BATCH):
            cells = connection.execute(page, [first, first + _BATCH]).fetchall()
            found = [(key, _cards(raw, schema)) for key, raw in cells]
            if any(cards is None for _, cards in found):
                return None
            read = [(key, cards) for key, cards in found if cards]
            sizes = [digits_left(cards) for _, cards in read]
            whole, decimals = (max(size) for size in zip((whole, decimals), *sizes, strict=True))
            insert = f"INSERT INTO {table}_read SELECT unnest(?::BIGINT[]), unnest(?::VARCHAR[])"
            connection.execute(insert, [[key for key, _ in read], [cards_text(cards) for _, cards in read]])
    if whole + decimals > DIGITS_MAX:
        return None
    type_ = cards_type(whole, decimals)
    for table in tables.values():
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE {table} AS SELECT cell, {cards_value('cards', type_)} AS cards "
            f"FROM {table}_cell JOIN {table}_read USING (number)"
        )
        connection.execute(f"DROP TABLE {table}_cell; DROP TABLE {table}_read")
    return CardsColumn(type_, tables, typed)


def _count(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    found = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    return 0 if found is None else int(found[0])


def _cards(raw: object, schema: FactSchema) -> tuple[CardHolding, ...] | None:
    mistakes: list[Refusal] = []
    cards = read_cards(raw, schema, lambda _field, _raw, refusal: mistakes.append(refusal))
    return None if mistakes else cards


def cards_type(whole: int, decimals: int) -> str:
    """The type of the column; what is left on cards has at most this many digits before and behind the point."""
    decimals = min(decimals, DIGITS_MAX - whole)
    return f'STRUCT(card VARCHAR, bought DATE, "left" DECIMAL({max(whole + decimals, 1)}, {decimals}))[]'


def cards_text(cards: Iterable[CardHolding]) -> str:
    """Cards as JSON, which `cards_value` turns into a column; amounts are texts."""
    return json.dumps([_card_object(card) for card in cards])


def cards_value(text: str, type_: str) -> str:
    """The cards that `cards_text` wrote."""
    return f'CAST(from_json({text}, \'[{{"card": "VARCHAR", "bought": "DATE", "left": "VARCHAR"}}]\') AS {type_})'


def digits_left(cards: Iterable[CardHolding]) -> tuple[int, int]:
    """The digits before and behind the point that hold what is left on each of the cards."""
    sizes = [(len(whole.lstrip("0")), len(decimals)) for whole, decimals in _parts_left(cards)]
    return max((size[0] for size in sizes), default=0), max((size[1] for size in sizes), default=0)


def _parts_left(cards: Iterable[CardHolding]) -> Iterator[tuple[str, str]]:
    for card in cards:
        if card.left is not None:
            whole, _, decimals = (decimal_text(card.left) or "").partition(".")
            yield whole, decimals


def _card_object(card: CardHolding) -> dict[str, str | None]:
    left = None if card.left is None else decimal_text(card.left)
    return {"card": card.card, "bought": card.bought.isoformat(), "left": left}
