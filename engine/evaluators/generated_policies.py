"""Discounts, offers, penalties, plan bounds, taxes and the total as code, in integers of the money unit.

Where every later rule reads a policy's lines together or not at all, only sums matter, and none is allocated
(`Sums`). Where a later rule reads a part of them, or where a line may be below zero, each line is followed (`Singly`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import islice

from ..plan import (
    AddMoney,
    AddPercent,
    AddPerUnit,
    BoundKind,
    Combination,
    MoneyOf,
    MoneyOff,
    NumberOf,
    PercentOff,
    PlanBound,
    Policy,
    PolicyKind,
    Targets,
    Tax,
    UnitsFree,
)
from ..window import Coverage, covers
from .generated_charges import PricedLine
from .generated_facts import Frame, Test
from .generated_left import Left, Lines, Reading, Singly, Sums, only_sums_matter, read_later
from .generated_source import NotGenerated, Obstacle, Term, added, times, together


@dataclass(frozen=True, slots=True)
class _Rule:
    """A policy whose dates are right, whether its conditions hold, and the numbers of its lines."""

    policy: Policy
    test: Test
    targets: Lines


@dataclass(slots=True)
class _Total:
    """The signed texts that add up to the total so far."""

    texts: list[str]
    nonnegative: bool

    def term(self, frame: Frame) -> str:
        """A name or number for the total so far."""
        self.texts = [frame.source.atom(added(self.texts))]
        return self.texts[0]


def put_rest(frame: Frame, lines: Sequence[PricedLine]) -> str:
    """Code for all that comes after the lines; the result is the total's expression."""
    kinds = {kind: list(_standing(frame, kind, lines)) for kind in PolicyKind}
    bounds = [bound for kind in BoundKind for bound in frame.plan.bounds if bound.kind is kind]
    taxes = [tax for tax in frame.plan.taxes if _in_dates(frame, tax)]
    readings = list(_readings(frame, kinds, bounds, taxes, lines))
    matters = iter(read_later(readings))
    best = {kind: _needs_best(frame, kind, rules, lines) for kind, rules in kinds.items()}
    sums = only_sums_matter(lines, readings) and not any(best.values())
    left = Sums(lines, frame.source) if sums else Singly(lines, frame.source)
    total = _Total([line.text for line in lines], nonnegative=all(line.nonnegative for line in lines))
    for kind, rules in kinds.items():
        later = list(islice(matters, len(rules)))
        if best[kind]:
            assert isinstance(left, Singly)
            _put_best(frame, rules, left, total)
        else:
            _put_policies(frame, kind, rules, later, left, total)
    for bound in bounds:
        _put_bound(frame, bound, lines, left, total, matters=next(matters))
    _put_taxes(frame, taxes, lines, left, total)
    return _put_total_rounding(frame, total)


def _in_dates(frame: Frame, rule: Policy | Tax) -> bool:
    start = frame.situation.days.start
    return (rule.start is None or start >= rule.start) and (rule.end is None or start < rule.end)


def _targets(targets: Targets, lines: Sequence[PricedLine]) -> Lines:
    return tuple(index for index, line in enumerate(lines) if targets.everything or line.name in targets.names)


def _standing(frame: Frame, kind: PolicyKind, lines: Sequence[PricedLine]) -> Iterator[_Rule]:
    for policy in frame.plan.policies:
        if policy.kind is kind and _in_dates(frame, policy):
            test = frame.all_hold(policy.when)
            if test is not False and _is_nothing(frame, policy):
                # Only its conditions can keep the statement from being.
                frame.source.put(str(test))
            elif test is not False:
                yield _Rule(policy, test, _targets(policy.targets, lines))


def _readings(
    frame: Frame,
    kinds: dict[PolicyKind, list[_Rule]],
    bounds: Sequence[PlanBound],
    taxes: Sequence[Tax],
    lines: Sequence[PricedLine],
) -> Iterator[Reading]:
    """Which lines each rule reads and changes, in order."""
    for kind, rules in kinds.items():
        for rule in rules:
            base_sure = all(lines[index].nonnegative for index in rule.targets)
            sure = kind is not PolicyKind.PENALTY or _adds(rule.policy, base_sure)
            effect = rule.policy.effect
            reads = isinstance(effect, PercentOff | MoneyOff) or (
                isinstance(effect, AddPercent) and effect.base is None
            )
            yield Reading(rule.targets, reads=reads, changes=_falls(rule.policy), sure=sure)
    for bound in bounds:
        yield Reading(_bound_lines(bound, lines), reads=bool(bound.lines), changes=True)
    for tax in taxes:
        if not tax.targets.everything and frame.all_hold(tax.when) is not False:
            yield Reading(_targets(tax.targets, lines), reads=True, changes=False)


