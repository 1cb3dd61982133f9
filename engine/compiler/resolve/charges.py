"""Charges: `by` fields, prices, floors and ceilings, free events and the rounding of each."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import assert_never

from ....grammar import syntax
from ...plan import Bound, ColumnKind, CountedPer, LineRounding, OfEach, OfMeter, Pooling
from ...schedule import Mode
from ...statement import Labels
from ..model import Band, Charge, KeyAny, PriceFile, Row
from .conditions import Subject, resolve_when
from .facts import money_rounding
from .line_names import reserved_line
from .origins import Origin, resolve_origin
from .price_files import resolve_price_files
from .prices import MODES, Priced, resolve_bands, resolve_price
from .scope import RESERVED_LINES, Scope, because, citation
from .tables import KeyField, bound, check_bounds, declared_values, resolve_by, resolve_table

_POOLINGS = {
    syntax.Pooling.ROW_ORDER: Pooling.ROW_ORDER,
    syntax.Pooling.SHARE: Pooling.SHARE,
    syntax.Pooling.TIME_ORDER: Pooling.TIME_ORDER,
}
_COUNTED = {
    syntax.CountedPer.YEAR_FROM_START: CountedPer.YEAR_FROM_START,
    syntax.CountedPer.CALENDAR_YEAR: CountedPer.CALENDAR_YEAR,
}


@dataclass(slots=True)
class Bounds:
    """The floors and ceilings of a charge while they are read."""

    per_row: bool = False
    whole: dict[syntax.BoundKind, Bound] = field(default_factory=dict)
    period: dict[syntax.BoundKind, Bound] = field(default_factory=dict)


def resolve_charge(scope: Scope, node: syntax.Charge, charges: frozenset[str]) -> Charge | None:
    """A charge, or None with findings. `charges` are the names of the plan's charges."""
    reserved = node.name.text in RESERVED_LINES
    if reserved:
        reserved_line(scope, node.name)
    origin = resolve_origin(scope, node, charges)
    if origin is None:
        return None
    keys = resolve_by(scope, node.by, origin.fields)
    if keys is None or not _time_fits(scope, node, origin):
        return None
    priced = Priced(origin.unit, origin.is_money, origin.words)
    mode = None if node.mode is None else MODES[node.mode]
    prices = _prices(scope, node, keys, priced, mode)
    bounds = _bounds(scope, node, isinstance(origin.source, OfEach))
    when = resolve_when(scope, node.when, Subject(None))
    free = _free(scope, node, origin)
    rounding = _event_rounding(scope, node, origin)
    if prices is None or bounds is None or reserved or len(when) != len(node.when):
        return None
    columns, rows, files = prices
    return Charge(
        name=node.name.text,
        labels=_labels(scope, node, origin),
        span=node.name.span,
        place=scope.place(node),
        text=scope.first_line(node),
        source=origin.source,
        unit=origin.unit,
        unit_text="" if origin.unit is None else origin.unit.name,
        mode=mode or Mode.GRADUATED,
        columns=tuple(key.column for key in columns),
        rows=rows,
        files=files,
        first_match=node.first_match,
        declared=tuple(declared_values(key) for key in columns),
        may_lack=tuple(_may_lack(key) for key in columns),
        pooling=None if node.pooling is None else _POOLINGS[node.pooling],
        counted=None if node.counted is None else _COUNTED[node.counted],
        prorated=node.prorated,
        bounds_per_row=bounds.per_row,
        minimum=bounds.whole.get(syntax.BoundKind.MINIMUM),
        cap=bounds.whole.get(syntax.BoundKind.CAP),
        period_minimum=bounds.period.get(syntax.BoundKind.MINIMUM),
        period_cap=bounds.period.get(syntax.BoundKind.CAP),
        free_events=free[0],
        free_quantity=free[1],
        free_text=free[2],
        round_event=rounding,
        when=when,
        because=because(node.annotations),
        citation=citation(node.annotations),
    )


def _labels(scope: Scope, node: syntax.Charge, origin: Origin) -> Labels:
    labels = scope.labels(node.name.text, node.label, node.annotations)
    if isinstance(origin.source, OfMeter):
        # A charge speaks its meter's other languages, unless it has labels of its own.
        meter = scope.meters[origin.source.meter]
        return Labels(labels.default, {**meter.labels.by_language, **labels.by_language})
    return labels


def _time_fits(scope: Scope, node: syntax.Charge, origin: Origin) -> bool:
    """A level holds past the window in which an event set it, so that its windows cannot be told apart by events."""
    match origin.source:
        case OfMeter(name) if scope.meters[name].level is not None:
            by_time = next((item for item in node.by if isinstance(item, syntax.Name) and item.text == "time"), None)
        case _:
            by_time = None
    if by_time is None:
        return True
    scope.report(
        "RB2109",
        f"{origin.words} is a level, which holds across windows, so it has no price by time",
        by_time,
        "holds until the next event",
        "leave `time` out",
    )
    return False


