"""What a charge prices: a meter, an attribute of the account, the amount of other charges, or each event."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import assert_never

from ....grammar import syntax
from ...plan import OfAmount, OfAttribute, OfEach, OfMeter, Source
from ...quantity import Unit
from ...usage import EventSchema, FieldKind, FieldSchema
from .conditions import event_subject, resolve_condition
from .meters import COUNT, money_unit
from .scope import Scope, near_names
from .values import type_words


@dataclass(frozen=True, slots=True)
class Origin:
    """What a charge prices: its source in the plan, its unit, and the fields of its event, if it has one."""

    source: Source
    unit: Unit | None
    is_money: bool
    fields: Mapping[str, FieldSchema] | None
    words: str


def resolve_origin(scope: Scope, node: syntax.Charge, charges: frozenset[str]) -> Origin | None:
    """What a charge prices, or None with findings. `charges` are the names of the plan's charges."""
    match node.source:
        case None:
            return _of_meter(scope, node.name, of_name=True)
        case syntax.MeterSource(meter):
            return _of_meter(scope, meter, of_name=False)
        case syntax.AttributeSource(attribute):
            return _of_attribute(scope, attribute)
        case syntax.AmountSource(lines):
            unknown = [line for line in lines if line.text not in charges]
            for line in unknown:
                scope.unknown(line, line.text, "charge of this plan", sorted(charges))
            if unknown:
                return None
            names = tuple(line.text for line in lines)
            unit = money_unit(scope)
            return Origin(OfAmount(names), unit, True, None, f"the amount of {', '.join(names)}")
        case syntax.EachSource():
            return _of_each(scope, node.source)
        case _:
            assert_never(node.source)


def _of_meter(scope: Scope, name: syntax.Name, *, of_name: bool) -> Origin | None:
    meter = scope.meters.get(name.text)
    if meter is None:
        near = near_names(name.text, scope.meters)
        if of_name and scope.meters and not near:
            some = ", ".join(f"`{item}`" for item in list(scope.meters)[:6])
            hint = f"say what it prices: `charge {name.text} of METER`; declared: {some}"
            scope.unknown(name, name.text, "meter", (), hint)
        else:
            scope.look_up(scope.meters, name, "meter")
        return None
    event = scope.events[meter.event]
    unit = None if meter.unit == COUNT else meter.unit
    fields = {item.name: item for item in event.fields}
    return Origin(OfMeter(name.text), unit, _is_money(unit), fields, f"meter {name.text}")


def _is_money(unit: Unit | None) -> bool:
    return unit is not None and any(base.startswith("money ") for base, _ in unit.dimension)


def _of_attribute(scope: Scope, node: syntax.AccountField) -> Origin | None:
    schema = scope.look_up(scope.attributes, node.name, "attribute")
    if schema is None:
        return None
    words = f"account.{schema.name}"
    match schema.kind:
        case FieldKind.NUMBER:
            return Origin(OfAttribute(schema.name), schema.unit, False, None, words)
        case FieldKind.MONEY:
            return Origin(OfAttribute(schema.name), money_unit(scope), True, None, words)
        case _:
            scope.report(
                "RB2108",
                f"`{words}` is {type_words(schema)}, not a number or money",
                node,
                "cannot be priced",
                "price a number, and choose prices by this, as in `by " + words + "`",
            )
            return None


def _of_each(scope: Scope, node: syntax.EachSource) -> Origin | None:
    found = _event_and_field(scope, node.event)
    if found is None:
        return None
    event, schema = found
    where = None
    if node.where is not None:
        where = resolve_condition(scope, node.where, event_subject(scope, event.name))
        if where is None:
            return None
    fields = {item.name: item for item in event.fields}
    if schema is None:
        return Origin(
            OfEach(event.name, None, where=where, length=event.lasting), None, False, fields, f"each {event.name}"
        )
    words = f"each {event.name}.{schema.name}"
    if schema.kind is FieldKind.MONEY:
        return Origin(
            OfEach(event.name, schema.name, where=where, length=event.lasting), money_unit(scope), True, fields, words
        )
    if schema.kind is not FieldKind.NUMBER:
        scope.report(
            "RB2108",
            f"`{schema.name}` is {type_words(schema)}, not a number or money",
            node.event,
            "cannot be priced",
            f"write `each {event.name} by {schema.name}` to choose the price of an event by it",
        )
        return None
    lasting = event.lasting == schema.name
    second = scope.units.find("s")
    assert second is not None
    seconds = schema.unit.scale / second.scale if lasting and schema.unit is not None else Fraction(1)
    source = OfEach(event.name, schema.name, where=where, lasting=lasting, length=event.lasting, seconds=seconds)
    return Origin(source, schema.unit, False, fields, words)


def _event_and_field(scope: Scope, name: syntax.EventName) -> tuple[EventSchema, FieldSchema | None] | None:
    """`each call.duration`: the longest declared event that the dotted text begins with, and the field after it."""
    if name.text in scope.events:
        return scope.events[name.text], None
    head, _, tail = name.text.rpartition(".")
    if head in scope.events:
        event = scope.events[head]
        for item in event.fields:
            if item.name == tail:
                return event, item
        scope.unknown(name, tail, f"field of event `{head}`", [item.name for item in event.fields])
        return None
    scope.unknown(name, name.text, "event", scope.events)
    return None
