"""A raw row into a usage event or a metered quantity, every mistake of the row noted.

Flat rows, rows with their fields inside `data`, and CloudEvents objects become the same facts. Files, repeats and
counts are not known here.
"""

from __future__ import annotations

from collections.abc import Callable, Set
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Final, TypeAlias
from zoneinfo import ZoneInfo

from ..engine.quantity import convert, convertible
from ..engine.usage import EventSchema, FactSchema, MeteredQuantity, MeterSchema, UsageEvent, Value
from .columns import (
    ENVELOPE,
    EVENT_COLUMNS,
    QUANTITY_COLUMNS,
    FieldPlan,
    data_beside_columns,
    field_plans,
    missing,
    read_fields,
)
from .instants import instant_reader
from .rows import RawRow
from .values import Refusal, did_you_mean, number, text

Fact: TypeAlias = UsageEvent | MeteredQuantity
Identity: TypeAlias = tuple[str, str | None]
"""The `id` of a row and its `source`, where there is one."""

_ABSENT: Final = (None, "")
_SUGGESTIONS_MAX: Final = 20


@dataclass(frozen=True, slots=True)
class _RowPlan:
    """How rows of one event or meter are read; `length` is the field that holds how long an event lasts."""

    name: str
    owner: str
    fields: tuple[FieldPlan, ...]
    columns: frozenset[str]
    length: str | None
    has_currency_field: bool


def _event_plan(event: EventSchema) -> _RowPlan:
    names = {each.name for each in event.fields}
    return _RowPlan(
        event.name,
        f"`{event.name}`",
        field_plans(event.fields),
        EVENT_COLUMNS | names,
        event.lasting,
        "currency" in names,
    )


def _meter_plan(meter: MeterSchema) -> _RowPlan:
    names = {each.name for each in meter.fields}
    return _RowPlan(
        meter.name, f"`{meter.name}`", field_plans(meter.fields), QUANTITY_COLUMNS | names, None, "currency" in names
    )


