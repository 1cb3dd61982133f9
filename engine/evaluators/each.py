"""Charges that rate every event on its own and then add: payments, calls, rides.

Bands, steps and `once` belong to the event. Events that come out alike stand as one step with their count, so that a
derivation stays readable however many events there are.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Final

from ..derivation import Role, Step, given, product, rounded, total
from ..dispatch import Branch, Tree, below
from ..period import Period
from ..plan import Charge, OfEach
from ..schedule import Mode, Schedule, band_of, fitting
from ..statement import Line, LineKind
from ..usage import UsageEvent
from ..window import intervals
from .charges import Priced, bounded, round_line
from .counted import EventSum
from .situation import Readings
from .slices import Portion, plain, priced_parts, settle

_LAST_INSTANT: Final = datetime(9999, 12, 30, tzinfo=UTC)
"""As late as times of usage may be: every zone has a day after it."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part `[start, end)` of an event's quantity at the prices of one row."""

    row: int
    start: Fraction
    end: Fraction


@dataclass(frozen=True, slots=True)
class Outcome:
    """What decides an event's price: equal outcomes cost the same. `freed` is what `include` takes off its front."""

    pieces: tuple[Piece, ...]
    quantity: Fraction
    freed: Fraction
    free: bool = False


@dataclass(frozen=True, slots=True)
class Alike:
    """Events whose prices stand as one step: how many they are, and their quantity."""

    step: Step
    count: int
    metered: Fraction


def price_each(charge: Charge, readings: Readings) -> Priced:
    """The one line of an `each` charge."""
    assert isinstance(charge.source, OfEach)
    situation = readings.situation
    money = situation.program.money.currency.code
    sums = readings.event_sums(charge)
    parts, portions = _priced_events(charge, charge.source, readings) if sums is None else (_of_sums(sums, charge), ())
    amount = total(Role.AMOUNT, tuple(part.step for part in parts), unit=money)
    amount = bounded(amount, charge.period_minimum, charge.period_cap, situation)
    quantity = sum((part.metered for part in parts), Fraction(0))
    events = sum(part.count for part in parts)
    line = Line(
        id=charge.name,
        kind=LineKind.CHARGE,
        labels=charge.labels,
        amount=situation.program.money.round(amount.value, situation.program.line_rounding),
        derivation=round_line(situation, amount),
        place=charge.place,
        quantity=quantity,
        unit=charge.unit,
        because=charge.because,
        source=charge.citation,
        quantity_derivation=given(
            Role.METER, quantity, f"{events:,} event{'' if events == 1 else 's'}", charge.unit, place=charge.place
        ),
    )
    return Priced(line, charge, (), portions)


def _priced_events(charge: Charge, source: OfEach, readings: Readings) -> tuple[list[Alike], tuple[Portion, ...]]:
    """The events at hand, those that come out alike together."""
    counts: dict[Outcome, int] = {}
    for outcome in _outcomes(charge, source, readings):
        counts[outcome] = counts.get(outcome, 0) + 1
    money = readings.situation.program.money.currency.code
    parts: list[Alike] = []
    portions: list[Portion] = []
    for outcome, count in counts.items():
        step, own = _price_event(charge, readings, outcome)
        times = given(Role.PART, Fraction(count), "events" if count != 1 else "event")
        label = f"{plain(outcome.quantity)} {charge.unit}".rstrip()
        parts.append(Alike(product(Role.EVENT, (times, step), label, money), count, outcome.quantity * count))
        portions.extend(Portion(portion.quantity * count, portion.unit_price) for portion in own)
    return parts, tuple(portions)


def _of_sums(sums: Sequence[EventSum], charge: Charge) -> list[Alike]:
    """Events that were priced one by one before, as they were added up."""
    return [
        Alike(
            given(Role.EVENT, item.amount, f"{item.count:,} event{'' if item.count == 1 else 's'}", place=charge.place),
            item.count,
            item.metered,
        )
        for item in sums
    ]


def price_alone(charge: Charge, readings: Readings, event: UsageEvent) -> Alike | None:
    """What one event costs whatever else happened, before the bounds of the period; None where it is not rated.

    It is so only for a charge that includes nothing. Raises `Refused` where the event has no price.
    """
    source = charge.source
    assert isinstance(source, OfEach) and not charge.free_events and not charge.free_quantity
    own = readings.rated(source, event)
    if own is None:
        return None
    quantity = max(own, Fraction(0))
    cuts: list[datetime] = []
    if source.lasting and (windows := _windows(charge.tree)):
        cuts = _cuts(windows, readings, Period(event.time, _end_of(charge, readings, event, quantity)))
    outcome = Outcome(_pieces(charge, source, readings, event, quantity, cuts), quantity, Fraction(0))
    return Alike(_price_event(charge, readings, outcome)[0], 1, quantity)


def _outcomes(charge: Charge, source: OfEach, readings: Readings) -> list[Outcome]:
    cuts = _cuts_of_all(charge, source, readings) if source.lasting else []
    free_events, free_quantity = charge.free_events, charge.free_quantity
    found = []
    for event, own in readings.each(source):
        quantity = max(own, Fraction(0))
        pieces = _pieces(charge, source, readings, event, quantity, cuts)
        free = free_events > 0
        free_events -= free
        freed = min(free_quantity, quantity)
        free_quantity -= freed
        found.append(Outcome(pieces, quantity, freed, free))
    return found


