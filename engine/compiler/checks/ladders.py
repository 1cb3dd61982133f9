"""Ladders that combinations share or that run over several bills, and what is prorated by day: whether they can be."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from ....diagnostics import Diagnostic, Label, Span
from ....money import approximate_text, decimal_text, grouped, symbols
from ...plan import Aggregation, ColumnKind, OfEach, OfMeter, Pooling
from ...schedule import Mode, fitting, price
from ..lower import schedule_of
from ..model import Band, Charge, Plan, Row, Ruleset


def check_pooled(ruleset: Ruleset) -> Iterator[Diagnostic]:
    """Combinations that share a ladder need one, and an order in which what each pays is certain."""
    for plan in ruleset.plans:
        for charge in plan.charges:
            if charge.pooling is not None:
                yield from _pooled(ruleset, charge, charge.pooling)


def _pooled(ruleset: Ruleset, charge: Charge, pooling: Pooling) -> Iterator[Diagnostic]:
    words = f"`{pooling.value}`"
    leave = f"leave {words} out"
    if not isinstance(charge.source, OfMeter):
        why = "has bands for each event" if isinstance(charge.source, OfEach) else "has one quantity"
        yield _unshared(charge, f"{words} lets combinations share a ladder, and charge {charge.name} {why}", leave)
        return
    if not any(column.kind in (ColumnKind.FIELD, ColumnKind.TIME) for column in charge.columns):
        message = f"{words} lets combinations share a ladder, and charge {charge.name} has one combination only"
        yield _unshared(charge, message, leave, "add `by …` with a field of the event")
        return
    if not _has_ladder(charge):
        message = f"charge {charge.name} has one rate for any quantity, so that {words} changes nothing"
        yield _unshared(charge, message, leave, "add a mode and bands, as in `graduated`")
        return
    if pooling is Pooling.SHARE:
        return
    meter = ruleset.meters[charge.source.meter]
    others = "write `pooled by share`" if charge.mode is Mode.STAIRSTEP else "write `pooled in row order`"
    if pooling is Pooling.TIME_ORDER and not meter.adds_up:
        message = f"meter {meter.name} is no sum of its events, so that they have no order on a ladder"
        yield _unshared(charge, message, others, "write `pooled by share`")
    elif pooling is Pooling.TIME_ORDER and meter.rounding is not None:
        message = f"meter {meter.name} is rounded once for the period, so that what is rounded has no time"
        yield _unshared(charge, message, others, "meter `each rounded …`, which rounds each event")
    elif charge.mode is Mode.STAIRSTEP:
        message = f"a stairstep band has one price for all, and {words} would have one combination pay it"
        yield _unshared(charge, message, "write `pooled by share`, so that each pays its share")
    else:
        yield from _rows_differ(charge, words)


def _rows_differ(charge: Charge, words: str) -> Iterator[Diagnostic]:
    first = charge.rows[0]
    for row in charge.rows[1:]:
        if _bounds(row) != _bounds(first):
            what, hint = "the rows have bands with other bounds", "give all rows the same bounds"
        elif [band.price.step for band in row.bands] != [band.price.step for band in first.bands]:
            what, hint = "a block that one combination starts, another would end", "give all rows the same blocks"
        else:
            continue
        yield Diagnostic(
            "RB2215",
            f"{words} lets the rows of charge {charge.name} share a ladder, and {what}",
            row.span,
            "another ladder",
            (Label(first.span, "than this row"),),
            (hint, "write `pooled by share`") if row.bands and "block" in hint else (hint,),
        )
        return


def _bounds(row: Row) -> list[tuple[object, ...]]:
    return [(band.upper, band.inclusive, band.width_per, band.prorated) for band in row.bands]


def _unshared(charge: Charge, message: str, *hints: str) -> Diagnostic:
    return Diagnostic("RB2215", message, charge.span, "shares a ladder", hints=hints)


def _has_ladder(charge: Charge) -> bool:
    return any(
        len(row.bands) > 1 or band.price.step is not None or band.price.once
        for row in charge.rows
        for band in row.bands[:1]
    )


def check_counted(ruleset: Ruleset) -> Iterator[Diagnostic]:
    """A ladder that runs over several bills needs quantities that earlier usage tells, and bounds that stay."""
    for plan in ruleset.plans:
        for charge in plan.charges:
            if charge.counted is not None:
                yield from _counted(charge, f"`{charge.counted.value}`")


def _counted(charge: Charge, words: str) -> Iterator[Diagnostic]:
    def finding(message: str, *hints: str, span: Span = charge.span, here: str = "one ladder for a year") -> Diagnostic:
        return Diagnostic("RB2216", message, span, here, hints=hints)

    leave = f"leave {words} out"
    if not isinstance(charge.source, OfMeter):
        what = "the bands of each event are its own" if isinstance(charge.source, OfEach) else "this is no meter"
        yield finding(f"{words} counts the usage of earlier bills, and {what}", leave, "price a meter")
        return
    if not _has_ladder(charge):
        message = f"charge {charge.name} has one rate for any quantity, so that {words} changes nothing"
        yield finding(message, leave, "add a mode and bands, as in `graduated`")
        return
    moving = next((band for row in charge.rows for band in row.bands if _moves(band)), None)
    if moving is not None:
        message = f"{words} has one ladder for many bills, and the width `{moving.head}` is another on each"
        yield finding(message, "write a fixed width", leave, span=moving.span, here="changes with the bill")
    elif charge.pooling in (Pooling.ROW_ORDER, Pooling.TIME_ORDER) and charge.mode is not Mode.GRADUATED:
        message = (
            f"with {words} a {charge.mode.value} band reprices what earlier bills priced, and "
            f"`{charge.pooling.value}` does not say at whose prices"
        )
        yield finding(message, "write `pooled by share`", "write `graduated`", leave)


def _moves(band: Band) -> bool:
    return band.prorated or (band.width_per is not None and band.width_per.attribute is None)


def check_prorated(ruleset: Ruleset) -> Iterator[Diagnostic]:
    """`prorated by day` where a share of the days is defined, and once only."""
    for plan in ruleset.plans:
        for charge in plan.charges:
            if charge.prorated:
                yield from _prorated(ruleset, plan, charge)
            yield from _prorated_twice(charge)
            if isinstance(charge.source, OfEach):
                yield from _of_events(charge)


def _prorated(ruleset: Ruleset, plan: Plan, charge: Charge) -> Iterator[Diagnostic]:
    def finding(message: str, *hints: str, labels: tuple[Label, ...] = ()) -> Diagnostic:
        return Diagnostic("RB2217", message, charge.span, "prorated by day", labels, hints)

    meter = ruleset.meters[charge.source.meter] if isinstance(charge.source, OfMeter) else None
    if meter is None or meter.level is None or meter.aggregation is Aggregation.TIME_INTEGRAL:
        yield finding(
            f"`prorated by day` prices the level of each day, and charge {charge.name} prices no level",
            "leave `prorated by day` out: usage of a part of a period is less already",
            "meter a level, as in `time-weighted average of level of …`",
        )
        return
    if charge.counted is not None:
        yield finding(
            f"`prorated by day` prices each day on the whole ladder, and `{charge.counted.value}` has one for a year",
            f"leave `{charge.counted.value}` out",
            "leave `prorated by day` out",
        )
    include = next((item for item in plan.includes if item.meter == meter.name), None)
    if include is not None:
        place = Span(include.place.file, include.place.start, include.place.end)
        yield finding(
            f"charge {charge.name} prices the level of each day, and units of {meter.name} are included for a period",
            "write a free band instead, as in `first 5 free`",
            labels=(Label(place, "included here"),),
        )


def _prorated_twice(charge: Charge) -> Iterator[Diagnostic]:
    for row in charge.rows:
        for band in row.bands:
            by_days = band.width_per is not None and band.width_per.days is not None
            if not (band.prorated and by_days) and not (charge.prorated and (band.prorated or by_days)):
                continue
            other = "is `per day` already" if by_days and band.prorated else "stands on a ladder for each day"
            yield Diagnostic(
                "RB2217",
                f"the width `{band.head}` {other}",
                band.span,
                "prorated twice",
                hints=("write a fixed width",) if charge.prorated else ("leave `prorated by day` out",),
            )
            return


def _of_events(charge: Charge) -> Iterator[Diagnostic]:
    for bound in (charge.minimum, charge.cap):
        if bound is not None and bound.prorated:
            yield Diagnostic(
                "RB2217",
                f"this {bound.text.split()[0]} bounds every event, and an event has no share of a period",
                Span(bound.place.file, bound.place.start, bound.place.end),
                "for each event",
                hints=("leave `prorated by day` out", f"write `{_per_period(bound.text)}` to bound their sum"),
            )


def _per_period(text: str) -> str:
    return text.replace(" prorated by day", "") + " per period prorated by day"


def check_shares(ruleset: Ruleset) -> Iterator[Diagnostic]:
    """Rows of other prices that share a ladder by share: what one combination uses changes what the others pay."""
    for plan in ruleset.plans:
        for charge in plan.charges:
            if charge.pooling is not Pooling.SHARE or len({_prices(row) for row in charge.rows}) < 2:
                continue
            witness = _witness(ruleset, charge, charge.rows[0])
            yield Diagnostic(
                "RB2218",
                f"by share, what one combination of charge {charge.name} uses changes what the others pay",
                charge.span,
                "shares the price of the whole",
                hints=(
                    "write `pooled in row order`, so that each line is its own units at its own prices",
                    'keep it with `allow RB2218 because "…"`',
                ),
                notes=() if witness is None else (witness,),
            )


def _prices(row: Row) -> tuple[object, ...]:
    return tuple((band.price.rate, band.price.step, band.price.once, band.price.refused) for band in row.bands)


def _witness(ruleset: Ruleset, charge: Charge, row: Row) -> str | None:
    """Two combinations that use as much, and what the first pays when the other uses twice that."""
    if any(_moves(band) or band.width_per is not None or band.price.refused for band in row.bands):
        return None
    own = row.bands[0].upper or Fraction(1)
    schedule = schedule_of(charge.mode, row.bands)

    def line(times: int) -> str:
        finer, whole = fitting(schedule, own * times)
        return _money(Fraction(price(finer, whole), finer.money_scale) / times, ruleset)

    if line(2) == line(3):
        return None
    unit = f" {charge.unit_text}" if charge.unit_text else ""
    size = grouped(decimal_text(own) or approximate_text(own, 6)) + unit
    return f"witness: {size} of the first row cost {line(2)} beside as much of another, and {line(3)} beside twice that"


def _money(value: Fraction, ruleset: Ruleset) -> str:
    currency = ruleset.money.currency
    signs = symbols(currency.code)
    text = decimal_text(value, currency.minor_digits) or approximate_text(value, currency.minor_digits + 2)
    return f"{signs[0] if signs else currency.code + ' '}{grouped(text)}"
