"""Events to quantities: what a meter reads for one group of an account's events, with its derivation.

Numbers stay exact: decimals are added under a context that refuses to round, and everything else is a fraction. Events
come in the order of time, ties by id.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Context, Decimal, Inexact
from fractions import Fraction
from functools import lru_cache
from typing import TypeAlias, assert_never
from zoneinfo import ZoneInfo

from ...money import Rounding, round_to
from ..condition import EventFacts, holds
from ..derivation import Role, Step, given, rounded
from ..period import Period, local_day, local_midnight
from ..plan import Aggregation, ByDay, Interval, LevelKind, Meter
from ..usage import UsageEvent, Value
from ..window import DAY_SECONDS

Measured: TypeAlias = Value | Fraction
"""The value of a field, or a number that was rounded or raised and may be no decimal."""

_EXACT = Context(prec=400, traps=[Inexact])
_MICROSECOND = Fraction(1, 1_000_000)


@dataclass(frozen=True, slots=True)
class Sample:
    """One event as a meter sees it; `value` is None where the meter only counts."""

    time: datetime
    id: str
    value: Measured | None
    series: Value | None = None


def in_order(events: Iterable[UsageEvent]) -> list[UsageEvent]:
    """Events by time, then by source and id; what the order of a file was makes no difference."""
    return sorted(events, key=order_of)


def order_of(event: UsageEvent) -> tuple[datetime, str, str, str]:
    """What events are ordered by."""
    return event.time, event.id or "", event.source or "", _content(event)


def _content(event: UsageEvent) -> str:
    return repr(sorted(event.fields.items(), key=lambda item: item[0])) if event.id is None else ""


def samples_of(meter: Meter, events: Iterable[UsageEvent]) -> list[tuple[UsageEvent, Sample]]:
    """The events that a meter counts, each with its sample, in the given order."""
    found = []
    for event in events:
        if event.event != meter.event:
            continue
        if meter.where is not None and not holds(meter.where, EventFacts(event.fields)):
            continue
        value = None if meter.field is None else event.fields.get(meter.field)
        if meter.field is not None and value is None:
            continue
        series = None if meter.per is None else event.fields.get(meter.per)
        found.append((event, Sample(event.time, event.id or "", _adjusted(meter, value), series)))
    return found


def _adjusted(meter: Meter, value: Value | None) -> Measured | None:
    """The value with `each rounded up to …` and `each at least …`."""
    if not isinstance(value, Decimal) or (meter.each_rounding is None and meter.each_minimum is None):
        return value
    exact = Fraction(value)
    if meter.each_rounding is not None:
        exact = round_to(exact, meter.each_rounding.size, meter.each_rounding.mode) * meter.each_rounding.size
    return exact if meter.each_minimum is None else max(exact, meter.each_minimum)


def read(
    meter: Meter,
    samples: Sequence[Sample],
    covered: Period,
    zone: ZoneInfo,
    given_quantity: Fraction,
    *,
    averaged: Period | None = None,
) -> Step:
    """The quantity that a meter reads from the samples of one group, in the meter's unit.

    `covered` is the subscribed part of the billing period; samples of levels may be earlier. `given_quantity` was
    metered elsewhere and is added before rounding. Where `covered` is a part of what a level is `averaged` over, it
    gives its share of the average, so that the parts add up to the whole.
    """
    inside = [sample for sample in samples if covered.contains(sample.time)]
    value = _aggregate(meter, samples, inside, covered, zone)
    label = _label(meter, len(inside), given_quantity)
    if averaged is not None and averaged != covered and meter.is_averaged_over_time:
        share, words = _share_of(meter, covered, averaged, zone)
        value, label = value * share, f"{label}, {words}"
    step = given(Role.METER, value * meter.factor + given_quantity, label, meter.unit.name, place=meter.place)
    if meter.rounding is None:
        return step
    size, mode = meter.rounding.size, meter.rounding.mode
    return rounded(Role.QUANTITY, step, size, mode, f"rounded {_mode_word(mode)} to {size} {meter.unit.name}".rstrip())


def _share_of(meter: Meter, covered: Period, averaged: Period, zone: ZoneInfo) -> tuple[Fraction, str]:
    """How much of what a level is averaged over a part of it is, and in words."""
    part, whole = ((local_day(period.end, zone) - local_day(period.start, zone)).days for period in (covered, averaged))
    words = f"for {part} of {whole} days"
    if meter.by_day is not None:
        return Fraction(part, whole), words
    return _seconds(covered.duration) / _seconds(averaged.duration), words


def _mode_word(mode: Rounding) -> str:
    return mode.value


def _label(meter: Meter, count: int, given_quantity: Fraction) -> str:
    events = f"{count:,} event" + ("" if count == 1 else "s")
    if given_quantity and not count:
        return "as metered"
    if given_quantity:
        return f"{meter.text} over {events}, and as metered"
    return f"{meter.text} over {events}"


def _aggregate(
    meter: Meter, samples: Sequence[Sample], inside: Sequence[Sample], covered: Period, zone: ZoneInfo
) -> Fraction:
    if meter.level is not None and meter.interval is not None:
        values = _levels_of_intervals(meter.level, meter.interval, samples, covered, zone)
        return _over(meter.aggregation, values, meter.rank)
    if meter.level is not None:
        return _of_level(meter, samples, covered, zone)
    if meter.interval is not None:
        return _of_intervals(meter, meter.interval, inside, covered, zone)
    return aggregate(meter.aggregation, [sample.value for sample in inside], meter.rank)


def aggregate(aggregation: Aggregation, values: Sequence[Measured | None], rank: Fraction | None) -> Fraction:
    """One number from many values, in the order of time; no values give 0."""
    match aggregation:
        case Aggregation.COUNT:
            return Fraction(len(values))
        case Aggregation.UNIQUE:
            return Fraction(len(set(values)))
        case _ if not values:
            return Fraction(0)
        case Aggregation.SUM:
            return _sum(values)
        case Aggregation.AVERAGE:
            return _sum(values) / len(values)
        case Aggregation.MINIMUM:
            return min(number_of(value) for value in values)
        case Aggregation.MAXIMUM:
            return max(number_of(value) for value in values)
        case Aggregation.LATEST:
            return number_of(values[-1])
        case Aggregation.PERCENTILE:
            assert rank is not None, "verify() holds percentiles to have a rank"
            return _percentile(sorted(number_of(value) for value in values), rank)
        case Aggregation.TIME_WEIGHTED_AVERAGE | Aggregation.TIME_INTEGRAL:
            raise AssertionError(f"{aggregation.value} needs a level")
        case _:
            assert_never(aggregation)


def _percentile(rising: Sequence[Fraction], rank: Fraction) -> Fraction:
    """Nearest rank: the smallest value that at least `rank` percent of all are not above."""
    position = -(-(rank * len(rising)) // 100)
    return rising[max(int(position), 1) - 1]


def number_of(value: Measured | None) -> Fraction:
    """The value of a number, exactly."""
    assert isinstance(value, Decimal | Fraction), "the resolver lets only numbers be aggregated"
    return Fraction(value)


def _sum(values: Sequence[Measured | None]) -> Fraction:
    """Decimals are added as decimals, which is many times as fast as adding fractions."""
    decimals, fractions = Decimal(0), Fraction(0)
    for value in values:
        if isinstance(value, Decimal):
            decimals = _EXACT.add(decimals, value)
        else:
            fractions += number_of(value)
    return Fraction(decimals) + fractions


# Two levels: inside each interval, then over the intervals


def _of_intervals(
    meter: Meter, interval: Interval, inside: Sequence[Sample], covered: Period, zone: ZoneInfo
) -> Fraction:
    starts = _starts(interval, inside, covered, zone)
    groups: dict[datetime, list[Measured | None]] = {}
    for sample in inside:
        groups.setdefault(_interval_of(sample.time, interval.seconds, zone), []).append(sample.value)
    values = [aggregate(interval.aggregation, groups.get(start, []), None) for start in starts]
    return _over(meter.aggregation, values, meter.rank)


def _starts(interval: Interval, inside: Sequence[Sample], covered: Period, zone: ZoneInfo) -> Sequence[datetime]:
    """The starts of the intervals that count."""
    starts = interval_starts(interval.seconds, covered, zone)
    if not interval.days_with_usage:
        return starts
    used = {local_day(sample.time, zone) for sample in inside}
    return [start for start in starts if local_day(start, zone) in used]


def _over(aggregation: Aggregation, values: Sequence[Fraction], rank: Fraction | None) -> Fraction:
    if not values:
        return Fraction(0)
    match aggregation:
        case Aggregation.MAXIMUM:
            return max(values)
        case Aggregation.MINIMUM:
            return min(values)
        case Aggregation.AVERAGE:
            return sum(values, Fraction(0)) / len(values)
        case Aggregation.SUM:
            return sum(values, Fraction(0))
        case Aggregation.LATEST:
            return values[-1]
        case Aggregation.PERCENTILE:
            assert rank is not None, "verify() holds percentiles to have a rank"
            return _percentile(sorted(values), rank)
        case _:
            raise AssertionError(f"{aggregation.value} does not go over intervals")


def _interval_of(time: datetime, seconds: int, zone: ZoneInfo) -> datetime:
    """The start of the interval that holds an instant.

    Intervals count real time from local midnight, but for a whole day, which is a local one of 23 to 25 hours.
    """
    midnight = local_midnight(local_day(time, zone), zone)
    if seconds == DAY_SECONDS:
        return midnight
    return midnight + timedelta(seconds=(time - midnight) // timedelta(seconds=seconds) * seconds)


@lru_cache(maxsize=4)  # a year of minutes is long: few periods are kept, for accounts share them
def interval_starts(seconds: int, covered: Period, zone: ZoneInfo) -> tuple[datetime, ...]:
    """The starts of all intervals that a period touches, in order."""
    starts = []
    start = _interval_of(covered.start, seconds, zone)
    while start < covered.end:
        starts.append(start)
        midnight = local_midnight(local_day(start, zone) + timedelta(days=1), zone)
        # The day's last interval ends at midnight, however long it has been.
        start = midnight if seconds == DAY_SECONDS else min(start + timedelta(seconds=seconds), midnight)
    return tuple(starts)


# Levels hold until the next event, across periods


def has_usage(meter: Meter, samples: Sequence[Sample], covered: Period) -> bool:
    """Whether there was anything to meter: an event inside, or a level above or below zero that was held."""
    if meter.level is None or any(covered.contains(sample.time) for sample in samples):
        return bool(samples)
    return any(stretch.level for stretch in stretches(meter.level, samples, covered))


@dataclass(frozen=True, slots=True)
class Stretch:
    """A level over a stretch of time."""

    start: datetime
    end: datetime
    level: Fraction


def stretches(kind: LevelKind, samples: Sequence[Sample], covered: Period) -> list[Stretch]:
    """The level over a period, as stretches that cover it without gaps; series are added up."""
    levels: dict[Value | None, Fraction] = {}
    total = Fraction(0)
    found: list[Stretch] = []
    since = covered.start
    for sample in samples:
        if sample.time >= covered.end:
            break
        if sample.time > since:
            found.append(Stretch(since, sample.time, total))
            since = sample.time
        before = levels.get(sample.series, Fraction(0))
        after = number_of(sample.value) if kind is LevelKind.LEVEL else before + number_of(sample.value)
        levels[sample.series] = after
        total += after - before
    if since < covered.end:
        found.append(Stretch(since, covered.end, total))
    return found


def _levels_of_intervals(
    kind: LevelKind, interval: Interval, samples: Sequence[Sample], covered: Period, zone: ZoneInfo
) -> list[Fraction]:
    """What each interval reads of a level, which holds where nothing happens."""
    inside = [sample for sample in samples if covered.contains(sample.time)]
    counted = set(_starts(interval, inside, covered, zone))
    starts = interval_starts(interval.seconds, covered, zone)
    held, first = stretches(kind, samples, covered), 0
    values: list[Fraction] = []
    for start, end in zip(starts, [*starts[1:], covered.end], strict=True):
        while held[first].end <= start:
            first += 1
        if start in counted:
            last = bisect_left(held, end, lo=first, key=lambda stretch: stretch.start)
            values.append(_of_stretches(interval.aggregation, [stretch.level for stretch in held[first:last]]))
    return values


def _of_stretches(aggregation: Aggregation, levels: Sequence[Fraction]) -> Fraction:
    match aggregation:
        case Aggregation.MAXIMUM:
            return max(levels)
        case Aggregation.LATEST:
            return levels[-1]
        case _:
            raise AssertionError(f"inside an interval a level has no {aggregation.value}")


def _of_level(meter: Meter, samples: Sequence[Sample], covered: Period, zone: ZoneInfo) -> Fraction:
    assert meter.level is not None
    held = stretches(meter.level, samples, covered)
    if meter.by_day is not None:
        held = _by_day(held, meter.by_day, covered, zone)
    if meter.by_day is not None and meter.aggregation is Aggregation.TIME_WEIGHTED_AVERAGE:
        # Days count alike, also those of 23 and 25 hours.
        return sum((day.level for day in held), Fraction(0)) / len(held) if held else Fraction(0)
    match meter.aggregation:
        case Aggregation.MAXIMUM:
            return max((stretch.level for stretch in held), default=Fraction(0))
        case Aggregation.MINIMUM:
            return min((stretch.level for stretch in held), default=Fraction(0))
        case Aggregation.LATEST:
            return held[-1].level if held else Fraction(0)
        case Aggregation.TIME_INTEGRAL:
            return _integral(held)
        case Aggregation.TIME_WEIGHTED_AVERAGE | Aggregation.AVERAGE:
            duration = _seconds(covered.duration)
            return _integral(held) / duration if duration else Fraction(0)
        case _:
            raise AssertionError(f"{meter.aggregation.value} does not take a level")


def _by_day(held: Sequence[Stretch], by_day: ByDay, covered: Period, zone: ZoneInfo) -> list[Stretch]:
    """Each local day whole at its last level, or at its highest."""
    choose: Callable[[list[Fraction]], Fraction] = max if by_day is ByDay.HIGHEST else _last
    days: list[Stretch] = []
    start = covered.start
    remaining = list(held)
    while start < covered.end:
        end = min(local_midnight(local_day(start, zone) + timedelta(days=1), zone), covered.end)
        levels = [stretch.level for stretch in remaining if stretch.start < end and stretch.end > start]
        days.append(Stretch(start, end, choose(levels)))
        remaining = [stretch for stretch in remaining if stretch.end > end]
        start = end
    return days


def _last(levels: list[Fraction]) -> Fraction:
    return levels[-1]


def _integral(held: Iterable[Stretch]) -> Fraction:
    return sum((stretch.level * _seconds(stretch.end - stretch.start) for stretch in held), Fraction(0))


def _seconds(duration: timedelta) -> Fraction:
    return Fraction(duration // timedelta(microseconds=1)) * _MICROSECOND
