"""A meter's `where` as SQL over the columns of its event.

Constants are brought to the scale of the column that they are compared with, so that a comparison is one of integers
inside the engine and holds for every fraction: below 1/3 is at or below 0.33 where the column has two digits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from fractions import Fraction
from math import floor
from typing import Final, assert_never

from ..condition import And, Compare, Comparison, Condition, FieldOf, Known, Literal, Not, OneOf, Operand, Or, StartsIn
from .columns import NUMERIC, FieldColumn, decimal_literal, decimal_type, whole_digits_of
from .quoting import text_literal

_TRUE: Final = "TRUE"
_FALSE: Final = "FALSE"
_NEGATED: Final = {_TRUE: _FALSE, _FALSE: _TRUE}
_SIGNS: Final = {
    Comparison.IS: "=",
    Comparison.IS_NOT: "<>",
    Comparison.LESS: "<",
    Comparison.LESS_OR_EQUAL: "<=",
    Comparison.GREATER: ">",
    Comparison.GREATER_OR_EQUAL: ">=",
}


def event_condition_sql(condition: Condition, fields: Mapping[str, FieldColumn]) -> str:
    """Whether the condition holds for a row of its event: what `holds` says, and never NULL for such a row.

    It is false where `holds` raises `Missing`; `undecided_sql` tells those rows.
    """
    undecided = undecided_sql(condition, fields)
    found = _holds(condition, fields)
    return found if undecided is None else f"({found} AND NOT {undecided})"


def undecided_sql(condition: Condition, fields: Mapping[str, FieldColumn]) -> str | None:
    """Whether the answer needs a field that the event does not have, or None where no event can lack it.

    A condition is read from the top and stops as soon as it is certain, so that what stands after that needs nothing.
    """
    match condition:
        case Compare(left) | OneOf(left):
            column = _column(left, fields)
            return None if column.required else f"({column.sql} IS NULL)"
        case Known() | StartsIn():
            return None
        case And(parts):
            return _undecided(parts, fields, goes_on="")
        case Or(parts):
            return _undecided(parts, fields, goes_on="NOT ")
        case Not(part):
            return undecided_sql(part, fields)
        case _:
            assert_never(condition)


def _undecided(parts: Sequence[Condition], fields: Mapping[str, FieldColumn], *, goes_on: str) -> str | None:
    found: str | None = None
    for part in reversed(parts):
        own = undecided_sql(part, fields)
        later = None if found is None else f"({goes_on}{_holds(part, fields)} AND {found})"
        found = " OR ".join(item for item in (own, later) if item is not None) or None
        found = None if found is None else f"({found})"
    return found


def _holds(condition: Condition, fields: Mapping[str, FieldColumn]) -> str:
    match condition:
        case Compare(left, comparison, right):
            assert isinstance(right, Literal), "a meter compares fields with constants"
            column = _column(left, fields)
            return _known(column, _compared(column, comparison, right.value))
        case OneOf(operand, values, negated):
            column = _column(operand, fields)
            return _known(column, _listed(column, [item.value for item in values], negated=negated))
        case Known(operand, negated):
            column = _column(operand, fields)
            if column.required:
                return _FALSE if negated else _TRUE
            return f"({column.sql} IS {'' if negated else 'NOT '}NULL)"
        case And(parts):
            return "(" + " AND ".join(_holds(part, fields) for part in parts) + ")"
        case Or(parts):
            return "(" + " OR ".join(_holds(part, fields) for part in parts) + ")"
        case Not(part):
            return f"(NOT {_holds(part, fields)})"
        case StartsIn(window):
            raise AssertionError(f"a meter asks for {window}")
        case _:
            assert_never(condition)


def _column(operand: Operand, fields: Mapping[str, FieldColumn]) -> FieldColumn:
    assert isinstance(operand, FieldOf), "a meter knows its event only"
    return fields[operand.name]


def _known(column: FieldColumn, sql: str) -> str:
    return sql if column.required or sql in _NEGATED else f"coalesce({sql}, {_FALSE})"


def _compared(column: FieldColumn, comparison: Comparison, value: object) -> str:
    if column.kind in NUMERIC:
        assert isinstance(value, Fraction), "the resolver compares values of one type"
        return _compared_number(column, comparison, value)
    return f"({column.sql} {_SIGNS[comparison]} {_constant(value)})"


def _compared_number(column: FieldColumn, comparison: Comparison, value: Fraction) -> str:
    """Values of the column are multiples of its last digit, and so may the constant be: the next one on its side."""
    units = value * 10**column.scale
    whole = Fraction(floor(units), 10**column.scale)
    if units.denominator == 1:
        return _beside(column, comparison, value)
    match comparison:
        case Comparison.IS:
            return _FALSE
        case Comparison.IS_NOT:
            return _TRUE
        case Comparison.LESS | Comparison.LESS_OR_EQUAL:
            return _beside(column, Comparison.LESS_OR_EQUAL, whole)
        case Comparison.GREATER | Comparison.GREATER_OR_EQUAL:
            return _beside(column, Comparison.GREATER, whole)
        case _:
            assert_never(comparison)


def _beside(column: FieldColumn, comparison: Comparison, value: Fraction) -> str:
    if whole_digits_of(value) > column.whole_digits:
        # No value of the column comes near.
        below = value > 0
        holds = {
            Comparison.IS: False,
            Comparison.IS_NOT: True,
            Comparison.LESS: below,
            Comparison.LESS_OR_EQUAL: below,
            Comparison.GREATER: not below,
            Comparison.GREATER_OR_EQUAL: not below,
        }[comparison]
        return _TRUE if holds else _FALSE
    return f"({column.sql} {_SIGNS[comparison]} {_number(column, value)})"


def _number(column: FieldColumn, value: Fraction) -> str:
    return decimal_literal(value, decimal_type(column.whole_digits, column.scale), column.scale)


def _listed(column: FieldColumn, values: Sequence[object], *, negated: bool) -> str:
    texts = []
    for value in values:
        if column.kind not in NUMERIC:
            texts.append(_constant(value))
            continue
        assert isinstance(value, Fraction), "the resolver compares values of one type"
        if (value * 10**column.scale).denominator == 1 and whole_digits_of(value) <= column.whole_digits:
            texts.append(_number(column, value))
    if not texts:
        return _TRUE if negated else _FALSE
    return f"({column.sql} {'NOT ' if negated else ''}IN ({', '.join(texts)}))"


def _constant(value: object) -> str:
    match value:
        case bool():
            return _TRUE if value else _FALSE
        case date():
            return f"'{value.isoformat()}'::DATE"
        case str():
            return text_literal(value)
        case _:
            raise AssertionError(f"no constant of a condition: {value!r}")
