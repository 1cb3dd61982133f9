"""Discounts and offers as forms: what each takes off, and how those of one kind combine."""

from __future__ import annotations

from fractions import Fraction

from ...plan import Charge, Combination, MoneyOff, OfMeter, PercentOff, Policy, PolicyKind, UnitsFree
from ...schedule import Mode
from .form import NOTHING, Form, Kept, Rising
from .known import Unmodelled
from .ledger import Group, Ledger, listed
from .rules import dated_rules

ZERO = Fraction(0)
ONE = Fraction(1)


def take(ledger: Ledger, kind: PolicyKind, standing: list[Policy]) -> None:
    """Let the policies of one kind, in their order, take from the lines. Raises `Fork` and `Unmodelled`."""
    rule = ledger.view.scene.world.program.combinations.get(kind, Combination.ONE_AFTER_ANOTHER)
    if rule is Combination.BEST_ONE and len(standing) > 1:
        for policy, names in _best(ledger, standing):
            _take(ledger, policy, names, added_up=False)
        return
    for policy in standing:
        _take(ledger, policy, ledger.names(policy.targets), added_up=rule is Combination.ADD_UP)


def _best(ledger: Ledger, standing: list[Policy]) -> list[tuple[Policy, frozenset[str]]]:
    """Line by line the policy that takes most. Raises `Fork` where the box does not say which."""
    won: dict[int, set[str]] = {}
    for name, amount in ledger.lines.items():
        group = next(group for group in ledger.groups if name in group.names)
        rivals = [(number, policy) for number, policy in enumerate(standing) if name in ledger.names(policy.targets)]
        if len(rivals) < 2:
            for number, _ in rivals:
                won.setdefault(number, set()).add(name)
            continue
        if amount.is_constant and not amount.constant:
            continue
        if len(group.names) > 1 and any(not isinstance(policy.effect, PercentOff) for _, policy in rivals):
            raise Unmodelled(f"a rule takes one amount off {listed(group.names)}, and others compete for each of them")
        shares = [(number, _share(ledger, policy, name, group.left)) for number, policy in rivals]
        best, most = shares[0]
        for number, share in shares[1:]:
            if ledger.view.exceeds(share - most):
                best, most = number, share
        won.setdefault(best, set()).add(name)
    return [(policy, frozenset(won[number])) for number, policy in enumerate(standing) if number in won]


def _share(ledger: Ledger, policy: Policy, name: str, own: Form) -> Form:
    several = len(ledger.names(policy.targets)) > 1
    charge = next((item for item in ledger.plan.charges if item.name == name), None)
    match policy.effect:
        case PercentOff(percent, _, None) if policy.at_most is None:
            return own.times(percent)
        case MoneyOff(money) if not several and (charge is None or not charge.columns) and policy.at_most is None:
            return ledger.arena.lesser(ledger.money(money), own)
        case _:
            raise Unmodelled(f"`{policy.name}` competes with others line by line")


def _take(ledger: Ledger, policy: Policy, names: frozenset[str], *, added_up: bool) -> None:
    groups = ledger.touched(names)
    if not groups:
        return
    effect = policy.effect
    plain = isinstance(effect, PercentOff) and effect.during is None and policy.at_most is None
    _must_be_positive(ledger, groups, shares_only=plain and not added_up)
    if isinstance(effect, PercentOff) and plain:
        _take_percent(ledger, policy, effect, groups, added_up=added_up)
        return
    if isinstance(effect, PercentOff) and effect.during is not None:
        shared = _shared_out(ledger, policy, groups) if len(groups) > 1 else None
        for group in groups:
            left = _during(ledger, policy, effect, group)
            ledger.put_left(group, left if shared is None else left + shared, uniform=False)
        return
    group = ledger.merged(groups)
    limit = None if policy.at_most is None else ledger.money(policy.at_most)
    match effect:
        case PercentOff(percent):
            assert limit is not None
            least = ledger.view.rounded(limit)
            if added_up and group.base.key != group.left.key:
                taken = ledger.arena.lesser(ledger.view.rounded(group.base.times(percent)), least)
                left = ledger.arena.positive(group.left - taken)
            else:
                left = ledger.arena.greater(_kept(ledger, group.left, percent), group.left - least)
        case MoneyOff(money):
            amount = ledger.money(money)
            if limit is not None:
                amount = ledger.arena.lesser(amount, limit)
            left = ledger.arena.positive(group.left - ledger.view.rounded(amount))
        case UnitsFree():
            left = _units_free(ledger, policy, group)
        case _:
            raise Unmodelled(f"`{policy.name}` takes in a way that is not followed")
    ledger.put_left(group, left, uniform=False)


def _must_be_positive(ledger: Ledger, groups: list[Group], *, shares_only: bool) -> None:
    """Raise `Unmodelled` where a line below zero, from which nothing is taken, changes what a policy takes in all."""
    mixed = frozenset[str]().union(*(group.names for group in groups)) & ledger.below_zero
    if not mixed:
        return
    names = frozenset[str]().union(*(group.names for group in groups))
    whole = NOTHING
    for group in groups:
        whole += group.left
    above = ledger.view.bounds.upper(whole.times(-ONE)).clean
    if shares_only and above is not None and above <= 0 and (len(groups) == 1 or not _is_divided(ledger, names)):
        return
    raise Unmodelled(f"a line of {listed(mixed)} may be below zero where a policy takes from it")


