"""Which meters the totals of plans depend on, and which of them are of the same events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

from ...condition import UsageOf, operands
from ...plan import AddPerUnit, Aggregation, OfEach, OfMeter, Plan, Program
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


def is_countable(program: Program, used: Mapping[str, Fraction]) -> bool:
    """Whether counts are whole: half an event is no usage."""
    counts = (Aggregation.COUNT, Aggregation.UNIQUE)
    return all(used[name].denominator == 1 for name in used if program.meters[name].aggregation in counts)


def entangled(program: Program, plans: Sequence[Plan], used: Mapping[str, Fraction]) -> tuple[str, str] | None:
    """Two things that plans price of the same events, where quantities give one of them some and the other none.

    `used` holds the quantity of each meter. Events that give a meter its quantity are priced one by one as well, and
    feed every meter that asks for the same events, so that a bill of such quantities may be one that nobody gets.
    """
    by_event = {
        charge.source.event: charge.name
        for plan in plans
        for charge in plan.charges
        if isinstance(charge.source, OfEach)
    }
    for name, quantity in used.items():
        meter = program.meters[name]
        if not quantity:
            continue
        if meter.event in by_event:
            return name, by_event[meter.event]
        for other, less in used.items():
            rival = program.meters[other]
            if not less and (rival.event, rival.where) == (meter.event, meter.where):
                return name, other
    return None
