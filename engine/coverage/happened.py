"""What a statement shows to have happened: which rules applied, which condition kept one away, which bound was felt."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from fractions import Fraction
from itertools import combinations

from ..compiler.model import Example
from ..condition import Facts, first_failure
from ..derivation import Op, Role, Step, steps
from ..evaluators.closing import expiry
from ..evaluators.fees import fee_start
from ..evaluators.rate import situation_of
from ..evaluators.situation import PeriodFacts, Readings
from ..examples import subscription_of, usage_of
from ..period import DateRange
from ..plan import Bound, Charge, Fee, OfEach, OfMeter, PercentOff, Plan, Policy, PolicyKind, Program, Tax
from ..statement import Line, LineKind, Statement
from .items import bounds_of, flat, listed_row
from .targets import (
    ANY_ROW,
    Acts,
    CardCase,
    CardMet,
    ConditionFails,
    DuringMet,
    FeeCase,
    FeeMet,
    FreeMet,
    HalfRounded,
    IncludeMet,
    LimitMet,
    NothingToDo,
    OutsideDates,
    Overlap,
    OwnBoundMet,
    PlanBoundMet,
    RuleApplies,
    RuleKind,
    Target,
    Used,
)


def of_statement(program: Program, plan: Plan, example: Example, statement: Statement) -> Iterator[Target]:
    period = DateRange(statement.start.date(), statement.end.date())
    situation = situation_of(program, subscription_of(example), usage_of(example), period)
    facts = PeriodFacts(Readings(situation), _amounts(plan, statement))
    for charge in plan.charges:
        if (yield from _conditions(RuleKind.CHARGE, charge, facts)):
            if charge.when:
                yield RuleApplies(RuleKind.CHARGE, charge.name)
            yield from _of_charge(charge, statement)
    for fee in plan.fees:
        if (yield from _conditions(RuleKind.FEE, fee, facts)):
            yield from _of_fee(fee, statement, example, situation.covered_days)
    yield from _of_includes(plan, statement)
    standing: list[Policy] = []
    for policy in plan.policies:
        if not _dated(policy, period):
            yield OutsideDates(RuleKind.POLICY, policy.name)
        elif (yield from _conditions(RuleKind.POLICY, policy, facts)):
            standing.append(policy)
            yield from _of_policy(policy, statement)
    yield from _overlaps(standing)
    yield from _of_plan_bounds(plan, statement)
    for tax in plan.taxes:
        if not _dated(tax, period):
            yield OutsideDates(RuleKind.TAX, tax.name)
        elif (yield from _conditions(RuleKind.TAX, tax, facts)) and _line(statement, tax.name) is not None:
            yield RuleApplies(RuleKind.TAX, tax.name)
    yield from _of_cards(program, example, statement)
    if any(_is_half(line, statement) for line in statement.lines if line.kind is LineKind.CHARGE):
        yield HalfRounded()


def _amounts(plan: Plan, statement: Statement) -> dict[str, Fraction]:
    names = {charge.name for charge in plan.charges} | {fee.name for fee in plan.fees}
    found: dict[str, Fraction] = {}
    for line in statement.lines:
        if line.id in names:
            found[line.id] = found.get(line.id, Fraction(0)) + statement.money.fraction(line.amount)
    return found


def _conditions(kind: RuleKind, rule: Charge | Fee | Policy | Tax, facts: Facts) -> Generator[Target, None, bool]:
    """Whether all conditions hold; if not, which of them failed, as rating looks for it."""
    failed = first_failure(rule.when, facts)
    if failed is None:
        return True
    index = next(number for number, condition in enumerate(flat(rule.when)) if condition is failed)
    yield ConditionFails(kind, rule.name, index)
    return False


def _dated(rule: Policy | Tax, period: DateRange) -> bool:
    return (rule.start is None or rule.start <= period.start) and (rule.end is None or period.start < rule.end)


def _line(statement: Statement, name: str) -> Line | None:
    return next((line for line in statement.lines if line.id == name), None)


# Charges


def _of_charge(charge: Charge, statement: Statement) -> Iterator[Target]:
    own = [line for line in statement.lines if line.id == charge.name]
    priced = [line for line in own if line.kind is LineKind.CHARGE]
    felt = [step for line in priced for step in steps(line.derivation) if step.place is not None]
    for number, row in enumerate(charge.rows):
        if row.minimum is None and row.cap is None:
            continue
        for of, bound in bounds_of(charge, number):
            yield from (OwnBoundMet(charge.name, listed_row(charge, number), of, acts) for acts in _acts(bound, felt))
    for of, bound in bounds_of(charge, None):
        if charge.columns and not charge.bounds_per_row and not isinstance(charge.source, OfEach):
            adds = any(line.kind is not LineKind.CHARGE and line.place == bound.place for line in own)
            yield OwnBoundMet(charge.name, ANY_ROW, of, Acts.BINDS if adds else Acts.RESTS)
        else:
            yield from (OwnBoundMet(charge.name, ANY_ROW, of, acts) for acts in _acts(bound, felt))
    if isinstance(charge.source, OfEach) and (charge.free_events or charge.free_quantity):
        yield from _free(charge, priced)


def _acts(bound: Bound, felt: Sequence[Step]) -> set[Acts]:
    """Whether a bound changed an amount, was there without changing one, or both (events are bounded one by one)."""
    return {
        Acts.BINDS if step.value != step.parts[0].value else Acts.RESTS
        for step in felt
        if step.place == bound.place and step.op in (Op.GREATER, Op.LESSER)
    }


def _free(charge: Charge, priced: Sequence[Line]) -> Iterator[Target]:
    events = [step for line in priced for step in steps(line.derivation) if step.role is Role.EVENT]
    freed = [step.parts[1].role is Role.INCLUDED for step in events]
    if any(freed):
        yield FreeMet(charge.name, beyond=False)
    if not all(freed):
        yield FreeMet(charge.name, beyond=True)


def _of_includes(plan: Plan, statement: Statement) -> Iterator[Target]:
    meters = {charge.source.meter for charge in plan.charges if isinstance(charge.source, OfMeter)}
    for index, include in enumerate(plan.includes):
        if include.meter not in meters:
            continue
        taken, left_to_pay = Fraction(0), False
        for line in statement.lines:
            step = line.quantity_derivation
            if line.kind is not LineKind.CHARGE or step is None:
                continue
            for part in step.parts:
                if part.role is Role.INCLUDED and part.place == include.place:
                    taken += part.value
                    left_to_pay |= step.value > 0
        if left_to_pay or taken >= include.quantity:
            yield IncludeMet(index, Used.UP)
        else:
            yield IncludeMet(index, Used.PARTLY if taken else Used.NONE)


# Fees, policies, bounds and cards


def _of_fee(fee: Fee, statement: Statement, example: Example, covered: DateRange) -> Iterator[Target]:
    if fee.trial is not None and fee_start(fee, example.start) > covered.start:
        yield FeeMet(fee.name, FeeCase.TRIAL)
    line = _line(statement, fee.name)
    if line is None:
        if fee_start(fee, example.start) <= covered.start:
            yield FeeMet(fee.name, FeeCase.NOT_DUE)
        return
    for step in steps(line.derivation):
        if step.role is Role.TERM and step.op is Op.PRODUCT:
            yield FeeMet(fee.name, FeeCase.WHOLE if step.parts[-1].label == "term" else FeeCase.PART)


def _of_policy(policy: Policy, statement: Statement) -> Iterator[Target]:
    line = _line(statement, policy.name)
    if line is None:
        yield NothingToDo(policy.name)
        if isinstance(policy.effect, PercentOff) and policy.effect.during is not None:
            names = policy.targets.names
            if any(item.amount > 0 and (policy.targets.everything or item.id in names) for item in statement.lines):
                yield DuringMet(policy.name, inside=False)
        return
    yield RuleApplies(RuleKind.POLICY, policy.name)
    for step in steps(line.derivation):
        if policy.at_most is not None and step.label == f"at most {policy.at_most.text}":
            yield LimitMet(policy.name, Acts.BINDS if step.value != step.parts[0].value else Acts.RESTS)
        if step.role is Role.WINDOW:
            if step.value > 0:
                yield DuringMet(policy.name, inside=True)
            if step.value < 1:
                yield DuringMet(policy.name, inside=False)


def _overlaps(standing: Sequence[Policy]) -> Iterator[Target]:
    for kind in (PolicyKind.DISCOUNT, PolicyKind.OFFER):
        own = [policy.name for policy in standing if policy.kind is kind]
        yield from (Overlap(first, second) for first, second in combinations(own, 2))


def _of_plan_bounds(plan: Plan, statement: Statement) -> Iterator[Target]:
    for index, bound in enumerate(plan.bounds):
        adds = any(line.id == bound.kind.value and line.place == bound.bound.place for line in statement.lines)
        yield PlanBoundMet(index, Acts.BINDS if adds else Acts.RESTS)


def _of_cards(program: Program, example: Example, statement: Statement) -> Iterator[Target]:
    for number, holding in enumerate(example.cards):
        card = program.cards[holding.card]
        end = expiry(card, holding.bought)
        if end is not None and end < statement.end.date():
            yield CardMet(card.name, CardCase.EXPIRED)
        for line in statement.lines:
            if line.kind is LineKind.PREPAID and line.card == number:
                owes, has = next(step for step in steps(line.derivation) if step.op is Op.LESSER).parts
                yield CardMet(card.name, CardCase.PAYS_ALL if owes.value <= has.value else CardCase.RUNS_OUT)


def _is_half(line: Line, statement: Statement) -> bool:
    """Whether rounding the line had to decide between two amounts that were equally near."""
    root = line.derivation
    if root.op is not Op.ROUND or root.size != statement.money.size:
        return False
    return (root.parts[0].value / root.size).denominator == 2
