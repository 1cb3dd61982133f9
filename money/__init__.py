"""Exact money: currencies, amounts as whole numbers of a unit, and the one way to round and to split them."""

from __future__ import annotations

from .amount import MoneyUnit, approximate_text, decimal_text, grouped
from .currency import Currency, currency, symbols
from .rounding import Rounding, allocate, round_ratio, round_to

__all__ = [
    "Currency",
    "MoneyUnit",
    "Rounding",
    "allocate",
    "approximate_text",
    "currency",
    "decimal_text",
    "grouped",
    "round_ratio",
    "round_to",
    "symbols",
]
