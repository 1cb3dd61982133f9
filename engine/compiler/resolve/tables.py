"""Tables: header cells to columns, key cells to typed keys, price cells to bands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction
from typing import assert_never

from ....diagnostics import Label, Span
from ....grammar import syntax
from ...condition import Scalar, scalar
from ...plan import Bound, Column, ColumnKind
from ...schedule import Mode
from ...usage import FieldKind, FieldSchema
from ..model import Band, Key, KeyAny, KeyOtherwise, KeyRange, KeyValues, KeyWindows, Row
from .prices import Priced, resolve_bands, resolve_price
from .scope import Scope, because, citation, near_names
from .values import field_value, quantity_in, type_words


@dataclass(frozen=True, slots=True)
class KeyField:
    """A `by` field: its column, and its type (None for `time`)."""

    column: Column
    schema: FieldSchema | None


def resolve_by(
    scope: Scope, by: tuple[syntax.Name | syntax.AccountField, ...], fields: Mapping[str, FieldSchema] | None
) -> tuple[KeyField, ...] | None:
    """The key columns of a charge; `fields` are those of its event, None where there is no event."""
    found: list[KeyField] = []
    sound = True
    for node in by:
        key = _key_field(scope, node, fields)
        if key is None:
            sound = False
        elif any(key.column == other.column for other in found):
            scope.report("RB2002", f"`{scope.text(node)}` stands twice after `by`", node, "again", "leave one out")
            sound = False
        else:
            found.append(key)
    return tuple(found) if sound else None


def _key_field(
    scope: Scope, node: syntax.Name | syntax.AccountField, fields: Mapping[str, FieldSchema] | None
) -> KeyField | None:
    if isinstance(node, syntax.AccountField):
        schema = scope.look_up(scope.attributes, node.name, "attribute")
        if schema is None:
            return None
        return KeyField(Column(ColumnKind.ATTRIBUTE, schema.name, _order(schema)), schema)
    if fields is None:
        scope.report(
            "RB2106",
            f"this charge does not price events, so that it has no field `{node.text}`",
            node,
            "a field of which event?",
            *_attribute_hint(scope, node.text),
            "price a meter or `each EVENT` to have its fields, or use attributes, as in `by account.country`",
        )
        return None
    if node.text == "time":
        return KeyField(Column(ColumnKind.TIME, "time"), None)
    schema = fields.get(node.text)
    if schema is None:
        scope.unknown(node, node.text, "field of the event", [*fields, "time"], *_attribute_hint(scope, node.text))
        return None
    return KeyField(Column(ColumnKind.FIELD, schema.name, _order(schema)), schema)


def _attribute_hint(scope: Scope, name: str) -> tuple[str, ...]:
    near = near_names(name, scope.attributes)
    return (f"did you mean `account.{near[0]}`, which is known of the account?",) if near[:1] == [name] else ()


def _order(schema: FieldSchema) -> tuple[str, ...]:
    return ("yes", "no") if schema.kind is FieldKind.YES_NO else schema.values


def declared_values(key: KeyField) -> tuple[Scalar, ...] | None:
    """Every value that a key column may have, or None where that is open."""
    if key.schema is None:
        return None
    match key.schema.kind:
        case FieldKind.ONE_OF:
            return key.schema.values
        case FieldKind.YES_NO:
            return (True, False)
        case _:
            return None


def resolve_table(
    scope: Scope, table: syntax.Table, keys: tuple[KeyField, ...], priced: Priced, mode: Mode | None
) -> tuple[tuple[KeyField, ...], tuple[Row, ...]] | None:
    """The key columns in the table's order and its rows."""
    order = columns_of(scope, table, keys)
    if order is None or not heads_fit(scope, table.columns, mode) or not table.rows:
        # A table without rows has a finding of the grammar.
        return None
    prefixes = {
        index for index, column in enumerate(table.columns) if isinstance(column, syntax.KeyColumn) and column.prefix
    }
    rows = []
    for written in table.rows:
        row = _row(scope, table, written, order, prefixes, priced, mode or Mode.GRADUATED)
        if row is None:
            continue
        rows.append(row)
    if len(rows) != len(table.rows):
        return None
    return tuple(order[index] for index in sorted(order)), tuple(rows)