def _falls(policy: Policy) -> bool:
    """Whether a policy's amount falls on its lines by what they have left."""
    effect = policy.effect
    return not (isinstance(effect, AddMoney) or (isinstance(effect, AddPercent) and effect.base is not None))


def _combination(frame: Frame, kind: PolicyKind) -> Combination:
    if kind is PolicyKind.PENALTY:
        return Combination.ADD_UP
    return frame.program.combinations.get(kind, Combination.ONE_AFTER_ANOTHER)


def _needs_best(frame: Frame, kind: PolicyKind, rules: Sequence[_Rule], lines: Sequence[PricedLine]) -> bool:
    """Whether the best one has to be found line by line: two may hold on a line, or a line be below zero."""
    if _combination(frame, kind) is not Combination.BEST_ONE:
        return False
    numbers = [index for rule in rules for index in rule.targets]
    return len(set(numbers)) != len(numbers) or not all(lines[index].nonnegative for index in numbers)


def _is_nothing(frame: Frame, policy: Policy) -> bool:
    """Whether a policy works in a window that no part of the period lies in."""
    if not isinstance(policy.effect, PercentOff) or policy.effect.during is None:
        return False
    situation, window = frame.situation, frame.program.windows[policy.effect.during]
    attribute = None if policy.at_most is None else policy.at_most.attribute
    if attribute is not None or covers(window, situation.covered, situation.zone) is not Coverage.NONE:
        raise NotGenerated(Obstacle.DURING)
    return True


# Policies


def _put_policies(
    frame: Frame, kind: PolicyKind, rules: Sequence[_Rule], matters: Sequence[bool], left: Left, total: _Total
) -> None:
    takes, source = kind is not PolicyKind.PENALTY, frame.source
    if _combination(frame, kind) is Combination.ADD_UP and len(rules) > 1:
        left.freeze()
    for rule, is_read in zip(rules, matters, strict=True):
        name = source.name("s")
        if isinstance(rule.test, str) or _may_be_nothing(rule.policy):
            source.put(f"{name} = 0")
        with nullcontext() if rule.test is True else source.block(f"if {rule.test}:"):
            _put_size(frame, rule, left, name, takes=takes)
        total.texts.append(f"-{name}" if takes else name)
        total.nonnegative = total.nonnegative and (takes or _adds(rule.policy, left.is_nonnegative(rule.targets)))
        if is_read and _falls(rule.policy):
            left.fall(rule.targets, name, takes=takes)
    left.thaw()


def _may_be_nothing(policy: Policy) -> bool:
    effect = policy.effect
    return isinstance(effect, AddPerUnit) or (isinstance(effect, AddPercent) and effect.per is not None)


def _adds(policy: Policy, base_is_nonnegative: bool) -> bool:
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


def _put_size(frame: Frame, rule: _Rule, left: Left, name: str, *, takes: bool) -> None:
    """Code that gives `name` what a policy takes or adds, rounded."""
    source, policy = frame.source, rule.policy
    clamped = takes
    match policy.effect:
        case PercentOff(share):
            sure = left.is_nonnegative(rule.targets)
            clamped = not (0 <= share <= 1 and sure and not left.is_frozen)
            _put_rounded(frame, Term(left.base(rule.targets), share, sure and share >= 0), name)
        case MoneyOff(money) | AddMoney(money):
            _put_rounded(frame, _money(frame, money), name)
        case AddPercent():
            _put_percent(frame, rule, policy.effect, left, name)
        case AddPerUnit():
            _put_per_unit(frame, policy.effect, name)
        case UnitsFree():
            raise NotGenerated(Obstacle.UNITS_FREE)
        case _:
            raise NotGenerated(Obstacle.UNKNOWN_FORM)
    if policy.at_most is not None:
        limit = _put_rounded(frame, _limit(frame, policy.at_most))
        source.put(f"if {name} > {limit}: {name} = {limit}")
    if clamped:
        available = source.atom(left.available(rule.targets))
        source.put(f"if {name} > {available}: {name} = {available}", f"if {name} < 0: {name} = 0")


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


def _put_rounded(frame: Frame, term: Term, target: str = "") -> str:
    text = times(term.text, term.unit.numerator)
    mode = frame.program.line_rounding
    return frame.source.rounded(text, term.unit.denominator, mode, nonnegative=term.nonnegative, target=target)


