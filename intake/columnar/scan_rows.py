"""How the columns of one scan are read: which events and meters it may hold, and a reading for each column."""

from __future__ import annotations

import enum
from collections.abc import Callable, Collection, Mapping
from typing import Final
from zoneinfo import ZoneInfo

from ...engine.usage import EventSchema, FactSchema, FieldKind, FieldSchema, MeterSchema
from ...records import Record
from .expressions import enum_type
from .readings import Column, Digits, Reading, account, field_reading, instant, nothing, number, text, word
from .scans import Scan


class Family(enum.Enum):
    """Kinds of fields that share a column."""

    NUMBER = "number"
    TEXT = "text"
    DATE = "date"
    YES_NO = "yes or no"


FAMILY: Final = {
    FieldKind.NUMBER: Family.NUMBER,
    FieldKind.MONEY: Family.NUMBER,
    FieldKind.TEXT: Family.TEXT,
    FieldKind.ONE_OF: Family.TEXT,
    FieldKind.DATE: Family.DATE,
    FieldKind.YES_NO: Family.YES_NO,
}
_NO_DIGITS: Final = Digits(1, 0)


class Declared(Record):
    """A field's name as all events and meters declare it. `words` are None unless each of them says `one of`."""

    name: str
    families: tuple[Family, ...]
    by_event: Mapping[str, FieldSchema]
    by_meter: Mapping[str, FieldSchema]

    @property
    def schemas(self) -> tuple[FieldSchema, ...]:
        """Every declaration of it."""
        return (*self.by_event.values(), *self.by_meter.values())

    @property
    def words(self) -> tuple[str, ...] | None:
        """The words of all declarations, where each of them lists some."""
        if any(each.kind is not FieldKind.ONE_OF for each in self.schemas):
            return None
        return tuple(dict.fromkeys(word for each in self.schemas for word in each.values))


def declared_fields(schema: FactSchema) -> dict[str, Declared]:
    """The fields that rows may have, by name."""
    names: dict[str, tuple[dict[str, FieldSchema], dict[str, FieldSchema]]] = {}
    for event in schema.events.values():
        for each in event.fields:
            names.setdefault(each.name, ({}, {}))[0][event.name] = each
    for meter in schema.meters.values():
        for each in meter.fields:
            names.setdefault(each.name, ({}, {}))[1][meter.name] = each
    return {
        name: Declared(
            name,
            tuple(dict.fromkeys(FAMILY[each.kind] for each in (*by_event.values(), *by_meter.values()))),
            by_event,
            by_meter,
        )
        for name, (by_event, by_meter) in names.items()
    }


class ScanRows(Record):
    """How the rows of a scan are read, before columns of several scans are given one type.

    `events` and `meters` are those that the scan may hold. `fields` are keyed by the field's name and its family.
    """

    scan: Scan
    events: tuple[EventSchema, ...]
    meters: tuple[MeterSchema, ...]
    event: Reading
    meter: Reading
    account: Reading
    time: Reading
    quantity: Reading
    id: Reading
    source: Reading
    fields: Mapping[tuple[str, Family], Reading]


def read_scan(scan: Scan, schema: FactSchema, declared: Mapping[str, Declared], zone: ZoneInfo) -> ScanRows:
    """The readings of a scan's columns."""
    event_column, meter_column = scan.column("event"), scan.column("meter")
    event = _name_reading(event_column, schema.events)
    meter = _name_reading(meter_column, schema.meters)
    fields = {
        (each.name, family): _field_reading(scan.column(each.name), each, family)
        for each in declared.values()
        for family in each.families
    }
    return ScanRows(
        scan,
        tuple(each for each in schema.events.values() if _may_hold(event_column, each.name)),
        tuple(each for each in schema.meters.values() if _may_hold(meter_column, each.name)),
        event,
        meter,
        _of(scan.column("account"), account, "VARCHAR"),
        _of(scan.column("time"), lambda column: instant(column, zone), "TIMESTAMPTZ"),
        _of(scan.column("quantity"), number, _NO_DIGITS.sql_type),
        _of(scan.column("id"), account, "VARCHAR"),
        _of(scan.column("source"), account, "VARCHAR"),
        fields,
    )


def _of(column: Column | None, read: Callable[[Column], Reading], sql_type: str) -> Reading:
    return nothing(sql_type) if column is None else read(column)


def _name_reading(column: Column | None, names: Collection[str]) -> Reading:
    if column is None or not names or column.type_id not in ("varchar", "enum"):
        return nothing(enum_type(names) if names else "VARCHAR")
    return word(column, tuple(names))


def _may_hold(column: Column | None, name: str) -> bool:
    if column is None:
        return False
    low, high = column.evidence.low, column.evidence.high
    return column.type_id != "varchar" or low is None or high is None or low <= name <= high


def _field_reading(column: Column | None, declared: Declared, family: Family) -> Reading:
    kind = next(each.kind for each in declared.schemas if FAMILY[each.kind] is family)
    words = declared.words
    if column is None:
        return nothing(absent_type(declared, family))
    if family is Family.TEXT:
        return text(column) if words is None else word(column, words)
    return field_reading(column, kind, ())


def absent_type(declared: Declared, family: Family) -> str:
    """The type of a column that no file has."""
    match family:
        case Family.NUMBER:
            return _NO_DIGITS.sql_type
        case Family.TEXT:
            return "VARCHAR" if declared.words is None else enum_type(declared.words)
        case Family.DATE:
            return "DATE"
        case Family.YES_NO:
            return "BOOLEAN"
