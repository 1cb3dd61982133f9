"""Families: statements whose plans have the same shape, so that one query prices them all, whatever their prices.

A `Member` is what is known of statements without their usage: a version of a plan and a billing period with its covered
days. Members of one family are priced in lockstep: what differs between them are numbers, places and words, which stand
in the query as parameters. The shape of a plan is everything else of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from datetime import date
from enum import Enum
from fractions import Fraction
from functools import cache
from itertools import product
from typing import Final

from ...records import Record
from ..condition import Scalar, scalar
from ..dispatch import Branch, Key, Leaf, Tree, below, dispatch
from ..evaluators.changes import stretches
from ..evaluators.situation import Situation, declared_order
from ..plan import Charge, Column, ColumnKind, OfEach, OfMeter, Plan, Row
from ..schedule import Band, Schedule
from ..usage import FieldKind, FieldSchema
from .number import UnfitError

COMBINATIONS_MAX: Final = 48
"""Up to so many combinations of `by` values have columns of their own; beyond it they are rows."""

WINDOWS_MAX: Final = 4
"""Up to so many windows are told apart by all that a time may lie in at once, where rows ask for different ones."""


class Member(Record):
    """Statements that differ in their usage and account only.

    `situation` holds no usage, and of the account's attributes only those that choose a row of a table.
    """

    number: int
    situation: Situation

    @property
    def plan(self) -> Plan:
        """The version of the plan that prices the period."""
        return self.situation.plan


class Part(Record):
    """One column of a key: a field that has a value (or none, for None), or a time in a window (and those of `also`)
    and in none of `others`.
    """

    kind: ColumnKind
    name: str
    value: str | bool | None = None
    others: tuple[str, ...] = ()
    also: tuple[str, ...] = ()


class Combination(Record):
    """A combination of `by` values that has a line of its own: the row that prices it, and what makes it up.

    Several cases belong to it where a row stands for more than one value of a column.
    """

    row: int
    key: Key
    cases: tuple[tuple[Part, ...], ...]


def combinations(charge: Charge, situation: Situation) -> tuple[Combination, ...] | None:
    """All combinations that may have a line, in the order of lines; None where a column may hold any value.

    A case without a price has the row -1.
    """
    if not charge.columns and isinstance(charge.tree, Leaf):
        return _whole(charge.tree.row)
    choices: list[list[Part]] = []
    count = 1
    for index, column in enumerate(charge.columns):
        own = _choices(charge, index, column, situation)
        if own is None:
            return None
        choices.append(own)
        count *= len(own)
        if count > COMBINATIONS_MAX:
            return None
    found: dict[tuple[int, Key], list[tuple[Part, ...]]] = {}
    for case in product(*choices):
        values = tuple(_value(part, situation) for part in case)
        inside = {name for part in case if part.kind is ColumnKind.TIME for name in (part.name, *part.also)}
        answer = dispatch(charge.tree, values, lambda window, inside=inside: window in inside)  # type: ignore[misc]
        row, key = (-1, ()) if isinstance(answer, int) else answer
        told = tuple(part for part in case if part.kind is not ColumnKind.ATTRIBUTE)
        found.setdefault((row, key), []).append(told)
    made = [Combination(row, key, tuple(cases)) for (row, key), cases in found.items()]
    return tuple(sorted(made, key=lambda item: (item.row, declared_order(charge, item.key))))


@cache
def _whole(row: int) -> tuple[Combination, ...]:
    """The one combination of a charge without columns."""
    return (Combination(row, (), ((),)),)


def _choices(charge: Charge, index: int, column: Column, situation: Situation) -> list[Part] | None:
    match column.kind:
        case ColumnKind.ATTRIBUTE:
            return [Part(ColumnKind.ATTRIBUTE, column.name)]
        case ColumnKind.TIME:
            return _times(tuple(dict.fromkeys(_asked_windows(charge.tree, index))))
        case ColumnKind.FIELD:
            if not column.values:
                return None
            field = _field(charge, column.name, situation)
            # A key column names yes and no in words, as it would the words of `one of`.
            yes_or_no = field is not None and field.kind is FieldKind.YES_NO
            values: tuple[str | bool | None, ...] = (True, False) if yes_or_no else column.values
            if field is not None and not field.required and field.default is None:
                values = (*values, None)
            return [Part(ColumnKind.FIELD, column.name, value) for value in values]


def _field(charge: Charge, name: str, situation: Situation) -> FieldSchema | None:
    """The field of events behind a key column."""
    if not isinstance(charge.source, OfMeter):
        return None
    program = situation.program
    event = program.schema.events[program.meters[charge.source.meter].event]
    return next((item for item in event.fields if item.name == name), None)


def _value(part: Part, situation: Situation) -> Scalar | None:
    match part.kind:
        case ColumnKind.FIELD:
            return part.value
        case ColumnKind.ATTRIBUTE:
            value = situation.subscription.attributes.get(part.name)
            if value is None:
                raise UnfitError("an account without the attribute that a table asks for")
            return scalar(value)
        case ColumnKind.TIME:
            return None


def _times(asked: tuple[tuple[str, ...], ...]) -> list[Part] | None:
    """The choices of a column of times whose tables ask for these windows, in this order: windows may overlap."""
    names = tuple(dict.fromkeys(name for own in asked for name in own))
    if len(asked) == 1:
        # The first window that holds the time decides.
        first = [Part(ColumnKind.TIME, name, None, names[:at]) for at, name in enumerate(names)]
        return [*first, Part(ColumnKind.TIME, "", None, names)]
    if len(names) > WINDOWS_MAX:
        return None
    found = []
    for chosen in product((True, False), repeat=len(names)):
        inside = tuple(name for name, is_in in zip(names, chosen, strict=True) if is_in)
        outside = tuple(name for name in names if name not in inside)
        found.append(Part(ColumnKind.TIME, inside[0] if inside else "", None, outside, inside[1:]))
    return found


def _asked_windows(tree: Tree, column: int) -> Iterator[tuple[str, ...]]:
    """The windows that each branch of a column asks for, in its order."""
    if isinstance(tree, Branch) and tree.column == column and tree.windows:
        yield tuple(name for name, _ in tree.windows)
    for part in below(tree):
        yield from _asked_windows(part, column)


# Shapes

_WORDS: Final = frozenset(
    {"labels", "place", "text", "because", "citation", "source_text", "head", "once_text", "free_text", "per_text"}
)
_OWN_SOURCE: Final = frozenset({"Bound"})
"""Classes whose `source` is a citation, and not what is priced."""


def families(members: Iterable[Member]) -> list[tuple[Member, ...]]:
    """The members by shape, in the order in which shapes come."""
    found: dict[object, list[Member]] = {}
    shapes: dict[object, object] = {}
    rules: dict[tuple[int, ...], object] = {}
    for member in members:
        # What an account is may choose the rows of a table, and with them the lines.
        key = id(member.plan), tuple(sorted(member.situation.subscription.attributes.items()))
        if key not in shapes:
            try:
                shapes[key] = shape_of_plan(member, rules)
            except UnfitError as unfit:
                # Whoever writes the query of such a family is told the same, and leaves it to the scalar evaluator.
                shapes[key] = key, str(unfit)
        found.setdefault((shapes[key], len(stretches(member.situation)) > 1), []).append(member)
    return [tuple(own) for own in found.values()]


def shape_of_plan(member: Member, rules: dict[tuple[int, ...], object]) -> object:
    """What of a plan decides how its query is written.

    `rules` is where the shape of its rules beside charges is looked up and put: many plans have the very same.
    """
    plan = member.plan
    charges = tuple(_shape_of_charge(charge, member.situation) for charge in plan.charges)
    bounds = tuple(sorted({(item.kind.value, item.lines) for item in plan.bounds if item.lines}))
    rest = (plan.fees, plan.includes, plan.policies, plan.taxes)
    known = tuple(id(item) for kind in rest for item in (*kind, None))
    if known not in rules:
        rules[known] = shape(rest)
    return charges, bounds, rules[known], plan.dated_by_usage


def _shape_of_charge(charge: Charge, situation: Situation) -> object:
    rows: object = None
    known = None if isinstance(charge.source, OfEach) else combinations(charge, situation)
    if known is not None:
        rows = tuple(
            (item.row == -1, item.key, item.cases, None if item.row == -1 else shape(charge.rows[item.row]))
            for item in known
        )
    if isinstance(charge.source, OfEach):
        # One query rates the events of all members: from one source, cut at the edges of the same windows.
        columns = range(len(charge.columns))
        rows = charge.source, frozenset(own for column in columns for own in _asked_windows(charge.tree, column))
    rest = (
        charge.name,
        shape(charge.source),
        charge.unit,
        charge.pooling,
        charge.counted,
        charge.prorated,
        charge.bounds_per_row,
        charge.minimum is None,
        charge.cap is None,
        charge.period_minimum is None,
        charge.period_cap is None,
        charge.when,
        tuple((column.kind, column.name) for column in charge.columns),
    )
    return rows, rest


def shape(value: object) -> object:
    """A value without its numbers and words; conditions keep theirs."""
    match value:
        case bool() | Enum() | str() | None:
            return value
        case Fraction() | date():
            return type(value).__name__
        case Band():
            return (
                value.upper is None,
                value.inclusive,
                value.step is None,
                bool(value.rate),
                bool(value.once),
                value.if_used,
                value.refused,
                value.width_per is not None and (value.width_per, "depends"),
                value.prorated,
            )
        case Schedule():
            return value.mode, tuple(shape(band) for band in value.bands)
        case Row():
            return shape(value.schedule), value.minimum is None, value.cap is None
        case int():
            return "int"
        case tuple() | list():
            return tuple(shape(item) for item in value)
        case Mapping():
            return tuple((key, shape(item)) for key, item in value.items())
        case _ if isinstance(value, Record) or is_dataclass(value):
            return _shape_of_record(value)
        case _:
            return value


def _shape_of_record(value: object) -> object:
    kind = type(value).__name__
    found: list[object] = [kind]
    for field in fields(value):  # type: ignore[arg-type]
        if field.name in _WORDS or (kind in _OWN_SOURCE and field.name == "source"):
            continue
        item = getattr(value, field.name)
        found.append(item if field.name in ("when", "where") else shape(item))
    return tuple(found)


def is_each(charge: Charge) -> bool:
    """Whether a charge rates every event on its own."""
    return isinstance(charge.source, OfEach)
