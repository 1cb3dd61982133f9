"""How much of something an account can still afford: the greatest quantity of one event whose price fits a sum.

Prices are probed, each by the evaluator itself, and between two probes nothing is assumed but what a plan promises:
where both stand in the same bands and decide every threshold alike, each charge only rises, or only falls, from one to
the other, and the total follows. So a stretch between them is passed over if it costs too much at its least, and is cut
in two if not. Where prices bend is known from the ladders; a guess along a straight line finds the rest, so that
the number of probes grows with bounds and digits, never with quantities.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Context, Decimal, Inexact
from fractions import Fraction
from functools import cached_property
from itertools import pairwise

from ...diagnostics import Diagnostic
from ..condition import (
    AmountOf,
    And,
    Compare,
    Condition,
    FieldOf,
    Literal,
    Missing,
    Not,
    OneOf,
    Operand,
    Or,
    UsageOf,
    value_of,
)
from ..dispatch import Branch, Tree, below
from ..plan import Charge, Fee, OfEach, OfMeter, Plan, Policy, Tax
from ..schedule import Mode
from ..statement import LineKind, Statement
from ..usage import UsageEvent
from .rate import statement_of
from .running.charging import LineName, Running, amounts_of
from .running.counters import added, situation_with
from .running.ground import Ground, watched
from .situation import PeriodFacts, Readings, Refused, Situation, Walked

MOST = 10**30
"""So many steps count as without limit."""

_LONGEST = 100 * 366 * 24 * 3600
"""So many seconds of an event that lasts count as without limit; no calendar holds 10^30 of them."""

_EXACT = Context(prec=400, traps=[Inexact])


@dataclass(frozen=True, slots=True)
class Afford:
    """The greatest quantity that is affordable, and what it costs; `units` is None where there is no limit.

    It may be that less is not affordable: where the price falls at a bound, a greater quantity can cost less.
    `refusal` says why nothing is affordable where the least quantity has no price at all.
    """

    units: Decimal | None
    cost: int
    probes: int
    refusal: Diagnostic | None = None


@dataclass(frozen=True)
class _Probe:
    """One quantity, priced. `stands` is what has to be alike for lines to rise or fall evenly in between."""

    cost: int | None
    lines: dict[LineName, int]
    stands: tuple[object, ...]
    refusal: Diagnostic | None = None

    @cached_property
    def added(self) -> dict[str, int]:
        """What each charge comes to with its own floor and ceiling, and each penalty."""
        found: dict[str, int] = {}
        charges = {name[0] for name in self.lines if name[1] == LineKind.CHARGE.value}
        for name, amount in self.lines.items():
            if name[0] in charges or name[1] == LineKind.PENALTY.value:
                found[name[0]] = found.get(name[0], 0) + amount
        return found


def affordable(
    running: Running, template: UsageEvent, field: str, available: int, step: Decimal = Decimal(1)
) -> Afford:
    """The greatest multiple of `step` for a field of an event whose price is at most `available` (in the money unit).

    All else of the event is the template's. Raises `ValueError` for a field that is no number, and for a step that is
    not above zero.
    """
    schema = running.ground.program.schema.events.get(template.event)
    if schema is None or all(item.name != field for item in schema.fields):
        raise ValueError(f"event {template.event} has no field {field}")
    if step <= 0:
        raise ValueError("a step is above zero")
    search = _Search(running, template, field, available, step)
    steps = search.greatest()
    if steps == search.most:
        return Afford(None, search.at(steps).cost or 0, len(search.probes))
    if not steps:
        return Afford(Decimal(0), 0, len(search.probes), search.at(1).refusal)
    return Afford(search.quantity(steps), search.at(steps).cost or 0, len(search.probes))


class _Search:
    """The probes of one question, in numbers of steps."""

    def __init__(self, running: Running, template: UsageEvent, field: str, available: int, step: Decimal) -> None:
        self.running = running
        self.template = template
        self.field = field
        self.available = available
        self.step = step
        self.probes: dict[int, _Probe] = {}
        self.walks: list[Walked] = []
        self.ground: Ground = watched(running.ground, self.walks.append)
        plans = [item.readings.situation.plan for item in self.ground.versions]
        self.atoms = list(dict.fromkeys(atom for plan in plans for atom in _thresholds(plan)))
        self.slack = _slack(running, plans)
        self.most = _most(plans, field, step)

    def greatest(self) -> int:
        """The greatest number of steps that is affordable, 0 where none is."""
        cuts: list[int] = sorted(
            steps
            for steps in {1, self.most, *self._hints(), *(10**power for power in range(3, 30, 3))}
            if 1 <= steps <= self.most
        )
        cells = list(pairwise(cuts))
        guess = True
        while cells:
            low, high = cells.pop()
            if self._fits(high):
                return high
            if high - low <= 1 or self._passes(low, high):
                continue
            middle: int = self._middle(low, high) if guess else (low + high) // 2
            guess = not guess
            cells += [(low, middle), (middle, high)]
        return 1 if self._fits(1) else 0

    def at(self, steps: int) -> _Probe:
        """The price of so many steps."""
        if steps not in self.probes:
            self.probes[steps] = self._probe(steps)
        return self.probes[steps]

    def quantity(self, steps: int) -> Decimal:
        """So many steps, in the field's unit."""
        return _EXACT.multiply(Decimal(steps), self.step)

    def _fits(self, steps: int) -> bool:
        cost = self.at(steps).cost
        return cost is not None and cost <= self.available

    def _passes(self, low: int, high: int) -> bool:
        """Whether nothing between two probes is affordable; the greater of them is not."""
        first, last = self.at(low), self.at(high)
        if first.stands != last.stands:
            return False
        if first.cost is None or last.cost is None or first.lines == last.lines:
            return True
        return self._least(first, last) - self.slack > self.available

    def _least(self, first: _Probe, last: _Probe) -> int:
        """What no quantity between two probes costs less than, but for roundings.

        Where all charges and penalties rise, so does the total, for what is taken from them and comes on top of them
        never outweighs them; where some fall, each line may be at its least.
        """
        assert first.cost is not None and last.cost is not None, "both have a price"
        gaps = [last.added.get(name, 0) - first.added.get(name, 0) for name in {*first.added, *last.added}]
        if all(gap >= 0 for gap in gaps):
            return first.cost
        if all(gap <= 0 for gap in gaps):
            return last.cost
        names = {*first.lines, *last.lines}
        least = sum(min(first.lines.get(name, 0), last.lines.get(name, 0)) for name in names)
        return least - self.running.total

    def _middle(self, low: int, high: int) -> int:
        """Where a straight line between two probes spends what is available, strictly between them."""
        first, last = self.at(low).cost, self.at(high).cost
        if first is None or last is None or not first <= self.available < last:
            return (low + high) // 2
        guess = low + (self.available - first) * (high - low) // (last - first)
        return min(max(guess, low + 1), high - 1)

    def _probe(self, steps: int) -> _Probe:
        self.walks.clear()
        event = replace(self.template, fields={**self.template.fields, self.field: self.quantity(steps)})
        try:
            counters = added(self.ground, self.running.counters, (event,))
            situation = situation_with(self.ground, counters)
            statement = statement_of(situation)
        except Refused as refused:
            return _Probe(None, {}, ("refused", refused.finding.code, *self._bands()), refused.finding)
        signs = tuple(self._signs(situation, statement))
        cost = statement.total - self.running.total
        rounding = LineKind.ROUNDING.value, LineKind.INCLUDED_TAX.value
        lines = {name: amount for name, amount in amounts_of(statement).items() if name[1] not in rounding}
        return _Probe(cost, lines, (*self._bands(), *signs))

    def _bands(self) -> Iterator[object]:
        """The band that each walk ended in, where prices may fall from there to the next."""
        for walk in self.walks:
            even = walk.schedule.mode is Mode.GRADUATED and all(
                band.rate >= 0 and band.once >= 0 and not band.refused for band in walk.schedule.bands
            )
            yield walk.since, walk.charge, walk.row, None if even else walk.slices[-1].band if walk.slices else -1

    def _signs(self, situation: Situation, statement: Statement) -> Iterator[int | None]:
        """On which side of each threshold the usage and the amounts are that conditions ask for."""
        if not self.atoms:
            return
        money = statement.money
        amounts: dict[str, Fraction] = {}
        for line in statement.lines:
            amounts[line.id] = amounts.get(line.id, Fraction(0)) + money.fraction(line.amount)
        facts = PeriodFacts(Readings(situation), amounts)
        for left, right in self.atoms:
            try:
                have, want = value_of(left, facts), value_of(right, facts)
            except Missing:
                yield None
                continue
            assert isinstance(have, Fraction) and isinstance(want, Fraction), "usage and amounts are numbers"
            yield (have > want) - (have < want)

    def _hints(self) -> Iterator[int]:
        """Numbers of steps at which something changes: bounds of ladders, and values that tables and conditions name.

        Those of ladders only save probes; values of the field itself have to be known, for a price may hold between
        two of them only.
        """
        values: list[Fraction] = []
        self._probe(1)
        for walk in self.walks:
            for band in walk.schedule.bands:
                if band.upper is not None and band.upper > walk.quantity:
                    away = Fraction(band.upper - walk.quantity, walk.schedule.quantity_scale)
                    values.append(away / self._factor(walk.charge) + Fraction(self.step))
        for version in self.ground.versions:
            values += _values_named(self.ground, version.readings.situation.plan, self.field)
        for value in values:
            steps = value // Fraction(self.step)
            yield from (number for number in range(steps - 1, steps + 3) if number >= 1)

    def _factor(self, name: str) -> Fraction:
        """How many units of a charge one unit of the field is."""
        for version in self.ground.versions:
            for charge in version.readings.situation.plan.charges:
                if charge.name == name and isinstance(charge.source, OfEach):
                    return charge.source.factor
                if charge.name == name and isinstance(charge.source, OfMeter):
                    return self.ground.program.meters[charge.source.meter].factor
        return Fraction(1)


