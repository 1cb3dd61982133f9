"""Turning points: the quantities ahead at which a statement's price changes its manner.

They come from the plan's own breakpoints, by the walk that prices: nothing is sampled.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from ...money import approximate_text, decimal_text, grouped
from ..condition import And, Compare, Comparison, Condition, Literal, UsageOf
from ..plan import BoundKind, Charge, OfMeter, Plan, Program
from ..schedule import Schedule, fitting, price
from ..statement import Line, LineKind, Statement, TurningPoint
from .in_force import plan_on


def turning_points(program: Program, statement: Statement) -> tuple[TurningPoint, ...]:
    """The next bound of each charge, the thresholds of policies, and where a minimum ends, in order of lines."""
    if statement.part_of is not None:
        # Its lines are differences, and nothing says where on a ladder they stand.
        return ()
    begins = statement.start if statement.covered is None else statement.covered.start
    plan = plan_on(program, statement.plan, begins.astimezone(statement.start.tzinfo).date())
    if plan is None:
        plan = program.plans[statement.plan][0]
    found: list[TurningPoint] = []
    for charge in plan.charges:
        for line in statement.lines:
            if line.id == charge.name and line.kind is LineKind.CHARGE and isinstance(charge.source, OfMeter):
                found.extend([] if line.days is not None else _next_band(charge, line))
    found.extend(_ahead_after_a_change(program, statement))
    found.extend(_thresholds(program, plan, statement))
    found.extend(_end_of_minimum(plan, statement))
    return tuple(dict.fromkeys(found))


def _ahead_after_a_change(program: Program, statement: Statement) -> Iterator[TurningPoint]:
    """The next bounds of lines whose prices hold at the period's end, where prices changed inside it."""
    for line in statement.lines:
        if line.days is None or line.kind is not LineKind.CHARGE or statement.covered is None:
            continue
        plan = plan_on(program, statement.plan, line.days.start)
        if plan is None or statement.period_of(line)[1] != statement.covered.end:
            continue
        for charge in plan.charges:
            if charge.name == line.id and isinstance(charge.source, OfMeter):
                yield from _next_band(charge, line)


def _schedule_of(charge: Charge, line: Line) -> Schedule | None:
    """The ladder on which the line's own quantity stands, or None where more than that decides its place."""
    if charge.pooling is not None or charge.counted is not None or charge.prorated:
        return None
    if not charge.columns:
        schedule = charge.rows[0].schedule
    else:
        schedules = [row.schedule for row in charge.rows if row.place == line.place]
        if not schedules:
            return None
        schedule = schedules[0]
    return None if schedule.depends else schedule


def _priced_quantity(line: Line) -> Fraction:
    """What the line's ladder saw: the metered quantity less what was included."""
    step = line.quantity_derivation
    return max(step.value if step is not None else (line.quantity or Fraction(0)), Fraction(0))


def _next_band(charge: Charge, line: Line) -> Iterator[TurningPoint]:
    assert isinstance(charge.source, OfMeter)
    schedule = _schedule_of(charge, line)
    if schedule is None:
        return
    quantity = _priced_quantity(line)
    finer, whole = fitting(schedule, quantity)
    included = (line.quantity or Fraction(0)) - quantity
    for band, following in zip(finer.bands, finer.bands[1:], strict=False):
        if band.upper is None or whole > band.upper or (whole == band.upper and not band.inclusive):
            continue
        at = Fraction(band.upper, finer.quantity_scale) + max(included, Fraction(0))
        which = " ".join([charge.name, *(text for _, text in line.by)])
        side = "above" if band.inclusive else "from"
        what = following.text or following.once_text
        yield TurningPoint(
            charge.source.meter, at, line.unit, f"{side} {_amount(at, line.unit)} of {which} the price is {what}"
        )
        return


