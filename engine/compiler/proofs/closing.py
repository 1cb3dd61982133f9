"""What comes after policies, as forms: the plan's floors and ceilings, and taxes."""

from __future__ import annotations

from ...plan import BoundKind, PlanBound
from .form import NOTHING, Form
from .ledger import Ledger


def bound(ledger: Ledger, rule: PlanBound) -> None:
    """Let a floor or ceiling of the plan act. Raises `Unmodelled`."""
    limit = ledger.view.rounded(Form(rule.bound.amount))
    pick = ledger.arena.greater if rule.kind is BoundKind.MINIMUM else ledger.arena.lesser
    if not rule.lines:
        ledger.total = pick(ledger.total, limit)
        ledger.loose = "a floor or ceiling of the plan falls on lines, and another rule is about some of them"
        return
    groups = ledger.touched(frozenset(rule.lines) & frozenset(ledger.lines))
    if not groups:
        ledger.total = ledger.total + pick(NOTHING, limit)
        return
    group = ledger.merged(groups)
    ledger.put_left(group, pick(group.left, limit), uniform=False)
    if rule.kind is BoundKind.MINIMUM:
        # Where nothing is left of its lines, the floor falls on none of them.
        ledger.loose = "a floor of some lines falls on them, and another rule is about some of them"


def tax(ledger: Ledger) -> None:
    """Put the taxes that are added on the total. Raises `Fork` and `Unmodelled`."""
    before = ledger.total
    added = NOTHING
    for rule in ledger.plan.taxes:
        if rule.included or not ledger.in_force(rule) or not ledger.view.all_hold(rule.when):
            continue
        base = before
        if not rule.targets.everything:
            base = NOTHING
            for group in ledger.touched(ledger.names(rule.targets)):
                base += group.left
        added += ledger.view.rounded(base.times(rule.percent))
    ledger.total += added