def _most(plans: list[Plan], field: str, step: Decimal) -> int:
    """How many steps are asked for at most."""
    lengths = [
        charge.source.factor * charge.source.seconds * Fraction(step)
        for plan in plans
        for charge in plan.charges
        if isinstance(charge.source, OfEach) and charge.source.lasting and charge.source.field == field
    ]
    return max(min([MOST, *(int(_LONGEST / length) for length in lengths)]), 1)


def _slack(running: Running, plans: list[Plan]) -> int:
    """How far roundings that fall together may push a total below what its lines at their least come to.

    One policy on a line leaves what is left rising. Of several, each is rounded on what the others left, and may take
    a unit of money more where a line rises by one.
    """
    money, rule = running.ground.program.money, running.ground.program.total_rounding
    slack = 0 if rule is None else int(rule.size / money.size) + 1
    for plan in plans:
        by_share = any(charge.pooling is not None for charge in plan.charges)
        if len(plan.policies) + len(plan.bounds) + by_share > 1 or any(
            not tax.targets.everything for tax in plan.taxes
        ):
            slack += 2 * (len(plan.policies) + len(plan.bounds) + len(plan.taxes) + by_share)
    return slack


def _rules(plan: Plan) -> Iterator[Condition]:
    rules: tuple[Charge | Fee | Policy | Tax, ...] = (*plan.charges, *plan.fees, *plan.policies, *plan.taxes)
    for rule in rules:
        yield from rule.when


