"""Policies that meet on a line: how they combine is said, and together they leave something to pay."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import combinations
from typing import TypeAlias

from ....diagnostics import Diagnostic, Label, Span
from ....money import decimal_text
from ...condition import AmountOf, Attribute, FieldOf, Month, Scalar, UsageOf
from ...dispatch import value_text
from ...plan import Combination, MoneyOff, PercentOff, PolicyKind
from ..lower import PoliciesByPlan
from ..model import Plan, PolicyModel, Ruleset
from ..satisfy import Subject, witness
from .calendars import Calendars, dates_of, meet, reach


def check_combinations(ruleset: Ruleset) -> Iterator[Diagnostic]:
    """Two discounts, or two offers, that can hold together on one line need a word on how they combine."""
    unsaid = [kind for kind in (PolicyKind.DISCOUNT, PolicyKind.OFFER) if kind not in ruleset.combinations]
    policies = PoliciesByPlan(ruleset)
    calendars = Calendars(ruleset)
    settled: set[tuple[str, str]] = set()
    """Pairs that are reported, or that cannot hold together in any plan."""
    for plan in ruleset.plans if unsaid else ():
        everything = policies.of(plan)
        lines = plan.line_names
        for kind in unsaid:
            own = [item for item in everything if item.policy.kind is kind]
            for first, second in combinations(own, 2):
                names = (first.policy.name, second.policy.name)
                line = None if names in settled else _shared_line(first, second, lines)
                if line is None:
                    continue
                if not _ever_together(first, second, ruleset):
                    settled.add(names)
                    continue
                facts = _together((first, second), ruleset, plan, calendars)
                if facts is not None:
                    settled.add(names)
                    yield _unsaid_combination(first, second, line, facts, kind)


def _shared_line(first: PolicyModel, second: PolicyModel, lines: Sequence[str]) -> str | None:
    for name in lines:
        if all(item.policy.targets.everything or name in item.policy.targets.names for item in (first, second)):
            return name
    return None


def _ever_together(first: PolicyModel, second: PolicyModel, ruleset: Ruleset) -> bool:
    """Whether two policies can hold together at all: on whatever day a bill of whatever plan begins."""
    conditions = (*first.policy.when, *second.policy.when)
    return meet([dates_of(first), dates_of(second)]) and witness(conditions, ruleset.schema.attributes) is not None


def _together(
    items: Sequence[PolicyModel], ruleset: Ruleset, plan: Plan, calendars: Calendars
) -> Mapping[Subject, Scalar] | None:
    """Facts for which policies hold on one bill of a plan, or None where they never do."""
    if not meet([reach(plan), *(dates_of(item) for item in items)]):
        return None
    conditions = [condition for item in items for condition in item.policy.when]
    return witness(conditions, ruleset.schema.attributes, calendars.begins(plan, *items))


def _unsaid_combination(
    first: PolicyModel, second: PolicyModel, line: str, facts: Mapping[Subject, Scalar], kind: PolicyKind
) -> Diagnostic:
    names = f"{first.policy.name} and {second.policy.name}"
    return Diagnostic(
        "RB2401",
        f"{kind.value}s {names} can hold together on `{line}`, and the ruleset does not say how they combine",
        second.span,
        "may hold at the same time",
        (Label(first.span, "as this one"),),
        (
            f"`{kind.value}s combine best one`: the one that takes most from a line",
            f"`{kind.value}s combine add up`: each from the full amount",
            f"`{kind.value}s combine one after another`: each from what the one before it left",
        ),
        (f"witness: {_facts_text(facts)}: both hold{_readings(first, second)}",),
    )


def _readings(first: PolicyModel, second: PolicyModel) -> str:
    """What each reading takes off a line of 100, where both are plain percentages."""
    one, other = first.policy.effect, second.policy.effect
    if not isinstance(one, PercentOff) or not isinstance(other, PercentOff) or one.during or other.during:
        return ""
    best = max(one.percent, other.percent)
    added = min(one.percent + other.percent, Fraction(1))
    after = 1 - (1 - one.percent) * (1 - other.percent)
    shown = [decimal_text(share * 100) or str(share * 100) for share in (best, added, after)]
    return f"; of 100.00 they take {shown[0]} (best one), {shown[1]} (add up) or {shown[2]} (one after another)"


def _facts_text(facts: Mapping[Subject, Scalar]) -> str:
    """A witness in the words of the language."""
    if not facts:
        return "any account"
    return ", ".join(f"{_subject_text(subject)} {_value_text(value)}" for subject, value in facts.items())


def _subject_text(subject: Subject) -> str:
    match subject:
        case Attribute(name):
            return f"account.{name}"
        case FieldOf(name):
            return name
        case UsageOf(meter):
            return f"usage of {meter}"
        case AmountOf(line):
            return f"amount of {line}"
        case Month():
            return "month"


def _value_text(value: Scalar) -> str:
    text = value_text(value)
    return f"{int(text):,}" if text.isdigit() else text


def check_stacking(ruleset: Ruleset) -> Iterator[Diagnostic]:
    """Discounts that add up past 100% take more than everything."""
    calendars = Calendars(ruleset)
    for kind, rule in ruleset.combinations.items():
        if rule is not Combination.ADD_UP:
            continue
        policies = PoliciesByPlan(ruleset)
        for plan in ruleset.plans:
            yield from _stacking(ruleset, plan, policies.of(plan), kind, calendars)


def _stacking(
    ruleset: Ruleset, plan: Plan, policies: Sequence[PolicyModel], kind: PolicyKind, calendars: Calendars
) -> Iterator[Diagnostic]:
    for line in plan.line_names:
        candidates = [
            (effect.percent, item)
            for item in policies
            if item.policy.kind is kind
            and isinstance(effect := item.policy.effect, PercentOff)
            and (item.policy.targets.everything or line in item.policy.targets.names)
        ]

        def together(policies: Sequence[PolicyModel]) -> bool:
            return _together(policies, ruleset, plan, calendars) is not None

        stacked = _past_everything(candidates, (), Fraction(0), together)
        if stacked is None:
            continue
        names = ", ".join(item.policy.name for _, item in stacked)
        total = sum((share for share, _ in stacked), Fraction(0)) * 100
        percent = decimal_text(total) or str(total)
        yield Diagnostic(
            "RB2402",
            f"{kind.value}s {names} can add up to {percent}% of `{line}`",
            stacked[-1][1].span,
            "more than everything",
            tuple(Label(item.span, "and this one") for _, item in stacked[:-1]),
            (f"write `{kind.value}s combine best one`", "lower them", "let their conditions exclude each other"),
            (f"witness: of 100.00 for {line} they would take {percent}",),
        )


_Shares: TypeAlias = Sequence[tuple[Fraction, PolicyModel]]


def _past_everything(
    left: _Shares,
    taken: tuple[tuple[Fraction, PolicyModel], ...],
    total: Fraction,
    together: Callable[[Sequence[PolicyModel]], bool],
) -> _Shares | None:
    """Policies that can hold together and take more than everything, or None where there are none such."""
    if total > 1:
        return taken
    if not left or total + sum(share for share, _ in left) <= 1:
        return None
    (share, item), rest = left[0], left[1:]
    if together([*(other for _, other in taken), item]):
        found = _past_everything(rest, (*taken, (share, item)), total + share, together)
        if found is not None:
            return found
    return _past_everything(rest, taken, total, together)


def check_best_one(ruleset: Ruleset) -> Iterator[Diagnostic]:
    """`best one` decides line by line, so a fixed amount may name only one line."""
    policies = PoliciesByPlan(ruleset)
    seen: set[Span] = set()
    for plan in ruleset.plans if Combination.BEST_ONE in ruleset.combinations.values() else ():
        own = policies.of(plan)
        for item in own:
            policy = item.policy
            if ruleset.combinations.get(policy.kind) is not Combination.BEST_ONE:
                continue
            if not isinstance(policy.effect, MoneyOff):
                continue
            lines = [name for name in plan.line_names if policy.targets.everything or name in policy.targets.names]
            rivals = (
                other
                for other in own
                if other is not item and other.policy.kind is policy.kind and _shared_line(item, other, lines)
            )
            if item.span not in seen and len(lines) > 1 and any(rivals):
                seen.add(item.span)  # one policy is one mistake, on however many plans
                yield Diagnostic(
                    "RB2405",
                    f"under `best one`, which decides line by line, `{policy.name}` takes one amount off "
                    f"{len(lines)} lines",
                    item.span,
                    f"off {', '.join(lines)}",
                    hints=("name one line", f"write `{policy.kind.value}s combine one after another`"),
                )