def _thresholds(program: Program, plan: Plan, statement: Statement) -> Iterator[TurningPoint]:
    """Where a policy that waits for more usage begins."""
    waiting = {item.id for item in statement.not_applied}
    for policy in plan.policies:
        if policy.name not in waiting:
            continue
        for condition in _simple(policy.when):
            if not isinstance(condition.left, UsageOf) or not isinstance(condition.right, Literal):
                continue
            if condition.comparison not in (Comparison.GREATER, Comparison.GREATER_OR_EQUAL):
                continue
            mark = condition.right.value
            if not isinstance(mark, Fraction) or isinstance(mark, bool):
                continue
            unit = program.meters[condition.left.meter].unit.name
            side = "above" if condition.comparison is Comparison.GREATER else "from"
            text = f"{side} {_amount(mark, unit)} of {condition.left.meter} `{policy.name}` applies ({policy.text})"
            yield TurningPoint(condition.left.meter, mark, unit, text)


def _simple(conditions: tuple[Condition, ...]) -> Iterator[Compare]:
    for condition in conditions:
        if isinstance(condition, Compare):
            yield condition
        elif isinstance(condition, And):
            yield from _simple(condition.parts)


def _end_of_minimum(plan: Plan, statement: Statement) -> Iterator[TurningPoint]:
    """For each line of a meter: how much of it alone would make the plan's minimum add nothing.

    Only where no policy touches the line, so that its price alone decides.
    """
    money = statement.money
    for line in statement.lines:
        if line.kind is not LineKind.MINIMUM or line.id != BoundKind.MINIMUM.value:
            continue
        adjusted = {name for item in statement.lines if item.taken for name in item.on if item is not line}
        for charge in plan.charges:
            own = [item for item in statement.lines if item.id == charge.name and item.kind is LineKind.CHARGE]
            if (
                len(own) != 1
                or own[0].days is not None
                or charge.name in adjusted
                or (line.on and charge.name not in line.on)
            ):
                continue
            schedule = _schedule_of(charge, own[0])
            if schedule is None or not isinstance(charge.source, OfMeter) or charge.minimum or charge.cap:
                continue
            wanted = money.fraction(own[0].amount + line.amount)
            reached = _quantity_costing(schedule, wanted, _priced_quantity(own[0]))
            if reached is None:
                continue
            included = (own[0].quantity or Fraction(0)) - _priced_quantity(own[0])
            at = reached + max(included, Fraction(0))
            text = f"above {_amount(at, own[0].unit)} of {charge.name} the minimum no longer adds anything"
            yield TurningPoint(charge.source.meter, at, own[0].unit, text)


def _quantity_costing(schedule: Schedule, wanted: Fraction, since: Fraction) -> Fraction | None:
    """The least quantity above `since` that costs so much, on a ladder of proportional rates; None where there is none.

    Between two neighbouring bounds the price is a straight line, which is solved exactly.
    """
    if any(band.step is not None or band.refused for band in schedule.bands):
        return None
    finer, low = fitting(schedule, since)
    target = wanted * finer.money_scale
    bounds = [band.upper for band in finer.bands if band.upper is not None and band.upper > low]
    for high in [*bounds, None]:
        at_low = price(finer, low)
        if high is None:
            rate = finer.bands[-1].rate
            if rate <= 0:
                return None
            just_past = price(finer, low + 1) - rate
            return (low + max(Fraction(target - just_past, rate), Fraction(0))) / finer.quantity_scale
        at_high = price(finer, high)
        if at_high >= target > at_low:
            slope = Fraction(at_high - price(finer, low + 1), max(high - low - 1, 1))
            if slope <= 0:
                return Fraction(high, finer.quantity_scale)
            return (low + 1 + (target - price(finer, low + 1)) / slope) / finer.quantity_scale
        low = high
    return None


def _amount(value: Fraction, unit: str) -> str:
    text = decimal_text(value)
    if text is None or len(text.partition(".")[2]) > 2:
        text = approximate_text(value, 2)
    return f"{grouped(text)} {unit}".rstrip()
