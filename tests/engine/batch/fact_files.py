"""Facts of the engine as files that intake reads: usage and accounts in JSON Lines, CSV or Parquet.

Each event and the metered quantities stand in a file of their own, of formats in turn, so that whatever rates a set of
facts has read all of them.
"""

from __future__ import annotations

import enum
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeAlias

from ratebook.engine.usage import (
    CardHolding,
    FactSchema,
    FieldKind,
    FieldSchema,
    MeteredQuantity,
    Subscription,
    UsageEvent,
    Value,
)
from ratebook.intake.parquet import write_typed
from ratebook.money import decimal_text

Row: TypeAlias = dict[str, str]
"""A row as texts; what is absent is left out."""


class Shape(enum.Enum):
    """The format of a file, by the end of its name."""

    JSON_LINES = ".jsonl"
    CSV = ".csv"
    PARQUET = ".parquet"


SHAPES = tuple(Shape)
"""The formats that files have in turn."""


def write_usage(
    folder: Path, schema: FactSchema, facts: Iterable[UsageEvent | MeteredQuantity], *, first_shape: int = 0
) -> list[Path]:
    """Files with the facts in the given order, one an event and one for the quantities; formats begin at a place."""
    events: dict[str, list[Row]] = {}
    quantities: list[Row] = []
    for fact in facts:
        if isinstance(fact, UsageEvent):
            events.setdefault(fact.event, []).append(_event_row(fact, schema.events[fact.event].fields))
        else:
            quantities.append(_quantity_row(fact))
    paths = []
    shapes = list(SHAPES)
    for number, (name, rows) in enumerate(sorted(events.items())):
        types = {"account": "VARCHAR", "event": "VARCHAR", "time": "TIMESTAMPTZ", "id": "VARCHAR", "source": "VARCHAR"}
        types |= {item.name: _type(item, rows) for item in schema.events[name].fields}
        names = [item.name for item in schema.events[name].fields]
        # A field of this name can stand only inside the object of the same name.
        shape = Shape.JSON_LINES if "data" in names else shapes[(first_shape + number) % len(shapes)]
        bare = _bare(schema.events[name].fields)
        paths.append(_write(folder / f"events_{number}", rows, types, shape, bare, names))
    if quantities:
        fields = {item.name: item for meter in schema.meters.values() for item in meter.fields}
        types = {"account": "VARCHAR", "meter": "VARCHAR", "time": "TIMESTAMPTZ", "id": "VARCHAR", "source": "VARCHAR"}
        types |= {"quantity": _decimal([row["quantity"] for row in quantities])}
        types |= {name: _type(item, quantities) for name, item in fields.items()}
        shape = Shape.JSON_LINES if "data" in fields else shapes[(first_shape + len(events)) % len(shapes)]
        bare = {"quantity", *_bare(fields.values())}
        paths.append(_write(folder / "quantities", quantities, types, shape, bare, list(fields)))
    return paths


def write_together(
    folder: Path, schema: FactSchema, facts: Iterable[UsageEvent | MeteredQuantity], shape: Shape
) -> list[Path] | None:
    """One file with all facts in the given order; None where a name means different kinds of values.

    Queries over one file are a fifth as long as those over a file an event, and cost as much less to plan.
    """
    schemas = [*schema.events.values(), *schema.meters.values()]
    fields: dict[str, FieldSchema] = {}
    for field in (field for item in schemas for field in item.fields):
        if fields.setdefault(field.name, field).kind is not field.kind or field.name == "data":
            return None
    rows = [
        _event_row(fact, schema.events[fact.event].fields) if isinstance(fact, UsageEvent) else _quantity_row(fact)
        for fact in facts
    ]
    types = dict.fromkeys(("account", "event", "meter"), "VARCHAR") | {"time": "TIMESTAMPTZ"}
    types |= {"id": "VARCHAR", "source": "VARCHAR"}
    types |= {"quantity": _decimal([row["quantity"] for row in rows if "quantity" in row])}
    types |= {name: _type(field, rows) for name, field in fields.items()}
    bare = {"quantity", *_bare(fields.values())}
    return [_write(folder / "facts", rows, types, shape, bare, list(fields))]


def write_accounts(folder: Path, schema: FactSchema, subscriptions: Sequence[Subscription], shape: Shape) -> Path:
    """A file with a row for each subscription."""
    rows = [_account_row(item, schema.attributes.values()) for item in subscriptions]
    types = {"account": "VARCHAR", "plan": "VARCHAR", "start": "DATE", "end": "DATE"}
    types |= {item.name: _type(item, rows) for item in schema.attributes.values()}
    types |= {"cards": "VARCHAR"}
    return _write(folder / "accounts", rows, types, shape, _bare(schema.attributes.values()))


def can_be_written(quantity: MeteredQuantity) -> bool:
    """Whether a row can say the quantity: a decimal can, a third cannot, nor one of a window or an earlier period."""
    return decimal_text(quantity.quantity) is not None and quantity.window is None and quantity.period_start is None


