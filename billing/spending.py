"""What running billing periods come to so far: rated as if nothing else came, and nothing of it stored."""

from __future__ import annotations

from datetime import datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

from ..diagnostics import Diagnostic
from ..engine.evaluators.in_force import plan_on
from ..engine.evaluators.rate import rate
from ..engine.period import billing_period, local_day
from ..engine.plan import BoundKind, Plan
from ..ledger.store import Reader
from ..money import MoneyUnit, Rounding
from .account_facts import Due, covered_of, facts_of_accounts, subscription_of
from .rulesets import rulesets_in_force
from .usage_facts import usage_of_account
from .watching import Spend

EVERYTHING = 2**62
"""A place in the sequence after every row."""


def spend_of(reader: Reader, account: str, now: datetime) -> list[Spend]:
    """The running periods of an account's subscriptions. One that cannot be rated is left out: its bill says why."""
    found = []
    for published in rulesets_in_force(reader):
        program = published.program
        unit, minor = program.money, MoneyUnit.minor(program.money.currency)
        day = local_day(now, ZoneInfo(program.zone))
        for facts in facts_of_accounts(reader, program, published.name, EVERYTHING, accounts={account}):
            usage = usage_of_account(
                reader, program.schema, account, through=EVERYTHING, until=now + timedelta(microseconds=1)
            )
            for row in facts.subscriptions:
                if row.start > day or (row.end is not None and row.end <= day):
                    continue
                plan = plan_on(program, row.plan, day)
                if plan is None:
                    continue
                period = billing_period(plan.billing, day, row.start)
                due = Due(row, period, covered_of(row, period))
                subscription = subscription_of(program, facts, due)
                statement = (
                    subscription if isinstance(subscription, Diagnostic) else rate(program, subscription, usage, period)
                )
                if isinstance(statement, Diagnostic):
                    continue
                total = minor.round(Fraction(unit.fraction(statement.total)), Rounding.HALF_EVEN)
                cap = None if plan_cap(plan) is None else minor.round(plan_cap(plan) or Fraction(0), Rounding.HALF_EVEN)
                found.append(Spend(row.number, period.start.isoformat(), total, cap, unit.currency.code))
    return found


def plan_cap(plan: Plan) -> Fraction | None:
    """The ceiling of all that a plan charges in a period, the lowest where there are several."""
    caps = [item.bound.amount for item in plan.bounds if item.kind is BoundKind.CAP and not item.lines]
    return min(caps, default=None)
