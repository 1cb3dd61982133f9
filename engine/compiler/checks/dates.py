"""Dates of policies and taxes that cut a billing period."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from ....diagnostics import Diagnostic
from ...period import billing_period
from ...plan import Effect, PercentOff
from ..lower import concerns
from ..model import Plan, PolicyModel, Ruleset, TaxModel
from ..resolve.dates import begins_period


def check_dates(ruleset: Ruleset) -> Iterator[Diagnostic]:
    """A policy or tax that begins or ends inside a calendar period would hold for a part of a bill."""
    for item in ruleset.policies:
        policy = item.policy
        yield from _inside(ruleset, item, policy.kind.value, policy.name, policy.start, policy.end, policy.effect)
    for tax in ruleset.taxes:
        yield from _inside(ruleset, tax, "tax", tax.tax.name, tax.tax.start, tax.tax.end, None)


def _inside(
    ruleset: Ruleset,
    item: PolicyModel | TaxModel,
    kind: str,
    name: str,
    start: date | None,
    end: date | None,
    effect: Effect | None,
) -> Iterator[Diagnostic]:
    for day, verb in ((start, "begins"), (end, "ends")):
        plan = None if day is None else _cut(ruleset, item.plans, day)
        if day is None or plan is None:
            continue
        period = billing_period(plan.billing, day, day)
        hints = [f"write {period.start} or {period.end}: it holds for the periods that begin inside its dates"]
        if isinstance(effect, PercentOff) and effect.during is None:
            days = f"from {start} before {end}" if start and end else "with its days"
            hints.insert(
                0,
                f"to cut the period, declare `window {name}_days: {days}`, "
                f"and write `{effect.text} during {name}_days` without dates here",
            )
        yield Diagnostic(
            "RB2304",
            f"{kind} `{name}` {verb} on {day}, inside a billing period of `{plan.name}`",
            item.dating or item.span,
            "does it hold for that period?",
            hints=tuple(hints),
            notes=(f"witness: one bill of `{plan.name}` covers {period.start} to {period.end - timedelta(days=1)}",),
        )
        return


def _cut(ruleset: Ruleset, plans: tuple[str, ...], day: date) -> Plan | None:
    """A plan of a policy with a calendar period that a day divides."""
    for plan in ruleset.plans:
        in_force = (plan.start is None or plan.start <= day) and (plan.end is None or day <= plan.end)
        if in_force and concerns(plans, plan) and not begins_period(plan.billing, day):
            return plan
    return None
