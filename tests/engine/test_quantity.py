"""Units convert exactly, and only within their family."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratebook.engine.quantity import (
    BUILT_IN,
    NUMBER,
    Unit,
    UnitTable,
    binary_and_decimal_mixed,
    convert,
    convertible,
    per_interval,
    product,
    quotient,
)

TABLE = UnitTable().with_count("unit").with_count("seat")
TABLE = TABLE.with_multiple("crate", Fraction(100), TABLE.units["unit"])
NAMES = st.sampled_from(sorted(TABLE.units))


def unit(name: str) -> Unit:
    found = TABLE.find(name)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("value", "from_", "to", "expected"),
    [
        ("1", "GB", "MB", "1000"),
        ("1", "GiB", "B", "1073741824"),
        ("1", "GiB", "GB", "1.073741824"),
        ("90", "min", "h", "1.5"),
        ("1", "day", "s", "86400"),
        ("1", "MWh", "kWh", "1000"),
        ("1", "Mbps", "Mbps", "1"),
        ("2", "Gbps", "Mbps", "2000"),
        ("3", "crate", "unit", "300"),
        ("1", "GB h", "MB min", "60000"),
        ("1", "kW h", "kWh", "1"),
        ("1", "Mbps s", "B", "125000"),
    ],
)
def test_conversions(value: str, from_: str, to: str, expected: str) -> None:
    assert convert(Fraction(value), unit(from_), unit(to)) == Fraction(expected)


def test_energy_per_interval_is_power_and_bytes_per_interval_a_rate() -> None:
    assert convert(Fraction(1), per_interval(unit("kWh"), 900), unit("kW")) == 4
    assert convert(Fraction(37_500_000), per_interval(unit("B"), 300), unit("Mbps")) == 1


def test_products_and_quotients_undo_each_other() -> None:
    both = product(unit("GB"), unit("h"))
    assert both.name == "GB h"
    assert convertible(quotient(both, unit("min")), unit("B"))
    assert quotient(unit("kWh"), unit("Wh")) == Unit("kWh per Wh", NUMBER, Fraction(1000))


@given(NAMES, NAMES, st.fractions())
def test_there_and_back_is_the_value(left: str, right: str, value: Fraction) -> None:
    if convertible(unit(left), unit(right)):
        assert convert(convert(value, unit(left), unit(right)), unit(right), unit(left)) == value
    else:
        with pytest.raises(ValueError, match="does not convert"):
            convert(value, unit(left), unit(right))


def test_declared_counts_convert_only_as_declared() -> None:
    assert not convertible(unit("unit"), unit("seat"))
    assert convertible(unit("crate"), unit("unit"))
    clock = UnitTable().with_count("time").find("time")
    assert clock is not None
    assert not convertible(clock, unit("h"))


def test_a_name_is_declared_once_and_an_unknown_one_is_none() -> None:
    assert TABLE.find("month") is None
    assert TABLE.find("GB month") is None
    assert TABLE.find("month GB") is None
    with pytest.raises(ValueError, match="already declared"):
        TABLE.with_count("GB")
    with pytest.raises(ValueError, match="positive multiple"):
        TABLE.with_multiple("void", Fraction(0), unit("unit"))


def test_tables_are_values() -> None:
    assert UnitTable().with_count("unit") == UnitTable().with_count("unit")
    assert "unit" not in BUILT_IN


def test_mixed_byte_families_are_noticed() -> None:
    assert binary_and_decimal_mixed([unit("GB"), unit("GiB")])
    assert binary_and_decimal_mixed([unit("GB h"), unit("KiB")])
    assert not binary_and_decimal_mixed([unit("GB"), unit("B"), unit("MB")])
    assert not binary_and_decimal_mixed([unit("GiB"), unit("B"), unit("h")])
