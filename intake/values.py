"""Cells and JSON values into the exact values of the engine, by declared type.

A converter returns the value, or the `Refusal` that says why not; it never raises for data. Numbers come as text, `int`
or `Decimal`; a binary float is refused wherever one turns up.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Final, TypeAlias, TypeVar, assert_never

from ..engine.usage import FieldKind, FieldSchema, Value

DIGITS_MAX: Final = 38


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a value is not taken, as a code and a reason, and what to do about it."""

    code: str
    reason: str
    way_out: str


T = TypeVar("T")
Converter: TypeAlias = Callable[[object], T | Refusal]

_PLAIN_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)").fullmatch
_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?").fullmatch
_WITH_COMMAS: Final = re.compile(r"[+-]?[0-9]+(?:[,，'’ \u00a0\u202f][0-9]+)+(?:\.[0-9]+)?").fullmatch
_ISO_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}").fullmatch
_YES_NO: Final = {"true": True, "yes": True, "false": False, "no": False}


def converter(field: FieldSchema) -> Converter[Value]:
    """The converter of a declared field or attribute."""
    match field.kind:
        case FieldKind.NUMBER:
            return number
        case FieldKind.MONEY:
            return money
        case FieldKind.TEXT:
            return text
        case FieldKind.DATE:
            return calendar_date
        case FieldKind.YES_NO:
            return yes_or_no
        case FieldKind.ONE_OF:
            return one_of(field.values)
        case _:
            assert_never(field.kind)


def number(raw: object) -> Decimal | Refusal:
    """An exact number of at most 38 digits."""
    if isinstance(raw, str):
        if len(raw) <= DIGITS_MAX and _PLAIN_NUMBER(raw):
            return Decimal(raw)
        return _unusual_number(raw)
    if isinstance(raw, Decimal):
        shown = str(raw)
        return raw if raw.is_finite() and len(shown) <= DIGITS_MAX and "E" not in shown else _bounded(raw)
    if isinstance(raw, int) and not isinstance(raw, bool):
        return _bounded(Decimal(raw))
    if isinstance(raw, float):
        return Refusal("RB3014", "a binary floating-point number is not exact", "write it as a decimal or as text")
    return Refusal("RB3003", f"{_a_kind(raw)} is not a number", "write a plain decimal such as 1234.5")


def _unusual_number(raw: str) -> Decimal | Refusal:
    if _NUMBER(raw):
        try:
            return _bounded(Decimal(raw))
        except InvalidOperation:
            return _too_long("far more")
    if _WITH_COMMAS(raw):
        way_out = "write a decimal point and nothing between thousands, such as 1234.5"
        return Refusal("RB3003", "separators inside a number can be read in two ways", way_out)
    if raw != raw.strip():
        return Refusal("RB3003", "this is not a number: it has spaces around it", "remove the spaces")
    return Refusal("RB3003", "this is not a number", "write a plain decimal such as 1234.5")


def _bounded(value: Decimal) -> Decimal | Refusal:
    if not value.is_finite():
        return Refusal("RB3003", "this is not a finite number", "write a plain decimal such as 1234.5")
    _, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int), "a finite decimal has a whole exponent"
    count = len(digits)
    while exponent < 0 and count > 0 and digits[count - 1] == 0:
        count, exponent = count - 1, exponent + 1
    if count == 0 or digits == (0,):
        return Decimal(0)
    written_out = max(count + exponent, 0) + max(-exponent, 0)
    # The digits of an exponent are written out only below the bound: 1e999999999 must cost nothing.
    return Decimal(f"{value:f}") if written_out <= DIGITS_MAX else _too_long(str(written_out))


def _too_long(count: str) -> Refusal:
    reason = f"a number has at most {DIGITS_MAX} digits, this one has {count}"
    return Refusal("RB3004", reason, "correct it, or split the row into several")


def money(raw: object) -> Decimal | Refusal:
    """An exact amount in whole currency, any number of decimals, without a sign of currency."""
    value = number(raw)
    if isinstance(value, Refusal) and value.code == "RB3003" and "two ways" not in value.reason:
        way_out = "write the bare decimal in the ruleset's currency, such as 12.50"
        return Refusal("RB3003", "this is not an amount of money", way_out)
    return value


