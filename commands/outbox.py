"""`ratebook outbox …`: what leaves the system, and what became of it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from ..cli import EXIT_FINDINGS
from ..diagnostics import Diagnostic
from .books import NounGroup, acting_options, database_option, fail, format_option, opened, succeeded
from .console import show_findings
from .key_files import key_file_option, read_key_if_given
from .listing import show_one, show_rows

if TYPE_CHECKING:
    from ..billing.acting import Acting
    from ..billing.deliverers import Deliverer
    from ..billing.outbox import Message

WEBHOOK_KEY = "RATEBOOK_WEBHOOK_KEY"
COLUMNS = ("message", "kind", "state", "since", "tries", "destination", "reference", "detail")
ENDS = {"confirmed": "CONFIRMED", "failed": "FAILED", "again": "REQUESTED"}


@click.group("outbox", cls=NounGroup, short_help="What leaves the system, and what became of it.")
def outbox_command() -> None:
    """Send refunds and other messages, see which have arrived, say what became of the others."""


@outbox_command.command("deliver")
@click.option("--to", "to", metavar="WHERE", help="For messages without an address: file:PATH or https://….")
@key_file_option(WEBHOOK_KEY)
@acting_options
@database_option
@format_option
def deliver(to: str | None, key_file: str | None, acting: Acting, database: str, form: str) -> None:
    """Send every message that waits, each once. Webhooks are signed where there is a key."""
    from ..billing.deliverers import FILE, HTTP, HTTPS, deliverer_of
    from ..billing.delivering import deliver_due

    key = read_key_if_given(key_file, WEBHOOK_KEY)
    if to is not None:
        succeeded(deliverer_of(to, key=key))

    def route(message: Message) -> Deliverer | Diagnostic:
        own = message.destination if message.destination.startswith((FILE, HTTP, HTTPS)) else to
        return deliverer_of(message.destination if own is None else own, key=key)

    with opened(database) as store:
        sent, findings = deliver_due(store, acting, route)
    show_rows([_row(item) for item in sent], form, COLUMNS, empty="Nothing was sent.")
    if findings:
        # One for each destination is enough.
        show_findings(list({finding.message: finding for finding in findings}.values()))
        sys.exit(EXIT_FINDINGS)


@outbox_command.command("list")
@click.option(
    "--state", type=click.Choice(["requested", "sent", "confirmed", "failed", "unknown"]), help="Only in this state."
)
@database_option
@format_option
def list_(state: str | None, database: str, form: str) -> None:
    """List messages with what became of them."""
    from ..billing.outbox import MessageState, list_messages

    wanted = None if state is None else MessageState(state)
    with opened(database) as store:
        found = store.read(lambda reader: list_messages(reader, state=wanted))
    show_rows([_row(item) for item in found], form, COLUMNS, empty="There are no messages.")


@outbox_command.command("resolve")
@click.argument("message", type=int)
@click.argument("end", type=click.Choice(list(ENDS)))
@acting_options
@database_option
@format_option
def resolve_(message: int, end: str, acting: Acting, database: str, form: str) -> None:
    """Say what became of MESSAGE: that it arrived, that it never will, or that it is to be sent again.

    Ask the other side first: what is sent again may arrive twice.
    """
    from ..billing.delivering import resolve
    from ..billing.outbox import MessageState

    if not acting.reason.strip():
        fail(Diagnostic("RB7069", "a message is settled with a reason", hints=("say with --reason how it is known",)))
    with opened(database) as store:
        answer = succeeded(resolve(store, acting, message, MessageState[ENDS[end]]))
    show_one(answer, form)


def _row(message: Message) -> dict[str, object]:
    return {
        "message": message.id,
        "kind": message.kind,
        "state": message.state.value,
        "since": message.since.isoformat(timespec="seconds"),
        "tries": message.tries,
        "destination": message.destination,
        "reference": message.reference,
        "detail": message.detail,
    }
