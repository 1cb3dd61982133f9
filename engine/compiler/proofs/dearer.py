"""One plan never costs more than another: the same account, the same usage, the same whole billing period."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from functools import partial
from itertools import chain, product

from ...plan import Plan, Program
from ...statement import LineKind
from .axes import UsageAxis
from .box import Box
from .curve import At
from .form import Form, Rising
from .known import Unmodelled, must_know_plan
from .meters import entangled, is_countable, meters_of
from .outcome import Bill, Outcome, Verdict, Witness
from .scene import Scene, View
from .search import BOXES_MAX, WORK_MAX, Open, Problem, Settled, settle
from .total import total_of
from .witness import Point, bill, facts_text, grain, money_text, point_at, points_of, usage_text
from .worlds import worlds_of

ZERO = Fraction(0)
_TRIES_MAX = 60
_BENT_AXES_MAX = 8
_QUICK = 60
_BOXES_MIN = 12


def together(cheaper: Plan, dearer: Plan) -> tuple[Plan, Plan] | None:
    """The two versions, cut to the time in which both are in force; None where there is no such time."""
    starts = [plan.start for plan in (cheaper, dearer) if plan.start is not None]
    ends = [plan.end for plan in (cheaper, dearer) if plan.end is not None]
    start, end = max(starts, default=None), min(ends, default=None)
    if start is not None and end is not None and start >= end:
        return None
    return replace(cheaper, start=start, end=end), replace(dearer, start=start, end=end)


def never_costs_more(
    program: Program,
    cheaper: Plan,
    dearer: Plan,
    *,
    boxes_max: int = BOXES_MAX,
    work_max: int = WORK_MAX,
    first_place: bool = False,
) -> Outcome:
    """Whether the first plan never costs more than the second while both are in force.

    With `first_place` the witness tells from where on it does, along one quantity, and up to where.
    A box of many quantities takes longer: no more are divided than `work_max` quantities in all.
    """
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
            most = max(min(boxes_max, work_max // (len(scene.axes) + 1)), _BOXES_MIN)
            for budget in dict.fromkeys((min(_QUICK, most), most)):
                problem = Problem(scene.arena, difference, program.money.size, scene.endless, budget)
                found = settle(problem, scene.whole(), tries.refutes)
                if isinstance(found, Settled):
                    break
                witness = tries.witness or tries.at_points()
                if witness is not None and first_place:
                    witness = tries.first_place() or witness
                if witness is not None:
                    return Outcome(Verdict.REFUTED, witness.text, witness=witness)
            if isinstance(found, Open):
                if tries.tangle is not None:
                    reason = f"{' and '.join(tries.tangle)} are of the same events"
                    return Outcome(Verdict.NOT_DECIDED, "", reason=reason)
                if found.boxes > most:
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
        self.tangle: tuple[str, str] | None = None
        self.point = Point(())
        self.left = _TRIES_MAX
        self._seen: set[Point] = set()

    def refutes(self, box: Box, places: dict[int, At | None]) -> bool:
        """Whether the bills at these places refute the claim."""
        return self._try(point_at(self.scene, places, box)) or self._try(self._inside(box))

    def _inside(self, box: Box) -> Point:
        """The middle of a box: between a price and its ceiling neither end need be dearer."""
        return point_at(self.scene, {
            axis: own.low if own.high is None else At((max(own.low.number, ZERO) + own.high.number) / 2)
            for axis, own in enumerate(box.ranges) if own.low.number >= 0 or own.high is not None
        })  # fmt: skip

    def _try(self, point: Point) -> bool:
        if self.left <= 0 or point in self._seen:
            return False
        self._seen.add(point)
        self.left -= 1
        bills = self._bills(point)
        if bills is None or bills[0] <= bills[1]:
            return False
        used = self._used(point)
        if not is_countable(self.scene.world.program, used):
            return False
        both = entangled(self.scene.world.program, self.scene.world.plans, used)
        if both is not None:
            # Dearer, but perhaps for nobody: the promise is neither kept nor broken by it.
            self.tangle = both
            return False
        self.point = point
        self.witness = witness_of(self.scene, point, *bills)
        return True

    def _used(self, point: Point) -> dict[str, Fraction]:
        """The quantity of each meter at a point."""
        numbers = dict(point.numbers)
        found: dict[str, Fraction] = {}
        for axis, own in enumerate(self.scene.axes):
            if isinstance(own, UsageAxis):
                found[own.meter] = found.get(own.meter, ZERO) + (numbers.get(axis) or ZERO)
        return found

    def _bills(self, point: Point) -> tuple[Fraction, Fraction] | None:
        first, second = bill(self.scene, 0, point), bill(self.scene, 1, point)
        if first is None or second is None:
            return None
        return first.money.fraction(first.total), second.money.fraction(second.total)

    def _is_dearer(self, point: Point) -> bool:
        bills = self._bills(point)
        return bills is not None and bills[0] > bills[1]

    def first_place(self) -> Witness | None:
        """The witness with one quantity alone where that is enough, and from where to where it is dearer along it."""
        numbers = [(axis, number) for axis, number in self.point.numbers if number]
        alone = next((Point((item,)) for item in numbers if self._is_dearer(Point((item,)))), self.point)
        axis, most = max(((axis, number) for axis, number in alone.numbers if number), key=lambda item: item[1],
                         default=(0, ZERO))  # fmt: skip
        if not most or not isinstance(self.scene.axes[axis], UsageAxis):
            return None
        step = grain(self.scene, axis)
        far = max([*points_of(self.scene, axis), most]) * 10
        marks = sorted({near for point in (*points_of(self.scene, axis), most, far)
                        for near in (point // step * step, point // step * step + step)})  # fmt: skip

        def is_dearer(number: Fraction) -> bool:
            return self._is_dearer(alone.with_number(axis, number))

        first = next((mark for mark in marks if is_dearer(mark)), None)
        if first is None:
            return None
        before = max((mark for mark in marks if mark < first), default=None)
        last = next((mark for mark in marks if mark > first and not is_dearer(mark)), None)
        if before is not None:
            first = _turn(before, first, step, is_dearer)
        bills = self._bills(alone)
        assert bills is not None, "it is dearer there"
        found = replace(witness_of(self.scene, alone, *bills), since=usage_text(self.scene, axis, first))
        if last is None:
            return found
        begin = max(mark for mark in (first, *marks) if mark < last and is_dearer(mark))
        until = _turn(begin, last, step, lambda number: not is_dearer(number)) - step
        return replace(found, until=usage_text(self.scene, axis, until))

    def at_points(self) -> Witness | None:
        """Bills for each quantity alone: at the points of its prices, far beyond, and where a bound bends a bill."""
        self.left = 4 * _TRIES_MAX
        for point in chain(self._points(), self._bends()):
            if self._try(point):
                return self.witness
        return None

    def _bends(self) -> Iterator[Point]:
        """Where the floor of either plan ends, and where its ceiling begins, along each quantity alone."""
        for axis, own in enumerate(self.scene.axes[:_BENT_AXES_MAX]):
            if not isinstance(own, UsageAxis):
                continue
            far = max([*points_of(self.scene, axis), Fraction(100)])
            for number, (kind, begins) in product((0, 1), ((LineKind.MINIMUM, False), (LineKind.CAP, True))):
                bent = partial(self._acts, axis, number, kind, begins)
                high = next((far * 10**power for power in range(1, 8) if bent(far * 10**power)), None)
                if high is not None and not bent(ZERO):
                    turn = _turn(ZERO, high, grain(self.scene, axis), bent)
                    yield from (Point(((axis, turn),)), Point(((axis, turn - grain(self.scene, axis)),)))

    def _acts(self, axis: int, number: int, kind: LineKind, begins: bool, quantity: Fraction) -> bool:
        """Whether a plan's floor or ceiling acts at a quantity alone, or does not, as `begins` asks."""
        found = bill(self.scene, number, Point(((axis, quantity),)))
        return found is not None and any(line.kind is kind for line in found.lines) is begins

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


def _turn(low: Fraction, high: Fraction, step: Fraction, holds: Callable[[Fraction], bool]) -> Fraction:
    """The least multiple of a step at which something holds that does not at `low` and does at `high`."""
    while high - low > step:
        middle = low + max((high - low) / step // 2, 1) * step
        if holds(middle):
            high = middle
        else:
            low = middle
    return high


def witness_of(scene: Scene, point: Point, first: Fraction, second: Fraction) -> Witness:
    """A witness of two plans at one point."""
    program = scene.world.program
    facts = facts_text(scene, point)
    names = [plan.name for plan in scene.world.plans]
    amounts = [money_text(program, amount) for amount in (first, second)]
    text = f"{facts}: {names[0]} {amounts[0]}, {names[1]} {amounts[1]}"
    return Witness(facts, Bill(names[0], facts, first), Bill(names[1], facts, second), text)
