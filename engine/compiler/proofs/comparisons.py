"""Warnings from comparing prices over all usage: contracts, dead plans, prices below cost, falls at thresholds.

Each carries the usage, what it costs, and what it would cost otherwise. What is not compared is left out, never
guessed: plans that price different things, or that are billed for different periods.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import combinations

from ....diagnostics import Diagnostic, Label
from ...condition import AmountOf, UsageOf, operands
from ...plan import Fee, OfAttribute, OfEach, OfMeter, PercentOff, Plan, Policy, PolicyKind, Program, Tax
from ..lower import policies_of
from ..model import Plan as PlanModel
from ..model import Ruleset
from ..satisfy import witness as facts_for
from .dearer import never_costs_more
from .more import fall_at_a_threshold
from .outcome import Verdict, Witness
from .promises import money, span_of
from .rules import conditions_of

ZERO = Fraction(0)
PAIRS_MAX = 40
"""How many pairs of plans are compared at most, those that are written first before others."""
_BOXES_MAX = 60


def compare(program: Program, ruleset: Ruleset, refuted: frozenset[str]) -> Iterator[Diagnostic]:
    """All warnings; `refuted` are meters whose fall is an error already."""
    yield from _contracts(program, ruleset)
    yield from _dead_plans(program, ruleset)
    yield from _below_cost(program, ruleset)
    yield from _falls(program, ruleset, refuted)


def _version(program: Program, model: PlanModel) -> Plan:
    return next(plan for plan in program.plans[model.name] if plan.start == model.start)


# Contracts


def _contracts(program: Program, ruleset: Ruleset) -> Iterator[Diagnostic]:
    """Contracts that cost more than the list that they extend."""
    contracts = [model for model in ruleset.plans if model.is_contract and len(model.lineage) > 1]
    for model in contracts[:PAIRS_MAX]:
        contract = _version(program, model)
        for listed in program.plans.get(model.lineage[1], ()):
            found = never_costs_more(program, contract, listed, boxes_max=_BOXES_MAX)
            if found.verdict is not Verdict.REFUTED or found.witness is None:
                continue
            other = never_costs_more(program, listed, contract, boxes_max=_BOXES_MAX)
            nowhere = other.verdict is Verdict.PROVED and not other.slack
            first, second = found.witness.bill, found.witness.against
            yield Diagnostic(
                "RB2602",
                f"contract {model.name} costs more than {model.lineage[1]}, which it extends"
                + (", and nowhere less" if nowhere else ", for some usage"),
                model.span,
                f"costs {money(program, first.amount)} there",
                (Label(span_of(listed.place), f"costs {money(program, second.amount)} there"),),
                (
                    "change the prices that the contract replaces or adds",
                    'keep it with `allow RB2602 because "…"`',
                ),
                (f"witness: {found.witness.text}, {money(program, first.amount - second.amount)} more",),
            )
            break


# Dead plans


def _dead_plans(program: Program, ruleset: Ruleset) -> Iterator[Diagnostic]:
    """Plans that nobody would choose: another is never dearer for the same, and cheaper for some usage."""
    models = [model for model in ruleset.plans if not model.is_contract]
    dead: set[str] = set()
    pairs = 0
    for one, other in combinations(models, 2):
        if one.name == other.name or pairs >= PAIRS_MAX or not _alike(one, other):
            continue
        pairs += 1
        for better, worse in ((one, other), (other, one)):
            if worse.name in dead or not _covers(better, worse):
                continue
            finding = _dead(program, better, worse)
            if finding is not None:
                dead.add(worse.name)
                yield finding
                break


def _alike(one: PlanModel, other: PlanModel) -> bool:
    """Whether two plans price the same things for the same periods, so that a customer could choose either."""
    return one.billing == other.billing and _priced(one) == _priced(other)


def _priced(plan: PlanModel) -> frozenset[tuple[str, str]]:
    found = set()
    for charge in plan.charges:
        match charge.source:
            case OfMeter(meter):
                found.add(("meter", meter))
            case OfAttribute(attribute):
                found.add(("attribute", attribute))
            case OfEach(event):
                found.add(("event", event))
            case _:
                pass
    return frozenset(found)


def _covers(better: PlanModel, worse: PlanModel) -> bool:
    starts = better.start is None or (worse.start is not None and better.start <= worse.start)
    return starts and (better.end is None or (worse.end is not None and worse.end <= better.end))


def _dead(program: Program, better: PlanModel, worse: PlanModel) -> Diagnostic | None:
    one, other = _version(program, better), _version(program, worse)
    cheaper = never_costs_more(program, other, one, boxes_max=_BOXES_MAX)
    if cheaper.verdict is not Verdict.REFUTED or cheaper.witness is None:
        return None
    never = never_costs_more(program, one, other, boxes_max=_BOXES_MAX)
    if never.verdict is not Verdict.PROVED or never.slack:
        return None
    return Diagnostic(
        "RB2603",
        f"nobody would choose plan {worse.name}: {better.name} never costs more, and sometimes less",
        worse.span,
        "never the cheaper one",
        (Label(better.span, "never dearer"),),
        (
            f"lower a price, fee or bound of {worse.name}",
            f"remove {worse.name}, or end it with a date",
            'keep it with `allow RB2603 because "…"`',
        ),
        (f"witness: {cheaper.witness.text}",),
    )


# Prices below cost


def _below_cost(program: Program, ruleset: Ruleset) -> Iterator[Diagnostic]:
    """Bands whose price for a unit, after the deepest discounts and offers, is below the declared cost of the unit."""
    for plan in ruleset.plans:
        if plan.is_contract and all(_is_inherited(plan, name, ruleset) for name in plan.line_names):
            continue
        for charge in plan.charges:
            meter = charge.source.meter if isinstance(charge.source, OfMeter) else ""
            cost = ruleset.costs.get(meter)
            if cost is None:
                continue
            share, names = _deepest(ruleset, plan, charge.name)
            own_cost = cost.rate / (cost.step or 1)
            for row in charge.rows:
                for band in row.bands:
                    price = band.price
                    own = price.rate / (price.step or 1)
                    left = own * (1 - share)
                    # What is free, or has one price for a whole step, has no price for a unit that could be compared.
                    if price.refused or not own or left >= own_cost:
                        continue
                    unit = f" {charge.unit_text}".rstrip() or " unit"
                    after = f" after {' and '.join(names)}" if names and left != own else ""
                    which = f" ({band.head})" if band.head else ""
                    brings, costs = money(program, left), money(program, own_cost)
                    loses = money(program, own_cost - left)
                    yield Diagnostic(
                        "RB2604",
                        f"{charge.name}{which} is priced at {brings} for one{unit}{after}, below its cost of {costs}",
                        price.span,
                        f"{brings}{after}",
                        (Label(cost.span, f"costs {costs}"),),
                        (
                            "raise the price" + (", or limit the discount" if after else ""),
                            f"correct the `cost of {meter}`",
                            'keep it with `allow RB2604 because "…"`',
                        ),
                        (f"witness: on {plan.name}, 1{unit} brings in {brings} and costs {costs}: {loses} are lost",),
                    )


def _is_inherited(plan: PlanModel, name: str, ruleset: Ruleset) -> bool:
    """Whether a contract has a line as the plan that it extends has it."""
    base = [item for other in ruleset.plans if other.name in plan.lineage[1:] for item in other.charges]
    own = next((charge for charge in plan.charges if charge.name == name), None)
    return own is None or any(own == item for item in base)


def _deepest(ruleset: Ruleset, plan: PlanModel, line: str) -> tuple[Fraction, list[str]]:
    """The greatest share that percentages that can hold together take off a line, and their names."""
    left, names = Fraction(1), []
    held: list[tuple[object, ...]] = []
    for kind in (PolicyKind.DISCOUNT, PolicyKind.OFFER):
        best: tuple[Fraction, str, tuple[object, ...]] | None = None
        for item in policies_of(ruleset, plan):
            policy = item.policy
            effect = policy.effect
            if policy.kind is not kind or not isinstance(effect, PercentOff) or policy.at_most is not None:
                continue
            if not policy.targets.everything and line not in policy.targets.names:
                continue
            conditions = [condition for own in (*held, policy.when) for condition in own]
            if facts_for(conditions, ruleset.schema.attributes) is None:  # type: ignore[arg-type]
                continue
            if best is None or effect.percent > best[0]:
                best = (effect.percent, policy.name, policy.when)
        if best is not None:
            left *= 1 - min(best[0], Fraction(1))
            names.append(best[1])
            held.append(best[2])
    return 1 - left, names


# Falls at thresholds


def _falls(program: Program, ruleset: Ruleset, refuted: frozenset[str]) -> Iterator[Diagnostic]:
    """Rules that begin at a threshold of usage or of an amount, and make the whole total fall there."""
    seen: set[tuple[str, str]] = set()
    for model in ruleset.plans:
        plan = _version(program, model)
        for meter in _watched(plan):
            # A contract falls where the plan that it extends does: that is one cause.
            if meter in refuted or any((name, meter) in seen for name in model.lineage):
                continue
            found = fall_at_a_threshold(program, plan, meter)
            finding = None if found is None else _fall(plan, meter, found)
            if finding is not None:
                seen.add((plan.name, meter))
                yield finding


def _watched(plan: Plan) -> list[str]:
    """The meters of whose usage, or amounts, a rule of the plan waits for a threshold."""
    found: dict[str, None] = {}
    for condition in conditions_of(plan):
        for operand in operands(condition):
            if isinstance(operand, UsageOf):
                found.setdefault(operand.meter)
            elif isinstance(operand, AmountOf):
                for charge in plan.charges:
                    if charge.name == operand.line and isinstance(charge.source, OfMeter):
                        found.setdefault(charge.source.meter)
    return [meter for meter in found if any(isinstance(charge.source, OfMeter) and charge.source.meter == meter
                                            for charge in plan.charges)]  # fmt: skip


def _fall(plan: Plan, meter: str, witness: Witness) -> Diagnostic | None:
    """The warning where a rule begins between the two bills of a witness, or ends there."""
    changed = [name for name in witness.turned if name not in {charge.name for charge in plan.charges}]
    rules: list[Policy | Tax | Fee] = [*plan.policies, *plan.taxes, *plan.fees]
    rule = next((rule for rule in rules if rule.name in changed), None)
    if rule is None:
        return None
    until = "" if witness.until is None else f"; up to {witness.until} it stays cheaper than before"
    return Diagnostic(
        "RB2605",
        f"where `{rule.name}` begins to apply, using more of {meter} costs less",
        span_of(rule.place),
        f"makes the total of {plan.name} fall",
        hints=(
            "let it act on what lies above the threshold only",
            'keep it with `allow RB2605 because "…"`',
        ),
        notes=(f"witness: {witness.text}{until}",),
    )
