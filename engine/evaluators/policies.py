"""Discounts, offers and penalties: what each takes or adds, how those of one kind combine, how it falls on the lines.

A policy is one line: its effect on what its target lines have left, rounded once, then allocated to them. What a line
has left after one kind is what the next kind sees.

Longer than most modules, for the ways of combining and the effects are one rule: what a policy does to a line is what
decides which of two wins it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import lcm
from typing import assert_never

from ...money import Rounding, allocate
from ..condition import Missing, scalar
from ..derivation import Role, Step, difference, given, greater, lesser, negative, product, rounded, total
from ..plan import (
    AddMoney,
    AddPercent,
    AddPerUnit,
    Combination,
    MoneyOf,
    MoneyOff,
    NumberOf,
    OfEach,
    OfMeter,
    PercentOff,
    Policy,
    PolicyKind,
    UnitsFree,
)
from ..statement import Line, LineKind, NotApplied
from .charges import Priced, row_label
from .reasons import met, why_not
from .situation import PeriodFacts, Readings
from .slices import plain


@dataclass(slots=True)
class Ledger:
    """What each charge and fee has left while policies, bounds and taxes fall on it; money in the statement's unit.

    Mutable, and only inside the rating of one statement: `left[i]` belongs to `priced[i]`.
    """

    priced: list[Priced]
    left: list[int]
    lines: list[Line]
    not_applied: list[NotApplied] = field(default_factory=list)
    met: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """For each policy and tax with conditions that held: what they were held against."""

    def indices_of(self, names: Sequence[str]) -> list[int]:
        """The lines of these charges and fees."""
        return [index for index, item in enumerate(self.priced) if item.line.id in names]


@dataclass(frozen=True, slots=True)
class Effect:
    """What a policy does before rounding: its size as a step, and how much of it falls on each target."""

    amount: Step
    weights: tuple[Fraction, ...]


KINDS = {
    PolicyKind.DISCOUNT: LineKind.DISCOUNT,
    PolicyKind.OFFER: LineKind.OFFER,
    PolicyKind.PENALTY: LineKind.PENALTY,
}


def apply_policies(kind: PolicyKind, ledger: Ledger, readings: Readings, facts: PeriodFacts) -> None:
    """Put the lines of one kind of policy on the ledger."""
    policies = [policy for policy in readings.situation.plan.policies if policy.kind is kind]
    standing = [policy for policy in policies if _stands(policy, ledger, readings, facts)]
    if kind is PolicyKind.PENALTY:
        base = list(ledger.left)
        for policy in standing:
            _settle(policy, _targets(policy, ledger), base, ledger, readings)
        return
    match readings.situation.program.combinations.get(kind, Combination.ONE_AFTER_ANOTHER):
        case Combination.ONE_AFTER_ANOTHER:
            for policy in standing:
                _settle(policy, _targets(policy, ledger), ledger.left, ledger, readings)
        case Combination.ADD_UP:
            base = list(ledger.left)
            for policy in standing:
                _settle(policy, _targets(policy, ledger), base, ledger, readings)
        case Combination.BEST_ONE:
            for policy, targets in _best(standing, ledger, readings):
                _settle(policy, targets, ledger.left, ledger, readings)
        case other:
            assert_never(other)


def _stands(policy: Policy, ledger: Ledger, readings: Readings, facts: PeriodFacts) -> bool:
    reason = _date_reason(policy, readings)
    if reason is None:
        try:
            reason = why_not(policy.when, facts)
        except Missing as missing:
            raise readings.missing(missing.attribute, policy.name) from None
    if reason is not None:
        _pass_over(policy, ledger, reason)
    elif policy.when:
        ledger.met[policy.name] = met(policy.when, facts)
    return reason is None


def _date_reason(policy: Policy, readings: Readings) -> str | None:
    start = readings.situation.days.start
    if policy.start is not None and start < policy.start:
        return f"it holds for periods that begin on {policy.start} or later"
    if policy.end is not None and start >= policy.end:
        return f"it holds for periods that begin before {policy.end}"
    return None


def _pass_over(policy: Policy, ledger: Ledger, reason: str) -> None:
    ledger.not_applied.append(NotApplied(policy.name, KINDS[policy.kind], policy.labels, reason, policy.place))


def _targets(policy: Policy, ledger: Ledger) -> list[int]:
    if policy.targets.everything:
        return list(range(len(ledger.priced)))
    return ledger.indices_of(policy.targets.names)


def _best(standing: Sequence[Policy], ledger: Ledger, readings: Readings) -> list[tuple[Policy, list[int]]]:
    """Line by line the policy that takes most, ties to the first written; then each policy with the lines it won."""
    shares: list[dict[int, Fraction]] = []
    for policy in standing:
        targets = _targets(policy, ledger)
        effect = _effect(policy, targets, ledger.left, ledger, readings)
        if effect is None:
            shares.append({})
            continue
        whole = sum(effect.weights, Fraction(0))
        size = min(effect.amount.value, _takeable(targets, ledger.left, readings))
        shares.append(
            {
                index: size * weight / whole if whole else Fraction(0)
                for index, weight in zip(targets, effect.weights, strict=True)
            }
        )
    won: list[list[int]] = [[] for _ in standing]
    for index in range(len(ledger.priced)):
        best, best_share = None, Fraction(0)
        for number, share in enumerate(shares):
            if share.get(index, Fraction(0)) > best_share:
                best, best_share = number, share[index]
        if best is not None:
            won[best].append(index)
    for policy, lines, share in zip(standing, won, shares, strict=True):
        if not lines:
            better = "another takes more from every line" if any(share.values()) else "there is nothing to take it from"
            _pass_over(policy, ledger, better)
    return [(policy, lines) for policy, lines in zip(standing, won, strict=True) if lines]


def _takeable(targets: Sequence[int], left: Sequence[int], readings: Readings) -> Fraction:
    return readings.situation.program.money.fraction(sum(max(left[index], 0) for index in targets))


def _settle(policy: Policy, targets: list[int], base: Sequence[int], ledger: Ledger, readings: Readings) -> None:
    """Round a policy's effect, put its line on the ledger and let it fall on its targets."""
    effect = _effect(policy, targets, base, ledger, readings)
    if effect is None:
        _pass_over(policy, ledger, "there is nothing that it applies to")
        return
    situation = readings.situation
    money, mode = situation.program.money, situation.program.line_rounding
    amount = effect.amount
    takes = policy.kind is not PolicyKind.PENALTY
    if takes:
        available = max(_takeable(targets, ledger.left, readings), Fraction(0))
        if amount.value > available:
            rest = given(Role.LIMIT, available, "all that is left", money.currency.code)
            amount = lesser(Role.AMOUNT, (amount, rest), "not more than is left")
    if amount.value < 0:
        zero = given(Role.LIMIT, Fraction(0), "nothing", money.currency.code)
        amount = greater(Role.AMOUNT, (amount, zero), "not less than nothing")
    size = money.round(amount.value, mode)
    if not size:
        _pass_over(policy, ledger, "it comes to nothing")
        return
    step = rounded(Role.ROUNDING, amount, money.size, mode, f"rounded {mode.value}")
    taken = _fall(size, targets, effect.weights, ledger, takes=takes)
    on = tuple(dict.fromkeys(ledger.priced[index].line.id for index in targets))
    ledger.lines.append(
        Line(
            id=policy.name,
            kind=KINDS[policy.kind],
            labels=policy.labels,
            amount=-size if takes else size,
            derivation=negative(Role.AMOUNT, step) if takes else step,
            place=policy.place,
            on=on,
            because=policy.because,
            source=policy.citation,
            taken=taken,
            met=ledger.met.get(policy.name, ()),
        )
    )


