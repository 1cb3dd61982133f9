"""A plan's total as a form, in the one order of application: lines, discounts, offers, penalties, bounds, taxes."""

from __future__ import annotations

from ...plan import BoundKind, PolicyKind
from .closing import bound, tax
from .form import NOTHING, Form
from .ledger import Ledger
from .lines import Lines
from .penalties import add
from .scene import Scene, View
from .taking import take


def total_of(scene: Scene, number: int, view: View) -> Form:
    """The total of a plan in a box. Raises `Fork`, `Unmodelled` and `Unrated`."""
    ledger = _priced(scene, number, view)
    for kind in PolicyKind:
        _apply(ledger, kind)
    for bound_kind in BoundKind:
        for rule in ledger.plan.bounds:
            if rule.kind is bound_kind:
                bound(ledger, rule)
    tax(ledger)
    rounding = scene.world.program.total_rounding
    if rounding is None:
        return ledger.total
    return view.rounded(ledger.total, size=rounding.size, mode=rounding.mode)


def revenue_of(scene: Scene, number: int, view: View, names: frozenset[str]) -> Form:
    """What lines have left after discounts and offers. Raises as `total_of`."""
    ledger = _priced(scene, number, view)
    ledger.apart = names & frozenset(ledger.lines)
    _apply(ledger, PolicyKind.DISCOUNT)
    _apply(ledger, PolicyKind.OFFER)
    left = NOTHING
    for group in ledger.touched(ledger.apart):
        left += group.left
    return left


def _priced(scene: Scene, number: int, view: View) -> Ledger:
    plan = scene.world.plans[number]
    ledger = Ledger(plan, view)
    view.amounts = {}
    lines = Lines(view, plan, number)
    for charge in plan.charges:
        if view.all_hold(charge.when):
            view.amounts[charge.name] = lines.charge(charge)
            ledger.put(charge.name, view.amounts[charge.name])
    for fee in plan.fees:
        if view.all_hold(fee.when):
            view.amounts[fee.name] = lines.fee(fee)
            ledger.put(fee.name, view.amounts[fee.name])
    ledger.below_zero = frozenset(lines.below_zero)
    return ledger


def _apply(ledger: Ledger, kind: PolicyKind) -> None:
    """Let the policies of one kind fall on the lines; their conditions ask for usage and amounts before any policy."""
    standing = [
        policy
        for policy in ledger.plan.policies
        if policy.kind is kind and ledger.in_force(policy) and ledger.view.all_hold(policy.when)
    ]
    for group in ledger.groups:
        group.base = group.left
    if kind is PolicyKind.PENALTY:
        add(ledger, standing)
    else:
        take(ledger, kind, standing)
