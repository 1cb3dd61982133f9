"""Amounts and their exact text."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ratebook.money
from ratebook.money import Currency, MoneyUnit, Rounding, approximate_text, decimal_text, grouped

CENT = MoneyUnit.minor(Currency("USD", 2))
FINE = MoneyUnit(Currency("USD", 2), Fraction(1, 10_000))
NICKEL = MoneyUnit(Currency("CHF", 2), Fraction(5, 100))
YEN = MoneyUnit.minor(Currency("JPY", 0))
UNITS = st.sampled_from([CENT, FINE, NICKEL, YEN])


@pytest.mark.parametrize(
    ("unit", "amount", "text"),
    [
        (CENT, 100_000, "1000.00"),
        (CENT, -5, "-0.05"),
        (CENT, 0, "0.00"),
        (FINE, 12, "0.0012"),
        (FINE, 10_000, "1.00"),
        (FINE, -15_000, "-1.50"),
        (NICKEL, 25, "1.25"),
        (YEN, -1200, "-1200"),
    ],
)
def test_text_is_exact_with_the_minor_digits(unit: MoneyUnit, amount: int, text: str) -> None:
    assert unit.text(amount) == text


@given(UNITS, st.integers())
def test_text_and_fraction_lead_back_to_the_amount(unit: MoneyUnit, amount: int) -> None:
    assert Fraction(unit.text(amount)) == unit.fraction(amount)
    assert unit.parse(unit.fraction(amount)) == amount
    assert unit.round(unit.fraction(amount), Rounding.HALF_EVEN) == amount


def test_parse_never_rounds() -> None:
    assert not CENT.holds(Fraction("0.005"))
    with pytest.raises(ValueError, match="whole number"):
        CENT.parse(Fraction("0.005"))
    assert CENT.round(Fraction("0.005"), Rounding.HALF_UP) == 1


@pytest.mark.parametrize("size", [Fraction(0), Fraction(-1), Fraction(1, 3)])
def test_a_unit_is_a_positive_decimal(size: Fraction) -> None:
    with pytest.raises(ValueError, match="positive decimal"):
        MoneyUnit(Currency("USD", 2), size)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=7), st.integers(0, 9))
def test_decimal_text_of_a_decimal_is_exact(value: Decimal, min_digits: int) -> None:
    text = decimal_text(Fraction(value), min_digits)
    assert text is not None
    assert Fraction(text) == Fraction(value)
    decimals = text.partition(".")[2]
    assert len(decimals) >= min_digits
    assert len(decimals) == min_digits or not decimals.endswith("0")


def test_decimal_text_knows_what_does_not_terminate() -> None:
    assert decimal_text(Fraction(1, 3)) is None
    assert decimal_text(Fraction(1, 12), 2) is None
    assert decimal_text(Fraction(3, 8)) == "0.375"
    assert decimal_text(Fraction(-7)) == "-7"


def test_approximate_text_is_half_even_and_has_no_negative_zero() -> None:
    assert approximate_text(Fraction(2, 3), 4) == "0.6667"
    assert approximate_text(Fraction(1, 8), 2) == "0.12"
    assert approximate_text(Fraction(-1, 1000), 2) == "0.00"
    assert approximate_text(Fraction(-5, 2), 0) == "-2"


def test_the_public_names_of_money() -> None:
    assert ratebook.money.__all__ == [
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


@pytest.mark.parametrize(
    ("text", "shown"),
    [("0", "0"), ("-0.05", "-0.05"), ("1234.50", "1,234.50"), ("-1234567", "-1,234,567"), ("999", "999")],
)
def test_thousands_are_grouped_and_signs_kept(text: str, shown: str) -> None:
    assert grouped(text) == shown
