"""Discounts, offers, penalties, taxes and prepaid cards."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import assert_never

from ....diagnostics import Label, Span
from ....grammar import syntax
from ...plan import (
    AddMoney,
    AddPercent,
    AddPerUnit,
    Card,
    Combination,
    Effect,
    MoneyOf,
    MoneyOff,
    NumberOf,
    OfMeter,
    PerAttribute,
    PercentOff,
    Policy,
    PolicyKind,
    Targets,
    Tax,
    UnitsFree,
)
from ...quantity import Unit
from ...usage import FieldKind, FieldSchema
from ..model import Charge, Plan, PolicyModel, TaxModel
from .charges import reserved_line
from .conditions import Subject, resolve_when
from .facts import quantity_in, type_words
from .meters import COUNT
from .plans import Contracts, check_dates, dates_of, every_of
from .prices import Priced, resolve_rate
from .scope import RESERVED_LINES, Scope, because, citation

KINDS = {
    syntax.PolicyKind.DISCOUNT: PolicyKind.DISCOUNT,
    syntax.PolicyKind.OFFER: PolicyKind.OFFER,
    syntax.PolicyKind.PENALTY: PolicyKind.PENALTY,
}
COMBINATIONS = {
    syntax.CombinationRule.BEST_ONE: Combination.BEST_ONE,
    syntax.CombinationRule.ADD_UP: Combination.ADD_UP,
    syntax.CombinationRule.ONE_AFTER_ANOTHER: Combination.ONE_AFTER_ANOTHER,
}
NO_TARGETS = Targets((), everything=False, text="")


def resolve_policies(
    scope: Scope, written: Iterable[syntax.Policy], plans: tuple[Plan, ...], changes: Contracts
) -> tuple[PolicyModel, ...]:
    """Every policy of the ruleset, and those that contracts add for themselves."""
    found: list[PolicyModel] = []
    own: list[tuple[syntax.Policy, tuple[str, ...]]] = [(policy, ()) for policy in written]
    added = [(policy, (contract,)) for contract, policies in changes.added.items() for policy in policies]
    for policy, contracts in [*own, *added]:
        meant = contracts or _plans(scope, policy.plans, plans)
        free = scope_name(scope, policy.name, policy.kind.value, meant, plans)
        resolved = _policy(scope, policy, plans) if free and meant is not None else None
        if resolved is None or meant is None:
            scope.lose(policy, policy.name.text)
        elif _touches(scope, policy, resolved.targets, meant, plans):
            found.append(PolicyModel(resolved, policy.name.span, meant, _dating(policy.dating)))
    return tuple(found)


def _dating(dating: syntax.Dating | None) -> Span | None:
    return None if dating is None else dating.span


def scope_name(
    scope: Scope, name: syntax.Name, kind: str, meant: tuple[str, ...] | None, plans: tuple[Plan, ...]
) -> bool:
    """Whether a policy, tax or card may have its name on the statements of the plans that are meant."""
    if name.text in RESERVED_LINES:
        reserved_line(scope, name)
        return False
    concerned = [plan for plan in plans if not meant or any(each in meant for each in plan.lineage)]
    for plan in concerned:
        for line, what, span in _lines_with_spans(plan):
            if line == name.text:
                _name_taken(scope, name, kind, what, span)
                return False
    for other, what, span, others in scope.own_lines:
        shared = not others or not meant or any(each in others for plan in concerned for each in plan.lineage)
        if other == name.text and shared:
            _name_taken(scope, name, kind, what, span)
            return False
    scope.own_lines.append((name.text, kind, name.span, meant or ()))
    return True


def _lines_with_spans(plan: Plan) -> Iterator[tuple[str, str, Span]]:
    for charge in plan.charges:
        yield charge.name, "charge", charge.span
    for fee in plan.fees:
        yield fee.name, "fee", Span(fee.place.file, fee.place.start, fee.place.start)


def _name_taken(scope: Scope, name: syntax.Name, kind: str, other: str, span: Span) -> None:
    if kind == other:
        scope.declared_before(name, name.text, kind, span)
        return
    scope.report(
        "RB2002",
        f"{kind} `{name.text}` has the name of a {other}, and both are lines of one statement",
        name,
        "the same name",
        f"give one of them another name, such as `{name.text}_{kind}`",
        labels=(Label(span, f"the {other}"),),
    )


def _touches(
    scope: Scope, node: syntax.Policy | syntax.Tax, targets: Targets, meant: tuple[str, ...], plans: tuple[Plan, ...]
) -> bool:
    """Whether a policy finds a line to touch in the plans that it is for; a finding where it does not."""
    written = _targets_of(node)
    if not meant or written is None or targets.everything:
        return True
    kind = node.kind.value if isinstance(node, syntax.Policy) else "tax"
    there = {line for plan in plans if any(name in meant for name in plan.lineage) for line in plan.line_names}
    missing = [
        name
        for name in written.names
        if name.text not in ("charges", "fees", "total") and name.text not in there and not scope.is_lost(name.text)
    ]
    whose = " and ".join(f"`{name}`" for name in meant)
    if missing and len(missing) == len(written.names):
        scope.report(
            "RB2406",
            f"{kind} `{node.name.text}` can never apply: {whose} {'has' if len(meant) == 1 else 'have'} no line "
            + " or ".join(f"`{name.text}`" for name in missing),
            written,
            f"no line of {whose}",
            f"name lines of {whose}: {', '.join(sorted(there))}" if there else f"give {whose} a charge",
            f"write it `for` the plans that have {'this line' if len(missing) == 1 else 'these lines'}",
        )
        return False
    for name in missing:
        scope.unknown(name, name.text, f"line of {whose}", sorted(there))
    return not missing


def _targets_of(node: syntax.Policy | syntax.Tax) -> syntax.Targets | None:
    if isinstance(node, syntax.Tax):
        return node.of
    match node.effect:
        case (
            syntax.PercentOff(_, targets)
            | syntax.MoneyOff(_, targets)
            | syntax.AddPercent(of=syntax.Targets() as targets)
        ):
            return targets
        case _:
            return None


def _plans(scope: Scope, names: tuple[syntax.Name, ...], plans: tuple[Plan, ...]) -> tuple[str, ...] | None:
    known = {plan.name for plan in plans}
    unknown = [name for name in names if name.text not in known]
    for name in unknown:
        scope.unknown(name, name.text, "plan", sorted(known))
    return None if unknown else tuple(name.text for name in names)


def _lines_of(plans: tuple[Plan, ...]) -> frozenset[str]:
    return frozenset(name for plan in plans for name in plan.line_names)


def _policy(scope: Scope, node: syntax.Policy, plans: tuple[Plan, ...]) -> Policy | None:
    resolved = _effect(scope, node, plans)
    at_most = None if node.at_most is None else _money(scope, node.at_most)
    when = resolve_when(scope, node.when, Subject(None, _lines_of(plans)))
    if resolved is None or (node.at_most is not None and at_most is None) or len(when) != len(node.when):
        return None
    effect, targets = resolved
    if not check_dates(scope, node.dating):
        return None
    start, end = dates_of(node.dating)
    return Policy(
        kind=KINDS[node.kind],
        name=node.name.text,
        labels=scope.labels(node.name.text, node.label, node.annotations),
        place=scope.place(node),
        text=scope.text(node.effect),
        effect=effect,
        targets=targets,
        at_most=at_most,
        when=when,
        start=start,
        end=end,
        because=because(node.annotations),
        citation=citation(node.annotations),
    )


def resolve_targets(scope: Scope, node: syntax.Targets, plans: tuple[Plan, ...]) -> Targets | None:
    """The lines that are named: charges and fees of any plan, `charges`, `fees`, or `total`."""
    charges = tuple(dict.fromkeys(charge.name for plan in plans for charge in plan.charges))
    fees = tuple(dict.fromkeys(fee.name for plan in plans for fee in plan.fees))
    names: list[str] = []
    everything = False
    sound = True
    for name in node.names:
        match name.text:
            case "total":
                everything = True
            case "charges":
                names.extend(charges)
            case "fees":
                names.extend(fees)
            case text if text in charges or text in fees:
                names.append(text)
            case text:
                scope.unknown(name, text, "line", [*charges, *fees, "charges", "fees", "total"])
                sound = False
    return Targets(tuple(dict.fromkeys(names)), everything, scope.text(node)) if sound else None


def _charges_of(plans: tuple[Plan, ...], meter: str) -> tuple[str, ...]:
    """The charges that price a meter."""
    return tuple(
        dict.fromkeys(
            charge.name
            for plan in plans
            for charge in plan.charges
            if isinstance(charge.source, OfMeter) and charge.source.meter == meter
        )
    )


def _effect(scope: Scope, node: syntax.Policy, plans: tuple[Plan, ...]) -> tuple[Effect, Targets] | None:
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
            amount = _money(scope, money)
            targets = resolve_targets(scope, written, plans)
            if isinstance(money, syntax.Money) and money.value < 0:
                _adds(scope, money)
                return None
            return None if amount is None or targets is None else (MoneyOff(amount), targets)
        case syntax.UnitsFree():
            return _units_free(scope, effect, plans)
        case syntax.AddMoney(money):
            amount = _money(scope, money)
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


def _units_free(scope: Scope, node: syntax.UnitsFree, plans: tuple[Plan, ...]) -> tuple[Effect, Targets] | None:
    meter = scope.look_up(scope.meters, node.meter, "meter")
    if meter is None:
        return None
    quantity = quantity_in(scope, node.quantity, None if meter.unit == COUNT else meter.unit, f"meter {meter.name}")
    if quantity is None:
        return None
    names = _charges_of(plans, meter.name)
    for plan in plans:
        for charge in plan.charges:
            if charge.name in names and any(band.price.step is not None for row in charge.rows for band in row.bands):
                _no_part(scope, node, charge, "is priced in started blocks, so what some units cost is not defined")
                return None
            if charge.name in names and charge.mode.value == "stairstep":
                _no_part(scope, node, charge, "has one price for a whole step, so what some units cost is not defined")
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
    base: MoneyOf | None = None
    targets: Targets | None = NO_TARGETS
    if isinstance(node.of, syntax.AccountField):
        base = _money(scope, node.of)
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
    names = () if meter is None else _charges_of(plans, meter)
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


def _money(scope: Scope, node: syntax.MoneyOperand) -> MoneyOf | None:
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


def resolve_taxes(scope: Scope, written: Iterable[syntax.Tax], plans: tuple[Plan, ...]) -> tuple[TaxModel, ...]:
    """Every tax of the ruleset."""
    found: list[TaxModel] = []
    for node in written:
        tax = _tax(scope, node, plans)
        if tax is None:
            scope.lose(node, node.name.text)
        else:
            found.append(tax)
    return tuple(found)


def _tax(scope: Scope, node: syntax.Tax, plans: tuple[Plan, ...]) -> TaxModel | None:
    meant = _plans(scope, node.plans, plans)
    if not scope_name(scope, node.name, "tax", meant, plans):
        return None
    targets = resolve_targets(scope, node.of, plans)
    when = resolve_when(scope, node.when, Subject(None, _lines_of(plans)))
    sound = check_dates(scope, node.dating)
    if node.percent.value < 0:
        scope.report("RB2103", "a tax cannot be below zero", node.percent, "below zero", "write a `discount`")
        return None
    if targets is None or meant is None or not sound or len(when) != len(node.when):
        return None
    if not _touches(scope, node, targets, meant, plans):
        return None
    start, end = dates_of(node.dating)
    tax = Tax(
        name=node.name.text,
        labels=scope.labels(node.name.text, node.label, node.annotations),
        place=scope.place(node),
        text=f"{node.percent.digits}%",
        percent=node.percent.value,
        targets=targets,
        included=node.included,
        when=when,
        start=start,
        end=end,
        because=because(node.annotations),
        citation=citation(node.annotations),
    )
    return TaxModel(tax, node.name.span, meant, _dating(node.dating))


def resolve_card(scope: Scope, node: syntax.Card, plans: tuple[Plan, ...]) -> None:
    """A prepaid card."""
    name = node.name.text
    if not scope_name(scope, node.name, "card", (), plans):
        return
    if node.worth is None:
        example = scope.money_text("100")
        scope.report(
            "RB2207",
            f"card `{name}` does not say what it is worth",
            node.name,
            "worth what?",
            f"add `worth {example}`, say",
        )
        return
    worth = scope.money_value(node.worth)
    if node.price is not None:
        scope.money_value(node.price)
    targets = resolve_targets(scope, syntax.Targets(node.pays, span=node.span), plans) if node.pays else NO_TARGETS
    if worth is None or targets is None:
        return
    if worth <= 0:
        scope.report(
            "RB2103",
            "a card is worth more than nothing",
            node.worth,
            "nothing to pay with",
            "write an amount above zero",
        )
        return
    every = None if node.valid is None else every_of(node.valid)
    scope.cards[name] = Card(
        name=name,
        labels=scope.labels(name, node.label, node.annotations),
        place=scope.place(node),
        worth=worth,
        valid_months=None if every is None or not every.months else every.months,
        valid_days=None if every is None or not every.days else every.days,
        pays=targets.names,
        because=because(node.annotations),
        citation=citation(node.annotations),
    )
