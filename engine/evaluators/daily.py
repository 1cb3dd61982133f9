"""Charges that are `prorated by day`: each local day's level on the whole ladder, for that day's share of the period.

The share is one day over the days of the whole billing period, so that days outside the subscription cost nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from typing import TypeAlias

from ..derivation import Role, product, total
from ..period import DateRange
from ..plan import Charge, OfMeter
from .counting import NOTHING, Section
from .pooling import priced_section
from .proration import days_step
from .situation import Group, Readings, Situation
from .slices import Parts, plain

Levels: TypeAlias = tuple[Fraction | None, ...]
"""What each combination held on a day, in the order of lines; None where it held nothing that day."""


def priced_by_day(charge: Charge, readings: Readings, groups: Sequence[Group]) -> list[Parts]:
    """For each combination what its days cost; days of the same levels stand as one step with their count."""
    situation = readings.situation
    money = situation.program.money.currency.code
    counts: dict[Levels, int] = {}
    for levels in _levels_by_day(charge, situation, groups):
        counts[levels] = counts.get(levels, 0) + 1
    found: list[list[Parts]] = []
    for levels, count in counts.items():
        held = [(group, level) for group, level in zip(groups, levels, strict=True) if level is not None]
        own = [group for group, _ in held]
        sizes = tuple(level for _, level in held)
        section = Section(situation.covered_days, sizes, (NOTHING,) * len(held), (False,) * len(held))
        priced = dict(zip((group.key for group in own), priced_section(charge, readings, own, section), strict=True))
        share = days_step(count, situation.days.day_count)
        day: list[Parts] = []
        for group, level in zip(groups, levels, strict=True):
            if level is None:
                day.append(Parts())
                continue
            label = f"price of {plain(level)} {charge.unit}".rstrip()
            whole = total(Role.AMOUNT, priced[group.key].steps, label, money)
            day.append(Parts((product(Role.BAND, (whole, share), f"{plain(level)} {charge.unit}".rstrip(), money),)))
        found.append(day)
    return [Parts(tuple(step for day in found for step in day[number].steps)) for number in range(len(groups))]


def _levels_by_day(charge: Charge, situation: Situation, groups: Sequence[Group]) -> list[Levels]:
    """What the meter reads on each covered day alone, rounded as the meter says; none below zero.

    A quantity that was metered elsewhere for the period is the level of each of its days.
    """
    assert isinstance(charge.source, OfMeter)
    meter = situation.program.meters[charge.source.meter]
    quantities = tuple(
        replace(item, time=None, period_start=situation.days.start)
        for item in Readings(situation).quantities(meter.name)
    )
    found: list[Levels] = []
    for day in situation.covered_days.days():
        alone = DateRange(day, day + timedelta(days=1))
        own = replace(situation, covered_days=alone, averaged_days=None, quantities=quantities)
        read = {group.key: max(group.metered.value, NOTHING) for group in Readings(own).groups(charge, meter)}
        found.append(tuple(read.get(group.key) for group in groups))
    return found
