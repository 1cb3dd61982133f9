"""Floors and ceilings that contradict each other from different places, and bands that a ceiling hides."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import pairwise

from ....diagnostics import Diagnostic, Label, Span
from ...plan import Bound, BoundKind, MoneyOff, OfEach, PercentOff, PlanBound, PolicyKind
from ...schedule import Mode
from ..lower import policies_of
from ..model import Band, Charge, Plan, Row, Ruleset
from .wording import listed, money_text, number_text


def check_bounds(ruleset: Ruleset) -> Iterator[Diagnostic]:
    """A floor above a ceiling where the two stand in different places, so that only one of them ever decides."""
    for plan in ruleset.plans:
        for charge in plan.charges:
            yield from _inside(ruleset, charge)
        minimums = [bound for bound in plan.bounds if bound.kind is BoundKind.MINIMUM]
        caps = [bound for bound in plan.bounds if bound.kind is BoundKind.CAP]
        for cap in caps:
            for minimum in minimums:
                yield from _of_lines(ruleset, minimum, cap)
            yield from _floors_above(ruleset, plan, cap)
        for minimum in minimums:
            yield from _ceilings_below(ruleset, plan, minimum)


def _span(bound: Bound) -> Span:
    return Span(bound.place.file, bound.place.start, bound.place.end)


def _contradiction(
    ruleset: Ruleset,
    what: str,
    floors: Sequence[Bound],
    ceilings: Sequence[Bound],
    floor: Fraction,
    ceiling: Fraction,
    usage: str = "without any usage",
) -> Diagnostic:
    low, high = money_text(floor, ruleset.money), money_text(ceiling, ruleset.money)
    others = [(bound, "at least this") for bound in floors[1:]] + [(bound, "at most that") for bound in ceilings]
    return Diagnostic(
        "RB2206",
        what,
        _span(floors[0]),
        "at least this",
        tuple(Label(_span(bound), text) for bound, text in others),
        ("lower the minimum", "raise the cap"),
        (f"witness: {usage} it is at least {low}, and it may not be more than {high}",),
    )


def _inside(ruleset: Ruleset, charge: Charge) -> Iterator[Diagnostic]:
    """The floor of a row, or of an event, above the ceiling of its charge."""
    is_each = isinstance(charge.source, OfEach)
    ceilings = [bound for bound in (charge.period_cap, charge.cap) if bound is not None]
    rows = [row.minimum for row in charge.rows if row.minimum is not None]
    floors = [*rows, *([charge.minimum] if is_each and charge.minimum is not None else [])]
    for floor in floors:
        for ceiling in ceilings:
            both_of_events = floor is charge.minimum and ceiling is charge.cap
            if floor.amount <= ceiling.amount or both_of_events:
                continue
            whose = "an event" if is_each else "a row"
            what = f"the {floor.text} of {whose} is above the {ceiling.text} of charge `{charge.name}`"
            usage = "for the least usage"
            yield _contradiction(ruleset, what, [floor], [ceiling], floor.amount, ceiling.amount, usage)
            break


def _of_lines(ruleset: Ruleset, minimum: PlanBound, cap: PlanBound) -> Iterator[Diagnostic]:
    """A floor of some lines above the ceiling of those and others. The same lines are compared where they are read."""
    wider = not cap.lines or set(minimum.lines) < set(cap.lines)
    if not minimum.lines or not wider or minimum.bound.amount <= cap.bound.amount:
        return
    lines = listed([f"`{name}`" for name in minimum.lines])
    what = f"the {minimum.bound.text} of {lines} alone is above the {cap.bound.text} of {_whole(cap)}"
    yield _contradiction(ruleset, what, [minimum.bound], [cap.bound], minimum.bound.amount, cap.bound.amount)


def _whole(bound: PlanBound) -> str:
    return listed([f"`{name}`" for name in bound.lines]) if bound.lines else "the plan"


def _floors_above(ruleset: Ruleset, plan: Plan, cap: PlanBound) -> Iterator[Diagnostic]:
    """The floors of charges together above the plan's ceiling, also after everything that policies can take off."""
    charges = [charge for charge in plan.charges if not cap.lines or charge.name in cap.lines]
    floors = [floor for charge in charges if (floor := _floor(charge)) is not None]
    kept = _kept(ruleset, plan, sum((floor.amount for floor in floors), Fraction(0)))
    if not floors or kept is None or kept <= cap.bound.amount or any(_may_fall(charge) for charge in charges):
        return
    names = listed([f"`{charge.name}`" for charge in charges if _floor(charge) is not None])
    what = f"the {floors[0].text} of {names} is above the {cap.bound.text} of {_whole(cap)}"
    if len(floors) > 1:
        what = f"the minimums of {names} add up to more than the {cap.bound.text} of {_whole(cap)}"
    yield _contradiction(ruleset, what, floors, [cap.bound], kept, cap.bound.amount)


