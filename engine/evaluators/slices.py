"""What a quantity costs on a ladder, as steps of a derivation: the slices that `schedule.walk` cuts, put in words.

The derivation is made here, from the very slices that give the amount.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import lcm

from ...money import Rounding, approximate_text, decimal_text
from ..condition import scalar
from ..derivation import Place, Role, Step, difference, given, product, quotient, rounded, total
from ..plan import Charge
from ..schedule import Band, Mode, Schedule, Slice, fitting, scaled, settled, walk
from .proration import covered_share
from .situation import Readings, Situation, Walked


@dataclass(frozen=True, slots=True)
class Portion:
    """A part of a line's quantity at one unit price: what `100 GB of egress free` chooses the dearest of."""

    quantity: Fraction
    unit_price: Fraction


@dataclass(frozen=True, slots=True)
class Parts:
    """What makes up an amount: its steps, and the portions of its quantity."""

    steps: tuple[Step, ...] = ()
    portions: tuple[Portion, ...] = ()

    @property
    def amount(self) -> Fraction:
        """The sum of the steps."""
        return sum((step.value for step in self.steps), Fraction(0))


@dataclass(frozen=True, slots=True)
class Climb:
    """A stretch `(start, end]` of a ladder that is priced in one go; `resumed` as in `schedule.walk`."""

    start: Fraction
    end: Fraction
    resumed: bool = False


def settle(schedule: Schedule, readings: Readings) -> Schedule:
    """The schedule with the widths that depend on days, a meter or an attribute multiplied out."""
    if not schedule.depends:
        return schedule
    return settled(schedule, tuple(_factor(band, readings) for band in schedule.bands))


def _factor(band: Band, readings: Readings) -> Fraction:
    situation = readings.situation
    share = covered_share(situation) if band.prorated else Fraction(1)
    if band.width_per is None:
        return share
    depends = band.width_per
    if depends.meter is not None:
        value = max(readings.total(depends.meter).value, Fraction(0))
    elif depends.attribute is not None:
        found = situation.subscription.attributes.get(depends.attribute)
        if found is None:
            raise readings.missing(depends.attribute, band.head)
        number = scalar(found)
        assert isinstance(number, Fraction), "the resolver lets widths depend on numbers only"
        value = number
    else:
        value = Fraction(situation.covered_days.day_count)
    if value < 0:
        raise situation.refuse("RB4008", f"the width “{band.head}” would be below zero: it depends on {plain(value)}")
    return share * value / depends.per


def priced_parts(
    situation: Situation,
    charge: Charge,
    row: int,
    schedule: Schedule,
    quantity: Fraction,
    start: Fraction = Fraction(0),
    whole: Fraction | None = None,
    *,
    resumed: bool = False,
) -> tuple[tuple[Step, ...], tuple[Portion, ...]]:
    """The priced slices of a quantity above `start`, as steps and as portions. Raises `Refused` for a refused band.

    `whole` is the quantity whose size chooses the band of a volume schedule, where it is not `quantity`.
    """
    found = climbed(situation, charge, row, schedule, [Climb(start, quantity, resumed)], whole)
    return found.steps, found.portions


def climbed(
    situation: Situation,
    charge: Charge,
    row: int,
    schedule: Schedule,
    climbs: Sequence[Climb],
    whole: Fraction | None = None,
    *,
    note: str = "",
) -> Parts:
    """What stretches of one ladder cost together, a step a band. Raises `Refused` for a refused band.

    `whole` is the quantity whose size chooses the band of a volume schedule, where it is not the end of the stretch.
    `note` says to a reader of the first step why the ladder is not climbed from its foot.
    """
    numbers = [number for climb in climbs for number in (climb.start, climb.end)]
    scale = lcm(schedule.quantity_scale, *(number.denominator for number in numbers))
    finer, chooser = fitting(scaled(schedule, scale), Fraction(0) if whole is None else whole)
    slices: dict[int, list[tuple[Slice, int]]] = {}
    # A price stands in its row, which may stand in a file of its own.
    place = charge.rows[row].place
    for climb in climbs:
        start, end = int(climb.start * finer.quantity_scale), int(climb.end * finer.quantity_scale)
        pieces = walk(finer, end, start, None if whole is None else chooser, resumed=climb.resumed)
        if situation.observer is not None:
            by_end = whole is None or schedule.mode is Mode.GRADUATED
            situation.observer(
                Walked(situation.plan.start, charge.name, row, finer, end if by_end else chooser, pieces)
            )
        for piece in pieces:
            band = finer.bands[piece.band]
            if band.refused and piece.size > 0:
                raise _refused(situation, charge, climb.end if whole is None else whole, place)
            begun = max(start - _low(finer, piece.band), 0) if climb.resumed else 0
            slices.setdefault(piece.band, []).append((piece, begun))
    steps: list[Step] = []
    portions: list[Portion] = []
    for _, found in sorted(slices.items()):
        piece = _together(found)
        begun_in = found[0][1] if len(found) == 1 else None
        steps.extend(_steps_of(situation, charge, finer, piece, begun_in, place))
        if piece.size > 0:
            size = Fraction(piece.size, finer.quantity_scale)
            portions.append(Portion(size, Fraction(piece.amount, finer.money_scale) / size))
    if note and steps:
        steps[0] = replace(steps[0], note=", ".join(filter(None, (steps[0].note, note))))
    return Parts(tuple(steps), tuple(portions))


