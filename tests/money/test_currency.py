"""Currencies are known without loading a locale."""

import subprocess
import sys

import pytest

from ratebook.money import Currency, currency, symbols


@pytest.mark.parametrize(("code", "digits"), [("USD", 2), ("CNY", 2), ("EUR", 2), ("JPY", 0), ("KWD", 3), ("DEM", 2)])
def test_digits_of_known_codes(code: str, digits: int) -> None:
    assert currency(code) == Currency(code, digits)


@pytest.mark.parametrize("code", ["usd", "", "EURO", "ERU", "DEFAULT", "$"])
def test_other_words_are_no_currency(code: str) -> None:
    assert currency(code) is None


def test_symbols_are_those_of_the_currency() -> None:
    assert symbols("USD") == ("$",)
    assert symbols("CNY") == ("¥", "￥")
    assert symbols("JPY")[0] == "¥"
    assert symbols("INR") == ("₹",)
    assert symbols("CHF") == ()


def test_every_symbol_belongs_to_a_known_currency() -> None:
    from ratebook.money.currency import _SYMBOLS

    assert all(currency(code) is not None for code in _SYMBOLS)


def test_importing_money_imports_no_babel() -> None:
    code = "import sys, ratebook.money; sys.exit('babel' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_minor_digits_are_those_of_iso_4217() -> None:
    import iso4217

    for listed in iso4217.Currency:
        known = currency(listed.code)
        if listed.exponent is not None and known is not None:
            assert known.minor_digits == listed.exponent, listed.code
