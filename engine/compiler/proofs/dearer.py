"""One plan never costs more than another: the same account, the same usage, the same whole billing period."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

from ...plan import Plan, Program
from .box import Box
from .curve import At
from .form import Form, Rising
from .known import Unmodelled, must_know_plan
from .meters import meters_of
from .outcome import Bill, Outcome, Verdict, Witness
from .scene import Scene, View
from .search import Open, Problem, Settled, settle
from .total import total_of
from .witness import Point, bill, facts_text, money_text, point_at, points_of
from .worlds import worlds_of

ZERO = Fraction(0)
_TRIES_MAX = 40
_QUICK = 60


def together(cheaper: Plan, dearer: Plan) -> tuple[Plan, Plan] | None:
    """The two versions, cut to the time in which both are in force; None where there is no such time."""
    starts = [plan.start for plan in (cheaper, dearer) if plan.start is not None]
    ends = [plan.end for plan in (cheaper, dearer) if plan.end is not None]
    start, end = max(starts, default=None), min(ends, default=None)
    if start is not None and end is not None and start >= end:
        return None
    return replace(cheaper, start=start, end=end), replace(dearer, start=start, end=end)


def never_costs_more(program: Program, cheaper: Plan, dearer: Plan, *, boxes_max: int = 2_000) -> Outcome:
    """Whether the first plan never costs more than the second while both are in force."""
    slack = ZERO
    pair = together(cheaper, dearer)
    if pair is None:
        return Outcome(Verdict.PROVED, "they are never in force together")
    try:
        must_know_plan(program, cheaper)
        must_know_plan(program, dearer)
        for world in worlds_of(program, pair):
            scene = Scene(world, meters_of(pair))
            tries = _Tries(scene)

            def difference(box: Box, scene: Scene = scene) -> Form:
                first = total_of(scene, 0, View(scene, box))
                return first - total_of(scene, 1, View(scene, box))

            found: Settled | Open = Open(scene.whole(), {}, 0)
            # Most claims are settled at once; bills are tried before a long search is begun.
            for budget in dict.fromkeys((min(_QUICK, boxes_max), boxes_max)):
                problem = Problem(scene.arena, difference, program.money.size, scene.endless, budget)
                found = settle(problem, scene.whole(), tries.refutes)
                if isinstance(found, Settled):
                    break
                witness = tries.witness or tries.at_points()
                if witness is not None:
                    return Outcome(Verdict.REFUTED, witness.text, witness=witness)
            if isinstance(found, Open):
                if found.boxes > boxes_max:
                    return Outcome(Verdict.NOT_DECIDED, "", reason="more cases meet than are compared")
                return Outcome(Verdict.NOT_DECIDED, "", reason=why_open(scene))
            slack = max(slack, found.slack)
    except Unmodelled as reason:
        return Outcome(Verdict.NOT_DECIDED, "", reason=str(reason))
    return Outcome(Verdict.PROVED, "no line, bound or policy makes it dearer", slack=slack)


def why_open(scene: Scene) -> str:
    """What stands in the way of a bound, in business words."""
    for atom in scene.arena.atoms:
        if isinstance(atom, Rising):
            return str(atom.name[0])
    return "the difference is too close to tell"


class _Tries:
    """Bills at places where a bound is reached; the first pair that refutes is kept. Mutable."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.witness: Witness | None = None
        self.left = _TRIES_MAX
        self._seen: set[Point] = set()

    def refutes(self, box: Box, places: dict[int, At | None]) -> bool:
        """Whether the bills at these places refute the claim."""
        return self._try(point_at(self.scene, places, box))

    def _try(self, point: Point) -> bool:
        if self.left <= 0 or point in self._seen:
            return False
        self._seen.add(point)
        self.left -= 1
        first, second = bill(self.scene, 0, point), bill(self.scene, 1, point)
        if first is None or second is None or first.total <= second.total:
            return False
        self.witness = witness_of(
            self.scene, point, first.money.fraction(first.total), second.money.fraction(second.total)
        )
        return True

    def at_points(self) -> Witness | None:
        """Bills for each quantity alone, at the points of its prices and far beyond them."""
        self.left = 4 * _TRIES_MAX
        for point in self._points():
            if self._try(point):
                return self.witness
        return None

    def _points(self) -> Iterator[Point]:
        yield Point(())
        for axis in range(len(self.scene.axes)):
            own = points_of(self.scene, axis)
            for number in [*own, *(number + 1 for number in own), max([*own, Fraction(100)]) * 10]:
                yield Point(((axis, number),))
        far = tuple(
            (axis, max([*points_of(self.scene, axis), Fraction(100)]) * 10) for axis in range(len(self.scene.axes))
        )
        yield Point(far)


def witness_of(scene: Scene, point: Point, first: Fraction, second: Fraction) -> Witness:
    """A witness of two plans at one point."""
    program = scene.world.program
    facts = facts_text(scene, point)
    names = [plan.name for plan in scene.world.plans]
    amounts = [money_text(program, amount) for amount in (first, second)]
    text = f"{facts}: {names[0]} {amounts[0]}, {names[1]} {amounts[1]}"
    return Witness(facts, Bill(names[0], facts, first), Bill(names[1], facts, second), text)