def _prices(
    scope: Scope, node: syntax.Charge, keys: tuple[KeyField, ...], priced: Priced, mode: Mode | None
) -> tuple[tuple[KeyField, ...], tuple[Row, ...], tuple[PriceFile, ...]] | None:
    """The key columns in their order, the rows, and the files that these come from."""
    match node.prices:
        case None:
            scope.report(
                "RB2207",
                f"charge `{node.name.text}` has no price",
                node.name,
                "costs what?",
                "write `at …` with a price, or `free`",
            )
            return None
        case syntax.Table():
            table = resolve_table(scope, node.prices, keys, priced, mode)
            return None if table is None else (*table, ())
        case syntax.BandList(written):
            if mode is None:
                scope.report(
                    "RB1102",
                    "these bands need a mode",
                    node.name,
                    "how are its bands read?",
                    f"write `charge {node.name.text} graduated:` for each band at its own rate",
                    f"write `charge {node.name.text} volume:` for the whole quantity at the rate of its band",
                )
                return None
            bands = resolve_bands(scope, [(band.head, band.price) for band in written], priced, mode)
        case syntax.PricesFrom():
            return resolve_price_files(scope, node.prices, keys, priced, mode)
        case price:
            if mode is not None:
                scope.report(
                    "RB1115",
                    f"`{mode.value}` needs bands, and this charge has one price",
                    price,
                    "no bands",
                    f"leave `{mode.value}` out",
                )
                return None
            resolved = resolve_price(scope, price, priced, Mode.GRADUATED)
            bands = None if resolved is None else (Band(price.span, "", None, resolved),)
    if bands is None:
        return None
    return keys, (Row(node.prices.span, tuple(KeyAny() for _ in keys), bands),), ()


def _may_lack(key: KeyField) -> bool:
    schema = key.schema
    return key.column.kind is ColumnKind.FIELD and schema is not None and not schema.required and schema.default is None


def _bounds(scope: Scope, node: syntax.Charge, is_each: bool) -> Bounds | None:
    found = Bounds()
    sound = True
    for item in node.bounds:
        resolved = bound(scope, item)
        if resolved is None:
            sound = False
            continue
        if item.scope is syntax.BoundScope.PER_PERIOD and not is_each:
            scope.report(
                "RB2403",
                "`per period` belongs to a charge on each event",
                item,
                "always per period",
                "leave `per period` out",
            )
            sound = False
            continue
        target = found.period if item.scope is syntax.BoundScope.PER_PERIOD else found.whole
        if item.kind in target:
            scope.report("RB1113", f"this charge has a second {item.kind.value}", item, "again", "keep one")
            sound = False
            continue
        target[item.kind] = resolved
        found.per_row = found.per_row or item.scope is syntax.BoundScope.PER_ROW
    for table in (found.whole, found.period):
        check_bounds(scope, table.get(syntax.BoundKind.MINIMUM), table.get(syntax.BoundKind.CAP))
    return found if sound else None


def _free(scope: Scope, node: syntax.Charge, origin: Origin) -> tuple[int, Fraction, str]:
    events, quantity, text = 0, Fraction(0), ""
    for item in node.includes:
        text = scope.text(item)
        if not isinstance(origin.source, OfEach):
            scope.report(
                "RB2403",
                "inside a charge, `include` belongs to a charge on each event",
                item,
                "not on each event",
                "write `include N of METER` in the plan, beside its charges",
            )
            continue
        match item.amount:
            case syntax.Number():
                if item.amount.value.denominator != 1 or item.amount.value < 0:
                    scope.report(
                        "RB2103",
                        f"{scope.text(item.amount)} events cannot be free: a number of events is whole",
                        item.amount,
                        "no number of events",
                        "write a whole number",
                    )
                else:
                    events = int(item.amount.value)
            case syntax.Money():
                if not origin.is_money:
                    scope.report(
                        "RB2101",
                        f"{origin.words} is not money, so no money of it can be free",
                        item.amount,
                        "money",
                        "write `include 3 events`, say",
                    )
                    continue
                quantity = scope.money_value(item.amount) or Fraction(0)
            case _:
                assert_never(item.amount)
    return events, quantity, text


def _event_rounding(scope: Scope, node: syntax.Charge, origin: Origin) -> LineRounding | None:
    if node.round_event is None:
        return None
    if not isinstance(origin.source, OfEach):
        scope.report(
            "RB2403",
            "`round each event` belongs to a charge on each event",
            node.round_event,
            "not on each event",
            "leave it out: `round each line` in the ruleset's header rounds the line",
        )
        return None
    return money_rounding(scope, node.round_event.rounding)
