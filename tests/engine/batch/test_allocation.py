"""Divisions, roundings and allocations in SQL are those of `money`, also where only 128 bits hold what lies between."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import assume, example, given
from hypothesis import strategies as st

from ratebook.engine.batch.allocation import allocate, moved_to_room
from ratebook.engine.batch.number import Integer, TooLargeError, literal
from ratebook.engine.batch.sheet import Sheet
from ratebook.intake.parquet import connect
from ratebook.money import Rounding, round_ratio
from ratebook.money import allocate as allocated

SIZES = st.sampled_from([10, 1_000, 10**9, 2**31, 2**32, 10**12, 2**63, 10**18, 10**24, 10**30]).flatmap(
    lambda most: st.integers(0, most) | st.integers(max(0, most - 3), most)
)
DIVISORS = st.sampled_from(
    [1, 2, 3, 7, 10, 100, 10**6, 10**9, 10**12, 3 * 10**10, 2**31 - 1, 2**32 + 1, 10**20, 28 * 30]
)


def column(name: str, values: Sequence[int]) -> Integer:
    return Integer(name, min(values), max(values))


def evaluated(sheet: Sheet, columns: Sequence[str], values: Sequence[Sequence[int]], found: Sequence[Integer]) -> list:
    """The rows of some integers over a table of constants."""
    rows = ", ".join(f"({', '.join(f'{value}::HUGEINT' for value in row)})" for row in values)
    source = f"(SELECT * FROM (VALUES {rows}) AS v({', '.join(columns)}))"
    with connect() as connection:
        result = connection.execute(sheet.select(source, [item.sql for item in found])).fetchall()
    for row in result:
        for value, item in zip(row, found, strict=True):
            assert item.low <= value <= item.high
    return result


@given(st.lists(SIZES, min_size=1, max_size=6), DIVISORS, st.booleans(), st.sampled_from(Rounding), st.booleans())
@example([10**24, 0, 5], 10**12, False, Rounding.HALF_EVEN, True)
@example([2**95 - 1, 2**95 - 2**32], 2**31 - 1, True, Rounding.UP, True)
def test_an_amount_is_rounded_as_money_is(
    sizes: list[int], divisor: int, negative: bool, mode: Rounding, constant: bool
) -> None:
    tops = [-size if negative and index % 2 else size for index, size in enumerate(sizes)]
    sheet = Sheet(1)
    bottom = literal(divisor) if constant else Integer("b", divisor, divisor + 1)
    found = sheet.rounded(column("t", tops), bottom, mode)
    rows = evaluated(sheet, ("t", "b"), [(top, divisor) for top in tops], [found])
    assert [row[0] for row in rows] == [round_ratio(top, divisor, mode) for top in tops]


@given(st.data())
def test_parts_are_those_of_an_allocation(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 9))
    weight = data.draw(st.sampled_from([3, 1_000, 10**9, 10**14]))
    weights = st.lists(st.just(0) | st.integers(0, weight), min_size=count, max_size=count)
    size = st.integers(0, data.draw(st.sampled_from([5, 10**6, 10**15])))
    values = data.draw(st.lists(st.tuples(size, weights), min_size=1, max_size=5))
    sheet = Sheet(1)
    names = [f"w{index}" for index in range(count)]
    columns = [column(name, [own[index] for _, own in values]) for index, name in enumerate(names)]
    found = allocate(sheet, column("s", [own for own, _ in values]), columns)
    rows = evaluated(sheet, ["s", *names], [(own, *weights) for own, weights in values], found)
    for row, (own, weights_of) in zip(rows, values, strict=True):
        assert row == (allocated(own, weights_of) if any(weights_of) else (0,) * count)


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), min_size=1, max_size=20))
def test_what_has_no_room_moves_to_the_first_that_has(pairs: list[tuple[int, int]]) -> None:
    parts, most = [part for part, _ in pairs], [limit for _, limit in pairs]
    sheet = Sheet(1)
    names = [f"{kind}{index}" for kind in "pm" for index in range(len(pairs))]
    columns = [Integer(name, 0, 20) for name in names]
    found = moved_to_room(sheet, columns[: len(pairs)], columns[len(pairs) :])
    (row,) = evaluated(sheet, names, [(*parts, *most)], found)
    over = sum(max(part - limit, 0) for part, limit in pairs)
    wanted = [min(part, limit) for part, limit in pairs]
    for index, limit in enumerate(most):
        room = min(over, limit - wanted[index])
        wanted[index] += room
        over -= room
    assert list(row) == wanted


@given(st.integers(10**37, 10**38 - 1))
def test_what_no_type_holds_is_told_before_anything_runs(top: int) -> None:
    sheet = Sheet(1)
    try:
        found = sheet.rounded(Integer("t", 0, top), literal(7), Rounding.HALF_EVEN)
    except TooLargeError:
        return
    ((value,),) = evaluated(sheet, ("t",), [(top,)], [found])
    assume(found.high >= 0)
    assert value == round_ratio(top, 7, Rounding.HALF_EVEN)