def _fall(
    size: int, targets: Sequence[int], weights: Sequence[Fraction], ledger: Ledger, *, takes: bool
) -> tuple[tuple[int, int], ...]:
    """Allocate a policy's amount to its targets, never more than a line has left, and note what each has left then."""
    scale = lcm(*(weight.denominator for weight in weights)) if weights else 1
    whole = [max(int(weight * scale), 0) for weight in weights]
    if not any(whole):
        return ()
    parts = list(allocate(size, whole))
    if takes:
        _cut_to_left(parts, targets, ledger)
    for index, part in zip(targets, parts, strict=True):
        ledger.left[index] += -part if takes else part
    return tuple((index, -part if takes else part) for index, part in zip(targets, parts, strict=True) if part)


def _cut_to_left(parts: list[int], targets: Sequence[int], ledger: Ledger) -> None:
    """Move what a line cannot bear (effects added up, a rounding) to the next lines that can."""
    over = 0
    for position, index in enumerate(targets):
        most = max(ledger.left[index], 0)
        if parts[position] > most:
            over += parts[position] - most
            parts[position] = most
    for position, index in enumerate(targets):
        room = min(over, max(ledger.left[index], 0) - parts[position])
        parts[position] += room
        over -= room


# Effects


def _effect(
    policy: Policy, targets: Sequence[int], base: Sequence[int], ledger: Ledger, readings: Readings
) -> Effect | None:
    """What a policy does to these lines before it is rounded; None where it has nothing to work on."""
    effect = _plain_effect(policy, targets, base, ledger, readings)
    if effect is None or policy.at_most is None:
        return effect
    limit = _money(policy.at_most, policy.name, readings, Role.LIMIT)
    return Effect(lesser(Role.AMOUNT, (effect.amount, limit), f"at most {policy.at_most.text}"), effect.weights)


