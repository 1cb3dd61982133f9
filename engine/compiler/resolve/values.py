"""Written values against declared types: words, numbers with units, money and dates, and why one does not fit."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import assert_never

from ....diagnostics import Edit
from ....grammar import syntax
from ....money import decimal_text
from ...quantity import NUMBER, Unit, convert, convertible
from ...usage import FieldKind, FieldSchema, Value
from .scope import Scope, near_names


def type_words(schema: FieldSchema) -> str:
    """A type in the words of the language."""
    match schema.kind:
        case FieldKind.NUMBER:
            return "a number" if schema.unit is None else f"a number of {schema.unit.name}"
        case FieldKind.MONEY:
            return "money"
        case FieldKind.TEXT:
            return "a text"
        case FieldKind.DATE:
            return "a date"
        case FieldKind.YES_NO:
            return "yes or no"
        case FieldKind.ONE_OF:
            return "one of " + ", ".join(schema.values)
        case _:
            assert_never(schema.kind)


def field_value(scope: Scope, schema: FieldSchema, value: syntax.Value) -> Value | None:
    """A written value as the field's type; a finding where it is of another."""
    match schema.kind, value:
        case FieldKind.NUMBER, syntax.Number() | syntax.Quantity():
            number = quantity_in(scope, value, schema.unit, f"`{schema.name}`")
            return None if number is None else _decimal(scope, number, value)
        case FieldKind.MONEY, syntax.Money():
            amount = scope.money_value(value)
            return None if amount is None else _decimal(scope, amount, value)
        case FieldKind.TEXT, syntax.Name(text) | syntax.Text(text):
            return text
        case FieldKind.DATE, syntax.Date(iso):
            return date.fromisoformat(iso)
        case FieldKind.YES_NO, syntax.Boolean(answer):
            return answer
        case FieldKind.YES_NO, syntax.Name("yes" | "true"):
            return True
        case FieldKind.YES_NO, syntax.Name("no" | "false"):
            return False
        case FieldKind.ONE_OF, syntax.Name(text) | syntax.Text(text):
            if text in schema.values:
                return text
            near = near_names(text, schema.values)
            hint = f"did you mean `{near[0]}`?" if near else f"it has the values {', '.join(schema.values)}"
            edits = (Edit(value.span, near[0]),) if len(near) == 1 else ()
            scope.report("RB2105", f"`{schema.name}` has no value `{text}`", value, "unknown value", hint, edits=edits)
            return None
        case _:
            hints = _wrong_type_hints(scope, schema, value)
            scope.report(
                "RB2108",
                f"`{schema.name}` is {type_words(schema)}, and `{scope.text(value)}` is {_value_words(value)}",
                value,
                _value_words(value),
                *hints,
            )
            return None


def _value_words(value: syntax.Value) -> str:
    match value:
        case syntax.Name():
            return "a word"
        case syntax.Text():
            return "a text"
        case syntax.Number():
            return "a number"
        case syntax.Money():
            return "money"
        case syntax.Percent():
            return "a percentage"
        case syntax.Quantity(unit=unit):
            return "a number" if unit is None else f"a number of {unit.text}"
        case syntax.Date():
            return "a date"
        case syntax.Boolean():
            return "yes or no"
        case _:
            assert_never(value)


def _wrong_type_hints(scope: Scope, schema: FieldSchema, value: syntax.Value) -> list[str]:
    if schema.kind is FieldKind.MONEY and isinstance(value, syntax.Number):
        from ....money import symbols

        sign = symbols(scope.money.currency.code)
        return [f"a bare number is never money: write `{sign[0] if sign else ''}{value.digits}`"]
    if schema.kind is FieldKind.TEXT:
        return [f'write it in quotes: `"{scope.text(value)}"`']
    if schema.kind is FieldKind.ONE_OF:
        return [f"it has the values {', '.join(schema.values)}"]
    if schema.kind is FieldKind.YES_NO:
        return ["write `yes` or `no`"]
    if schema.kind is FieldKind.DATE:
        return ["write a date, such as `2026-03-01`"]
    if schema.kind is FieldKind.NUMBER:
        unit = "" if schema.unit is None else f" {schema.unit.name}"
        return [f"write a number, such as `100{unit}`"]
    return []


def _decimal(scope: Scope, number: Fraction, node: syntax.Node) -> Decimal | None:
    text = decimal_text(number)
    if text is None:
        scope.report(
            "RB2101",
            "this quantity is no finite decimal number in the unit that the field is declared with",
            node,
            "not exact in that unit",
            "write it in the unit of the field",
        )
        return None
    return Decimal(text)


def quantity_in(scope: Scope, value: syntax.Number | syntax.Quantity, unit: Unit | None, what: str) -> Fraction | None:
    """A number with or without a unit, in another unit; a finding where the two don't fit.

    A bare number is in the wanted unit; a unit where none is wanted is a finding.
    """
    if isinstance(value, syntax.Number):
        return value.value
    if value.unit is None:
        return value.number.value
    own = scope.unit(value.unit)
    if own is None:
        return None
    if unit is None or unit.dimension == NUMBER:
        scope.report(
            "RB2101",
            f"{what} is a bare number, and this is in {own.name}",
            value.unit,
            "unexpected unit",
            "leave the unit out",
        )
        return None
    if not convertible(own, unit):
        scope.report(
            "RB2101",
            f"{what} counts {unit.name}, and {own.name} does not convert to that",
            value.unit,
            f"does not convert to {unit.name}",
            f"write it in {unit.name}",
        )
        return None
    return convert(value.number.value, own, unit)
