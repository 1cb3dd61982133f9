"""Boxes: a range for each axis, and what has been assumed about comparisons that ranges alone do not decide."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import TypeAlias

from .curve import At
from .form import Form

Question: TypeAlias = tuple[object, ...]
"""Names a comparison with a form, or a fact of the calendar."""


@dataclass(frozen=True, slots=True)
class Range:
    """Both ends belong to it; `high` is None where it has no end."""

    low: At
    high: At | None

    @property
    def is_point(self) -> bool:
        return self.low == self.high

    def holds(self, at: At) -> bool:
        return self.low <= at and (self.high is None or at <= self.high)


@dataclass(frozen=True, slots=True)
class Box:
    """`answers` are assumed answers to questions, `signs` assumed signs of atoms `Positive`.

    `given` are forms that are not below zero under these assumptions.
    """

    ranges: tuple[Range, ...]
    answers: Mapping[Question, bool] = field(default_factory=dict)
    signs: Mapping[int, bool] = field(default_factory=dict)
    given: tuple[Form, ...] = ()

    def narrowed(self, axis: int, low: At | None = None, high: At | None = None) -> Box | None:
        """The box with a smaller range, or None where nothing is left."""
        own = self.ranges[axis]
        low = own.low if low is None else max(low, own.low)
        high = own.high if high is None else (high if own.high is None else min(high, own.high))
        if high is not None and high < low:
            return None
        ranges = list(self.ranges)
        ranges[axis] = Range(low, high)
        return replace(self, ranges=tuple(ranges))

    def at(self, axis: int, place: At) -> Box:
        """The box at one place of an axis."""
        ranges = list(self.ranges)
        ranges[axis] = Range(place, place)
        return replace(self, ranges=tuple(ranges))

    def assuming(self, question: Question, answer: bool, given: Form | None) -> Box:
        """The box with an answer."""
        known = self.given if given is None else (*self.given, given)
        return replace(self, answers={**self.answers, question: answer}, given=known)

    def with_sign(self, atom: int, positive: bool, given: Form) -> Box:
        """The box in which an atom `Positive` is open, or shut."""
        return replace(self, signs={**self.signs, atom: positive}, given=(*self.given, given))


class Fork(Exception):  # noqa: N818 - a question, not an error
    """A total depends on an answer that the box does not give; `ways` are the boxes with each answer."""

    def __init__(self, ways: tuple[Box, ...], *, axis: int | None = None, at: At | None = None) -> None:
        super().__init__("undecided")
        self.ways = ways
        self.axis = axis
        self.at = at
        self.question: Question | None = None
        self.form: Form | None = None


def split_at(box: Box, axis: int, at: At) -> tuple[Box, ...]:
    """The two parts of a box: before a place, and from it on."""
    before = At(at.number, at.side - 1)
    parts = (box.narrowed(axis, high=before), box.narrowed(axis, low=at))
    return tuple(part for part in parts if part is not None)


def middle_of(range_: Range, points: list[Fraction]) -> At | None:
    """A place inside a range at which to divide it, at a point of its curves where there is one."""
    inside = sorted({point for point in points if range_.holds(At(point)) and range_.low < At(point)})
    if inside:
        return At(inside[len(inside) // 2])
    if range_.low.number < 0:
        return At(Fraction(0))
    low = range_.low.number
    if range_.high is None:
        return At(max(2 * low, Fraction(1)) if low else Fraction(1))
    if range_.high.number <= low:
        return At(low, range_.low.side + 1) if range_.low < range_.high else None
    return At((low + range_.high.number) / 2)
