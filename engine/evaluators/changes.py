"""Periods in which prices change: the versions of a plan that is `dated by usage` each price the usage of their days.

Each version has its own ladders. What belongs to the period and not to its usage comes from the version in which the
period begins: fees, included units, the floor and ceiling of a charge, prices of attributes, policies and taxes. A
version in whose days a charge has no usage has no line, so that what is charged once is not charged for nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

from ..derivation import Place
from ..plan import Bound, Charge, OfAmount, OfAttribute, OfEach, OfMeter, Plan, Targets
from .charges import Priced, price_charge, sum_bounds
from .each import price_each
from .in_force import Stretch, stretches_of
from .included import Allowance, allowances
from .meter import has_usage
from .situation import PeriodFacts, Readings, Situation

Stands = Callable[[Charge, PeriodFacts], bool]
"""Whether the `when` lines of a charge hold; what does not hold is noted by whoever is asked."""


@dataclass(frozen=True, slots=True)
class Part:
    """The days of one version: what its meters read there, and what its charges come to so far."""

    plan: Plan
    readings: Readings
    amounts: dict[str, Fraction] = field(default_factory=dict)

    def charge(self, name: str) -> Charge | None:
        """The charge of this name in the version."""
        return next((charge for charge in self.plan.charges if charge.name == name), None)


def stretches(situation: Situation) -> tuple[Stretch, ...]:
    """The versions that price a situation's period, also those that a bill for a part of it does not reach."""
    return stretches_of(situation.program, situation.plan, situation.averaged_days or situation.covered_days)


def for_all_versions(situation: Situation) -> Situation:
    """The situation with policies and taxes that also act on lines which only a later version has."""
    later = [stretch.plan for stretch in stretches(situation)[1:] if stretch.plan is not None]
    if not later:
        return situation
    plan = situation.plan
    policies = tuple(
        replace(item, targets=_joined([item.targets, *_targets_of(later, item.place)])) for item in plan.policies
    )
    taxes = tuple(
        replace(item, targets=_joined([item.targets, *_targets_of(later, item.place)])) for item in plan.taxes
    )
    return replace(situation, plan=replace(plan, policies=policies, taxes=taxes))


def _targets_of(plans: Sequence[Plan], place: Place) -> Iterator[Targets]:
    """The targets that the policy or tax of a place has in other versions."""
    for plan in plans:
        yield from (policy.targets for policy in plan.policies if policy.place == place)
        yield from (tax.targets for tax in plan.taxes if tax.place == place)


def _joined(targets: Sequence[Targets]) -> Targets:
    names = dict.fromkeys(name for item in targets for name in item.names)
    return replace(targets[0], names=tuple(names))


def price_changes(readings: Readings, stands: Stands) -> list[Priced]:
    """The lines of all charges, each name's together and in the order of time. Raises `Refused`."""
    pricing = _Pricing(readings, stretches(readings.situation), stands)
    for number in range(len(pricing.parts)):
        pricing.price_part(number)
    pricing.price_what_has_no_line()
    return [item for lines in pricing.lines.values() for item in lines]