def _put_percent(frame: Frame, rule: _Rule, effect: AddPercent, left: Left, name: str) -> None:
    source = frame.source
    if effect.base is not None:
        base = _money(frame, effect.base)
    else:
        base = Term(left.base(rule.targets), nonnegative=left.is_nonnegative(rule.targets))
    # What the interpreter reads always is read here before anything else decides.
    whole = Term(source.atom(base.text), base.unit * effect.percent, base.nonnegative and effect.percent >= 0)
    if effect.per is None:
        _put_rounded(frame, whole, name)
        return
    per = effect.per
    steps = _put_past(frame, frame.number(per.attribute), per.bound, above=per.above)
    with source.block(f"if {steps.text} > 0:"):
        unit = whole.unit * steps.unit / per.step
        _put_rounded(frame, Term(f"{whole.text} * {steps.text}", unit, whole.nonnegative), name)


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
            _put_rounded(frame, Term(frame.source.atom(steps), price, sure), name)
        else:
            _put_rounded(frame, Term(past.text, past.unit * price / effect.per, sure), name)


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


def _put_best(frame: Frame, rules: Sequence[_Rule], left: Singly, total: _Total) -> None:
    """Line by line the policy that takes most."""
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
    total.texts += [f"-{name}" for name in names]


# What comes after policies


def _bound_lines(bound: PlanBound, lines: Sequence[PricedLine]) -> Lines:
    return tuple(index for index, line in enumerate(lines) if not bound.lines or line.name in bound.lines)


def _put_bound(
    frame: Frame, bound: PlanBound, lines: Sequence[PricedLine], left: Left, total: _Total, *, matters: bool
) -> None:
    source = frame.source
    limit = frame.money.round(bound.bound.amount, frame.program.line_rounding)
    if limit < 0:
        raise NotGenerated(Obstacle.UNKNOWN_FORM)
    low = bound.kind is BoundKind.MINIMUM
    targets = _bound_lines(bound, lines)
    sign = "<" if low else ">"
    base = source.atom(left.base(targets)) if bound.lines else total.term(frame)
    if not bound.lines and not matters:
        name = source.name("w")
        source.put(f"{name} = {limit} if {base} {sign} {limit} else {base}")
        total.texts = [name]
        total.nonnegative = low or total.nonnegative
        return
    gap = source.name("g")
    source.put(f"{gap} = {limit} - {base} if {base} {sign} {limit} else 0")
    total.texts.append(gap)
    total.nonnegative = total.nonnegative and (low or not bound.lines)
    if matters:
        left.fall(targets, gap, takes=False)


def _put_taxes(frame: Frame, taxes: Sequence[Tax], lines: Sequence[PricedLine], left: Left, total: _Total) -> None:
    if not taxes:
        return
    source = frame.source
    before, sure = total.term(frame), total.nonnegative
    for tax in taxes:
        test = frame.all_hold(tax.when)
        share = tax.percent / (1 + tax.percent) if tax.included else tax.percent
        if test is False:
            continue
        if tax.included:
            # It is shown and not added; only its conditions can keep the statement from being.
            if isinstance(test, str):
                source.put(test)
            continue
        name = source.name("x")
        if isinstance(test, str):
            source.put(f"{name} = 0")
        with nullcontext() if test is True else source.block(f"if {test}:"):
            targets = _targets(tax.targets, lines)
            base = before if tax.targets.everything else source.atom(left.base(targets))
            own = sure if tax.targets.everything else left.is_nonnegative(targets)
            _put_rounded(frame, Term(base, share, own and share >= 0), name)
        total.texts.append(name)
        total.nonnegative = total.nonnegative and share >= 0 and (own or tax.targets.everything)


def _put_total_rounding(frame: Frame, total: _Total) -> str:
    rule = frame.program.total_rounding
    if rule is None or frame.program.total_rounding_place is None:
        return added(total.texts)
    base = total.term(frame)
    ratio = frame.money.size / rule.size
    rounded = frame.source.rounded(
        times(base, ratio.numerator), ratio.denominator, rule.mode, nonnegative=total.nonnegative
    )
    # Back in money units; a coarse unit may not hold the rounded total, so that the line is rounded once more.
    back = 1 / ratio
    gap = f"{times(rounded, back.numerator)} - {times(base, back.denominator)}"
    step = frame.source.rounded(gap, back.denominator, frame.program.line_rounding, nonnegative=False)
    return added([base, step])
