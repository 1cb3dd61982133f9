"""Quantities of lines as they are written: a decimal, and an exact text where no decimal of the column is exact."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from ...money import Rounding
from ...records import Record
from ..condition import Comparison
from .ledger import Ledger
from .number import (
    HUGEINT_MAX,
    ZERO,
    Integer,
    Number,
    TooLargeError,
    Truth,
    add,
    both,
    choose,
    compare,
    literal,
    multiply,
    negated,
    negation,
)
from .sheet import Sheet

QUANTITY_DIGITS: Final = 12
"""Decimals of the column of quantities; a quantity that needs more, or has no decimal, has its exact text too."""

NO_TEXT: Final = "NULL::VARCHAR"

_REACH: Final = 18
"""A quantity that is a ratio has a decimal text where so many decimals hold it."""


_NARROW: Final = 18
"""Decimals of so many digits are integers of 64 bits."""


class QuantitySQL(Record):
    """A line's quantity as a decimal, rounded half even where that is not exact, and then its exact text, else NULL.

    `whole` and `decimals` are the digits before and behind the point that hold it in every row.
    """

    decimal: str
    exact: str = NO_TEXT
    whole: int = 0
    decimals: int = 0


def quantity_type(whole: int, decimals: int) -> str:
    """The narrowest type of quantities with so many digits before and behind the point."""
    return f"DECIMAL({_NARROW if whole + decimals <= _NARROW else 38},{decimals})"


def quantity_sql(sheet: Sheet, ledger: Ledger, quantity: Number | None) -> QuantitySQL:
    """How the quantity of a line is written. Raises `TooLargeError` where no column may hold it."""
    if quantity is None:
        return QuantitySQL("NULL")
    digits = _digits(quantity.scale) if quantity.under is None else None
    if digits is None:
        return _ratio_sql(sheet, ledger, quantity)
    if quantity.top.size_max * 10 ** (QUANTITY_DIGITS - digits) > HUGEINT_MAX:
        raise TooLargeError
    scaled = multiply(quantity.top, literal(10**digits // quantity.scale))
    whole = len(str(scaled.size_max // 10**digits))
    width = _NARROW if whole + digits <= _NARROW else 38
    return QuantitySQL(f"(({scaled.sql})::DECIMAL({width},0) * {_unit(digits)})", NO_TEXT, whole, digits)


def _digits(scale: int) -> int | None:
    """The fewest decimals that hold every multiple of `1 / scale`, if the column has so many."""
    return next((digits for digits in range(QUANTITY_DIGITS + 1) if 10**digits % scale == 0), None)


def _unit(digits: int) -> str:
    """The last of so many decimals, as a constant."""
    return f"{'0.' + '0' * (digits - 1) if digits else ''}1::DECIMAL({digits + 1},{digits})"


def _ratio_sql(sheet: Sheet, ledger: Ledger, quantity: Number) -> QuantitySQL:
    """A ratio in lowest terms, as `exact_text` and `approximate_text` write it: its whole part apart from the rest, so
    that no product is much longer than the ratio itself."""
    top, bottom = sheet.let(quantity.top), sheet.let(quantity.divisor)
    below = compare(top, Comparison.LESS, ZERO)
    size = choose(below, negated(top), top)
    whole, rest = sheet.quotient(sheet.let(replace(size, low=0, high=top.size_max)), bottom)
    common = sheet.let(
        Integer(f"gcd(({rest.sql})::HUGEINT, ({bottom.sql})::HUGEINT)", 1, bottom.high, max(rest.depth, bottom.depth))
    )
    above = sheet.let(_quotient(rest, common))
    under = sheet.let(replace(_quotient(bottom, common), low=1))
    column, reach = 10**QUANTITY_DIGITS, 10**_REACH
    behind = sheet.rounded(multiply(rest, literal(column)), bottom, Rounding.HALF_EVEN)
    shown = add(multiply(whole, literal(column)), replace(behind, high=min(behind.high, column)))
    signed = choose(below, negated(shown), shown)
    decimal = f"(({signed.sql})::DECIMAL(38,0) * {_unit(QUANTITY_DIGITS)})::DECIMAL(38,{QUANTITY_DIGITS})"
    holds = sheet.let(_divides(under, reach))
    ledger.refuse_where("quantities with more than eighteen decimals", both(_divides(under, 10**37), negation(holds)))
    digits = f"lpad((({above.sql})::HUGEINT * ({reach}::HUGEINT // ({under.sql})::HUGEINT))::VARCHAR, {_REACH}, '0')"
    text = f"({whole.sql})::VARCHAR || '.' || rtrim({digits}, '0')"
    # The numerator is no longer than the ratio's own before it was reduced.
    numerator = f"(({whole.sql})::HUGEINT * ({under.sql})::HUGEINT + ({above.sql})::HUGEINT)"
    ratio = f"{numerator}::VARCHAR || '/' || ({under.sql})::VARCHAR"
    sign = f"CASE WHEN {below.sql} THEN '-' ELSE '' END"
    exact = f"{sign} || CASE WHEN {holds.sql} THEN {text} ELSE {ratio} END"
    exact = f"CASE WHEN NOT {_divides(under, column).sql} THEN {exact} END"
    return QuantitySQL(decimal, exact, len(str(signed.size_max // column)), QUANTITY_DIGITS)


def _quotient(value: Integer, common: Integer) -> Integer:
    sql = f"(({value.sql})::HUGEINT // ({common.sql})::HUGEINT)"
    return Integer(sql, value.low, value.high, max(value.depth, common.depth))


def _divides(under: Integer, power: int) -> Truth:
    return Truth(f"({power}::HUGEINT % ({under.sql})::HUGEINT = 0)", None, under.depth)
