"""What is remembered of the events of a running period, and how more are added to it.

Counters are values: adding events gives new ones. All that they hold reads, by way of `Counted`, as the events would.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import NamedTuple, cast

from ...plan import Aggregation, OfEach
from ...usage import MeteredQuantity, UsageEvent, Value
from ..counted import Counted, EventSum
from ..each import price_alone
from ..meter import Sample, number_of, order_of
from ..situation import Situation
from .ground import Ground
from .keeping import Keep, Kept, decides_before


class Alike(NamedTuple):
    """What events have in common that no rule tells apart: of one meter, or of one `each` charge.

    `fields` are the values of the meter's fields, None for one that an event does not say. `series` is what else sets
    a deciding event apart: the value that it counts, or the series of its level.
    """

    of: str
    fields: tuple[Value | None, ...]
    windows: tuple[str, ...]
    section: int
    series: tuple[Value | Fraction | None, ...] = ()


@dataclass(frozen=True, slots=True)
class Counters:
    """The events of a running period, and of those before it what still matters.

    `given` are quantities that were metered elsewhere. `kept` holds the events of a meter that keeps all, `each` those
    of `each` charges where they are not added up in `sums`; both in the order of time.
    """

    given: tuple[MeteredQuantity, ...] = ()
    counts: Mapping[Alike, MeteredQuantity] = field(default_factory=dict)
    deciding: Mapping[Alike, UsageEvent] = field(default_factory=dict)
    kept: Mapping[str, tuple[UsageEvent, ...]] = field(default_factory=dict)
    sums: Mapping[Alike, EventSum] = field(default_factory=dict)
    each: tuple[UsageEvent, ...] = ()


def added(ground: Ground, counters: Counters, events: Iterable[UsageEvent]) -> Counters:
    """The counters with more events; the very same where none of them matters. Raises `Refused`.

    Events may come in any order. What lies after the period is passed over, as it is when the period is rated.
    """
    adding = _Adding(ground, counters)
    for event in events:
        if event.time < ground.situation.covered.end:
            adding.put(event)
    return adding.result()


def situation_with(ground: Ground, counters: Counters) -> Situation:
    """The situation of a running period, as it is rated."""
    events: dict[str, list[UsageEvent]] = {name: list(own) for name, own in counters.kept.items()}
    for alike, event in counters.deciding.items():
        events.setdefault(alike.of, []).append(event)
    counted = Counted(
        {name: tuple(sorted(own, key=order_of)) for name, own in events.items()},
        tuple(counters.sums.values()) if ground.sums else None,
    )
    quantities = (*counters.given, *counters.counts.values())
    return replace(ground.situation, events=counters.each, quantities=quantities, counted=counted)


class _Adding:
    """Counters while events are added: what changes is copied once."""

    def __init__(self, ground: Ground, counters: Counters) -> None:
        self.ground = ground
        self.before = counters
        self.counts: dict[Alike, MeteredQuantity] = {}
        self.deciding: dict[Alike, UsageEvent] = {}
        self.kept: dict[str, list[UsageEvent]] = {}
        self.sums: dict[Alike, EventSum] = {}
        self.each: list[UsageEvent] = []
        self.readings = ground.versions[0].readings

    def put(self, event: UsageEvent) -> None:
        for kept in self.ground.meters:
            if kept.meter.event == event.event:
                self._meter(kept, event)
        if self.ground.situation.covered.contains(event.time):
            self._each(event)

    def result(self) -> Counters:
        before = self.before
        if not (self.counts or self.deciding or self.kept or self.sums or self.each):
            return before
        kept = {
            name: tuple(sorted([*before.kept.get(name, ()), *own], key=order_of)) for name, own in self.kept.items()
        }
        return Counters(
            given=before.given,
            counts={**before.counts, **self.counts},
            deciding={**before.deciding, **self.deciding},
            kept={**before.kept, **kept},
            sums={**before.sums, **self.sums},
            each=tuple(sorted([*before.each, *self.each], key=order_of)) if self.each else before.each,
        )

    def _meter(self, kept: Kept, event: UsageEvent) -> None:
        meter = kept.meter
        earlier = event.time < self.ground.situation.covered.start
        if earlier and not (kept.with_history or meter.needs_history):
            return
        counted = self.readings.counts(meter, (event,))
        if not counted:
            return
        ((_, sample),) = counted
        match kept.keep:
            case Keep.COUNTS:
                self._count(kept, event, sample)
            case Keep.DECIDING:
                series = (sample.value,) if meter.aggregation is Aggregation.UNIQUE else ()
                self._decide(kept, event, sample, series)
            case Keep.ALL if earlier and not kept.with_history and decides_before(meter):
                self._decide(kept, event, sample, (sample.series,))
            case Keep.ALL:
                self.kept.setdefault(meter.name, []).append(event)

    def _alike(self, kept: Kept, event: UsageEvent, series: tuple[Value | Fraction | None, ...] = ()) -> Alike:
        return Alike(
            kept.meter.name,
            tuple(event.fields.get(name) for name in kept.fields),
            self.ground.inside(kept.windows, event.time),
            self.ground.section(event.time),
            series,
        )

    def _count(self, kept: Kept, event: UsageEvent, sample: Sample) -> None:
        alike = self._alike(kept, event)
        size = kept.meter.factor * (Fraction(1) if sample.value is None else number_of(sample.value))
        known = self.counts.get(alike) or self.before.counts.get(alike)
        if known is not None:
            self.counts[alike] = replace(known, quantity=known.quantity + size)
            return
        # A field that an event does not say is None here too: it is asked for, and has no value.
        fields = cast("Mapping[str, Value]", dict(zip(kept.fields, alike.fields, strict=True)))
        self.counts[alike] = MeteredQuantity(event.account, kept.meter.name, size, fields, event.time)

    def _decide(
        self, kept: Kept, event: UsageEvent, sample: Sample, series: tuple[Value | Fraction | None, ...]
    ) -> None:
        alike = self._alike(kept, event, series)
        known = self.deciding.get(alike) or self.before.deciding.get(alike)
        if known is None or self._decides(kept, event, sample, known):
            self.deciding[alike] = event

    def _decides(self, kept: Kept, event: UsageEvent, sample: Sample, known: UsageEvent) -> bool:
        """Whether an event takes the place of the one that has decided so far."""
        if kept.meter.aggregation is Aggregation.UNIQUE:
            return False
        if kept.keep is Keep.ALL or kept.meter.aggregation is Aggregation.LATEST:
            return order_of(event) > order_of(known)
        ((_, other),) = self.readings.counts(kept.meter, (known,))
        ours, theirs = number_of(sample.value), number_of(other.value)
        return ours > theirs if kept.meter.aggregation is Aggregation.MAXIMUM else ours < theirs

    def _each(self, event: UsageEvent) -> None:
        version = self.ground.version_at(event.time)
        if not self.ground.sums:
            # A charge of another version may ask what came before: all events that some charge rates are kept.
            sources = [charge.source for each in self.ground.versions for charge in each.charges]
            if any(isinstance(source, OfEach) and source.event == event.event for source in sources):
                self.each.append(event)
            return
        for charge in version.charges:
            assert isinstance(charge.source, OfEach)
            if charge.source.event != event.event:
                continue
            if version.priced:
                price = price_alone(charge, version.readings, event)
                if price is None:
                    continue
                metered, amount = price.metered, price.step.value
            elif version.readings.rated(charge.source, event) is None:
                continue
            else:
                # It has no price: the bill is refused, as soon as somebody asks whether there is usage.
                metered = amount = Fraction(0)
            self._sum(charge.name, event, metered, amount)

    def _sum(self, charge: str, event: UsageEvent, metered: Fraction, amount: Fraction) -> None:
        windows = self.ground.inside(self.ground.windows_of_each, event.time)
        alike = Alike(charge, (), windows, self.ground.section(event.time))
        known = self.sums.get(alike) or self.before.sums.get(alike) or EventSum(charge, event.time, 0, *ZEROS)
        self.sums[alike] = replace(
            known, count=known.count + 1, metered=known.metered + metered, amount=known.amount + amount
        )


ZEROS = (Fraction(0), Fraction(0))
