"""Witnesses: concrete accounts and usage at a place of a box, rated by `rate` itself.

A place just above a number becomes the next number that usage of the meter can have. Nothing is called refuted that
was not rated.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from ....diagnostics import Diagnostic
from ....money import approximate_text, decimal_text, grouped
from ...evaluators.rate import rate
from ...period import time_zone
from ...plan import Aggregation, Program
from ...statement import Statement
from ...usage import AccountUsage, FieldKind, MeteredQuantity, Subscription, Value
from ...window import contains
from .axes import ELSEWHERE, NumberAxis, UsageAxis
from .box import Box
from .curve import START, At
from .form import Along
from .scene import Scene

ZERO = Fraction(0)
_SIGNIFICANT = 6


@dataclass(frozen=True, slots=True)
class Point:
    """A quantity or number for some axes; None for none at all. Axes that are left out have what is usual."""

    numbers: tuple[tuple[int, Fraction | None], ...]

    def with_number(self, axis: int, number: Fraction | None) -> Point:
        return Point((*(item for item in self.numbers if item[0] != axis), (axis, number)))


def grain(scene: Scene, axis: int) -> Fraction:
    """The step between quantities that are tried: whole ones, unless the prices bend at finer ones."""
    own = scene.axes[axis]
    if isinstance(own, UsageAxis):
        meter = scene.world.program.meters[own.meter]
        if meter.rounding is not None:
            return meter.rounding.size
        if meter.aggregation in (Aggregation.COUNT, Aggregation.UNIQUE):
            return Fraction(1)
    finest = max((point.denominator for point in points_of(scene, axis)), default=1)
    step = Fraction(1)
    while finest > step.denominator and step.denominator < 10**_SIGNIFICANT:
        step /= 10
    return step


def points_of(scene: Scene, axis: int) -> list[Fraction]:
    """The points of all curves over an axis, in order."""
    return sorted(
        {
            point
            for atom in scene.arena.atoms
            if isinstance(atom, Along) and atom.axis == axis
            for point in atom.curve.points
        }
    )


def number_at(scene: Scene, axis: int, at: At | None) -> Fraction | None:
    """A number that stands for a place: beyond all points for a place without end."""
    step = grain(scene, axis)
    if at is None:
        return max([*points_of(scene, axis), Fraction(100)]) * 10
    if at.number < 0:
        return None
    below = at.number // step * step
    if at.side == 0:
        return at.number if decimal_text(at.number) is not None else below
    if at.side > 0:
        return below + step
    return below if below < at.number else max(below - step, ZERO)


def point_at(scene: Scene, places: Mapping[int, At | None], box: Box | None = None) -> Point:
    """Numbers for places; an axis without a place stands at the beginning of the box."""
    asked: dict[int, At | None] = {} if box is None else {
        axis: own.low for axis, own in enumerate(box.ranges) if own.low > START and axis not in places
    }  # fmt: skip
    return Point(tuple((axis, number_at(scene, axis, at)) for axis, at in {**asked, **places}.items()))


def bill(scene: Scene, number: int, point: Point) -> Statement | None:
    """The statement of a plan at a point; None where rating refuses."""
    world = scene.world
    numbers = dict(point.numbers)
    subscription = Subscription("", world.plans[number].name, world.start, None, _attributes(scene, numbers))
    quantities = tuple(_quantities(scene, numbers))
    found = rate(world.program, subscription, AccountUsage((), quantities), world.period)
    return None if isinstance(found, Diagnostic) else found


def _attributes(scene: Scene, numbers: Mapping[int, Fraction | None]) -> dict[str, Value]:
    world = scene.world
    found: dict[str, Value] = {}
    for name, schema in world.program.schema.attributes.items():
        if name in scene.by_attribute:
            axis = scene.by_attribute[name]
            chosen = numbers.get(axis)
            if chosen is not None:
                found[name] = _decimal(chosen)
            elif isinstance(schema.default, Decimal):
                found[name] = schema.default
            else:
                found[name] = Decimal(0)
        elif world.attributes.get(f"{name}?", True) is False:
            continue
        elif name in world.attributes:
            value = world.attributes[name]
            if value is not None:
                found[name] = value
        elif schema.default is not None:
            found[name] = schema.default
        elif schema.required:
            found[name] = _some(schema.kind, schema.values)
    return found


def _some(kind: FieldKind, values: tuple[str, ...]) -> Value:
    match kind:
        case FieldKind.ONE_OF:
            return values[0]
        case FieldKind.YES_NO:
            return False
        case FieldKind.DATE:
            from datetime import date

            return date(2026, 1, 1)
        case FieldKind.TEXT:
            return "another"
        case _:
            return Decimal(0)


def _quantities(scene: Scene, numbers: Mapping[int, Fraction | None]) -> Iterator[MeteredQuantity]:
    for axis, own in enumerate(scene.axes):
        if not isinstance(own, UsageAxis):
            continue
        quantity = numbers.get(axis)
        if quantity is None:
            continue
        window, time = own.window, None
        if window == ELSEWHERE:
            window, time = None, _elsewhere(scene, own)
        yield MeteredQuantity("", own.meter, quantity, dict(own.fields), time, window=window)


def _elsewhere(scene: Scene, axis: UsageAxis) -> datetime | None:
    """An instant of the period in no window of the meter's tables."""
    world = scene.world
    zone = time_zone(world.program.zone)
    assert zone is not None, "the resolver lets only known zones through"
    names = {
        own.window
        for own in scene.axes
        if isinstance(own, UsageAxis) and own.meter == axis.meter and own.window not in (None, ELSEWHERE)
    }
    bounds = world.period.period(zone)
    now = bounds.start
    while now < bounds.end:
        if not any(contains(world.program.windows[name], now, zone) for name in names if name is not None):
            return now
        now += timedelta(minutes=30)
    return None


