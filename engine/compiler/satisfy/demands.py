"""Simple demands: a subject against a constant or another subject, or only that it is known or not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias, assert_never

from ...condition import (
    AmountOf,
    Attribute,
    Compare,
    Comparison,
    FieldOf,
    Known,
    Literal,
    Month,
    OneOf,
    Operand,
    Scalar,
    UsageOf,
    compares,
)

Subject: TypeAlias = Attribute | FieldOf | UsageOf | AmountOf | Month

OPPOSITES = {
    Comparison.IS: Comparison.IS_NOT,
    Comparison.IS_NOT: Comparison.IS,
    Comparison.LESS: Comparison.GREATER_OR_EQUAL,
    Comparison.GREATER_OR_EQUAL: Comparison.LESS,
    Comparison.GREATER: Comparison.LESS_OR_EQUAL,
    Comparison.LESS_OR_EQUAL: Comparison.GREATER,
}
_MIRRORED = {
    Comparison.LESS: Comparison.GREATER,
    Comparison.GREATER: Comparison.LESS,
    Comparison.LESS_OR_EQUAL: Comparison.GREATER_OR_EQUAL,
    Comparison.GREATER_OR_EQUAL: Comparison.LESS_OR_EQUAL,
}


@dataclass(frozen=True, slots=True)
class Demand:
    """A demand on one subject: a comparison with a constant, or only that it is `known` or not."""

    subject: Subject
    comparison: Comparison | None
    value: Scalar | None
    known: bool = True


@dataclass(frozen=True, slots=True)
class Between:
    """A comparison of two subjects; both have to be known for it."""

    left: Subject
    comparison: Comparison
    right: Subject


Simple: TypeAlias = Demand | Between


def ways(condition: Compare | OneOf | Known, *, negated: bool) -> Iterator[tuple[Simple, ...]]:
    """The ways in which a simple condition holds, or with `negated` is answered with no."""
    match condition:
        case Compare(left, comparison, right):
            yield from _comparison(left, OPPOSITES[comparison] if negated else comparison, right)
        case OneOf(operand, values, is_negated):
            among = is_negated == negated
            if isinstance(operand, Literal):
                if (operand.value in [item.value for item in values]) == among:
                    yield ()
            elif among:
                for item in values:
                    yield (Demand(operand, Comparison.IS, item.value),)
            else:
                # Also a list without values asks for the attribute.
                known = Demand(operand, None, None)
                yield (known, *(Demand(operand, Comparison.IS_NOT, item.value) for item in values))
        case Known(operand, is_negated):
            yield (Demand(operand, None, None, known=is_negated == negated),)
        case _:
            assert_never(condition)


def _comparison(left: Operand, comparison: Comparison, right: Operand) -> Iterator[tuple[Simple, ...]]:
    match left, right:
        case Literal(one), Literal(other):
            if meets(one, comparison, other):
                yield ()
        case _, Literal(value):
            assert not isinstance(left, Literal)
            yield (Demand(left, comparison, value),)
        case Literal(value), _:
            assert not isinstance(right, Literal)
            yield (Demand(right, _MIRRORED.get(comparison, comparison), value),)
        case _:
            assert not isinstance(left, Literal) and not isinstance(right, Literal)
            yield (Between(left, comparison, right),)


def meets(value: Scalar, comparison: Comparison | None, other: Scalar | None) -> bool:
    """Whether a value stands in a comparison with another of its type; without one it does."""
    if comparison is None:
        return True
    assert other is not None, "a comparison is with a value"
    return compares(value, comparison, other)
