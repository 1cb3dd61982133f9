"""Worked examples and promises: given facts as the rows that intake would have read, and what is expected."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from typing import assert_never
from zoneinfo import ZoneInfo

from ....diagnostics import CODES
from ....grammar import syntax
from ...period import at_local, billing_period, parse_period, time_zone
from ...plan import Meter
from ...usage import CardHolding, EventSchema, FieldSchema, MeteredQuantity, UsageEvent, Value
from ..model import (
    Example,
    Expected,
    ExpectedError,
    MarginAtLeast,
    MoreNeverCostsLess,
    NeverCostsMore,
    Plan,
    Promise,
)
from .meters import COUNT
from .scope import Scope
from .values import field_value, quantity_in, type_words

ACCOUNT = "example"


def resolve_example(
    scope: Scope, node: syntax.Example, plans: tuple[Plan, ...], lines: frozenset[str]
) -> Example | None:
    """An example, or None with findings."""
    before = len(scope.findings)
    versions = [plan for plan in plans if plan.name == node.plan.text]
    if not versions:
        scope.unknown(node.plan, node.plan.text, "plan", sorted({plan.name for plan in plans}))
        return None
    period = parse_period(node.period.iso)
    if period is None:
        scope.report("RB1105", f"`{node.period.iso}` is no period", node.period, "no period", "write `2026-03`, say")
        return None
    start = period.start if node.since is None else date.fromisoformat(node.since.iso)
    if start >= period.end:
        scope.report(
            "RB5003", "the subscription starts after the period", node.period, "over before it", "begin earlier"
        )
        return None
    attributes: dict[str, Value] = {
        name: schema.default for name, schema in scope.attributes.items() if schema.default is not None
    }
    events: list[UsageEvent] = []
    quantities: list[MeteredQuantity] = []
    cards: list[CardHolding] = []
    expectations: list[Expected | ExpectedError] = []
    for item in node.items:
        match item:
            case syntax.AccountGiven(values):
                for given in values:
                    schema = scope.look_up(scope.attributes, given.name, "attribute")
                    value = None if schema is None else field_value(scope, schema, given.value)
                    if value is not None:
                        attributes[given.name.text] = value
            case syntax.UsageGiven():
                quantity = _usage(scope, item, versions, start)
                quantities.extend([] if quantity is None else [quantity])
            case syntax.EventGiven():
                event = _event(scope, item)
                events.extend([] if event is None else [event])
            case syntax.CardGiven():
                card = _card(scope, item, period.start)
                cards.extend([] if card is None else [card])
            case syntax.ExpectAmount() | syntax.ExpectNo() | syntax.ExpectError():
                expected = _expectation(scope, item, lines)
                expectations.extend([] if expected is None else [expected])
            case _:
                assert_never(item)
    if not expectations:
        scope.report("RB5003", "this example expects nothing", node.title, "checks nothing", "add `expect total …`")
    if len(scope.findings) > before:
        return None
    return Example(
        title=node.title.text,
        span=node.title.span,
        plan=node.plan.text,
        start=start,
        period=period,
        unreviewed=node.unreviewed,
        attributes=attributes,
        events=tuple(events),
        quantities=tuple(quantities),
        cards=tuple(cards),
        expectations=tuple(expectations),
    )


def _zone(scope: Scope) -> ZoneInfo:
    zone = time_zone(scope.zone)
    assert zone is not None, "the header lets only known zones through"
    return zone


def _usage(scope: Scope, node: syntax.UsageGiven, versions: list[Plan], start: date) -> MeteredQuantity | None:
    meter = scope.look_up(scope.meters, node.meter, "meter")
    if meter is None:
        return None
    quantity = meter_quantity(scope, meter, node.quantity)
    event = scope.events[meter.event]
    fields, window = _fields(scope, event, node.values)
    period_start = None
    if node.period is not None:
        days = parse_period(node.period.iso)
        if days is None:
            scope.report(
                "RB1105", f"`{node.period.iso}` is no period", node.period, "no period", "write `2026-03`, say"
            )
            return None
        period_start = billing_period(versions[0].billing, max(days.start, start), start).start
    if quantity is None:
        return None
    return MeteredQuantity(ACCOUNT, meter.name, quantity, fields, period_start=period_start, window=window)


def meter_quantity(scope: Scope, meter: Meter, node: syntax.Quantity | syntax.Money) -> Fraction | None:
    """A written quantity in a meter's unit."""
    if isinstance(node, syntax.Money):
        if any(base.startswith("money ") for base, _ in meter.unit.dimension):
            return scope.money_value(node)
        scope.report("RB2101", f"meter {meter.name} does not count money", node, "money", "write a quantity")
        return None
    return quantity_in(scope, node, None if meter.unit == COUNT else meter.unit, f"meter {meter.name}")


