"""What tasks tell the driver beside their rows."""

from __future__ import annotations

import pickle
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from ...diagnostics import Diagnostic
from ..columnar.readings import Digits
from ..rejects import Reject

REJECTS_MAX: Final = 10_000
"""As many mistakes as one task tells; all are counted."""

_COUNTS: Final = (
    *("counted", "repeated", "rejected", "outside", "unsubscribed"),
    *("idle", "idle_with_days", "accounts", "total"),
)


@dataclass(slots=True)
class Told:
    """Counts are of rows but for `accounts` (those rated), `idle` (subscriptions without a statement; `idle_with_days`
    says in how many tasks some have days in the period), `total` (money units) and `scalar` (accounts by reason).

    `rooms` are digits that columns of numbers need more than they were given: the run has to be repeated with them.
    `unknown` counts rows by account without a subscription. `left` are accounts whose events are needed after all.
    `beyond` says that no column has room for some number.
    """

    counted: int = 0
    repeated: int = 0
    rejected: int = 0
    outside: int = 0
    unsubscribed: int = 0
    idle: int = 0
    idle_with_days: int = 0
    accounts: int = 0
    total: int = 0
    rejects: tuple[Reject, ...] = ()
    findings: tuple[Diagnostic, ...] = ()
    rooms: Mapping[str, Digits] = field(default_factory=dict)
    unknown: Mapping[str, int] = field(default_factory=dict)
    left: tuple[str, ...] = ()
    scalar: Mapping[str, int] = field(default_factory=dict)
    refusals: tuple[Diagnostic, ...] = ()
    beyond: str = ""

    def packed(self) -> bytes:
        """The bytes that stand in the column `told` of a task's result."""
        return pickle.dumps(self)

    def add(self, other: Told) -> None:
        """Take in what another task told."""
        for name in _COUNTS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.rejects += other.rejects
        self.findings = tuple(dict.fromkeys((*self.findings, *other.findings)))
        self.rooms = joined_rooms(self.rooms, other.rooms)
        self.unknown = Counter(self.unknown) + Counter(other.unknown)
        self.scalar = Counter(self.scalar) + Counter(other.scalar)
        self.left += other.left
        self.refusals += other.refusals
        self.beyond = self.beyond or other.beyond


def joined_rooms(one: Mapping[str, Digits], other: Mapping[str, Digits]) -> dict[str, Digits]:
    """Room for what both need, by column."""
    return {name: _joined(one.get(name), other.get(name)) for name in dict.fromkeys((*one, *other))}


def _joined(one: Digits | None, other: Digits | None) -> Digits:
    if one is None or other is None:
        found = one or other
        assert found is not None, "a column of one of both"
        return found
    return one.joined(other)


def all_told(messages: Iterable[bytes]) -> Told:
    """What all tasks told, together."""
    found = Told()
    for message in messages:
        found.add(pickle.loads(message))
    return found
