"""Leaves: different rows never have the same bytes, and what is no row has none."""

from __future__ import annotations

import enum
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratebook.ledger.leaf import DECIMAL_LENGTH_MAX, Field, heading, leaf, tagged, untagged

FIELDS = st.one_of(
    st.none(),
    st.integers(),
    st.text(st.characters(codec="utf-8")),
    st.binary(),
    # What could pass for the lines of other fields.
    st.lists(st.sampled_from(["\n", "i1:", "s", "0", "n0:", ":", "é"])).map("".join),
)
ROWS = st.tuples(st.text(st.characters(codec="utf-8"), max_size=5), st.lists(FIELDS, max_size=6))


def read_leaf(data: bytes) -> tuple[str, list[Field]]:
    """The row back from its bytes, written after the words of the module and not after its code."""
    domain, _, rest = data.partition(b"\n")
    assert domain == b"ratebook.ledger/1"
    lines: list[tuple[str, str]] = []
    while rest:
        head, _, rest = rest.partition(b":")
        tag, length = head[:1].decode(), int(head[1:])
        text, end, rest = rest[:length], rest[length : length + 1], rest[length + 1 :]
        assert end == b"\n"
        lines.append((tag, text.decode()))
    (tag, table), *fields = lines
    assert tag == "t"
    return table, [untagged(*line) for line in fields]


def same(one: tuple[str, list[Field]], other: tuple[str, list[Field]]) -> bool:
    """Equal with their types: 1 and True are equal in Python."""
    return repr(one) == repr(other)


def test_the_example_of_the_module() -> None:
    table = heading("transfer", ["id", "key", "amount"])
    assert leaf(table, [17, "march/a-1", 100000]) == (
        b"ratebook.ledger/1\nt23:transfer(id,key,amount)\ni2:17\ns9:march/a-1\ni6:100000\n"
    )


def test_every_kind_of_field() -> None:
    fields: list[Field] = [None, -1, 0, "", "é\n", b"", b"\x00\xff"]
    assert leaf("x", fields) == "ratebook.ledger/1\nt1:x\nn0:\ni2:-1\ni1:0\ns0:\ns3:é\n\nb0:\nb4:00ff\n".encode()


@given(ROWS)
def test_a_leaf_can_be_read_back(row: tuple[str, list[Field]]) -> None:
    assert same(read_leaf(leaf(*row)), row)


@given(ROWS, ROWS)
def test_two_different_rows_never_have_the_same_bytes(
    one: tuple[str, list[Field]], other: tuple[str, list[Field]]
) -> None:
    assert (leaf(*one) == leaf(*other)) == same(one, other)


@given(ROWS)
def test_a_leaf_is_its_tagged_fields(row: tuple[str, list[Field]]) -> None:
    table, fields = row
    lines = [("t", table), *map(tagged, fields)]
    text = "".join(f"{tag}{len(text.encode())}:{text}\n" for tag, text in lines)
    assert leaf(table, fields) == f"ratebook.ledger/1\n{text}".encode()


@pytest.mark.parametrize("digits", [DECIMAL_LENGTH_MAX, DECIMAL_LENGTH_MAX + 1, 4_299, 4_301, 20_000])
@pytest.mark.parametrize("sign", [1, -1])
def test_integers_of_any_size(digits: int, sign: int) -> None:
    value = sign * (10 ** (digits - 1) + 7)
    _, fields = read_leaf(leaf("x", [value, value + 1]))
    assert fields == [value, value + 1]
    tag, text = tagged(value)
    assert tag == "i"
    assert text.startswith(("0x", "-0x")) == (digits + (sign < 0) > DECIMAL_LENGTH_MAX)


class Colour(enum.StrEnum):
    RED = "red"


class Count(int):
    pass


@pytest.mark.parametrize("value", [True, False, 1.0, Fraction(1), Colour.RED, Count(1), bytearray(b"x"), ("a",)])
def test_other_types_are_refused(value: object) -> None:
    with pytest.raises(TypeError, match=type(value).__name__):
        leaf("x", [value])  # type: ignore[list-item]


def test_half_a_surrogate_pair_is_refused() -> None:
    with pytest.raises(UnicodeEncodeError):
        leaf("x", ["\ud800"])


@pytest.mark.parametrize(
    ("tag", "text"),
    [
        ("i", "007"), ("i", "-0"), ("i", "+1"), ("i", " 1"), ("i", "1_0"), ("i", "٣"), ("i", ""), ("i", "0x10"),
        ("i", "1" * 5_000), ("b", "0"), ("b", "AA"), ("b", "0 0"), ("n", "x"), ("t", "x"), ("", ""), ("i", "1\n"),
    ],
)  # fmt: skip
def test_what_no_leaf_writes_is_no_field(tag: str, text: str) -> None:
    with pytest.raises(ValueError, match="no field"):
        untagged(tag, text)


@pytest.mark.parametrize(
    ("table", "columns"),
    [("", ["id"]), ("a b", ["id"]), ("a", ["id,key"]), ("a", ["id", ""]), ("a(id)", ["id"]), ("a", ["id", "id"])],
)
def test_names_that_could_be_mistaken_are_refused(table: str, columns: list[str]) -> None:
    with pytest.raises(ValueError, match=r"no name|stands twice"):
        heading(table, columns)