def _fields(scope: Scope, event: EventSchema, values: Iterable[syntax.Given]) -> tuple[dict[str, Value], str | None]:
    schemas: dict[str, FieldSchema] = {item.name: item for item in event.fields}
    fields: dict[str, Value] = {}
    window = None
    for given in values:
        if given.name.text == "time":
            if isinstance(given.value, syntax.Name) and scope.look_up(scope.windows, given.value, "window") is not None:
                window = given.value.text
            elif not isinstance(given.value, syntax.Name):
                scope.report("RB2108", "`time` names a window", given.value, "no window", "name one of the windows")
            continue
        schema = schemas.get(given.name.text)
        if schema is None:
            scope.unknown(given.name, given.name.text, f"field of event `{event.name}`", schemas)
            continue
        value = field_value(scope, schema, given.value)
        if value is not None:
            fields[schema.name] = value
    return fields, window


def _event(scope: Scope, node: syntax.EventGiven) -> UsageEvent | None:
    event = scope.look_up(scope.events, node.event, "event")
    if event is None:
        return None
    fields, _ = _fields(scope, event, node.values)
    for schema in event.fields:
        if schema.name in fields:
            continue
        if schema.default is not None:
            fields[schema.name] = schema.default
        elif schema.required and not any(given.name.text == schema.name for given in node.values):
            scope.report(
                "RB2106",
                f"the event does not say its {schema.name}",
                node,
                f"no {schema.name}",
                f"add `{schema.name}`, which is {type_words(schema)}",
            )
    day = date.fromisoformat(node.date.iso)
    naive = datetime.combine(day, time()) + timedelta(seconds=node.time.seconds)
    return UsageEvent(ACCOUNT, event.name, at_local(naive, _zone(scope)).astimezone(UTC), fields)


def _card(scope: Scope, node: syntax.CardGiven, period_start: date) -> CardHolding | None:
    card = scope.look_up(scope.cards, node.name, "card")
    if card is None:
        return None
    bought = period_start if node.bought is None else date.fromisoformat(node.bought.iso)
    left = None if node.left is None else scope.money_value(node.left)
    return CardHolding(card.name, bought, left)


def _expectation(scope: Scope, node: syntax.Expectation, lines: frozenset[str]) -> Expected | ExpectedError | None:
    match node:
        case syntax.ExpectError(code):
            if code.text not in CODES:
                message = f"there is no code `{code.text}`"
                scope.report("RB2001", message, code, "unknown code", "`ratebook errors` lists all codes")
                return None
            return ExpectedError(code.text, node.span)
        case syntax.ExpectNo(line, where):
            return Expected(line.text, None, _narrowed(scope, where), node.span) if _known(scope, line, lines) else None
        case syntax.ExpectAmount(line, money, where):
            amount = scope.money_value(money)
            if amount is None or not _known(scope, line, lines):
                return None
            return Expected(line.text, amount, _narrowed(scope, where), node.span)
        case _:
            assert_never(node)


def _narrowed(scope: Scope, where: Iterable[syntax.Given]) -> tuple[tuple[str, str], ...]:
    return tuple((given.name.text, _key_text(scope, given.value)) for given in where)


def _key_text(scope: Scope, value: syntax.Value) -> str:
    match value:
        case syntax.Name(text) | syntax.Text(text):
            return text
        case syntax.Number(digits):
            return digits
        case _:
            return scope.text(value)


def _known(scope: Scope, line: syntax.Name, lines: frozenset[str]) -> bool:
    if line.text in lines:
        return True
    scope.unknown(line, line.text, "line", sorted(lines))
    return False


def resolve_promise(scope: Scope, node: syntax.Promise, plans: tuple[Plan, ...]) -> Promise | None:
    """A promise about meters and plans that exist."""
    match node.claim:
        case syntax.MoreNeverCostsLess(meter):
            found = scope.look_up(scope.meters, meter, "meter")
            return None if found is None else MoreNeverCostsLess(meter.text, node.span)
        case syntax.NeverCostsMore(cheaper, dearer):
            known = {plan.name for plan in plans}
            for name in (cheaper, dearer):
                if name.text not in known:
                    scope.unknown(name, name.text, "plan", sorted(known))
                    return None
            return NeverCostsMore(cheaper.text, dearer.text, node.span)
        case syntax.MarginAtLeast(meter, percent):
            found = scope.look_up(scope.meters, meter, "meter")
            return None if found is None else MarginAtLeast(meter.text, percent.value, node.span)
        case _:
            assert_never(node.claim)
