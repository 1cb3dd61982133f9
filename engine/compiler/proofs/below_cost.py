"""Prices below the declared cost of what they sell, after the percentages that can take most off them."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from ....diagnostics import Diagnostic, Label
from ....money import grouped
from ...condition import Condition
from ...plan import Combination, OfMeter, PercentOff, Policy, PolicyKind, Program
from ..lower import policies_of
from ..model import Plan as PlanModel
from ..model import Ruleset
from ..satisfy import witness as facts_for
from .promises import money


def below_cost(program: Program, ruleset: Ruleset) -> Iterator[Diagnostic]:
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
                    size = _round_size(own_cost)
                    units = unit if charge.unit_text or size == 1 else " units"
                    bill = f"{grouped(str(size))}{units} bring in {money(program, left * size)}{after}"
                    against = f"cost {money(program, own_cost * size)}"
                    loses = money(program, (own_cost - left) * size)
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
                        (f"witness: on {plan.name}, {bill} and {against}: {loses} are lost",),
                    )


def _is_inherited(plan: PlanModel, name: str, ruleset: Ruleset) -> bool:
    """Whether a contract has a line as the plan that it extends has it."""
    base = [item for other in ruleset.plans if other.name in plan.lineage[1:] for item in other.charges]
    own = next((charge for charge in plan.charges if charge.name == name), None)
    return own is None or any(own == item for item in base)


def _deepest(ruleset: Ruleset, plan: PlanModel, line: str) -> tuple[Fraction, list[str]]:
    """The greatest share that percentages that can hold together take off a line as they combine, and their names."""
    left, names = Fraction(1), []
    held: list[Condition] = []
    for kind in (PolicyKind.DISCOUNT, PolicyKind.OFFER):
        rule = ruleset.combinations.get(kind, Combination.ONE_AFTER_ANOTHER)
        taken = Fraction(0)
        for policy, percent in _percentages(ruleset, plan, line, kind):
            if facts_for((*held, *policy.when), ruleset.schema.attributes) is None:
                continue
            held += policy.when
            names.append(policy.name)
            taken = taken + percent if rule is Combination.ADD_UP else 1 - (1 - taken) * (1 - percent)
            if rule is Combination.BEST_ONE:
                break
        left *= max(1 - taken, Fraction(0))
    return 1 - left, names


def _percentages(ruleset: Ruleset, plan: PlanModel, line: str, kind: PolicyKind) -> list[tuple[Policy, Fraction]]:
    """The percentages of one kind off a line, the deepest first."""
    found = []
    for item in policies_of(ruleset, plan):
        policy = item.policy
        if policy.kind is not kind or not isinstance(policy.effect, PercentOff) or policy.at_most is not None:
            continue
        if policy.targets.everything or line in policy.targets.names:
            found.append((policy, policy.effect.percent))
    return sorted(found, key=lambda item: -item[1])


def _round_size(cost: Fraction) -> int:
    """The least of 1, 10, 100, … units that cost a whole unit of money."""
    size = 1
    while cost * size < 1 and size < 10**9:
        size *= 10
    return size
