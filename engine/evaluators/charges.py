"""Charges of meters, attributes and amounts: quantities through included units and bands to rounded lines.

The derivation is made here, from the very slices that give the amount.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction
from typing import assert_never

from ...money import Rounding, approximate_text, decimal_text
from ..condition import scalar
from ..derivation import Role, Step, difference, given, greater, lesser, product, quotient, rounded, total
from ..dispatch import Key
from ..period import DateRange, Every
from ..plan import Bound, Charge, Include, OfAmount, OfAttribute, OfEach, OfMeter
from ..schedule import Band, Mode, Schedule, Slice, fitting, settled, walk
from ..statement import Line, LineKind
from .situation import Group, Readings, Situation, earlier_periods


@dataclass(frozen=True, slots=True)
class Portion:
    """A part of a line's quantity at one unit price: what `100 GB of egress free` chooses the dearest of."""

    quantity: Fraction
    unit_price: Fraction


@dataclass(frozen=True, slots=True)
class Priced:
    """A line, with what later steps need to know of it: its meter, its key and its portions."""

    line: Line
    charge: Charge | None = None
    key: Key = ()
    portions: tuple[Portion, ...] = ()


class Allowance:
    """What is left of an included quantity while the charges of a statement use it up, in row order."""

    def __init__(self, include: Include, left: Fraction, note: str) -> None:
        self.include = include
        self.left = left
        self.note = note

    def take(self, quantity: Fraction) -> Fraction:
        """The part of a quantity that is included; it is gone afterwards."""
        taken = min(self.left, max(quantity, Fraction(0)))
        self.left -= taken
        return taken


def allowances(situation: Situation) -> list[Allowance]:
    """What each `include` frees at most in the period.

    One that renews every so many months is used up over each term of the subscription. Where a term ends inside the
    period, what lies before its end is freed by what the old term had left, what lies after it by the new term; a
    quantity without a time counts as of the period's beginning. Meters that do not add up cannot be split: their
    period belongs whole to the term in which it begins.
    """
    found = []
    for include in situation.plan.includes:
        left, note = include.quantity, ""
        if include.every is not None:
            left, used = _left_of_terms(situation, include, include.every)
            note = "" if not used else f"{plain(used)} used before this period"
        found.append(Allowance(include, left, note))
    return found


def _left_of_terms(situation: Situation, include: Include, every: Every) -> tuple[Fraction, Fraction]:
    """What an include frees in the period, and what the term in which the period begins had used before it."""
    start, covered = situation.subscription.start, situation.covered_days
    steps = max(every.steps_to(start, covered.start), 0)
    used = _used_between(situation, include, every.after(start, steps), covered.start)
    left = max(include.quantity - used, Fraction(0))
    renewal = every.after(start, steps + 1)
    if renewal >= covered.end or not situation.program.meters[include.meter].adds_up:
        return left, used
    freed = Fraction(0)
    begins = covered.start
    while begins < covered.end:
        part = DateRange(begins, min(renewal, covered.end))
        freed += min(left, _used_in(situation, include, situation.days, part))
        steps += 1
        begins, renewal, left = part.end, every.after(start, steps + 1), include.quantity
    return freed, used


def _used_between(situation: Situation, include: Include, since: date, before: date) -> Fraction:
    """The quantity of an included meter in the billing periods before one, as far back as a day."""
    adds_up = situation.program.meters[include.meter].adds_up
    used = Fraction(0)
    for days in earlier_periods(situation.plan, situation.subscription, since, before):
        covered = days.overlap(situation.subscription_days())
        if covered is None or (covered.start < since and not adds_up):
            continue
        part = covered.overlap(DateRange(since, max(before, since)))
        if part is not None:
            used += _used_in(situation, include, days, part)
    return used


def _used_in(situation: Situation, include: Include, days: DateRange, part: DateRange) -> Fraction:
    """The quantity of an included meter in a part of a billing period, as its charge groups it."""
    quantities = situation.quantities
    if part.start > max(days.start, situation.subscription.start):
        quantities = tuple(item for item in quantities if item.time is not None)
    readings = Readings(replace(situation, days=days, covered_days=part, quantities=quantities))
    return sum((max(group.metered.value, Fraction(0)) for group in _groups(readings, include.meter)), Fraction(0))


def _groups(readings: Readings, meter: str) -> list[Group]:
    """The quantities of a meter as its first charge groups them."""
    situation = readings.situation
    for charge in situation.plan.charges:
        if isinstance(charge.source, OfMeter) and charge.source.meter == meter:
            return readings.groups(charge, situation.program.meters[meter])
    return [Group(0, (), readings.total(meter))]


