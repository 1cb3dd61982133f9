"""Header, units, attributes and events: what a ruleset declares of the world."""

from __future__ import annotations

import difflib
from typing import assert_never

from ....diagnostics import Edit, Span
from ....grammar import syntax
from ....money import Currency, MoneyUnit, currency
from ...period import time_zone
from ...plan import LineRounding
from ...quantity import BUILT_IN, Unit, convertible
from ...usage import EventSchema, FieldKind, FieldSchema
from .scope import NO_CURRENCY_CODE, RESERVED_FIELDS, ROUNDINGS, Scope
from .values import field_value, type_words

NO_CURRENCY = Currency(NO_CURRENCY_CODE, 2)


_CURRENCY_WORDS = {"RMB": "CNY", "YUAN": "CNY", "DOLLAR": "USD", "DOLLARS": "USD", "US": "USD", "EURO": "EUR"}
_CURRENCY_WORDS |= {"EUROS": "EUR", "YEN": "JPY", "POUND": "GBP", "POUNDS": "GBP", "STERLING": "GBP"}


# Large cities whose time has the name of another.
_CITIES = {
    **dict.fromkeys(("beijing", "shenzhen", "guangzhou", "hangzhou", "chengdu"), "Asia/Shanghai"),
    **dict.fromkeys(("munich", "frankfurt", "hamburg", "cologne"), "Europe/Berlin"),
    **dict.fromkeys(("san_francisco", "seattle", "las_vegas", "san_diego"), "America/Los_Angeles"),
    **dict.fromkeys(("boston", "washington", "miami", "atlanta"), "America/New_York"),
    **dict.fromkeys(("mumbai", "delhi", "new_delhi", "bangalore"), "Asia/Kolkata"),
    **dict.fromkeys(("houston", "dallas", "austin"), "America/Chicago"),
    **dict.fromkeys(("milan", "naples"), "Europe/Rome"),
    **dict.fromkeys(("geneva", "basel"), "Europe/Zurich"),
    **dict.fromkeys(("barcelona", "valencia"), "Europe/Madrid"),
    **dict.fromkeys(("manchester", "edinburgh"), "Europe/London"),
    **dict.fromkeys(("osaka", "kyoto"), "Asia/Tokyo"),
}


def resolve_header(scope: Scope, header: syntax.Header) -> None:
    """Currency, time zone and rounding of the ruleset."""
    if header.currency is None:
        scope.report(
            "RB2005",
            "the ruleset does not say its currency",
            header.name,
            "in which currency?",
            "add `currency USD`, say, below this line",
        )
    else:
        scope.currency_span = header.currency.span
        found = currency(header.currency.text)
        if found is None:
            written = header.currency.text
            meant = written.upper() if currency(written.upper()) else _CURRENCY_WORDS.get(written.upper())
            hint = f"did you mean `{meant}`?" if meant else "use a code of ISO 4217, such as USD, EUR or CNY"
            edits = (Edit(header.currency.span, meant),) if meant else ()
            scope.report(
                "RB2005",
                f"`{written}` is no code of a currency",
                header.currency,
                "unknown currency",
                hint,
                edits=edits,
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

    known = sorted(available_timezones())
    city = zone.text.replace(" ", "_").rpartition("/")[2].casefold()
    near = [name for name in known if city and name.rpartition("/")[2].casefold() == city and "/" in name]
    near = near[:1] or [_CITIES[city]] if city in _CITIES else near
    near = near[:1] or difflib.get_close_matches(zone.text, known, n=1, cutoff=0.85)
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
        scope.report(
            "RB2103",
            "money is rounded to an amount above zero",
            rule.unit,
            "not above zero",
            f"write `{scope.money_text('0.01')}`, say",
        )
        return None
    return LineRounding(size, mode)


def resolve_unit(scope: Scope, declaration: syntax.UnitDeclaration) -> None:
    """A declared count, or a multiple of a unit."""
    name = declaration.name.text
    if scope.units.find(name) is not None:
        known = "declared before" if name not in BUILT_IN else "built in"
        scope.report(
            "RB2002",
            f"unit `{name}` is {known}",
            declaration.name,
            "declared again here",
            "remove this line" if known == "built in" else "give one of them another name, or remove it",
        )
        return
    if declaration.multiple is None:
        scope.units = scope.units.with_count(name)
        return
    number = declaration.multiple.number.value
    if number <= 0:
        scope.report(
            "RB2103",
            "a unit is a multiple above zero of another",
            declaration.multiple,
            "not above zero",
            "write a number above zero",
        )
        scope.lose(declaration, name)
        return
    if declaration.multiple.unit is None:
        fix = f"write `unit {name} = {declaration.multiple.number.digits} piece`, with `unit piece` declared before it"
        scope.report("RB2101", f"unit `{name}` is a multiple of what?", declaration.multiple, "a bare number", fix)
        scope.lose(declaration, name)
        return
    base = scope.unit(declaration.multiple.unit)
    if base is None:
        scope.lose(declaration, name)
        return
    scope.units = scope.units.with_multiple(name, number, base)


def resolve_account(scope: Scope, declaration: syntax.AccountDeclaration) -> None:
    """The attributes of accounts."""
    for item in declaration.fields:
        schema = _field(scope, item, reserved=frozenset({"account", "plan", "start", "end", "cards"}))
        if schema is None:
            scope.lose(item, item.name.text)
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
            scope.lose(item, item.name.text)
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
        scope.unknown(name, name.text, "field of the event", [item.name for item in fields])
        return None
    seconds = scope.units.find("s")
    assert seconds is not None
    if schema.kind is not FieldKind.NUMBER or schema.unit is None or not convertible(schema.unit, seconds):
        scope.report(
            "RB2108",
            f"`{name.text}` is {type_words(schema)}, and the length of an event is a number of `s`, `min` or `h`",
            name,
            "no length of time",
            f"declare `{name.text}: number of s`",
        )
        return None
    return schema.name


def _field(scope: Scope, item: syntax.Field, reserved: frozenset[str]) -> FieldSchema | None:
    name = item.name.text
    if name in reserved:
        every = "row of accounts" if "plan" in reserved else "row of usage"
        scope.report(
            "RB2003",
            f"`{name}` is a reserved name: every {every} has its own `{name}`",
            item.name,
            "reserved",
            f"call it `{name}_value`, say",
        )
        return None
    kind, values, unit = _type(scope, item.type)
    if unit is None and isinstance(item.type, syntax.NumberType) and item.type.unit is not None:
        # What it counts is not known, so that no price for it can be judged.
        return None
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
                    scope.report("RB2002", f"value `{value.text}` stands here twice", value, "again", "leave one out")
            return FieldKind.ONE_OF, tuple(dict.fromkeys(texts)), None
        case _:
            assert_never(written)
