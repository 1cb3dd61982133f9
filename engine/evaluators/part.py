"""Bills for a part of a billing period: the statement to the part's end less the statement to its start.

Each of the two is rated and rounded like any other, so that the bills for the parts of a period add up to the
statement of the whole, line by line. Minimums act at the end of the period, hence on the last part.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction

from ...diagnostics import Diagnostic
from ..derivation import Place, Role, Step, difference, given, total
from ..period import DateRange, Period, billing_period, time_zone
from ..plan import BoundKind, PlanBound, Program
from ..statement import Line, LineKind, NotApplied, Statement
from ..usage import AccountUsage, Subscription
from .in_force import billed_by, plan_on
from .rate import no_version, rate, rate_until


@dataclass(frozen=True, slots=True)
class LineKey:
    """What makes a line of one statement the same line of another: its rule, its row, the days of its price, its card.

    Rules of one name, as two minimums, are told apart by their places. A line that is alike in all has a `number`.
    """

    id: str
    kind: LineKind
    by: tuple[tuple[str, str], ...]
    since: date | None
    card: int | None
    place: Place | None
    number: int = 0


def billing_periods_over(
    program: Program, subscription: Subscription, within: DateRange
) -> Iterator[DateRange | Diagnostic]:
    """The whole billing periods of a subscription that share a day with `within`, in order."""
    day = max(within.start, subscription.start)
    end = within.end if subscription.end is None else min(within.end, subscription.end)
    while day < end:
        plan = billed_by(program, subscription.plan, day)
        period = None if plan is None else billing_period(plan.billing, day, subscription.start)
        if period is None or plan_on(program, subscription.plan, max(period.start, subscription.start)) is None:
            yield no_version(program, subscription, day)
            return
        yield period
        day = period.end


def rate_part(
    program: Program, subscription: Subscription, usage: AccountUsage, period: DateRange, part: DateRange
) -> Statement | Diagnostic:
    """The bill of a subscription for the days of `part` that lie in the billing period `period`.

    Where these are all that the subscription covers of the period, it is the statement of the period. Cards have what
    they had when the period began. Raises `ValueError` where no day of the part is covered.
    """
    covered = _covered(subscription, period)
    days = None if covered is None else covered.overlap(part)
    if covered is None or days is None:
        raise ValueError(f"{part.start} to {part.end} holds no day that is covered of {period.start} to {period.end}")
    if days == covered:
        return rate(program, subscription, usage, period)
    if any(item.time is None and item.period_start in (None, period.start) for item in usage.quantities):
        return Diagnostic(
            "RB4015",
            f"a metered quantity has no time, and only {days.start} before {days.end} of the period is billed",
            hints=("give the quantity a time", f"bill the whole period from {period.start} before {period.end}"),
            place=f"account {subscription.account}",
        )
    to_end = rate_until(program, subscription, usage, period, days.end)
    if isinstance(to_end, Diagnostic):
        return to_end
    to_start = rate_until(program, subscription, usage, period, days.start) if days.start > covered.start else None
    if isinstance(to_start, Diagnostic):
        return to_start
    plan = plan_on(program, subscription.plan, covered.start)
    bounds = () if plan is None or days.end == covered.end else plan.bounds
    return _bill(to_end, to_start, days, bounds)


def _covered(subscription: Subscription, period: DateRange) -> DateRange | None:
    end = period.end if subscription.end is None else min(period.end, subscription.end)
    start = max(period.start, subscription.start)
    return DateRange(start, end) if start < end else None


def _bill(to_end: Statement, to_start: Statement | None, days: DateRange, bounds: Sequence[PlanBound]) -> Statement:
    before = {} if to_start is None else _by_key(to_start)
    after = _by_key(to_end)
    # What stood on the statement to the start and is gone, as a discount that no longer holds, is taken back.
    keys = [*after, *(key for key in before if key not in after)]
    lines = {
        key: _difference(after.get(key), before.get(key), to_end, days.start)
        for key in keys
        if _matters(after.get(key), before.get(key))
    }
    taken = {key: _taken(key, to_end, to_start) for key in lines}
    kept = {target for shares in taken.values() for target in shares} | set(lines)
    for key in keys:
        if key in kept and key not in lines:
            lines[key] = _difference(after.get(key), before.get(key), to_end, days.start)
    ordered = [key for key in keys if key in lines]
    place = {key: index for index, key in enumerate(ordered)}
    found = tuple(
        replace(
            lines[key],
            taken=tuple((place[target], size) for target, size in taken.get(key, {}).items()),
        )
        for key in ordered
    )
    amount = sum(line.amount for line in found if line.is_added)
    zone = to_end.start.tzinfo
    known = time_zone(str(zone))
    assert known is not None, "a statement stands in the ruleset's zone"
    bounds_of_part = days.period(known)
    return replace(
        to_end,
        start=bounds_of_part.start.astimezone(known),
        end=bounds_of_part.end.astimezone(known),
        lines=found,
        not_applied=(*to_end.not_applied, *_waiting(bounds)),
        total=amount,
        due=amount + sum(line.amount for line in found if line.kind is LineKind.PREPAID),
        covered=Period(bounds_of_part.start, bounds_of_part.end),
        part_of=(to_end.start, to_end.end),
    )


def _waiting(bounds: Sequence[PlanBound]) -> Iterator[NotApplied]:
    for bound in bounds:
        if bound.kind is BoundKind.MINIMUM:
            reason = "a minimum acts on the last part of a billing period"
            yield NotApplied(bound.kind.value, LineKind.MINIMUM, bound.labels, reason, bound.bound.place)


def _key(line: Line) -> LineKey:
    priced = line.kind in (LineKind.CHARGE, LineKind.FEE)
    # The two statements may end the days of a price differently; they begin them alike.
    since = None if line.days is None else line.days.start
    return LineKey(line.id, line.kind, line.by, since, line.card, None if priced else line.place)


def _keys(statement: Statement) -> list[LineKey]:
    """The key of each line, in order."""
    counts: dict[LineKey, int] = {}
    found = []
    for line in statement.lines:
        like = _key(line)
        number = counts.get(like, 0)
        counts[like] = number + 1
        found.append(replace(like, number=number))
    return found


def _by_key(statement: Statement) -> dict[LineKey, Line]:
    return dict(zip(_keys(statement), statement.lines, strict=True))


def _matters(after: Line | None, before: Line | None) -> bool:
    """A line of zero is left out, but for a charge that is a line also without usage."""
    line = after or before
    assert line is not None
    size = (0 if after is None else after.amount) - (0 if before is None else before.amount)
    quantity = _quantity(after) - _quantity(before)
    return bool(size or quantity) or (line.kind is LineKind.CHARGE and not line.by and line.days is None)


def _quantity(line: Line | None) -> Fraction:
    return Fraction(0) if line is None or line.quantity is None else line.quantity


def _difference(after: Line | None, before: Line | None, statement: Statement, since: date) -> Line:
    """A line of the part: what the statement to its end has more than the statement to its start."""
    line = after or before
    assert line is not None
    if after is not None and before is None:
        return after
    before_part = f"billed before {since}"
    code = statement.money.currency.code
    earlier = total(Role.AMOUNT, (_step(before, Role.AMOUNT, code),), before_part, code)
    quantity = None
    if line.quantity is not None and line.kind is LineKind.CHARGE:
        counted = total(Role.QUANTITY, (_quantity_step(before, line.unit),), before_part, line.unit)
        quantity = difference(Role.QUANTITY, (_quantity_step(after, line.unit), counted), unit=line.unit)
    return replace(
        line,
        amount=(0 if after is None else after.amount) - (0 if before is None else before.amount),
        derivation=difference(Role.AMOUNT, (_step(after, Role.AMOUNT, code), earlier), "for this part", code),
        quantity=_of_part(line, after, before),
        quantity_derivation=quantity,
    )


def _of_part(line: Line, after: Line | None, before: Line | None) -> Fraction | None:
    """A charge's quantity in the part; a fee's count is what it is."""
    return _quantity(after) - _quantity(before) if line.kind is LineKind.CHARGE else line.quantity


def _step(line: Line | None, role: Role, unit: str) -> Step:
    return given(role, Fraction(0), "nothing", unit) if line is None else line.derivation


def _quantity_step(line: Line | None, unit: str) -> Step:
    if line is not None and line.quantity_derivation is not None:
        return line.quantity_derivation
    return given(Role.METER, _quantity(line), "nothing" if line is None else "", unit)


def _taken(key: LineKey, to_end: Statement, to_start: Statement | None) -> Mapping[LineKey, int]:
    """How the part's amount of a policy fell on lines: the difference of how the two statements' amounts did."""
    shares: dict[LineKey, int] = {}
    for statement, sign in ((to_end, 1), (to_start, -1)):
        if statement is None:
            continue
        keys = _keys(statement)
        line = statement.lines[keys.index(key)] if key in keys else None
        for index, size in () if line is None else line.taken:
            shares[keys[index]] = shares.get(keys[index], 0) + sign * size
    return {target: size for target, size in shares.items() if size}