def text(raw: object) -> str | Refusal:
    """A text; whole numbers are read as their digits, for many identifiers are written so."""
    if isinstance(raw, str):
        return raw
    if isinstance(raw, int) and not isinstance(raw, bool):
        return str(raw)
    if isinstance(raw, Decimal) and raw.as_tuple().exponent == 0:
        return str(raw)
    return Refusal("RB3016", f"{_a_kind(raw)} is not a text", "write it in quotes")


def calendar_date(raw: object) -> date | Refusal:
    """A day, `2026-03-01`."""
    if isinstance(raw, str) and _ISO_DATE(raw):
        try:
            return date.fromisoformat(raw)
        except ValueError:
            return Refusal("RB3016", "there is no such day", "write a day of the calendar such as 2026-03-01")
    if isinstance(raw, date) and not isinstance(raw, datetime):
        return raw
    if isinstance(raw, datetime):
        return Refusal("RB3016", "this is a time, not a day", "CAST the column AS DATE")
    return Refusal("RB3016", "this is not a day", "write year, month and day such as 2026-03-01")


def yes_or_no(raw: object) -> bool | Refusal:
    """`true`, `false`, `yes` or `no`, in any case of letters."""
    if isinstance(raw, bool):
        return raw
    found = _YES_NO.get(raw.lower()) if isinstance(raw, str) else None
    return Refusal("RB3016", "this is neither yes nor no", "write true or false") if found is None else found


def one_of(values: Sequence[str]) -> Converter[Value]:
    """The converter to one of the words that a field declares."""
    words = {word: word for word in values}

    def word_of(raw: object) -> str | Refusal:
        word = raw if isinstance(raw, str) else text(raw)
        if isinstance(word, Refusal):
            return word
        found = words.get(word)
        if found is not None:
            return found
        shown = ", ".join(f"`{value}`" for value in values[:12]) + (", …" if len(values) > 12 else "")
        way_out = did_you_mean(word, values) or "write one of them, or add this one to the ruleset"
        return Refusal("RB3005", f"it is not one of {shown}", way_out)

    return word_of


def did_you_mean(word: str, candidates: Collection[str]) -> str:
    """`did you mean ``gold``?`, or nothing if no candidate is near."""
    if len(candidates) > 5_000:
        return ""  # so many names are near each other anyway, and the search would take long
    from difflib import get_close_matches

    folded = {candidate.casefold(): candidate for candidate in sorted(candidates, reverse=True)}
    near = get_close_matches(word.casefold(), folded, n=1, cutoff=0.6)
    return f"did you mean `{folded[near[0]]}`?" if near else ""


def shown_value(raw: object) -> str:
    """A raw value as reports show it, cut where it is long."""
    if raw is None:
        return ""
    shown = raw if isinstance(raw, str) else _as_json(raw, depth_max=3)
    return shown if len(shown) <= 100 else f"{shown[:99]}…"


def _as_json(raw: object, depth_max: int) -> str:
    """What stands in the file, as far as reports have room for it: numbers keep their digits."""
    if isinstance(raw, bool) or raw is None:
        return {True: "true", False: "false", None: "null"}[raw]
    if isinstance(raw, list | dict) and depth_max == 0:
        return "…"
    if isinstance(raw, list):
        return "[" + ", ".join(_quoted(each, depth_max) for each in raw) + "]"
    if isinstance(raw, dict):
        return "{" + ", ".join(f'"{name}": {_quoted(each, depth_max)}' for name, each in raw.items()) + "}"
    return str(raw)


def _quoted(raw: object, depth_max: int) -> str:
    return f'"{raw}"' if isinstance(raw, str) else _as_json(raw, depth_max - 1)


def _a_kind(raw: object) -> str:
    if isinstance(raw, bool):
        return "yes or no"
    if isinstance(raw, list | dict):
        return "a list" if isinstance(raw, list) else "an object"
    if isinstance(raw, date):
        return "a time" if isinstance(raw, datetime) else "a date"
    if isinstance(raw, bytes):
        return "a column of bytes"
    return "a number" if isinstance(raw, int | float | Decimal) else "this"
