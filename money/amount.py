"""Amounts: whole numbers of a money unit, and exact decimal text.

An amount is a plain `int`; its `MoneyUnit` says what one of it is worth. Signs of currencies, thousands separators and
languages are not known here.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from .currency import Currency
from .rounding import Rounding, round_to


@dataclass(frozen=True, slots=True)
class MoneyUnit:
    """`round each line to ¥0.0001`: what amounts are whole numbers of, usually the currency's minor unit."""

    currency: Currency
    size: Fraction

    def __post_init__(self) -> None:
        if self.size <= 0 or decimal_text(self.size) is None:
            raise ValueError(f"a money unit is a positive decimal, not {self.size}")

    @classmethod
    def minor(cls, currency: Currency) -> MoneyUnit:
        """The unit of a ruleset that declares none: the currency's minor unit."""
        return cls(currency, Fraction(1, 10**currency.minor_digits))

    def fraction(self, amount: int) -> Fraction:
        """The amount in whole currency: 1234 cents are 12.34."""
        return amount * self.size

    def holds(self, value: Fraction) -> bool:
        """Whether the value is a whole number of this unit, so that `parse` takes it."""
        return (value / self.size).denominator == 1

    def parse(self, value: Fraction) -> int:
        """The amount that is exactly this much whole currency; money between two amounts is refused, never rounded."""
        ratio = value / self.size
        if ratio.denominator != 1:
            raise ValueError(f"{value} is not a whole number of {self.size} {self.currency.code}")
        return ratio.numerator

    def round(self, value: Fraction, mode: Rounding) -> int:
        """The amount that this much whole currency rounds to."""
        return round_to(value, self.size, mode)

    def text(self, amount: int) -> str:
        """The exact amount as a plain decimal with at least the currency's minor digits: `1000.00`, `0.0012`."""
        text = decimal_text(self.fraction(amount), self.currency.minor_digits)
        assert text is not None, "the unit's size terminates, so its multiples do"
        return text


def decimal_text(value: Fraction, min_digits: int = 0) -> str | None:
    """The exact decimal text with at least `min_digits` decimals, or None for a fraction that does not terminate."""
    rest = value.denominator
    twos = (rest & -rest).bit_length() - 1
    rest >>= twos
    fives = 0
    while rest % 5 == 0:
        rest //= 5
        fives += 1
    if rest != 1:
        return None
    digits = max(twos, fives, min_digits)
    return _placed(value.numerator * (10**digits // value.denominator), digits)


def approximate_text(value: Fraction, digits: int) -> str:
    """The value to exactly `digits` decimals, half even: for showing what has no exact text, never for reckoning."""
    return _placed(round_to(value, Fraction(1, 10**digits), Rounding.HALF_EVEN), digits)


def grouped(text: str) -> str:
    """A decimal text with commas between its thousands, as the language writes numbers: `-1,234.50`."""
    sign = "-" if text.startswith("-") else ""
    whole, point, decimals = text.removeprefix("-").partition(".")
    return f"{sign}{int(whole):,}{point}{decimals}"


def _placed(scaled: int, digits: int) -> str:
    """`scaled / 10**digits` as text."""
    sign = "-" if scaled < 0 else ""
    if digits == 0:
        return f"{sign}{abs(scaled)}"
    whole, decimals = divmod(abs(scaled), 10**digits)
    return f"{sign}{whole}.{decimals:0{digits}d}"
