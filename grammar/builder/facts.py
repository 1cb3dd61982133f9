"""The header, units, accounts, events and meters: from productions to nodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...diagnostics import Span
from .. import syntax as s
from .build import Action, Build, Part, constant, every, first, named, part, refuse_repeats, value_of
from .leaves import annotations_of, text_of

# Header and declarations of one line


def _rounding(span: Span, parts: Sequence[Any]) -> s.RoundMoney:
    return s.RoundMoney(span=span, unit=first(parts, s.Money), mode=first(parts, s.RoundingMode))


def _round(kind: str) -> Action:
    return lambda _, parts, span: Part(kind, span, _rounding(span, parts))


def _time_zone(_: Build, parts: list[Any], span: Span) -> Part:
    written: str = parts[0]
    place = Span(span.file, span.end - len(written), span.end)
    return Part("time_zone", span, text_of(place, written if written[0] in '"＂' else f'"{written}"'))


def _header(build: Build, parts: list[Any], span: Span) -> s.Header:
    for kind, what in (
        ("currency", "the currency"),
        ("time_zone", "the time zone"),
        ("round_line", "`round each line`"),
        ("round_total", "`round total`"),
    ):
        refuse_repeats(build, parts, kind, what)
    return s.Header(
        span=span,
        name=parts[0],
        label=first(parts, s.Text),
        currency=value_of(parts, "currency"),
        time_zone=value_of(parts, "time_zone"),
        round_line=value_of(parts, "round_line"),
        round_total=value_of(parts, "round_total"),
        annotations=annotations_of(build, parts),
    )


def _unit(build: Build, parts: list[Any], span: Span) -> s.UnitDeclaration:
    return s.UnitDeclaration(
        span=span, name=parts[0], multiple=first(parts, s.Quantity), annotations=annotations_of(build, parts)
    )


# Fields


def _field(build: Build, parts: list[Any], span: Span) -> s.Field:
    kinds = s.NumberType | s.MoneyType | s.TextType | s.DateType | s.YesNoType
    choices = tuple(item for item in parts[1:] if isinstance(item, s.Name | s.Text))
    typed: s.FieldType
    if isinstance(parts[1], kinds):
        typed = parts[1]
    else:
        typed = s.OneOfType(span=choices[0].span.to(choices[-1].span), values=choices)
    return s.Field(
        span=span,
        name=parts[0],
        type=typed,
        optional=named(parts, "optional") is not None,
        default=value_of(parts, "default"),
        annotations=annotations_of(build, parts),
    )


def _account(_: Build, parts: list[Any], span: Span) -> s.AccountDeclaration:
    return s.AccountDeclaration(span=span, fields=every(parts, s.Field))


def _event(build: Build, parts: list[Any], span: Span) -> s.EventDeclaration:
    return s.EventDeclaration(
        span=span,
        name=parts[0],
        lasting=value_of(parts, "lasting"),
        fields=every(parts, s.Field),
        annotations=annotations_of(build, parts),
    )


# Meters


def _aggregation(_: Build, parts: list[Any], span: Span) -> s.Aggregation:
    return s.Aggregation(span=span, kind=s.AggregationKind(parts[0]))


def _long(kind: s.AggregationKind) -> Action:
    def make(_: Build, parts: list[Any], span: Span) -> s.Aggregation:
        return s.Aggregation(span=span, kind=kind, rank=parts[0][:-2] if parts else "")

    return make


def _word(file: str, start: int, kind: s.AggregationKind) -> s.Aggregation:
    return s.Aggregation(span=Span(file, start, start + len(kind.value)), kind=kind)


def _level(kind: s.LevelKind) -> Action:
    def make(_: Build, parts: list[Any], span: Span) -> s.Level:
        return s.Level(span=span, kind=kind, field=parts[0], per=value_of(parts, "level_per"))

    return make


def _inner(kind: s.AggregationKind | None) -> Action:
    def make(build: Build, parts: list[Any], span: Span) -> Part:
        if kind is not None:
            aggregation = _word(build.file, span.start, kind)
        elif isinstance(parts[0], str):
            aggregation = _word(build.file, span.start, s.AggregationKind(parts[0]))
        else:
            aggregation = parts[0]
        node = s.InnerAggregation(
            span=span,
            aggregation=aggregation,
            field=first(parts, s.Name),
            level=first(parts, s.Level),
            interval=_present(first(parts, s.Quantity)),
            days_with_usage=named(parts, "days_with_usage") is not None,
        )
        return Part("inner", span, (node, first(parts, s.EventName)))

    return make


def _present(node: s.Quantity | None) -> s.Quantity:
    if node is None:
        raise AssertionError("the grammar promises a quantity here")
    return node


def _field_called(word: str) -> Action:
    def make(build: Build, parts: list[Any], span: Span) -> Part:
        name = s.Name(span=Span(build.file, span.start, span.start + len(word)), text=word)
        return Part("field_of_event", span, (name, parts[0]))

    return make


def _field_measured(build: Build, parts: list[Any], span: Span) -> Part:
    word = parts[0]
    if isinstance(word, str):
        word = s.Name(span=Span(build.file, span.start, span.start + len(word)), text=word)
    return Part("field_of_event", span, (word, parts[1]))


def _measure(kind: s.AggregationKind) -> Action:
    def make(build: Build, parts: list[Any], span: Span) -> Part:
        value = parts[0] if len(parts) == 2 else None
        return Part("measure", span, (_word(build.file, span.start, kind), value, parts[-1]))

    return make


def _meter(build: Build, parts: list[Any], span: Span) -> s.Meter:
    for kind, what in (
        ("meter_unit", "the unit"),
        ("rounded", "`rounded`"),
        ("each_rounded", "`each rounded`"),
        ("each_at_least", "`each at least`"),
    ):
        refuse_repeats(build, parts, kind, what)
    aggregation, value, event = value_of(parts, "measure")
    return s.Meter(
        span=span,
        name=parts[0],
        label=first(parts[1:2], s.Text),
        aggregation=aggregation,
        value=value,
        event=event,
        where=value_of(parts, "meter_where"),
        unit=value_of(parts, "meter_unit") or (),
        by_day=first(parts, s.ByDay),
        rounding=value_of(parts, "rounded"),
        each_rounding=value_of(parts, "each_rounded"),
        each_minimum=value_of(parts, "each_at_least"),
        annotations=annotations_of(build, parts),
    )


def _measured(_: Build, parts: list[Any], span: Span) -> Part:
    aggregation = parts[0]
    pair = value_of(parts, "field_of_event") or value_of(parts, "inner")
    if pair is not None:
        return Part("measure", span, (aggregation, *pair))
    level, event = parts[1:3]
    per = named(parts, "level_per")
    if per is not None:
        level = s.Level(span=level.span, kind=level.kind, field=level.field, per=per.value)
    return Part("measure", span, (aggregation, level, event))


def _round_quantity(kind: str) -> Action:
    def make(_: Build, parts: list[Any], span: Span) -> Part:
        return Part(kind, span, s.RoundQuantity(span=span, mode=parts[0], unit=parts[1]))

    return make


ACTIONS: dict[str, Action] = {
    "import_": lambda _, parts, span: s.Import(span=span, path=parts[0]),
    "currency": part("currency"),
    "time_zone": _time_zone,
    "round_line": _round("round_line"),
    "round_total": _round("round_total"),
    "header": _header,
    "unit": _unit,
    "account": _account,
    "event": _event,
    "lasting": part("lasting"),
    "field": _field,
    "number_type": lambda _, parts, span: s.NumberType(span=span, unit=first(parts, s.Name)),
    "money_type": lambda _build, _parts, span: s.MoneyType(span=span),
    "text_type": lambda _build, _parts, span: s.TextType(span=span),
    "date_type": lambda _build, _parts, span: s.DateType(span=span),
    "yes_no_type": lambda _build, _parts, span: s.YesNoType(span=span),
    "optional": part("optional"),
    "default": part("default"),
    "aggregation": _aggregation,
    "percentile": _long(s.AggregationKind.PERCENTILE),
    "time_weighted_average": _long(s.AggregationKind.TIME_WEIGHTED_AVERAGE),
    "time_integral": _long(s.AggregationKind.TIME_INTEGRAL),
    "measure_count": _measure(s.AggregationKind.COUNT),
    "measure_unique": _measure(s.AggregationKind.UNIQUE),
    "measured": _measured,
    "field_measured": _field_measured,
    **{f"field_called_{word}": _field_called(word) for word in ("count", "level", "running", "unique", "time")},
    "level_of": _level(s.LevelKind.LEVEL),
    "running_sum_of": _level(s.LevelKind.RUNNING_SUM),
    "level_per": part("level_per"),
    "inner": _inner(None),
    "inner_count": _inner(s.AggregationKind.COUNT),
    "inner_unique": _inner(s.AggregationKind.UNIQUE),
    "days_with_usage": part("days_with_usage"),
    "meter_where": part("meter_where"),
    "meter_unit": lambda _, parts, span: Part("meter_unit", span, tuple(parts)),
    "by_day_last": constant(s.ByDay.LAST),
    "by_day_highest": constant(s.ByDay.HIGHEST),
    "rounded": _round_quantity("rounded"),
    "each_rounded": _round_quantity("each_rounded"),
    "each_at_least": part("each_at_least"),
    "meter": _meter,
}
