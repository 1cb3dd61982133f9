"""Rating: a program, a subscription and its usage to a statement. This is what a ruleset means.

The order of application is one for every ruleset and stands here, in `statement_of`: included units and charges, fees,
line rounding, discounts, offers, penalties, plan minimum, plan cap, taxes, total, prepaid cards, due.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date
from fractions import Fraction
from zoneinfo import ZoneInfo

from ...diagnostics import Diagnostic
from ..condition import Missing
from ..period import DateRange, billing_period, time_zone
from ..plan import BoundKind, Charge, Fee, OfEach, Plan, PolicyKind, Program
from ..statement import LineKind, NotApplied, Statement
from ..usage import AccountUsage, MeteredQuantity, Subscription
from .changes import for_all_versions, price_changes, stretches
from .charges import Priced, price_charge
from .closing import apply_bounds, apply_cards, apply_taxes, apply_total_rounding, payable_of_lines
from .each import price_each
from .fees import price_fee
from .in_force import plan_on
from .included import Allowance, allowances
from .meter import in_order
from .policies import Ledger, apply_policies
from .reasons import why_not
from .situation import Observer, PeriodFacts, Readings, Refused, Situation


def rate(
    program: Program,
    subscription: Subscription,
    usage: AccountUsage,
    period: DateRange,
    observer: Observer | None = None,
) -> Statement | Diagnostic:
    """The statement of a subscription for one whole billing period, or why there can be none.

    `usage` may hold events of other periods; those before it are read where a level or an included quantity reaches
    back, all others are passed over.
    """
    return rate_until(program, subscription, usage, period, None, observer)


def rate_until(
    program: Program,
    subscription: Subscription,
    usage: AccountUsage,
    period: DateRange,
    until: date | None,
    observer: Observer | None = None,
) -> Statement | Diagnostic:
    """The statement of a billing period to a day inside it, or to its end for None.

    It says what the period would cost if nothing came after that day, but for minimums, which act at its end, and
    levels, which are still averaged over all of it.
    """
    try:
        return statement_of(situation_of(program, subscription, usage, period, until, observer))
    except Refused as refused:
        return refused.finding


def billing_periods_of(
    program: Program, subscription: Subscription, within: DateRange
) -> Iterator[DateRange | Diagnostic]:
    """The whole billing periods that a subscription is rated for when `within` is asked for.

    They are those that begin inside it, or in which the subscription begins inside it; there may be none.
    """
    day = max(within.start, subscription.start)
    end = within.end if subscription.end is None else min(within.end, subscription.end)
    while day < end:
        plan = plan_on(program, subscription.plan, day)
        if plan is None:
            yield no_version(program, subscription, day)
            return
        period = billing_period(plan.billing, day, subscription.start)
        if within.contains(max(period.start, subscription.start)):
            yield period
        day = period.end


def no_version(program: Program, subscription: Subscription, day: date) -> Diagnostic:
    """The finding that nothing prices a subscription on a day."""
    versions = program.plans[subscription.plan]
    known = ", ".join(_dates(plan) for plan in versions)
    return Diagnostic(
        "RB4004",
        f"no version of plan {subscription.plan} is in force on {day}; it is priced {known}",
        hints=("rate a period that a version covers", "give a version of the plan an earlier `from` date"),
        place=f"account {subscription.account}",
    )


def _dates(plan: Plan) -> str:
    start = "always" if plan.start is None else f"from {plan.start}"
    return start if plan.end is None else f"{start} before {plan.end}"


def situation_of(
    program: Program,
    subscription: Subscription,
    usage: AccountUsage,
    period: DateRange,
    until: date | None = None,
    observer: Observer | None = None,
) -> Situation:
    """What is rated. Raises `Refused` where no version of the plan is in force."""
    zone = time_zone(program.zone)
    assert isinstance(zone, ZoneInfo), "the resolver lets only known zones through"
    day = max(period.start, subscription.start)
    plan = plan_on(program, subscription.plan, day)
    if plan is None:
        raise Refused(no_version(program, subscription, day))
    last = period.end if subscription.end is None else min(period.end, subscription.end)
    covered = DateRange(day, max(last, day))
    ends_early = until is not None and until < covered.end
    situation = Situation(
        program=program,
        plan=without_minimums(plan) if ends_early else plan,
        subscription=subscription,
        events=tuple(in_order(usage.events)),
        quantities=tuple(_dated(item, period) for item in usage.quantities),
        days=period,
        covered_days=DateRange(day, max(until, day)) if until is not None and ends_early else covered,
        zone=zone,
        averaged_days=covered if ends_early else None,
        until=until if ends_early else None,
        observer=observer,
    )
    return for_all_versions(situation)


def without_minimums(plan: Plan) -> Plan:
    """The plan without the floors that act at the end of a period. That of an event stays: it is whole."""
    charges = tuple(
        replace(charge, period_minimum=None)
        if isinstance(charge.source, OfEach)
        else replace(charge, minimum=None, rows=tuple(replace(row, minimum=None) for row in charge.rows))
        for charge in plan.charges
    )
    return replace(
        plan, charges=charges, bounds=tuple(item for item in plan.bounds if item.kind is not BoundKind.MINIMUM)
    )


def _dated(item: MeteredQuantity, period: DateRange) -> MeteredQuantity:
    """A quantity that says no time belongs to the period that is rated."""
    if item.time is not None or item.period_start is not None:
        return item
    return replace(item, period_start=period.start)


def statement_of(situation: Situation) -> Statement:
    """The statement of a situation. Raises `Refused` where its usage cannot be rated."""
    ledger, left_by_policies, tax_shares = _before_cards(situation)
    apply_cards(ledger, left_by_policies, tax_shares, situation)
    return _closed(ledger, situation)


def payable_by_line(situation: Situation) -> dict[str, int]:
    """What a card for named lines may pay of each charge and fee, in the money unit, before any card has paid."""
    ledger, left_by_policies, tax_shares = _before_cards(situation)
    found: dict[str, int] = {}
    for item, payable in zip(ledger.priced, payable_of_lines(ledger, left_by_policies, tax_shares), strict=True):
        found[item.line.id] = found.get(item.line.id, 0) + payable
    return found


def _before_cards(situation: Situation) -> tuple[Ledger, tuple[int, ...], Sequence[int]]:
    """Everything that makes the total, with what policies left of each line and each line's share of added taxes."""
    readings = Readings(situation)
    amounts: dict[str, Fraction] = {}
    facts = PeriodFacts(readings, amounts)
    ledger = Ledger([], [], [])
    _put_charges(ledger, readings, facts, amounts)
    _put_fees(ledger, readings, facts, amounts)
    ledger.left = [item.line.amount for item in ledger.priced]
    ledger.lines = [item.line for item in ledger.priced]
    for kind in PolicyKind:
        apply_policies(kind, ledger, readings, facts)
    left_by_policies = tuple(ledger.left)
    apply_bounds(BoundKind.MINIMUM, ledger, readings)
    apply_bounds(BoundKind.CAP, ledger, readings)
    tax_shares = apply_taxes(ledger, readings, facts)
    apply_total_rounding(ledger, situation)
    return ledger, left_by_policies, tax_shares


