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
from ...plan import Fee, OfAttribute, OfEach, OfMeter, Plan, Policy, Program, Tax
from ..model import Plan as PlanModel
from ..model import Ruleset
from .below_cost import below_cost
from .dearer import never_costs_more
from .more import fall_at_a_threshold
from .outcome import Verdict, Witness
from .promises import money, span_of
from .rules import conditions_of

ZERO = Fraction(0)
PAIRS_MAX = 40
"""How many pairs of plans are compared at most, those that are written first before others."""
_BOXES_MAX = 40
_WORK_MAX = 600


def compare(program: Program, ruleset: Ruleset, refuted: frozenset[str], left_out: list[str]) -> Iterator[Diagnostic]:
    """All warnings; `refuted` are meters whose fall is an error already. What a limit cuts off goes to `left_out`."""
    yield from _contracts(program, ruleset, left_out)
    yield from _dead_plans(program, ruleset, left_out)
    yield from below_cost(program, ruleset)
    yield from _falls(program, ruleset, refuted)


def _version(program: Program, model: PlanModel) -> Plan:
    return next(plan for plan in program.plans[model.name] if plan.start == model.start)


# Contracts


def _contracts(program: Program, ruleset: Ruleset, left_out: list[str]) -> Iterator[Diagnostic]:
    """Contracts that cost more than the list that they extend, each once."""
    contracts = [model for model in ruleset.plans if model.is_contract and len(model.lineage) > 1]
    if len(contracts) > PAIRS_MAX:
        left_out.append(f"{len(contracts) - PAIRS_MAX} of {len(contracts)} contracts are not compared with their lists")
    said: set[str] = set()
    for model in contracts[:PAIRS_MAX]:
        contract = _version(program, model)
        for listed in program.plans.get(model.lineage[1], ()):
            if model.name in said:
                break
            found = never_costs_more(
                program, contract, listed, boxes_max=_BOXES_MAX, work_max=_WORK_MAX, first_place=True
            )
            if found.verdict is Verdict.REFUTED and found.witness is not None:
                said.add(model.name)
                yield _dearer(program, model, contract, listed, found.witness)


def _dearer(program: Program, model: PlanModel, contract: Plan, listed: Plan, witness: Witness) -> Diagnostic:
    other = never_costs_more(program, listed, contract, boxes_max=_BOXES_MAX, work_max=_WORK_MAX)
    nowhere = other.verdict is Verdict.PROVED and not other.slack
    first, second = witness.bill, witness.against
    more = money(program, first.amount - second.amount)
    reaches = ""
    if witness.since is not None:
        reaches = f"; dearer from {witness.since} " + ("on" if witness.until is None else f"to {witness.until}")
    return Diagnostic(
        "RB2602",
        f"contract {model.name} costs more than {model.lineage[1]}, which it extends"
        + (", and nowhere less" if nowhere else ", for some usage"),
        model.span,
        f"costs {money(program, first.amount)} there",
        (Label(span_of(listed.place), f"costs {money(program, second.amount)} there"),),
        (
            "take back what the contract adds, or make a price of it lower"
            if nowhere
            else "change the prices that the contract replaces or adds",
            'keep it with `allow RB2602 because "…"`',
        ),
        (f"witness: {witness.text}, {more} more{reaches}",),
    )


# Dead plans


def _dead_plans(program: Program, ruleset: Ruleset, left_out: list[str]) -> Iterator[Diagnostic]:
    """Plans that nobody would choose: another is never dearer for the same, and cheaper for some usage."""
    models = [model for model in ruleset.plans if not model.is_contract]
    dead: set[str] = set()
    priced = {id(model): _priced(model) for model in models}
    alike = [
        (one, other)
        for one, other in combinations(models, 2)
        if one.name != other.name and one.billing == other.billing and priced[id(one)] == priced[id(other)]
    ]
    if len(alike) > PAIRS_MAX:
        left_out.append(
            f"{len(alike) - PAIRS_MAX} of {len(alike)} pairs of plans for the same things were not compared"
        )
    for one, other in alike[:PAIRS_MAX]:
        for better, worse in ((one, other), (other, one)):
            if worse.name in dead or not _covers(better, worse):
                continue
            finding = _dead(program, better, worse)
            if finding is not None:
                dead.add(worse.name)
                yield finding
                break


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
    cheaper = never_costs_more(program, other, one, boxes_max=_BOXES_MAX, work_max=_WORK_MAX)
    if cheaper.verdict is not Verdict.REFUTED or cheaper.witness is None:
        return None
    never = never_costs_more(program, one, other, boxes_max=_BOXES_MAX, work_max=_WORK_MAX)
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
        (
            f"witness: {cheaper.witness.text}",
            "compared: every usage of what both price, and every account, in the periods in which both are in force",
        ),
    )


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
