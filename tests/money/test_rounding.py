"""Laws of the one rounding function and the one allocation function."""

from decimal import ROUND_DOWN, ROUND_HALF_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, ROUND_UP, Context, Decimal
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ratebook.money import Rounding, allocate, round_ratio, round_to

DECIMAL_MODES = {
    Rounding.HALF_EVEN: ROUND_HALF_EVEN,
    Rounding.HALF_UP: ROUND_HALF_UP,
    Rounding.HALF_DOWN: ROUND_HALF_DOWN,
    Rounding.UP: ROUND_UP,
    Rounding.DOWN: ROUND_DOWN,
}
MODES = st.sampled_from(Rounding)


def test_the_modes_are_the_words_of_the_language() -> None:
    assert [mode.value for mode in Rounding] == ["half even", "half up", "half down", "up", "down"]


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        (Rounding.HALF_EVEN, [-2, -2, -1, 0, 0, 0, 1, 2, 2]),
        (Rounding.HALF_UP, [-3, -2, -1, -1, 0, 1, 1, 2, 3]),
        (Rounding.HALF_DOWN, [-2, -1, -1, 0, 0, 0, 1, 1, 2]),
        (Rounding.UP, [-3, -2, -1, -1, 0, 1, 1, 2, 3]),
        (Rounding.DOWN, [-2, -1, -1, 0, 0, 0, 1, 1, 2]),
    ],
)
def test_halves(mode: Rounding, expected: list[int]) -> None:
    assert [round_ratio(halves, 2, mode) for halves in (-5, -3, -2, -1, 0, 1, 2, 3, 5)] == expected


@given(st.integers(-(10**9), 10**9), st.integers(0, 6), MODES)
@example(25, 1, Rounding.HALF_EVEN)
@example(-15, 1, Rounding.HALF_DOWN)
def test_agrees_with_decimal(scaled: int, digits: int, mode: Rounding) -> None:
    exact = Decimal(scaled).scaleb(-digits)
    expected = exact.quantize(Decimal(1), rounding=DECIMAL_MODES[mode], context=Context(prec=40))
    assert round_ratio(scaled, 10**digits, mode) == int(expected)


@given(st.integers(), st.integers(1), MODES)
def test_is_symmetric_and_less_than_one_away(numerator: int, denominator: int, mode: Rounding) -> None:
    rounded = round_ratio(numerator, denominator, mode)
    assert round_ratio(-numerator, denominator, mode) == -rounded
    assert abs(rounded * denominator - numerator) < denominator


@given(st.fractions(), st.fractions(Fraction(1, 1000), 1000), MODES)
def test_round_to_counts_units(value: Fraction, unit: Fraction, mode: Rounding) -> None:
    ratio = value / unit
    assert round_to(value, unit, mode) == round_ratio(ratio.numerator, ratio.denominator, mode)
    assert round_to(7 * unit, unit, mode) == 7


def test_a_denominator_and_a_unit_are_positive() -> None:
    with pytest.raises(ValueError, match="denominator"):
        round_ratio(1, 0, Rounding.UP)
    with pytest.raises(ValueError, match="unit"):
        round_to(Fraction(1), Fraction(-1), Rounding.UP)


WEIGHTS = st.lists(st.integers(0, 10**6), max_size=12)


@given(st.integers(-(10**12), 10**12), WEIGHTS.filter(any))
def test_the_parts_add_up_and_are_within_one_of_their_share(total: int, weights: list[int]) -> None:
    parts = allocate(total, weights)
    assert sum(parts) == total
    assert allocate(-total, weights) == tuple(-part for part in parts)
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part - Fraction(total * weight, sum(weights))) < 1
        assert weight or not part


@given(st.integers(0, 10**6), st.integers(1, 12))
def test_of_equal_weights_the_earlier_get_more(total: int, count: int) -> None:
    parts = allocate(total, [1] * count)
    assert list(parts) == sorted(parts, reverse=True)


def test_the_largest_remainder_comes_first() -> None:
    assert allocate(100, [1, 1, 1]) == (34, 33, 33)
    assert allocate(-100, [1, 1, 1]) == (-34, -33, -33)
    assert allocate(10, [333, 333, 334]) == (3, 3, 4)
    assert allocate(1, [0, 1, 1]) == (0, 1, 0)


def test_nothing_is_allocated_to_no_weight() -> None:
    assert allocate(0, [0, 0]) == (0, 0)
    assert allocate(0, []) == ()
    with pytest.raises(ValueError, match="every weight is zero"):
        allocate(1, [0, 0])
    with pytest.raises(ValueError, match="not negative"):
        allocate(1, [2, -1])
