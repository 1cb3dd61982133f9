"""Conditions and attributes of whole statements in SQL, as `condition.holds` decides them for one.

A condition is read from the top and stops as soon as the answer is certain, so that an attribute that is not known is
missed only where a reader would get to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from typing import Final, TypeAlias, assert_never

from ...money import MoneyUnit
from ...records import Record
from ..condition import (
    AmountOf,
    And,
    Attribute,
    Compare,
    Comparison,
    Condition,
    FieldOf,
    Known,
    Literal,
    Month,
    Not,
    OneOf,
    Operand,
    Or,
    Scalar,
    StartsIn,
    UsageOf,
    compares,
)
from ..evaluators.situation import PeriodFacts, Readings
from ..usage import FieldKind
from .family import Member
from .ledger import Ledger
from .number import (
    FALSE,
    NOTHING,
    SIGNS,
    TRUE,
    ZERO,
    Integer,
    Number,
    Truth,
    both,
    compare_numbers,
    either,
    fraction,
    literal,
    multiply,
    negation,
    number_not_below_zero,
    product_of,
)
from .quoting import text_literal
from .sheet import Sheet

UNKNOWN_ATTRIBUTE: Final = "accounts without an attribute that a rule needs"
"""Why a statement is left to the scalar evaluator, which refuses it in its own words."""


class AttributeColumn(Record):
    """An attribute of accounts as the query has it.

    `number` is that of numbers and money: zero, never NULL, where the attribute is not `known`. `text_sql` is an
    expression for a text (VARCHAR, or an ENUM), date (DATE) or yes or no (BOOLEAN), and may be NULL there. `depth` is
    that of the deepest column in `text_sql`.
    """

    kind: FieldKind
    known: Truth
    number: Number | None = None
    text_sql: str | None = None
    depth: int = 0


class _Constants(Record):
    """A value that is known while the query is written: one per member."""

    values: tuple[Scalar, ...]


class _Plain(Record):
    """A text, date or yes or no of the row; NULL where it is missing."""

    sql: str
    depth: int


_Value: TypeAlias = _Constants | Number | _Plain


class _Answer(Record):
    """Whether a condition holds, and whether the answer needs an attribute that is not known; never both."""

    holds: Truth
    missing: Truth = FALSE


@dataclass(slots=True)
class StatementFacts:
    """What conditions may ask of the statements of a family, as `PeriodFacts` says it of one.

    `usage` gives the quantity of a meter over the whole statement, which may be below zero; `amounts` the sums of the
    lines that are already priced, in units of `money`.
    """

    sheet: Sheet
    members: Sequence[Member]
    attributes: Mapping[str, AttributeColumn]
    usage: Callable[[str], Number]
    amounts: Mapping[str, Integer]
    money: MoneyUnit
    _windows: dict[str, Truth] = field(default_factory=dict)

    def condition(self, per_member: Sequence[tuple[Condition, ...]]) -> tuple[Truth, Truth]:
        """Whether all conditions hold, and whether the answer needs an attribute that is not known; never both.

        Conditions are the same for all members of a family.
        """
        found = _all(self._answer(part) for part in per_member[0])
        return self.sheet.let(found.holds, "c"), self.sheet.let(found.missing, "c")

    def attribute_number(self, name: str, factor: Fraction = Fraction(1)) -> tuple[Number, Truth]:
        """An attribute times a factor, zero where it is not known, and whether it is not."""
        column = self.attributes.get(name)
        if column is None or column.number is None:
            return NOTHING, TRUE
        return product_of(column.number, fraction(factor)), negation(column.known)

    def amount(self, line: str) -> Number:
        """The sum of the lines of a charge or fee, in money; zero before they are priced."""
        size = self.money.size
        return Number(multiply(self.amounts.get(line, ZERO), literal(size.numerator)), size.denominator)

    def _answer(self, condition: Condition) -> _Answer:
        match condition:
            case Compare(left, comparison, right):
                return self._comparison(left, comparison, right)
            case OneOf(operand, values, negated):
                return self._one_of(operand, values, negated=negated)
            case Known(operand, negated):
                if isinstance(operand, FieldOf):
                    return _Answer(FALSE, TRUE)
                column = self.attributes.get(operand.name)
                known = FALSE if column is None else column.known
                return _Answer(negation(known) if negated else known)
            case StartsIn(window):
                return _Answer(self._starts_in(window))
            case And(parts):
                return _all(self._answer(part) for part in parts)
            case Or(parts):
                return _any(self._answer(part) for part in parts)
            case Not(part):
                found = self._answer(part)
                return _Answer(both(negation(found.holds), negation(found.missing)), found.missing)
            case _:
                assert_never(condition)

    def _comparison(self, left: Operand, comparison: Comparison, right: Operand) -> _Answer:
        one, missing_one = self._value(left)
        other, missing_other = self._value(right)
        missing = either(missing_one, missing_other)
        return _Answer(both(self._compared(one, comparison, other), negation(missing)), missing)

    def _one_of(self, operand: Operand, values: tuple[Literal, ...], *, negated: bool) -> _Answer:
        value, missing = self._value(operand)
        if isinstance(value, _Plain) and values and all(isinstance(item.value, str) for item in values):
            words = ", ".join(_constant(item.value) for item in values)
            found = Truth(f"coalesce({value.sql}::VARCHAR IN ({words}), false)", None, value.depth)
        else:
            found = either(*(self._compared(value, Comparison.IS, self._same_for_all(item.value)) for item in values))
        return _Answer(both(negation(found) if negated else found, negation(missing)), missing)

    def _value(self, operand: Operand) -> tuple[_Value, Truth]:
        """The value of an operand, and whether it is missing."""
        match operand:
            case Literal(value):
                return self._same_for_all(value), FALSE
            case Attribute(name):
                column = self.attributes.get(name)
                if column is None:
                    return NOTHING, TRUE
                if column.number is not None:
                    return column.number, negation(column.known)
                assert column.text_sql is not None, "an attribute is a number or something else"
                plain = f"({column.text_sql})"
                if column.kind in (FieldKind.TEXT, FieldKind.ONE_OF):
                    plain += "::VARCHAR"
                return _Plain(plain, column.depth), negation(column.known)
            case FieldOf():
                return NOTHING, TRUE
            case UsageOf(meter):
                return number_not_below_zero(self.usage(meter)), FALSE
            case AmountOf(line):
                return self.amount(line), FALSE
            case Month():
                months = (PeriodFacts(Readings(member.situation), {}).month() for member in self.members)
                return _Constants(tuple(Fraction(month) for month in months)), FALSE
            case _:
                assert_never(operand)

    def _same_for_all(self, value: Scalar) -> _Constants:
        return _Constants((value,) * len(self.members))

    def _starts_in(self, window: str) -> Truth:
        if window not in self._windows:
            self._windows[window] = self.sheet.truths(
                [PeriodFacts(Readings(member.situation), {}).starts_in(window) for member in self.members]
            )
        return self._windows[window]

    def _compared(self, left: _Value, comparison: Comparison, right: _Value) -> Truth:
        if isinstance(left, _Constants) and isinstance(right, _Constants):
            pairs = zip(left.values, right.values, strict=True)
            return self.sheet.truths([compares(one, comparison, other) for one, other in pairs])
        if isinstance(left, _Plain) or isinstance(right, _Plain):
            one, depth_one = self._plain(left)
            other, depth_other = self._plain(right)
            if one is None or other is None:
                # Values of different types are never the same; the resolver lets none meet.
                return TRUE if comparison is Comparison.IS_NOT else FALSE
            sql = f"coalesce({one} {SIGNS[comparison]} {other}, false)"
            return Truth(sql, None, max(depth_one, depth_other))
        return compare_numbers(self._number(left), comparison, self._number(right))

    def _number(self, value: _Value) -> Number:
        if isinstance(value, Number):
            return value
        assert isinstance(value, _Constants), "a text is no number"
        numbers = []
        for item in value.values:
            assert isinstance(item, Fraction), "the resolver lets only values of one type meet"
            numbers.append(item)
        return self.sheet.numbers(numbers)

    def _plain(self, value: _Value) -> tuple[str | None, int]:
        match value:
            case _Plain(sql, depth):
                return sql, depth
            case _Constants(values) if not isinstance(values[0], Fraction):
                return _constant(values[0]), 0
            case _:
                return None, 0


def _constant(value: Scalar) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case date():
            return f"DATE '{value.isoformat()}'"
        case str():
            return text_literal(value)
        case Fraction():
            raise AssertionError("numbers are compared as numbers")
        case _:
            assert_never(value)


def _all(answers: Iterator[_Answer]) -> _Answer:
    """Read from the top up to the first that does not hold; a missing attribute ends the reading."""
    holds, missing = TRUE, FALSE
    for answer in answers:
        missing = either(missing, both(holds, answer.missing))
        holds = both(holds, answer.holds)
    return _Answer(holds, missing)


def _any(answers: Iterator[_Answer]) -> _Answer:
    """Read from the top up to the first that holds; a missing attribute ends the reading."""
    holds, missing = FALSE, FALSE
    for answer in answers:
        missing = either(missing, both(negation(holds), answer.missing))
        holds = either(holds, answer.holds)
    return _Answer(both(holds, negation(missing)), missing)


def stands(
    ledger: Ledger, facts: StatementFacts, per_member: Sequence[tuple[Condition, ...]], where: Truth = TRUE
) -> Truth:
    """Whether a rule's conditions hold, where they are asked; a missing attribute leaves the statement to the scalar
    evaluator."""
    if not per_member[0]:
        return where
    holds, missing = facts.condition(per_member)
    ledger.refuse_where(UNKNOWN_ATTRIBUTE, both(where, missing))
    return ledger.sheet.let(both(where, holds), "c")
