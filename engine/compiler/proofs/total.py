"""A plan's total as a form, in the one order of application: lines, discounts, offers, penalties, bounds, taxes.

Lines are held in groups: a group's sum is known exactly, what each line of it has left may not be. Where a rule asks
for less than a group, the total is not followed.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from ...plan import (
    AddMoney,
    AddPercent,
    AddPerUnit,
    BoundKind,
    Combination,
    MoneyOf,
    MoneyOff,
    NumberOf,
    OfMeter,
    PercentOff,
    Plan,
    PlanBound,
    Policy,
    PolicyKind,
    Tax,
    UnitsFree,
)
from ...schedule import Mode
from .curve import Curve, Piece, Stair
from .form import NOTHING, Form, Kept, Rising, Through
from .known import Unmodelled
from .lines import Lines
from .scene import Scene, View
from .worlds import dated_rules

ZERO = Fraction(0)
ONE = Fraction(1)


@dataclass(slots=True)
class Group:
    """Lines whose sum is followed as one: what they have left, and what they had before policies of this kind."""

    names: frozenset[str]
    left: Form
    base: Form
    uniform: bool = True
    """Whether every line of it has the same share of its price left."""


class Rated:
    """One plan rated in one box. `lines` are the rounded charges and fees by name."""

    def __init__(self, scene: Scene, number: int, view: View) -> None:
        self.scene = scene
        self.number = number
        self.plan: Plan = scene.world.plans[number]
        self.view = view
        self.unit = view.unit
        self.lines: dict[str, Form] = {}
        self.groups: list[Group] = []
        self.total = NOTHING
        self.apart: frozenset[str] = frozenset()
        """Lines that are asked for by themselves."""
        self.loose = ""
        """Why the lines can no longer be told apart, where they cannot."""

    def price(self) -> None:
        """Price the lines."""
        self.view.amounts = {}
        lines = Lines(self.view, self.plan, self.number)
        for charge in self.plan.charges:
            if self.view.all_hold(charge.when):
                self._put(charge.name, lines.charge(charge))
        for fee in self.plan.fees:
            if self.view.all_hold(fee.when):
                self._put(fee.name, lines.fee(fee))

    def _put(self, name: str, amount: Form) -> None:
        self.lines[name] = self.view.amounts[name] = amount
        self.groups.append(Group(frozenset({name}), amount, amount))
        self.total += amount

    def left_of(self, names: frozenset[str]) -> Form:
        """What lines have left after discounts and offers."""
        self.apart = names & frozenset(self.lines)
        self._policies(PolicyKind.DISCOUNT)
        self._policies(PolicyKind.OFFER)
        left = NOTHING
        for group in self._touched(names & frozenset(self.lines)):
            left += group.left
        return left

    def finish(self) -> Form:
        """Everything after the lines, up to the total."""
        for kind in PolicyKind:
            self._policies(kind)
        for bound_kind in BoundKind:
            for bound in self.plan.bounds:
                if bound.kind is bound_kind:
                    self._bound(bound)
        self._taxes()
        rule = self.scene.world.program.total_rounding
        if rule is not None:
            self.total = self.view.rounded(self.total, size=rule.size, mode=rule.mode)
        return self.total

    # Groups

    def _names(self, names: tuple[str, ...], *, everything: bool) -> frozenset[str]:
        return frozenset(self.lines) if everything else frozenset(names) & frozenset(self.lines)

    def _touched(self, names: frozenset[str]) -> list[Group]:
        """The groups that these lines make up. Raises `Unmodelled` where they make up a part of one."""
        if self.loose:
            raise Unmodelled(self.loose)
        touched = [group for group in self.groups if group.names & names]
        for group in touched:
            if not group.names <= names:
                raise Unmodelled(
                    f"a rule takes one amount off {_list(group.names)}, and another is about a part of them"
                )
        return touched

    def _merged(self, groups: list[Group]) -> Group:
        """The groups as one."""
        if len(groups) == 1:
            return groups[0]
        left = base = NOTHING
        for group in groups:
            left += group.left
            base += group.base
        names = frozenset[str]().union(*(group.names for group in groups))
        made = Group(names, left, base, all(group.uniform for group in groups))
        self.groups = [group for group in self.groups if group not in groups] + [made]
        return made

    def _must_be_positive(self, groups: list[Group]) -> None:
        for group in groups:
            for form in (group.left, group.base):
                low, _ = self.view.bounds.range(form)
                if low is None or low < -self.unit * 8:
                    raise Unmodelled(f"{_list(group.names)} may be below zero where a policy takes from it")

    # Policies

    def _policies(self, kind: PolicyKind) -> None:
        standing = [
            policy
            for policy in self.plan.policies
            if policy.kind is kind and self._in_force(policy) and self.view.all_hold(policy.when)
        ]
        for group in self.groups:
            group.base = group.left
        if kind is PolicyKind.PENALTY:
            base = {name: group for group in self.groups for name in group.names}
            for policy in standing:
                self._penalty(policy, base)
            return
        rule = self.scene.world.program.combinations.get(kind, Combination.ONE_AFTER_ANOTHER)
        if rule is Combination.BEST_ONE and len(standing) > 1:
            for policy, names in self._best(standing):
                self._take(policy, names, added_up=False)
            return
        for policy in standing:
            names = self._names(policy.targets.names, everything=policy.targets.everything)
            self._take(policy, names, added_up=rule is Combination.ADD_UP)

    def _in_force(self, rule: Policy | Tax) -> bool:
        day = self.scene.world.period.start
        return (rule.start is None or rule.start <= day) and (rule.end is None or day < rule.end)

    def _best(self, standing: list[Policy]) -> list[tuple[Policy, frozenset[str]]]:
        """Line by line the policy that takes most. Raises `Fork` where the box does not say which."""
        won: dict[int, set[str]] = {}
        for name, amount in self.lines.items():
            own = next(group.left for group in self.groups if name in group.names)
            rivals = [
                (number, policy)
                for number, policy in enumerate(standing)
                if name in self._names(policy.targets.names, everything=policy.targets.everything)
            ]
            if len(rivals) < 2:
                for number, _ in rivals:
                    won.setdefault(number, set()).add(name)
                continue
            if amount.is_constant and not amount.constant:
                continue
            shares = [(number, self._share(policy, name, own)) for number, policy in rivals]
            best, most = shares[0]
            for number, share in shares[1:]:
                if self.view.exceeds(share - most):
                    best, most = number, share
            won.setdefault(best, set()).add(name)
        return [(policy, frozenset(won[number])) for number, policy in enumerate(standing) if number in won]

    def _share(self, policy: Policy, name: str, own: Form) -> Form:
        several = len(self._names(policy.targets.names, everything=policy.targets.everything)) > 1
        charge = next((item for item in self.plan.charges if item.name == name), None)
        match policy.effect:
            case PercentOff(percent, _, None) if policy.at_most is None:
                return own.times(percent)
            case MoneyOff(money) if not several and (charge is None or not charge.columns) and policy.at_most is None:
                return self.scene.arena.lesser(self._money(money), own)
            case _:
                raise Unmodelled(f"`{policy.name}` competes with others line by line")

    def _take(self, policy: Policy, names: frozenset[str], *, added_up: bool) -> None:
        groups = self._touched(names)
        if not groups:
            return
        self._must_be_positive(groups)
        effect = policy.effect
        if isinstance(effect, PercentOff) and effect.during is None and policy.at_most is None:
            self._take_percent(policy, effect, groups, added_up=added_up)
            return
        if isinstance(effect, PercentOff) and effect.during is not None:
            for group in groups:
                self._put_left(group, self._during(policy, effect, group), uniform=False)
            return
        group = self._merged(groups)
        limit = None if policy.at_most is None else self._money(policy.at_most)
        match effect:
            case PercentOff(percent):
                assert limit is not None
                least = self.view.rounded(limit)
                if added_up and group.base.key != group.left.key:
                    taken = self.scene.arena.lesser(self.view.rounded(group.base.times(percent)), least)
                    left = self.scene.arena.positive(group.left - taken)
                else:
                    left = self.scene.arena.greater(self._kept(group.left, percent), group.left - least)
            case MoneyOff(money):
                amount = self._money(money)
                if limit is not None:
                    amount = self.scene.arena.lesser(amount, limit)
                left = self.scene.arena.positive(group.left - self.view.rounded(amount))
            case UnitsFree(meter, quantity):
                left = self._units_free(policy, meter, quantity, group)
            case _:
                raise Unmodelled(f"`{policy.name}` takes in a way that is not followed")
        self._put_left(group, left, uniform=False)

    def _put_left(self, group: Group, left: Form, *, uniform: bool) -> None:
        self.total = self.total - group.left + left
        group.left = left
        group.uniform = group.uniform and uniform

    def _take_percent(self, policy: Policy, effect: PercentOff, groups: list[Group], *, added_up: bool) -> None:
        percent = effect.percent
        if percent <= 0:
            return
        before = base = NOTHING
        for group in groups:
            before += group.left
            base += group.base
        if added_up and base.key != before.key:
            left = self.scene.arena.positive(before - self.view.rounded(base.times(percent)))
        else:
            left = self._kept(before, percent)
        names = frozenset[str]().union(*(group.names for group in groups))
        if len(groups) == 1 or not self._is_divided(names):
            self._put_left(self._merged(groups), left, uniform=True)
            return
        self.total = self.total - before + left
        for group in groups:
            # Each line's share is less than one unit off its exact one.
            own = group.base if added_up else group.left
            rest = group.left - own.times(percent)
            rest = self.scene.arena.positive(rest) if added_up else rest
            slack = self.unit * (len(self._axes_of(group)) + 1)
            name = (f"`{policy.name}` is shared out to its lines", policy.name, tuple(sorted(group.names)))
            group.left = self.scene.arena.form(Rising(rest, name, rest.plus(-slack), rest.plus(slack), 2 * slack))

    def _axes_of(self, group: Group) -> frozenset[int]:
        return self.scene.arena.axes_of(group.left)

    def _is_divided(self, names: frozenset[str]) -> bool:
        """Whether another rule of the plan is about a part of these lines."""
        others = [
            self._names(rule.targets.names, everything=rule.targets.everything) for rule in dated_rules([self.plan])
        ]
        others.append(self.apart)
        others += [frozenset(bound.lines) for bound in self.plan.bounds if bound.lines]
        return any(names & other and not names <= other for other in others)

    def _kept(self, form: Form, percent: Fraction) -> Form:
        """What a percentage leaves of whole units."""
        if percent >= 1:
            return NOTHING
        if form.is_constant:
            return form - self.view.rounded(form.times(percent))
        low, high = self.view.noise(form, self.unit, self.view.mode)
        return self.scene.arena.form(Kept(form, percent, -high, -low))

    def _during(self, policy: Policy, effect: PercentOff, group: Group) -> Form:
        """What is left after a percentage of the share of usage that lies in a window; the share may be any."""
        share = min(max(effect.percent, ZERO), ONE)
        charges = [charge for charge in self.plan.charges if charge.name in group.names]
        if not charges:
            return group.left
        rises = group.uniform and policy.at_most is None and len(group.names) == 1
        for charge in charges:
            rises = rises and not charge.minimum and not charge.cap and self._rises_in_a_window(charge.name, share)
        slack = self.unit * max(len(self._axes_of(group)), 1)
        name = (f"`{policy.name}` takes a share of time ({effect.during})", policy.effect, policy.at_most)
        lower = group.left.times(1 - share).plus(-slack)
        return self.scene.arena.form(Rising(group.left, name, lower, group.left.plus(slack), 2 * slack, rises))

    def _rises_in_a_window(self, name: str, share: Fraction) -> bool:
        """Whether a share of the time never outgrows the price: no unit costs less than that share of the mean."""
        charge = next(item for item in self.plan.charges if item.name == name)
        if not isinstance(charge.source, OfMeter):
            return False
        for row in charge.rows:
            schedule = row.schedule
            bands = schedule.bands
            if schedule.mode is not Mode.GRADUATED or schedule.depends or row.minimum or row.cap:
                return False
            if any(band.step is not None or band.once or band.refused or band.rate < 0 for band in bands):
                return False
            # The mean price is at most the dearest rate passed so far; free bands come first or not at all.
            priced = [band.rate for band in bands]
            while priced and not priced[0]:
                priced.pop(0)
            if any(later < share * max(priced[: index + 1]) for index, later in enumerate(priced)):
                return False
        return True

    def _units_free(self, policy: Policy, meter: str, quantity: Fraction, group: Group) -> Form:
        charges = [charge for charge in self.plan.charges if charge.name in group.names]
        rises = len(group.names) == 1 and len(charges) == 1 and group.uniform and not charges[0].columns
        if rises:
            bands = charges[0].rows[0].schedule.bands
            rises = charges[0].rows[0].schedule.mode is Mode.GRADUATED and not any(
                band.once or band.rate < 0 or band.step is not None or band.width_per is not None for band in bands
            )
            rises = rises and charges[0].minimum is None and charges[0].cap is None
            rises = rises and group.left.key == self.lines[charges[0].name].key
        name = (f"`{policy.name}` makes units free, the dearest first", meter, quantity)
        slack = 2 * self.unit
        return self.scene.arena.form(Rising(group.left, name, Form(-slack), group.left.plus(slack), slack, rises))

    # Penalties

    def _penalty(self, policy: Policy, base: dict[str, Group]) -> None:
        names = self._names(policy.targets.names, everything=policy.targets.everything)
        whole = NOTHING
        for group in dict.fromkeys(id(base[name]) for name in names):
            whole += next(item.base for item in base.values() if id(item) == group)
        if isinstance(policy.effect, AddPercent) and policy.effect.base is None:
            touched = {name for name in names for name in base[name].names}
            if not touched <= names:
                raise Unmodelled(f"`{policy.name}` is about a part of lines that were taken from together")
        amount = self._added(policy, whole)
        if amount is None:
            return
        if policy.at_most is not None:
            amount = self.scene.arena.lesser(amount, self._money(policy.at_most))
        self.total += self.view.rounded(amount)
        if names and not isinstance(policy.effect, AddMoney):
            self.loose = f"`{policy.name}` falls on lines, and another rule is about some of them afterwards"

    def _added(self, policy: Policy, whole: Form) -> Form | None:
        match policy.effect:
            case AddMoney(money):
                return self._money(money)
            case AddPercent(percent, _, base, per):
                amount = (whole if base is None else self._money(base)).times(percent)
                if per is None:
                    return amount
                past = self._past(self.view.number(per.attribute), per.bound, above=per.above).times(1 / per.step)
                if past.is_constant:
                    return amount.times(past.constant)
                if amount.is_constant:
                    return past.times(amount.constant)
                low, _ = self.view.bounds.range(amount)
                if low is None or low < 0:
                    raise Unmodelled(f"`{policy.name}` multiplies an amount that may be below zero")
                name = (f"`{policy.name}` multiplies an amount with a number of the account", past.key, amount.key)
                also = self.scene.arena.axes_of(past)
                return self.scene.arena.form(Rising(amount, name, NOTHING, None, also=also))
            case AddPerUnit():
                return self._per_unit(policy.effect)
            case _:
                raise Unmodelled(f"`{policy.name}` adds in a way that is not followed")

    def _per_unit(self, effect: AddPerUnit) -> Form:
        if effect.meter is not None:
            if (
                self.scene.world.program.meters[effect.meter].rounding is not None
                and len(self.scene.by_meter[effect.meter]) > 1
            ):
                raise Unmodelled(f"{effect.meter} is rounded for each of its rows")
            quantity = self.view.quantity(effect.meter)
        else:
            assert effect.attribute is not None
            quantity = self.view.number(effect.attribute).times(effect.attribute_factor)
        past = self._past(quantity, effect.bound, above=effect.above)
        rate = effect.price / effect.per
        if not effect.started:
            return past.times(rate)
        if past.is_constant:
            return Form(-(-past.constant // effect.per) * effect.price)
        stair = Piece(ZERO, ZERO, (Stair(effect.per, ZERO, effect.price),))
        return self.scene.arena.form(Through(past, Curve((ZERO,), (ZERO,), (stair,))))

    def _past(self, quantity: Form, bound: NumberOf | None, *, above: bool) -> Form:
        """How much of a quantity lies past a mark, not below zero."""
        if bound is None:
            return self.scene.arena.positive(quantity)
        mark = (
            Form(bound.number)
            if bound.number is not None
            else self.view.number(bound.attribute or "").times(bound.factor)
        )
        return self.scene.arena.positive(quantity - mark if above else mark - quantity)

    def _money(self, money: MoneyOf) -> Form:
        if money.amount is not None:
            return Form(max(money.amount, ZERO))
        return self.view.number(money.attribute or "")

    # Bounds and taxes

    def _bound(self, bound: PlanBound) -> None:
        limit = self.view.rounded(Form(bound.bound.amount))
        pick = self.scene.arena.greater if bound.kind is BoundKind.MINIMUM else self.scene.arena.lesser
        if not bound.lines:
            self.total = pick(self.total, limit)
            self.loose = "a floor or ceiling of the plan falls on lines, and another rule is about some of them"
            return
        names = frozenset(bound.lines) & frozenset(self.lines)
        groups = self._touched(names)
        if not groups:
            self.total = self.total + pick(NOTHING, limit)
            return
        group = self._merged(groups)
        left = pick(group.left, limit)
        self.total = self.total - group.left + left
        if bound.kind is BoundKind.MINIMUM:
            self.loose = "a floor of some lines falls on them, and another rule is about some of them"
        group.left = left

    def _taxes(self) -> None:
        before = self.total
        added = NOTHING
        for tax in self.plan.taxes:
            if tax.included or not self._in_force(tax) or not self.view.all_hold(tax.when):
                continue
            base = before
            if not tax.targets.everything:
                base = NOTHING
                for group in self._touched(frozenset(tax.targets.names) & frozenset(self.lines)):
                    base += group.left
            added += self.view.rounded(base.times(tax.percent))
        self.total += added


def total_of(scene: Scene, number: int, view: View) -> Form:
    """The total of a plan in a box. Raises `Fork`, `Unmodelled` and `Unrated`."""
    rated = Rated(scene, number, view)
    rated.price()
    return rated.finish()


def _list(names: frozenset[str]) -> str:
    ordered = sorted(names)
    return ", ".join(ordered[:3]) + (" and others" if len(ordered) > 3 else "")
