"""Exact arithmetic in SQL: integers that know their bounds, and exact numbers over them.

An `Integer` is an SQL expression with the least and the greatest value that it can take. Every operation works out the
bounds of its result and makes the engine reckon in a type that holds them, so that nothing overflows and nothing
becomes a binary float. A `Number` is an integer over a scale that is known while the query is written and, where a
quantity is a ratio, over a positive integer of the row. `TooLargeError` says that no type of the engine holds a result.

Expressions name columns of a `Sheet` (see there) and carry the depth of the deepest one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from math import gcd, lcm
from typing import Final, TypeAlias, assert_never

from ...records import Record
from ..condition import Comparison

BIGINT_MAX: Final = 2**63 - 1
HUGEINT_MAX: Final = 10**38 - 1
"""Literals past 38 digits would be read as binary floats, though the type holds a little more."""


class TooLargeError(Exception):
    """A result may need more than 38 digits."""


class UnfitError(Exception):
    """A form that this evaluator leaves to the scalar one; the message names it as pages and summaries do."""


class Integer(Record):
    """An integer per row: `low` and `high` are bounds, both included. It is never NULL."""

    sql: str
    low: int
    high: int
    depth: int = 0

    @property
    def constant(self) -> int | None:
        """The value, where it is one for all rows."""
        return self.low if self.low == self.high else None

    @property
    def size_max(self) -> int:
        """The greatest distance from zero."""
        return max(abs(self.low), abs(self.high))


class Truth(Record):
    """A condition per row, never NULL; `known` where it is one for all rows."""

    sql: str
    known: bool | None = None
    depth: int = 0


class Text(Record):
    """A text per row, which may be NULL."""

    sql: str
    depth: int = 0


Expression: TypeAlias = Integer | Truth | Text

TRUE: Final = Truth("true", True)
FALSE: Final = Truth("false", False)


def type_of(low: int, high: int) -> str:
    """The type that holds all of these. Raises `TooLargeError` where there is none."""
    size = max(abs(low), abs(high))
    if size <= BIGINT_MAX:
        return "BIGINT"
    if size <= HUGEINT_MAX:
        return "HUGEINT"
    raise TooLargeError


def literal(value: int) -> Integer:
    """A constant."""
    return Integer(f"{value}::{type_of(value, value)}", value, value)


ZERO: Final = literal(0)
ONE: Final = literal(1)


def _cast(value: Integer, type_: str) -> str:
    constant = value.constant
    return f"{constant}::{type_}" if constant is not None else f"({value.sql})::{type_}"


def _depth(*values: Expression) -> int:
    return max((value.depth for value in values), default=0)


def add(*values: Integer) -> Integer:
    """The sum."""
    fixed = sum(value.constant for value in values if value.constant is not None)
    rest = [value for value in values if value.constant is None]
    parts = [*rest, *([literal(fixed)] if fixed or not rest else [])]
    if len(parts) == 1:
        return parts[0]
    low, high = sum(value.low for value in parts), sum(value.high for value in parts)
    # Sums are taken from the left, and what lies between may be larger than the result.
    reach = sum(value.size_max for value in parts)
    type_ = type_of(reach, reach)
    return Integer("(" + " + ".join(_cast(value, type_) for value in parts) + ")", low, high, _depth(*parts))


def negated(value: Integer) -> Integer:
    """Its opposite."""
    if value.constant is not None:
        return literal(-value.constant)
    return Integer(f"(-({value.sql}))", -value.high, -value.low, value.depth)


def subtract(left: Integer, right: Integer) -> Integer:
    """The difference."""
    return add(left, negated(right))


def multiply(left: Integer, right: Integer) -> Integer:
    """The product."""
    for one, other in ((left, right), (right, left)):
        if one.constant == 0:
            return ZERO
        if one.constant == 1:
            return other
    if left.constant is not None and right.constant is not None:
        return literal(left.constant * right.constant)
    corners = [one * other for one in (left.low, left.high) for other in (right.low, right.high)]
    low, high = min(corners), max(corners)
    type_ = type_of(low, high)
    for factor in (left, right):
        type_ = "HUGEINT" if type_of(factor.low, factor.high) == "HUGEINT" else type_
    return Integer(f"({_cast(left, type_)} * {_cast(right, type_)})", low, high, _depth(left, right))


def least(*values: Integer) -> Integer:
    """The smallest."""
    return _extreme("least", values)


def greatest(*values: Integer) -> Integer:
    """The largest."""
    return _extreme("greatest", values)


def _extreme(function: str, values: Sequence[Integer]) -> Integer:
    pick = min if function == "least" else max
    low, high = pick(value.low for value in values), pick(value.high for value in values)
    for value in values:
        decided = value.high <= low if function == "least" else value.low >= high
        if decided and all(
            value is other or (value.high <= other.low if function == "least" else value.low >= other.high)
            for other in values
        ):
            return value
    type_ = type_of(min(value.low for value in values), max(value.high for value in values))
    inner = ", ".join(_cast(value, type_) for value in values)
    return Integer(f"{function}({inner})", low, high, _depth(*values))


def not_below_zero(value: Integer) -> Integer:
    """The value, or zero where it is less."""
    return value if value.low >= 0 else greatest(value, ZERO)


def choose(condition: Truth, then: Integer, otherwise: Integer) -> Integer:
    """One of two by a condition."""
    if condition.known is not None:
        return then if condition.known else otherwise
    if then.constant is not None and then.constant == otherwise.constant:
        return then
    low, high = min(then.low, otherwise.low), max(then.high, otherwise.high)
    type_ = type_of(low, high)
    sql = f"CASE WHEN {condition.sql} THEN {_cast(then, type_)} ELSE {_cast(otherwise, type_)} END"
    return Integer(f"({sql})", low, high, _depth(condition, then, otherwise))


SIGNS: Final = {
    Comparison.IS: "=",
    Comparison.IS_NOT: "<>",
    Comparison.LESS: "<",
    Comparison.LESS_OR_EQUAL: "<=",
    Comparison.GREATER: ">",
    Comparison.GREATER_OR_EQUAL: ">=",
}


def compare(left: Integer, comparison: Comparison, right: Integer) -> Truth:
    """Whether the comparison holds; decided here where the bounds decide it."""
    match comparison:
        case Comparison.LESS:
            known = _decided(left.high < right.low, left.low >= right.high)
        case Comparison.LESS_OR_EQUAL:
            known = _decided(left.high <= right.low, left.low > right.high)
        case Comparison.GREATER:
            known = _decided(left.low > right.high, left.high <= right.low)
        case Comparison.GREATER_OR_EQUAL:
            known = _decided(left.low >= right.high, left.high < right.low)
        case Comparison.IS | Comparison.IS_NOT:
            apart = left.high < right.low or left.low > right.high
            same = left.constant is not None and left.constant == right.constant
            known = _decided(same, apart)
            if comparison is Comparison.IS_NOT and known is not None:
                known = not known
        case _:
            assert_never(comparison)
    if known is not None:
        return TRUE if known else FALSE
    type_ = type_of(min(left.low, right.low), max(left.high, right.high))
    sql = f"({_cast(left, type_)} {SIGNS[comparison]} {_cast(right, type_)})"
    return Truth(sql, None, _depth(left, right))


def _decided(yes: bool, no: bool) -> bool | None:
    return True if yes else (False if no else None)


def is_positive(value: Integer) -> Truth:
    """Whether it is above zero."""
    return compare(value, Comparison.GREATER, ZERO)


def is_zero(value: Integer) -> Truth:
    """Whether it is zero."""
    return compare(value, Comparison.IS, ZERO)


def both(*conditions: Truth) -> Truth:
    """Whether all hold."""
    return _joined(conditions, "AND", absorbing=False)


def either(*conditions: Truth) -> Truth:
    """Whether one holds."""
    return _joined(conditions, "OR", absorbing=True)


def _joined(conditions: Sequence[Truth], word: str, *, absorbing: bool) -> Truth:
    if any(condition.known is absorbing for condition in conditions):
        return TRUE if absorbing else FALSE
    open_ = list({item.sql: item for item in conditions if item.known is None}.values())
    if not open_:
        return FALSE if absorbing else TRUE
    if len(open_) == 1:
        return open_[0]
    return Truth("(" + f" {word} ".join(item.sql for item in open_) + ")", None, _depth(*open_))


def negation(condition: Truth) -> Truth:
    """Whether it does not hold."""
    if condition.known is not None:
        return FALSE if condition.known else TRUE
    return Truth(f"(NOT {condition.sql})", None, condition.depth)


def counted(condition: Truth) -> Integer:
    """1 where it holds, 0 where not."""
    return choose(condition, ONE, ZERO)


# Numbers


class Number(Record):
    """`top / scale`, or `top / (scale * under)` where `under` (above zero) is not None."""

    top: Integer
    scale: int = 1
    under: Integer | None = None

    @property
    def divisor(self) -> Integer:
        """What the integer is divided by."""
        fixed = literal(self.scale)
        return fixed if self.under is None else multiply(fixed, self.under)


def fraction(value: Fraction | int) -> Number:
    """A constant number."""
    value = Fraction(value)
    return Number(literal(value.numerator), value.denominator)


NOTHING: Final = fraction(0)


def aligned(*values: Number) -> tuple[tuple[Integer, ...], int, Integer | None]:
    """The numbers as integers over one common scale and one common `under`."""
    scale = lcm(*(value.scale for value in values))
    under: Integer | None = None
    unders: list[Integer] = []
    for value in values:
        if value.under is not None and all(value.under.sql != other.sql for other in unders):
            unders.append(value.under)
    for other in unders:
        under = other if under is None else multiply(under, other)
    tops = []
    for value in values:
        top = multiply(value.top, literal(scale // value.scale))
        for other in unders:
            if value.under is None or value.under.sql != other.sql:
                top = multiply(top, other)
        tops.append(top)
    return tuple(tops), scale, under


def sum_of(*values: Number) -> Number:
    """The sum."""
    if not values:
        return NOTHING
    tops, scale, under = aligned(*values)
    return _number(add(*tops), scale, under)


def less(left: Number, right: Number) -> Number:
    """The difference."""
    return sum_of(left, Number(negated(right.top), right.scale, right.under))


def product_of(left: Number, right: Number) -> Number:
    """The product."""
    top = multiply(left.top, right.top)
    scale = left.scale * right.scale
    if left.under is None or right.under is None:
        return _number(top, scale, left.under or right.under)
    return _number(top, scale, multiply(left.under, right.under))


def ratio_of(left: Number, right: Number) -> Number:
    """The quotient of a number and one that is above zero in every row."""
    top = multiply(left.top, right.divisor)
    under = multiply(right.top, ONE if left.under is None else left.under)
    if under.constant is not None:
        return _number(top, left.scale * under.constant, None)
    return Number(top, left.scale, under)


def _number(top: Integer, scale: int, under: Integer | None) -> Number:
    """In lowest terms, where the integer is a constant."""
    if top.constant is not None:
        if top.constant == 0:
            return NOTHING
        common = gcd(top.constant, scale)
        return Number(literal(top.constant // common), scale // common, under)
    return Number(top, scale, under)


def smaller(left: Number, right: Number) -> Number:
    """The lesser of two."""
    tops, scale, under = aligned(left, right)
    return _number(least(*tops), scale, under)


def larger(left: Number, right: Number) -> Number:
    """The greater of two."""
    tops, scale, under = aligned(left, right)
    return _number(greatest(*tops), scale, under)


def number_not_below_zero(value: Number) -> Number:
    """The value, or zero where it is less."""
    return value if value.top.low >= 0 else replace(value, top=not_below_zero(value.top))


def number_where(condition: Truth, then: Number, otherwise: Number) -> Number:
    """One of two by a condition."""
    if condition.known is not None:
        return then if condition.known else otherwise
    tops, scale, under = aligned(then, otherwise)
    return _number(choose(condition, *tops), scale, under)


def compare_numbers(left: Number, comparison: Comparison, right: Number) -> Truth:
    """Whether a comparison of exact numbers holds."""
    tops, _, _ = aligned(left, right)
    return compare(tops[0], comparison, tops[1])
