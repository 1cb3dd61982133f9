"""Header, units, attributes and events: what a ruleset declares of the world."""

from __future__ import annotations

import difflib
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import assert_never

from ....diagnostics import Edit, Span
from ....grammar import syntax
from ....money import Currency, MoneyUnit, currency, decimal_text
from ...period import time_zone
from ...plan import LineRounding
from ...quantity import NUMBER, Unit, convert, convertible
from ...usage import EventSchema, FieldKind, FieldSchema, Value
from .scope import RESERVED_FIELDS, ROUNDINGS, Scope

NO_CURRENCY = Currency("XXX", 2)


def resolve_header(scope: Scope, header: syntax.Header) -> None:
    """Currency, time zone and rounding of the ruleset."""
    if header.currency is None:
        scope.report(
            "RB2005", "the ruleset does not say its currency", header.name, "", "add `currency USD` below this line"
        )
    else:
        scope.currency_span = header.currency.span
        found = currency(header.currency.text)
        if found is None:
            upper = header.currency.text.upper()
            hint = f"did you mean `{upper}`?" if currency(upper) else "use a code of ISO 4217, such as USD, EUR or CNY"
            scope.report(
                "RB2005", f"`{header.currency.text}` is no currency", header.currency, "unknown currency", hint
            )
        else:
            scope.money = MoneyUnit.minor(found)
    if header.time_zone is not None:
        _resolve_zone(scope, header.time_zone)
    if header.round_line is not None:
        _resolve_line_rounding(scope, header.round_line)
    if header.round_total is not None:
        scope.total_rounding = money_rounding(scope, header.round_total)
        scope.total_rounding_place = scope.place(header.round_total)


def _resolve_zone(scope: Scope, zone: syntax.Text) -> None:
    if time_zone(zone.text) is not None:
        scope.zone = zone.text
        return
    from zoneinfo import available_timezones

    near = difflib.get_close_matches(zone.text, sorted(available_timezones()), n=2, cutoff=0.6)
    hint = f"did you mean `{near[0]}`?" if near else "use a name such as Europe/Berlin, Asia/Shanghai or UTC"
    scope.report("RB2006", f"there is no time zone `{zone.text}`", zone, "unknown time zone", hint)


def _resolve_line_rounding(scope: Scope, rule: syntax.RoundMoney) -> None:
    found = money_rounding(scope, rule)
    if found is None:
        return
    scope.line_rounding = found.mode
    if rule.unit is not None:
        scope.money = MoneyUnit(scope.money.currency, found.size)


def money_rounding(scope: Scope, rule: syntax.RoundMoney) -> LineRounding | None:
    """A rounding of money; without a unit it is to the ruleset's money unit, without a mode half even."""
    mode = ROUNDINGS[rule.mode or syntax.RoundingMode.HALF_EVEN]
    if rule.unit is None:
        return LineRounding(scope.money.size, mode)
    size = scope.money_value(rule.unit)
    if size is None:
        return None
    if size <= 0:
        scope.report("RB2103", "the unit of rounding must be above zero", rule.unit, "", "write `¥0.01`, say")
        return None
    return LineRounding(size, mode)


def resolve_unit(scope: Scope, declaration: syntax.UnitDeclaration) -> None:
    """A declared count, or a multiple of a unit."""
    name = declaration.name.text
    if scope.units.find(name) is not None:
        scope.report("RB2002", f"unit `{name}` is already known", declaration.name, "", "give it another name")
        return
    if declaration.multiple is None:
        scope.units = scope.units.with_count(name)
        return
    number = declaration.multiple.number.value
    if number <= 0:
        scope.report("RB2103", "a multiple must be above zero", declaration.multiple, "")
        return
    if declaration.multiple.unit is None:
        scope.report("RB2101", "a multiple needs a unit", declaration.multiple, "", f"write `{name} = 100 unit`")
        return
    base = scope.unit(declaration.multiple.unit)
    if base is not None:
        scope.units = scope.units.with_multiple(name, number, base)


def resolve_account(scope: Scope, declaration: syntax.AccountDeclaration) -> None:
    """The attributes of accounts."""
    for item in declaration.fields:
        schema = _field(scope, item, reserved=frozenset({"account", "plan", "start", "end", "cards"}))
        if schema is None:
            continue
        if schema.name in scope.attributes:
            scope.declared_before(item.name, schema.name, "attribute", scope.attribute_spans[schema.name])
            continue
        scope.attributes[schema.name] = schema
        scope.attribute_spans[schema.name] = item.name.span


