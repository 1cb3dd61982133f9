"""Charges of meters, attributes and amounts: quantities through included units and bands to rounded lines.

The derivation is made here, from the very slices that give the amount.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import assert_never

from ..condition import scalar
from ..derivation import Role, Step, difference, given, greater, lesser, rounded, total
from ..dispatch import Key
from ..plan import Bound, Charge, OfAmount, OfAttribute, OfEach, OfMeter
from ..statement import Line, LineKind
from .counting import Section, sections_of
from .daily import priced_by_day
from .included import Allowance, priced_quantity
from .pooling import priced_section
from .proration import bound_step
from .situation import Group, Readings, Situation
from .slices import Parts, Portion


@dataclass(frozen=True, slots=True)
class Priced:
    """A line, with what later steps need to know of it: its meter, its key and its portions."""

    line: Line
    charge: Charge | None = None
    key: Key = ()
    portions: tuple[Portion, ...] = ()
    readings: Readings | None = None
    """What the line's quantity was read from, where that is not the whole period."""


def price_charge(
    charge: Charge, readings: Readings, held: Sequence[Allowance], amounts: dict[str, Fraction]
) -> list[Priced]:
    """The lines of one charge that is no `each` charge, its own floor and cap included."""
    groups = _quantities(charge, readings, amounts)
    quantities = [priced_quantity(charge, group.metered, held) for group in groups]
    priced = _on_ladders(charge, readings, groups, [quantity.value for quantity in quantities])
    lines = [
        _line(charge, readings.situation, group, quantity, parts)
        for group, quantity, parts in zip(groups, quantities, priced, strict=True)
    ]
    if not charge.columns or charge.bounds_per_row:
        return lines
    return lines + [Priced(line, charge) for line in sum_bounds(charge, readings.situation, lines)]


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


def _on_ladders(charge: Charge, readings: Readings, groups: Sequence[Group], sizes: Sequence[Fraction]) -> list[Parts]:
    """What the quantities of a charge cost, a combination each, on their own ladders or on one that they share."""
    if charge.prorated:
        return priced_by_day(charge, readings, groups)
    sections = sections_of(charge, readings.situation, groups, sizes)
    found = [priced_section(charge, readings, groups, section, sole=len(sections) == 1) for section in sections]
    if len(found) == 1:
        return found[0]
    return [_together(readings.situation, sections, parts) for parts in zip(*found, strict=True)]


def _together(situation: Situation, sections: Sequence[Section], parts: Sequence[Parts]) -> Parts:
    """The parts of a bill inside which a counting year ends, each under the days that it is for."""
    money = situation.program.money.currency.code
    steps = tuple(
        total(Role.AMOUNT, part.steps, section.dates, money)
        for section, part in zip(sections, parts, strict=True)
        if part.steps
    )
    return Parts(steps, tuple(portion for part in parts for portion in part.portions))


def _line(charge: Charge, situation: Situation, group: Group, quantity: Step, parts: Parts) -> Priced:
    row = charge.rows[group.row]
    amount = total(Role.AMOUNT, parts.steps, unit=situation.program.money.currency.code)
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
    return Priced(line, charge, group.key, parts.portions)


def bounded(amount: Step, minimum: Bound | None, cap: Bound | None, situation: Situation) -> Step:
    """The amount with a floor and a ceiling of its own, before rounding."""
    if minimum is not None:
        amount = greater(Role.AMOUNT, (amount, bound_step(minimum, situation)), minimum.text, place=minimum.place)
    if cap is not None:
        amount = lesser(Role.AMOUNT, (amount, bound_step(cap, situation)), cap.text, place=cap.place)
    return amount


def round_line(situation: Situation, amount: Step) -> Step:
    """The root of a line's derivation: its amount rounded once, at the end."""
    program = situation.program
    mode = program.line_rounding
    size = program.money.size
    return rounded(Role.ROUNDING, amount, size, mode, f"rounded {mode.value}")


def sum_bounds(charge: Charge, situation: Situation, lines: Sequence[Priced]) -> list[Line]:
    """What a floor or cap on the sum of several rows adds or takes: a line of its own."""
    found: list[Line] = []
    money = situation.program.money
    for kind, bound in ((LineKind.MINIMUM, charge.minimum), (LineKind.CAP, charge.cap)):
        if bound is None:
            continue
        current = sum(item.line.amount for item in lines) + sum(line.amount for line in found)
        leaf = round_line(situation, bound_step(bound, situation))
        limit = money.parse(leaf.value)
        if not (current < limit if kind is LineKind.MINIMUM else current > limit):
            continue
        code = money.currency.code
        parts = tuple(
            given(Role.TARGET, money.fraction(line.amount), row_label(line), code)
            for line in [*(item.line for item in lines), *found]
        )
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
    return line.row_name
