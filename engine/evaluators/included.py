"""Included units, and how usage of earlier billing periods is read: for what renews every so many months, and for
ladders that run over several bills.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from fractions import Fraction

from ..derivation import Role, Step, difference, given, greater
from ..period import DateRange, Every
from ..plan import Charge, Include, OfMeter
from .in_force import plan_on, stretches_of
from .proration import granted
from .situation import Group, Readings, Situation, earlier_periods
from .slices import plain


class Allowance:
    """What is left of an included quantity while the charges of a statement use it up, in row order."""

    def __init__(self, include: Include, left: Fraction, note: str) -> None:
        self.include = include
        self.left = left
        self.note = note

    def take(self, quantity: Fraction) -> Fraction:
        """The part of a quantity that is included; it is gone afterwards."""
        taken = min(self.left, max(quantity, Fraction(0)))
        self.left -= taken
        return taken


def allowances(situation: Situation, meter: str | None = None) -> list[Allowance]:
    """What each `include` frees at most in the period; of one meter where only that is asked for.

    One that renews every so many months is used up over each term of the subscription. Where a term ends inside the
    period, what lies before its end is freed by what the old term had left, what lies after it by the new term; a
    quantity without a time counts as of the period's beginning. Meters that do not add up cannot be split: their
    period belongs whole to the term in which it begins.
    """
    found = []
    for include in situation.plan.includes:
        if meter is not None and include.meter != meter:
            continue
        left, notes = granted(include, situation), []
        if include.every is not None:
            left, used = _left_of_terms(situation, include, include.every)
            notes += [f"{plain(used)} used before this period"] if used else []
        elif left != include.quantity:
            days = situation.prorated_days.day_count, situation.days.day_count
            notes += [f"{days[0]} of {days[1]} days: {plain(left)}"]
        found.append(Allowance(include, left, ", ".join(notes)))
    return found


def _left_of_terms(situation: Situation, include: Include, every: Every) -> tuple[Fraction, Fraction]:
    """What an include frees in the period, and what the term in which the period begins had used before it."""
    start, covered = situation.subscription.start, situation.covered_days
    steps = max(every.steps_to(start, covered.start), 0)
    begins, renewal = every.after(start, steps), every.after(start, steps + 1)
    used = sum((_used_in(part, include) for part in earlier(situation, include.meter, begins)), Fraction(0))
    left = max(granted(include, situation, DateRange(begins, renewal)) - used, Fraction(0))
    if renewal >= covered.end or not situation.program.meters[include.meter].adds_up:
        return left, used
    freed = Fraction(0)
    begins = covered.start
    while begins < covered.end:
        part = DateRange(begins, min(renewal, covered.end))
        freed += min(left, _used_in(part_of(situation, part), include))
        steps += 1
        begins, renewal = part.end, every.after(start, steps + 1)
        left = granted(include, situation, DateRange(every.after(start, steps), renewal))
    return freed, used


def _used_in(situation: Situation, include: Include) -> Fraction:
    """The quantity of an included meter in a billing period or a part of it, as its first charge groups it.

    Where the price changed inside that period, each version's charge groups what was used in its own days.
    """
    return sum(
        (
            max(group.metered.value, Fraction(0))
            for own in _by_version(situation)
            for group in _groups(Readings(own), include.meter)
        ),
        Fraction(0),
    )


def _by_version(situation: Situation) -> Iterator[Situation]:
    """The days of a billing period, or of a part of it, by the version that priced their usage."""
    covered = situation.days.overlap(situation.subscription_days()) or situation.covered_days
    first = plan_on(situation.program, situation.subscription.plan, covered.start)
    stretches = () if first is None else stretches_of(situation.program, first, covered)
    if len(stretches) < 2:
        yield situation
        return
    for stretch in stretches:
        days = stretch.days.overlap(situation.covered_days)
        if days is not None:
            yield part_of(replace(situation, plan=stretch.plan or situation.plan), days)


def _groups(readings: Readings, meter: str) -> list[Group]:
    situation = readings.situation
    for charge in situation.plan.charges:
        if isinstance(charge.source, OfMeter) and charge.source.meter == meter:
            return readings.groups(charge, situation.program.meters[meter])
    return [Group(0, (), readings.total(meter))]


# Earlier usage


def earlier(situation: Situation, meter: str, since: date) -> Iterator[Situation]:
    """The billing periods before this one, as far back as a day, in order; the first may be cut at that day.

    A meter that does not add up has no parts: a period of it counts where it begins on that day or later.
    """
    before = situation.covered_days.start
    adds_up = situation.program.meters[meter].adds_up
    for days in earlier_periods(situation.plan, situation.subscription, since, before):
        covered = days.overlap(situation.subscription_days())
        if covered is None or (covered.start < since and not adds_up):
            continue
        part = covered.overlap(DateRange(since, max(before, since)))
        if part is not None:
            yield part_of(situation, part, days)


def part_of(situation: Situation, part: DateRange, days: DateRange | None = None) -> Situation:
    """A part of a billing period (of this one where no other is named) on its own.

    A quantity without a time counts as of the period's beginning, so that later parts have none of it.
    """
    days = situation.days if days is None else days
    quantities = situation.quantities
    if part.start > max(days.start, situation.subscription.start):
        quantities = tuple(item for item in quantities if item.time is not None)
    if days == situation.days:
        whole = situation.averaged_days or situation.covered_days
    else:
        end = situation.subscription.end
        whole = DateRange(
            max(days.start, situation.subscription.start), days.end if end is None else min(days.end, end)
        )
    return replace(situation, days=days, covered_days=part, quantities=quantities, averaged_days=whole, until=None)


# What is priced of a quantity


def priced_quantity(charge: Charge, metered: Step, held: Sequence[Allowance]) -> Step:
    """The quantity that goes onto the ladder: none below zero, and less what is included."""
    quantity = metered
    if quantity.value < 0:
        zero = given(Role.BOUND, Fraction(0), "a negative quantity is priced as zero", charge.unit)
        quantity = greater(Role.QUANTITY, (quantity, zero))
    if not isinstance(charge.source, OfMeter):
        return quantity
    return _less_included(quantity, [item for item in held if item.include.meter == charge.source.meter])


def _less_included(quantity: Step, held: Sequence[Allowance]) -> Step:
    parts = [quantity]
    left = quantity.value
    for allowance in held:
        taken = allowance.take(left)
        left -= taken
        parts.append(
            given(
                Role.INCLUDED,
                taken,
                allowance.include.text,
                quantity.unit,
                place=allowance.include.place,
                note=allowance.note,
            )
        )
    return quantity if len(parts) == 1 else difference(Role.QUANTITY, tuple(parts), unit=quantity.unit)
