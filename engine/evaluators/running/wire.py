"""A running period as JSON, so that it can be kept between two events: the only place that knows its shape.

Numbers are texts, exact: `12.5`, `-1/3`. A document names the ruleset's hash, the subscription and the period; read
beside others it is refused, for its counts would mean something else.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any, TypeAlias

from ....diagnostics import Diagnostic
from ...period import DateRange
from ...plan import Program
from ...usage import MeteredQuantity, Subscription, UsageEvent, Value
from ..counted import EventSum
from .charging import Running
from .counters import Alike, Counters
from .ground import Ground, ground_of

SCHEMA = "ratebook.running/1"

Json: TypeAlias = Any


def to_json(running: Running) -> str:
    """The period as one line of JSON. The same counters give the same text."""
    counters = running.counters
    document = {
        "schema": SCHEMA,
        **_identity(running.ground),
        "events": running.events,
        "total": str(running.total),
        "amounts": [[list(name), str(amount)] for name, amount in sorted(running.amounts.items())],
        "given": [_quantity(item) for item in counters.given],
        "counts": [[_alike(key), _quantity(item)] for key, item in _sorted(counters.counts)],
        "deciding": [[_alike(key), _event(item)] for key, item in _sorted(counters.deciding)],
        "kept": {name: [_event(item) for item in events] for name, events in sorted(counters.kept.items())},
        "sums": [[_alike(key), _sum(item)] for key, item in _sorted(counters.sums)],
        "each": [_event(item) for item in counters.each],
    }
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def from_json(text: str, program: Program, subscription: Subscription) -> Running:
    """The period that a text holds. Raises `ValueError` where it is not one of this program and this subscription.

    A subscription is the same with the same account, plan, dates and attributes: where one of them changed, the period
    is to be opened anew from its usage.
    """
    document = json.loads(text)
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise ValueError(f"this is no {SCHEMA}")
    days = DateRange(*(date.fromisoformat(day) for day in document["period"]))
    ground = ground_of(program, subscription, days)
    if isinstance(ground, Diagnostic):
        raise ValueError(ground.message)
    for name, value in _identity(ground).items():
        if document.get(name) != value:
            raise ValueError(f"the running period has another {name}: {document.get(name)!r}, not {value!r}")
    counters = Counters(
        given=tuple(_read_quantity(item) for item in document["given"]),
        counts={_read_alike(key): _read_quantity(item) for key, item in document["counts"]},
        deciding={_read_alike(key): _read_event(item, ground) for key, item in document["deciding"]},
        kept={name: tuple(_read_event(item, ground) for item in own) for name, own in document["kept"].items()},
        sums={_read_alike(key): _read_sum(item) for key, item in document["sums"]},
        each=tuple(_read_event(item, ground) for item in document["each"]),
    )
    amounts = {tuple(name): int(amount) for name, amount in document["amounts"]}
    return Running(ground, counters, amounts, int(document["total"]), document["events"])


def _identity(ground: Ground) -> dict[str, Json]:
    """What a period is of. Cards are no part of it: they pay what it comes to."""
    subscription = ground.subscription
    return {
        "ruleset": ground.program.hash,
        "account": subscription.account,
        "plan": subscription.plan,
        "start": str(subscription.start),
        "end": None if subscription.end is None else str(subscription.end),
        "attributes": {name: _value(value) for name, value in sorted(subscription.attributes.items())},
        "period": [str(ground.days.start), str(ground.days.end)],
    }


def _sorted(counters: Mapping[Alike, Any]) -> Iterable[tuple[Alike, Any]]:
    return sorted(counters.items(), key=lambda item: json.dumps(_alike(item[0])))


# Values carry the first letter of their type, as `n12.5`, so that a text is never taken for a number.


def _value(value: Value | Fraction | None) -> str | bool | None:
    match value:
        case None | bool():
            return value
        case Decimal():
            return f"n{value}"
        case Fraction():
            return f"q{value}"
        case datetime():
            raise AssertionError("a field is a day, never an instant")
        case date():
            return f"d{value}"
        case str():
            return f"t{value}"


def _read_value(value: str | bool | None) -> Value | Fraction | None:
    if value is None or isinstance(value, bool):
        return value
    kind, text = value[0], value[1:]
    match kind:
        case "n":
            return Decimal(text)
        case "q":
            return Fraction(text)
        case "d":
            return date.fromisoformat(text)
        case "t":
            return text
        case _:
            raise ValueError(f"{value!r} is no value")


def _alike(key: Alike) -> Json:
    fields, series = ([_value(item) for item in values] for values in (key.fields, key.series))
    return [key.of, fields, list(key.windows), key.section, series]


def _read_alike(key: Json) -> Alike:
    of, fields, windows, section, series = key
    known: Any = tuple(_read_value(item) for item in fields)
    return Alike(of, known, tuple(windows), section, tuple(_read_value(item) for item in series))


def _fields(fields: Mapping[str, Value]) -> Json:
    return {name: _value(value) for name, value in fields.items()}


def _read_fields(fields: Json) -> dict[str, Value]:
    found: Any = {name: _read_value(value) for name, value in fields.items()}
    read: dict[str, Value] = found
    return read


def _event(event: UsageEvent) -> Json:
    return [event.event, _time(event.time), _fields(event.fields), event.id, event.source]


def _read_event(event: Json, ground: Ground) -> UsageEvent:
    name, time, fields, id_, source = event
    return UsageEvent(ground.subscription.account, name, _read_time(time), _read_fields(fields), id_, source)


def _quantity(item: MeteredQuantity) -> Json:
    time = None if item.time is None else _time(item.time)
    start = None if item.period_start is None else str(item.period_start)
    return [item.account, item.meter, str(item.quantity), _fields(item.fields), time, start, item.window]


def _read_quantity(item: Json) -> MeteredQuantity:
    account, meter, quantity, fields, time, start, window = item
    return MeteredQuantity(
        account,
        meter,
        Fraction(quantity),
        _read_fields(fields),
        None if time is None else _read_time(time),
        None if start is None else date.fromisoformat(start),
        window,
    )


def _sum(item: EventSum) -> Json:
    return [item.charge, _time(item.time), item.count, str(item.metered), str(item.amount)]


def _read_sum(item: Json) -> EventSum:
    charge, time, count, metered, amount = item
    return EventSum(charge, _read_time(time), count, Fraction(metered), Fraction(amount))


def _time(time: datetime) -> str:
    return time.astimezone(UTC).isoformat()


def _read_time(text: str) -> datetime:
    return datetime.fromisoformat(text)