def resolve_event(scope: Scope, declaration: syntax.EventDeclaration) -> None:
    """An event and its fields."""
    name = declaration.name.text
    if name in scope.events:
        scope.declared_before(declaration.name, name, "event", scope.event_spans[name])
        return
    fields: list[FieldSchema] = []
    seen: dict[str, Span] = {}
    for item in declaration.fields:
        schema = _field(scope, item, reserved=RESERVED_FIELDS)
        if schema is None:
            continue
        if schema.name in seen:
            scope.declared_before(item.name, schema.name, "field", seen[schema.name])
            continue
        seen[schema.name] = item.name.span
        fields.append(schema)
    lasting = None
    if declaration.lasting is not None:
        lasting = _lasting(scope, declaration.lasting, fields)
    scope.events[name] = EventSchema(name, tuple(fields), lasting)
    scope.event_spans[name] = declaration.name.span


def _lasting(scope: Scope, name: syntax.Name, fields: list[FieldSchema]) -> str | None:
    schema = next((item for item in fields if item.name == name.text), None)
    if schema is None:
        scope.unknown(name, name.text, "field", [item.name for item in fields])
        return None
    seconds = scope.units.find("s")
    assert seconds is not None
    if schema.kind is not FieldKind.NUMBER or schema.unit is None or not convertible(schema.unit, seconds):
        scope.report("RB2108", f"`{name.text}` is no length of time", name, "", f"declare `{name.text}: number of s`")
        return None
    return schema.name


def _field(scope: Scope, item: syntax.Field, reserved: frozenset[str]) -> FieldSchema | None:
    name = item.name.text
    if name in reserved:
        scope.report("RB2003", f"`{name}` is a reserved name", item.name, "reserved", f"call it `{name}_value`, say")
        return None
    kind, values, unit = _type(scope, item.type)
    bare = FieldSchema(name, kind, values, unit, required=not item.optional and item.default is None)
    if item.default is None:
        return bare
    default = field_value(scope, bare, item.default)
    return FieldSchema(name, kind, values, unit, required=False, default=default)


def _type(scope: Scope, written: syntax.FieldType) -> tuple[FieldKind, tuple[str, ...], Unit | None]:
    match written:
        case syntax.NumberType(unit):
            return FieldKind.NUMBER, (), scope.unit(unit)
        case syntax.MoneyType():
            return FieldKind.MONEY, (), None
        case syntax.TextType():
            return FieldKind.TEXT, (), None
        case syntax.DateType():
            return FieldKind.DATE, (), None
        case syntax.YesNoType():
            return FieldKind.YES_NO, (), None
        case syntax.OneOfType(values):
            texts = [value.text for value in values]
            for index, value in enumerate(values):
                if value.text in texts[:index]:
                    scope.report("RB2002", f"value `{value.text}` stands here twice", value, "", "leave one out")
            return FieldKind.ONE_OF, tuple(dict.fromkeys(texts)), None
        case _:
            assert_never(written)


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
            near = difflib.get_close_matches(text, schema.values, n=2, cutoff=0.5)
            hint = f"did you mean `{near[0]}`?" if near else f"it has the values {', '.join(schema.values)}"
            edits = (Edit(value.span, near[0]),) if len(near) == 1 else ()
            scope.report("RB2105", f"`{schema.name}` has no value `{text}`", value, "unknown value", hint, edits=edits)
            return None
        case _:
            hints = _wrong_type_hints(scope, schema, value)
            scope.report("RB2108", f"`{schema.name}` is {type_words(schema)}", value, "another type", *hints)
            return None


def _wrong_type_hints(scope: Scope, schema: FieldSchema, value: syntax.Value) -> list[str]:
    if schema.kind is FieldKind.MONEY and isinstance(value, syntax.Number):
        from ....money import symbols

        sign = symbols(scope.money.currency.code)
        return [f"a bare number is never money: write `{sign[0] if sign else ''}{value.digits}`"]
    if schema.kind is FieldKind.TEXT:
        return [f'write it in quotes: `"{scope.text(value)}"`']
    if schema.kind is FieldKind.ONE_OF:
        return [f"it has the values {', '.join(schema.values)}"]
    return []


def _decimal(scope: Scope, number: Fraction, node: syntax.Node) -> Decimal | None:
    text = decimal_text(number)
    if text is None:
        scope.report("RB2101", "this quantity has no exact decimal in the field's unit", node, "", "use that unit")
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
            "RB2101", f"{what} has no unit, and this is in {own.name}", value.unit, "unexpected unit", "leave it out"
        )
        return None
    if not convertible(own, unit):
        scope.report(
            "RB2101",
            f"{what} counts {unit.name}, and {own.name} does not convert to that",
            value.unit,
            f"not a multiple of {unit.name}",
            f"write it in {unit.name}",
        )
        return None
    return convert(value.number.value, own, unit)
