"""A growing table of one row per statement: named expressions over one another, and parameters that plans differ in.

Each `let` names an expression once, so that what uses it does not repeat it. `select` writes those that are asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from math import lcm
from typing import Final, TypeVar

from ...money import Rounding
from ...records import Record
from ..condition import Comparison
from .layers import nested
from .number import (
    FALSE,
    TRUE,
    ZERO,
    Integer,
    Number,
    Text,
    Truth,
    add,
    both,
    choose,
    compare,
    counted,
    either,
    fraction,
    literal,
    multiply,
    negated,
    type_of,
)
from .quoting import text_literal

_NARROW: Final = 2**32

E = TypeVar("E", Integer, Truth, Text)


class Parameter(Record):
    """A column of constants, one value per member of the family in its order; `type_` is the engine's."""

    name: str
    type_: str
    values: tuple[int | bool | str | None, ...]


@dataclass(slots=True)
class Sheet:
    """The columns of one family of statements while its query is written. Mutable, and only there.

    `size` is how many members (profiles) the family has: constants are given one per member.
    """

    size: int
    parameters: list[Parameter] = field(default_factory=list)
    _named: dict[str, str] = field(default_factory=dict)
    _constants: dict[tuple[object, ...], str] = field(default_factory=dict)

    # Columns

    def let(self, expression: E, name: str = "v") -> E:
        """The expression as a column of its own; a constant stays as it is."""
        if isinstance(expression, Integer) and expression.constant is not None:
            return expression
        if isinstance(expression, Truth) and expression.known is not None:
            return expression
        sql = expression.sql
        if sql.isidentifier():
            return expression
        column = self._named.get(sql)
        depth = expression.depth + 1
        if column is None:
            column = f"{name}_{len(self._named)}"
            self._named[sql] = column
        return replace(expression, sql=column, depth=depth)

    def let_number(self, value: Number, name: str = "n") -> Number:
        """The number with its integers as columns."""
        under = None if value.under is None else self.let(value.under, name)
        return Number(self.let(value.top, name), value.scale, under)

    def select(self, source: str, columns: Sequence[str]) -> str:
        """The query: `columns` (expressions over everything that was named) from `source`."""
        named = {column: expression for expression, column in self._named.items()}
        return nested(source, named, columns)

    # Constants

    def integers(self, values: Sequence[int]) -> Integer:
        """A constant integer per member."""
        if len(set(values)) == 1:
            return literal(values[0])
        type_ = type_of(min(values), max(values))
        return Integer(self._parameter(type_, tuple(values)), min(values), max(values))

    def numbers(self, values: Sequence[Fraction]) -> Number:
        """A constant number per member."""
        first = values[0]
        if all(value == first for value in values):
            return fraction(first)
        scale = lcm(*{value.denominator for value in values})
        return Number(self.integers([value.numerator * (scale // value.denominator) for value in values]), scale)

    def values_of(self, value: Integer) -> tuple[int, ...] | None:
        """The values of a constant in each member; None for what depends on the row."""
        if value.constant is not None:
            return (value.constant,) * self.size
        for parameter in self.parameters:
            if parameter.name == value.sql:
                return tuple(int(item) for item in parameter.values if isinstance(item, int))
        return None

    def truths(self, values: Sequence[bool]) -> Truth:
        """A constant condition per member."""
        if len(set(values)) == 1:
            return TRUE if values[0] else FALSE
        return Truth(self._parameter("BOOLEAN", tuple(values)))

    def texts(self, values: Sequence[str | None]) -> Text:
        """A constant text per member."""
        if len(set(values)) == 1:
            return Text("NULL::VARCHAR" if values[0] is None else text_literal(values[0]))
        return Text(self._parameter("VARCHAR", tuple(values)))

    def _parameter(self, type_: str, values: tuple[int | bool | str | None, ...]) -> str:
        key = (type_, *values)
        name = self._constants.get(key)
        if name is None:
            name = f"k_{len(self._constants)}"
            self._constants[key] = name
            self.parameters.append(Parameter(name, type_, values))
        return name

    # Rounding

    def quotient(self, top: Integer, bottom: Integer) -> tuple[Integer, Integer]:
        """Whole part and rest of the division of an integer that is not below zero by one that is above it."""
        assert top.low >= 0, "only sizes are divided"
        if bottom.constant == 1:
            return top, ZERO
        high = top.high // max(bottom.low, 1)
        if top.constant is not None and bottom.constant is not None:
            return literal(top.constant // bottom.constant), literal(top.constant % bottom.constant)
        top, bottom = self.let(top), self.let(bottom)
        type_ = type_of(0, max(top.high, bottom.high))
        depth = max(top.depth, bottom.depth)
        above, under = f"({top.sql})::{type_}", f"({bottom.sql})::{type_}"
        parts = None if bottom.constant is None or type_ == "BIGINT" else _narrow_factors(bottom.constant)
        if parts is not None and top.high < _NARROW**3 // 2:
            whole = top
            for part in parts:
                whole = self._by_narrow(whole, part)
            whole = replace(whole, low=top.low // bottom.high, high=high)
        else:
            whole = self.let(Integer(f"({above} // {under})", top.low // bottom.high, high, depth))
        if type_ == "BIGINT":
            rest = Integer(f"({above} % {under})", 0, min(bottom.high - 1, top.high), depth)
        else:
            # Dividing such integers costs a hundred times what multiplying them does.
            left = f"({above} - ({whole.sql})::{type_} * {under})"
            rest = Integer(left, 0, min(bottom.high - 1, top.high), max(depth, whole.depth))
        return whole, self.let(rest)

    def _by_narrow(self, top: Integer, bottom: int) -> Integer:
        """The whole part of a division by a small constant, half by half, so that each half is a 64-bit division."""
        above = self.let(Integer(f"(({top.sql})::HUGEINT >> 32)::BIGINT", 0, top.high // _NARROW, top.depth))
        below = Integer(f"(({top.sql})::HUGEINT & {_NARROW - 1}::HUGEINT)::BIGINT", 0, _NARROW - 1, top.depth)
        first, rest = self.quotient(above, literal(bottom))
        second, _ = self.quotient(add(multiply(rest, literal(_NARROW)), below), literal(bottom))
        whole = add(multiply(first, literal(_NARROW)), second)
        return self.let(replace(whole, high=top.high // bottom))

    def rounded(self, top: Integer, bottom: Integer, mode: Rounding) -> Integer:
        """`top / bottom` (above zero) rounded as `money.round_ratio` rounds: by size, the sign kept."""
        if bottom.constant == 1:
            return top
        if top.low < 0:
            top = self.let(top)
            below = compare(top, Comparison.LESS, ZERO)
            size = choose(below, negated(top), top)
            size = Integer(size.sql, 0, top.size_max, size.depth)
            found = self.rounded(size, bottom, mode)
            signed = choose(below, negated(found), found)
            bound = found.high
            return self.let(Integer(signed.sql, -bound if top.low < 0 else 0, bound, signed.depth))
        whole, rest = self.quotient(top, bottom)
        twice = multiply(literal(2), rest)
        match mode:
            case Rounding.HALF_EVEN:
                odd = (
                    Truth(f"(({whole.sql} & 1) = 1)", None, whole.depth)
                    if whole.constant is None
                    else (TRUE if whole.constant % 2 else FALSE)
                )
                away = either(
                    compare(twice, Comparison.GREATER, bottom), both(compare(twice, Comparison.IS, bottom), odd)
                )
            case Rounding.HALF_UP:
                away = compare(twice, Comparison.GREATER_OR_EQUAL, bottom)
            case Rounding.HALF_DOWN:
                away = compare(twice, Comparison.GREATER, bottom)
            case Rounding.UP:
                away = compare(rest, Comparison.GREATER, ZERO)
            case Rounding.DOWN:
                return whole
        return self.let(add(whole, counted(away)))

    def round_number(self, value: Number, size: Fraction, mode: Rounding) -> Integer:
        """How many of `size` a number rounds to, as `money.round_to`."""
        top = multiply(value.top, literal(size.denominator))
        bottom = multiply(value.divisor, literal(size.numerator))
        common = 1
        if bottom.constant is not None and value.top.constant is None:
            from math import gcd

            common = gcd(size.denominator, bottom.constant)
        if common > 1 and bottom.constant is not None:
            top = multiply(value.top, literal(size.denominator // common))
            bottom = literal(bottom.constant // common)
        return self.rounded(top, bottom, mode)


def _narrow_factors(value: int) -> list[int] | None:
    """A constant as a product of factors of at most 31 bits; None where it is none."""
    factors: list[int] = []
    part = 1
    for prime in (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31):
        while value % prime == 0:
            value //= prime
            if part * prime >= _NARROW // 2:
                factors.append(part)
                part = 1
            part *= prime
    return [item for item in (*factors, part, value) if item > 1] if value < _NARROW // 2 else None
