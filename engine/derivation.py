"""The explanation of an amount: a tree made by the computation itself, whose replay gives the amount again.

A `Step` holds an exact value and how it came about from its parts. Leaves are `GIVEN`: a quantity counted from usage, a
rate of the ruleset, an attribute of the account. Everything above a leaf can be recomputed; `replay` does so.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import assert_never

from ..money import Rounding, allocate, round_to


@dataclass(frozen=True, slots=True)
class Place:
    """Where a rule stands: file, line (from 1), and the character offsets `[start, end)`."""

    file: str
    line: int
    start: int
    end: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class Op(enum.Enum):
    """How a value comes from its parts."""

    GIVEN = "given"
    SUM = "sum"
    DIFFERENCE = "difference"
    PRODUCT = "product"
    QUOTIENT = "quotient"
    NEGATIVE = "negative"
    ROUND = "round"
    LESSER = "lesser"
    GREATER = "greater"
    SHARE = "share"


class Role(enum.Enum):
    """What a step is to a reader; printers choose their words by it."""

    AMOUNT = "amount"
    QUANTITY = "quantity"
    METER = "meter"
    INCLUDED = "included"
    BAND = "band"
    SLICE = "slice"
    RATE = "rate"
    ONCE = "once"
    EVENT = "event"
    TERM = "term"
    TARGET = "target"
    BASE = "base"
    PERCENT = "percent"
    BOUND = "bound"
    LIMIT = "limit"
    ROUNDING = "rounding"
    WINDOW = "window"
    PART = "part"


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a derivation.

    `unit` names what the value counts: a unit of quantity or a currency's code, empty for a pure number. `size` and
    `mode` belong to `ROUND` (to a multiple of `size`); `SHARE` is the part number `index` of its first part, allocated
    in multiples of `size` by the weights that are its other parts.
    """

    op: Op
    role: Role
    value: Fraction
    label: str = ""
    unit: str = ""
    parts: tuple[Step, ...] = ()
    size: Fraction = Fraction(1)
    mode: Rounding = Rounding.HALF_EVEN
    index: int = 0
    place: Place | None = None
    note: str = ""


def replay(step: Step) -> Fraction:
    """Recompute a step from its leaves; equal to `step.value` for every step that an evaluator made."""
    parts = [replay(part) for part in step.parts]
    match step.op:
        case Op.GIVEN:
            return step.value
        case Op.SUM:
            return sum(parts, Fraction(0))
        case Op.DIFFERENCE:
            return parts[0] - sum(parts[1:], Fraction(0))
        case Op.PRODUCT:
            return math.prod(parts, start=Fraction(1))
        case Op.QUOTIENT:
            return parts[0] / parts[1]
        case Op.NEGATIVE:
            return -parts[0]
        case Op.ROUND:
            return round_to(parts[0], step.size, step.mode) * step.size
        case Op.LESSER:
            return min(parts)
        case Op.GREATER:
            return max(parts)
        case Op.SHARE:
            return _share(step, parts)
        case _:
            assert_never(step.op)


def _share(step: Step, parts: list[Fraction]) -> Fraction:
    whole, weights = parts[0] / step.size, parts[1:]
    if whole.denominator != 1:
        raise ValueError("what is allocated is not a multiple of the money unit")
    scale = math.lcm(*(weight.denominator for weight in weights))
    return allocate(int(whole), [int(weight * scale) for weight in weights])[step.index] * step.size


def steps(step: Step) -> Iterator[Step]:
    """The step and all below it, parents first."""
    yield step
    for part in step.parts:
        yield from steps(part)


def given(
    role: Role, value: Fraction, label: str = "", unit: str = "", *, place: Place | None = None, note: str = ""
) -> Step:
    """A leaf."""
    return Step(Op.GIVEN, role, value, label, unit, place=place, note=note)


def total(role: Role, parts: tuple[Step, ...], label: str = "", unit: str = "", *, place: Place | None = None) -> Step:
    """The sum of steps."""
    return Step(Op.SUM, role, sum((part.value for part in parts), Fraction(0)), label, unit, parts, place=place)


def difference(role: Role, parts: tuple[Step, ...], label: str = "", unit: str = "") -> Step:
    """The first step less the others."""
    value = parts[0].value - sum((part.value for part in parts[1:]), Fraction(0))
    return Step(Op.DIFFERENCE, role, value, label, unit, parts)


def product(
    role: Role, parts: tuple[Step, ...], label: str = "", unit: str = "", *, place: Place | None = None, note: str = ""
) -> Step:
    """The product of steps."""
    value = math.prod((part.value for part in parts), start=Fraction(1))
    return Step(Op.PRODUCT, role, value, label, unit, parts, place=place, note=note)


def quotient(role: Role, dividend: Step, divisor: Step, label: str = "", unit: str = "") -> Step:
    """One step over another."""
    return Step(Op.QUOTIENT, role, dividend.value / divisor.value, label, unit, (dividend, divisor))


def negative(role: Role, part: Step, label: str = "") -> Step:
    """The step with the other sign."""
    return Step(Op.NEGATIVE, role, -part.value, label, part.unit, (part,))


def rounded(
    role: Role, part: Step, size: Fraction, mode: Rounding, label: str = "", *, unit: str | None = None
) -> Step:
    """The step rounded to a multiple of `size`."""
    value = round_to(part.value, size, mode) * size
    return Step(Op.ROUND, role, value, label, part.unit if unit is None else unit, (part,), size, mode)


def lesser(role: Role, parts: tuple[Step, ...], label: str = "", *, place: Place | None = None) -> Step:
    """The least of steps."""
    return Step(Op.LESSER, role, min(part.value for part in parts), label, parts[0].unit, parts, place=place)


def greater(role: Role, parts: tuple[Step, ...], label: str = "", *, place: Place | None = None) -> Step:
    """The greatest of steps."""
    return Step(Op.GREATER, role, max(part.value for part in parts), label, parts[0].unit, parts, place=place)