def _event_row(event: UsageEvent, fields: Iterable[FieldSchema]) -> Row:
    return _known(
        {"account": event.account, "event": event.event, "time": _instant(event.time)}
        | _values(event.fields, fields)
        | {"id": event.id, "source": event.source}
    )


def _quantity_row(item: MeteredQuantity) -> Row:
    assert can_be_written(item), item
    return _known(
        {"account": item.account, "meter": item.meter, "quantity": decimal_text(item.quantity)}
        | {"time": None if item.time is None else _instant(item.time)}
        | _values(item.fields, ())
    )


def _account_row(item: Subscription, attributes: Iterable[FieldSchema]) -> Row:
    cards = json.dumps([_card(card) for card in item.cards]) if item.cards else None
    return _known(
        {"account": item.account, "plan": item.plan, "start": item.start.isoformat()}
        | {"end": None if item.end is None else item.end.isoformat()}
        | _values(item.attributes, attributes)
        | {"cards": cards}
    )


def _card(holding: CardHolding) -> dict[str, str]:
    left = None if holding.left is None else decimal_text(holding.left)
    return _known({"card": holding.card, "bought": holding.bought.isoformat(), "left": left})


def _values(values: Mapping[str, Value], schemas: Iterable[FieldSchema]) -> Row:
    """The fields of a row; some of those that have their default are left out."""
    defaults = {item.name: item.default for item in schemas if item.default is not None}
    return {
        name: _text(value)
        for position, (name, value) in enumerate(values.items())
        if name not in defaults or defaults[name] != value or position % 2
    }


def _known(row: Mapping[str, str | None]) -> Row:
    return {name: value for name, value in row.items() if value is not None}


def _text(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return f"{value:f}"
    return value if isinstance(value, str) else value.isoformat()


def _instant(time: datetime) -> str:
    return time.isoformat().replace("+00:00", "Z")


def _bare(fields: Iterable[FieldSchema]) -> set[str]:
    """The columns that JSON writes without quotes."""
    return {item.name for item in fields if item.kind in (FieldKind.NUMBER, FieldKind.MONEY, FieldKind.YES_NO)}


def _type(field: FieldSchema, rows: Sequence[Row]) -> str:
    match field.kind:
        case FieldKind.NUMBER | FieldKind.MONEY:
            return _decimal([row[field.name] for row in rows if field.name in row])
        case FieldKind.TEXT | FieldKind.ONE_OF:
            return "VARCHAR"
        case FieldKind.DATE:
            return "DATE"
        case FieldKind.YES_NO:
            return "BOOLEAN"


def _decimal(texts: Iterable[str]) -> str:
    """The narrowest type that holds all of them; text where no decimal does."""
    whole = scale = 1
    for text in texts:
        digits, _, decimals = text.lstrip("-").partition(".")
        whole, scale = max(whole, len(digits)), max(scale, len(decimals))
    return f"DECIMAL({whole + scale}, {scale})" if whole + scale <= 38 else "VARCHAR"


def _write(
    path: Path,
    rows: Sequence[Row],
    types: Mapping[str, str],
    shape: Shape,
    bare: set[str],
    inner: Sequence[str] = (),
) -> Path:
    """`inner` are the columns that JSON may hold in an object called `data`, as every third row does."""
    path = path.with_suffix(shape.value)
    columns = [name for name in types if name in ("account", "event", "meter") or any(name in row for row in rows)]
    if shape is Shape.JSON_LINES:
        nested = ["data" in row or (number % 3 == 2 and bool(inner)) for number, row in enumerate(rows)]
        text = "".join(
            f"{_json(row, bare, inner if is_nested else ())}\n" for row, is_nested in zip(rows, nested, strict=True)
        )
        path.write_text(text, encoding="utf-8")
        return path
    lines = [",".join(_cell(row.get(name, "")) for name in columns) for row in rows]
    if shape is Shape.CSV:
        path.write_text("\n".join([",".join(map(_cell, columns)), *lines, ""]), encoding="utf-8")
        return path
    staged = path.with_suffix(".staged")
    staged.write_text("\n".join([*lines, ""]), encoding="utf-8")
    write_typed(staged, {name: types[name] for name in columns}, path)
    staged.unlink()
    return path


def _json(row: Row, bare: set[str], inner: Sequence[str]) -> str:
    cells = {name: f"{json.dumps(name)}: {value if name in bare else json.dumps(value)}" for name, value in row.items()}
    outside = [cell for name, cell in cells.items() if name not in inner]
    inside = [cell for name, cell in cells.items() if name in inner]
    return "{" + ", ".join([*outside, *(['"data": {' + ", ".join(inside) + "}"] if inside else [])]) + "}"


def _cell(value: str) -> str:
    quoted: Any = any(sign in value for sign in ',"\n\r')
    return '"' + value.replace('"', '""') + '"' if quoted else value
