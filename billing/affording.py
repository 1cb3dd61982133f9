"""How much usage an account can still afford, with what is on its cards and in its wallet."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal

from ..diagnostics import Diagnostic
from ..engine.evaluators.afford import affordable
from ..engine.usage import FieldKind
from ..ledger.store import Reader, Store
from ..money import MoneyUnit
from .acting import Json, canonical, instant
from .declared import refuse_field
from .live import Priced, Row, fact_of, price, price_in, read_rows
from .live_period import LivePeriod, Memory, memory_of, period_of
from .live_sources import Sources, sources_of
from .usage_rows import UsageRow

PROBES_MAX = 40
"""So often less is tried where cards that pay only some lines cannot pay what all together could."""


def can_afford(store: Store, event: Row, field: str) -> Json | Diagnostic:
    """How many units of a field of an event the account can still afford; `units` is None where there is no limit."""
    memory = memory_of(store)
    wrong = store.read(
        lambda reader: refuse_field(reader, str(event.get("account", "")), str(event.get("event", "")), field)
    )
    if wrong is not None:
        return wrong
    (row,) = store.read(lambda reader: read_rows(reader, memory, [{**event, field: "1"}]))
    if isinstance(row, Diagnostic):
        return row
    # The periods in memory belong to works that write.
    found = store.read(lambda reader: _most(reader, Memory(programs=memory.programs), row, field))
    if isinstance(found, Diagnostic):
        return found
    units, _, _ = found
    return {"account": row.account, "field": field, "units": None if units is None else format(units, "f")}


def granted_units(
    reader: Reader, memory: Memory, row: UsageRow, field: str, units: Decimal | None
) -> tuple[Decimal, Priced, Decimal | None] | Diagnostic:
    """How many units are granted, at which price, and how many would be affordable, None where all fit at once."""
    if units is not None:
        whole = price(reader, memory, row)
        if not isinstance(whole, Diagnostic):
            return units, whole, None
        if whole.code != "RB7018":
            return whole
    found = _most(reader, memory, row, field)
    if isinstance(found, Diagnostic):
        return found
    most, period, sources = found
    if most is None:
        hint = "name a number of units"
        return Diagnostic("RB7084", f"there is no limit to {field}: nothing can be put aside", hints=(hint,))
    granted = most if units is None else min(most, units)
    priced = price_in(reader, period, _with_units(row, field, granted), sources=sources)
    return priced if isinstance(priced, Diagnostic) else (granted, priced, most)


def _most(
    reader: Reader, memory: Memory, row: UsageRow, field: str
) -> tuple[Decimal | None, LivePeriod, Sources] | Diagnostic:
    """The greatest number of units that cards and wallet can pay, not zero; None for no limit."""
    period = period_of(reader, memory, row.account, row.event, instant(row.time))
    if isinstance(period, Diagnostic):
        return period
    declared = {item.name: item.kind for item in period.program.schema.events[row.event].fields}
    if declared.get(field) is not FieldKind.NUMBER:
        hint = f"its numbers are {', '.join(name for name, kind in declared.items() if kind is FieldKind.NUMBER)}"
        return Diagnostic("RB7084", f"{field} is no number of event {row.event}", hints=(hint,))
    sources = sources_of(reader, row.account, period.program)
    if isinstance(sources, Diagnostic):
        return sources
    unit, minor = period.program.money, MoneyUnit.minor(period.program.money.currency)
    available = max(sources.available, 0)
    refused: Diagnostic | None = None
    for _ in range(PROBES_MAX):
        found = affordable(period.running, fact_of(period, row), field, int(minor.fraction(available) / unit.size))
        if found.units is None:
            return None, period, sources
        if found.units == 0:
            return found.refusal or refused or _nothing(row, field)
        refused = found.refusal
        priced = price_in(reader, period, _with_units(row, field, found.units), sources=sources)
        if not isinstance(priced, Diagnostic):
            return found.units, period, sources
        if priced.code != "RB7018":
            return priced
        # A card that pays only some lines has more than these come to: what the others can pay is less.
        refused, available = priced, available * 3 // 4
    return _nothing(row, field)


def _nothing(row: UsageRow, field: str) -> Diagnostic:
    hints = ("deposit money, redeem a card, or raise the credit limit",)
    return Diagnostic(
        "RB7018", f"cards and wallet do not pay for one of {field}", hints=hints, place=f"account {row.account}"
    )


def _with_units(row: UsageRow, field: str, units: Decimal) -> UsageRow:
    text = format(units, "f")
    shortest = text.rstrip("0").rstrip(".") if "." in text else text
    return replace(row, fields=canonical({**json.loads(row.fields), field: shortest}))
