"""For an item, the facts that may touch it: tried one after the other, the plainest first, until one does.

Nothing here decides whether an item is touched; a candidate is rated, and what happened is read off.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import assert_never

from ..condition import Not
from ..period import Every
from ..plan import (
    Charge,
    OfAmount,
    OfMeter,
)
from ..usage import CardHolding
from .draft import Desk, Draft, Frame
from .effects import applying, policy_of, with_mark
from .frames import frames_of
from .half import half_quantity
from .items import Item, smallest
from .ladders import included_of, positions
from .targets import (
    ANY_ROW,
    Acts,
    BandEntered,
    BoundMet,
    CardCase,
    CardMet,
    ConditionFails,
    DuringMet,
    FeeMet,
    FreeMet,
    HalfRounded,
    IncludeMet,
    LimitMet,
    NothingToDo,
    OnceCharged,
    OnceSpared,
    OutsideDates,
    Overlap,
    OwnBoundMet,
    PlanBoundMet,
    RowPriced,
    RuleApplies,
    RuleKind,
    StepMet,
    UsageRefused,
    Used,
    VersionUsed,
)
from .usage import ROWS_TRIED, SIZES, given_to, line_names, meeting, sized, standing, with_lines, with_needed
from .words import charge_of, conditions_of


def drafts_for(desk: Desk, item: Item, frames: Sequence[Frame]) -> Iterator[Draft]:
    """Candidates that may touch an item."""
    for frame in frames_of(desk, item, frames):
        yield from _drafts(desk, item, with_needed(desk, Draft(desk.plan.name, frame)))


def _drafts(desk: Desk, item: Item, draft: Draft) -> Iterator[Draft]:
    target, plan = item.target, desk.plan
    match target:
        case VersionUsed():
            yield from with_lines(desk, draft, line_names(desk), SIZES[:1])
            yield draft
        case RowPriced() | BandEntered() | BoundMet() | OnceCharged() | OnceSpared() | UsageRefused() | StepMet():
            charge = charge_of(plan, target.charge)
            for quantity in positions(desk, charge, target):
                yield from standing(desk, draft, charge, max(target.row, ANY_ROW), quantity)
        case OwnBoundMet(charge=name):
            charge = charge_of(plan, name)
            if target.acts is Acts.BINDS or target.of.is_floor:
                yield from sized(desk, draft, charge, target.row, (Fraction(0), *SIZES))
            yield from sized(desk, draft, charge, target.row, SIZES)
        case FreeMet(name, beyond):
            yield from _free(desk, draft, charge_of(plan, name), beyond=beyond)
        case PlanBoundMet():
            yield draft
            yield from with_lines(desk, draft, plan.bounds[target.index].lines or line_names(desk), SIZES)
        case IncludeMet(index, used):
            include = plan.includes[index]
            yield from _included(desk, draft, include.meter, include.quantity, used)
        case RuleApplies(kind, name):
            yield from applying(desk, draft, kind, name)
        case ConditionFails(kind, name, number):
            conditions = conditions_of(plan, kind, name)
            wanted = (*conditions[:number], Not(conditions[number]))
            yield from meeting(desk, draft, wanted)
        case OutsideDates():
            yield from with_lines(desk, draft, line_names(desk), SIZES[:1])
            yield draft
        case NothingToDo(name):
            yield from with_mark(desk, draft, policy_of(desk, name), SIZES[:1])
        case LimitMet(name) | DuringMet(name):
            yield from applying(desk, draft, RuleKind.POLICY, name)
        case Overlap(first, second):
            both = (policy_of(desk, first), policy_of(desk, second))
            for base in meeting(desk, draft, [*both[0].when, *both[1].when]):
                yield base
                yield from with_lines(desk, base, both[0].targets.names or line_names(desk), SIZES)
        case FeeMet(name, _):
            yield from meeting(desk, draft, conditions_of(plan, RuleKind.FEE, name))
        case HalfRounded():
            yield from _half(desk, draft)
        case CardMet(card, case):
            for holding in _holdings(desk, draft.frame, card, case):
                yield from with_lines(desk, replace(draft, cards=(holding,)), line_names(desk), SIZES)
        case _:
            assert_never(target)


def _free(desk: Desk, draft: Draft, charge: Charge, *, beyond: bool) -> Iterator[Draft]:
    quantity = charge.free_quantity or Fraction(1)
    count = charge.free_events + 1 if beyond and charge.free_events else 1
    for size in (quantity * 2, quantity + 1) if beyond and charge.free_quantity else (quantity, quantity / 2):
        grown = [draft]
        for _ in range(min(count, 20)):
            grown = [later for base in grown[:1] for later in given_to(desk, base, charge, ANY_ROW, size)]
        yield from grown


def _included(desk: Desk, draft: Draft, meter: str, quantity: Fraction, used: Used) -> Iterator[Draft]:
    match used:
        case Used.NONE:
            yield draft
        case Used.PARTLY:
            half = quantity / 2 if quantity < 2 else Fraction(quantity // 2)
            for before in (Fraction(0), included_of(desk, meter) - quantity):
                yield from desk.with_usage(draft, meter, before + half)
        case Used.UP:
            for charge in desk.on_meter(meter):
                size = quantity + smallest(desk.program, charge)
                for row in range(min(len(charge.rows), ROWS_TRIED)):
                    yield from given_to(desk, draft, charge, row, size)
                    yield from given_to(desk, draft, charge, row, size + included_of(desk, meter) - quantity)
        case _:
            assert_never(used)


def _half(desk: Desk, draft: Draft) -> Iterator[Draft]:
    program = desk.program
    for charge in desk.plan.charges:
        if isinstance(charge.source, OfAmount):
            continue
        for number, row in enumerate(charge.rows[:ROWS_TRIED]):
            quantity = half_quantity(row.schedule, smallest(program, charge), program.money.size)
            if quantity is not None:
                if isinstance(charge.source, OfMeter):
                    quantity += included_of(desk, charge.source.meter)
                yield from standing(desk, draft, charge, number, quantity)


def _holdings(desk: Desk, frame: Frame, card: str, case: CardCase) -> Iterator[CardHolding]:
    held = desk.program.cards[card]
    if case is not CardCase.EXPIRED:
        yield CardHolding(card, frame.days.start)
    elif held.valid_months is not None:
        yield CardHolding(card, Every(months=1).after(frame.days.start, -held.valid_months))
        yield CardHolding(card, Every(months=1).after(frame.days.start, -held.valid_months - 1))
    elif held.valid_days is not None:
        yield CardHolding(card, Every(days=1).after(frame.days.start, -held.valid_days))
