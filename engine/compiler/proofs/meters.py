"""Which meters the totals of plans depend on."""

from __future__ import annotations

from collections.abc import Sequence

from ...condition import UsageOf, operands
from ...plan import AddPerUnit, OfMeter, Plan
from .rules import conditions_of


def meters_of(plans: Sequence[Plan], first: str = "") -> list[str]:
    """Every meter that a price, a condition, a penalty or a width of these plans asks for, `first` before all."""
    found: dict[str, None] = {first: None} if first else {}
    for plan in plans:
        for charge in plan.charges:
            if isinstance(charge.source, OfMeter):
                found.setdefault(charge.source.meter)
            for row in charge.rows:
                for band in row.schedule.bands:
                    if band.width_per is not None and band.width_per.meter is not None:
                        found.setdefault(band.width_per.meter)
        for condition in conditions_of(plan):
            for operand in operands(condition):
                if isinstance(operand, UsageOf):
                    found.setdefault(operand.meter)
        for policy in plan.policies:
            if isinstance(policy.effect, AddPerUnit) and policy.effect.meter is not None:
                found.setdefault(policy.effect.meter)
    return list(found)
