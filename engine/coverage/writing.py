"""Drafts as text: examples in the canonical words of the language, with the amounts that they come to."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

from ...diagnostics import Diagnostic, Span
from ...grammar import syntax
from ...grammar.rows import rows_of
from ...money import decimal_text, symbols
from ..plan import OfMeter, Program
from ..statement import LineKind, Statement
from ..usage import FieldKind, FieldSchema, MeteredQuantity, UsageEvent, Value
from .draft import Draft

_AT = Span("", 0, 0)
_NAME = re.compile(r"[^\W\d]\w*")
_WORDS_THAT_MEAN_MORE = {"yes", "no", "true", "false"}


def example_text(program: Program, draft: Draft, title: str, result: Statement | Diagnostic, rule: str) -> str | None:
    """The text of an example, marked `unreviewed`; None where a number in it has no finite decimal text."""
    items = _items(program, draft)
    if items is None:
        return None
    node = syntax.Example(
        syntax.Text(title, span=_AT),
        syntax.Name(draft.plan, span=_AT),
        None if draft.frame.since is None else syntax.Date(draft.frame.since.isoformat(), span=_AT),
        syntax.Period(draft.frame.period, span=_AT),
        True,
        (*items, *_expectations(program, draft, result, rule)),
        span=_AT,
    )
    return "".join(f"{'  ' * row.level}{row.text}\n" for row in rows_of(node))


def _items(program: Program, draft: Draft) -> list[syntax.ExampleItem] | None:
    found: list[syntax.ExampleItem | None] = []
    if draft.attributes:
        given = _givens(program, draft.attributes, program.schema.attributes)
        found.append(syntax.AccountGiven(tuple(given), span=_AT))
    for holding in draft.cards:
        bought = None if holding.bought == draft.frame.days.start else syntax.Date(holding.bought.isoformat(), span=_AT)
        found.append(syntax.CardGiven(_name(holding.card), bought, span=_AT))
    found += [_usage(program, item) for item in draft.quantities]
    found += [_event(program, item) for item in sorted(draft.events, key=lambda event: event.time)]
    known = [item for item in found if item is not None]
    return known if len(known) == len(found) else None


def _name(text: str) -> syntax.Name:
    return syntax.Name(text, span=_AT)


def _usage(program: Program, item: MeteredQuantity) -> syntax.UsageGiven | None:
    meter = program.meters[item.meter]
    digits = decimal_text(item.quantity)
    if digits is None:
        return None
    schema = {field.name: field for field in program.schema.events[meter.event].fields}
    values = _givens(program, item.fields, schema)
    if item.window is not None:
        values.append(syntax.Given(_name("time"), _name(item.window), span=_AT))
    quantity: syntax.Quantity | syntax.Money
    if any(base.startswith("money ") for base, _ in meter.unit.dimension):
        quantity = _money(program, item.quantity)
    else:
        unit = meter.unit.name
        named = unit != "" and program.schema.units.find(unit) is not None and " " not in unit
        quantity = syntax.Quantity(syntax.Number(digits, span=_AT), _name(unit) if named else None, span=_AT)
    return syntax.UsageGiven(_name(item.meter), quantity, tuple(values), span=_AT)


def _event(program: Program, item: UsageEvent) -> syntax.EventGiven:
    local = item.time.astimezone(ZoneInfo(program.zone))
    event = program.schema.events[item.event]
    defaults = {field.name: field.default for field in event.fields}
    said = {name: value for name, value in item.fields.items() if value != defaults.get(name)}
    schema = {field.name: field for field in event.fields}
    return syntax.EventGiven(
        syntax.Date(local.date().isoformat(), span=_AT),
        syntax.Time(local.hour * 3600 + local.minute * 60 + local.second, span=_AT),
        syntax.EventName(item.event, span=_AT),
        tuple(_givens(program, said, schema)),
        span=_AT,
    )


def _givens(program: Program, values: Mapping[str, Value], schema: Mapping[str, FieldSchema]) -> list[syntax.Given]:
    return [
        syntax.Given(_name(name), _value(program, schema[name], value), span=_AT)
        for name, value in values.items()
        if name in schema
    ]


def _value(program: Program, schema: FieldSchema, value: Value) -> syntax.Value:
    match value:
        case Decimal() if schema.kind is FieldKind.MONEY:
            return _money(program, Fraction(value))
        case Decimal():
            return syntax.Number(decimal_text(Fraction(value)) or str(value), span=_AT)
        case bool():
            return syntax.Boolean(value, span=_AT)
        case date():
            return syntax.Date(value.isoformat(), span=_AT)
        case str():
            plain = _NAME.fullmatch(value) is not None and value not in _WORDS_THAT_MEAN_MORE
            return _name(value) if plain and schema.kind is FieldKind.ONE_OF else syntax.Text(value, span=_AT)


def _money(program: Program, value: Fraction) -> syntax.Money:
    code = program.money.currency.code
    signs = symbols(code)
    digits = decimal_text(value, program.money.currency.minor_digits) or ""
    return syntax.Money(digits, symbol=signs[0], span=_AT) if signs else syntax.Money(digits, code=code, span=_AT)


# What is expected


def _expectations(
    program: Program, draft: Draft, result: Statement | Diagnostic, rule: str
) -> Iterator[syntax.Expectation]:
    if isinstance(result, Diagnostic):
        yield syntax.ExpectError(_name(result.code), span=_AT)
        return
    for name in _lines_of(program, draft, result, rule):
        amounts = [line.amount for line in result.lines if line.id == name]
        if not any(amounts) and not any(
            line.id == name and line.kind in (LineKind.CHARGE, LineKind.FEE) for line in result.lines
        ):
            yield syntax.ExpectNo(_name(name), span=_AT)
        else:
            amount = result.money.fraction(sum(amounts))
            yield syntax.ExpectAmount(_name(name), _money(program, amount), span=_AT)
    yield _sum(program, "total", result.money.fraction(result.total))
    if draft.cards:
        yield _sum(program, "due", result.money.fraction(result.due))


def _sum(program: Program, name: str, amount: Fraction) -> syntax.ExpectAmount:
    return syntax.ExpectAmount(_name(name), _money(program, amount), span=_AT)


def _lines_of(program: Program, draft: Draft, result: Statement, rule: str) -> Iterable[str]:
    """The lines to say the amounts of: the rule's own, and those that come to something."""
    names = dict.fromkeys(line.id for line in result.lines if line.amount and line.kind is not LineKind.ROUNDING)
    parts = rule.removeprefix("include ").split(", ")
    plan = next(
        plan for plan in program.plans[draft.plan] if plan.in_force(max(result.start.date(), draft.frame.start))
    )
    if rule.startswith("include "):
        parts = [
            charge.name
            for charge in plan.charges
            if isinstance(charge.source, OfMeter) and charge.source.meter in parts
        ]
    if rule == "rounding":
        parts = [line.id for line in result.lines if line.kind is LineKind.CHARGE and line.quantity]
    known = {item.name for group in (plan.charges, plan.fees, plan.policies, plan.taxes) for item in group}
    known |= {bound.kind.value for bound in plan.bounds} | set(program.cards)
    return dict.fromkeys([*(part for part in parts if part in known), *names])
