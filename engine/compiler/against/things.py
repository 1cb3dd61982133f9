"""Named things before and now: what was added, what is gone, what means something else."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TypeVar

from ....diagnostics import Span
from ....money import MoneyUnit
from ....records import Record
from ...plan import (
    AddMoney,
    AddPercent,
    AddPerUnit,
    Bound,
    Card,
    Effect,
    Fee,
    Include,
    MoneyOff,
    PercentOff,
    PlanBound,
    Policy,
    Tax,
    UnitsFree,
)
from .comparison import Change, Kind
from .meaning import meaning
from .wording import money_text, quantity_text

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Shown:
    """How a thing is shown: what it is called, its text, and where it stands."""

    text: str
    span: Span | None = None


@dataclass(frozen=True, slots=True)
class Things:
    """Things of one kind by name. `what` is the word for them."""

    what: str
    plan: str = ""
    without: frozenset[str] = frozenset()


def changed_things(
    things: Things,
    old: Mapping[str, T],
    new: Mapping[str, T],
    show_old: Callable[[T], Shown],
    show_new: Callable[[T], Shown],
    money: MoneyUnit,
) -> Iterator[Change]:
    """A change for each name that was added or removed or that means something else now, in the order of the names."""
    gone = [name for name in old if name not in new]
    fresh = [name for name in new if name not in old]
    alike = _alike(old, new, gone, fresh)
    for name, item in new.items():
        shown = show_new(item)
        if name not in old:
            note = f"like `{alike[name]}`, which is gone: a new name is another line" if name in alike else ""
            yield Change(Kind.ADDED, things.what, name, things.plan, new=shown.text, new_span=shown.span, note=note)
            continue
        if meaning(old[name], things.without) == meaning(item, things.without):
            continue
        before = show_old(old[name])
        change = Change(
            Kind.CHANGED,
            things.what,
            name,
            things.plan,
            old=before.text,
            new=shown.text,
            old_span=before.span,
            new_span=shown.span,
        )
        yield with_difference(change, old[name], item, money)
    for name in gone:
        shown = show_old(old[name])
        yield Change(Kind.REMOVED, things.what, name, things.plan, old=shown.text, old_span=shown.span)


def _alike(old: Mapping[str, T], new: Mapping[str, T], gone: list[str], fresh: list[str]) -> dict[str, str]:
    """For names that are new, the name that is gone and that they may stand for: the same meaning, or a near name."""
    found: dict[str, str] = {}
    meanings = {name: _nameless(old[name]) for name in gone}
    for name in fresh:
        own = _nameless(new[name])
        same = [other for other in gone if meanings[other] == own]
        near = same[0] if same else near_thing(name, gone)
        if near:
            found[name] = near
    return found


def near_thing(name: str, names: list[str]) -> str:
    """The one of some names that is spelt much like a name, or nothing."""
    return next(iter(difflib.get_close_matches(name, names, n=1, cutoff=0.6)), "")


def _nameless(item: object) -> object:
    """What a thing means whatever it is called."""
    named = isinstance(item, Record) and "name" in item._names
    return meaning(replace(item, name="") if named else item)  # type: ignore[type-var]


def with_difference(change: Change, old: object, new: object, money: MoneyUnit) -> Change:
    """The change with its difference in money or percent, where both things have one amount of the same kind."""
    before, after = amount_of(old), amount_of(new)
    if before is None or after is None or before[1] != after[1] or before[0] == after[0]:
        return change
    gap = after[0] - before[0]
    share = gap / before[0] if before[0] > 0 else None
    match before[1]:
        case "money":
            difference = money_text(gap, money, signed=True)
        case "percent":
            points = quantity_text(abs(gap * 100), "")
            return replace(change, difference=f"{'-' if gap < 0 else '+'}{points} percentage points")
        case _:
            difference = f"{'-' if gap < 0 else '+'}{quantity_text(abs(gap), '')}"
    return replace(change, difference=difference, share=share)


def amount_of(thing: object) -> tuple[Fraction, str] | None:
    """The one amount of a thing: money, a percentage or a quantity."""
    match thing:
        case Fee():
            return thing.amount, "money"
        case Include():
            return thing.quantity, "quantity"
        case PlanBound():
            return thing.bound.amount, "money"
        case Bound():
            return thing.amount, "money"
        case Card():
            return thing.worth, "money"
        case Tax():
            return thing.percent, "percent"
        case Policy():
            return _amount_of_effect(thing.effect)
        case _:
            return None


def _amount_of_effect(effect: Effect) -> tuple[Fraction, str] | None:
    match effect:
        case PercentOff() | AddPercent():
            return effect.percent, "percent"
        case MoneyOff() | AddMoney():
            return None if effect.money.amount is None else (effect.money.amount, "money")
        case AddPerUnit():
            return effect.price / effect.per, "money"
        case UnitsFree():
            return effect.quantity, "quantity"
