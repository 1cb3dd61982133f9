"""What is rated: one subscription in one billing period, with its usage at hand, as conditions and charges ask for it.

`Situation` is frozen data; `Readings` reads meters from it and remembers what it has read, for a meter may be asked
for by several rules.

Longer than most modules, for events, quantities and what was counted before have to be read alike, by every rule.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import TypeAlias
from zoneinfo import ZoneInfo

from ...diagnostics import Diagnostic
from ..condition import Condition, EventFacts, Missing, Scalar, holds, scalar
from ..derivation import Step
from ..dispatch import Key, dispatch
from ..period import DateRange, Period, billing_period
from ..plan import Charge, ColumnKind, Meter, OfEach, Plan, Program
from ..schedule import Schedule, Slice
from ..usage import MeteredQuantity, Subscription, UsageEvent
from ..window import Coverage, Difference, Intersection, Window, contains, covers, membership
from .counted import Counted, EventSum
from .meter import Sample, has_usage, number_of, read, samples_of


class Refused(Exception):  # noqa: N818 - an answer that `rate` turns into a value
    """The usage cannot be rated; the finding says why."""

    def __init__(self, finding: Diagnostic) -> None:
        super().__init__(finding.message)
        self.finding = finding


@dataclass(frozen=True, slots=True)
class Walked:
    """One walk over the bands of a row, as it priced a quantity (in the schedule's integers, its widths settled).

    `since` is when the version of the plan begins that priced it.
    """

    since: date | None
    charge: str
    row: int
    schedule: Schedule
    quantity: int
    slices: tuple[Slice, ...]


Observer: TypeAlias = Callable[[Walked], None]
"""Is told of every walk while a statement is made; what it does cannot change an amount."""


@dataclass(frozen=True, slots=True)
class Situation:
    """One subscription in one billing period. Events are in the order of time and may reach back before the period."""

    program: Program
    plan: Plan
    subscription: Subscription
    events: tuple[UsageEvent, ...]
    quantities: tuple[MeteredQuantity, ...]
    days: DateRange
    """The whole billing period."""
    covered_days: DateRange
    """The part of it that the subscription covers, and that is priced."""
    zone: ZoneInfo
    averaged_days: DateRange | None = None
    """What a level is averaged over where these days are a part of it: all that the subscription covers."""
    until: date | None = None
    """The day on which a bill for a part of the period ends; None for the whole period."""
    observer: Observer | None = None
    counted: Counted | None = None
    """What stands for events that were counted before; None where all are at hand."""
    covered: Period = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "covered", self.covered_days.period(self.zone))

    @property
    def averaged(self) -> Period:
        """What a level is averaged over."""
        return self.covered if self.averaged_days is None else self.averaged_days.period(self.zone)

    @property
    def prorated_days(self) -> DateRange:
        """The days that a share of the period is for: all that are covered, also where a bill ends before them."""
        return self.covered_days if self.until is None or self.averaged_days is None else self.averaged_days

    @property
    def reached_days(self) -> DateRange:
        """The billing period as far as the bill goes: what begins or ends in it stands on the statement."""
        return self.days if self.until is None else DateRange(self.days.start, self.until)

    def subscription_days(self) -> DateRange:
        """The days that the subscription covers, up to the period's end where it has no end of its own."""
        end = self.subscription.end
        last = max(self.days.end, self.subscription.start)
        return DateRange(self.subscription.start, last if end is None else max(end, self.subscription.start))

    def refuse(self, code: str, message: str, *hints: str) -> Refused:
        """A refusal that names the account."""
        account = self.subscription.account
        place = f"account {account}" if account else ""
        return Refused(Diagnostic(code, message, hints=hints, place=place))


@dataclass(frozen=True, slots=True)
class Group:
    """The quantity of one combination of `by` values: the row that prices it, and how it was metered."""

    row: int
    key: Key
    metered: Step


class Readings:
    """The meters of one situation, read on demand."""

    def __init__(self, situation: Situation) -> None:
        self.situation = situation
        self._totals: dict[str, Step] = {}
        self._memberships: dict[str, Callable[[UsageEvent], bool]] = {}
        self._samples: dict[str, list[tuple[UsageEvent, Sample]]] = {}

    def total(self, name: str) -> Step:
        """The quantity of a meter over all its events of the period."""
        if name not in self._totals:
            meter = self.situation.program.meters[name]
            samples = [sample for _, sample in self.samples(meter)]
            given = sum((item.quantity for item in self.quantities(name)), Fraction(0))
            situation = self.situation
            self._totals[name] = read(
                meter, samples, situation.covered, situation.zone, given, averaged=situation.averaged
            )
        return self._totals[name]

    def samples(self, meter: Meter) -> list[tuple[UsageEvent, Sample]]:
        """The events that a meter counts; before the period's start only those of a level."""
        if meter.name not in self._samples:
            covered, counted = self.situation.covered, self.situation.counted
            known = self.situation.events if counted is None else counted.events.get(meter.name, ())
            events = (
                event
                for event in known
                if event.time < covered.end and (meter.needs_history or event.time >= covered.start)
            )
            self._samples[meter.name] = self.counts(meter, events)
        return self._samples[meter.name]

    def counts(self, meter: Meter, events: Iterable[UsageEvent]) -> list[tuple[UsageEvent, Sample]]:
        """Those of some events that a meter counts. Raises `Refused` where one does not say what decides it."""
        try:
            return samples_of(meter, events)
        except Missing as missing:
            raise self._unsaid(missing.attribute, meter.event, f"meter {meter.name}") from None

    def quantities(self, meter: str) -> list[MeteredQuantity]:
        """What was metered elsewhere for the period."""
        covered, start = self.situation.covered, self.situation.days.start
        return [
            item
            for item in self.situation.quantities
            if item.meter == meter
            and (item.time is None or covered.contains(item.time))
            and (item.period_start is None or item.period_start == start)
        ]

    def groups(self, charge: Charge, meter: Meter) -> list[Group]:
        """The quantities of a charge, one a combination of `by` values that has usage; one in all without columns."""
        if not charge.columns:
            return [Group(0, (), self.total(meter.name))]
        # Tables that follow one another may have rows of the same words.
        keys: dict[tuple[int, Key], None] = {}
        samples: dict[tuple[int, Key], list[Sample]] = {}
        given: dict[tuple[int, Key], Fraction] = {}
        for event, sample in self.samples(meter):
            key = self.row_of(charge, event.fields, lambda window, event=event: self.in_window(window, event))  # type: ignore[misc]
            keys[key] = None
            samples.setdefault(key, []).append(sample)
        for item in self.quantities(meter.name):
            self._check_fields(charge, item)
            key = self.row_of(charge, item.fields, lambda window, item=item: self.quantity_in(window, item))  # type: ignore[misc]
            keys[key] = None
            given[key] = given.get(key, Fraction(0)) + item.quantity
        situation = self.situation
        found = [
            Group(
                *key,
                read(
                    meter,
                    samples.get(key, ()),
                    situation.covered,
                    situation.zone,
                    given.get(key, Fraction(0)),
                    averaged=situation.averaged,
                ),
            )
            for key in keys
            if key in given or has_usage(meter, samples[key], situation.covered)
        ]
        return sorted(found, key=lambda group: (group.row, declared_order(charge, group.key)))

    def row_of(self, charge: Charge, fields: object, in_window: Callable[[str], bool]) -> tuple[int, Key]:
        """The row and key for the `by` values of an event or quantity. Raises `Refused` where no row has a price."""
        values = tuple(self._column_value(charge, index, fields) for index in range(len(charge.columns)))
        found = dispatch(charge.tree, values, in_window)
        if isinstance(found, int):
            column = charge.columns[found]
            value = values[found]
            shown = "no value" if value is None else f"“{value}”"
            raise self.situation.refuse(
                "RB4003",
                f"charge {charge.name} has no price for {column.name} {shown} ({charge.place})",
                f"add a row for {shown}, or a row `otherwise`",
            )
        return found

    def _column_value(self, charge: Charge, index: int, fields: object) -> Scalar | None:
        column = charge.columns[index]
        match column.kind:
            case ColumnKind.FIELD:
                value = fields.get(column.name)  # type: ignore[attr-defined]
            case ColumnKind.ATTRIBUTE:
                value = self.situation.subscription.attributes.get(column.name)
                if value is None:
                    raise self.missing(column.name, charge.name)
            case ColumnKind.TIME:
                value = None
        return None if value is None else scalar(value)

    def _check_fields(self, charge: Charge, item: MeteredQuantity) -> None:
        for column in charge.columns:
            if column.kind is ColumnKind.FIELD and column.name not in item.fields:
                raise self.situation.refuse(
                    "RB4006",
                    f"the quantity of {item.meter} does not say its {column.name}, which charge {charge.name} asks for",
                    f"give it, as in `usage {item.meter} …, {column.name} …`",
                )

    def in_window(self, name: str, event: UsageEvent) -> bool:
        """Whether an event's time lies in a window; quick inside the period."""
        if not self.situation.covered.contains(event.time):
            return contains(self.situation.program.windows[name], event.time, self.situation.zone)
        if name not in self._memberships:
            inside = membership(self.situation.program.windows[name], self.situation.covered, self.situation.zone)
            self._memberships[name] = lambda event: inside(event.time)
        return self._memberships[name](event)

    def quantity_in(self, name: str, item: MeteredQuantity) -> bool:
        """Whether a metered quantity lies in a window. Raises `Refused` where that cannot be known."""
        window = self.situation.program.windows[name]
        if item.time is not None:
            return contains(window, item.time, self.situation.zone)
        if item.window is None:
            match covers(window, self.situation.covered, self.situation.zone):
                case Coverage.ALL:
                    return True
                case Coverage.NONE:
                    return False
                case Coverage.PART:
                    raise self.situation.refuse(
                        "RB4005",
                        f"the quantity of {item.meter} has no time, and window {name} covers part of the period",
                        "give the quantity a time",
                        f"give the window that it was used in, as in `usage {item.meter} …, time {name}`",
                    )
        used = self.situation.program.windows[item.window]
        if item.window == name:
            return True
        if self._is_empty(Intersection((used, window))):
            return False
        if self._is_empty(Difference(used, window)):
            return True
        raise self.situation.refuse(
            "RB4005",
            f"the quantity of {item.meter} was used in window {item.window}, of which window {name} covers a part",
            "give the quantity a time",
            f"give the parts of the quantity inside and outside {name} their own windows",
        )

    def _is_empty(self, window: Window) -> bool:
        return covers(window, self.situation.covered, self.situation.zone) is Coverage.NONE

    def share_in(self, charge: Charge, meter: Meter, window: str, key: Key) -> tuple[Fraction, Fraction]:
        """For one combination: the quantity that lies in a window, and the whole quantity, both before rounding."""
        inside = whole = Fraction(0)
        for event, sample in self.samples(meter):
            if charge.columns and self.key_of(charge, event) != key:
                continue
            size = Fraction(1) if sample.value is None else number_of(sample.value) * meter.factor
            whole += size
            if self.in_window(window, event):
                inside += size
        for item in self.quantities(meter.name):
            if charge.columns and self.key_of_quantity(charge, item) != key:
                continue
            whole += item.quantity
            if self.quantity_in(window, item):
                inside += item.quantity
        return inside, whole

    def each(self, source: OfEach) -> Iterator[tuple[UsageEvent, Fraction]]:
        """The events that an `each` charge rates, in order, each with its quantity; a length of zero is not rated."""
        for event in self.situation.events:
            quantity = self.rated(source, event)
            if quantity is not None:
                yield event, quantity

    def rated(self, source: OfEach, event: UsageEvent) -> Fraction | None:
        """The quantity of an event for an `each` charge, or None where it is not rated."""
        if event.event != source.event or not self.situation.covered.contains(event.time):
            return None
        if source.where is not None and not self._is_meant(source.where, event):
            return None
        length = None if source.length is None else event.fields.get(source.length)
        if length is not None and number_of(length) <= 0:
            return None
        value = Decimal(1) if source.field is None else event.fields.get(source.field)
        return None if value is None else number_of(value) * source.factor

    def event_sums(self, charge: Charge) -> list[EventSum] | None:
        """What stands for the events of an `each` charge; None where they are at hand."""
        counted, covered = self.situation.counted, self.situation.covered
        if counted is None or counted.sums is None:
            return None
        return [item for item in counted.sums if item.charge == charge.name and covered.contains(item.time)]

    def each_share_in(self, charge: Charge, window: str) -> tuple[Fraction, Fraction]:
        """For an `each` charge: the quantity of the events that lie in a window, and that of all of them."""
        assert isinstance(charge.source, OfEach)
        inside = whole = Fraction(0)
        for event, own in self.each(charge.source):
            quantity = max(own, Fraction(0))
            whole += quantity
            if self.in_window(window, event):
                inside += quantity
        for item in self.event_sums(charge) or ():
            whole += item.metered
            if contains(self.situation.program.windows[window], item.time, self.situation.zone):
                inside += item.metered
        return inside, whole

    def key_of(self, charge: Charge, event: UsageEvent) -> Key:
        """The combination of `by` values that an event belongs to."""
        return self.row_of(charge, event.fields, lambda window: self.in_window(window, event))[1]

    def key_of_quantity(self, charge: Charge, item: MeteredQuantity) -> Key:
        """The combination of `by` values that a quantity belongs to."""
        return self.row_of(charge, item.fields, lambda window: self.quantity_in(window, item))[1]

    def _is_meant(self, where: Condition, event: UsageEvent) -> bool:
        try:
            return holds(where, EventFacts(event.fields))
        except Missing as missing:
            raise self._unsaid(missing.attribute, event.event, "a charge") from None

    def _unsaid(self, field: str, event: str, rule: str) -> Refused:
        """The refusal for an event that does not say a field which decides whether it counts."""
        return self.situation.refuse(
            "RB4001",
            f"{rule} asks for {field} of {event}, which an event does not say",
            f"give every {event} its {field}",
            f"guard the condition with `{field} is known and …`",
        )

    def missing(self, attribute: str, rule: str) -> Refused:
        """The refusal for an attribute that a rule needs."""
        return self.situation.refuse(
            "RB4001",
            f"rule {rule} needs account.{attribute}, which is not known",
            f"give the account a value for {attribute}",
            f"guard the rule with `when account.{attribute} is known`",
        )


def declared_order(charge: Charge, key: Key) -> tuple[tuple[int, str], ...]:
    """Values in their declared order, others after them by their text."""
    order = []
    for column, text in zip(charge.columns, key, strict=False):
        rank = column.values.index(text) if text in column.values else len(column.values)
        order.append((rank, text))
    return tuple(order)


class PeriodFacts:
    """What conditions may ask of a situation; `amounts` holds the lines that are already priced, by name."""

    def __init__(self, readings: Readings, amounts: dict[str, Fraction]) -> None:
        self._readings = readings
        self._amounts = amounts

    def attribute(self, name: str) -> Scalar | None:
        value = self._readings.situation.subscription.attributes.get(name)
        return None if value is None else scalar(value)

    def field(self, name: str) -> Scalar | None:
        raise Missing(name)

    def usage(self, meter: str) -> Fraction:
        return max(self._readings.total(meter).value, Fraction(0))

    def amount(self, line: str) -> Fraction:
        return self._amounts.get(line, Fraction(0))

    def month(self) -> int:
        return self._readings.situation.days.start.month

    def starts_in(self, window: str) -> bool:
        situation = self._readings.situation
        return contains(situation.program.windows[window], situation.days.period(situation.zone).start, situation.zone)


def earlier_periods(plan: Plan, subscription: Subscription, since: date, before: date) -> list[DateRange]:
    """The billing periods that end after `since` and begin before `before`, in order."""
    found = []
    day = max(since, subscription.start)
    while day < before:
        period = billing_period(plan.billing, day, subscription.start)
        if period.start < before:
            found.append(period)
        day = max(period.end, day + timedelta(days=1))
    return found
