"""Sending what waits in the outbox, and settling what became of it.

Each message is taken in a transaction of its own before it goes out. What it leads to, such as a refund that has gone
out, is written together with its new state.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta

from ..diagnostics import Diagnostic
from ..ledger.store import Reader, Store, Transaction
from .acting import Acting, Json, once, record
from .deliverers import Deliverer, Delivery
from .outbox import OPEN, Message, MessageState, find_message, list_messages, move, take
from .refunds import KIND as REFUND
from .refunds import refund_confirmed, refund_failed

TRIES_MAX = 10
"""How often a message is tried that is known not to have arrived, before it has failed."""
WAIT_MAX_MINUTES = 60


def due_messages(reader: Reader, acting: Acting) -> list[Message]:
    """Messages that wait and may be sent now: one that came back waits twice as long as before, up to an hour."""
    return [
        message
        for message in list_messages(reader, state=MessageState.REQUESTED)
        if not message.tries
        or acting.now >= message.since + timedelta(minutes=min(2 ** (message.tries - 1), WAIT_MAX_MINUTES))
    ]


def deliver_due(
    store: Store, acting: Acting, route: Callable[[Message], Deliverer | Diagnostic]
) -> tuple[list[Message], list[Diagnostic]]:
    """Send every message that may be sent now; how each stands after, and why some could not be sent at all.

    What `route` has no deliverer for is left as it is.
    """
    sent: list[Message] = []
    findings: list[Diagnostic] = []
    for waiting in store.read(lambda reader: due_messages(reader, acting)):
        deliverer = route(waiting)
        if isinstance(deliverer, Diagnostic):
            findings.append(deliverer)
            continue
        number = waiting.id
        taken = store.write(lambda transaction, number=number: take(transaction, number, acting.time))  # type: ignore[misc]
        if taken is None:
            continue
        delivery = deliverer.deliver(taken, acting.now)
        sent.append(store.write(_settling(acting, number, delivery)))
    return sent, findings


def _settling(acting: Acting, message: int, delivery: Delivery) -> Callable[[Transaction], Message]:
    def work(transaction: Transaction) -> Message:
        found = find_message(transaction, message)
        assert isinstance(found, Message), "it was taken a moment ago"
        if found.state is not MessageState.SENT or delivery.state is MessageState.SENT:
            # Somebody has said meanwhile what became of it, or somebody will.
            return found
        if delivery.state is MessageState.REQUESTED and found.tries >= TRIES_MAX:
            return _end(transaction, acting, found, MessageState.FAILED, f"given up: {delivery.detail}")
        return _end(transaction, acting, found, delivery.state, delivery.detail)

    return work


def resolve(store: Store, acting: Acting, message: int, state: MessageState) -> Json | Diagnostic:
    """Say what became of a message: confirmed, failed, or requested to have it sent again.

    For one that nobody knows the end of, this is what a person does who has asked the other side. Refused for an
    unknown message, and one whose end is known.
    """

    def work(transaction: Transaction) -> Json | Diagnostic:
        found = find_message(transaction, message)
        if isinstance(found, Diagnostic):
            return found
        if found.state not in OPEN or found.state is state:
            hint = "what is known stays; a refund that is to be made again is a new one"
            return Diagnostic("RB7078", f"message {message} is {found.state.value} already", hints=(hint,))
        after = _end(transaction, acting, found, state, acting.reason)
        record(
            transaction,
            acting,
            "message resolved",
            account=str(json.loads(found.body).get("account", "")),
            subject=f"message {message}",
            before=found.state.value,
            after=after.state.value,
        )
        return {"message": message, "state": after.state.value, "was": found.state.value}

    return once(store, acting, "resolve message", {"message": message, "state": state.value}, work)


def _end(transaction: Transaction, acting: Acting, message: Message, state: MessageState, detail: str) -> Message:
    """Write a state, and what follows from it for who asked for the message."""
    moved = move(transaction, message, state, detail, acting.time)
    if message.kind == REFUND and state in (MessageState.CONFIRMED, MessageState.FAILED):
        number = int(json.loads(message.body)["refund"])
        if state is MessageState.CONFIRMED:
            refund_confirmed(transaction, acting, number)
        else:
            refund_failed(transaction, acting, number)
    return moved
