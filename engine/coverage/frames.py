"""When examples play: the billing periods of a version of a plan, those of its own examples first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from itertools import islice

from ..compiler.model import Example
from ..condition import Month, StartsIn, operands
from ..evaluators.in_force import plan_on
from ..evaluators.rate import billing_periods_of
from ..period import DateRange, add_months, parse_period
from ..plan import Fee, Plan, Program
from ..usage import Subscription
from .draft import Desk, Frame
from .items import Item
from .targets import ConditionFails, FeeCase, FeeMet, OutsideDates, Overlap, RuleApplies, RuleKind
from .words import conditions_of

_OWN_MAX = 2
_MONTHS = 14
_YEAR = date(2026, 1, 1)


def own_frames(program: Program, plan: Plan, examples: Sequence[Example]) -> tuple[Frame, ...]:
    """When the examples of this version play, the commonest first, or its first whole month where it has none."""
    counts: dict[Frame, int] = {}
    for example in examples:
        first = max(example.start, example.period.start)
        if example.plan == plan.name and plan_on(program, plan.name, first) is plan:
            text = _text(example.period)
            if text is not None:
                since = None if example.start == example.period.start else example.start
                frame = Frame(text, example.period, since)
                counts[frame] = counts.get(frame, 0) + 1
    found = tuple(sorted(counts, key=lambda frame: -counts[frame]))[:_OWN_MAX]
    return found or tuple(islice(months(program, plan), 1))


def _text(days: DateRange) -> str | None:
    iso = days.start.isoformat()
    return next((text for text in (iso[:4], iso[:7], iso) if parse_period(text) == days), None)


def months(program: Program, plan: Plan) -> Iterator[Frame]:
    """The months of a version in which an account that begins with them has a billing period of this version."""
    first = plan.start
    if first is None:
        first = _YEAR if plan.end is None or plan.end > _YEAR else add_months(plan.end.replace(day=1), -_MONTHS)
    month = first.replace(day=1)
    for number in range(_MONTHS + 1):
        frame = month_frame(add_months(month, number))
        if rates(program, plan, frame):
            yield frame
    if plan.start is not None:
        yield from _day_frames(program, plan, plan.start)


def _day_frames(program: Program, plan: Plan, day: date) -> Iterator[Frame]:
    """A version that no whole month lies in begins with an account of its own first day."""
    frame = Frame(f"{day:%Y-%m}", month_frame(day.replace(day=1)).days, day)
    if day.day != 1 and rates(program, plan, frame):
        yield frame


def month_frame(first: date, since: date | None = None) -> Frame:
    """The month that begins on a day."""
    return Frame(f"{first:%Y-%m}", DateRange(first, add_months(first, 1)), since)


def rates(program: Program, plan: Plan, frame: Frame) -> bool:
    """Whether an account of the frame is rated, first of all, by this version of the plan."""
    subscription = Subscription("example", plan.name, frame.start)
    for period in billing_periods_of(program, subscription, frame.days):
        if not isinstance(period, DateRange):
            return False
        return plan_on(program, plan.name, max(period.start, frame.start)) is plan
    return False


def frames_of(desk: Desk, item: Item, own: Sequence[Frame]) -> Iterator[Frame]:
    """The frames to try for an item: the usual ones, then what its dates, terms or windows may ask for."""
    seen: set[Frame] = set()
    for frame in _candidates(desk, item, own):
        if frame not in seen and (frame in own or rates(desk.program, desk.plan, frame)):
            seen.add(frame)
            yield frame


def _candidates(desk: Desk, item: Item, own: Sequence[Frame]) -> Iterator[Frame]:
    target, plan = item.target, desk.plan
    yield from own
    if isinstance(target, FeeMet):
        fee = next(fee for fee in plan.fees if fee.name == target.fee)
        yield from _frames_of_fee(fee, target.case, own[0])
    dated = [(rule.name, rule.start, rule.end) for rule in plan.policies]
    dated += [(rule.name, rule.start, rule.end) for rule in plan.taxes]
    for name, start, end in dated:
        named = isinstance(target, RuleApplies | OutsideDates | ConditionFails) and target.name == name
        paired = isinstance(target, Overlap) and name in (target.first, target.second)
        if not (named or paired or name == item.rule):
            continue
        for day in (start, end):
            if day is not None:
                yield month_frame(day.replace(day=1))
                yield month_frame(add_months(day.replace(day=1), -1))
                yield month_frame(add_months(day.replace(day=1), 1))
    if desk.program.windows or _by_month(plan, item):
        yield from months(desk.program, plan)


def _by_month(plan: Plan, item: Item) -> bool:
    target = item.target
    if isinstance(target, RuleApplies | ConditionFails):
        conditions = conditions_of(plan, target.kind, target.name)
    elif isinstance(target, Overlap):
        conditions = tuple(
            condition
            for name in (target.first, target.second)
            for condition in conditions_of(plan, RuleKind.POLICY, name)
        )
    else:
        return False
    return any(
        isinstance(condition, StartsIn) or any(isinstance(operand, Month) for operand in operands(condition))
        for condition in conditions
    )


def _frames_of_fee(fee: Fee, case: FeeCase, usual: Frame) -> Iterator[Frame]:
    """Subscriptions that began so that a term of the fee begins, ends, is cut or is tried out in the period."""
    first = usual.days.start
    trial = 0 if fee.trial is None else (fee.trial.after(first, fee.trial_steps) - first).days
    match case:
        case FeeCase.WHOLE:
            yield Frame(usual.period, usual.days, add_months(first, -1))
            yield Frame(usual.period, usual.days, add_months(first, -fee.every.months))
            yield Frame(usual.period, usual.days, first - timedelta(days=trial))
            last = add_months(first, fee.every.months or 1)
            yield month_frame(add_months(last, -1), first)
            yield month_frame(last, first)
            yield month_frame(add_months(last, 1), first)
        case FeeCase.PART:
            yield Frame(usual.period, usual.days, first + timedelta(days=14))
            yield Frame(usual.period, usual.days, first - timedelta(days=max(trial - 10, 0)))
            yield month_frame(add_months(first, fee.every.months or 1), first + timedelta(days=14))
        case FeeCase.NOT_DUE:
            yield Frame(usual.period, usual.days, add_months(first, -1))
            yield month_frame(add_months(first, 1), first)
        case FeeCase.TRIAL:
            yield Frame(usual.period, usual.days, None)
            yield Frame(usual.period, usual.days, first)