def _plain_effect(
    policy: Policy, targets: Sequence[int], base: Sequence[int], ledger: Ledger, readings: Readings
) -> Effect | None:
    match policy.effect:
        case PercentOff(percent, text, during):
            if not targets:
                return None
            if during is not None:
                return _during(policy, during, targets, base, ledger, readings)
            return _percent(percent, text, targets, base, ledger, readings)
        case MoneyOff(money):
            if not targets:
                return None
            return Effect(_money(money, policy.name, readings, Role.AMOUNT), _left_weights(targets, base))
        case UnitsFree(meter, quantity, text):
            return _units_free(meter, quantity, text, targets, ledger, readings)
        case AddMoney(money):
            return Effect(_money(money, policy.name, readings, Role.AMOUNT), tuple(Fraction(0) for _ in targets))
        case AddPercent():
            return _add_percent(policy, policy.effect, targets, base, ledger, readings)
        case AddPerUnit():
            return _add_per_unit(policy, policy.effect, targets, base, readings)
        case _:
            assert_never(policy.effect)


def _left_weights(targets: Sequence[int], base: Sequence[int]) -> tuple[Fraction, ...]:
    return tuple(Fraction(max(base[index], 0)) for index in targets)


def _target(index: int, base: Sequence[int], ledger: Ledger, readings: Readings) -> Step:
    money = readings.situation.program.money
    line = ledger.priced[index].line
    return given(Role.TARGET, money.fraction(base[index]), row_label(line), money.currency.code)


def _percent(
    percent: Fraction, text: str, targets: Sequence[int], base: Sequence[int], ledger: Ledger, readings: Readings
) -> Effect:
    money = readings.situation.program.money.currency.code
    parts = tuple(_target(index, base, ledger, readings) for index in targets)
    whole = total(Role.BASE, parts, "what is left of its lines", money)
    step = product(Role.AMOUNT, (given(Role.PERCENT, percent, text), whole), text, money)
    return Effect(step, _left_weights(targets, base))


def _during(
    policy: Policy, window: str, targets: Sequence[int], base: Sequence[int], ledger: Ledger, readings: Readings
) -> Effect:
    """A percentage of the share of each line's metered quantity that lies in a window."""
    assert isinstance(policy.effect, PercentOff)
    money = readings.situation.program.money.currency.code
    parts = []
    for index in targets:
        inside, whole = _inside(ledger.priced[index], window, readings)
        # Corrections below zero outside the window (or inside it) leave at most the whole (or nothing) inside.
        share = min(max(inside / whole, Fraction(0)), Fraction(1)) if whole > 0 else Fraction(0)
        leaf = given(Role.WINDOW, share, f"{plain(inside)} of {plain(whole)} in {window}")
        parts.append(product(Role.TARGET, (_target(index, base, ledger, readings), leaf), unit=money))
    whole_step = total(Role.BASE, tuple(parts), f"what is left of its lines, for their share in {window}", money)
    text = policy.effect.text
    step = product(Role.AMOUNT, (given(Role.PERCENT, policy.effect.percent, text), whole_step), text, money)
    return Effect(step, tuple(max(part.value, Fraction(0)) for part in parts))


def _inside(priced: Priced, window: str, readings: Readings) -> tuple[Fraction, Fraction]:
    charge = priced.charge
    if charge is None:
        return Fraction(0), Fraction(0)
    readings = priced.readings or readings
    if isinstance(charge.source, OfMeter):
        return readings.share_in(charge, readings.situation.program.meters[charge.source.meter], window, priced.key)
    if isinstance(charge.source, OfEach):
        return readings.each_share_in(charge, window)
    return Fraction(0), Fraction(0)


