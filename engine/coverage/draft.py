"""Examples in the making: facts that are changed step by step until they touch what they are meant to.

Quantities are given as metered where that is enough, and as events where a time decides.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import assert_never
from zoneinfo import ZoneInfo

from ...diagnostics import Span
from ...money import decimal_text
from ..compiler.model import Example
from ..compiler.satisfy import witness
from ..condition import And, Attribute, Compare, Condition, FieldOf, Known, Not, OneOf, Operand, Or, Scalar, StartsIn
from ..dispatch import Branch, Chain, Leaf, Tree
from ..period import DateRange, Period, local_midnight
from ..plan import Aggregation, Charge, ColumnKind, Meter, OfEach, OfMeter, Plan, Program
from ..usage import CardHolding, EventSchema, FieldKind, FieldSchema, MeteredQuantity, UsageEvent, Value
from ..window import contains

_NOWHERE = Span("", 0, 0)
_EVENTS_MAX = 12
_HOURS_TRIED = 24 * 8


@dataclass(frozen=True, slots=True)
class Frame:
    """When an example plays: `in PERIOD`, and `since` where the subscription is older or begins later."""

    period: str
    days: DateRange
    since: date | None = None

    @property
    def start(self) -> date:
        return self.days.start if self.since is None else self.since

    @property
    def first_day(self) -> date:
        return max(self.start, self.days.start)


@dataclass(frozen=True, slots=True)
class Draft:
    """The facts of an example to be."""

    plan: str
    frame: Frame
    attributes: Mapping[str, Value] = field(default_factory=dict)
    quantities: tuple[MeteredQuantity, ...] = ()
    events: tuple[UsageEvent, ...] = ()
    cards: tuple[CardHolding, ...] = ()


@dataclass(frozen=True, slots=True)
class Cell:
    """What a key column asks for: a value, or a time inside a window, or outside of some."""

    value: Scalar | None = None
    inside: str | None = None
    outside: tuple[str, ...] = ()

    @property
    def is_time(self) -> bool:
        return self.inside is not None or bool(self.outside)


def example_of(program: Program, draft: Draft) -> Example:
    """The draft as an example, with what accounts have by default."""
    defaults = {
        name: schema.default for name, schema in program.schema.attributes.items() if schema.default is not None
    }
    return Example(
        title="",
        span=_NOWHERE,
        plan=draft.plan,
        start=draft.frame.start,
        period=draft.frame.days,
        unreviewed=False,
        attributes={**defaults, **draft.attributes},
        events=draft.events,
        quantities=draft.quantities,
        cards=draft.cards,
        expectations=(),
    )


def as_value(number: Fraction) -> Decimal | None:
    """A number as a field holds it; None for one without a finite decimal text."""
    text = decimal_text(number)
    return None if text is None else Decimal(text)


def given_value(value: Scalar) -> Value | None:
    """A scalar as a fact."""
    return as_value(value) if isinstance(value, Fraction) else value


def usual_value(schema: FieldSchema) -> Value:
    """A value that a field may have: its default, or a plain one."""
    if schema.default is not None:
        return schema.default
    match schema.kind:
        case FieldKind.NUMBER | FieldKind.MONEY:
            return Decimal(1)
        case FieldKind.TEXT:
            return "x"
        case FieldKind.DATE:
            return date(2026, 1, 1)
        case FieldKind.YES_NO:
            return False
        case FieldKind.ONE_OF:
            return schema.values[0]


# Rows of tables


def path_to(charge: Charge, row: int) -> tuple[Cell, ...] | None:
    """What each column has to hold for a row to price it; any row where `row` is below zero; None where none does."""
    return _path(charge, charge.tree, row)


def _path(charge: Charge, tree: Tree, row: int) -> tuple[Cell, ...] | None:
    if isinstance(tree, Leaf):
        return () if row < 0 or tree.row == row else None
    if isinstance(tree, Chain):
        return next((path for part in tree.trees if (path := _path(charge, part, row)) is not None), None)
    for cell, below in _cells(charge, tree):
        rest = _path(charge, below, row)
        if rest is not None:
            return cell, *rest
    return None


def _cells(charge: Charge, branch: Branch) -> Iterator[tuple[Cell, Tree]]:
    for value, below in branch.values.items():
        yield Cell(value), below
    for case in branch.ranges:
        yield Cell(_within(case.low, case.high, low_included=case.low_included)), case.tree
    for prefix, below in branch.prefixes.items():
        yield Cell(prefix), below
    names = tuple(name for name, _ in branch.windows)
    for name, below in branch.windows:
        yield Cell(inside=name), below
    if branch.otherwise is not None:
        yield (Cell(outside=names) if names else Cell(_another(charge, branch))), branch.otherwise


def _within(low: Fraction | date | None, high: Fraction | date | None, *, low_included: bool) -> Scalar:
    if low is None:
        if isinstance(high, date):
            return high - timedelta(days=1)
        return Fraction(0) if high is None else high - 1
    if isinstance(low, date):
        return low if low_included else low + timedelta(days=1)
    if low_included:
        return low
    return low + 1 if not isinstance(high, Fraction) or high > low + 1 else (low + high) / 2


def _another(charge: Charge, branch: Branch) -> Scalar:
    """A value that nothing in the branch names."""
    column = charge.columns[branch.column]
    declared = [value for value in column.values if value not in branch.values]
    if declared:
        return declared[0]
    numbers = [value for value in branch.values if isinstance(value, Fraction)]
    edges = [edge for case in branch.ranges for edge in (case.low, case.high) if edge is not None]
    days = [edge for edge in [*edges, *branch.values] if isinstance(edge, date)]
    if days:
        return max(days) + timedelta(days=1)
    if numbers or edges:
        return max([*numbers, *(edge for edge in edges if isinstance(edge, Fraction))]) + 1
    if set(branch.values) in ({True}, {False}):
        return True not in branch.values
    text = "other"
    while text in branch.values or any(text.startswith(prefix) for prefix in branch.prefixes):
        text = f"x{text}"
    return text


def _of_event(condition: Condition) -> Condition:
    """A condition on an event's fields, read as one on attributes, for which values can be solved."""
    match condition:
        case Compare(left, comparison, right):
            return Compare(_read(left), comparison, _read(right))
        case OneOf(operand, values, negated):
            return OneOf(_read(operand), values, negated)
        case Known(operand, negated):
            return Known(Attribute(operand.name), negated)
        case StartsIn():
            return condition
        case And(parts):
            return And(tuple(_of_event(part) for part in parts))
        case Or(parts):
            return Or(tuple(_of_event(part) for part in parts))
        case Not(part):
            return Not(_of_event(part))
        case _:
            assert_never(condition)


