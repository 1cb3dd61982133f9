"""How usage develops: events and their quantities by day or month."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal

from ...engine.period import DateRange
from ...ledger.store import Reader
from ..acting import instant, microseconds
from ..stored.events import Asked, stored_events
from .report import Column, ColumnKind, Report, Trend, counts, texts


def usage_trend(reader: Reader, days: DateRange, *, by_month: bool) -> Report:
    """Events of each kind by day or month in UTC, with the sum of every field that is a number."""
    sums: dict[tuple[str, str, str], tuple[int, Decimal]] = {}
    for day, event, field, value in _values(reader, days):
        when = day[:7] if by_month else day
        number, total = sums.get((when, event, field), (0, Decimal(0)))
        sums[when, event, field] = (number + 1, total + value)
    rows = tuple((*key, number, total if key[2] else None) for key, (number, total) in sorted(sums.items()))
    columns = (
        *texts("month" if by_month else "day", "event", "field"),
        *counts("events"),
        Column("sum", ColumnKind.QUANTITY),
    )
    title = "Usage by month" if by_month else "Usage by day"
    notes = (f"from {days.start} and before {days.end}, days in UTC; what was kept in the database",)
    charts = (Trend(columns[0].name, "sum", ("event", "field")),)
    return Report("usage", title, columns, rows, notes=notes, charts=charts)


def _values(reader: Reader, days: DateRange) -> Iterator[tuple[str, str, str, Decimal]]:
    """Day, event, field and value of all numbers of all events; a field without a name where an event has none."""
    first, last = (
        microseconds(instant(0).replace(year=d.year, month=d.month, day=d.day)) for d in (days.start, days.end)
    )
    for row in stored_events(reader, Asked(since=first, until=last)):
        day = f"{instant(row.time):%Y-%m-%d}"
        numbers = [
            (name, number) for name, value in json.loads(row.fields).items() if (number := _number(value)) is not None
        ]
        for name, number in numbers or [("", Decimal(0))]:
            yield day, row.event, name, number


def _number(value: object) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    try:
        found = Decimal(value)
    except ArithmeticError:
        return None
    return found if found.is_finite() else None
