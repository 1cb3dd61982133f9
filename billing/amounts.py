"""Amounts as people write them, in minor units: `50`, `12.30`, `¥50`, `50 CNY`."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from fractions import Fraction

from ..diagnostics import Diagnostic
from ..ledger.requests import AMOUNT_MAX
from ..money import MoneyUnit, currency, grouped, symbols


def unit_of(code: str, *, place: str = "") -> MoneyUnit | Diagnostic:
    """The minor unit of a currency, or that there is no such currency."""
    found = currency(code)
    if found is None:
        meant = code.strip().upper()
        hint = f"write {meant}" if currency(meant) is not None else "give a code of ISO 4217, such as CNY or USD"
        return Diagnostic("RB7007", f"“{code}” is no currency", hints=(hint,), place=place)
    return MoneyUnit.minor(found)


_OWN_CURRENCY = re.compile(r"(.*[\d.,\s])([A-Za-z]{3})")
"""`12.30 CNY`: an amount that says its currency."""
_MINUS = ("-", "\N{MINUS SIGN}")


def parse_amount(text: str, code: str, *, place: str = "", above_zero: bool = False) -> int | Diagnostic:
    """The minor units of an amount in a currency: exact, so that a third decimal of a cent is refused.

    So is one that is larger than any amount may be, and where it has to be `above_zero`, one that is not.
    """
    unit = unit_of(code, place=place)
    if isinstance(unit, Diagnostic):
        return unit
    number = text.strip()
    said = _OWN_CURRENCY.fullmatch(number)
    if said is not None:
        number, own = said[1].strip(), said[2].upper()
        if own != code:
            return Diagnostic(
                "RB7007",
                f"the amount is in {own}, the account in {code}",
                hints=("give the amount in the account's currency",),
                place=place,
            )
    sign = number.startswith(_MINUS)
    number = number[1:] if sign else number
    for symbol in symbols(code):
        number = number.removeprefix(symbol)
    number = number.replace(",", "").strip()
    try:
        value = Decimal(number)
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite() or "e" in number.lower() or len(number) > 40:
        return Diagnostic(
            "RB7002", f"“{text}” is no amount", hints=(f"write it as 12.30 or 12.30 {code}",), place=place
        )
    exact = Fraction(-value if sign else value)
    if not unit.holds(exact):
        return Diagnostic(
            "RB7002",
            f"{text} is no whole number of minor units of {code}",
            hints=(f"{code} has {unit.currency.minor_digits} decimals",),
            place=place,
        )
    minor = unit.parse(exact)
    if abs(minor) > AMOUNT_MAX:
        most = f"no amount may be above {grouped(unit.text(AMOUNT_MAX))} {code}"
        hints = ("see whether it is a slip; else split it",)
        return Diagnostic("RB7004", f"{text} is too much: {most}", hints=hints, place=place)
    if above_zero and minor <= 0:
        return Diagnostic("RB7003", f"{text} is not above zero", hints=("give an amount above zero",), place=place)
    return minor


def refuse_amount(amount: object, *, place: str = "") -> Diagnostic | None:
    """Why an amount cannot be moved: it is no whole number, not above zero, or too large. The ledger says the same."""
    if type(amount) is not int:
        hint = "give whole minor units, such as cents"
        return Diagnostic("RB7002", f"{amount!r} is no whole number of minor units", hints=(hint,), place=place)
    if amount <= 0:
        return Diagnostic("RB7003", f"{amount} is not above zero", hints=("give an amount above zero",), place=place)
    if amount > AMOUNT_MAX:
        hint = "see whether the amount is a slip; else split it"
        return Diagnostic("RB7004", f"{amount} is above 10^15 minor units", hints=(hint,), place=place)
    return None


def amount_text(amount: int, code: str) -> str:
    """An amount as a plain decimal with its currency: `12.30 CNY`."""
    unit = unit_of(code)
    assert isinstance(unit, MoneyUnit), "amounts are stored in currencies that exist"
    return f"{unit.text(amount)} {code}"
