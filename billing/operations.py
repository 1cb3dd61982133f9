"""The log of operations: who did what to which account and to which fee, when, what was before and after, and why.

Rows are written by the operations themselves, in their own transactions (`acting.record`); here they are asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from ..ledger.store import Reader, Value
from .acting import instant, microseconds


@dataclass(frozen=True, slots=True)
class Operation:
    """One row of the log; `before` and `after` are JSON."""

    number: int
    time: datetime
    actor: str
    what: str
    account: str
    subject: str
    before: str
    after: str
    reason: str


@dataclass(frozen=True, slots=True)
class Asked:
    """Which operations; None asks for all. Times are half-open."""

    account: str | None = None
    actor: str | None = None
    what: str | None = None
    begin: datetime | None = None
    end: datetime | None = None
    after_number: int = 0
    limit: int = 1000


def operations(reader: Reader, asked: Asked) -> Iterator[Operation]:
    """The operations in the order in which they happened; `after_number` is the last one that was seen before."""
    conditions, parameters = ["id > ?"], [cast(Value, asked.after_number)]
    for column, sign, value in (
        ("account", "=", asked.account),
        ("actor", "=", asked.actor),
        ("what", "=", asked.what),
        ("time", ">=", None if asked.begin is None else microseconds(asked.begin)),
        ("time", "<", None if asked.end is None else microseconds(asked.end)),
    ):
        if value is not None:
            conditions.append(f"{column} {sign} ?")
            parameters.append(value)
    for row in reader.rows(
        "SELECT id, time, actor, what, account, subject, before, after, reason FROM operations "
        f"WHERE {' AND '.join(conditions)} ORDER BY id LIMIT ?",
        (*parameters, asked.limit),
    ):
        number, time, *words = row
        actor, what, account, subject, before, after, reason = (cast(str, word) for word in words)
        found = instant(cast(int, time))
        yield Operation(cast(int, number), found, actor, what, account, subject, before, after, reason)
