"""Quantities of lines as they are written: a decimal, and an exact text where no decimal of the column is exact."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from ...money import Rounding
from .ledger import Ledger
from .number import HUGEINT_MAX, Integer, Number, TooLargeError, Truth, both, literal, multiply, negation
from .sheet import Sheet

QUANTITY_DIGITS: Final = 12
"""Decimals of the column of quantities; a quantity that needs more, or has no decimal, has its exact text too."""

_REACH: Final = 18
"""A quantity that is a ratio has a decimal text where so many decimals hold it."""


def quantity_sql(sheet: Sheet, ledger: Ledger, quantity: Number | None) -> tuple[str, str]:
    """A line's quantity as a decimal, rounded half even where that is not exact, and then its exact text, else NULL."""
    type_ = f"DECIMAL(38,{QUANTITY_DIGITS})"
    if quantity is None:
        return f"NULL::{type_}", "NULL::VARCHAR"
    digits = _digits(quantity.scale) if quantity.under is None else None
    if digits is None:
        return _ratio_sql(sheet, ledger, quantity)
    if quantity.top.size_max * 10 ** (QUANTITY_DIGITS - digits) > HUGEINT_MAX:
        raise TooLargeError
    scaled = multiply(quantity.top, literal(10**digits // quantity.scale))
    return f"(({scaled.sql})::DECIMAL(38,0) * {_unit(digits)})::{type_}", "NULL::VARCHAR"


def _digits(scale: int) -> int | None:
    """The fewest decimals that hold every multiple of `1 / scale`, if the column has so many."""
    return next((digits for digits in range(QUANTITY_DIGITS + 1) if 10**digits % scale == 0), None)


def _unit(digits: int) -> str:
    """The last of so many decimals, as a constant."""
    return f"{'0.' + '0' * (digits - 1) if digits else ''}1::DECIMAL({digits + 1},{digits})"


def _ratio_sql(sheet: Sheet, ledger: Ledger, quantity: Number) -> tuple[str, str]:
    """A ratio in lowest terms, as `exact_text` and `approximate_text` write it."""
    top, bottom = sheet.let(quantity.top), sheet.let(quantity.divisor)
    common = sheet.let(
        Integer(f"gcd(({top.sql})::HUGEINT, ({bottom.sql})::HUGEINT)", 1, bottom.high, max(top.depth, bottom.depth))
    )
    above = sheet.let(_quotient(top, common))
    under = sheet.let(replace(_quotient(bottom, common), low=1))
    column = 10**QUANTITY_DIGITS
    shown = sheet.rounded(multiply(above, literal(column)), under, Rounding.HALF_EVEN)
    decimal = f"(({shown.sql})::DECIMAL(38,0) * {_unit(QUANTITY_DIGITS)})::DECIMAL(38,{QUANTITY_DIGITS})"
    reach = 10**_REACH
    if above.size_max * reach > HUGEINT_MAX:
        raise TooLargeError
    holds = sheet.let(_divides(under, reach))
    ledger.refuse_where("quantities with more than eighteen decimals", both(_divides(under, 10**37), negation(holds)))
    scaled = f"(({above.sql})::HUGEINT * ({reach}::HUGEINT // {under.sql}))"
    text = f"rtrim((({scaled})::DECIMAL(38,0) * {_unit(_REACH)})::VARCHAR, '0')"
    exact = f"CASE WHEN {holds.sql} THEN {text} ELSE ({above.sql})::VARCHAR || '/' || ({under.sql})::VARCHAR END"
    return decimal, f"CASE WHEN NOT {_divides(under, column).sql} THEN {exact} END"


def _quotient(value: Integer, common: Integer) -> Integer:
    sql = f"(({value.sql})::HUGEINT // {common.sql})"
    return Integer(sql, value.low, value.high, max(value.depth, common.depth))


def _divides(under: Integer, power: int) -> Truth:
    return Truth(f"({power}::HUGEINT % ({under.sql})::HUGEINT = 0)", None, under.depth)