class _Pricing:
    """The charges of one statement while they are priced, one version after the other."""

    def __init__(self, readings: Readings, all_stretches: Sequence[Stretch], stands: Stands) -> None:
        self.readings = readings
        self.stands = stands
        self.held: list[Allowance] = allowances(readings.situation)
        situation = readings.situation
        reached = [
            (stretch.plan, days)
            for stretch in all_stretches
            if (days := stretch.days.overlap(situation.covered_days)) is not None
        ]
        averaged = situation.averaged_days or situation.covered_days
        first = situation.plan
        # What is included is the first version's, also where a ladder asks what it took off before.
        of_days = [
            (
                plan,
                Readings(
                    replace(
                        situation,
                        plan=first if plan is None else replace(plan, includes=first.includes),
                        covered_days=days,
                        averaged_days=averaged,
                        until=None,
                    )
                ),
            )
            for plan, days in reached
        ]
        self.parts = [Part(plan, own) for plan, own in of_days if plan is not None]
        self.versions = [stretch.plan for stretch in all_stretches if stretch.plan is not None]
        names = dict.fromkeys(charge.name for plan in self.versions for charge in plan.charges)
        self.lines: dict[str, list[Priced]] = {name: [] for name in names}
        self.standing: set[str] = set()
        """The charges of the first version whose `when` lines hold."""
        _refuse_undated(readings, self.versions)
        for plan, own in of_days:
            if plan is None:
                _refuse_unpriced(own, self.versions)

    def price_part(self, number: int) -> None:
        part = self.parts[number]
        facts = PeriodFacts(self.readings, part.amounts)
        for charge in part.plan.charges:
            if isinstance(charge.source, OfAttribute) and number:
                # An attribute has no days: the period's first price is for the whole of it.
                continue
            # The first version's floor and ceiling hold for later days too, whether its own have usage or not.
            prices = self._prices(charge, number)
            if (prices or not number) and self.stands(charge, facts):
                if not number:
                    self.standing.add(charge.name)
                if prices:
                    self._put(charge, number)
            if charge.name in self.standing and number == self._last_with(charge.name):
                self._put_bounds(charge.name, number)

    def price_what_has_no_line(self) -> None:
        """A charge without columns is a line also where its base is zero in all versions."""
        for name, lines in self.lines.items():
            number = next((number for number, part in enumerate(self.parts) if part.charge(name) is not None), None)
            charge = None if number is None else self.parts[number].charge(name)
            if number is None or charge is None or lines or charge.columns or not isinstance(charge.source, OfAmount):
                continue
            if self.stands(charge, PeriodFacts(self.readings, self.parts[number].amounts)):
                self._put(charge, number)

    def _last_with(self, name: str) -> int:
        return max(number for number, part in enumerate(self.parts) if part.charge(name) is not None)

    def _prices(self, charge: Charge, number: int) -> bool:
        """Whether a version has something to price; without any usage, the first that has the charge prices that."""
        if isinstance(charge.source, OfAttribute):
            return True
        if isinstance(charge.source, OfAmount):
            return any(self.parts[number].amounts.get(line) for line in charge.source.lines)
        own = [(index, found) for index, part in enumerate(self.parts) if (found := part.charge(charge.name))]
        used = [index for index, found in own if is_used(found, self.parts[index].readings)]
        return number in used if used else number == own[0][0]

    def _put(self, charge: Charge, number: int) -> None:
        part = self.parts[number]
        if isinstance(charge.source, OfAttribute):
            self._add(charge.name, number, price_charge(charge, self.readings, self.held, part.amounts))
            return
        readings = part.readings
        own = self._prepared(charge, number)
        priced = (
            [price_each(own, readings)]
            if isinstance(own.source, OfEach)
            else price_charge(own, readings, self.held, part.amounts)
        )
        days = readings.situation.covered_days
        self._add(
            charge.name,
            number,
            [replace(item, line=replace(item.line, days=days), readings=readings) for item in priced],
        )

    def _add(self, name: str, number: int, priced: Sequence[Priced]) -> None:
        self.lines[name].extend(priced)
        money = self.readings.situation.program.money
        amounts = self.parts[number].amounts
        amounts[name] = amounts.get(name, Fraction(0)) + sum(money.fraction(item.line.amount) for item in priced)

    def _prepared(self, charge: Charge, number: int) -> Charge:
        """The charge as its version prices its days: without what belongs to the whole period."""
        first = _charge_of(self.versions[0], charge.name)
        if first is not None and sum(_charge_of(plan, charge.name) is not None for plan in self.versions) == 1:
            return charge
        if isinstance(charge.source, OfEach):
            own = replace(charge, period_minimum=None, period_cap=None)
            return own if not number else _with_what_is_left_free(own, first, self.parts[:number])
        rows = tuple(replace(row, minimum=None, cap=None) for row in charge.rows)
        return replace(charge, minimum=None, cap=None, rows=rows)

    def _put_bounds(self, name: str, number: int) -> None:
        """The floor and ceiling that the first version has for a charge, on the sum of its lines in all versions."""
        first = self.parts[0].charge(name)
        if first is None or sum(_charge_of(plan, name) is not None for plan in self.versions) == 1:
            return
        minimum, cap = _bounds_of(first)
        found = sum_bounds(replace(first, minimum=minimum, cap=cap), self.readings.situation, self.lines[name])
        self._add(name, number, [Priced(line, first) for line in found])


