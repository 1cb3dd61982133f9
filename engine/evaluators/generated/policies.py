"""What comes after the lines, in its order, as code: discounts, offers, penalties, bounds, taxes, the total.

Where every later rule reads a policy's lines together or not at all, only sums matter, and none is allocated
(`Sums`). Where a later rule reads a part of them, or where a line may be below zero, each line is followed (`Singly`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import islice

from ...plan import (
    AddMoney,
    AddPercent,
    BoundKind,
    Combination,
    MoneyOff,
    PercentOff,
    PlanBound,
    Policy,
    PolicyKind,
    Targets,
    Tax,
)
from ...window import Coverage, covers
from .charges import PricedLine
from .effects import Rule, adds, may_be_nothing, put_best, put_rounded, put_size
from .facts import Frame
from .left import Left, Lines, Reading, Singly, Sums, only_sums_matter, read_later
from .source import NotGenerated, Obstacle, Term, added, times


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
            total.texts += [f"-{name}" for name in put_best(frame, rules, left)]
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


def _standing(frame: Frame, kind: PolicyKind, lines: Sequence[PricedLine]) -> Iterator[Rule]:
    for policy in frame.plan.policies:
        if policy.kind is kind and _in_dates(frame, policy):
            test = frame.all_hold(policy.when)
            if test is not False and _is_nothing(frame, policy):
                # Only its conditions can keep the statement from being.
                frame.source.put(str(test))
            elif test is not False:
                yield Rule(policy, test, _targets(policy.targets, lines))


def _readings(
    frame: Frame,
    kinds: dict[PolicyKind, list[Rule]],
    bounds: Sequence[PlanBound],
    taxes: Sequence[Tax],
    lines: Sequence[PricedLine],
) -> Iterator[Reading]:
    """Which lines each rule reads and changes, in order."""
    for kind, rules in kinds.items():
        for rule in rules:
            base_sure = all(lines[index].nonnegative for index in rule.targets)
            sure = kind is not PolicyKind.PENALTY or adds(rule.policy, base_sure)
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


def _needs_best(frame: Frame, kind: PolicyKind, rules: Sequence[Rule], lines: Sequence[PricedLine]) -> bool:
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
    frame: Frame, kind: PolicyKind, rules: Sequence[Rule], matters: Sequence[bool], left: Left, total: _Total
) -> None:
    takes, source = kind is not PolicyKind.PENALTY, frame.source
    if _combination(frame, kind) is Combination.ADD_UP and len(rules) > 1:
        left.freeze()
    for rule, is_read in zip(rules, matters, strict=True):
        name = source.name("s")
        if isinstance(rule.test, str) or may_be_nothing(rule.policy):
            source.put(f"{name} = 0")
        with nullcontext() if rule.test is True else source.block(f"if {rule.test}:"):
            put_size(frame, rule, left, name, takes=takes)
        total.texts.append(f"-{name}" if takes else name)
        total.nonnegative = total.nonnegative and (takes or adds(rule.policy, left.is_nonnegative(rule.targets)))
        if is_read and _falls(rule.policy):
            left.fall(rule.targets, name, takes=takes)
    left.thaw()


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
        left.spread(targets, gap)


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
            put_rounded(frame, Term(base, share, own and share >= 0), name)
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