def _units_free(
    meter: str, quantity: Fraction, text: str, targets: Sequence[int], ledger: Ledger, readings: Readings
) -> Effect | None:
    """What so many units cost, the dearest first."""
    program = readings.situation.program
    code, unit = program.money.currency.code, program.meters[meter].unit.name
    portions = [(portion, index) for index in targets for portion in ledger.priced[index].portions]
    portions.sort(key=lambda item: -item[0].unit_price)
    left = quantity
    parts, weights = [], dict.fromkeys(targets, Fraction(0))
    for portion, index in portions:
        size = min(left, portion.quantity)
        if size <= 0:
            break
        left -= size
        rate = given(Role.RATE, portion.unit_price, f"dearest units of {row_label(ledger.priced[index].line)}", code)
        step = product(Role.BAND, (given(Role.SLICE, size, "", unit), rate), unit=code)
        parts.append(step)
        weights[index] += step.value
    if not parts:
        return None
    return Effect(total(Role.AMOUNT, tuple(parts), text, code), tuple(weights[index] for index in targets))


def _add_percent(
    policy: Policy,
    effect: AddPercent,
    targets: Sequence[int],
    base: Sequence[int],
    ledger: Ledger,
    readings: Readings,
) -> Effect | None:
    money = readings.situation.program.money.currency.code
    weights: tuple[Fraction, ...]
    if effect.base is not None:
        whole, weights = _money(effect.base, policy.name, readings, Role.BASE), tuple(Fraction(0) for _ in targets)
    else:
        parts = tuple(_target(index, base, ledger, readings) for index in targets)
        whole, weights = total(Role.BASE, parts, "what is left of its lines", money), _left_weights(targets, base)
    factors = [given(Role.PERCENT, effect.percent, effect.text), whole]
    if effect.per is not None:
        steps = _past(
            _attribute(effect.per.attribute, policy.name, readings),
            effect.per.bound,
            policy.name,
            readings,
            above=effect.per.above,
        )
        if steps is None:
            return None
        factors.append(product(Role.QUANTITY, (steps, given(Role.PART, 1 / effect.per.step, effect.per.text))))
    return Effect(product(Role.AMOUNT, tuple(factors), effect.text, money), weights)


def _add_per_unit(
    policy: Policy, effect: AddPerUnit, targets: Sequence[int], base: Sequence[int], readings: Readings
) -> Effect | None:
    money = readings.situation.program.money.currency.code
    if effect.meter is not None:
        quantity = readings.total(effect.meter)
    else:
        assert effect.attribute is not None
        quantity = _attribute(effect.attribute, policy.name, readings, effect.attribute_factor, effect.unit)
    past = _past(quantity, effect.bound, policy.name, readings, above=effect.above)
    if past is None:
        return None
    if effect.started:
        past = rounded(Role.SLICE, past, effect.per, Rounding.UP, "started steps")
    rate = given(Role.RATE, effect.price / effect.per, effect.text, money, place=policy.place)
    return Effect(product(Role.AMOUNT, (past, rate), effect.text, money), _left_weights(targets, base))


def _past(quantity: Step, bound: NumberOf | None, rule: str, readings: Readings, *, above: bool) -> Step | None:
    """How much of a quantity lies past a mark; None if nothing does."""
    if bound is None:
        return quantity if quantity.value > 0 else None
    mark = given(Role.BOUND, _number(bound, rule, readings), bound.text, quantity.unit)
    gap = difference(Role.SLICE, (quantity, mark) if above else (mark, quantity), "past the mark", quantity.unit)
    return gap if gap.value > 0 else None


def _money(money: MoneyOf, rule: str, readings: Readings, role: Role) -> Step:
    code = readings.situation.program.money.currency.code
    if money.amount is not None:
        return given(role, money.amount, money.text, code)
    assert money.attribute is not None
    step = _attribute(money.attribute, rule, readings)
    return given(role, step.value, money.text, code)


def _number(number: NumberOf, rule: str, readings: Readings) -> Fraction:
    if number.number is not None:
        return number.number
    assert number.attribute is not None
    return _attribute(number.attribute, rule, readings, number.factor).value


def _attribute(name: str, rule: str, readings: Readings, factor: Fraction = Fraction(1), unit: str = "") -> Step:
    value = readings.situation.subscription.attributes.get(name)
    if value is None:
        raise readings.missing(name, rule)
    number = scalar(value)
    assert isinstance(number, Fraction), "the resolver lets policies reckon with numbers only"
    return given(Role.QUANTITY, number * factor, f"account.{name}", unit)
