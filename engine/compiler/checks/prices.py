"""Prices that fall where more is used, at the bounds of their bands."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise

from ....diagnostics import Diagnostic, Label
from ...schedule import Mode, Schedule, settled
from ..lower import schedule_of
from ..model import Charge, Price, Row, Ruleset
from ..proofs.curve import At, Curve, curve_of
from .wording import money_text, number_text


def check_cliffs(ruleset: Ruleset) -> Iterator[Diagnostic]:
    """Bounds of bands past which using more costs less, exactly: blocks, steps and what is paid once included."""
    for plan in ruleset.plans:
        for charge in plan.charges:
            for row in charge.rows:
                if any(_may_fall(band.price, charge.mode) for band in row.bands[1:]):
                    yield from _cliffs(ruleset, charge, row)


def _may_fall(following: Price, mode: Mode) -> bool:
    """Whether the price may fall at a bound: never where each band has its own rate and nothing is given back."""
    return mode is not Mode.GRADUATED or following.once < 0


def _cliffs(ruleset: Ruleset, charge: Charge, row: Row) -> Iterator[Diagnostic]:
    # Dependent widths are looked at as they are for one of what they depend on: a fall is one at any width.
    curve = curve_of(_with_widths(schedule_of(charge.mode, row.bands)))
    for band, following in pairwise(row.bands):
        if band.upper is None or band.price.refused or following.price.refused:
            continue
        at = curve.value(At(band.upper, 0 if band.inclusive else -1))
        past = curve.value(At(band.upper, 1 if band.inclusive else 0))
        if past >= at:
            continue
        unit = f" {charge.unit_text}" if charge.unit_text else ""
        money = ruleset.money
        bound = f"{number_text(band.upper)}{unit}"
        if band.width_per is not None:
            bound = f"the bound of `{band.head}`"
        until = None if band.width_per is not None else _until(curve, band.upper, at)
        stays = "" if until is None else f"; up to {number_text(until)}{unit} it stays cheaper than before"
        # `below 100` prices 100 itself by the band that follows.
        place = f"just above {bound}" if band.inclusive else f"from {bound} on"
        costs = (
            f"{bound} cost {money_text(at, money)}, the least above costs {money_text(past, money)}"
            if band.inclusive
            else f"the most below {bound} costs {money_text(at, money)}, {bound} cost {money_text(past, money)}"
        )
        yield Diagnostic(
            "RB2209",
            f"{place}, using more of {charge.name} costs less",
            following.span,
            f"costs {money_text(past, money)} from here",
            (Label(band.span, f"costs {money_text(at, money)} at its end"),),
            (
                "write `graduated`, so that only what lies above is cheaper",
                'keep it with `allow RB2209 because "…"`',
            ),
            (f"witness: {costs}{stays}",),
            stake=at - past,
        )


def _with_widths(schedule: Schedule) -> Schedule:
    """The schedule with each width as it is for one of what it depends on."""
    if not schedule.depends:
        return schedule
    return settled(schedule, tuple(Fraction(1) for _ in schedule.bands))


def _until(curve: Curve, bound: Fraction, amount: Fraction) -> Fraction | None:
    """Where the price reaches an amount again; None where that is at a bound, in steps, or nowhere."""
    for index, (point, piece) in enumerate(zip(curve.points, curve.pieces, strict=True)):
        if point < bound:
            continue
        if piece.stairs or piece.slope <= 0:
            return None
        reached = (amount - piece.base) / piece.slope
        last = index + 1 == len(curve.points)
        if last or reached <= curve.points[index + 1]:
            return reached if reached > point else None
        if curve.value(At(curve.points[index + 1], 1)) < amount:
            continue
        return None
    return None