def _price_event(charge: Charge, readings: Readings, outcome: Outcome) -> tuple[Step, list[Portion]]:
    situation = readings.situation
    money = situation.program.money.currency.code
    if outcome.free or (outcome.freed and outcome.freed == outcome.quantity):
        return given(Role.INCLUDED, Fraction(0), charge.free_text, money, place=charge.place), []
    parts: list[Step] = []
    portions: list[Portion] = []
    for piece in outcome.pieces:
        # What is included comes off before the bands: the rest begins at the foot of the ladder.
        end = piece.end - outcome.freed
        start = max(piece.start - outcome.freed, Fraction(0))
        if end < start or (end == start and piece.end > piece.start):
            continue
        schedule = settle(charge.rows[piece.row].schedule, readings)
        steps, own = priced_parts(situation, charge, piece.row, schedule, end, start, outcome.quantity - outcome.freed)
        parts.extend(steps)
        portions.extend(own)
    row = charge.rows[outcome.pieces[0].row]
    amount = total(Role.AMOUNT, tuple(parts), unit=money)
    amount = bounded(amount, row.minimum or charge.minimum, row.cap or charge.cap, situation)
    if charge.round_event is not None:
        size, mode = charge.round_event.size, charge.round_event.mode
        amount = rounded(Role.ROUNDING, amount, size, mode, f"each event rounded {mode.value}")
    return amount, portions


def _pieces(
    charge: Charge,
    source: OfEach,
    readings: Readings,
    event: UsageEvent,
    quantity: Fraction,
    cuts: list[datetime],
) -> tuple[Piece, ...]:
    if not cuts:
        row, _ = readings.row_of(charge, event.fields, lambda window: readings.in_window(window, event))
        return (Piece(row, Fraction(0), quantity),)
    pieces: list[Piece] = []
    position = Fraction(0)
    while position < quantity:
        now = event.time + _duration(position * source.seconds)
        row, _ = readings.row_of(charge, event.fields, _membership(readings, now))
        end = _end_of_piece(charge, readings, row, position, quantity, _next_cut(event, source, cuts, now))
        if pieces and pieces[-1].row == row:
            pieces[-1] = Piece(row, pieces[-1].start, end)
        else:
            pieces.append(Piece(row, position, end))
        position = end
    return tuple(pieces)


def _membership(readings: Readings, now: datetime) -> Callable[[str], bool]:
    probe = UsageEvent("", "", now, {})
    return lambda window: readings.in_window(window, probe)


def _end_of_piece(
    charge: Charge, readings: Readings, row: int, position: Fraction, quantity: Fraction, edge: Fraction | None
) -> Fraction:
    """Where the row stops pricing: at the window's edge, moved to the end of a step that has begun there."""
    if edge is None or edge >= quantity:
        return quantity
    schedule = settle(charge.rows[row].schedule, readings)
    while True:
        finer, begun = fitting(schedule, position)
        band = finer.bands[_band_at(finer, begun, quantity)]
        upper = quantity if band.upper is None else min(quantity, Fraction(band.upper, finer.quantity_scale))
        if upper <= edge and upper < quantity:
            position = upper
            continue
        if band.step is None:
            return edge
        step = Fraction(band.step, finer.quantity_scale)
        steps = -(-(edge - position) // step)
        return min(position + steps * step, quantity)


def _band_at(schedule: Schedule, begun: int, quantity: Fraction) -> int:
    """The band that prices what comes next after `begun` of a quantity."""
    if schedule.mode is not Mode.GRADUATED:
        return band_of(*fitting(schedule, quantity))
    for index, band in enumerate(schedule.bands):
        if band.upper is None or begun < band.upper:
            return index
    raise AssertionError("the last band of a schedule is open")


def _next_cut(event: UsageEvent, source: OfEach, cuts: list[datetime], now: datetime) -> Fraction | None:
    """The next edge of a window after an instant, as a position inside the event."""
    index = bisect_right(cuts, now)
    if index == len(cuts):
        return None
    microseconds = (cuts[index] - event.time) // timedelta(microseconds=1)
    return Fraction(microseconds, 1_000_000) / source.seconds


def _duration(seconds: Fraction) -> timedelta:
    return timedelta(microseconds=int(seconds * 1_000_000))


def _end_of(charge: Charge, readings: Readings, event: UsageEvent, quantity: Fraction) -> datetime:
    """When an event ends. Raises `Refused` where that is past the calendar, for no window is known there."""
    assert isinstance(charge.source, OfEach)
    duration = int(quantity * charge.source.seconds * 1_000_000)
    if duration > (_LAST_INSTANT - event.time) // timedelta(microseconds=1):
        begin = event.time.astimezone(readings.situation.zone)
        length = f"{plain(quantity)} {charge.unit}".rstrip()
        raise readings.situation.refuse(
            "RB4017",
            f"an event {event.event} of {begin:%Y-%m-%d %H:%M} lasts {length}, past the year 9999, and the price "
            f"of charge {charge.name} changes with the time",
            "correct the length",
        )
    return event.time + timedelta(microseconds=duration)


def _cuts_of_all(charge: Charge, source: OfEach, readings: Readings) -> list[datetime]:
    """The edges of windows from the period's start to the last event's end."""
    windows = _windows(charge.tree)
    if not windows:
        return []
    ends = [_end_of(charge, readings, event, max(quantity, Fraction(0))) for event, quantity in readings.each(source)]
    covered = readings.situation.covered
    return _cuts(windows, readings, Period(covered.start, max([covered.end, *ends]))) if ends else []


def _cuts(windows: Collection[str], readings: Readings, reach: Period) -> list[datetime]:
    """The edges of these windows."""
    situation = readings.situation
    edges = {
        edge
        for name in windows
        for interval in intervals(situation.program.windows[name], reach, situation.zone)
        for edge in (interval.start, interval.end)
    }
    return sorted(edges)


def _windows(tree: Tree) -> set[str]:
    found = {name for name, _ in tree.windows} if isinstance(tree, Branch) else set()
    return found.union(*(_windows(part) for part in below(tree)))
