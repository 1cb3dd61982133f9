"""SQL that reads a cell as `intake.values` does, and says whether it may.

A cell is *plain* where SQL alone reads it and the Python reader takes it with the same value. What is not plain may
still be right: the Python reader then decides, with its own words.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Final, assert_never

from ...engine.batch.quoting import text_literal
from ...engine.usage import FieldKind, Value
from ...records import Record
from ..values import DIGITS_MAX

_INTEGER_DIGITS: Final = {
    "tinyint": 3,
    "utinyint": 3,
    "smallint": 5,
    "usmallint": 5,
    "integer": 10,
    "uinteger": 10,
    "bigint": 19,
    "ubigint": 20,
}
_NUMBER: Final = r"[+-]?([0-9]+(\.[0-9]+)?|\.[0-9]+)"
_FIRST_DAY, _LAST_DAY = "DATE '0001-01-01'", "DATE '9999-12-31'"


class Cell(Record):
    """`plain` is a condition on a value that is there, never NULL for one; `value` is what stands in the cell then.

    Numbers that are text have no type yet: their `value` is the text itself, and `is_number_text` says so.
    """

    value: str
    plain: str | None = None
    digits: tuple[int, int] | None = None
    """For a number: the digits before and behind the point that its type holds."""
    is_number_text: bool = False


def cell(kind: FieldKind, words: Sequence[str], raw: str, type_: Any) -> Cell | None:
    """How a column of this DuckDB type is read as a declared kind; None where the Python reader has to decide."""
    identity = type_.id
    match kind:
        case FieldKind.NUMBER | FieldKind.MONEY:
            return _number(raw, identity, type_)
        case FieldKind.TEXT:
            return _text(raw, identity)
        case FieldKind.ONE_OF:
            found = _text(raw, identity)
            listed = ", ".join(map(text_literal, words))
            return None if found is None else Cell(found.value, f"{found.value} IN ({listed})")
        case FieldKind.DATE:
            return day(raw, type_)
        case FieldKind.YES_NO:
            if identity == "boolean":
                return Cell(raw)
            folded = f"lower({raw})"
            plain = f"{folded} IN ('true', 'yes', 'false', 'no')"
            return Cell(f"({folded} IN ('true', 'yes'))", plain) if identity == "varchar" else None
        case _:
            assert_never(kind)


def day(raw: str, type_: Any) -> Cell | None:
    """A day of the calendar, from a column of days or of texts."""
    if type_.id == "date":
        return Cell(raw, f"{raw} BETWEEN {_FIRST_DAY} AND {_LAST_DAY}")
    if type_.id != "varchar":
        return None
    # The year 0000 is a day to DuckDB, and none to Python.
    value = f"TRY_CAST({raw} AS DATE)"
    shape = f"regexp_full_match({raw}, '[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}')"
    return Cell(value, f"({shape} AND coalesce({value} >= {_FIRST_DAY}, false))")


def _text(raw: str, identity: str) -> Cell | None:
    if identity in _INTEGER_DIGITS:
        return Cell(f"CAST({raw} AS VARCHAR)")
    return Cell(raw) if identity == "varchar" else None


def _number(raw: str, identity: str, type_: Any) -> Cell | None:
    if identity in _INTEGER_DIGITS:
        return Cell(raw, digits=(_INTEGER_DIGITS[identity], 0))
    if identity == "decimal":
        sizes = dict(type_.children)
        return Cell(raw, digits=(sizes["precision"] - sizes["scale"], sizes["scale"]))
    if identity != "varchar":
        return None
    plain = f"(length({raw}) <= {DIGITS_MAX} AND regexp_full_match({raw}, '{_NUMBER}'))"
    return Cell(raw, plain, is_number_text=True)


def digits_of_text(raw: str) -> tuple[str, str]:
    """SQL that counts the digits before and behind the point of a plain number that is text."""
    whole = f"length(ltrim(split_part({raw}, '.', 1), '+-0'))"
    return whole, f"length(split_part({raw}, '.', 2))"


def digits_of(value: Decimal) -> tuple[int, int]:
    """The digits before and behind the point that hold a number."""
    whole, _, decimals = f"{value:f}".lstrip("-").partition(".")
    return len(whole.lstrip("0")), len(decimals.rstrip("0"))


def column_type(kind: FieldKind, digits: tuple[int, int]) -> str:
    """The type of a column of this kind; numbers have at most 38 digits, those behind the point given up first."""
    match kind:
        case FieldKind.NUMBER | FieldKind.MONEY:
            whole, decimals = digits
            decimals = min(decimals, DIGITS_MAX - whole)
            return f"DECIMAL({max(whole + decimals, 1)}, {decimals})"
        case FieldKind.TEXT | FieldKind.ONE_OF:
            return "VARCHAR"
        case FieldKind.DATE:
            return "DATE"
        case FieldKind.YES_NO:
            return "BOOLEAN"
        case _:
            assert_never(kind)


def literal(value: Value) -> str:
    """A value as SQL writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        whole, decimals = digits_of(value)
        return f"CAST('{value:f}' AS DECIMAL({max(whole + decimals, 1)}, {decimals}))"
    return f"DATE '{value.isoformat()}'" if isinstance(value, date) else text_literal(value)


def name(column: str) -> str:
    """A column's name as SQL writes it."""
    return '"' + column.replace('"', '""') + '"'
