"""What one policy takes or adds, as code, rounded to the money unit; and which of several is best for a line.

Rounding never falls, so that limits can be rounded here and applied to the rounded amount.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass

from ...plan import AddMoney, AddPercent, AddPerUnit, MoneyOf, MoneyOff, NumberOf, PercentOff, Policy, UnitsFree
from .facts import Frame, Test
from .left import Left, Lines, Singly
from .source import NotGenerated, Obstacle, Term, times, together


@dataclass(frozen=True, slots=True)
class Rule:
    """A policy whose dates are right, whether its conditions hold, and the numbers of its lines."""

    policy: Policy
    test: Test
    targets: Lines


def may_be_nothing(policy: Policy) -> bool:
    effect = policy.effect
    return isinstance(effect, AddPerUnit) or (isinstance(effect, AddPercent) and effect.per is not None)


def adds(policy: Policy, base_is_nonnegative: bool) -> bool:
    """Whether a penalty is certainly not below zero."""
    match policy.effect:
        case AddMoney(money):
            return money.amount is not None and money.amount >= 0
        case AddPercent(percent, _, base):
            return base is None and percent >= 0 and base_is_nonnegative
        case AddPerUnit(price):
            return price >= 0
        case _:
            return False


def put_size(frame: Frame, rule: Rule, left: Left, name: str, *, takes: bool) -> None:
    """Code that gives `name` what a policy takes or adds, rounded."""
    source, policy = frame.source, rule.policy
    clamped = takes
    match policy.effect:
        case PercentOff(share):
            sure = left.is_nonnegative(rule.targets)
            clamped = not (0 <= share <= 1 and sure and not left.is_frozen)
            put_rounded(frame, Term(left.base(rule.targets), share, sure and share >= 0), name)
        case MoneyOff(money) | AddMoney(money):
            put_rounded(frame, _money(frame, money), name)
        case AddPercent():
            _put_percent(frame, rule, policy.effect, left, name)
        case AddPerUnit():
            _put_per_unit(frame, policy.effect, name)
        case UnitsFree():
            raise NotGenerated(Obstacle.UNITS_FREE)
        case _:
            raise NotGenerated(Obstacle.UNKNOWN_FORM)
    if policy.at_most is not None:
        limit = put_rounded(frame, _limit(frame, policy.at_most))
        source.put(f"if {name} > {limit}: {name} = {limit}")
    if clamped:
        available = source.atom(left.available(rule.targets))
        source.put(f"if {name} > {available}: {name} = {available}", f"if {name} < 0: {name} = 0")
    elif not takes and not adds(policy, left.is_nonnegative(rule.targets)):
        # A penalty adds or does nothing.
        source.put(f"if {name} < 0: {name} = 0")


def _money(frame: Frame, money: MoneyOf) -> Term:
    """An amount in money units, exact."""
    if money.amount is not None:
        return Term.constant(money.amount / frame.money.size)
    assert money.attribute is not None
    return frame.number(money.attribute, 1 / frame.money.size)


def _limit(frame: Frame, money: MoneyOf) -> Term:
    """What a policy comes to at most. One below zero, which makes no sense, is left to the interpreter."""
    limit = _money(frame, money)
    text = frame.source.atom(limit.text)
    if limit.number is None or limit.number < 0:
        frame.source.put(f"if {text} < 0: need()")
    return Term(text, limit.unit, nonnegative=True)


def put_rounded(frame: Frame, term: Term, target: str = "") -> str:
    text = times(term.text, term.unit.numerator)
    mode = frame.program.line_rounding
    return frame.source.rounded(text, term.unit.denominator, mode, nonnegative=term.nonnegative, target=target)


def _put_percent(frame: Frame, rule: Rule, effect: AddPercent, left: Left, name: str) -> None:
    source = frame.source
    if effect.base is not None:
        base = _money(frame, effect.base)
    else:
        base = Term(left.base(rule.targets), nonnegative=left.is_nonnegative(rule.targets))
    # What the interpreter reads always is read here before anything else decides.
    whole = Term(source.atom(base.text), base.unit * effect.percent, base.nonnegative and effect.percent >= 0)
    if effect.per is None:
        put_rounded(frame, whole, name)
        return
    per = effect.per
    steps = _put_past(frame, frame.number(per.attribute), per.bound, above=per.above)
    with source.block(f"if {steps.text} > 0:"):
        unit = whole.unit * steps.unit / per.step
        put_rounded(frame, Term(f"{whole.text} * {steps.text}", unit, whole.nonnegative), name)


def _put_per_unit(frame: Frame, effect: AddPerUnit, name: str) -> None:
    if effect.meter is not None:
        quantity = frame.total(effect.meter)
    else:
        assert effect.attribute is not None
        quantity = frame.number(effect.attribute, effect.attribute_factor)
    past = _put_past(frame, quantity, effect.bound, above=effect.above)
    with frame.source.block(f"if {past.text} > 0:"):
        price, sure = effect.price / frame.money.size, effect.price >= 0
        if effect.started:
            ratio = past.unit / effect.per
            steps = f"-(-{times(past.text, ratio.numerator)} // {ratio.denominator})"
            put_rounded(frame, Term(frame.source.atom(steps), price, sure), name)
        else:
            put_rounded(frame, Term(past.text, past.unit * price / effect.per, sure), name)


def _put_past(frame: Frame, quantity: Term, bound: NumberOf | None, *, above: bool) -> Term:
    """How much of a quantity lies past a mark; zero or less where nothing does."""
    if bound is None:
        return Term(frame.source.atom(quantity.text), quantity.unit)
    if bound.number is not None:
        mark = Term.constant(bound.number)
    else:
        assert bound.attribute is not None
        mark = frame.number(bound.attribute, bound.factor)
    low, high, unit = together(mark, quantity)
    return Term(frame.source.atom(f"{high} - {low}" if above else f"{low} - {high}"), unit)


def put_best(frame: Frame, rules: Sequence[Rule], left: Singly) -> list[str]:
    """Line by line the policy that takes most; the result names what each takes."""
    source, offered = frame.source, frame.source.name("o")
    source.put(f"{offered} = {{}}")
    for number, rule in enumerate(rules):
        with nullcontext() if rule.test is True else source.block(f"if {rule.test}:"):
            effect = rule.policy.effect
            if isinstance(effect, PercentOff):
                size = Term.constant(effect.percent)
            elif isinstance(effect, MoneyOff):
                size = _money(frame, effect.money)
            else:
                raise NotGenerated(Obstacle.BEST_ONE)
            limit = None if rule.policy.at_most is None else _limit(frame, rule.policy.at_most)
            parts = [
                str(rule.targets),
                times(size.text, size.unit.numerator),
                str(size.unit.denominator),
                str(isinstance(effect, PercentOff)),
            ]
            if limit is not None:
                parts += [times(limit.text, limit.unit.numerator), str(limit.unit.denominator)]
            source.put(f"{offered}[{number}] = Offered({', '.join(parts)})")
    names = [source.name("s") for _ in rules]
    mode = source.constant(frame.program.line_rounding)
    lines = left.names()
    source.put(f"({lines}), ({', '.join(names)},) = best_one({offered}, ({lines}), {len(rules)}, {mode})")
    return names
