"""The margin on a meter: what its lines bring in after discounts and offers, against what its quantity costs."""

from __future__ import annotations

from fractions import Fraction

from ....money import approximate_text
from ...plan import OfMeter, Plan, Program
from ...schedule import Band, Mode, Schedule
from ...statement import LineKind, Statement
from ..model import Price
from .axes import UsageAxis
from .box import Box
from .curve import At, curve_of
from .form import NOTHING, Form
from .known import Unmodelled, must_know_plan
from .meters import meters_of
from .outcome import Bill, Outcome, Verdict, Witness
from .scene import Scene, View
from .search import Open, Problem, settle
from .total import revenue_of
from .witness import Point, bill, facts_text, money_text, point_at, points_of
from .worlds import worlds_of

ZERO = Fraction(0)


def margin_at_least(program: Program, plan: Plan, meter: str, share: Fraction, cost: Price) -> Outcome:
    """Whether one version of a plan keeps a margin on a meter for every usage of it."""
    names = frozenset(
        charge.name for charge in plan.charges if isinstance(charge.source, OfMeter) and charge.source.meter == meter
    )
    if not names:
        return Outcome(Verdict.PROVED, f"{plan.name} does not price {meter}")
    schedule = _schedule(cost)
    slack = ZERO
    try:
        must_know_plan(program, plan)
        for world in worlds_of(program, [plan]):
            scene = Scene(world, meters_of([plan], meter))
            margin = _Margin(scene, meter, names, share, schedule)
            problem = Problem(scene.arena, margin.shortfall, ZERO, scene.endless)
            found = settle(problem, scene.whole(), margin.refutes)
            if isinstance(found, Open):
                witness = margin.witness or margin.at_points()
                if witness is not None:
                    return Outcome(Verdict.REFUTED, witness.text, witness=witness)
                return Outcome(Verdict.NOT_DECIDED, "", reason=margin.why())
            unit = program.money.size
            slack = max(slack, -(-found.slack // unit) * unit)
    except Unmodelled as reason:
        return Outcome(Verdict.NOT_DECIDED, "", reason=str(reason))
    return Outcome(Verdict.PROVED, "no band, bound or policy brings in less", slack=slack)


def _schedule(cost: Price) -> Schedule:
    """What a quantity costs, as a schedule of one band."""
    scale = 1 if cost.step is None else cost.step.denominator
    money = (cost.rate / scale if cost.step is None else cost.rate).denominator
    rate = cost.rate / scale if cost.step is None else cost.rate
    step = None if cost.step is None else int(cost.step * scale)
    return Schedule(Mode.GRADUATED, (Band(None, rate=int(rate * money), step=step),), scale, money)


class _Margin:
    """The shortfall of one scene, and the bills that were tried. Mutable: it keeps the first witness."""

    def __init__(self, scene: Scene, meter: str, names: frozenset[str], share: Fraction, cost: Schedule) -> None:
        self.scene = scene
        self.meter = meter
        self.names = names
        self.share = share
        self.cost = curve_of(cost)
        self.witness: Witness | None = None
        self.left = 60

    def shortfall(self, box: Box) -> Form:
        """The cost less what the lines may spend on it: above zero where the margin is missed."""
        view = View(self.scene, box)
        revenue = revenue_of(self.scene, 0, view, self.names)
        cost = NOTHING
        for axis in self.scene.by_meter[self.meter]:
            cost += view.along(axis, self.cost)
        return cost - revenue.times(1 - self.share)

    def why(self) -> str:
        from .form import Rising

        for atom in self.scene.arena.atoms:
            if isinstance(atom, Rising):
                return str(atom.name[0])
        return "the margin is too close to tell"

    def refutes(self, box: Box, places: dict[int, At | None]) -> bool:
        return self._try(point_at(self.scene, places, box))

    def at_points(self) -> Witness | None:
        self.left = 200
        for axis, own in enumerate(self.scene.axes):
            if not isinstance(own, UsageAxis) or own.meter != self.meter:
                continue
            points = points_of(self.scene, axis)
            for number in [*points, *(point + 1 for point in points), max([*points, Fraction(100)]) * 10]:
                if self._try(Point(((axis, number),))):
                    return self.witness
        return None

    def _try(self, point: Point) -> bool:
        if self.left <= 0:
            return False
        self.left -= 1
        statement = bill(self.scene, 0, point)
        if statement is None:
            return False
        revenue = brought_in(statement, self.names)
        numbers = dict(point.numbers)
        cost = sum(
            (
                self.cost.value(At(number))
                for axis in self.scene.by_meter[self.meter]
                if (number := numbers.get(axis)) is not None
            ),
            ZERO,
        )
        # What rounding alone makes is no refutation: a whole unit has to be missing.
        if cost <= (1 - self.share) * (revenue + 2 * statement.money.size):
            return False
        program, plan = self.scene.world.program, self.scene.world.plans[0].name
        facts = facts_text(self.scene, point)
        reached = (
            f"a margin of {approximate_text((revenue - cost) / revenue * 100, 2)}%" if revenue > 0 else "no margin"
        )
        amounts = f"brings in {money_text(program, revenue)} and costs {money_text(program, cost)}"
        text = f"on {plan}, {facts}: {amounts}, {reached}"
        self.witness = Witness(facts, Bill(plan, facts, revenue), Bill(plan, "cost", cost), text)
        return True


def brought_in(statement: Statement, names: frozenset[str]) -> Fraction:
    """What lines bring in after discounts and offers."""
    taking = (LineKind.DISCOUNT, LineKind.OFFER)
    own = {index for index, line in enumerate(statement.lines) if line.id in names and line.kind is not LineKind.FEE}
    amount = sum(line.amount for index, line in enumerate(statement.lines) if index in own and line.kind not in taking)
    for line in statement.lines:
        if line.kind in taking:
            amount += sum(part for index, part in line.taken if index in own)
    return statement.money.fraction(amount)
