"""Fees: which of their terms stand on a statement, and what a term that is covered in part pays."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from fractions import Fraction

from ..condition import scalar
from ..derivation import Role, Step, given, product, total
from ..period import Billing, DateRange, Every, add_months, billing_period
from ..plan import Fee, Proration
from ..statement import Line, LineKind
from .charges import Priced, round_line
from .situation import Readings, Situation


def price_fee(fee: Fee, readings: Readings) -> Priced | None:
    """The line of a fee, or None where no term of it stands on this statement or it comes to nothing."""
    situation = readings.situation
    money = situation.program.money.currency.code
    count = _count(fee, readings)
    steps: list[Step] = []
    for term in _terms(fee, situation):
        share = _share(fee, situation, term)
        parts = [given(Role.RATE, fee.amount, fee.text, money, place=fee.place)]
        if count is not None:
            parts.append(count)
        parts.append(share)
        steps.append(product(Role.TERM, tuple(parts), f"{term.start} to {term.end - timedelta(days=1)}", money))
    amount = total(Role.AMOUNT, tuple(steps), unit=money)
    rounded = situation.program.money.round(amount.value, situation.program.line_rounding)
    if not rounded:
        return None
    line = Line(
        id=fee.name,
        kind=LineKind.FEE,
        labels=fee.labels,
        amount=rounded,
        derivation=round_line(situation, amount),
        place=fee.place,
        quantity=None if count is None else count.value,
        unit=fee.per,
        because=fee.because,
        source=fee.citation,
    )
    return Priced(line)


def _count(fee: Fee, readings: Readings) -> Step | None:
    if fee.multiplier is None:
        return None
    value = readings.situation.subscription.attributes.get(fee.multiplier)
    if value is None:
        raise readings.missing(fee.multiplier, fee.name)
    number = scalar(value)
    assert isinstance(number, Fraction), "the resolver lets fees be counted by numbers only"
    return given(Role.QUANTITY, number, f"account.{fee.multiplier}", fee.per)


def terms_due(fee: Fee, situation: Situation) -> Fraction:
    """How many terms of a fee stand on the statement, those that are covered in part by their share."""
    return sum((_share(fee, situation, term).value for term in _terms(fee, situation)), Fraction(0))


def fee_start(fee: Fee, start: date) -> date:
    """The first day that a fee is owed for: the subscription's, or the day after its trial."""
    return start if fee.trial is None else fee.trial.after(start, fee.trial_steps)


def _terms(fee: Fee, situation: Situation) -> Iterator[DateRange]:
    """The terms that stand on the statement, in order.

    In advance a term is decided by its first day that is owed for, in arrears by its last covered day.
    """
    start = fee_start(fee, situation.subscription.start)
    end = situation.subscription.end
    # Nothing is decided before the period begins, but a term in arrears may have begun long before it.
    day = max(start, fee.every.after(situation.days.start, -1) if fee.every.months else situation.days.start)
    term = _term(fee, day, situation.subscription.start)
    while term.start < situation.reached_days.end:
        covered_end = term.end if end is None else min(term.end, end)
        begins = max(term.start, start)
        decisive = begins if fee.in_advance else covered_end - timedelta(days=1)
        if begins < covered_end and situation.reached_days.contains(decisive):
            yield term
        term = _term(fee, term.end, situation.subscription.start)


def _term(fee: Fee, day: date, start: date) -> DateRange:
    """The term that contains a day, of a subscription that starts on `start`.

    After a trial of months, months are still counted from the subscription's start: from January 31 after 1 month,
    terms begin on February 28 and on March 31, as the bills do.
    """
    if fee.calendar or fee.trial is None or not (fee.trial.months and fee.every.months):
        return billing_period(Billing(fee.every, anchored=not fee.calendar), day, fee_start(fee, start))
    trial, every = fee.trial.months * fee.trial_steps, fee.every.months
    steps = Every(months=1).steps_to(start, day)
    begun = trial + (steps - trial) // every * every
    return DateRange(add_months(start, begun), add_months(start, begun + every))


def _share(fee: Fee, situation: Situation, term: DateRange) -> Step:
    """The part of a term that is paid for. What is paid in advance is not given back when a subscription ends."""
    begins = max(term.start, fee_start(fee, situation.subscription.start))
    end = situation.subscription.end
    ends = term.end if end is None or fee.in_advance else min(term.end, end)
    covered = DateRange(begins, ends)
    match fee.proration:
        case _ if covered == term:
            return given(Role.TERM, Fraction(1), "term")
        case Proration.NONE:
            return given(Role.TERM, Fraction(1), "term, not prorated")
        case Proration.BY_SECOND:
            part = covered.period(situation.zone).duration // timedelta(seconds=1)
            whole = term.period(situation.zone).duration // timedelta(seconds=1)
            return given(Role.TERM, Fraction(part, whole), f"{part:,} of {whole:,} seconds")
        case Proration.BY_DAY:
            days = f"{covered.day_count} of {term.day_count} days"
            return given(Role.TERM, Fraction(covered.day_count, term.day_count), days)
