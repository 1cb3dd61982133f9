"""Ladders that are pooled in time order, in the pricing of a family.

A query over single events (`turns`) tells for each combination how much of what it put on the ladder lies above each
edge, how many steps it started, and whose turn entered a band; here it is said what is asked, and what it costs. Two
turns that follow one another cost what one does that spans both, so that events need not be put together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TypeAlias

from ...records import Record
from ..condition import Comparison
from ..plan import Pooling
from ..schedule import Mode, Schedule
from .buckets import Cases
from .family import Member
from .ladders import Cost, uppers_of
from .ledger import Portion
from .number import (
    FALSE,
    NOTHING,
    TRUE,
    Integer,
    Number,
    Truth,
    UnfitError,
    both,
    compare_numbers,
    either,
    fraction,
    less,
    negation,
    number_not_below_zero,
    number_where,
    product_of,
    ratio_of,
    sum_of,
)
from .sheet import Sheet


class Above(Record):
    """How much of what a combination of a charge (by its number) put on the ladder lies above the foot of a band."""

    charge: int
    combination: int
    band: int


class Started(Record):
    """How many steps of a band a combination started."""

    charge: int
    combination: int
    band: int


class Entering(Record):
    """1 where a turn of the combination entered the band, 0 where not."""

    charge: int
    combination: int
    band: int


class DayAmount(Record):
    """What the days of a combination cost together, of a charge that is prorated by day."""

    charge: int
    combination: int


TurnsKey: TypeAlias = Above | Started | Entering | DayAmount
"""What is read of single events or days when everything else is metered."""


class Rung(Record):
    """A band of a combination's ladder: where it begins and ends (None for no end), its step; has it a `once`?"""

    low: Number
    high: Number | None
    step: Number | None
    once: bool
    foot: bool
    """Whether it begins at the foot of the ladder."""


class AskedTurns(Record):
    """What a charge asks of its events: the cases of each combination, its rungs, and what is included of it.

    `freed` is None where nothing is. The numbers are expressions over the row of a statement.
    """

    charge: int
    meter: str
    cases: tuple[Cases, ...]
    rungs: tuple[tuple[Rung, ...], ...]
    freed: tuple[Number, ...] | None


class WantedTurns(dict[TurnsKey, Number]):
    """Answers with anything while a family's plan is read."""

    def __missing__(self, key: TurnsKey) -> Number:
        self[key] = Number(Integer("asked", 0, 1 if isinstance(key, Entering) else 1_000_000))
        return self[key]


@dataclass(slots=True)
class Turns:
    """What was asked while a family was priced, and the answers as they are known by then."""

    numbers: Mapping[TurnsKey, Number] = field(default_factory=dict)
    asked: list[AskedTurns] = field(default_factory=list)


def asks_single_rows(member: Member) -> bool:
    """Whether a charge of the plan is pooled in time order, or prorated by day."""
    return any(charge.pooling is Pooling.TIME_ORDER or charge.prorated for charge in member.plan.charges)


def rungs_of(
    sheet: Sheet, schedules: Sequence[Schedule], factors: Sequence[Number], before: Number = NOTHING
) -> tuple[Rung, ...]:
    """A combination's rungs, one schedule a member; where the whole chooses the band, all are from zero.

    Turns begin at zero above what stands on the ladder `before`, and rungs are counted from there.
    """
    uppers = uppers_of(sheet, schedules, factors)
    found: list[Rung] = []
    foot = sheet.let_number(less(NOTHING, before))
    low = foot
    for index, (band, upper) in enumerate(zip(schedules[0].bands, uppers, strict=True)):
        step = None
        if band.step is not None:
            step = sheet.numbers([Fraction(item.bands[index].step or 1, item.quantity_scale) for item in schedules])
        if schedules[0].mode is not Mode.GRADUATED:
            found.append(Rung(foot, None, step, bool(band.once), foot=True))
            continue
        if band.once and schedules[0].depends:
            raise UnfitError("a ladder in order of time with widths that depend and prices for beginning a band")
        high = None if upper is None else sheet.let_number(less(upper, before))
        found.append(Rung(low, high, step, bool(band.once), foot=index == 0))
        if high is None:
            break
        low = high
    return tuple(found)


class Share(Record):
    """A combination on a ladder in order of time: its schedules (one a member), its quantity, the factors of widths,
    and whether it is the one that enters a ladder without usage, with what that costs."""

    schedules: tuple[Schedule, ...]
    size: Number
    factors: tuple[Number, ...]
    enters_idle: Truth
    idle: Cost