def price_charge(
    charge: Charge, readings: Readings, held: Sequence[Allowance], amounts: dict[str, Fraction]
) -> list[Priced]:
    """The lines of one charge that is no `each` charge, its own floor and cap included."""
    lines = [_price_group(charge, readings, held, group) for group in _quantities(charge, readings, amounts)]
    if not charge.columns or charge.bounds_per_row:
        return lines
    return lines + [Priced(line, charge) for line in _sum_bounds(charge, readings.situation, lines)]


def _quantities(charge: Charge, readings: Readings, amounts: dict[str, Fraction]) -> list[Group]:
    situation = readings.situation
    match charge.source:
        case OfMeter(meter):
            return readings.groups(charge, situation.program.meters[meter])
        case OfAttribute(attribute, factor):
            value = situation.subscription.attributes.get(attribute)
            if value is None:
                raise readings.missing(attribute, charge.name)
            number = scalar(value)
            assert isinstance(number, Fraction), "the resolver lets only numbers be priced"
            step = given(Role.METER, number * factor, f"account.{attribute}", charge.unit, place=charge.place)
            row, key = readings.row_of(charge, {}, lambda _window: False)
            return [Group(row, key, step)]
        case OfAmount(lines):
            parts = tuple(
                given(Role.TARGET, amounts.get(line, Fraction(0)), line, situation.program.money.currency.code)
                for line in lines
            )
            step = total(Role.METER, parts, f"amount of {', '.join(lines)}", charge.unit, place=charge.place)
            row, key = readings.row_of(charge, {}, lambda _window: False)
            return [Group(row, key, step)]
        case OfEach():
            raise AssertionError("events are rated one by one elsewhere")
        case _:
            assert_never(charge.source)


def _price_group(charge: Charge, readings: Readings, held: Sequence[Allowance], group: Group) -> Priced:
    situation = readings.situation
    row = charge.rows[group.row]
    quantity = group.metered
    if quantity.value < 0:
        zero = given(Role.BOUND, Fraction(0), "a negative quantity is priced as zero", charge.unit)
        quantity = greater(Role.QUANTITY, (quantity, zero))
    if isinstance(charge.source, OfMeter):
        quantity = _less_included(quantity, [item for item in held if item.include.meter == charge.source.meter])
    schedule = settle(row.schedule, readings)
    parts, portions = priced_parts(situation, charge, schedule, quantity.value)
    amount = total(Role.AMOUNT, parts, unit=situation.program.money.currency.code)
    amount = bounded(amount, row.minimum, row.cap, situation)
    if not charge.columns or charge.bounds_per_row:
        amount = bounded(amount, charge.minimum, charge.cap, situation)
    line = Line(
        id=charge.name,
        kind=LineKind.CHARGE,
        labels=charge.labels,
        amount=situation.program.money.round(amount.value, situation.program.line_rounding),
        derivation=round_line(situation, amount),
        place=row.place if charge.columns else charge.place,
        quantity=group.metered.value,
        unit=charge.unit,
        by=tuple((column.name, text) for column, text in zip(charge.columns, group.key, strict=False)),
        because=charge.because,
        source=charge.citation,
        quantity_derivation=quantity,
    )
    return Priced(line, charge, group.key, portions)


def _less_included(quantity: Step, held: Sequence[Allowance]) -> Step:
    parts = [quantity]
    left = quantity.value
    for allowance in held:
        taken = allowance.take(left)
        left -= taken
        parts.append(
            given(
                Role.INCLUDED,
                taken,
                allowance.include.text,
                quantity.unit,
                place=allowance.include.place,
                note=allowance.note,
            )
        )
    return quantity if len(parts) == 1 else difference(Role.QUANTITY, tuple(parts), unit=quantity.unit)


def settle(schedule: Schedule, readings: Readings) -> Schedule:
    """The schedule with the widths that depend on days, a meter or an attribute multiplied out."""
    if not schedule.depends:
        return schedule
    return settled(schedule, tuple(_factor(band, readings) for band in schedule.bands))


def _factor(band: Band, readings: Readings) -> Fraction:
    situation = readings.situation
    if band.width_per is None:
        return Fraction(1)
    depends = band.width_per
    if depends.meter is not None:
        value = max(readings.total(depends.meter).value, Fraction(0))
    elif depends.attribute is not None:
        found = situation.subscription.attributes.get(depends.attribute)
        if found is None:
            raise readings.missing(depends.attribute, band.head)
        number = scalar(found)
        assert isinstance(number, Fraction), "the resolver lets widths depend on numbers only"
        value = number
    else:
        value = Fraction(situation.covered_days.day_count)
    if value < 0:
        raise situation.refuse("RB4008", f"the width “{band.head}” would be below zero: it depends on {plain(value)}")
    return value / depends.per


