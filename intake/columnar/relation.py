"""Scans into one relation: columns of one type, defaults filled in, and `plain` where SQL alone understood the row.

Each scan's query has two levels. The inner one reads every column once; the outer one says what a row is, an event or a
metered quantity, and joins the checks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Final

from ...engine.usage import FactSchema, FieldSchema, Value
from ...records import Record
from ..columns import ENVELOPE
from .expressions import FALSE, TRUE, all_of, any_of, enum_type, literal, one_of_words, quoted, value_literal
from .readings import Column, Digits, Reading
from .scan_rows import FAMILY, Declared, Family, ScanRows, absent_type

ENVELOPE_COLUMNS: Final = ("account", "event", "time", "id_key", "id", "source", "meter", "quantity", "plain")


class ColumnTypes(Record):
    """The SQL types that all scans share."""

    account: str
    id: str
    event: str
    meter: str
    quantity: str
    fields: Mapping[tuple[str, Family], str]


def common_types(scans: Sequence[ScanRows], schema: FactSchema, declared: Mapping[str, Declared]) -> ColumnTypes:
    """One type for each column: numbers with room for every scan and every default, names as numbers if all are."""
    fields = {}
    for each in declared.values():
        for family in each.families:
            key = (each.name, family)
            found = [scan.fields[key] for scan in scans]
            fields[key] = (
                _number_type(found, each)
                if family is Family.NUMBER
                else next((reading.sql_type for reading in found), absent_type(each, family))
            )
    return ColumnTypes(
        _name_type([scan.account for scan in scans]),
        _name_type([scan.id for scan in scans if scan.scan.column("id") is not None]),
        enum_type(schema.events) if schema.events else "VARCHAR",
        enum_type(schema.meters) if schema.meters else "VARCHAR",
        _joined([scan.quantity for scan in scans]).sql_type,
        fields,
    )


def _joined(readings: Iterable[Reading]) -> Digits:
    room = Digits(1, 0)
    for reading in readings:
        room = room if reading.digits is None else room.joined(reading.digits)
    return room


def _number_type(readings: Sequence[Reading], declared: Declared) -> str:
    room = _joined(readings)
    for each in declared.schemas:
        if isinstance(each.default, Decimal):
            room = room.joined(digits_of(each.default))
    return room.sql_type


def digits_of(value: Decimal) -> Digits:
    """The digits that a number is written with."""
    whole, _, decimals = f"{value:f}".lstrip("-+").partition(".")
    return Digits(len(whole.lstrip("0")), len(decimals.rstrip("0")))


def _name_type(readings: Sequence[Reading]) -> str:
    types = {reading.sql_type for reading in readings}
    if len(types) == 1:
        return types.pop()
    whole = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"}
    return "BIGINT" if types and types <= whole else "VARCHAR"


def retyped(scan: ScanRows, types: ColumnTypes) -> ScanRows:
    """The scan with its readings in the shared types. A number that its new type has no room for is not there."""
    fields = {key: _as_type(reading, types.fields[key]) for key, reading in scan.fields.items()}
    return replace(
        scan,
        account=_as_type(scan.account, types.account),
        id=_as_type(scan.id, types.id),
        event=_as_type(scan.event, types.event),
        meter=_as_type(scan.meter, types.meter),
        quantity=_as_type(scan.quantity, types.quantity),
        source=_as_type(scan.source, "VARCHAR"),
        fields=fields,
    )


def _as_type(reading: Reading, sql_type: str) -> Reading:
    if reading.sql_type == sql_type:
        return reading
    if reading.digits is None or _has_room(sql_type, reading.digits):
        return replace(reading, value=f"CAST({reading.value} AS {sql_type})", sql_type=sql_type)
    return replace(reading, value=f"TRY_CAST({reading.value} AS {sql_type})", sql_type=sql_type, always=False)


def _has_room(sql_type: str, digits: Digits) -> bool:
    width, scale = (int(size) for size in sql_type.removeprefix("DECIMAL(").rstrip(")").split(","))
    return width - scale >= digits.whole and scale >= digits.decimals


class _Cell(Record):
    """A column as the outer query sees it: its value, whether something stands there, whether that always reads."""

    value: str
    column: Column | None
    always: bool

    @property
    def filled(self) -> str:
        """Whether a value is there."""
        if self.column is None:
            return FALSE
        return self.column.present if self.always else f"{self.value} IS NOT NULL"

    @property
    def sound(self) -> str:
        """Whether a value is there, or nothing stands there."""
        if self.column is None or self.always:
            return TRUE
        return f"({self.column.sql} IS NULL OR {self.value} IS NOT NULL)"

    @property
    def sound_or_empty(self) -> str:
        """The same, where an empty text is nothing too."""
        if self.column is None or (self.always and self.column.type_id != "varchar"):
            return TRUE
        return any_of([self.column.empty, f"{self.value} IS NOT NULL"])

    @property
    def empty(self) -> str:
        """Whether nothing stands there, or an empty text."""
        return TRUE if self.column is None else self.column.empty


class RowsQuery(Record):
    """The query of one scan. `inner` has the columns as read; `select` gives the relation's columns from it."""

    rows: ScanRows
    schema: FactSchema
    declared: Mapping[str, Declared]
    types: ColumnTypes

    def sql(self, fields: Sequence[str], *, types: Mapping[str, str] | None = None, where: str = "") -> str:
        """The relation's columns with these fields, in other types if some are given, of rows of `inner`."""
        wider = types or {}
        columns = ", ".join(
            f"CAST({value} AS {wider[name]}) AS {quoted(name)}" if name in wider else f"{value} AS {quoted(name)}"
            for name, value in self._columns(fields)
        )
        return f"SELECT {columns} FROM ({self.inner()}) AS read_row{f' WHERE {where}' if where else ''}"

    def inner(self, source: str | None = None, also: str = "") -> str:
        """Every column once: `raw.` as the file has it, `is.` as it was read; also expressions over the file's."""
        scan = self.rows.scan
        columns = {f"raw.{name}": column.sql for name, column in self.raw_columns.items()}
        columns |= {f"is.{name}": reading.value for name, reading in self._read().items()}
        columns |= {f"data.{name}": column.sql for name, column in scan.inner.items() if name in ENVELOPE}
        columns |= {f"opaque.{index}": column.sql for index, column in enumerate(scan.opaque)}
        selected = ", ".join(f"{sql} AS {quoted(name)}" for name, sql in columns.items())
        return f"SELECT {selected}{', ' if also else ''}{also} FROM {source or scan.source}"

    def rows_where(self, source: str, number: str, cells: Sequence[str], where: str) -> str:
        """Rows that fulfil a condition over `inner`'s columns: the number of each, then cells of the file."""
        named = {"row_number": number} | {f"cell_{at}": cell for at, cell in enumerate(cells)}
        also = ", ".join(f"{sql} AS {name}" for name, sql in named.items())
        return (
            f"SELECT {', '.join(named)} FROM ({self.inner(source, also)}) AS read_row WHERE {where} ORDER BY row_number"
        )

    @property
    def raw_columns(self) -> dict[str, Column]:
        """The columns that rows may be read from, by the names of fields and of the envelope."""
        scan = self.rows.scan
        inner = {name: column for name, column in scan.inner.items() if scan.column(name) is column}
        return {**inner, **scan.columns}

    def _read(self) -> dict[str, Reading]:
        rows = self.rows
        named = {
            "account": rows.account,
            "event": rows.event,
            "meter": rows.meter,
            "time": rows.time,
            "quantity": rows.quantity,
            "id": rows.id,
            "source": rows.source,
        }
        return named | {f"{family.value}.{name}": reading for (name, family), reading in rows.fields.items()}

    def _cell(self, name: str, reading: Reading, key: str | None = None) -> _Cell:
        column = self.rows.scan.column(name)
        outer = None if column is None else replace(column, sql=quoted(f"raw.{name}"))
        return _Cell(quoted(f"is.{key or name}"), outer, reading.always)

    def _field(self, name: str, family: Family) -> _Cell:
        return self._cell(name, self.rows.fields[name, family], f"{family.value}.{name}")

    def _columns(self, fields: Sequence[str]) -> Iterable[tuple[str, str]]:
        rows = self.rows
        yield "account", quoted("is.account")
        yield "event", quoted("is.event")
        yield "time", quoted("is.time")
        for name in fields:
            yield f"f_{name}", self._field_value(self.declared[name])
        identity = quoted("is.id")
        yield "id_key", identity
        yield "id", f"CAST({identity} AS VARCHAR)"
        yield "source", f"CASE WHEN {identity} IS NOT NULL THEN {quoted('is.source')} END"
        yield "meter", quoted("is.meter")
        has_quantity = rows.meters and rows.scan.column("meter") is not None
        quantity = f"CASE WHEN {quoted('is.meter')} IS NOT NULL THEN {quoted('is.quantity')} END"
        yield "quantity", quantity if has_quantity else f"CAST(NULL AS {self.types.quantity})"
        yield "plain", self.plain

    def _field_value(self, declared: Declared) -> str:
        """The field's value in rows of those who declare it, with the default of each."""
        family = declared.families[0]
        value = self._field(declared.name, family).value
        sql_type = self.types.fields[declared.name, family]
        shown: dict[str, list[str]] = {}
        owners = [(each.name, "is.event", declared.by_event.get(each.name)) for each in self.rows.events]
        owners += [(each.name, "is.meter", declared.by_meter.get(each.name)) for each in self.rows.meters]
        for name, column, schema in owners:
            result = "NULL" if schema is None else _with_default(value, schema.default, sql_type)
            shown.setdefault(result, []).append(f"{quoted(column)} = {literal(name)}")
        if len(shown) == 1:
            found = next(iter(shown))
            return f"CAST(NULL AS {sql_type})" if found == "NULL" else found
        cases = " ".join(f"WHEN {any_of(when)} THEN {result}" for result, when in shown.items() if result != "NULL")
        return f"CASE {cases} END" if cases else f"CAST(NULL AS {sql_type})"

    @property
    def plain(self) -> str:
        """Whether SQL alone understood the row; never NULL."""
        rows, opaque = self.rows, self.rows.scan.opaque
        account, identity = self._cell("account", rows.account), self._cell("id", rows.id)
        source = self._cell("source", rows.source)
        checks = [f"{quoted(f'opaque.{index}')} IS NULL" for index in range(len(opaque))]
        checks += [account.filled, identity.sound_or_empty, any_of([identity.empty, source.sound_or_empty])]
        return all_of([*checks, any_of([self._events_plain(), self._meters_plain()])])

    def _events_plain(self) -> str:
        rows = self.rows
        if not rows.events:
            return FALSE
        event, time = self._cell("event", rows.event), self._cell("time", rows.time)
        branches: dict[str, list[str]] = {}
        for each in rows.events:
            checks = [self._field_plain(field) for field in each.fields]
            checks.append(self._currency_plain(each.fields))
            if each.lasting is not None:
                checks.append(self._not_negative(each.lasting))
            branches.setdefault(all_of(checks), []).append(each.name)
        own = self._branches(event.value, branches)
        return all_of([event.filled, self._cell("meter", rows.meter).empty, time.filled, own])

    def _meters_plain(self) -> str:
        rows = self.rows
        if not rows.meters:
            return FALSE
        meter, time = self._cell("meter", rows.meter), self._cell("time", rows.time)
        branches: dict[str, list[str]] = {}
        for each in rows.meters:
            checks = [self._field_plain(field) for field in each.fields]
            checks += [self._currency_plain(each.fields), self._unit_plain(each.unit.name)]
            branches.setdefault(all_of(checks), []).append(each.name)
        own = self._branches(meter.value, branches)
        quantity = self._cell("quantity", rows.quantity)
        is_metered = [meter.filled, self._cell("event", rows.event).empty]
        return all_of([*is_metered, quantity.filled, time.sound_or_empty, own])

    def _branches(self, name: str, branches: Mapping[str, Sequence[str]]) -> str:
        if len(branches) == 1:
            return next(iter(branches))
        return any_of(all_of([one_of_words(name, names), check]) for check, names in branches.items())

    def _field_plain(self, field: FieldSchema) -> str:
        declared = self.declared[field.name]
        cell = self._field(field.name, FAMILY[field.kind])
        is_optional = field.default is not None or not field.required
        if cell.column is None:
            return TRUE if is_optional else FALSE
        filled = cell.filled
        if field.values and field.values != declared.words:
            filled = all_of([f"{cell.value} IS NOT NULL", one_of_words(cell.value, field.values)])
            return any_of([f"{cell.column.sql} IS NULL", filled]) if is_optional else filled
        return cell.sound if is_optional else filled

    def _currency_plain(self, fields: Sequence[FieldSchema]) -> str:
        column = self.rows.scan.column("currency")
        if column is None or any(field.name == "currency" for field in fields):
            return TRUE
        raw = replace(column, sql=quoted("raw.currency"))
        if raw.type_id not in ("varchar", "enum"):
            return raw.empty
        return f"coalesce({raw.sql} IN ('', {literal(self.schema.currency)}), true)"

    def _unit_plain(self, unit: str) -> str:
        column = self.rows.scan.column("unit")
        if column is None:
            return TRUE
        raw = replace(column, sql=quoted("raw.unit"))
        if raw.type_id not in ("varchar", "enum"):
            return raw.empty
        return f"coalesce({raw.sql} IN ('', {literal(unit)}), true)"

    def _not_negative(self, field: str) -> str:
        cell = self._field(field, Family.NUMBER)
        low = None if cell.column is None else cell.column.evidence.low
        if cell.column is None or (self.rows.fields[field, Family.NUMBER].always and low and not low.startswith("-")):
            return TRUE
        return f"coalesce({cell.value} >= 0, true)"


def _with_default(value: str, default: Value | None, sql_type: str) -> str:
    return value if default is None else f"coalesce({value}, {value_literal(default, sql_type)})"
