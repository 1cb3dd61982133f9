"""What a policy does: money, percentages and units off, and money added; each with the numbers that it is made of."""

from __future__ import annotations

from fractions import Fraction
from typing import assert_never

from ....diagnostics import Label
from ....grammar import syntax
from ...plan import (
    AddMoney,
    AddPercent,
    AddPerUnit,
    Effect,
    MoneyOf,
    MoneyOff,
    NumberOf,
    OfMeter,
    PerAttribute,
    PercentOff,
    Targets,
    UnitsFree,
)
from ...quantity import Unit
from ...usage import FieldKind, FieldSchema
from ..model import Charge, Plan
from .meters import COUNT
from .prices import Priced, resolve_rate
from .scope import Scope
from .targets import NO_TARGETS, charges_of, resolve_targets
from .values import quantity_in, type_words


def resolve_effect(scope: Scope, node: syntax.Policy, plans: tuple[Plan, ...]) -> tuple[Effect, Targets] | None:
    """What a policy does and to which lines; a finding where its kind promises the opposite."""
    effect = node.effect
    takes = isinstance(effect, syntax.PercentOff | syntax.MoneyOff | syntax.UnitsFree)
    if takes == (node.kind is syntax.PolicyKind.PENALTY):
        does, wants = ("takes off", "adds") if takes else ("adds", "takes off")
        fifty = scope.money_text("50")
        hint = f"write `20% of total`, or `{fifty}`" if takes else f"write `10% off total`, or `{fifty} off total`"
        article = "an" if node.kind is syntax.PolicyKind.OFFER else "a"
        other = "write a `discount` instead" if takes else "write a `penalty` instead"
        scope.report("RB2404", f"{article} {node.kind.value} {wants}, and this {does}", effect, does, other, hint)
        return None
    match effect:
        case syntax.PercentOff():
            return _percent_off(scope, effect, plans)
        case syntax.MoneyOff(money, written):
            amount = resolve_money(scope, money)
            targets = resolve_targets(scope, written, plans)
            if isinstance(money, syntax.Money) and money.value < 0:
                _adds(scope, money)
                return None
            return None if amount is None or targets is None else (MoneyOff(amount), targets)
        case syntax.UnitsFree():
            return _units_free(scope, effect, plans)
        case syntax.AddMoney(money):
            if isinstance(money, syntax.Money) and money.value < 0:
                _takes(scope, money)
                return None
            amount = resolve_money(scope, money)
            return None if amount is None else (AddMoney(amount), NO_TARGETS)
        case syntax.AddPercent():
            return _add_percent(scope, effect, plans)
        case syntax.AddPerUnit():
            return _add_per_unit(scope, effect, plans)
        case _:
            assert_never(effect)


def _percent_off(scope: Scope, node: syntax.PercentOff, plans: tuple[Plan, ...]) -> tuple[Effect, Targets] | None:
    targets = resolve_targets(scope, node.targets, plans)
    if targets is None:
        return None
    if node.percent.value > 1:
        scope.report(
            "RB2402",
            f"{scope.text(node.percent)} off takes more than everything",
            node.percent,
            "above 100%",
            "write at most `100%`",
        )
        return None
    if node.percent.value < 0:
        _adds(scope, node.percent)
        return None
    if node.during is None:
        return PercentOff(node.percent.value, scope.text(node)), targets
    if scope.look_up(scope.windows, node.during, "window") is None:
        return None
    for plan in plans:
        for charge in plan.charges:
            if charge.name not in targets.names and not targets.everything:
                continue
            if isinstance(charge.source, OfMeter) and not scope.meters[charge.source.meter].adds_up:
                aggregation = scope.meters[charge.source.meter].aggregation.value
                scope.report(
                    "RB2403",
                    f"`during` takes the share of a quantity that lies in the window, and charge `{charge.name}` "
                    f"prices {_an(aggregation)}, which has no shares",
                    node.during,
                    "a share of what?",
                    "name only lines of meters that count or sum",
                    labels=(Label(charge.span, f"priced by {_an(aggregation)}"),),
                )
                return None
    return PercentOff(node.percent.value, scope.text(node), node.during.text), targets


def _adds(scope: Scope, node: syntax.Node) -> None:
    scope.report(
        "RB2404",
        "less than nothing off would add to the bill",
        node,
        "below zero",
        "leave the minus out",
        "write a `penalty` to add something",
    )


def _takes(scope: Scope, node: syntax.Node) -> None:
    scope.report(
        "RB2404",
        "a penalty below zero would take off from the bill",
        node,
        "below zero",
        "leave the minus out",
        "write a `discount` to take something off",
    )


def _units_free(scope: Scope, node: syntax.UnitsFree, plans: tuple[Plan, ...]) -> tuple[Effect, Targets] | None:
    meter = scope.look_up(scope.meters, node.meter, "meter")
    if meter is None:
        return None
    quantity = quantity_in(scope, node.quantity, None if meter.unit == COUNT else meter.unit, f"meter {meter.name}")
    if quantity is None:
        return None
    names = charges_of(plans, meter.name)
    for plan in plans:
        for charge in plan.charges:
            if charge.name in names and any(band.price.step is not None for row in charge.rows for band in row.bands):
                _no_part(scope, node, charge, "is priced in started blocks, so what some units cost is not defined")
                return None
            if charge.name in names and charge.mode.value == "stairstep":
                _no_part(scope, node, charge, "has one price for a whole step, so what some units cost is not defined")
                return None
            if charge.name in names and charge.prorated:
                _no_part(scope, node, charge, "prices the level of each day, so what some units cost is not defined")
                return None
            if charge.name in names and charge.counted is not None and charge.mode.value == "volume":
                _no_part(scope, node, charge, "reprices earlier bills, so what some units cost is not defined")
                return None
    return UnitsFree(meter.name, quantity, scope.text(node)), Targets(names, everything=False, text=scope.text(node))