def columns_of(scope: Scope, table: syntax.Table, keys: tuple[KeyField, ...]) -> dict[int, KeyField] | None:
    """For each key column its field. Header and `by` must name the same fields."""
    by_name = {_written(key): key for key in keys}
    order: dict[int, KeyField] = {}
    sound = True
    for index, column in enumerate(table.columns):
        if not isinstance(column, syntax.KeyColumn):
            continue
        name = scope.text(column.field)
        if name not in by_name:
            scope.report(
                "RB2001",
                f"column `{name}` is not among the charge's `by` fields",
                column,
                "not after `by`",
                f"write `by {', '.join([*by_name, name])}` in the charge's first line",
            )
            sound = False
            continue
        order[index] = by_name[name]
        schema = by_name[name].schema
        if column.prefix and (schema is None or schema.kind is not FieldKind.TEXT):
            words = "the time" if schema is None else type_words(schema)
            scope.report(
                "RB2108", f"only a text has prefixes, and `{name}` is {words}", column, "no text", "leave `prefix` out"
            )
            sound = False
    for name in by_name:
        if by_name[name] not in order.values():
            scope.report(
                "RB1107",
                f"the table has no column for `{name}`, which stands after `by`",
                table.columns[0],
                f"no column `{name}`",
                f"add a column `{name}`",
                f"leave `{name}` out after `by`",
            )
            sound = False
    return order if sound else None


def _written(key: KeyField) -> str:
    return f"account.{key.column.name}" if key.column.kind is ColumnKind.ATTRIBUTE else key.column.name


def heads_fit(scope: Scope, columns: tuple[syntax.Column, ...], mode: Mode | None) -> bool:
    """Whether a first row has one price or bands, and the mode of the charge goes with them."""
    bands = [column for column in columns if isinstance(column, syntax.BandColumn)]
    plain = [column for column in columns if isinstance(column, syntax.PriceColumn)]
    if bands and plain:
        scope.report("RB1107", "a table has bands or one price, not both", plain[0], "one price", "leave it out")
        return False
    if not bands and not plain:
        scope.report(
            "RB2207",
            "the table has no column of prices",
            columns[-1],
            "the last column",
            "add a column `price`, or one for each band",
        )
        return False
    if bands and mode is None:
        scope.report(
            "RB1102",
            "the bands of this table need a mode",
            bands[0],
            "how are these read?",
            "write `graduated` after `by …` for each band at its own rate",
            "write `volume` for the whole quantity at the rate of its band",
        )
        return False
    if plain and mode is not None:
        scope.report(
            "RB1115",
            f"`{mode.value}` needs bands, and this table has one price",
            plain[0],
            "no bands",
            f"leave `{mode.value}` out",
            "write a column for each band, as in `| first 100 | above |`",
        )
        return False
    return True


def _row(
    scope: Scope,
    table: syntax.Table,
    written: syntax.Row,
    order: Mapping[int, KeyField],
    prefixes: set[int],
    priced: Priced,
    mode: Mode,
) -> Row | None:
    keys: list[Key | None] = []
    band_cells: list[tuple[syntax.BandHead, syntax.Price]] = []
    price: syntax.Price | None = None
    amounts: dict[syntax.AmountColumnKind, syntax.Money] = {}
    for index, (column, cell) in enumerate(zip(table.columns, written.cells, strict=True)):
        match column:
            case syntax.KeyColumn():
                assert isinstance(cell, syntax.ValuesKey | syntax.RangeKey | syntax.AnyKey | syntax.OtherwiseKey)
                keys.append(key_of(scope, cell, order[index], prefix=index in prefixes))
            case syntax.BandColumn(head):
                assert isinstance(cell, syntax.Price)
                band_cells.append((head, cell))
            case syntax.PriceColumn():
                assert isinstance(cell, syntax.Price)
                price = cell
            case syntax.AmountColumn(kind):
                if isinstance(cell, syntax.Money):
                    amounts[kind] = cell
            case _:
                assert_never(column)
    bands: tuple[Band, ...] | None
    if price is not None:
        resolved = resolve_price(scope, price, priced, mode)
        bands = None if resolved is None else (Band(price.span, "", None, resolved),)
    else:
        bands = resolve_bands(scope, band_cells, priced, mode)
    known = tuple(key for key in keys if key is not None)
    if bands is None or len(known) != len(keys):
        return None
    return _with_amounts(scope, Row(written.span, known, bands), amounts)


def _with_amounts(scope: Scope, row: Row, amounts: Mapping[syntax.AmountColumnKind, syntax.Money]) -> Row | None:
    minimum = maximum = None
    bands = row.bands
    for kind, node in amounts.items():
        amount = scope.money_value(node)
        if amount is None:
            return None
        match kind:
            case syntax.AmountColumnKind.ONCE:
                bands = (with_once(bands[0], amount, f"{scope.text(node)} once"), *bands[1:])
            case syntax.AmountColumnKind.MINIMUM:
                minimum = Bound(amount, f"minimum {scope.text(node)}", scope.place(node))
            case syntax.AmountColumnKind.CAP:
                maximum = Bound(amount, f"cap {scope.text(node)}", scope.place(node))
            case _:
                assert_never(kind)
    check_bounds(scope, minimum, maximum)
    return Row(row.span, row.keys, bands, minimum, maximum)


