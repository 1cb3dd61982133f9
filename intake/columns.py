"""What the columns of rows mean: the declared fields, the envelope around them, and what a file's header must hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple, TypeAlias

from ..engine.usage import FactSchema, FieldSchema, Value
from .rows import RawRow, RowSource
from .values import Converter, Refusal, converter

ENVELOPE: Final = frozenset({"id", "account", "event", "time", "source", "meter"})
"""The columns that no field may be called after."""

EVENT_COLUMNS: Final = frozenset({"id", "account", "event", "time", "source", "currency"})
QUANTITY_COLUMNS: Final = frozenset({"id", "account", "meter", "time", "source", "currency", "quantity", "unit"})
CLOUD_EVENT_COLUMNS: Final = frozenset(
    {"specversion", "type", "subject", "data", "data_base64", "datacontenttype", "dataschema"}
)

Mistake: TypeAlias = tuple[str, object, Refusal]
"""A column, what stands in it, and why that is refused."""


class FieldPlan(NamedTuple):
    """A declared field with its converter; a tuple, for it is taken apart for every row."""

    name: str
    convert: Converter[Value]
    required: bool
    default: Value | None


def field_plans(fields: Iterable[FieldSchema]) -> tuple[FieldPlan, ...]:
    """How to read each of the fields."""
    return tuple(FieldPlan(each.name, converter(each), each.required, each.default) for each in fields)


def read_fields(row: RawRow, plans: tuple[FieldPlan, ...], owner: str) -> tuple[dict[str, Value], list[Mistake]]:
    """The declared fields of a row, with defaults where nothing stands, and everything wrong with them."""
    fields: dict[str, Value] = {}
    mistakes: list[Mistake] = []
    for name, convert, required, default in plans:
        raw = row.get(name)
        if raw is None:
            if default is not None:
                fields[name] = default
            elif required:
                mistakes.append((name, None, missing(name, owner)))
            continue
        value = convert(raw)
        if isinstance(value, Refusal):
            mistakes.append((name, raw, value))
        else:
            fields[name] = value
    return fields, mistakes


def missing(column: str, owner: str) -> Refusal:
    """The refusal of a row in which something required is absent."""
    return Refusal("RB3002", "it is missing", f"give every row of {owner} its `{column}`")


def data_beside_columns(row: RawRow, data: RawRow) -> tuple[RawRow, list[str]]:
    """The row with the fields of its `data` as columns, and the fields that stand in both places.

    `data` has no say in the envelope: an `id` inside it is a field that nobody declared.
    """
    flat = {name: value for name, value in row.items() if name != "data"}
    twice = []
    for name, value in data.items():
        if name in ENVELOPE or value is None:
            continue
        if flat.get(name) is not None:
            twice.append(name)
        flat[name] = value
    return flat, twice


def usage_columns(schema: FactSchema) -> frozenset[str]:
    """Every column that some row of usage may have."""
    events = frozenset(each.name for event in schema.events.values() for each in event.fields)
    quantities = frozenset(each.name for meter in schema.meters.values() for each in meter.fields)
    return events | quantities | EVENT_COLUMNS | QUANTITY_COLUMNS | CLOUD_EVENT_COLUMNS


def account_columns(schema: FactSchema) -> frozenset[str]:
    """Every column that some row of accounts may have."""
    return frozenset(schema.attributes) | {"account", "plan", "start", "end", "cards"}


def refused_columns(source: RowSource, structure: Iterable[tuple[str, ...]]) -> list[Mistake]:
    """What is wrong with a file's columns as a whole, so that none of its rows can be read.

    Each entry of `structure` is a choice of columns, one of which the header has to hold.
    """
    return [*_floats(source.float_columns), *_absent(source.columns, structure)]


def _floats(columns: Mapping[str, str]) -> Iterable[Mistake]:
    for column, type_ in columns.items():
        way_out = f"CAST({column} AS DECIMAL(38, 9)), or the scale that it needs, where the file is written"
        yield column, type_, Refusal("RB3014", "a binary floating-point column is not exact", way_out)


def _absent(columns: tuple[str, ...] | None, structure: Iterable[tuple[str, ...]]) -> Iterable[Mistake]:
    if columns is None:
        return
    shown = ", ".join(f"`{name}`" for name in columns)
    other = next((sign for sign in (";", "\t", "|") if len(columns) == 1 and sign in columns[0]), None)
    for choice in structure:
        if not any(name in columns for name in choice):
            wanted = " or ".join(f"`{name}`" for name in choice)
            way_out = f"add it to the header, which holds {shown}" if columns else "begin the file with a header"
            if other is not None:
                sign = "tabs" if other == "\t" else f"`{other}`"
                way_out = f"separate the columns with commas; this file seems to use {sign}"
            yield choice[0], None, Refusal("RB3001", f"the file has no column {wanted}", way_out)
