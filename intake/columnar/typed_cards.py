"""Prepaid cards that a file holds as typed lists, as Parquet has them: read by SQL alone."""

from __future__ import annotations

from typing import Any, Final

from ...engine.batch.quoting import text_literal
from ...engine.usage import FactSchema, FieldKind
from ...records import Record
from .cells import Cell, cell, day

_KEYS: Final = frozenset({"card", "bought", "left"})


class TypedCards(Record):
    """A column `raw.cards`: `plain` holds where the Python reader takes it, `digits` are those of what is left."""

    plain: str
    digits: tuple[int, int]
    has_left: bool

    def value(self, type_: str) -> str:
        """The cards as a column of this type, NULL for none."""
        left = 'held."left"' if self.has_left else "NULL"
        pack = f'struct_pack(card := held.card, bought := held.bought, "left" := {left})'
        return f"CASE WHEN len(raw.cards) > 0 THEN CAST(list_transform(raw.cards, lambda held: {pack}) AS {type_}) END"


def typed_cards(type_: Any, schema: FactSchema) -> TypedCards | None:
    """How a column of this DuckDB type is read, or None where the Python reader has to decide."""
    if type_.id != "list" or type_.children[0][1].id != "struct":
        return None
    types = dict(type_.children[0][1].children)
    if not {"card", "bought"} <= types.keys() <= _KEYS or types["card"].id != "varchar" or types["bought"].id != "date":
        return None
    bought = day("held.bought", types["bought"])
    left = cell(FieldKind.MONEY, (), 'held."left"', types["left"]) if "left" in types else Cell("NULL", digits=(0, 0))
    if bought is None or left is None or left.digits is None or not schema.cards:
        return None
    conditions = [f"held.card IN ({', '.join(map(text_literal, schema.cards))})", str(bought.plain)]
    if "left" in types:
        conditions.append(f'(held."left" IS NULL OR (held."left" >= 0{_within_worth(left.digits, schema)}))')
    mistaken = f"NOT coalesce({' AND '.join(conditions)}, false)"
    return TypedCards(f"len(list_filter(raw.cards, lambda held: {mistaken})) = 0", left.digits, "left" in types)


def _within_worth(digits: tuple[int, int], schema: FactSchema) -> str:
    """The condition that no card holds more than it is worth when it is new."""
    whole, decimals = digits
    whens = ""
    for card, worth in schema.worths.items():
        # Compared in one type: what is left has no more decimals, so that a worth cut to them says the same.
        most = worth.numerator * 10**decimals // worth.denominator
        if most < 10 ** (whole + decimals):
            text = f"{most // 10**decimals}" + (f".{most % 10**decimals:0{decimals}d}" if decimals else "")
            limit = f"CAST('{text}' AS DECIMAL({whole + decimals}, {decimals}))"
            whens += f' WHEN {text_literal(card)} THEN held."left" <= {limit}'
    return f" AND CASE held.card{whens} ELSE true END" if whens else ""
