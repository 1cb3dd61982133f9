"""Records behave as frozen dataclasses do."""

from __future__ import annotations

import copy
import dataclasses
import pickle

import pytest

from ratebook.records import Record, field


class Base(Record):
    place: int = field(compare=False, repr=False, kw_only=True)


class Point(Base):
    x: int
    y: str = "d"
    notes: tuple[str, ...] = field(default_factory=tuple)

    def __post_init__(self) -> None:
        if self.x < 0:
            raise ValueError("x is below zero")


def test_equality_hash_and_repr_leave_out_what_they_should() -> None:
    assert Point(1, place=3) == Point(1, "d", (), place=9)
    assert hash(Point(1, place=3)) == hash(Point(1, place=9))
    assert Point(1, place=3) != Point(2, place=3)
    assert repr(Point(1, place=3)) == "Point(x=1, y='d', notes=())"


def test_match_replace_copy_and_pickle() -> None:
    match Point(1, "e", place=3):
        case Point(x, y):
            assert (x, y) == (1, "e")
    point = Point(1, place=3)
    assert dataclasses.replace(point, x=5) == Point(5, place=3)
    assert [item.name for item in dataclasses.fields(point)] == ["place", "x", "y", "notes"]
    assert pickle.loads(pickle.dumps(point)) == copy.deepcopy(point) == point
    assert not hasattr(point, "__dict__")


def test_frozen_and_checked() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Point(1, place=3).x = 2  # type: ignore[misc]
    with pytest.raises(ValueError, match="below zero"):
        Point(-1, place=3)
    with pytest.raises(ValueError, match="below zero"):
        dataclasses.replace(Point(1, place=3), x=-1)


class Odd(Base):
    x: int = 1


class OddAfterAll(Odd):
    y: int


def test_many_of_a_class_behave_as_the_first_ones() -> None:
    class Line(Base):
        x: int
        notes: list[str] = field(default_factory=list)
        y: str = "d"

        def __post_init__(self) -> None:
            if self.x < 0:
                raise ValueError("x is below zero")

    class Longer(Line):
        z: int = 7

    first = Line(1, place=3)
    general = Line.__init__
    many = [Line(1, place=3) for _ in range(300)]
    assert Line.__init__ is not general and Longer.__init__ is general
    assert all(each == first and each.place == 3 for each in many)
    assert many[-1].notes == [] and many[-1].notes is not many[-2].notes
    assert Line(2, ["n"], "e", place=4) == Line(y="e", notes=["n"], x=2, place=4) != first
    assert Longer(1, place=3).z == 7
    with pytest.raises(ValueError, match="below zero"):
        Line(-1, place=3)
    for values, named in (
        [(), {"place": 1}],
        [(1,), {}],
        [(1, [], "a", 4), {"place": 1}],
        [(1,), {"z": 1, "place": 1}],
    ):
        with pytest.raises(TypeError):
            Line(*values, **named)  # type: ignore[arg-type]


def test_a_field_without_a_default_may_follow_one_with() -> None:
    made = [OddAfterAll(y=number, place=0) for number in range(300)]
    assert made[-1] == OddAfterAll(1, 299, place=5)


@pytest.mark.parametrize(
    ("values", "named"),
    [((), {"place": 1}), ((1,), {}), ((1, "a", (), 4), {"place": 1}), ((1,), {"z": 1, "place": 1}), ((1,), {"x": 1})],
)
def test_wrong_calls_are_type_errors(values: tuple[object, ...], named: dict[str, object]) -> None:
    with pytest.raises(TypeError):
        Point(*values, **named)  # type: ignore[arg-type]
