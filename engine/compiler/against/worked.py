"""The worked examples of the earlier version, rated with both rulesets: what a line cost then and costs now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from fractions import Fraction

from ...examples import run_example
from ...plan import Program
from ...statement import Statement
from ...usage import EventSchema, FieldSchema, Value
from ..model import Example
from .comparison import ExampleChange
from .sides import Side


def changed_examples(old: Side, new: Side) -> Iterator[ExampleChange]:
    """A change for each example whose total differs, or else for each line that differs in it."""
    if old.program.money.currency != new.program.money.currency:
        return  # amounts of two currencies are not compared
    for example in old.ruleset.examples:
        then = run_example(old.program, example)
        if then.statement is None:
            continue  # an example of an error has no amount
        reason = _not_rated(old.program, new.program, example)
        if reason:
            total = then.statement.money.fraction(then.statement.total)
            yield ExampleChange(example.title, example.plan, "total", total, None, reason)
            continue
        now = run_example(new.program, _completed(example, new.program))
        yield from _compared(example, then.statement, now.statement, "" if now.refusal is None else now.refusal.message)


def _compared(example: Example, then: Statement, now: Statement | None, reason: str) -> Iterator[ExampleChange]:
    total = then.money.fraction(then.total)
    if now is None:
        yield ExampleChange(example.title, example.plan, "total", total, None, reason)
        return
    after = now.money.fraction(now.total)
    if total != after:
        yield ExampleChange(example.title, example.plan, "total", total, after)
        return
    before_lines, after_lines = _lines(then), _lines(now)
    for line in dict.fromkeys((*before_lines, *after_lines)):
        amounts = before_lines.get(line, Fraction(0)), after_lines.get(line, Fraction(0))
        if amounts[0] != amounts[1]:
            yield ExampleChange(example.title, example.plan, line, *amounts)


def _lines(statement: Statement) -> dict[str, Fraction]:
    found: dict[str, Fraction] = {}
    for line in statement.lines:
        found[line.id] = found.get(line.id, Fraction(0)) + statement.money.fraction(line.amount)
    return found


def _not_rated(old: Program, new: Program, example: Example) -> str:
    """Why the newer ruleset cannot rate an example, or nothing."""
    if example.plan not in new.plans:
        return f"plan {example.plan} is gone"
    for item in example.quantities:
        if item.meter not in new.meters:
            return f"meter {item.meter} is gone"
        if item.window is not None and item.window not in new.windows:
            return f"window {item.window} is gone"
        if new.meters[item.meter].unit != old.meters[item.meter].unit:
            return f"meter {item.meter} counts in {new.meters[item.meter].unit.name or 'numbers'} now"
    for holding in example.cards:
        if holding.card not in new.cards:
            return f"card {holding.card} is gone"
    for event in example.events:
        reason = _unlike_event(old, new, event.event, event.fields)
        if reason:
            return reason
    for name in example.attributes:
        schema = new.schema.attributes.get(name)
        if schema is not None and not _fits(old.schema.attributes[name], schema, example.attributes[name]):
            return f"account.{name} is declared otherwise"
    return ""


def _unlike_event(old: Program, new: Program, name: str, fields: Mapping[str, Value]) -> str:
    schema = new.schema.events.get(name)
    if schema is None:
        return f"event {name} is gone"
    before = {field.name: field for field in old.schema.events[name].fields}
    for field in schema.fields:
        if field.name not in fields:
            if field.required and field.default is None:
                return f"event {name} needs {field.name} now"
        elif not _fits(before[field.name], field, fields[field.name]):
            return f"field {field.name} of {name} is declared otherwise"
    return ""


def _fits(old: FieldSchema, new: FieldSchema, value: Value) -> bool:
    return old.kind is new.kind and old.unit == new.unit and (not new.values or value in new.values)


def _completed(example: Example, program: Program) -> Example:
    """The example with the defaults of what is declared only now, and without what is declared no more."""
    attributes = {
        name: example.attributes.get(name, schema.default) for name, schema in program.schema.attributes.items()
    }
    events = tuple(
        replace(event, fields=_with_defaults(event.fields, program.schema.events[event.event]))
        for event in example.events
    )
    return replace(
        example,
        attributes={name: value for name, value in attributes.items() if value is not None},
        events=events,
    )


def _with_defaults(fields: Mapping[str, Value], schema: EventSchema) -> dict[str, Value]:
    found = {field.name: fields.get(field.name, field.default) for field in schema.fields}
    return {name: value for name, value in found.items() if value is not None}
