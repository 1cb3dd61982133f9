"""Conditions: names to fields, attributes, meters and lines; literals to the type of what they are compared with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import assert_never

from ....diagnostics import Edit, Span
from ....grammar import syntax
from ... import condition as conditions
from ...condition import Condition, Operand
from ...usage import FieldKind, FieldSchema
from .scope import Scope, near_names
from .values import field_value, quantity_in, type_words

COMPARISONS = {
    syntax.Comparison.IS: conditions.Comparison.IS,
    syntax.Comparison.IS_NOT: conditions.Comparison.IS_NOT,
    syntax.Comparison.LESS: conditions.Comparison.LESS,
    syntax.Comparison.LESS_OR_EQUAL: conditions.Comparison.LESS_OR_EQUAL,
    syntax.Comparison.GREATER: conditions.Comparison.GREATER,
    syntax.Comparison.GREATER_OR_EQUAL: conditions.Comparison.GREATER_OR_EQUAL,
}
ORDERED = (FieldKind.NUMBER, FieldKind.MONEY, FieldKind.DATE)


@dataclass(frozen=True, slots=True)
class Subject:
    """What a condition is about: fields of an event (None outside a meter), and the lines that `amount of` may name."""

    fields: Mapping[str, FieldSchema] | None
    lines: frozenset[str] = frozenset()
    owner: str = "the event"


@dataclass(frozen=True, slots=True)
class Typed:
    """A resolved operand with the type that literals beside it take."""

    operand: Operand
    schema: FieldSchema


def resolve_when(scope: Scope, lines: tuple[syntax.When, ...], subject: Subject) -> tuple[Condition, ...]:
    """The conditions of `when` lines, in written order."""
    found = (resolve_condition(scope, line.condition, subject) for line in lines)
    return tuple(condition for condition in found if condition is not None)


def resolve_condition(scope: Scope, node: syntax.Condition, subject: Subject) -> Condition | None:
    """A condition, or None where a finding says what is wrong."""
    text = scope.text(node)
    match node:
        case syntax.Compare(left, comparison, right):
            return _compare(scope, left, comparison, right, subject, text)
        case syntax.IsOneOf(left, values, negated):
            typed = _operand(scope, left, subject)
            if typed is None:
                return None
            literals = tuple(_literal(scope, value, typed.schema) for value in values)
            if any(literal is None for literal in literals):
                return None
            known = tuple(literal for literal in literals if literal is not None)
            return conditions.OneOf(typed.operand, known, negated, text)
        case syntax.IsKnown(left, negated):
            typed = _operand(scope, left, subject)
            if typed is None:
                return None
            if not isinstance(typed.operand, conditions.Attribute | conditions.FieldOf):
                scope.report(
                    "RB2108",
                    "only attributes and fields can be unknown",
                    left,
                    "always known",
                    "compare it with a number",
                )
                return None
            return conditions.Known(typed.operand, negated, text)
        case syntax.PeriodStartsIn(window):
            if scope.look_up(scope.windows, window, "window") is None:
                return None
            return conditions.StartsIn(window.text, text)
        case syntax.Holds(operand):
            typed = _operand(scope, operand, subject)
            if typed is None:
                return None
            if typed.schema.kind is not FieldKind.YES_NO:
                scope.report(
                    "RB2108",
                    f"`{scope.text(operand)}` is {type_words(typed.schema)}, so it needs a comparison",
                    operand,
                    "not yes or no",
                    f"write `{scope.text(operand)} is …`",
                )
                return None
            yes = conditions.Literal(True, "yes")
            return conditions.Compare(typed.operand, conditions.Comparison.IS, yes, text)
        case syntax.And(parts):
            resolved = _all(scope, parts, subject)
            return None if resolved is None else conditions.And(resolved, text)
        case syntax.Or(parts):
            resolved = _all(scope, parts, subject)
            return None if resolved is None else conditions.Or(resolved, text)
        case syntax.Not(part):
            inner = resolve_condition(scope, part, subject)
            return None if inner is None else conditions.Not(inner, text)
        case _:
            assert_never(node)


def _all(scope: Scope, parts: tuple[syntax.Condition, ...], subject: Subject) -> tuple[Condition, ...] | None:
    resolved = [resolve_condition(scope, part, subject) for part in parts]
    known = tuple(part for part in resolved if part is not None)
    return known if len(known) == len(resolved) else None


def _compare(
    scope: Scope,
    left: syntax.Operand,
    comparison: syntax.Comparison,
    right: syntax.Operand,
    subject: Subject,
    text: str,
) -> Condition | None:
    first = _operand(scope, left, subject)
    if first is None:
        return None
    if comparison not in (syntax.Comparison.IS, syntax.Comparison.IS_NOT) and first.schema.kind not in ORDERED:
        scope.report(
            "RB2108",
            f"`{scope.text(left)}` is {type_words(first.schema)}, which has no order",
            left,
            f"cannot be compared with `{comparison.value}`",
            "use `is`, `is not` or `is one of`",
        )
        return None
    if _asks_for_nothing(scope, left, first, comparison, right):
        return None
    second: Operand | None
    if isinstance(right, syntax.AccountField | syntax.UsageOf | syntax.AmountOfLine | syntax.Month):
        typed = _operand(scope, right, subject)
        if typed is None:
            return None
        if typed.schema.kind is not first.schema.kind or _dimension(typed.schema) != _dimension(first.schema):
            scope.report(
                "RB2108",
                f"`{scope.text(left)}` is {type_words(first.schema)}, and `{scope.text(right)}` is "
                f"{type_words(typed.schema)}: the two cannot be compared",
                right,
                type_words(typed.schema),
                "compare it with one of its own kind, or with a constant",
            )
            return None
        second = typed.operand
    else:
        second = _literal(scope, right, first.schema)
    if second is None:
        return None
    return conditions.Compare(first.operand, COMPARISONS[comparison], second, text)


# What other languages call a value that is not there.
_NOTHING = frozenset({"null", "none", "nil", "undefined", "missing", "unknown", "empty", "blank"})


def _asks_for_nothing(
    scope: Scope, left: syntax.Operand, first: Typed, comparison: syntax.Comparison, right: syntax.Operand
) -> bool:
    """Whether a condition asks for `null`, which would be a text like any other; a finding where it does."""
    if not isinstance(right, syntax.Name) or right.text.lower() not in _NOTHING or right.text in first.schema.values:
        return False
    known = "is not known" if comparison is syntax.Comparison.IS else "is known"
    fix = f"{scope.text(left)} {known}"
    span = Span(left.span.file, left.span.start, right.span.end)
    scope.report(
        "RB2108",
        f"`{right.text}` is a word like any other here: what an account does not have is not known",
        right,
        "no value",
        f"write `{fix}`",
        f'write it in quotes, if it is a value: `"{right.text}"`',
        edits=(Edit(span, fix),),
    )
    return True


def _dimension(schema: FieldSchema) -> object:
    # Values are compared as they are, so both must count in the same unit.
    return None if schema.unit is None else (schema.unit.dimension, schema.unit.scale)


def _operand(scope: Scope, node: syntax.Operand, subject: Subject) -> Typed | None:
    match node:
        case syntax.AccountField(name):
            if subject.fields is not None:
                scope.report(
                    "RB2108",
                    "a meter knows its event only, not the account",
                    node,
                    "an attribute of the account",
                    "put this condition into a charge's or policy's `when`",
                )
                return None
            schema = scope.look_up(scope.attributes, name, "attribute")
            return None if schema is None else Typed(conditions.Attribute(name.text), schema)
        case syntax.UsageOf(meter):
            if subject.fields is not None:
                scope.report(
                    "RB2108", "a meter's `where` knows one event only", node, "usage of a period", "compare fields"
                )
                return None
            found = scope.look_up(scope.meters, meter, "meter")
            if found is None:
                return None
            return Typed(conditions.UsageOf(meter.text), FieldSchema(meter.text, FieldKind.NUMBER, unit=found.unit))
        case syntax.AmountOfLine(line):
            if line.text not in subject.lines:
                if subject.lines:
                    scope.unknown(line, line.text, "line", sorted(subject.lines))
                else:
                    scope.report(
                        "RB2108",
                        "what a line costs is not known yet where charges are chosen",
                        node,
                        "priced later",
                        "ask for `usage of` a meter, or put the condition into a policy",
                    )
                return None
            return Typed(conditions.AmountOf(line.text), FieldSchema(line.text, FieldKind.MONEY))
        case syntax.Month():
            return Typed(conditions.Month(), _MONTH)
        case syntax.Name(text):
            return _field(scope, node, text, subject)
        case _:
            scope.report(
                "RB2108", "a condition begins with what it asks about", node, "a constant", "turn the comparison round"
            )
            return None


_MONTH = FieldSchema("month", FieldKind.NUMBER)


def _field(scope: Scope, node: syntax.Name, text: str, subject: Subject) -> Typed | None:
    if subject.fields is None:
        if text in scope.attributes:
            fix = f"account.{text}"
            scope.report(
                "RB2001",
                f"`{text}` is an attribute of the account, which a condition asks for by `{fix}`",
                node,
                "what of?",
                f"write `{fix}`",
                edits=(Edit(node.span, fix),),
            )
        elif text in scope.meters:
            fix = f"usage of {text}"
            scope.report(
                "RB2001",
                f"`{text}` is a meter, which a condition asks for by `{fix}`",
                node,
                "what of it?",
                f"write `{fix}`",
                edits=(Edit(node.span, fix),),
            )
        elif not scope.is_lost(text):
            near = near_names(text, scope.attributes)
            hint = f"did you mean `account.{near[0]}`?" if near else "write `account.…`, `usage of …` or `amount of …`"
            scope.report("RB2001", f"there is nothing called `{text}` here", node, "unknown", hint)
        return None
    schema = subject.fields.get(text)
    if schema is None:
        scope.unknown(node, text, f"field of {subject.owner}", subject.fields)
        return None
    return Typed(conditions.FieldOf(text), schema)


def _literal(scope: Scope, node: syntax.Operand, schema: FieldSchema) -> conditions.Literal | None:
    text = scope.text(node)
    if schema is _MONTH:
        return _month_literal(scope, node, text)
    if isinstance(node, syntax.AccountField | syntax.UsageOf | syntax.AmountOfLine | syntax.Month):
        scope.report(
            "RB2108", "a list holds constants only", node, "not a constant", "write `or` between two comparisons"
        )
        return None
    if isinstance(node, syntax.Number | syntax.Quantity) and schema.kind is FieldKind.NUMBER:
        number = quantity_in(scope, node, schema.unit, f"`{schema.name}`")
        return None if number is None else conditions.Literal(number, text)
    if isinstance(node, syntax.Percent):
        scope.report(
            "RB2108",
            f"`{schema.name}` is {type_words(schema)}, and `{text}` is a percentage",
            node,
            "a percentage",
            "write a plain number",
        )
        return None
    value = field_value(scope, schema, node)
    if value is None:
        return None
    return conditions.Literal(conditions.scalar(value), text)


def _month_literal(scope: Scope, node: syntax.Operand, text: str) -> conditions.Literal | None:
    if isinstance(node, syntax.Name) and node.text.lower() in syntax.MONTHS:
        return conditions.Literal(Fraction(syntax.MONTHS.index(node.text.lower()) + 1), text)
    if isinstance(node, syntax.Number) and node.value in range(1, 13):
        return conditions.Literal(node.value, text)
    scope.report("RB2108", f"`{text}` is no month", node, "no month", "write jan to dec, or 1 to 12")
    return None


def event_subject(scope: Scope, event: str) -> Subject:
    """The subject of a meter or `each` charge over an event."""
    schema = scope.events[event]
    return Subject({field.name: field for field in schema.fields}, owner=f"event `{event}`")
