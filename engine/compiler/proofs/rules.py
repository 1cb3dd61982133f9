"""The rules of a plan that begin and end: their conditions and their dates."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...condition import And, Condition, Not, Or
from ...plan import Charge, Fee, Plan, Policy, Tax


def conditions_of(plan: Plan) -> Iterator[Condition]:
    """Every condition of a plan's charges, fees, policies and taxes."""
    rules: list[Charge | Fee | Policy | Tax] = [*plan.charges, *plan.fees, *plan.policies, *plan.taxes]
    for rule in rules:
        yield from rule.when


def dated_rules(plans: Sequence[Plan]) -> list[Policy | Tax]:
    """The policies and taxes of plans: what may begin and end with a date."""
    found: list[Policy | Tax] = []
    for plan in plans:
        found += plan.policies
        found += plan.taxes
    return found


def simple(condition: Condition) -> Iterator[Condition]:
    """The comparisons that a condition is made of."""
    match condition:
        case And(parts) | Or(parts):
            for part in parts:
                yield from simple(part)
        case Not(part):
            yield from simple(part)
        case _:
            yield condition
