"""Key cells of price files that are read as they stand, without the grammar: plain texts, lists of them, plain numbers.

What is not plain (quotes, ranges, numbers with units, dates) is left to the grammar.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Literal

from ...usage import FieldKind, FieldSchema
from ..model import Key, KeyAny, KeyOtherwise, KeyValues

_NUMBER = re.compile(r"-?[0-9]{1,30}(?:\.[0-9]{1,8})?")
_RANGE = re.compile(r"(?:from|below|above|up to) .*[0-9]")
_OF_A_SPREADSHEET = re.compile(r"[0-9](?:[.,][0-9]+)?E\+?[0-9]+", re.IGNORECASE)


def plain_key(text: str, schema: FieldSchema | None, *, prefix: bool) -> Key | Literal["list", "number"] | None:
    """What a plain cell is; None for one that the grammar reads; or what it may be besides a text."""
    if schema is None or not text:
        return None
    match schema.kind:
        case FieldKind.NUMBER if _NUMBER.fullmatch(text):
            return KeyValues((Fraction(text),))
        case FieldKind.TEXT | FieldKind.ONE_OF:
            return _texts(text, schema, prefix=prefix)
        case _:
            return None


def _texts(text: str, schema: FieldSchema, *, prefix: bool) -> Key | Literal["list", "number"] | None:
    if text == "any":
        return KeyAny()
    if text == "otherwise":
        return KeyOtherwise()
    if '"' in text or "＂" in text or _RANGE.fullmatch(text):
        return None
    if _OF_A_SPREADSHEET.fullmatch(text) and text not in schema.values:
        return "number"
    parts = [text]
    if "," in text:
        parts = text.split(", ")
        if any("," in part for part in parts):
            return "list"
        parts = [part.strip() for part in parts]
    if not all(parts) or (schema.kind is FieldKind.ONE_OF and any(part not in schema.values for part in parts)):
        return None
    return KeyValues(tuple(parts), prefix)
