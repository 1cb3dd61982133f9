"""Decimals as whole numbers of their last digits, in types that hold them."""

from __future__ import annotations

from fractions import Fraction

import pytest

from ratebook.intake.columnar.tables import whole_sql
from ratebook.intake.parquet import connect
from ratebook.money import decimal_text


@pytest.mark.parametrize("scale", [0, 1, 6, 8, 9, 12, 18, 20])
@pytest.mark.parametrize("digits", [1, 11, 12, 13, 17, 18, 19, 25, 38])
def test_every_digit_is_kept(scale: int, digits: int) -> None:
    largest = 10 ** max(digits, scale) - 1
    numbers = [largest, -largest, 0, 1, -1, largest // 3, -(largest // 7), 10**scale, -(10**scale) - 1]
    own = [number for number in numbers if abs(number) <= largest]
    texts = [decimal_text(Fraction(number, 10**scale)) for number in own]
    found = connect().execute(
        f"SELECT CAST({whole_sql('number', scale, largest)} AS HUGEINT) "
        f"FROM (SELECT unnest(?::VARCHAR[])::DECIMAL(38,{scale}) AS number)",
        [texts],
    )
    assert [row[0] for row in found.fetchall()] == own
