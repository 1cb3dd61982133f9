"""Drafts in which discounts, offers, penalties and taxes have something to work on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import assert_never

from ..plan import (
    AddMoney,
    AddPercent,
    AddPerUnit,
    MoneyOff,
    OfEach,
    OfMeter,
    PercentOff,
    Policy,
    UnitsFree,
)
from .draft import Cell, Desk, Draft, as_value, path_to
from .targets import (
    ANY_ROW,
    RuleKind,
)
from .usage import LINES_TRIED, SIZES, line_names, meeting, with_lines
from .words import conditions_of, tax_of


def policy_of(desk: Desk, name: str) -> Policy:
    return next(policy for policy in desk.plan.policies if policy.name == name)


def applying(desk: Desk, draft: Draft, kind: RuleKind, name: str) -> Iterator[Draft]:
    for base in meeting(desk, draft, conditions_of(desk.plan, kind, name)):
        match kind:
            case RuleKind.CHARGE:
                yield base
                yield from with_lines(desk, base, [name], SIZES[:4])
            case RuleKind.FEE:
                yield base
            case RuleKind.POLICY:
                yield from with_mark(desk, base, policy_of(desk, name), SIZES)
            case RuleKind.TAX:
                yield base
                names = tax_of(desk.plan, name).targets.names
                yield from with_lines(desk, base, names or line_names(desk), SIZES[:4])
            case _:
                assert_never(kind)


def with_mark(desk: Desk, draft: Draft, policy: Policy, sizes: Sequence[Fraction]) -> Iterator[Draft]:
    """Drafts in which a policy has something to work on: its lines grow, and what it reckons with."""
    names = policy.targets.names if not policy.targets.everything else line_names(desk)
    for asked in _asked_of(policy):
        if asked in desk.program.schema.attributes:
            for size in (*sizes, Fraction(0)):
                value = as_value(size)
                if value is not None:
                    others = {name: Decimal(10) for name in _asked_of(policy)}
                    grown = replace(draft, attributes={**draft.attributes, **others, asked: value})
                    yield grown
                    yield from with_lines(desk, grown, names, SIZES[2:4])
    match policy.effect:
        case PercentOff(during=window) if window is not None:
            yield from _in_window(desk, draft, names, window)
        case UnitsFree(meter):
            yield from with_lines(desk, draft, [charge.name for charge in desk.on_meter(meter)], sizes)
        case AddPerUnit(meter=str() as meter, bound=bound):
            mark = Fraction(0) if bound is None or bound.number is None else bound.number
            attribute = None if bound is None else bound.attribute
            for past in (*sizes, Fraction(0)):
                base = draft
                if attribute is not None:
                    mark = Fraction(100)
                    value = as_value(mark / (bound.factor if bound is not None else 1))
                    if value is not None:
                        base = replace(draft, attributes={**draft.attributes, attribute: value})
                for way in (mark + past, mark - past):
                    if way >= 0:
                        yield from desk.with_usage(base, meter, way)
        case PercentOff() | MoneyOff() | AddMoney() | AddPercent() | AddPerUnit():
            yield draft
            yield from with_lines(desk, draft, names, sizes)
        case _:
            assert_never(policy.effect)


def _asked_of(policy: Policy) -> tuple[str, ...]:
    """The attributes that a policy's effect reckons with."""
    found: list[str | None] = [None if policy.at_most is None else policy.at_most.attribute]
    match policy.effect:
        case MoneyOff(money) | AddMoney(money):
            found.append(money.attribute)
        case AddPercent(base=base, per=per):
            found.append(None if base is None else base.attribute)
            found.append(None if per is None else per.attribute)
            found.append(None if per is None or per.bound is None else per.bound.attribute)
        case AddPerUnit(attribute=attribute, bound=bound):
            found.append(attribute)
            found.append(None if bound is None or attribute is None else bound.attribute)
        case PercentOff() | UnitsFree():
            pass
        case _:
            assert_never(policy.effect)
    return tuple(dict.fromkeys(name for name in found if name is not None))


def _in_window(desk: Desk, draft: Draft, names: Iterable[str], window: str) -> Iterator[Draft]:
    """Usage of a line inside a window, and outside of it."""
    charges = [charge for charge in desk.plan.charges if charge.name in set(names)]
    for charge in charges[:LINES_TRIED]:
        for size in SIZES[:7:2]:
            for time in (Cell(inside=window), Cell(outside=(window,))):
                if isinstance(charge.source, OfMeter):
                    yield from desk.with_usage(draft, charge.source.meter, size, time=time)
                elif isinstance(charge.source, OfEach):
                    cells = path_to(charge, ANY_ROW) or ()
                    yield from desk.with_event(draft, charge, charge.source, size, cells, time)