def with_once(band: Band, amount: Fraction, text: str) -> Band:
    """A band with money that is added once besides."""
    price = band.price
    once = replace(price, once=price.once + amount, once_text=text)
    return replace(band, price=once)


def key_of(
    scope: Scope,
    cell: syntax.ValuesKey | syntax.RangeKey | syntax.AnyKey | syntax.OtherwiseKey,
    field: KeyField,
    *,
    prefix: bool,
) -> Key | None:
    """A key cell in its field's type; None with findings."""
    match cell:
        case syntax.AnyKey():
            return KeyAny()
        case syntax.OtherwiseKey():
            return KeyOtherwise()
        case syntax.RangeKey():
            return _range(scope, cell, field)
        case syntax.ValuesKey(values):
            if field.schema is None:
                return _windows(scope, values)
            found = [field_value(scope, field.schema, value) for value in values]
            known = tuple(scalar(value) for value in found if value is not None)
            return KeyValues(known, prefix) if len(known) == len(found) else None
        case _:
            assert_never(cell)


def _windows(scope: Scope, values: tuple[syntax.Value, ...]) -> KeyWindows | None:
    names = []
    for value in values:
        if not isinstance(value, syntax.Name):
            scope.report(
                "RB2108",
                "a cell of the column `time` names a window",
                value,
                "no window",
                "declare one, as in `window peak: mon to fri 08:00 to 20:00`, and write `peak`",
            )
            return None
        if scope.look_up(scope.windows, value, "window") is None:
            return None
        names.append(value.text)
    return KeyWindows(tuple(names))


def _range(scope: Scope, cell: syntax.RangeKey, field: KeyField) -> KeyRange | None:
    schema = field.schema
    if schema is None or schema.kind not in (FieldKind.NUMBER, FieldKind.MONEY, FieldKind.DATE):
        what = "`time`" if schema is None else f"`{schema.name}` is {type_words(schema)}, which"
        hint = "name windows" if schema is None else "list the values, or write `otherwise`"
        scope.report("RB2108", f"{what} has no order, so it has no ranges", cell, "a range", hint)
        return None
    ends: list[Fraction | date | None] = []
    for node in (cell.low, cell.high):
        if node is None:
            ends.append(None)
            continue
        end = _end(scope, schema, node)
        if end is None:
            return None
        ends.append(end)
    low, high = ends
    if low is not None and high is not None and low > high:  # type: ignore[operator]
        scope.report("RB2201", "this range ends before it begins", cell, "holds nothing", "swap its ends")
        return None
    return KeyRange(low, cell.low_included, high, cell.high_included, scope.text(cell))


def _end(
    scope: Scope, schema: FieldSchema, node: syntax.Quantity | syntax.Money | syntax.Date
) -> Fraction | date | None:
    if isinstance(node, syntax.Quantity) and schema.kind is FieldKind.NUMBER:
        return quantity_in(scope, node, schema.unit, f"`{schema.name}`")
    value = field_value(scope, schema, node)
    if value is None:
        return None
    end = scalar(value)
    assert isinstance(end, Fraction | date)
    return end


def bound(scope: Scope, node: syntax.ChargeBound | syntax.PlanBound) -> Bound | None:
    """A floor or ceiling in the ruleset's currency."""
    amount = scope.money_value(node.money)
    if amount is None:
        return None
    notes = node.annotations
    text = f"{node.kind.value} {scope.text(node.money)}" + (" prorated by day" if node.prorated else "")
    if amount < 0:
        scope.report(
            "RB2103", f"a {node.kind.value} cannot be below zero", node.money, "below zero", "leave the minus out"
        )
        return None
    return Bound(amount, text, scope.place(node), because(notes), citation(notes), node.prorated)


def check_bounds(scope: Scope, minimum: Bound | None, cap: Bound | None) -> None:
    """A minimum above the cap can never be kept."""
    if minimum is None or cap is None:
        return
    # Of a period that is covered for a day only, next to nothing is left of a prorated cap.
    sinks = cap.prorated and not minimum.prorated and minimum.amount > 0
    if minimum.amount <= cap.amount and not sinks:
        return
    place = Span(minimum.place.file, minimum.place.start, minimum.place.end)
    other = Span(cap.place.file, cap.place.start, cap.place.end)
    scope.report(
        "RB2206",
        f"the {minimum.text} {'can come to be' if sinks else 'is'} above the {cap.text}",
        place,
        "at least this",
        *(("write `prorated by day` after the minimum too",) if sinks else ("lower the minimum", "raise the cap")),
        labels=(Label(other, "at most that"),),
    )
