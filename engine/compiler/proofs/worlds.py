"""The worlds in which a claim has to hold: kinds of accounts, and billing periods as far as rules tell them apart.

Words, dates and yes or no of an account are tried out; numbers become axes. A period stands for all that have the same
policies in force, month, days, and fees that fall due (`periods`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from itertools import product
from math import prod

from ...condition import Attribute, Known, Literal, Scalar, operands, scalar
from ...dispatch import Branch
from ...period import DateRange
from ...plan import Charge, ColumnKind, Plan, Program
from ...usage import FieldKind, FieldSchema, Value
from .axes import between, bounds_of, branches_at, inside_of, value_of
from .known import Unmodelled
from .periods import periods_of
from .rules import conditions_of, simple

WORLDS_MAX = 400
_FIRST = date(2026, 1, 1)


@dataclass(frozen=True, slots=True)
class World:
    """One billing period of one kind of account on one plan, or on several that are compared.

    `attributes` has None where an attribute is not known; `numbers` are attributes that are axes. `due` tells for each
    plan how many terms of each fee stand on the statement.
    """

    program: Program
    plans: tuple[Plan, ...]
    period: DateRange
    start: date
    attributes: Mapping[str, Value | None]
    numbers: tuple[str, ...]
    due: tuple[Mapping[str, Fraction], ...]
    starts_in: Mapping[str, bool]


def worlds_of(program: Program, plans: Sequence[Plan]) -> list[World]:
    """Every world for plans that are in force together. Raises `Unmodelled` where there are too many."""
    choices, numbers = _attributes(program, plans)
    periods = periods_of(program, plans)
    if prod(map(len, choices.values())) * max(len(periods), 1) > WORLDS_MAX:
        raise Unmodelled("its rules tell more kinds of accounts and periods apart than are compared")
    found: list[World] = []
    for values in product(*choices.values()):
        attributes = dict(zip(choices, values, strict=True))
        own = tuple(name for name in numbers if attributes.get(f"{name}?", True))
        found.extend(
            World(program, tuple(plans), item.period, item.start, attributes, own, item.due, item.starts_in)
            for item in periods
        )
    return found


# Accounts


def _attributes(program: Program, plans: Sequence[Plan]) -> tuple[dict[str, list[Value | None]], list[str]]:
    """For words, dates and yes or no the values to try; and the names of the numbers."""
    choices: dict[str, list[Value | None]] = {}
    numbers = []
    marks: dict[str, set[Scalar]] = {}
    asked: set[str] = set()
    compared: set[str] = set()
    for plan in plans:
        for condition in conditions_of(plan):
            for part in simple(condition):
                names = [operand.name for operand in operands(part) if isinstance(operand, Attribute)]
                told = [operand for operand in operands(part) if not isinstance(operand, Literal)]
                if len(told) > 1:
                    compared.update(names)
                literals = {operand.value for operand in operands(part) if isinstance(operand, Literal)}
                for name in names:
                    marks.setdefault(name, set()).update(literals)
                    if isinstance(part, Known):
                        asked.add(name)
    tables = _columns(plans)
    for name, schema in program.schema.attributes.items():
        if name in compared and (name in tables or schema.kind not in (FieldKind.NUMBER, FieldKind.MONEY)):
            raise Unmodelled(f"account.{name} is compared with something that is no fixed value")
        if name in tables:
            values: list[Value | None] = list(_cells(schema, tables[name], marks.get(name, set())))
        elif schema.kind in (FieldKind.NUMBER, FieldKind.MONEY):
            numbers.append(name)
            if name not in asked or not _may_lack(schema):
                continue
            # Known and unknown are two kinds of accounts; a known number is an axis all the same.
            choices[f"{name}?"] = [True, False]
            continue
        elif name in marks:
            values = list(_words(schema, marks[name]))
        else:
            continue
        choices[name] = [*values, None] if name in asked and _may_lack(schema) else values
    return choices, numbers


def _may_lack(schema: FieldSchema) -> bool:
    return not schema.required and schema.default is None


def _words(schema: FieldSchema, marks: set[Scalar]) -> Iterator[Value]:
    match schema.kind:
        case FieldKind.ONE_OF:
            yield from schema.values
        case FieldKind.YES_NO:
            yield from (False, True)
        case FieldKind.DATE:
            days = {day for day in marks if isinstance(day, date)}
            near = {day + timedelta(days=step) for day in days for step in (-1, 0, 1)}
            yield from sorted(near) or [_FIRST]
        case _:
            yield from sorted(mark for mark in marks if isinstance(mark, str))
            yield "another"


def _columns(plans: Sequence[Plan]) -> dict[str, list[Charge]]:
    found: dict[str, list[Charge]] = {}
    for plan in plans:
        for charge in plan.charges:
            for column in charge.columns:
                if column.kind is ColumnKind.ATTRIBUTE:
                    found.setdefault(column.name, []).append(charge)
    return found


def _cells(schema: FieldSchema, charges: Sequence[Charge], marks: set[Scalar]) -> Iterator[Value]:
    """Values of an attribute of which one stands for each cell of the tables and conditions that ask for it."""
    if schema.kind in (FieldKind.ONE_OF, FieldKind.YES_NO):
        yield from schema.values or (False, True)
        return
    found: dict[Value, None] = {}
    numbers = {mark for mark in marks if isinstance(mark, Fraction)}
    for charge in charges:
        index = next(i for i, column in enumerate(charge.columns) if column.name == schema.name)
        if schema.kind in (FieldKind.NUMBER, FieldKind.MONEY):
            numbers.update(bounds_of(charge.tree, index))
            continue
        for branch in branches_at(charge.tree, index):
            found.update(dict.fromkeys(_of_branch(branch)))
    if numbers:
        found.update(dict.fromkeys(between(numbers)))
    elif schema.kind is FieldKind.DATE:
        found.update(dict.fromkeys(_words(schema, {*marks, *(day for day in found if isinstance(day, date))})))
    elif schema.kind is FieldKind.TEXT:
        found.update(dict.fromkeys(_words(schema, marks)))
    yield from found


def _of_branch(branch: Branch) -> Iterator[Value]:
    """A value for each cell of a branch."""
    for value in branch.values:
        yield value_of(value)
    yield from branch.prefixes
    yield from (inside_of(case) for case in branch.ranges)


def attribute_of(world: World, name: str) -> Scalar | None:
    """What is known of a word, a date, or yes or no of the account; None where it is not known."""
    value = world.attributes.get(name)
    return None if value is None else scalar(value)