class FactReader:
    """Reads rows against a schema. `refuse` hears of a mistake, `ignore` of a column that is not read and of whom."""

    def __init__(
        self,
        schema: FactSchema,
        known_accounts: Set[str] | None,
        refuse: Callable[[str, object, Refusal], None],
        ignore: Callable[[str, str], None],
    ) -> None:
        self._schema = schema
        self._known_accounts = known_accounts
        self._refuse = refuse
        self._ignore = ignore
        self._instant = instant_reader(ZoneInfo(schema.zone))
        self._events = {name: _event_plan(event) for name, event in schema.events.items()}
        self._meters = {name: _meter_plan(meter) for name, meter in schema.meters.items()}
        self._account_names: dict[str, str] = {}
        self._unknown_accounts: dict[str, Refusal] = {}

    def fact(self, row: RawRow) -> tuple[Fact, Identity | None] | None:
        """The fact of a row and its identity; None only after `refuse` was told why."""
        if "specversion" in row:
            return self._cloud_event(row)
        if "data" in row:
            row = self._flattened(row)
        has_event, has_meter = bool(row.get("event")), bool(row.get("meter"))
        if has_event and not has_meter:
            return self._event(row, "event", "account")
        if has_meter and not has_event:
            return self._quantity(row)
        reason = "it names both an event and a meter" if has_event else "it names neither an event nor a meter"
        way_out = "give `event` with its fields, or `meter` with `quantity`"
        self._refuse("event", row.get("event"), Refusal("RB3011", reason, way_out))
        self._account(row, "account")
        return None

    def _cloud_event(self, row: RawRow) -> tuple[Fact, Identity | None] | None:
        from .cloudevents import unwrap

        unwrapped = unwrap(row)
        if isinstance(unwrapped, list):
            for attribute, refusal in unwrapped:
                self._refuse(attribute, row.get(attribute), refusal)
            return None
        envelope, data = unwrapped
        flat, _ = data_beside_columns(envelope, data)
        self._ignore_envelope_in(data)
        return self._event(flat, "type", "subject")

    def _flattened(self, row: RawRow) -> RawRow:
        data = row["data"]
        if not isinstance(data, dict):
            if data is not None:
                way_out = "give the fields as an object, or as columns of their own"
                self._refuse("data", data, Refusal("RB3016", "it is not an object", way_out))
            data = {}
        flat, twice = data_beside_columns(row, data)
        for name in twice:
            reason = "it stands both in the row and inside `data`"
            self._refuse(name, row[name], Refusal("RB3011", reason, "give the field once"))
        self._ignore_envelope_in(data)
        return flat

    def _ignore_envelope_in(self, data: RawRow) -> None:
        for name in data.keys() & ENVELOPE:
            self._ignore(f"data.{name}", "")

    def _event(self, row: RawRow, event_column: str, account_column: str) -> tuple[Fact, Identity | None] | None:
        name, account_name = row["event"], row.get("account")
        account = self._account_names.get(account_name) if isinstance(account_name, str) else None
        if account is None:
            account = self._account(row, account_column)
        plan = self._events.get(name) if isinstance(name, str) else None
        if plan is None:
            way_out = did_you_mean(str(name), self._events) or "declare the event in the ruleset, or leave the row out"
            self._refuse(event_column, name, Refusal("RB3007", "the ruleset declares no such event", way_out))
            return None
        time = self._time(row, required=True)
        fields = self._fields(row, plan)
        if fields is not None and plan.length is not None:
            length = fields.get(plan.length)
            if isinstance(length, Decimal) and length < 0:
                refusal = Refusal("RB3021", "an event cannot last less than nothing", "write a length of zero or more")
                self._refuse(plan.length, length, refusal)
                fields = None
        identity = self._identity(row)
        if account is None or time is None or fields is None or isinstance(identity, Refusal):
            return None
        if identity is None:
            return UsageEvent(account, plan.name, time, fields), None
        return UsageEvent(account, plan.name, time, fields, *identity), identity

    def _quantity(self, row: RawRow) -> tuple[Fact, Identity | None] | None:
        name = row["meter"]
        account = self._account(row, "account")
        plan = self._meters.get(name) if isinstance(name, str) else None
        if plan is None:
            way_out = did_you_mean(str(name), self._meters) or "declare the meter in the ruleset, or leave the row out"
            self._refuse("meter", name, Refusal("RB3012", "the ruleset declares no such meter", way_out))
            return None
        has_time = row.get("time") not in _ABSENT
        time = self._time(row, required=False) if has_time else None
        fields = self._fields(row, plan)
        quantity = self._quantity_in_unit(row, self._schema.meters[plan.name])
        identity = self._identity(row)
        if account is None or quantity is None or fields is None or isinstance(identity, Refusal):
            return None
        if has_time and time is None:
            return None
        return MeteredQuantity(account, plan.name, quantity, fields, time), identity

    def _quantity_in_unit(self, row: RawRow, meter: MeterSchema) -> Fraction | None:
        raw, unit_name = row.get("quantity"), row.get("unit")
        value = missing("quantity", f"`{meter.name}`") if raw is None else number(raw)
        if isinstance(value, Refusal):
            self._refuse("quantity", raw, value)
        if unit_name in _ABSENT or unit_name == meter.unit.name:
            return None if isinstance(value, Refusal) else Fraction(value)
        unit = self._schema.units.find(unit_name) if isinstance(unit_name, str) else None
        if unit is None or not convertible(unit, meter.unit):
            reason = f"it does not convert to {meter.unit.name}" if unit else "the ruleset knows no such unit"
            near = "" if unit else did_you_mean(str(unit_name), self._schema.units.units)
            way_out = near or f"give the quantity in {meter.unit.name}"
            self._refuse("unit", unit_name, Refusal("RB3015", reason, way_out))
            return None
        return None if isinstance(value, Refusal) else convert(Fraction(value), unit, meter.unit)

    def _fields(self, row: RawRow, plan: _RowPlan) -> dict[str, Value] | None:
        fields, mistakes = read_fields(row, plan.fields, plan.owner)
        for name, raw, refusal in mistakes:
            self._refuse(name, raw, refusal)
        if not row.keys() <= plan.columns:
            for name, raw in row.items():
                if raw is not None and name not in plan.columns:
                    self._ignore(name, f" of {plan.owner}")
        currency = row.get("currency")
        if currency is None or currency == "" or currency == self._schema.currency or plan.has_currency_field:
            return None if mistakes else fields
        reason = f"the ruleset is in {self._schema.currency}, and amounts are never exchanged"
        way_out = f"give amounts in {self._schema.currency}"
        self._refuse("currency", currency, Refusal("RB3013", reason, way_out))
        return None

    def _account(self, row: RawRow, column: str) -> str | None:
        raw = row.get("account")
        name = missing(column, "usage") if raw in _ABSENT else text(raw)
        if isinstance(name, str) and self._known_accounts is not None and name not in self._known_accounts:
            name = self._unknown_account(name)
        if isinstance(name, Refusal):
            self._refuse(column, raw, name)
            return None
        return self._account_names.setdefault(name, name)

    def _unknown_account(self, name: str) -> Refusal:
        found = self._unknown_accounts.get(name)
        if found is None:
            candidates = self._known_accounts if len(self._unknown_accounts) < _SUGGESTIONS_MAX else None
            way_out = did_you_mean(name, candidates or ()) or "add it to the accounts, or leave its usage out"
            found = Refusal("RB3008", "no account has this name", way_out)
            self._unknown_accounts[name] = found
        return found

    def _time(self, row: RawRow, *, required: bool) -> datetime | None:
        raw = row.get("time")
        time = self._instant(raw)
        if isinstance(time, Refusal):
            self._refuse("time", raw, missing("time", "events") if required and raw in _ABSENT else time)
            return None
        return time

    def _identity(self, row: RawRow) -> Identity | Refusal | None:
        identity = row.get("id")
        if identity is None or identity == "":
            return None
        named = identity if isinstance(identity, str) else text(identity)
        if isinstance(named, Refusal):
            self._refuse("id", identity, named)
            return named
        source = row.get("source")
        if source is None or source == "":
            return named, None
        origin = text(source)
        if isinstance(origin, Refusal):
            self._refuse("source", source, origin)
            return origin
        return named, origin
