"""More of a meter never costs less: proved along every axis of the meter, or refuted by two bills."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction

from ...plan import Plan, Program
from .axes import UsageAxis
from .bounds import Bounds
from .box import Box, Fork, Question, middle_of
from .curve import ABSENT, START, At
from .form import Along, Form
from .known import Unmodelled, Unrated, must_know_plan
from .meters import meters_of
from .outcome import Bill, Outcome, Verdict, Witness
from .rising import Rises, rises
from .scene import Scene, View
from .search import Open, Problem, Settled, settle
from .total import total_of
from .witness import Point, bill, facts_text, grain, money_text, point_at, points_of, usage_text
from .worlds import worlds_of

ZERO = Fraction(0)
_LEAVES_MAX = 400
_LADDER_MAX = 60
_WORLDS_LOOKED_AT = 12


@dataclass(slots=True)
class _Along:
    """What one axis of the meter showed."""

    slack: Fraction = ZERO
    why: str = ""
    marks: set[At] = field(default_factory=set)
    questions: dict[Question, Form] = field(default_factory=dict)
    places: list[dict[int, At | None]] = field(default_factory=list)
    """Where something may fall."""
    points: bool = True
    """Whether the points of prices are tried too, not only thresholds."""


def more_never_costs_less(program: Program, plan: Plan, meter: str) -> Outcome:
    """Whether more of a meter never costs less on one version of a plan."""
    slack = ZERO
    why = ""
    try:
        must_know_plan(program, plan)
        for world in worlds_of(program, [plan]):
            scene = Scene(world, meters_of([plan], meter))
            parts = _Parts.of(scene, scene.whole())
            for axis in scene.by_meter[meter]:
                found = _along(scene, axis, parts)
                if found.why:
                    refuted = _refuted(scene, axis, found)
                    if refuted is not None:
                        return Outcome(Verdict.REFUTED, refuted.text, witness=refuted)
                    why = why or found.why
                slack = max(slack, found.slack)
    except Unmodelled as reason:
        why = str(reason)
    if why:
        return Outcome(Verdict.NOT_DECIDED, "", reason=why)
    return Outcome(Verdict.PROVED, "no price, bound or policy falls where more is used", slack=slack)


def fall_at_a_threshold(program: Program, plan: Plan, meter: str) -> Witness | None:
    """Two bills between which a threshold lies at which the total falls. Only the thresholds are looked at."""
    try:
        must_know_plan(program, plan)
        for world in worlds_of(program, [plan])[:_WORLDS_LOOKED_AT]:
            scene = Scene(world, meters_of([plan], meter))
            parts = _Parts.of(scene, scene.whole())
            for axis in scene.by_meter[meter]:
                found = parts.along(scene, axis)
                found.points = False
                refuted = _refuted(scene, axis, found) if found.marks or found.questions else None
                if refuted is not None:
                    return refuted
    except Unmodelled:
        return None
    return None


@dataclass(frozen=True, slots=True)
class _Parts:
    """The total in each part of a box in which all questions are answered, and the questions that were asked.

    `whole` is False where there are more parts than are looked at.
    """

    leaves: tuple[tuple[Form, Bounds], ...]
    forks: tuple[Fork, ...]
    whole: bool

    @classmethod
    def of(cls, scene: Scene, whole: Box) -> _Parts:
        waiting = [whole]
        leaves: list[tuple[Form, Bounds]] = []
        forks: list[Fork] = []
        while waiting and len(leaves) + len(forks) < _LEAVES_MAX:
            box = waiting.pop()
            try:
                leaves.append((total_of(scene, 0, View(scene, box)), scene.bounds(box)))
            except Fork as fork:
                waiting.extend(fork.ways)
                forks.append(fork)
            except Unrated:
                continue
        return cls(tuple(leaves), tuple(forks), not waiting)

    def along(self, scene: Scene, axis: int) -> _Along:
        """What was asked along one axis."""
        found = _Along(why="" if self.whole else "too many conditions meet")
        for fork in self.forks:
            if fork.axis == axis and fork.at is not None:
                found.marks.add(fork.at)
            if fork.question is not None and fork.form is not None and axis in scene.arena.axes_of(fork.form):
                found.questions[fork.question] = fork.form
        return found


def _along(scene: Scene, axis: int, parts: _Parts) -> _Along:
    found = parts.along(scene, axis)
    whole = scene.whole()
    for form, bounds in parts.leaves:
        if found.why:
            break
        _put_leaf(scene, axis, form, bounds, found)
    if not found.why:
        for mark in sorted(found.marks):
            _put_mark(scene, axis, mark, whole, found)
        for question, form in list(found.questions.items()):
            _put_question(scene, axis, question, form, whole, found)
    return found


def _put_leaf(scene: Scene, axis: int, form: Form, whole: Bounds, found: _Along) -> None:
    """Divide a leaf at points of its prices until it is known to rise, or known where it may fall."""
    waiting = [whole.box]
    count = 0
    while waiting:
        part = waiting.pop()
        count += 1
        shown = rises(whole if part is whole.box else scene.bounds(part), form, axis)
        if isinstance(shown, Rises):
            found.slack = max(found.slack, shown.noise // _unit(scene) * _unit(scene))
            continue
        at = middle_of(part.ranges[axis], points_of(scene, axis)) if count < 40 else None
        inside = at is not None and any(part.ranges[axis].low < At(point) for point in points_of(scene, axis)
                                        if part.ranges[axis].holds(At(point)))  # fmt: skip
        if at is None or not inside:
            found.why = shown.why or "what is taken off may outgrow the price"
            if shown.at is not None:
                found.places.append({axis: shown.at})
            return
        # Both parts hold the place itself, so that no jump lies between them.
        halves = (part.narrowed(axis, high=at), part.narrowed(axis, low=at))
        waiting.extend(half for half in halves if half is not None)


def _put_mark(scene: Scene, axis: int, mark: At, whole: Box, found: _Along) -> None:
    """At a threshold of the axis the total may jump, up."""
    before = ABSENT if mark == START else At(mark.number, mark.side - 1)
    own = whole.ranges[axis]
    if before < own.low:
        return
    fixed = frozenset({axis})

    def difference(box: Box) -> Form:
        left = total_of(scene, 0, View(scene, box.at(axis, before), fixed))
        try:
            right = total_of(scene, 0, View(scene, box.at(axis, mark), fixed))
        except Unrated:
            return Form()
        return left - right

    _note(settle(_problem(scene, difference), whole), axis, mark, found)


def _put_question(scene: Scene, axis: int, question: Question, form: Form, whole: Box, found: _Along) -> None:
    """Where a comparison of amounts turns along the axis the total may jump, up."""
    bounds = Bounds(scene.arena, whole, scene.endless)
    upward = isinstance(rises(bounds, form, axis), Rises)
    downward = isinstance(rises(bounds, form.times(-Fraction(1)), axis), Rises)
    if not upward and not downward:
        found.why = "a condition may turn more than once"
        return
    # Where the amounts have no jump along the axis, they meet the threshold exactly as the answer turns.
    smooth = all(_is_smooth(scene, number, axis) for number in _below(scene, form))

    def difference(box: Box) -> Form:
        first = total_of(scene, 0, View(scene, box.assuming(question, not upward, None)))
        second = total_of(scene, 0, View(scene, box.assuming(question, upward, None)))
        return first - second

    known = (form, form.times(-Fraction(1))) if smooth else ()
    start = Box(whole.ranges, given=known)
    _note(settle(_problem(scene, difference), start), axis, None, found)


def _note(settled: Settled | Open, axis: int, mark: At | None, found: _Along) -> None:
    if isinstance(settled, Open):
        found.why = "the total may fall where a rule begins to apply" if not found.why else found.why
        places = dict(settled.places)
        if mark is not None:
            places[axis] = mark
        found.places.append(places)
    else:
        found.slack += settled.slack


def _below(scene: Scene, form: Form) -> Iterator[int]:
    waiting, seen = list(form.terms), set[int]()
    while waiting:
        number = waiting.pop()
        if number in seen:
            continue
        seen.add(number)
        yield number
        atom = scene.arena.atoms[number]
        if not isinstance(atom, Along):
            waiting.extend(atom.of.terms)


def _is_smooth(scene: Scene, number: int, axis: int) -> bool:
    atom = scene.arena.atoms[number]
    curve = getattr(atom, "curve", None)
    if curve is None or axis not in scene.arena.axes[number]:
        return not hasattr(atom, "also")
    if any(piece.stairs for piece in curve.pieces) or curve.absent != curve.values[0]:
        return False
    return (
        all(
            curve.value(At(point, -1)) == curve.value(At(point)) == curve.value(At(point, 1))
            for point in curve.points[1:]
        )
        and curve.value(At(ZERO, 1)) == curve.values[0]
    )


def _problem(scene: Scene, difference: object) -> Problem:
    return Problem(scene.arena, difference, _unit(scene), scene.endless, 600)  # type: ignore[arg-type]


def _unit(scene: Scene) -> Fraction:
    return scene.world.program.money.size


# Refutation


def _refuted(scene: Scene, axis: int, found: _Along) -> Witness | None:
    """Two bills of which the one for more is lower, looked for where the total may fall."""
    bases = [Point(())]
    for places in found.places:
        others = {other: at for other, at in places.items() if other != axis}
        if others:
            bases.append(point_at(scene, others))
    bases += _amounts_turn(scene, axis, found)
    for base in bases[:6]:
        witness = _on_ladder(scene, axis, base, found)
        if witness is not None:
            return witness
    return None


def _amounts_turn(scene: Scene, axis: int, found: _Along) -> Iterator[Point]:
    """Other quantities at their last points, so that thresholds of sums come within reach."""
    if not found.questions:
        return
    others = [other for other, own in enumerate(scene.axes) if isinstance(own, UsageAxis) and other != axis]
    for other in others[:3]:
        yield Point(((other, max([*points_of(scene, other), Fraction(100)])),))


def _on_ladder(scene: Scene, axis: int, base: Point, found: _Along) -> Witness | None:
    step = grain(scene, axis)
    numbers = (set(points_of(scene, axis)) if found.points else set()) | {mark.number for mark in found.marks}
    numbers |= {at.number for places in found.places if (at := places.get(axis)) is not None}
    numbers |= set(_crossings(scene, axis, base, found))
    ladder: set[Fraction] = set()
    for number in numbers:
        whole = number // step * step
        ladder.update(whole + step * times for times in (-1, 0, 1, 2) if whole + step * times >= 0)
    if found.points:
        last = max(ladder, default=step)
        ladder.update((last * 2, last * 10))
    previous: tuple[Fraction, Fraction] | None = None
    for number in sorted(ladder)[:_LADDER_MAX]:
        if previous is not None and not found.points and number - previous[0] > step:
            previous = None
        statement = bill(scene, 0, base.with_number(axis, number))
        if statement is None:
            previous = None
            continue
        amount = statement.money.fraction(statement.total)
        if previous is not None and amount < previous[1]:
            return _witness(scene, axis, base, previous, (number, amount))
        previous = (number, amount)
    return None


def _crossings(scene: Scene, axis: int, base: Point, found: _Along) -> Iterator[Fraction]:
    """Quantities at which an amount that a condition asks for turns, by halving between two bills."""
    if not found.questions:
        return
    box = scene.whole()
    for other, own in enumerate(scene.axes):
        number = dict(base.numbers).get(other)
        place = box.ranges[other].low if number is None else At(number)
        if other != axis:
            box = box.at(other, place)
            _ = own
    for form in found.questions.values():
        high = max([*points_of(scene, axis), Fraction(1)])
        low = ZERO

        def above(quantity: Fraction, form: Form = form) -> bool:
            found_range = Bounds(scene.arena, box.at(axis, At(quantity)), scene.endless).range(form)
            return found_range[0] is not None and found_range[0] >= 0

        start = above(low)
        for _ in range(40):
            if above(high) != start:
                break
            high *= 2
        for _ in range(60):
            middle = (low + high) / 2
            if above(middle) == start:
                low = middle
            else:
                high = middle
        yield high


def _witness(
    scene: Scene, axis: int, base: Point, less: tuple[Fraction, Fraction], more: tuple[Fraction, Fraction]
) -> Witness:
    program, plan = scene.world.program, scene.world.plans[0].name
    less, more = _nearer(scene, axis, base, less, more)
    texts = [usage_text(scene, axis, number) for number, _ in (less, more)]
    facts = facts_text(scene, base).removeprefix("no usage").removeprefix("; ")
    shown = f"{texts[0]}: {money_text(program, less[1])}; {texts[1]}: {money_text(program, more[1])}"
    where = f" ({facts})" if facts else ""
    bills = [bill(scene, 0, base.with_number(axis, number)) for number, _ in (less, more)]
    lines = [frozenset(line.id for line in item.lines) if item is not None else frozenset() for item in bills]
    until = _until(scene, axis, base, less[1], more[0])
    return Witness(
        facts,
        Bill(plan, texts[0], less[1]),
        Bill(plan, texts[1], more[1]),
        f"on {plan}, usage {shown}{where}",
        tuple(sorted(lines[0] ^ lines[1])),
        None if until is None else usage_text(scene, axis, until),
    )


def _nearer(
    scene: Scene, axis: int, base: Point, less: tuple[Fraction, Fraction], more: tuple[Fraction, Fraction]
) -> tuple[tuple[Fraction, Fraction], tuple[Fraction, Fraction]]:
    """Two quantities one step apart between two bills that fall, where halving finds such."""
    step = grain(scene, axis)
    while more[0] - less[0] > step:
        middle = less[0] + (more[0] - less[0]) / step // 2 * step
        statement = bill(scene, 0, base.with_number(axis, middle))
        if statement is None:
            break
        amount = statement.money.fraction(statement.total)
        if amount > more[1]:
            less = (middle, amount)
        else:
            more = (middle, amount)
    return (less, more)


def _until(scene: Scene, axis: int, base: Point, amount: Fraction, since: Fraction) -> Fraction | None:
    """The last quantity from `since` on that costs less than an amount; None where nothing costs as much."""

    def costs_less(number: Fraction) -> bool:
        statement = bill(scene, 0, base.with_number(axis, number))
        return statement is None or statement.money.fraction(statement.total) < amount

    step = grain(scene, axis)
    low, high = since, max(2 * since, step)
    for _ in range(40):
        if not costs_less(high):
            break
        low, high = high, 2 * high
    else:
        return None
    while high - low > step:
        middle = low + (high - low) / step // 2 * step
        if costs_less(middle):
            low = middle
        else:
            high = middle
    return low