def _floor(charge: Charge) -> Bound | None:
    """What every bill has at least for a charge."""
    if charge.when or charge.bounds_per_row:
        return None
    return charge.period_minimum if isinstance(charge.source, OfEach) else charge.minimum


def _may_fall(charge: Charge) -> bool:
    return any(band.price.rate < 0 or band.price.once < 0 for row in charge.rows for band in row.bands)


def _kept(ruleset: Ruleset, plan: Plan, amount: Fraction) -> Fraction | None:
    """What of an amount no discount and no offer can take; None where that depends on the account."""
    percent = fixed = Fraction(0)
    for item in policies_of(ruleset, plan):
        effect = item.policy.effect
        match effect:
            case PercentOff():
                percent += effect.percent
            case MoneyOff(money) if money.amount is not None:
                fixed += money.amount
            case _ if item.policy.kind is PolicyKind.PENALTY:
                pass
            case _:
                return None
    return max(amount * (1 - percent), Fraction(0)) - fixed


def _ceilings_below(ruleset: Ruleset, plan: Plan, minimum: PlanBound) -> Iterator[Diagnostic]:
    """A plan's floor above the ceilings of all its lines together, where nothing can be added to them."""
    if any(item.policy.kind is PolicyKind.PENALTY for item in policies_of(ruleset, plan)):
        return
    lines = minimum.lines or plan.line_names
    charges = {charge.name: charge for charge in plan.charges}
    ceilings = [_ceiling(charges[name]) if name in charges else None for name in lines]
    found = [ceiling for ceiling in ceilings if ceiling is not None]
    total = sum((ceiling.amount for ceiling in found), Fraction(0))
    if not found or len(found) < len(ceilings) or minimum.bound.amount <= total:
        return
    names = listed([f"`{name}`" for name in lines])
    own = "the cap of" if len(found) == 1 else "all that the caps let through of"
    what = f"the {minimum.bound.text} of {_whole(minimum)} is above {own} {names}"
    yield _contradiction(ruleset, what, [minimum.bound], found, minimum.bound.amount, total)


def _ceiling(charge: Charge) -> Bound | None:
    if charge.bounds_per_row and charge.columns:
        return None
    return charge.period_cap if isinstance(charge.source, OfEach) else charge.cap


# Bands


def check_hidden_bands(ruleset: Ruleset) -> Iterator[Diagnostic]:
    """Bands with a price that never shows, because the charge has reached its ceiling where they begin."""
    for plan in ruleset.plans:
        for charge in plan.charges:
            if charge.pooling is not None or charge.counted is not None or charge.prorated:
                # What a bill pays then depends on other rows, other bills or the day.
                continue
            for row in charge.rows:
                ceilings = [bound for bound in (row.cap, charge.cap) if bound is not None]
                if (
                    ceilings
                    and not _may_fall(charge)
                    and not any(band.width_per or band.prorated for band in row.bands)
                ):
                    lowest = min(ceilings, key=lambda bound: bound.amount)
                    yield from _hidden(ruleset, charge, row, lowest)


def _hidden(ruleset: Ruleset, charge: Charge, row: Row, ceiling: Bound) -> Iterator[Diagnostic]:
    reached = row.bands[0].price.once
    low = Fraction(0)
    for band, following in pairwise(row.bands):
        if band.upper is None or following.price.refused or band.price.refused:
            return
        if charge.mode is Mode.GRADUATED:
            reached += _amount(band, band.upper - low) + following.price.once
        else:
            reached = following.price.once + _amount(following, band.upper)
        low = band.upper
        if reached < ceiling.amount or not (following.price.rate or following.price.once):
            continue
        unit = f" {charge.unit_text}" if charge.unit_text else ""
        amount, most = money_text(reached, ruleset.money), money_text(ceiling.amount, ruleset.money)
        yield Diagnostic(
            "RB2232",
            f"the {ceiling.text} hides this band of `{charge.name}`: its price never shows on a bill",
            following.span,
            f"begins at {amount}",
            (Label(_span(ceiling), "never more than this"),),
            ("raise the cap", "remove the band", 'keep it with `allow RB2232 because "…"`'),
            (f"witness: {number_text(low)}{unit} cost {amount} by the bands and {most} by the cap, as all above does",),
        )
        return


def _amount(band: Band, quantity: Fraction) -> Fraction:
    """What so many units cost in a band, blocks that are only started left out."""
    step = band.price.step
    return band.price.rate * (quantity if step is None else quantity // step)