def _no_part(scope: Scope, node: syntax.UnitsFree, charge: Charge, why: str) -> None:
    scope.report(
        "RB2403",
        f"charge `{charge.name}` {why}",
        node,
        "free units",
        f"write `include {scope.text(node.quantity)} of {node.meter.text}` in the plan: it comes off before the price",
        "take off money or a percentage",
        labels=(Label(charge.span, "priced here"),),
    )


def _add_percent(scope: Scope, node: syntax.AddPercent, plans: tuple[Plan, ...]) -> tuple[Effect, Targets] | None:
    if node.percent.value < 0:
        _takes(scope, node.percent)
        return None
    base: MoneyOf | None = None
    targets: Targets | None = NO_TARGETS
    if isinstance(node.of, syntax.AccountField):
        base = resolve_money(scope, node.of)
        if base is None:
            return None
    else:
        targets = resolve_targets(scope, node.of, plans)
    per = None if node.per is None else _per_attribute(scope, node.per)
    if targets is None or (node.per is not None and per is None):
        return None
    return AddPercent(node.percent.value, scope.text(node), base, per), targets


def _an(words: str) -> str:
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


def _per_attribute(scope: Scope, node: syntax.PerAttribute) -> PerAttribute | None:
    schema = _number_attribute(scope, node.attribute)
    if schema is None:
        return None
    step = quantity_in(scope, node.step, schema.unit, f"account.{schema.name}")
    if step is None:
        return None
    if step <= 0:
        scope.report("RB2103", "a step is above zero", node.step, "not above zero", "write `per 1`, say")
        return None
    bound = None if node.bound is None else _bound(scope, node.bound, schema.unit, f"account.{schema.name}")
    if node.bound is not None and bound is None:
        return None
    return PerAttribute(schema.name, step, scope.text(node), bound, node.above)


def _add_per_unit(scope: Scope, node: syntax.AddPerUnit, plans: tuple[Plan, ...]) -> tuple[Effect, Targets] | None:
    meter = attribute = None
    if isinstance(node.of, syntax.AccountField):
        schema = _number_attribute(scope, node.of)
        if schema is None:
            return None
        attribute, unit, what = schema.name, schema.unit, f"account.{schema.name}"
    else:
        found = scope.look_up(scope.meters, node.of, "meter")
        if found is None:
            return None
        meter, what = found.name, f"meter {found.name}"
        unit = None if found.unit == COUNT else found.unit
    rate = resolve_rate(scope, node.rate, Priced(unit, is_money=False, what=what))
    bound = None if node.bound is None else _bound(scope, node.bound, unit, what)
    if rate is None or (node.bound is not None and bound is None):
        return None
    price, step, text = rate
    if price < 0:
        _takes(scope, node.rate)
        return None
    effect = AddPerUnit(
        price=price,
        per=step or Fraction(1),
        text=text,
        meter=meter,
        attribute=attribute,
        bound=bound,
        above=node.above,
        started=step is not None,
        unit="" if unit is None else unit.name,
    )
    names = () if meter is None else charges_of(plans, meter)
    return effect, Targets(names, everything=False, text=scope.text(node))


def _number_attribute(scope: Scope, node: syntax.AccountField) -> FieldSchema | None:
    schema = scope.look_up(scope.attributes, node.name, "attribute")
    if schema is not None and schema.kind is not FieldKind.NUMBER:
        scope.report(
            "RB2108",
            f"`account.{schema.name}` is {type_words(schema)}, not a number",
            node,
            "no number",
            "name an attribute that is a number",
        )
        return None
    return schema


def _bound(scope: Scope, node: syntax.Quantity | syntax.AccountField, unit: Unit | None, what: str) -> NumberOf | None:
    text = scope.text(node)
    if isinstance(node, syntax.Quantity):
        number = quantity_in(scope, node, unit, what)
        return None if number is None else NumberOf(number, None, Fraction(1), text)
    schema = _number_attribute(scope, node)
    if schema is None:
        return None
    if (schema.unit is None) != (unit is None):
        counted = "a bare number" if schema.unit is None else schema.unit.name
        own = "is a bare number" if unit is None else f"counts {unit.name}"
        is_ = "is a bare number" if schema.unit is None else f"counts {counted}"
        right = "number" if unit is None else f"number of {unit.name}"
        scope.report(
            "RB2101",
            f"`{text}` {is_}, and {what} {own}",
            node,
            "another unit",
            f"declare `{schema.name}: {right}`",
        )
        return None
    if schema.unit is None or unit is None:
        return NumberOf(None, schema.name, Fraction(1), text)
    if schema.unit.dimension != unit.dimension:
        scope.report(
            "RB2101",
            f"`{text}` counts {schema.unit.name}, and {what} counts {unit.name}",
            node,
            "another unit",
            f"declare `{schema.name}: number of {unit.name}`",
        )
        return None
    return NumberOf(None, schema.name, schema.unit.scale / unit.scale, text)


def resolve_money(scope: Scope, node: syntax.MoneyOperand) -> MoneyOf | None:
    """Money as written, or the account's own; a finding where it is no money."""
    text = scope.text(node)
    if isinstance(node, syntax.Money):
        amount = scope.money_value(node)
        return None if amount is None else MoneyOf(amount, None, text)
    schema = scope.look_up(scope.attributes, node.name, "attribute")
    if schema is None:
        return None
    if schema.kind is not FieldKind.MONEY:
        scope.report(
            "RB2108",
            f"`{text}` is {type_words(schema)}, and money belongs here",
            node,
            "not money",
            f"declare `{schema.name}: money`",
        )
        return None
    return MoneyOf(None, schema.name, text)
