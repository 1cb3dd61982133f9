"""Policies, taxes, examples and promises: from productions to nodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...diagnostics import Diagnostic, Label, Span
from .. import syntax as s
from .build import Action, Build, Part, constant, every, first, named, part, refuse_repeats, value_of
from .leaves import annotations_of, dating_of
from .plans import names
from .prices import as_quantity


def _targets(parts: Sequence[s.Name]) -> s.Targets:
    return s.Targets(span=parts[0].span.to(parts[-1].span), names=tuple(parts))


def _targets_at_most(_: Build, parts: list[Any], span: Span) -> Part:
    return Part("targets", span, (_targets(every(parts, s.Name)), value_of(parts, "at_most")))


def _effect(span: Span, effect: s.Effect, at_most: Any) -> Part:
    return Part("effect", span, (effect, at_most))


def _percent_off(_: Build, parts: list[Any], span: Span) -> Part:
    targets, at_most = parts[1].value
    place = parts[0].span.to(targets.span)
    return _effect(span, s.PercentOff(span=place, percent=parts[0], targets=targets), at_most)


def _percent_off_during(_: Build, parts: list[Any], span: Span) -> Part:
    *targets, window = every(parts, s.Name)
    place = parts[0].span.to(window.span)
    effect = s.PercentOff(span=place, percent=parts[0], targets=_targets(targets), during=window)
    return _effect(span, effect, value_of(parts, "at_most"))


def _money_off(_: Build, parts: list[Any], span: Span) -> Part:
    targets, at_most = parts[1].value
    return _effect(span, s.MoneyOff(span=parts[0].span.to(targets.span), money=parts[0], targets=targets), at_most)


def _units_free(_: Build, parts: list[Any], span: Span) -> Part:
    return _effect(span, s.UnitsFree(span=span, quantity=parts[0], meter=parts[1]), value_of(parts, "at_most"))


def _add_money(_: Build, parts: list[Any], span: Span) -> Part:
    return _effect(span, s.AddMoney(span=parts[0].span, money=parts[0]), value_of(parts, "at_most"))


def _add_percent(_: Build, parts: list[Any], span: Span) -> Part:
    targets, at_most = parts[1].value
    return _effect(span, s.AddPercent(span=parts[0].span.to(targets.span), percent=parts[0], of=targets), at_most)


def _add_percent_per(_: Build, parts: list[Any], span: Span) -> Part:
    attribute = first(parts, s.AccountField)
    effect = s.AddPercent(
        span=span, percent=parts[0], of=attribute or _targets(every(parts, s.Name)), per=first(parts, s.PerAttribute)
    )
    return _effect(span, effect, value_of(parts, "at_most"))


def _add_per_unit(_: Build, parts: list[Any], span: Span) -> Part:
    bound = named(parts, "bound")
    effect = s.AddPerUnit(
        span=span,
        rate=parts[0],
        of=parts[1],
        bound=bound.value[1] if bound else None,
        above=bound.value[0] if bound else True,
    )
    return _effect(span, effect, value_of(parts, "at_most"))


def _per_attribute_of(_: Build, parts: list[Any], span: Span) -> s.PerAttribute:
    bound = named(parts, "bound")
    return s.PerAttribute(
        span=span,
        step=as_quantity(parts[0]),
        attribute=parts[1],
        bound=bound.value[1] if bound else None,
        above=bound.value[0] if bound else True,
    )


def _policy(build: Build, parts: list[Any], span: Span) -> s.Policy | None:
    name = parts[1]
    effects = [item for item in parts if isinstance(item, Part) and item.kind == "effect"]
    if not effects:
        if build.mended:
            return None
        build.report(
            Diagnostic(
                "RB1001",
                f"the {parts[0]} `{name.text}` does not say what it does",
                name.span,
                hints=("say it in a line of its own, such as `10% off total` or `$5 off compute`",),
            )
        )
        return None
    for again in effects[1:]:
        build.report(
            Diagnostic(
                "RB1113",
                f"the {parts[0]} `{name.text}` has a second effect",
                again.span,
                labels=(Label(effects[0].span, "the first effect"),),
                hints=(f"write a second {parts[0]} for it",),
            )
        )
    effect, at_most = effects[0].value
    return s.Policy(
        span=span,
        kind=s.PolicyKind(parts[0]),
        name=name,
        label=parts[2] if isinstance(parts[2], s.Text) else None,
        dating=dating_of(parts, name.span),
        plans=value_of(parts, "for_plans") or (),
        effect=effect,
        at_most=at_most,
        when=every(parts, s.When),
        annotations=annotations_of(build, parts),
    )


def _combination(_: Build, parts: list[Any], span: Span) -> s.Combination:
    kinds = {"discounts": s.PolicyKind.DISCOUNT, "offers": s.PolicyKind.OFFER, "penalties": s.PolicyKind.PENALTY}
    return s.Combination(span=span, kind=kinds[parts[0]], rule=parts[1])


def _tax(build: Build, parts: list[Any], span: Span) -> s.Tax | None:
    bases = [item for item in parts if isinstance(item, Part) and item.kind == "tax_base"]
    if not bases:
        if build.mended:
            return None
        build.report(
            Diagnostic(
                "RB1001",
                f"the tax `{parts[0].text}` does not say how much it is",
                parts[0].span,
                hints=("say it in a line of its own, such as `20% of total`",),
            )
        )
        return None
    refuse_repeats(build, parts, "tax_base", "the rate of the tax")
    percent, *lines = bases[0].value
    return s.Tax(
        span=span,
        name=parts[0],
        label=parts[1] if isinstance(parts[1], s.Text) else None,
        percent=percent,
        of=_targets(lines),
        included=named(parts, "included") is not None,
        dating=first(parts, s.Dating),
        plans=value_of(parts, "for_plans") or (),
        when=every(parts, s.When),
        annotations=annotations_of(build, parts),
    )


# Examples and promises


def _example(build: Build, parts: list[Any], span: Span) -> s.Example:
    items = (s.AccountGiven, s.UsageGiven, s.EventGiven, s.CardGiven, s.ExpectAmount, s.ExpectNo, s.ExpectError)
    refuse_repeats(build, parts, "unreviewed", "`unreviewed`")
    period = first(parts, s.Period)
    if period is None:
        raise AssertionError("the grammar promises a period here")
    return s.Example(
        span=span,
        title=parts[0],
        plan=parts[1],
        since=value_of(parts, "since"),
        period=period,
        unreviewed=named(parts, "unreviewed") is not None,
        items=tuple(item for item in parts if isinstance(item, items)),
    )


def _usage_given(_: Build, parts: list[Any], span: Span) -> s.UsageGiven:
    return s.UsageGiven(
        span=span, meter=parts[0], quantity=parts[1], values=every(parts, s.Given), period=value_of(parts, "in_period")
    )


def _event_given(_: Build, parts: list[Any], span: Span) -> s.EventGiven:
    return s.EventGiven(span=span, date=parts[0], time=parts[1], event=parts[2], values=every(parts, s.Given))


def _card_given(_: Build, parts: list[Any], span: Span) -> s.CardGiven:
    return s.CardGiven(span=span, name=parts[0], bought=value_of(parts, "bought"), left=value_of(parts, "left"))


def _expect_amount(_: Build, parts: list[Any], span: Span) -> s.ExpectAmount:
    return s.ExpectAmount(span=span, line=parts[0], money=parts[-1], where=value_of(parts, "where_given") or ())


def _expect_no(_: Build, parts: list[Any], span: Span) -> s.ExpectNo:
    return s.ExpectNo(span=span, line=parts[0], where=value_of(parts, "where_given") or ())


def _promise(claim: Any) -> Action:
    def make(_: Build, parts: list[Any], span: Span) -> s.Promise:
        return s.Promise(span=span, claim=claim(span, parts))

    return make


ACTIONS: dict[str, Action] = {
    "targets_at_most": _targets_at_most,
    "percent_off": _percent_off,
    "percent_off_during": _percent_off_during,
    "money_off": _money_off,
    "units_free": _units_free,
    "add_money": _add_money,
    "add_percent": _add_percent,
    "add_percent_per": _add_percent_per,
    "add_per_unit": _add_per_unit,
    "at_most": part("at_most"),
    "per_attribute_of": _per_attribute_of,
    "bound_above": lambda _, parts, span: Part("bound", span, (True, parts[0])),
    "bound_below": lambda _, parts, span: Part("bound", span, (False, parts[0])),
    "for_plans": names("for_plans"),
    "effect_line": lambda _build, parts, _span: parts[0],
    "policy": _policy,
    "best_one": constant(s.CombinationRule.BEST_ONE),
    "add_up": constant(s.CombinationRule.ADD_UP),
    "one_after_another": constant(s.CombinationRule.ONE_AFTER_ANOTHER),
    "combination": _combination,
    "included": part("included"),
    "tax_base": names("tax_base"),
    "tax_line": lambda _build, parts, _span: parts[0],
    "tax": _tax,
    "since": part("since"),
    "unreviewed": part("unreviewed"),
    "example": _example,
    "given": lambda _, parts, span: s.Given(span=span, name=parts[0], value=parts[1]),
    "account_given": lambda _, parts, span: s.AccountGiven(span=span, values=tuple(parts)),
    "usage_given": _usage_given,
    "in_period": part("in_period"),
    "event_given": _event_given,
    "bought": part("bought"),
    "left": part("left"),
    "card_given": _card_given,
    "where_given": names("where_given"),
    "expect_amount": _expect_amount,
    "expect_no": _expect_no,
    "expect_error": lambda _, parts, span: s.ExpectError(span=span, code=parts[0]),
    "more_never_costs_less": _promise(lambda span, parts: s.MoreNeverCostsLess(span=span, meter=parts[0])),
    "never_costs_more": _promise(lambda span, parts: s.NeverCostsMore(span=span, cheaper=parts[0], dearer=parts[1])),
    "margin_at_least": _promise(lambda span, parts: s.MarginAtLeast(span=span, meter=parts[0], percent=parts[1])),
    "cost": lambda _, parts, span: s.CostOf(span=span, meter=parts[0], rate=parts[1]),
    "allow": lambda _, parts, span: s.Allow(span=span, code=parts[0], because=_because(parts)),
}


def _because(parts: Sequence[Any]) -> Any:
    return parts[1].value if isinstance(parts[1], Part) else parts[1]
