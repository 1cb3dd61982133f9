"""Currencies: which codes there are, how many minor digits each has, and the signs a ruleset may write.

The codes are those of the Unicode CLDR as shipped with Babel, past ones included; the digits are those of ISO 4217.
Only Babel's global table is read, never a locale: a locale costs as much again to load, and nothing here is shown to
anyone. Formatting for a reader's language is the business of `invoice`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final


@dataclass(frozen=True, slots=True)
class Currency:
    """`currency CNY`: amounts have `minor_digits` decimals unless the ruleset declares another unit."""

    code: str
    minor_digits: int


_DOLLARS: Final = ("USD", "AUD", "CAD", "HKD", "MXN", "NZD", "SGD", "TWD")

# The sign a currency's own country writes. Locale data has no such table: in English it gives `CN¥` for CNY.
_SYMBOLS: Final[dict[str, tuple[str, ...]]] = {
    **dict.fromkeys(_DOLLARS, ("$",)),
    "BRL": ("R$",),
    "CNY": ("¥", "￥"),
    "EUR": ("€",),
    "GBP": ("£",),
    "ILS": ("₪",),
    "INR": ("₹",),
    "JPY": ("¥", "￥"),
    "KRW": ("₩",),
    "NGN": ("₦",),
    "PHP": ("₱",),
    "PLN": ("zł",),
    "RUB": ("₽",),
    "THB": ("฿",),
    "TRY": ("₺",),
    "UAH": ("₴",),
    "VND": ("₫",),
}


# The CLDR counts the digits in everyday use, which for these are fewer than the minor unit that ISO 4217 lists.
_ISO_DIGITS: Final = {
    **dict.fromkeys(("AFN", "ALL", "IRR", "KPW", "LAK", "LBP", "MGA", "MMK", "RSD", "SOS", "SYP", "YER"), 2),
    "IQD": 3,
}


@cache
def currency(code: str) -> Currency | None:
    """The currency of an ISO 4217 code, present or past, or None if there is no such code.

    Codes that have gone out of use stay known, so that the ruleset of a closed year stays readable.
    """
    # Imported here because it takes some 30 ms, which commands that see no currency need not pay.
    from babel.core import get_global

    if code not in get_global("all_currencies"):
        return None
    fractions = get_global("currency_fractions")
    in_use: int = fractions.get(code, fractions["DEFAULT"])[0]
    return Currency(code, _ISO_DIGITS.get(code, in_use))


def symbols(code: str) -> tuple[str, ...]:
    """The signs that stand for the currency in a ruleset; a currency without any is written by its code."""
    return _SYMBOLS.get(code, ())