def priced_in_time(
    sheet: Sheet,
    turns: Turns,
    charge: int,
    shares: Sequence[Share],
    before: Number = NOTHING,
    entered: Truth = FALSE,
) -> list[Cost]:
    """What each combination pays for its turns, above what stands on the ladder `before`.

    `entered` says whether the foot of the ladder has been paid for.
    """
    whole = sheet.let_number(sum_of(before, *(share.size for share in shares)))
    found: list[Cost] = []
    for number, share in enumerate(shares):
        graduated = share.schedules[0].mode is Mode.GRADUATED
        read = _in_bands if graduated else _in_band_of_whole
        own = read(sheet, turns, charge, number, share, whole, entered)
        amount = sum_of(own.amount, number_where(share.enters_idle, share.idle.amount, NOTHING))
        found.append(Cost(sheet.let_number(amount), own.refused, own.portions))
    return found


def _in_bands(
    sheet: Sheet, turns: Turns, charge: int, number: int, share: Share, whole: Number, resumed: Truth
) -> Cost:
    del whole
    bands = len(rungs_of(sheet, share.schedules, share.factors))
    above = share.size
    amounts, portions, refused = [], [], []
    for index in range(bands):
        following = NOTHING if index + 1 == bands else turns.numbers[Above(charge, number, index + 1)]
        size = sheet.let_number(number_not_below_zero(less(above, following)))
        amount, portion, refusal = _band(sheet, turns, charge, number, share, index, size, TRUE, resumed)
        amounts.append(amount)
        portions.append(portion)
        refused.append(refusal)
        above = following
    return Cost(sum_of(*amounts), either(*refused), tuple(portions))


def _in_band_of_whole(
    sheet: Sheet, turns: Turns, charge: int, number: int, share: Share, whole: Number, resumed: Truth
) -> Cost:
    """Every turn stands in the band of the whole quantity."""
    uppers = uppers_of(sheet, share.schedules, share.factors)
    before: list[Truth] = []
    amounts, portions, refused = [], [], []
    for index, (band, upper) in enumerate(zip(share.schedules[0].bands, uppers, strict=True)):
        sign = Comparison.LESS_OR_EQUAL if band.inclusive else Comparison.LESS
        inside = TRUE if upper is None else sheet.let(compare_numbers(whole, sign, upper))
        standing = sheet.let(both(inside, *(negation(item) for item in before)))
        amount, portion, refusal = _band(sheet, turns, charge, number, share, index, share.size, standing, resumed)
        amounts.append(sheet.let_number(number_where(standing, amount, NOTHING)))
        portions.append(portion)
        refused.append(refusal)
        before.append(inside)
        if upper is None:
            break
    return Cost(sum_of(*amounts), either(*refused), tuple(portions))


def _band(
    sheet: Sheet,
    turns: Turns,
    charge: int,
    number: int,
    share: Share,
    index: int,
    size: Number,
    standing: Truth,
    resumed: Truth,
) -> tuple[Number, Portion, Truth]:
    """What a combination's quantity in a band costs, its portion, and whether the band refuses it."""
    schedules = share.schedules
    band = schedules[0].bands[index]
    some = compare_numbers(size, Comparison.GREATER, NOTHING)
    unit = [1 if band.step is not None else item.quantity_scale for item in schedules]
    rates = [
        Fraction(item.bands[index].rate * factor, item.money_scale)
        for item, factor in zip(schedules, unit, strict=True)
    ]
    amount, unit_price = NOTHING, NOTHING
    if any(rates):
        rate = sheet.numbers(rates)
        amount, unit_price = product_of(size, rate), rate
        if band.step is not None:
            amount = product_of(turns.numbers[Started(charge, number, index)], rate)
            unit_price = ratio_of(amount, number_where(some, size, fraction(1)))
    if band.once:
        first = 0 if schedules[0].mode is not Mode.GRADUATED else index
        entered = compare_numbers(turns.numbers[Entering(charge, number, first)], Comparison.GREATER, NOTHING)
        if first == 0 and not band.if_used:
            entered = both(entered, negation(resumed))
        once = sheet.numbers([Fraction(item.bands[index].once, item.money_scale) for item in schedules])
        amount = sum_of(amount, number_where(entered, once, NOTHING))
    refusal = both(standing, some) if band.refused else Truth("false", False)
    return sheet.let_number(amount), Portion(number_where(standing, size, NOTHING), unit_price), refusal