def _read(operand: Operand) -> Operand:
    return Attribute(operand.name) if isinstance(operand, FieldOf) else operand


# Usage


@dataclass(frozen=True, slots=True)
class Desk:
    """Where examples for one version of a plan are made."""

    program: Program
    plan: Plan
    zone: ZoneInfo

    def on_meter(self, meter: str) -> list[Charge]:
        """The charges that price a meter."""
        return [
            charge
            for charge in self.plan.charges
            if isinstance(charge.source, OfMeter) and charge.source.meter == meter
        ]

    def with_usage(
        self,
        draft: Draft,
        meter: str,
        quantity: Fraction,
        wanted: tuple[Charge, tuple[Cell, ...]] | None = None,
        time: Cell | None = None,
    ) -> Iterator[Draft]:
        """The draft with a metered quantity that falls in the wanted row, in each way that may be understood."""
        charges = self.on_meter(meter)
        cells: dict[str, Value] = {}
        times: list[Cell] = []
        attributes: dict[str, Value] = {}
        paths = [(charge, path_to(charge, -1)) for charge in charges]
        if wanted is not None:
            paths = [*((charge, path) for charge, path in paths if charge is not wanted[0]), wanted]
        for charge, path in paths:
            for column, cell in zip(charge.columns, path or (), strict=False):
                value = None if cell.value is None else given_value(cell.value)
                if cell.is_time:
                    times = [cell, *times]
                elif column.kind is ColumnKind.ATTRIBUTE and value is not None:
                    attributes[column.name] = value
                elif column.kind is ColumnKind.FIELD and value is not None:
                    cells[column.name] = value
        draft = replace(
            draft,
            attributes={**attributes, **draft.attributes} if wanted is None else {**draft.attributes, **attributes},
        )
        own = [item for item in draft.quantities if item.meter != meter]
        plain = MeteredQuantity("example", meter, quantity, cells)
        wanted_time = time or next((cell for cell in times if wanted is None or cell in wanted[1]), None)
        if wanted_time is None or wanted_time.outside:
            yield replace(draft, quantities=(*own, plain))
        for name in self.program.windows:
            if wanted_time is not None and (wanted_time.inside in (None, name)):
                yield replace(draft, quantities=(*own, replace(plain, window=name)))
        yield from self._as_events(draft, self.program.meters[meter], quantity, cells, wanted_time)

    def _as_events(
        self, draft: Draft, meter: Meter, quantity: Fraction, cells: Mapping[str, Value], time: Cell | None
    ) -> Iterator[Draft]:
        schema = self.program.schema.events[meter.event]
        filled = self.event_fields(schema, meter.where, cells)
        if filled is None:
            return
        for instant in self.instants(draft.frame, time):
            if meter.aggregation is Aggregation.COUNT:
                if quantity.denominator == 1 and 0 <= quantity <= _EVENTS_MAX:
                    events = tuple(
                        UsageEvent("example", meter.event, instant + timedelta(minutes=number), filled)
                        for number in range(int(quantity))
                    )
                    yield replace(draft, events=(*draft.events, *events))
            elif meter.field is not None:
                value = as_value(quantity / meter.factor)
                if value is not None:
                    event = UsageEvent("example", meter.event, instant, {**filled, meter.field: value})
                    yield replace(draft, events=(*draft.events, event))

    def with_event(
        self,
        draft: Draft,
        charge: Charge,
        source: OfEach,
        quantity: Fraction,
        cells: tuple[Cell, ...],
        time: Cell | None = None,
    ) -> Iterator[Draft]:
        """The draft with one more event of an `each` charge, of that quantity and in that row."""
        schema = self.program.schema.events[source.event]
        wanted: dict[str, Value] = {}
        attributes: dict[str, Value] = {}
        for column, cell in zip(charge.columns, cells, strict=False):
            value = None if cell.value is None else given_value(cell.value)
            if cell.is_time:
                time = time or cell
            elif value is not None:
                (attributes if column.kind is ColumnKind.ATTRIBUTE else wanted)[column.name] = value
        if source.field is not None:
            value = as_value(quantity / source.factor)
            if value is None:
                return
            wanted[source.field] = value
        filled = self.event_fields(schema, source.where, wanted)
        if filled is None:
            return
        for instant in self.instants(draft.frame, time):
            when = instant + timedelta(minutes=len(draft.events))
            event = UsageEvent("example", source.event, when, filled)
            yield replace(draft, attributes={**draft.attributes, **attributes}, events=(*draft.events, event))

    def event_fields(
        self, schema: EventSchema, where: Condition | None, wanted: Mapping[str, Value]
    ) -> dict[str, Value] | None:
        """The fields of an event that a condition lets through, with the wanted values; None where there is none."""
        facts = {} if where is None else witness([_of_event(where)], {item.name: item for item in schema.fields})
        if facts is None:
            return None
        fields: dict[str, Value] = {}
        for item in schema.fields:
            if item.required or item.default is not None:
                fields[item.name] = usual_value(item)
        for subject, scalar in facts.items():
            value = given_value(scalar)
            if isinstance(subject, Attribute) and value is not None:
                fields[subject.name] = value
        return {**fields, **wanted}

    def instants(self, frame: Frame, time: Cell | None) -> Iterator[datetime]:
        """A time in the frame's period that a cell asks for: the first noon, or the first hour that fits."""
        begins = local_midnight(frame.first_day, self.zone)
        if time is None:
            yield begins + timedelta(hours=12)
            return
        ends = Period(begins, local_midnight(frame.days.end, self.zone)).end
        for hour in range(_HOURS_TRIED):
            instant = (begins + timedelta(hours=hour)).astimezone(UTC)
            if instant < ends and self._fits(time, instant):
                yield instant
                return

    def _fits(self, time: Cell, instant: datetime) -> bool:
        windows = self.program.windows
        if time.inside is not None:
            return contains(windows[time.inside], instant, self.zone)
        return not any(contains(windows[name], instant, self.zone) for name in time.outside)
