"""Policies that change no bill: their effect is nothing, or nothing can be taken from what they name."""

from __future__ import annotations

from collections.abc import Iterator

from ....diagnostics import Diagnostic, Label, Span
from ...plan import (
    AddMoney,
    AddPercent,
    AddPerUnit,
    Effect,
    MoneyOf,
    MoneyOff,
    PercentOff,
    UnitsFree,
)
from ..lower import plans_of
from ..model import Charge, PolicyModel, Ruleset
from .wording import listed


def check_idle(ruleset: Ruleset) -> Iterator[Diagnostic]:
    """Policies that change nothing on any bill."""
    for item in ruleset.policies:
        policy = item.policy
        kind = policy.kind.value
        if _is_nothing(policy.effect):
            yield _idle(item, f"{kind} `{policy.name}` changes nothing: `{policy.text}` is nothing", "is nothing", ())
        elif policy.at_most is not None and policy.at_most.amount == 0:
            why = f"it is at most {policy.at_most.text}"
            yield _idle(item, f"{kind} `{policy.name}` changes nothing: {why}", "limited to nothing", ())
        else:
            yield from _of_free_lines(ruleset, item)


def _is_nothing(effect: Effect) -> bool:
    match effect:
        case PercentOff(percent) | AddPercent(percent):
            return percent == 0
        case MoneyOff(MoneyOf(amount)) | AddMoney(MoneyOf(amount)):
            return amount == 0
        case UnitsFree():
            return effect.quantity == 0
        case AddPerUnit(price):
            return price == 0


def _of_free_lines(ruleset: Ruleset, item: PolicyModel) -> Iterator[Diagnostic]:
    """A percentage of lines, or money or units off them, where each of the lines is free in every plan."""
    policy = item.policy
    if isinstance(policy.effect, AddMoney | AddPerUnit) or getattr(policy.effect, "base", None) is not None:
        return
    names: dict[str, Span] = {}
    for plan in plans_of(ruleset, item):
        for charge in plan.charges:
            if policy.targets.everything or charge.name in policy.targets.names:
                if not _is_free(charge):
                    return
                names[charge.name] = charge.span
        for fee in plan.fees:
            if policy.targets.everything or fee.name in policy.targets.names:
                if fee.amount:
                    return
                names[fee.name] = Span(fee.place.file, fee.place.start, fee.place.end)
    if not names:
        return
    lines = listed([f"`{name}`" for name in names])
    labels = tuple(Label(span, "always free") for span in names.values())
    verb = "is" if len(names) == 1 else "are"
    text = f"{policy.kind.value} `{policy.name}` changes nothing: {lines} {verb} always free"
    yield _idle(item, text, "of nothing", labels)


def _is_free(charge: Charge) -> bool:
    prices = [band.price for row in charge.rows for band in row.bands]
    floors = [charge.minimum, charge.period_minimum, *(row.minimum for row in charge.rows)]
    return not any(price.rate or price.once for price in prices) and not any(
        floor is not None and floor.amount for floor in floors
    )


def _idle(item: PolicyModel, message: str, here: str, labels: tuple[Label, ...]) -> Diagnostic:
    return Diagnostic(
        "RB2407",
        message,
        item.span,
        here,
        labels,
        ("write the amount or the lines that are meant", "remove it", 'keep it with `allow RB2407 because "…"`'),
        ("witness: every bill is the same with it and without it",),
    )