def priced_parts(
    situation: Situation,
    charge: Charge,
    schedule: Schedule,
    quantity: Fraction,
    start: Fraction = Fraction(0),
    whole: Fraction | None = None,
) -> tuple[tuple[Step, ...], tuple[Portion, ...]]:
    """The priced slices of a quantity above `start`, as steps and as portions. Raises `Refused` for a refused band.

    `whole` is the quantity whose size chooses the band of a volume schedule, where it is not `quantity`.
    """
    finer, _ = fitting(schedule, quantity)
    finer, _ = fitting(finer, start)
    finer, chooser = fitting(finer, quantity if whole is None else whole)
    begun, end = int(start * finer.quantity_scale), int(quantity * finer.quantity_scale)
    parts: list[Step] = []
    portions: list[Portion] = []
    for piece in walk(finer, end, begun, chooser):
        band = finer.bands[piece.band]
        if band.refused and piece.size > 0:
            raise situation.refuse(
                "RB4002",
                f"charge {charge.name} refuses {plain(quantity)} {charge.unit}".rstrip() + f" ({charge.place})",
                "price this usage in the ruleset, or leave it out of the usage files",
            )
        parts.extend(_steps_of(situation, charge, finer, band, piece))
        if piece.size > 0:
            size = Fraction(piece.size, finer.quantity_scale)
            portions.append(Portion(size, Fraction(piece.amount, finer.money_scale) / size))
    return tuple(parts), tuple(portions)


def _steps_of(situation: Situation, charge: Charge, schedule: Schedule, band: Band, piece: Slice) -> list[Step]:
    money = situation.program.money.currency.code
    size = Fraction(piece.size, schedule.quantity_scale)
    found: list[Step] = []
    if schedule.mode is not Mode.STAIRSTEP and (band.rate or not band.once):
        counted = given(Role.SLICE, size, band.head, charge.unit)
        if band.step is None:
            rate = Fraction(band.rate * schedule.quantity_scale, schedule.money_scale)
        else:
            block = given(Role.PART, Fraction(band.step, schedule.quantity_scale), "step", charge.unit)
            steps = quotient(Role.PART, counted, block)
            counted = rounded(Role.SLICE, steps, Fraction(1), Rounding.UP, "started steps", unit="")
            rate = Fraction(band.rate, schedule.money_scale)
        leaf = given(Role.RATE, rate, band.text, money, place=charge.place)
        found.append(product(Role.BAND, (counted, leaf), band.head, money))
    if piece.once:
        once = Fraction(piece.once, schedule.money_scale)
        found.append(given(Role.ONCE, once, band.once_text or band.text, money, note=band.head, place=charge.place))
    return found


def bounded(amount: Step, minimum: Bound | None, cap: Bound | None, situation: Situation) -> Step:
    """The amount with a floor and a ceiling of its own, before rounding."""
    money = situation.program.money.currency.code
    if minimum is not None:
        amount = greater(Role.AMOUNT, (amount, _bound_leaf(minimum, money)), minimum.text, place=minimum.place)
    if cap is not None:
        amount = lesser(Role.AMOUNT, (amount, _bound_leaf(cap, money)), cap.text, place=cap.place)
    return amount


def _bound_leaf(bound: Bound, money: str) -> Step:
    return given(Role.BOUND, bound.amount, bound.text, money, place=bound.place, note=bound.because)


def round_line(situation: Situation, amount: Step) -> Step:
    """The root of a line's derivation: its amount rounded once, at the end."""
    program = situation.program
    mode = program.line_rounding
    size = program.money.size
    return rounded(Role.ROUNDING, amount, size, mode, f"rounded {mode.value}")


def _sum_bounds(charge: Charge, situation: Situation, lines: Sequence[Priced]) -> list[Line]:
    """What a floor or cap on the sum of several rows adds or takes: a line of its own."""
    found: list[Line] = []
    money = situation.program.money
    for kind, bound in ((LineKind.MINIMUM, charge.minimum), (LineKind.CAP, charge.cap)):
        if bound is None:
            continue
        current = sum(item.line.amount for item in lines) + sum(line.amount for line in found)
        limit = money.round(bound.amount, situation.program.line_rounding)
        if not (current < limit if kind is LineKind.MINIMUM else current > limit):
            continue
        code = money.currency.code
        parts = tuple(
            given(Role.TARGET, money.fraction(line.amount), row_label(line), code)
            for line in [*(item.line for item in lines), *found]
        )
        leaf = round_line(situation, _bound_leaf(bound, code))
        gap = difference(Role.AMOUNT, (leaf, total(Role.BASE, parts, f"sum of {charge.name}", code)), bound.text, code)
        found.append(
            Line(
                id=charge.name,
                kind=kind,
                labels=charge.labels,
                amount=limit - current,
                derivation=round_line(situation, gap),
                place=bound.place,
                on=(charge.name,),
                because=bound.because,
                source=bound.source,
            )
        )
    return found


def row_label(line: Line) -> str:
    """A line and the values of its row, in a few words."""
    return " ".join([line.id, *(text for _, text in line.by)])


def plain(value: Fraction) -> str:
    """A number for a sentence."""
    return decimal_text(value) or approximate_text(value, 6)