def _thresholds(plan: Plan) -> Iterator[tuple[Operand, Operand]]:
    """What conditions compare usage and amounts with."""
    for condition in _rules(plan):
        for left, right in _compared(condition):
            if isinstance(left, UsageOf | AmountOf) or isinstance(right, UsageOf | AmountOf):
                yield left, right


def _compared(condition: Condition) -> Iterator[tuple[Operand, Operand]]:
    match condition:
        case Compare(left, _, right):
            yield left, right
        case OneOf(operand, values):
            yield from ((operand, value) for value in values)
        case And(parts) | Or(parts):
            for part in parts:
                yield from _compared(part)
        case Not(part):
            yield from _compared(part)
        case _:
            return


def _values_named(ground: Ground, plan: Plan, field: str) -> Iterator[Fraction]:
    """The numbers that tables and conditions compare a field of events with."""
    conditions = [item.meter.where for item in ground.meters]
    for charge in plan.charges:
        if isinstance(charge.source, OfEach):
            conditions.append(charge.source.where)
        yield from _of_tree(charge, charge.tree, field)
    for condition in conditions:
        for left, right in () if condition is None else _compared(condition):
            if left == FieldOf(field) and isinstance(right, Literal) and isinstance(right.value, Fraction):
                yield right.value


def _of_tree(charge: Charge, tree: Tree, field: str) -> Iterator[Fraction]:
    if isinstance(tree, Branch) and charge.columns[tree.column].name == field:
        yield from (value for value in tree.values if isinstance(value, Fraction))
        for case in tree.ranges:
            yield from (end for end in (case.low, case.high) if isinstance(end, Fraction))
    for part in below(tree):
        yield from _of_tree(charge, part, field)
