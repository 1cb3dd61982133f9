"""The outbox: what leaves the system is written with what causes it, and what became of it is written after.

    requested → sent → confirmed | failed | unknown

A message is taken by writing `sent` before it goes out, so that two deliverers never send the same one, and one whose
deliverer died stays `sent`. What nobody knows the end of is reconciled by a person, and never sent again blindly.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from ..diagnostics import Diagnostic
from ..ledger.books import OUTBOX, OUTBOX_STATES
from ..ledger.store import Reader, Transaction, Value
from .acting import Acting, Json, canonical, instant


class MessageState(enum.Enum):
    """What became of a message."""

    REQUESTED = "requested"
    """It waits. Also where it was sent and is known not to have arrived."""
    SENT = "sent"
    """Somebody took it; it may have gone out."""
    CONFIRMED = "confirmed"
    """It arrived."""
    FAILED = "failed"
    """It will never arrive, and has had no effect."""
    UNKNOWN = "unknown"
    """It went out, and nobody knows whether it arrived."""


OPEN = frozenset({MessageState.REQUESTED, MessageState.SENT, MessageState.UNKNOWN})
"""The states of messages whose end is not known."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it stands now. `tries` counts how often it was taken, `since` when its state began."""

    id: int
    kind: str
    destination: str
    body: str
    reference: str
    time: datetime
    state: MessageState
    detail: str
    since: datetime
    number: int
    tries: int


def enqueue(
    transaction: Transaction, acting: Acting, kind: str, body: Json, *, destination: str = "", reference: str = ""
) -> int:
    """Write a message in the transaction of what causes it; its id."""
    (message,) = transaction.append(OUTBOX, [(kind, destination, canonical(body), reference, acting.time)])
    return message


_SELECT = (
    "SELECT outbox.id, outbox.kind, destination, body, reference, outbox.time, latest.state, latest.detail, "
    "latest.time, latest.number, "
    "(SELECT count(*) FROM outbox_states AS taken WHERE taken.message = outbox.id AND taken.state = 'sent') "
    "FROM outbox LEFT JOIN outbox_states AS latest ON latest.message = outbox.id AND latest.number = "
    "(SELECT max(number) FROM outbox_states AS own WHERE own.message = outbox.id)"
)


def find_message(reader: Reader, message: int) -> Message | Diagnostic:
    """The message of a number, or that there is none."""
    rows = reader.rows(f"{_SELECT} WHERE outbox.id = ?", (message,))
    if not rows:
        hint = "`ratebook outbox list` shows all"
        return Diagnostic("RB7077", f"there is no message {message} in the outbox", hints=(hint,))
    return _message(rows[0])


def list_messages(reader: Reader, *, state: MessageState | None = None) -> list[Message]:
    """Messages in their order, of one state or of all."""
    found = [_message(row) for row in reader.stream(f"{_SELECT} ORDER BY outbox.id")]
    return [message for message in found if state is None or message.state is state]


def move(transaction: Transaction, message: Message, state: MessageState, detail: str, time: int) -> Message:
    """Write what became of a message; the caller has read it in this transaction."""
    transaction.append(OUTBOX_STATES, [(message.id, message.number + 1, state.value, detail, time)])
    found = find_message(transaction, message.id)
    assert isinstance(found, Message), "it was there a moment ago"
    return found


def take(transaction: Transaction, message: int, time: int) -> Message | None:
    """Take a message to send it; None where somebody else has, or its end is known."""
    found = find_message(transaction, message)
    if isinstance(found, Diagnostic) or found.state is not MessageState.REQUESTED:
        return None
    return move(transaction, found, MessageState.SENT, "", time)


def _message(row: tuple[Value, ...]) -> Message:
    number, kind, destination, body, reference, time, state, detail, since, states, tries = row
    return Message(
        id=cast(int, number),
        kind=cast(str, kind),
        destination=cast(str, destination),
        body=cast(str, body),
        reference=cast(str, reference),
        time=instant(cast(int, time)),
        state=MessageState.REQUESTED if state is None else MessageState(cast(str, state)),
        detail=cast(str, detail or ""),
        since=instant(cast(int, time if since is None else since)),
        number=cast(int, states or 0),
        tries=cast(int, tries),
    )
