"""Shares of a period: what is `prorated by day` counts for the days that a subscription covers.

A share is covered days over all days, an exact fraction. Nothing is rounded here: a bound is rounded where it becomes
a line, an amount at the end of its line.
"""

from __future__ import annotations

from fractions import Fraction

from ..derivation import Role, Step, given, product
from ..period import DateRange
from ..plan import Bound, Include
from .situation import Situation


def covered_share(situation: Situation) -> Fraction:
    """The covered days of a billing period over all its days."""
    return Fraction(situation.prorated_days.day_count, situation.days.day_count)


def days_step(days: int, of: int) -> Step:
    """So many of a period's days, as the factor of a price."""
    return given(Role.TERM, Fraction(days, of), f"{days} of {of} days")


def bound_step(bound: Bound, situation: Situation) -> Step:
    """A floor or ceiling as it stands for the days that are covered, before rounding."""
    money = situation.program.money.currency.code
    leaf = given(Role.BOUND, bound.amount, bound.text, money, place=bound.place, note=bound.because)
    if not bound.prorated or situation.prorated_days == situation.days:
        return leaf
    share = days_step(situation.prorated_days.day_count, situation.days.day_count)
    return product(Role.BOUND, (leaf, share), bound.text, money, place=bound.place)


def granted(include: Include, situation: Situation, term: DateRange | None = None) -> Fraction:
    """What an include frees in the billing period, or in a term of its own: the share of it that is covered."""
    if not include.prorated:
        return include.quantity
    if term is None:
        return include.quantity * covered_share(situation)
    start, end = situation.subscription.start, situation.subscription.end
    covered = DateRange(max(term.start, start), max(term.end if end is None else min(term.end, end), start))
    return include.quantity * Fraction(covered.day_count, term.day_count)