def _charge_of(plan: Plan, name: str) -> Charge | None:
    return next((charge for charge in plan.charges if charge.name == name), None)


def _bounds_of(charge: Charge) -> tuple[Bound | None, Bound | None]:
    if isinstance(charge.source, OfAttribute):
        # They are inside its one line.
        return None, None
    if isinstance(charge.source, OfEach):
        return charge.period_minimum, charge.period_cap
    return charge.minimum, charge.cap


def _with_what_is_left_free(charge: Charge, first: Charge | None, earlier: Sequence[Part]) -> Charge:
    """An `each` charge with what its events of earlier days left of the first version's included events."""
    source = charge.source
    assert isinstance(source, OfEach)
    events, quantity = 0, Fraction(0)
    if first is not None and isinstance(first.source, OfEach) and first.source.event == source.event:
        events = first.free_events
        quantity = first.free_quantity / first.source.factor if first.source.field == source.field else Fraction(0)
    for part in earlier:
        before = part.charge(charge.name)
        if before is None or not isinstance(before.source, OfEach) or before.source.event != source.event:
            continue
        rated = [size for _, size in part.readings.each(before.source)]
        events = max(events - len(rated), 0)
        used = sum((max(size, Fraction(0)) for size in rated), Fraction(0)) / before.source.factor
        quantity = max(quantity - used, Fraction(0))
    text = "" if first is None else first.free_text
    return replace(charge, free_events=events, free_quantity=quantity * source.factor, free_text=text)


def is_used(charge: Charge, readings: Readings) -> bool:
    """Whether there is anything to price for a charge of usage."""
    match charge.source:
        case OfMeter(name):
            meter = readings.situation.program.meters[name]
            samples = [sample for _, sample in readings.samples(meter)]
            return bool(readings.quantities(name)) or has_usage(meter, samples, readings.situation.covered)
        case OfEach():
            return bool(readings.event_sums(charge)) or next(readings.each(charge.source), None) is not None
        case OfAttribute() | OfAmount():
            return False


def _refuse_undated(readings: Readings, versions: Sequence[Plan]) -> None:
    situation = readings.situation
    for name, charge in _metered(versions).items():
        if any(item.time is None for item in readings.quantities(name)):
            days = " and ".join(str(plan.start) for plan in versions[1:])
            raise situation.refuse(
                "RB4013",
                f"the quantity of {name} has no time, and the price of {charge.name} changes on {days}",
                "give the quantity a time, or give its parts before and after the change a time each",
                "write `dated by period` in the version: the period keeps the prices that it began with",
            )


def _refuse_unpriced(readings: Readings, versions: Sequence[Plan]) -> None:
    for plan in versions:
        for charge in plan.charges:
            if is_used(charge, readings):
                days = readings.situation.covered_days
                raise readings.situation.refuse(
                    "RB4014",
                    f"charge {charge.name} has usage on days without a price: no version of {plan.name} is in force "
                    f"from {days.start} before {days.end}",
                    f"begin the next version with `from {days.start}`, or end the earlier one later",
                    "end the subscription where the price ends",
                )


def _metered(versions: Sequence[Plan]) -> Mapping[str, Charge]:
    return {
        charge.source.meter: charge
        for plan in versions
        for charge in plan.charges
        if isinstance(charge.source, OfMeter)
    }
