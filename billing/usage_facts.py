"""Stored usage as the evaluators take it: facts of an account, or a file of many accounts' rows."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import cast

from ..engine.usage import AccountUsage, FactSchema, FieldKind, FieldSchema, MeteredQuantity, UsageEvent, Value
from ..ledger.store import Reader
from .acting import instant, microseconds
from .stored.events import Asked, stored_events
from .usage_rows import METER


def usage_of_account(
    reader: Reader, schema: FactSchema, account: str, *, through: int, until: datetime
) -> AccountUsage:
    """The usage of an account before a time, of events and meters that the ruleset declares, as of a place."""
    events: list[UsageEvent] = []
    quantities: list[MeteredQuantity] = []
    asked = Asked(account=account, until=microseconds(until), through=through)
    for row in stored_events(reader, asked):
        time, fields = instant(row.time), json.loads(row.fields)
        found = usage_fact(schema, account, row.event, time, fields, row.event_id, row.source)
        if isinstance(found, UsageEvent):
            events.append(found)
        elif found is not None:
            quantities.append(found)
    # Which of two at the same time came first is no matter of which was received first.
    events.sort(key=lambda item: (item.time, item.source or "", item.id or ""))
    return AccountUsage(tuple(events), tuple(quantities))


def usage_fact(
    schema: FactSchema, account: str, event: str, time: datetime, fields: Mapping[str, object], id_: str, source: str
) -> UsageEvent | MeteredQuantity | None:
    """A stored event as a fact; None where the ruleset does not declare it."""
    if event.startswith(METER):
        meter = schema.meters.get(event.removeprefix(METER))
        if meter is None:
            return None
        own = dict(_values(meter.fields, fields))
        return MeteredQuantity(account, meter.name, Fraction(str(fields["quantity"])), own, time)
    declared = schema.events.get(event)
    if declared is None:
        return None
    return UsageEvent(account, event, time, dict(_values(declared.fields, fields)), id_, source or None)


def _values(declared: tuple[FieldSchema, ...], fields: Mapping[str, object]) -> Iterator[tuple[str, Value]]:
    for field in declared:
        raw = fields.get(field.name)
        if raw is None:
            if field.default is not None:
                yield field.name, field.default
        elif field.kind in (FieldKind.NUMBER, FieldKind.MONEY):
            yield field.name, Decimal(str(raw))
        elif field.kind is FieldKind.DATE:
            yield field.name, date.fromisoformat(str(raw))
        else:
            yield field.name, cast("str | bool", raw)
