"""What was charged as it happened, beside the bill: one line for each charge, and why they differ.

A bill posts whole lines and counts what was taken before as settled, so that what is left of an invoice is the
difference. Here that difference stands line by line; together it is the bill's total less what was taken.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias, cast

from ..engine.statement import LineKind
from ..ledger.store import Reader
from .documents import DocumentLine, document_of, lines_of
from .live import WITHHELD

LineKey: TypeAlias = tuple[str, str, str]
"""The name, kind and `by` values (JSON, empty for none) of a line."""

_AT_THE_END = frozenset({LineKind.FEE.value, LineKind.MINIMUM.value, LineKind.CAP.value})


@dataclass(frozen=True, slots=True)
class LiveDifference:
    """A line of a bill that was charged as it happened, in minor units; `why` says what makes the difference."""

    name: str
    kind: str
    dimensions: str
    label: str
    billed: int
    taken: int
    why: str

    @property
    def difference(self) -> int:
        """What the bill takes for it still, or below zero gives back."""
        return self.billed - self.taken


def live_taken(reader: Reader, subscription: int, period_start: str, *, before: int = 2**62) -> dict[LineKey, int]:
    """What was charged as it happened in a period, by line; it adds up to what cards and wallet gave for it.

    `before` leaves out what came at this place of the sequence or later.
    """
    rows = reader.rows(
        "SELECT name, kind, dimensions, CAST(sum(amount) AS BIGINT) FROM live_lines WHERE subscription = ? "
        "AND period_start = ? AND id < ? GROUP BY name, kind, dimensions ORDER BY min(id)",
        (subscription, period_start, before),
    )
    return {(name, kind, by): amount for name, kind, by, amount in cast("list[tuple[str, str, str, int]]", rows)}


def difference_lines(reader: Reader, invoice: int) -> list[LiveDifference]:
    """The lines of a bill beside what was charged of them before; empty where nothing was charged as it happened."""
    document = document_of(reader, invoice)
    if document.kind != "invoice":
        return []
    taken = live_taken(reader, document.subscription, document.period_start, before=document.id)
    if not taken:
        return []
    repriced = document.hash not in _hashes(reader, document.subscription, document.period_start)
    billed: dict[LineKey, int] = {}
    labels: dict[LineKey, str] = {}
    for line in lines_of(reader, invoice):
        if line.is_added and not line.origin_start:
            key = _key(line)
            billed[key] = billed.get(key, 0) + line.amount
            labels.setdefault(key, line.label)
    found = []
    for key in [*billed, *(key for key in taken if key not in billed)]:
        now, was = billed.get(key, 0), taken.get(key, 0)
        if not now and not was:
            continue
        why = _why(key, now, was, repriced=repriced)
        found.append(LiveDifference(*key, labels.get(key, key[0] or "Not given back"), now, was, why))
    return found


def _key(line: DocumentLine) -> LineKey:
    """The days of a line are left out: what was charged knows only to which line it belongs."""
    named: Mapping[str, str] = json.loads(line.dimensions) if line.dimensions else {}
    own = {name: value for name, value in named.items() if name}
    by = json.dumps(own, ensure_ascii=False, sort_keys=True, separators=(",", ":")) if own else ""
    return line.name, line.kind, by


def _hashes(reader: Reader, subscription: int, period_start: str) -> set[str]:
    """The hash of the ruleset that the last event was charged by."""
    rows = reader.rows(
        "SELECT hash FROM running WHERE subscription = ? AND period_start = ?", (subscription, period_start)
    )
    return {cast(str, digest) for (digest,) in rows}


def _why(key: LineKey, billed: int, taken: int, *, repriced: bool) -> str:
    if key[1] == WITHHELD:
        return "became cheaper for usage that had not been charged; the bill has it in its lines"
    if billed == taken:
        return "charged as it happened"
    if not taken and key[1] in _AT_THE_END:
        return "on the bill alone: fees, floors and ceilings act at the end of the period"
    if repriced:
        return "prices were published anew"
    return "later usage, or usage that was not charged as it happened"