def _take_percent(ledger: Ledger, policy: Policy, effect: PercentOff, groups: list[Group], *, added_up: bool) -> None:
    percent = effect.percent
    if percent <= 0:
        return
    before = base = NOTHING
    for group in groups:
        before += group.left
        base += group.base
    if added_up and base.key != before.key:
        left = ledger.arena.positive(before - ledger.view.rounded(base.times(percent)))
    else:
        left = _kept(ledger, before, percent)
    names = frozenset[str]().union(*(group.names for group in groups))
    if len(groups) == 1 or not _is_divided(ledger, names):
        ledger.put_left(ledger.merged(groups), left, uniform=True)
        return
    ledger.total = ledger.total - before + left
    shared = _shared_out(ledger, policy, groups)
    for group in groups:
        own = group.base if added_up else group.left
        rest = group.left - own.times(percent)
        group.left = (ledger.arena.positive(rest) if added_up else rest) + shared


def _shared_out(ledger: Ledger, policy: Policy, groups: list[Group]) -> Form:
    """By how much the share of one of these groups differs from its exact one: each line's by less than a unit.

    It hangs on what all the lines are, so that it is the same only where they are the same.
    """
    before = NOTHING
    for group in groups:
        before += group.left
    slack = ledger.unit * (max(map(ledger.lines_of, groups)) + 1)
    lines = tuple((tuple(sorted(group.names)), group.left.key) for group in groups)
    name = (f"`{policy.name}` is shared out to its lines", policy.name, lines)
    return ledger.arena.form(Rising(before, name, Form(-slack), Form(slack), 2 * slack))


def _is_divided(ledger: Ledger, names: frozenset[str]) -> bool:
    """Whether another rule of the plan is about a part of these lines."""
    others = [ledger.names(rule.targets) for rule in dated_rules([ledger.plan])]
    others.append(ledger.apart)
    others += [frozenset(bound.lines) for bound in ledger.plan.bounds if bound.lines]
    return any(names & other and not names <= other for other in others)


def _kept(ledger: Ledger, form: Form, percent: Fraction) -> Form:
    """What a percentage leaves of whole units."""
    if percent >= 1:
        return NOTHING
    if form.is_constant:
        return form - ledger.view.rounded(form.times(percent))
    low, high = ledger.view.noise(form, ledger.unit, ledger.view.mode)
    return ledger.arena.form(Kept(form, percent, -high, -low))


def _during(ledger: Ledger, policy: Policy, effect: PercentOff, group: Group) -> Form:
    """What is left after a percentage of the share of usage that lies in a window; the share may be any."""
    share = min(max(effect.percent, ZERO), ONE)
    charges = [charge for charge in ledger.plan.charges if charge.name in group.names]
    if not charges:
        return group.left
    rises = group.uniform and policy.at_most is None and len(group.names) == 1 and group.base.key == group.left.key
    for charge in charges:
        rises = rises and not charge.minimum and not charge.cap and _rises_in_a_window(ledger, charge.name, share)
    slack = ledger.unit * ledger.lines_of(group)
    sources = tuple((charge.name, charge.source, charge.columns) for charge in charges)
    name = (
        f"`{policy.name}` takes a share of time ({effect.during})",
        (policy.effect, policy.at_most, group.base.key),
        sources,
    )
    lower = (group.left - group.base.times(share)).plus(-slack)
    also = frozenset[int]() if rises else _axes_of(ledger, charges)
    return ledger.arena.form(Rising(group.left, name, lower, group.left.plus(slack), 2 * slack, rises, also))


def _axes_of(ledger: Ledger, charges: list[Charge]) -> frozenset[int]:
    """The axes of the meters that charges price."""
    meters = {charge.source.meter for charge in charges if isinstance(charge.source, OfMeter)}
    return frozenset(axis for meter in meters for axis in ledger.view.scene.by_meter[meter])


def _rises_in_a_window(ledger: Ledger, name: str, share: Fraction) -> bool:
    """Whether a share of the time never outgrows the price: no unit costs less than that share of the mean."""
    charge = next(item for item in ledger.plan.charges if item.name == name)
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


def _units_free(ledger: Ledger, policy: Policy, group: Group) -> Form:
    """What is left after the dearest units were made free: how much that is depends on all bands and rows."""
    charges = [charge for charge in ledger.plan.charges if charge.name in group.names]
    rises = len(group.names) == 1 and len(charges) == 1 and group.uniform and not charges[0].columns
    if rises:
        bands = charges[0].rows[0].schedule.bands
        rises = charges[0].rows[0].schedule.mode is Mode.GRADUATED and not any(
            band.once or band.rate < 0 or band.step is not None or band.width_per is not None for band in bands
        )
        rises = rises and charges[0].minimum is None and charges[0].cap is None
        rises = rises and group.left.key == ledger.lines[charges[0].name].key
    name = (
        f"`{policy.name}` makes units free, the dearest first",
        (policy.effect, policy.at_most, group.base.key),
        tuple(ledger.arena.digest(charge, repr) for charge in charges),
    )
    slack = 2 * ledger.unit
    also = frozenset[int]() if rises else _axes_of(ledger, charges)
    return ledger.arena.form(Rising(group.left, name, Form(-slack), group.left.plus(slack), slack, rises, also))
