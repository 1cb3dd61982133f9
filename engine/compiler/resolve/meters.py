"""Meters: events and fields to one typed quantity, with its unit and the factor that leads to it."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from ....grammar import syntax
from ....money import decimal_text
from ...condition import Condition
from ...plan import Aggregation, ByDay, Interval, LevelKind, Meter, QuantityRounding
from ...quantity import NUMBER, TIME, Unit, convert, convertible, per_interval, product
from ...usage import EventSchema, FieldKind, FieldSchema
from .conditions import event_subject, resolve_condition
from .scope import ROUNDINGS, Scope
from .values import quantity_in, type_words

COUNT = Unit("", NUMBER, Fraction(1))
_OF_LEVELS = {
    Aggregation.LATEST,
    Aggregation.MAXIMUM,
    Aggregation.TIME_WEIGHTED_AVERAGE,
    Aggregation.TIME_INTEGRAL,
}
_OF_INTERVALS = {
    Aggregation.MAXIMUM,
    Aggregation.MINIMUM,
    Aggregation.AVERAGE,
    Aggregation.SUM,
    Aggregation.PERCENTILE,
}
_OF_NUMBERS = {
    Aggregation.SUM,
    Aggregation.AVERAGE,
    Aggregation.MINIMUM,
    Aggregation.MAXIMUM,
    Aggregation.LATEST,
    Aggregation.PERCENTILE,
}


@dataclass(frozen=True, slots=True)
class Measured:
    """What is aggregated, and in which unit it counts before `in` and after."""

    field: str | None
    own: Unit
    unit: Unit
    factor: Fraction


def resolve_meter(scope: Scope, declaration: syntax.Meter) -> None:
    """A meter; one that has a finding is left out."""
    name = declaration.name.text
    if name in scope.meters:
        scope.declared_before(declaration.name, name, "meter", scope.meter_spans[name])
        return
    event = scope.look_up(scope.events, declaration.event, "event")
    if event is None:
        return
    aggregation = Aggregation(declaration.aggregation.kind.value)
    rank = _rank(scope, declaration.aggregation)
    where = None
    if declaration.where is not None:
        where = resolve_condition(scope, declaration.where, event_subject(scope, event.name))
        if where is None:
            return
    measured = _measured(scope, declaration, event, aggregation)
    if measured is None or (rank is None and aggregation is Aggregation.PERCENTILE):
        return
    scope.meters[name] = _meter(scope, declaration, event, aggregation, rank, where, measured)
    scope.meter_spans[name] = declaration.name.span


def _meter(
    scope: Scope,
    declaration: syntax.Meter,
    event: EventSchema,
    aggregation: Aggregation,
    rank: Fraction | None,
    where: Condition | None,
    measured: Measured,
) -> Meter:
    value = declaration.value
    level = per = interval = None
    if isinstance(value, syntax.Level):
        level = LevelKind(value.kind.value)
        per = None if value.per is None else _per(scope, value.per, event)
    if isinstance(value, syntax.InnerAggregation):
        seconds = _interval_seconds(scope, value.interval)
        inner = Aggregation(value.aggregation.kind.value)
        interval = Interval(inner, seconds or 3600, value.days_with_usage)
    each_rounding = _rounding(scope, declaration.each_rounding, measured.own)
    each_minimum = None
    if declaration.each_minimum is not None:
        each_minimum = quantity_in(scope, declaration.each_minimum, measured.own, "each value")
    return Meter(
        name=declaration.name.text,
        labels=scope.labels(declaration.name.text, declaration.label, declaration.annotations),
        unit=measured.unit,
        event=event.name,
        aggregation=aggregation,
        place=scope.place(declaration),
        text=_text(declaration),
        field=measured.field,
        factor=measured.factor,
        rank=rank,
        where=where,
        level=level,
        per=per,
        interval=interval,
        by_day=None if declaration.by_day is None else ByDay(declaration.by_day.value),
        rounding=_rounding(scope, declaration.rounding, measured.unit),
        each_rounding=each_rounding,
        each_minimum=each_minimum,
    )


def _text(declaration: syntax.Meter) -> str:
    words = declaration.aggregation.kind.value
    if declaration.aggregation.rank:
        words = f"{declaration.aggregation.rank}th percentile"
    match declaration.value:
        case None:
            return words
        case syntax.Name(text):
            return f"{words} of {text}"
        case syntax.Level(kind, name):
            return f"{words} of {kind.value} {name.text}"
        case syntax.InnerAggregation(inner, name, interval):
            of = "" if name is None else f" of {name.text}"
            unit = "" if interval.unit is None else f" {interval.unit.text}"
            return f"{words} of {inner.kind.value}{of} per {interval.number.digits}{unit}"


def _rank(scope: Scope, aggregation: syntax.Aggregation) -> Fraction | None:
    if aggregation.kind is not syntax.AggregationKind.PERCENTILE:
        return None
    rank = Fraction(aggregation.rank)
    if not 0 < rank <= 100:
        scope.report(
            "RB2109", "a percentile is above 0 and at most 100", aggregation, "no percentile", "write `95th percentile`"
        )
        return None
    return rank


def _measured(scope: Scope, declaration: syntax.Meter, event: EventSchema, aggregation: Aggregation) -> Measured | None:
    if not _fits(scope, declaration, aggregation):
        return None
    match declaration.value:
        case None:
            return _in_unit(scope, declaration, None, COUNT, COUNT)
        case syntax.Name() as name:
            field = _field(scope, name, event)
            if field is None:
                return None
            if aggregation is Aggregation.UNIQUE:
                return _in_unit(scope, declaration, field.name, COUNT, COUNT)
            own = _numeric(scope, field, name)
            return None if own is None else _in_unit(scope, declaration, field.name, own, own)
        case syntax.Level(_, name):
            field = _field(scope, name, event)
            own = None if field is None else _numeric(scope, field, name)
            if field is None or own is None:
                return None
            if aggregation is not Aggregation.TIME_INTEGRAL:
                return _in_unit(scope, declaration, field.name, own, own)
            hour = scope.units.find("h")
            second = scope.units.find("s")
            assert hour is not None and second is not None
            held = product(own, hour) if own.name else Unit("h", TIME, hour.scale)
            return _in_unit(scope, declaration, field.name, own, held, raw=_held_seconds(own, second))
        case syntax.InnerAggregation() as inner:
            return _two_level(scope, declaration, inner, event)


def _held_seconds(own: Unit, second: Unit) -> Unit:
    return product(own, second) if own.name else Unit("s", TIME, second.scale)


def _fits(scope: Scope, declaration: syntax.Meter, aggregation: Aggregation) -> bool:
    """Whether the aggregation takes what is written after it."""
    node, value = declaration.aggregation, declaration.value
    words = aggregation.value
    match value:
        case None if aggregation is not Aggregation.COUNT:
            scope.report("RB2109", f"`{words}` needs a field", node, "of what?", f"write `{words} of FIELD of EVENT`")
        case syntax.Level() if aggregation not in _OF_LEVELS:
            scope.report(
                "RB2109",
                f"a level has no {words}",
                node,
                "does not take a level",
                "take its `latest`, `maximum`, `time-weighted average` or `time integral`",
            )
        case syntax.InnerAggregation() if aggregation not in _OF_INTERVALS:
            scope.report(
                "RB2109", f"`{words}` does not go over intervals", node, "over intervals", "use `maximum` or `average`"
            )
        case syntax.Name() if aggregation in (Aggregation.TIME_INTEGRAL, Aggregation.TIME_WEIGHTED_AVERAGE):
            scope.report(
                "RB2109",
                f"`{words}` needs a level",
                node,
                "of a single value?",
                f"write `{words} of level of {value.text}`",
                f"write `{words} of running sum of {value.text}`",
            )
        case _:
            return True
    return False


def _two_level(
    scope: Scope, declaration: syntax.Meter, inner: syntax.InnerAggregation, event: EventSchema
) -> Measured | None:
    seconds = _interval_seconds(scope, inner.interval)
    if seconds is None:
        return None
    if inner.level is not None:
        scope.not_built("a level inside intervals", inner)
        return None
    own, name = COUNT, None
    if inner.field is not None:
        field = _field(scope, inner.field, event)
        if field is None:
            return None
        name = field.name
        if inner.aggregation.kind not in (syntax.AggregationKind.COUNT, syntax.AggregationKind.UNIQUE):
            numeric = _numeric(scope, field, inner.field)
            if numeric is None:
                return None
            own = numeric
    elif inner.aggregation.kind is not syntax.AggregationKind.COUNT:
        scope.report(
            "RB2109",
            f"`{inner.aggregation.kind.value}` needs a field",
            inner.aggregation,
            "of what?",
            "name a field of the event",
        )
        return None
    wanted = _wanted(scope, declaration)
    rate = per_interval(own, seconds) if own.name else None
    if wanted is not None and rate is not None and not convertible(own, wanted) and convertible(rate, wanted):
        # Energy in an interval is power, bytes in an interval a bit rate.
        return Measured(name, own, wanted, convert(Fraction(1), rate, wanted))
    return _in_unit(scope, declaration, name, own, own)


def _interval_seconds(scope: Scope, interval: syntax.Quantity) -> int | None:
    second = scope.units.find("s")
    assert second is not None
    if interval.unit is None:
        scope.report("RB2101", "an interval needs a unit of time", interval, "15 of what?", "write `per 15 min`, say")
        return None
    seconds = quantity_in(scope, interval, second, "an interval")
    if seconds is None:
        return None
    if seconds.denominator != 1 or not 0 < seconds <= 86400 or 86400 % int(seconds):
        scope.report(
            "RB2109",
            "an interval must divide a day evenly",
            interval,
            "does not fit into 24 hours",
            "use 1 min, 5 min, 15 min, 30 min, 1 h or 1 day",
        )
        return None
    return int(seconds)


def _wanted(scope: Scope, declaration: syntax.Meter) -> Unit | None:
    if not declaration.unit:
        return None
    found: Unit | None = None
    for name in declaration.unit:
        unit = scope.unit(name)
        if unit is None:
            return None
        found = unit if found is None else product(found, unit)
    return found


def _in_unit(
    scope: Scope, declaration: syntax.Meter, field: str | None, own: Unit, unit: Unit, raw: Unit | None = None
) -> Measured | None:
    """The measure in the unit that `in` asks for; `raw` is the unit of what aggregation yields."""
    yielded = raw or unit
    if not declaration.unit:
        return Measured(field, own, unit, convert(Fraction(1), yielded, unit))
    wanted = _wanted(scope, declaration)
    if wanted is None:
        return None
    if not convertible(yielded, wanted):
        scope.report(
            "RB2101",
            f"this meter counts {unit.name or 'a bare number'}, which does not convert to {wanted.name}",
            declaration.unit[0],
            f"does not convert from {unit.name or 'a bare number'}",
            f"leave `in {wanted.name}` out" if not unit.name else f"write `in {unit.name}`, or leave it out",
        )
        return None
    return Measured(field, own, wanted, convert(Fraction(1), yielded, wanted))


def _field(scope: Scope, name: syntax.Name, event: EventSchema) -> FieldSchema | None:
    fields = {field.name: field for field in event.fields}
    found = fields.get(name.text)
    if found is None:
        scope.unknown(name, name.text, f"field of event `{event.name}`", fields)
    return found


def _per(scope: Scope, name: syntax.Name, event: EventSchema) -> str | None:
    found = _field(scope, name, event)
    return None if found is None else found.name


def _numeric(scope: Scope, field: FieldSchema, name: syntax.Name) -> Unit | None:
    if field.kind is FieldKind.NUMBER:
        return field.unit or COUNT
    if field.kind is FieldKind.MONEY:
        return money_unit(scope)
    scope.report(
        "RB2108",
        f"`{field.name}` is {type_words(field)}, not a number",
        name,
        "cannot be calculated with",
        "use `count of` or `unique … of`",
    )
    return None


def money_unit(scope: Scope) -> Unit:
    """Money as a unit of quantity: it converts to nothing else."""
    code = scope.money.currency.code
    return Unit(code, ((f"money {code}", 1),), Fraction(1))


def _rounding(scope: Scope, node: syntax.RoundQuantity | None, unit: Unit) -> QuantityRounding | None:
    if node is None:
        return None
    size = quantity_in(scope, node.unit, unit, "the quantity")
    if size is None:
        return None
    if size <= 0 or decimal_text(size) is None:
        scope.report(
            "RB2103",
            "a quantity is rounded to a finite decimal number above zero",
            node.unit,
            "cannot be rounded to",
            "write `rounded up to 1 GB`, say",
        )
        return None
    return QuantityRounding(size, ROUNDINGS[node.mode])