def _refused(situation: Situation, charge: Charge, quantity: Fraction, place: Place) -> Exception:
    return situation.refuse(
        "RB4002",
        f"charge {charge.name} refuses {plain(quantity)} {charge.unit}".rstrip() + f" ({place})",
        "price this usage in the ruleset, or leave it out of the usage files",
    )


def _low(schedule: Schedule, index: int) -> int:
    """Where a band begins; a whole quantity is in one band of a volume or stairstep schedule."""
    if schedule.mode is not Mode.GRADUATED or index == 0:
        return 0
    return schedule.bands[index - 1].upper or 0


def _together(found: Sequence[tuple[Slice, int]]) -> Slice:
    first = found[0][0]
    if len(found) == 1:
        return first
    return Slice(
        first.band,
        sum(piece.size for piece, _ in found),
        sum(piece.steps for piece, _ in found),
        sum(piece.amount for piece, _ in found),
        sum(piece.once for piece, _ in found),
    )


def _steps_of(
    situation: Situation, charge: Charge, schedule: Schedule, piece: Slice, begun: int | None, place: Place
) -> list[Step]:
    """The priced slice and its `once`; `begun` is what lay in the band before, None where several slices were added."""
    band = schedule.bands[piece.band]
    money = situation.program.money.currency.code
    found: list[Step] = []
    if schedule.mode is not Mode.STAIRSTEP and (band.rate or not band.once):
        if band.step is None:
            counted = given(Role.SLICE, Fraction(piece.size, schedule.quantity_scale), band.head, charge.unit)
            rate = Fraction(band.rate * schedule.quantity_scale, schedule.money_scale)
        else:
            counted = _started(charge, schedule, band, band.step, piece, begun)
            rate = Fraction(band.rate, schedule.money_scale)
        leaf = given(Role.RATE, rate, band.text, money, place=place)
        found.append(product(Role.BAND, (counted, leaf), band.head, money))
    if piece.once:
        once = Fraction(piece.once, schedule.money_scale)
        found.append(given(Role.ONCE, once, band.once_text or band.text, money, note=band.head, place=place))
    return found


def _started(charge: Charge, schedule: Schedule, band: Band, step: int, piece: Slice, begun: int | None) -> Step:
    """How many steps were started. One that lay on the ladder before is paid for by what started it."""
    if begun is None:
        return given(Role.SLICE, Fraction(piece.steps), "started steps")
    counted = given(Role.SLICE, Fraction(piece.size, schedule.quantity_scale), band.head, charge.unit)
    block = given(Role.PART, Fraction(step, schedule.quantity_scale), "step", charge.unit)
    if begun % step == 0:
        return rounded(
            Role.SLICE, quotient(Role.PART, counted, block), Fraction(1), Rounding.UP, "started steps", unit=""
        )
    before = given(Role.PART, Fraction(begun, schedule.quantity_scale), "in this band before", charge.unit)
    reached = quotient(Role.PART, total(Role.PART, (before, counted), "in this band", charge.unit), block)
    steps = rounded(Role.PART, reached, Fraction(1), Rounding.UP, "started steps", unit="")
    paid = given(Role.PART, Fraction(-(-begun // step)), "started before")
    return difference(Role.SLICE, (steps, paid), "started steps")


def plain(value: Fraction) -> str:
    """A number for a sentence."""
    return decimal_text(value) or approximate_text(value, 6)