def _decimal(value: Fraction) -> Decimal:
    text = decimal_text(value) or approximate_text(value, _SIGNIFICANT)
    return Decimal(text)


# Words


def number_text(value: Fraction) -> str:
    return grouped(decimal_text(value) or approximate_text(value, _SIGNIFICANT))


def money_text(program: Program, value: Fraction) -> str:
    text = decimal_text(value, program.money.currency.minor_digits) or approximate_text(value, _SIGNIFICANT)
    return grouped(text)


def usage_text(scene: Scene, axis: int, number: Fraction | None) -> str:
    """`egress 10,000 GB, region eu`"""
    own = scene.axes[axis]
    assert isinstance(own, UsageAxis)
    unit = scene.world.program.meters[own.meter].unit.name
    quantity = f"{own.meter} {number_text(number or ZERO)} {unit}".rstrip()
    if number is None:
        quantity = f"no {own.meter}"
    values = [f"{name} {_value_text(value)}" for name, value in own.fields]
    if own.window:
        values.append(f"time {own.window}")
    return ", ".join([quantity, *values])


def _value_text(value: Value) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return grouped(str(value)) if isinstance(value, Decimal) else str(value)


def account_text(scene: Scene, point: Point) -> str:
    """`account tier gold, seats 3`, or nothing."""
    numbers = dict(point.numbers)
    told = [
        f"{name} {_value_text(value)}"
        for name, value in scene.world.attributes.items()
        if value is not None and not name.endswith("?")
    ]
    for axis, own in enumerate(scene.axes):
        if isinstance(own, NumberAxis) and numbers.get(axis) is not None:
            told.append(f"{own.attribute} {number_text(numbers[axis] or ZERO)}")
    return f"account {', '.join(told)}" if told else ""


def facts_text(scene: Scene, point: Point, *, leave_out: int | None = None) -> str:
    """Usage and account of a point in the words of an example."""
    usage = [
        f"usage {usage_text(scene, axis, number)}"
        for axis, number in sorted(point.numbers)
        if isinstance(scene.axes[axis], UsageAxis) and axis != leave_out and number
    ]
    return "; ".join(text for text in (*(usage or ["no usage"]), account_text(scene, point)) if text)
