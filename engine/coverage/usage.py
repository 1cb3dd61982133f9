"""Usage and accounts for drafts: so that a row gets a quantity, a line an amount, and conditions hold."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import islice
from typing import assert_never

from ..compiler.satisfy import Subject, witness
from ..condition import AmountOf, Attribute, Condition, Month, Scalar, UsageOf, operands
from ..evaluators.turning import quantity_costing
from ..plan import (
    Charge,
    ColumnKind,
    OfAmount,
    OfAttribute,
    OfEach,
    OfMeter,
)
from .draft import Cell, Desk, Draft, as_value, given_value, path_to, usual_value
from .items import flat

SIZES = tuple(Fraction(10) ** power for power in range(10))
"""Quantities that are tried where it is only known that a line has to grow."""
LINES_TRIED = 4
ROWS_TRIED = 6


def with_needed(desk: Desk, draft: Draft) -> Draft:
    """The draft with a value for every attribute that a rule needs and that accounts don't have by default."""
    attributes = desk.program.schema.attributes
    given = {
        name: usual_value(attributes[name])
        for name in _needed(desk)
        if name in attributes and attributes[name].default is None
    }
    return replace(draft, attributes={**given, **draft.attributes})


def _needed(desk: Desk) -> Iterator[str]:
    attributes = desk.program.schema.attributes
    yield from (name for name, schema in attributes.items() if schema.required)
    for charge in desk.plan.charges:
        if isinstance(charge.source, OfAttribute):
            yield charge.source.attribute
        yield from (column.name for column in charge.columns if column.kind is ColumnKind.ATTRIBUTE)
        yield from (
            band.width_per.attribute
            for row in charge.rows[:ROWS_TRIED]
            for band in row.schedule.bands
            if band.width_per is not None and band.width_per.attribute is not None
        )
    yield from (fee.multiplier for fee in desk.plan.fees if fee.multiplier is not None)


def line_names(desk: Desk) -> tuple[str, ...]:
    return tuple(charge.name for charge in desk.plan.charges)


def standing(desk: Desk, draft: Draft, charge: Charge, row: int, quantity: Fraction) -> Iterator[Draft]:
    """Drafts in which a charge stands and a row of it gets a quantity."""
    for base in meeting(desk, draft, flat(charge.when)):
        yield from given_to(desk, base, charge, row, quantity)


def given_to(desk: Desk, draft: Draft, charge: Charge, row: int, quantity: Fraction) -> Iterator[Draft]:
    """Drafts in which a row of a charge gets a quantity, before what is included comes off."""
    cells = path_to(charge, row)
    if cells is None or quantity < 0:
        return
    match charge.source:
        case OfMeter(meter):
            if quantity == 0 and not charge.columns:
                yield draft
            else:
                yield from desk.with_usage(draft, meter, quantity, (charge, cells))
        case OfAttribute(attribute, factor):
            value = as_value(quantity / factor)
            if value is not None:
                given = _with_cells(draft, charge, cells)
                yield replace(given, attributes={**given.attributes, attribute: value})
        case OfAmount(lines):
            yield from with_amount(desk, _with_cells(draft, charge, cells), lines, quantity)
        case OfEach():
            if quantity == 0 and not charge.columns:
                yield draft
            else:
                yield from desk.with_event(draft, charge, charge.source, quantity, cells)
        case _:
            assert_never(charge.source)


def _with_cells(draft: Draft, charge: Charge, cells: Sequence[Cell]) -> Draft:
    given = {
        column.name: value
        for column, cell in zip(charge.columns, cells, strict=False)
        if column.kind is ColumnKind.ATTRIBUTE
        and cell.value is not None
        and (value := given_value(cell.value)) is not None
    }
    return replace(draft, attributes={**draft.attributes, **given})


def with_amount(desk: Desk, draft: Draft, lines: Iterable[str], amount: Fraction) -> Iterator[Draft]:
    """Drafts in which one of some charges comes to an amount."""
    found: list[tuple[Charge, int, Fraction]] = []
    for name in islice(lines, LINES_TRIED):
        for charge in desk.plan.charges:
            for row in range(min(len(charge.rows), ROWS_TRIED) if charge.name == name else 0):
                schedule = charge.rows[row].schedule
                quantity = None if schedule.depends else quantity_costing(schedule, amount, Fraction(0))
                if quantity is not None:
                    found.append((charge, row, quantity))
    # Whole quantities read best.
    for charge, row, quantity in sorted(found, key=lambda one: one[2].denominator != 1):
        yield from given_to(desk, draft, charge, row, quantity)


def sized(desk: Desk, draft: Draft, charge: Charge, row: int, sizes: Iterable[Fraction]) -> Iterator[Draft]:
    rows = range(min(len(charge.rows), ROWS_TRIED)) if row < 0 else (row,)
    for base in meeting(desk, draft, flat(charge.when)):
        for size in sizes:
            for number in rows:
                yield from given_to(desk, base, charge, number, size)


def with_lines(desk: Desk, draft: Draft, names: Iterable[str], sizes: Iterable[Fraction]) -> Iterator[Draft]:
    """Drafts in which lines grow: the first of the charges that are named, then the others."""
    charges = [charge for charge in desk.plan.charges if charge.name in set(names)] or list(desk.plan.charges)
    sizes = tuple(sizes)
    for charge in charges[:LINES_TRIED]:
        if isinstance(charge.source, OfAmount):
            continue
        for size in sizes:
            for row in range(min(len(charge.rows), ROWS_TRIED if len(sizes) == 1 else 2)):
                yield from given_to(desk, draft, charge, row, size)


def meeting(desk: Desk, draft: Draft, conditions: Sequence[Condition]) -> Iterator[Draft]:
    """The draft with facts for which conditions hold, as far as they can be given."""
    facts = witness(conditions, desk.program.schema.attributes)
    if facts is None:
        return
    # What has to be unknown must not be given.
    asked = {item.name for condition in conditions for item in operands(condition) if isinstance(item, Attribute)}
    solved = {subject.name for subject in facts if isinstance(subject, Attribute)}
    kept = {name: value for name, value in draft.attributes.items() if name not in asked - solved}
    yield from _with_facts(desk, replace(draft, attributes=kept), list(facts.items()))


def _with_facts(desk: Desk, draft: Draft, facts: Sequence[tuple[Subject, Scalar]]) -> Iterator[Draft]:
    if not facts:
        yield draft
        return
    (subject, scalar), rest = facts[0], facts[1:]
    match subject:
        case Attribute(name):
            value = given_value(scalar)
            if value is not None:
                yield from _with_facts(desk, replace(draft, attributes={**draft.attributes, name: value}), rest)
        case UsageOf(meter):
            if isinstance(scalar, Fraction):
                ways = desk.with_usage(draft, meter, scalar) if scalar else iter((draft,))
                for base in islice(ways, 2):
                    yield from _with_facts(desk, base, rest)
        case AmountOf(line):
            if isinstance(scalar, Fraction):
                ways = with_amount(desk, draft, [line], scalar) if scalar else iter((draft,))
                for base in islice(ways, 2):
                    yield from _with_facts(desk, base, rest)
        case Month():
            if draft.frame.days.start.month == scalar:
                yield from _with_facts(desk, draft, rest)
        case _:
            yield from _with_facts(desk, draft, rest)
