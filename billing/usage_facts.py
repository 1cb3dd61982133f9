"""Stored usage as the evaluators take it: facts of an account, or a file of many accounts' rows."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import cast

from ..engine.usage import AccountUsage, FactSchema, FieldKind, FieldSchema, MeteredQuantity, UsageEvent, Value
from ..ledger.store import Reader
from .acting import instant, microseconds
from .usage_rows import METER


def usage_of_account(
    reader: Reader, schema: FactSchema, account: str, *, through: int, until: datetime
) -> AccountUsage:
    """The usage of an account before a time, of events and meters that the ruleset declares, as of a place."""
    events: list[UsageEvent] = []
    quantities: list[MeteredQuantity] = []
    for source, event_id, event, time, fields in reader.rows(
        "SELECT source, event_id, event, time, fields FROM usage_events "
        "WHERE account = ? AND time < ? AND id <= ? ORDER BY time",
        (account, microseconds(until), through),
    ):
        found = usage_fact(
            schema,
            account,
            cast(str, event),
            instant(cast(int, time)),
            json.loads(cast(str, fields)),
            cast(str, event_id),
            cast(str, source),
        )
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


def accounts_without_decimals(reader: Reader, *, through: int) -> set[str]:
    """The accounts that have metered quantities which no decimal holds, as a third of an hour."""
    found = reader.rows(
        "SELECT DISTINCT account FROM usage_events WHERE event >= ? AND event < ? AND fields LIKE ? AND id <= ?",
        (METER, METER[:-1] + chr(ord(METER[-1]) + 1), '%"quantity":"%/%', through),
    )
    return {cast(str, account) for (account,) in found}


def write_usage_file(
    reader: Reader,
    schema: FactSchema,
    path: Path,
    *,
    accounts: AbstractSet[str],
    through: int,
    span: tuple[datetime | None, datetime],
) -> None:
    """Write the usage of accounts as JSON Lines, as of a place: from a time (None for all before) and before another.

    Events and meters that the ruleset does not declare are left out.
    """
    since, until = span
    words = {name: f'"event":{json.dumps(name)}' for name in schema.events}
    words |= {METER + name: f'"meter":{json.dumps(name)}' for name in schema.meters}
    quoted = {name: json.dumps(name, ensure_ascii=False) for name in accounts}
    with path.open("w", encoding="utf-8", newline="\n") as out:
        for source, event_id, account, event, time, fields in reader.stream(
            "SELECT source, event_id, account, event, time, fields FROM usage_events "
            "WHERE time >= ? AND time < ? AND id <= ? ORDER BY id",
            (-(2**62) if since is None else microseconds(since), microseconds(until), through),
        ):
            word, whose = words.get(cast(str, event)), quoted.get(cast(str, account))
            if word is None or whose is None:
                continue
            origin = f',"source":{json.dumps(source, ensure_ascii=False)}' if source else ""
            moment = instant(cast(int, time)).isoformat().replace("+00:00", "Z")
            rest = cast(str, fields)[1:-1]
            out.write(
                f'{{"id":{json.dumps(event_id, ensure_ascii=False)}{origin},"account":{whose},{word},'
                f'"time":"{moment}"{"," if rest else ""}{rest}}}\n'
            )
