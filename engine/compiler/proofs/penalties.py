"""Penalties as forms: what each adds to the total."""

from __future__ import annotations

from fractions import Fraction

from ...plan import AddMoney, AddPercent, AddPerUnit, Policy
from .curve import Curve, Piece, Stair
from .form import NOTHING, Form, Rising, Through
from .known import Unmodelled
from .ledger import Group, Ledger

ZERO = Fraction(0)


def add(ledger: Ledger, standing: list[Policy]) -> None:
    """Let penalties add up, each on what offers left. Raises `Unmodelled`."""
    base = {name: group for group in ledger.groups for name in group.names}
    for policy in standing:
        _penalty(ledger, policy, base)


def _penalty(ledger: Ledger, policy: Policy, base: dict[str, Group]) -> None:
    names = ledger.names(policy.targets)
    whole = NOTHING
    for group in dict.fromkeys(id(base[name]) for name in names):
        whole += next(item.base for item in base.values() if id(item) == group)
    if isinstance(policy.effect, AddPercent) and policy.effect.base is None:
        touched = {name for name in names for name in base[name].names}
        if not touched <= names:
            raise Unmodelled(f"`{policy.name}` is about a part of lines that were taken from together")
    amount = _added(ledger, policy, whole)
    low = ledger.view.bounds.upper(amount.times(-Fraction(1))).clean
    if low is None or low > 0:
        # No penalty takes anything off.
        amount = ledger.arena.positive(amount)
    if policy.at_most is not None:
        amount = ledger.arena.lesser(amount, ledger.money(policy.at_most))
    ledger.total += ledger.view.rounded(amount)
    if names and not isinstance(policy.effect, AddMoney):
        ledger.loose = f"`{policy.name}` falls on lines, and another rule is about some of them afterwards"


def _added(ledger: Ledger, policy: Policy, whole: Form) -> Form:
    match policy.effect:
        case AddMoney(money):
            return ledger.money(money)
        case AddPercent(percent, _, base, per):
            amount = (whole if base is None else ledger.money(base)).times(percent)
            if per is None:
                return amount
            past = ledger.past(ledger.view.number(per.attribute), per.bound, above=per.above).times(1 / per.step)
            if past.is_constant:
                return amount.times(past.constant)
            if amount.is_constant:
                return past.times(amount.constant)
            low, _ = ledger.view.bounds.range(amount)
            if low is None or low < 0:
                raise Unmodelled(f"`{policy.name}` multiplies an amount that may be below zero")
            name = (f"`{policy.name}` multiplies an amount with a number of the account", past.key, amount.key)
            also = ledger.arena.axes_of(past)
            return ledger.arena.form(Rising(amount, name, NOTHING, None, also=also))
        case AddPerUnit():
            return _per_unit(ledger, policy.effect)
        case _:
            raise Unmodelled(f"`{policy.name}` adds in a way that is not followed")


def _per_unit(ledger: Ledger, effect: AddPerUnit) -> Form:
    if effect.meter is not None:
        if (
            ledger.view.scene.world.program.meters[effect.meter].rounding is not None
            and len(ledger.view.scene.by_meter[effect.meter]) > 1
        ):
            raise Unmodelled(f"{effect.meter} is rounded for each of its rows")
        quantity = ledger.view.quantity(effect.meter)
    else:
        assert effect.attribute is not None
        quantity = ledger.view.number(effect.attribute).times(effect.attribute_factor)
    past = ledger.past(quantity, effect.bound, above=effect.above)
    rate = effect.price / effect.per
    if not effect.started:
        return past.times(rate)
    if past.is_constant:
        return Form(-(-past.constant // effect.per) * effect.price)
    stair = Piece(ZERO, ZERO, (Stair(effect.per, ZERO, effect.price),))
    return ledger.arena.form(Through(past, Curve((ZERO,), (ZERO,), (stair,))))
