"""Conditions over what is known of an account, its usage and its period; how they are decided, and why they failed.

A condition is read from the top and stops as soon as the answer is certain. A missing attribute that is needed is
never "false": `Missing` names it.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Protocol, TypeAlias, assert_never

from ..records import Record
from .usage import Value

Scalar: TypeAlias = Fraction | str | date | bool
"""A value as conditions compare it: every number is a fraction."""


class Missing(Exception):  # noqa: N818 - it is an answer, not an error of the program
    """A condition or price asked for an attribute that the account does not have."""

    def __init__(self, attribute: str) -> None:
        super().__init__(attribute)
        self.attribute = attribute


def scalar(value: Value) -> Scalar:
    """The value with numbers as fractions."""
    return Fraction(value) if isinstance(value, Decimal) else value


class Attribute(Record):
    """`account.tier`."""

    name: str


class FieldOf(Record):
    """A field of the event at hand."""

    name: str


class UsageOf(Record):
    """`usage of requests`."""

    meter: str


class AmountOf(Record):
    """`amount of compute`, in money."""

    line: str


class Month(Record):
    """The number of the month in which the period begins."""


class Literal(Record):
    """A constant; `text` as it was written."""

    value: Scalar
    text: str


Operand: TypeAlias = Attribute | FieldOf | UsageOf | AmountOf | Month | Literal


class Comparison(enum.Enum):
    """How two values are compared."""

    IS = "is"
    IS_NOT = "is not"
    LESS = "<"
    LESS_OR_EQUAL = "<="
    GREATER = ">"
    GREATER_OR_EQUAL = ">="


class Compare(Record):
    """`account.tier is gold`."""

    left: Operand
    comparison: Comparison
    right: Operand
    text: str = ""


class OneOf(Record):
    """`account.country is one of "GB", "FR"`."""

    operand: Operand
    values: tuple[Literal, ...]
    negated: bool = False
    text: str = ""


class Known(Record):
    """`account.country is known`."""

    operand: Attribute | FieldOf
    negated: bool = False
    text: str = ""


class StartsIn(Record):
    """`period starts in summer`; `window` is a name."""

    window: str
    text: str = ""


class And(Record):
    """All parts hold."""

    parts: tuple[Condition, ...]
    text: str = ""


class Or(Record):
    """A part holds."""

    parts: tuple[Condition, ...]
    text: str = ""


class Not(Record):
    """The part does not hold."""

    part: Condition
    text: str = ""


Condition: TypeAlias = Compare | OneOf | Known | StartsIn | And | Or | Not


class Facts(Protocol):
    """What a condition may ask. Every method raises `Missing` for an attribute that is not known."""

    def attribute(self, name: str) -> Scalar | None: ...
    def field(self, name: str) -> Scalar | None: ...
    def usage(self, meter: str) -> Fraction: ...
    def amount(self, line: str) -> Fraction: ...
    def month(self) -> int: ...
    def starts_in(self, window: str) -> bool: ...


def holds(condition: Condition, facts: Facts) -> bool:
    """Whether the condition holds. Raises `Missing` where the answer needs an attribute that is not known."""
    match condition:
        case Compare(left, comparison, right):
            return compares(value_of(left, facts), comparison, value_of(right, facts))
        case OneOf(operand, values, negated):
            return (value_of(operand, facts) in [item.value for item in values]) != negated
        case Known(operand, negated):
            return (_look_up(operand, facts) is not None) != negated
        case StartsIn(window):
            return facts.starts_in(window)
        case And(parts):
            return all(holds(part, facts) for part in parts)
        case Or(parts):
            return any(holds(part, facts) for part in parts)
        case Not(part):
            return not holds(part, facts)
        case _:
            assert_never(condition)


def value_of(operand: Operand, facts: Facts) -> Scalar:
    """The value of an operand. Raises `Missing`."""
    match operand:
        case Literal(value):
            return value
        case Attribute(name) | FieldOf(name):
            found = _look_up(operand, facts)
            if found is None:
                raise Missing(name)
            return found
        case UsageOf(meter):
            return facts.usage(meter)
        case AmountOf(line):
            return facts.amount(line)
        case Month():
            return Fraction(facts.month())
        case _:
            assert_never(operand)


def _look_up(operand: Attribute | FieldOf, facts: Facts) -> Scalar | None:
    match operand:
        case Attribute(name):
            return facts.attribute(name)
        case FieldOf(name):
            return facts.field(name)
        case _:
            assert_never(operand)


def compares(left: Scalar, comparison: Comparison, right: Scalar) -> bool:
    """Whether two values of one type stand in a comparison."""
    match comparison:
        case Comparison.IS:
            return left == right
        case Comparison.IS_NOT:
            return left != right
        case Comparison.LESS:
            return left < right  # type: ignore[operator]  # the resolver lets only values of one type meet
        case Comparison.LESS_OR_EQUAL:
            return left <= right  # type: ignore[operator]
        case Comparison.GREATER:
            return left > right  # type: ignore[operator]
        case Comparison.GREATER_OR_EQUAL:
            return left >= right  # type: ignore[operator]
        case _:
            assert_never(comparison)


def first_failure(conditions: tuple[Condition, ...], facts: Facts) -> Condition | None:
    """The first condition that does not hold, looking into `and`; None when all hold."""
    for condition in conditions:
        if isinstance(condition, And):
            failure = first_failure(condition.parts, facts)
            if failure is not None:
                return failure
        elif not holds(condition, facts):
            return condition
    return None


def operands(condition: Condition) -> tuple[Operand, ...]:
    """Every operand that stands in a condition."""
    match condition:
        case Compare(left, _, right):
            return (left, right)
        case OneOf(operand, values):
            return (operand, *values)
        case Known(operand):
            return (operand,)
        case StartsIn():
            return ()
        case And(parts) | Or(parts):
            return tuple(operand for part in parts for operand in operands(part))
        case Not(part):
            return operands(part)
        case _:
            assert_never(condition)


class EventFacts(Record):
    """The facts of one event, for a meter's `where`: its fields and nothing else."""

    fields: Mapping[str, Value]

    def attribute(self, name: str) -> Scalar | None:
        raise AssertionError(f"a meter asks for account.{name}")

    def field(self, name: str) -> Scalar | None:
        value = self.fields.get(name)
        return None if value is None else scalar(value)

    def usage(self, meter: str) -> Fraction:
        raise AssertionError(f"a meter asks for usage of {meter}")

    def amount(self, line: str) -> Fraction:
        raise AssertionError(f"a meter asks for amount of {line}")

    def month(self) -> int:
        raise AssertionError("a meter asks for the month")

    def starts_in(self, window: str) -> bool:
        raise AssertionError(f"a meter asks for {window}")