def _put_charges(ledger: Ledger, readings: Readings, facts: PeriodFacts, amounts: dict[str, Fraction]) -> None:
    money = readings.situation.program.money
    if len(stretches(readings.situation)) > 1:

        def stands(charge: Charge, of_part: PeriodFacts) -> bool:
            return _stands(charge, LineKind.CHARGE, ledger, readings, of_part)

        ledger.priced.extend(price_changes(readings, stands))
        for item in ledger.priced:
            amounts[item.line.id] = amounts.get(item.line.id, Fraction(0)) + money.fraction(item.line.amount)
        return
    held = allowances(readings.situation)
    for charge in readings.situation.plan.charges:
        if not _stands(charge, LineKind.CHARGE, ledger, readings, facts):
            continue
        priced = _priced(charge, readings, held, amounts)
        amounts[charge.name] = sum((money.fraction(item.line.amount) for item in priced), Fraction(0))
        ledger.priced.extend(priced)


def _priced(
    charge: Charge, readings: Readings, held: Iterable[Allowance], amounts: dict[str, Fraction]
) -> list[Priced]:
    if isinstance(charge.source, OfEach):
        return [price_each(charge, readings)]
    return price_charge(charge, readings, list(held), amounts)


def _put_fees(ledger: Ledger, readings: Readings, facts: PeriodFacts, amounts: dict[str, Fraction]) -> None:
    for fee in readings.situation.plan.fees:
        if not _stands(fee, LineKind.FEE, ledger, readings, facts):
            continue
        priced = price_fee(fee, readings)
        if priced is not None:
            amounts[fee.name] = readings.situation.program.money.fraction(priced.line.amount)
            ledger.priced.append(priced)


def _stands(rule: Charge | Fee, kind: LineKind, ledger: Ledger, readings: Readings, facts: PeriodFacts) -> bool:
    try:
        reason = why_not(rule.when, facts)
    except Missing as missing:
        raise readings.missing(missing.attribute, rule.name) from None
    if reason is not None:
        ledger.not_applied.append(NotApplied(rule.name, kind, rule.labels, reason, rule.place))
    return reason is None


def _closed(ledger: Ledger, situation: Situation) -> Statement:
    program = situation.program
    total = sum(line.amount for line in ledger.lines if line.is_added)
    prepaid = sum(line.amount for line in ledger.lines if line.kind is LineKind.PREPAID)
    bounds = situation.days.period(situation.zone)
    return Statement(
        ruleset=program.name,
        ruleset_hash=program.hash,
        account=situation.subscription.account,
        plan=situation.plan.name,
        plan_labels=situation.plan.labels,
        start=bounds.start.astimezone(situation.zone),
        end=bounds.end.astimezone(situation.zone),
        money=program.money,
        lines=tuple(ledger.lines),
        not_applied=tuple(ledger.not_applied),
        total=total,
        due=total + prepaid,
        ruleset_labels=program.labels,
        covered=situation.covered,
    )
