"""Where on a ladder a quantity has to stand to touch an item of it, and how a draft that missed is moved there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import assert_never

from ..plan import (
    Charge,
    OfAmount,
    OfAttribute,
    OfEach,
    OfMeter,
)
from ..schedule import Band
from .draft import Desk, Draft
from .items import Item, flat, smallest
from .targets import (
    ANY_ROW,
    BandEntered,
    BoundMet,
    OnceCharged,
    OnceSpared,
    RowPriced,
    Side,
    StepMet,
    UsageRefused,
)
from .touched import Walk
from .usage import ROWS_TRIED, SIZES, given_to, meeting, with_needed
from .words import charge_of


def positions(
    desk: Desk,
    charge: Charge,
    target: RowPriced | BandEntered | BoundMet | OnceCharged | OnceSpared | UsageRefused | StepMet,
) -> Iterator[Fraction]:
    """Positions on the ladder of a row that may touch an item of it."""
    schedule = charge.rows[max(target.row, 0)].schedule
    unit, scale = smallest(desk.program, charge), schedule.quantity_scale
    bands = schedule.bands
    match target:
        case RowPriced():
            yield from (SIZES[2], *SIZES[:2])
        case BoundMet(band=band, side=side):
            upper = Fraction(bands[band].upper or 0, scale)
            match side:
                case Side.BELOW:
                    yield upper - unit
                case Side.AT:
                    yield upper
                case Side.ABOVE:
                    yield upper + unit
                case _:
                    assert_never(side)
        case BandEntered(band=band) | OnceCharged(band=band) | UsageRefused(band=band):
            yield from _inside(bands, band, scale, unit)
        case OnceSpared():
            yield Fraction(0)
        case StepMet(band=band, whole=whole):
            low = Fraction(bands[band - 1].upper or 0, scale) if band else Fraction(0)
            step = Fraction(bands[band].step or 1, scale)
            if whole:
                yield low + step
                yield (low // step + 1) * step
            else:
                yield low + (unit if unit < step else step / 2)
                yield low + step / 2
        case _:
            assert_never(target)


def _inside(bands: Sequence[Band], band: int, scale: int, unit: Fraction) -> Iterator[Fraction]:
    """Quantities that reach into a band: a little, then a good deal of it, then its end."""
    low = Fraction(bands[band - 1].upper or 0, scale) if band else Fraction(0)
    upper = bands[band].upper
    high = None if upper is None else Fraction(upper, scale)
    wide = low + max(low, SIZES[1]) if high is None else low + (high - low) / 2
    if wide.denominator != 1 and high is not None and high - low >= 2:
        wide = Fraction(int(wide))
    yield wide
    yield low + unit
    if high is not None:
        yield high


def adjusted(desk: Desk, item: Item, draft: Draft, walks: Sequence[Walk]) -> Iterator[Draft]:
    """Better candidates, now that it is known where the first one stood: what is included, what widths depend on."""
    target = item.target
    if not isinstance(target, RowPriced | BandEntered | BoundMet | OnceCharged | UsageRefused):
        return
    charge = charge_of(desk.plan, target.charge)
    own = [walk for walk in walks if walk.charge.name == charge.name and target.row in (ANY_ROW, walk.walked.row)]
    if not own:
        # An event that is free as a whole is not priced at all.
        if isinstance(charge.source, OfEach) and charge.free_quantity and isinstance(target, BoundMet):
            first = next(iter(positions(desk, charge, target)))
            yield from given_to(desk, replace(draft, events=()), charge, target.row, first + charge.free_quantity)
        return
    walk, unit = own[-1], smallest(desk.program, charge)
    bands, scale = walk.walked.schedule.bands, walk.walked.schedule.quantity_scale
    if isinstance(target, BoundMet):
        wanted = Fraction(bands[target.band].upper or 0, scale)
        wanted += {Side.BELOW: -unit, Side.AT: Fraction(0), Side.ABOVE: unit}[target.side]
    elif isinstance(target, RowPriced):
        wanted = unit
    else:
        wanted = (Fraction(bands[target.band - 1].upper or 0, scale) if target.band else Fraction(0)) + unit
    fresh = with_needed(desk, Draft(desk.plan.name, draft.frame))
    for base in meeting(desk, fresh, flat(charge.when)):
        for wide in _with_widths(desk, base, charge):
            yield from given_to(desk, wide, charge, walk.walked.row, wanted + _taken_off(desk, draft, walk))


def _with_widths(desk: Desk, draft: Draft, charge: Charge) -> Iterator[Draft]:
    """The draft with usage of a meter that widths of the charge depend on: without it they come to nothing."""
    meters = {
        band.width_per.meter
        for row in charge.rows[:ROWS_TRIED]
        for band in row.schedule.bands
        if band.width_per is not None and band.width_per.meter is not None
    }
    for meter in sorted(meters):
        draft = next(desk.with_usage(draft, meter, SIZES[1]), draft)
    yield draft


def _taken_off(desk: Desk, draft: Draft, walk: Walk) -> Fraction:
    """How much of what the draft gives did not reach the ladder; all that may be included, where nothing did."""
    match walk.charge.source:
        case OfMeter(meter):
            if walk.position == 0:
                return included_of(desk, meter)
            return sum((item.quantity for item in draft.quantities if item.meter == meter), -walk.position)
        case OfEach():
            return walk.charge.free_quantity
        case OfAttribute() | OfAmount():
            return Fraction(0)
        case _:
            assert_never(walk.charge.source)


def included_of(desk: Desk, meter: str) -> Fraction:
    return sum((include.quantity for include in desk.plan.includes if include.meter == meter), Fraction(0))
