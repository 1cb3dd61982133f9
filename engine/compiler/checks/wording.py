"""Amounts and quantities as findings show them."""

from __future__ import annotations

from fractions import Fraction

from ....money import MoneyUnit, approximate_text, decimal_text, grouped, symbols


def number_text(value: Fraction) -> str:
    """A number with its thousands grouped; one that does not terminate to six decimals."""
    return grouped(decimal_text(value) or approximate_text(value, 6))


def money_text(value: Fraction, money: MoneyUnit) -> str:
    """An amount in the ruleset's currency, as the language writes it: exact, with at least the minor digits."""
    currency = money.currency
    signs = symbols(currency.code)
    text = decimal_text(value, currency.minor_digits) or approximate_text(value, 6)
    return f"{signs[0] if signs else currency.code + ' '}{grouped(text)}"


def listed(texts: list[str]) -> str:
    """`a, b and c`."""
    return " and ".join(filter(None, [", ".join(texts[:-1]), texts[-1]])) if texts else ""
