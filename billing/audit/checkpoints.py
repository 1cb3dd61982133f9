"""Checkpoints of a database: making them, and reading files of them.

A file may hold several, one after the other with an empty line between. What is signed is what was read in one view;
a database that does not fit its earlier checkpoints gets no new one, for a signature would cover what was done to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from ...diagnostics import Diagnostic
from ...ledger.audit import audit_log
from ...ledger.books import OUTBOX
from ...ledger.log import log_state
from ...ledger.merkle import Frontier
from ...ledger.note import Checkpoint, PublicKey, SecretKey, open_note, sign
from ...ledger.store import Reader, Store, Transaction
from ..acting import Acting, Json, canonical, once
from .report import TABLES

_SIGNATURE = "— "


@dataclass(frozen=True, slots=True)
class Signed:
    """A new checkpoint and its note."""

    checkpoint: Checkpoint
    note: str


def notes_in(text: str) -> Iterator[str]:
    """The notes of a file. What is no note is given as it stands, so that whoever opens it says so."""
    lines: list[str] = []
    below = False
    for line in text.splitlines(keepends=True):
        signature = line.startswith(_SIGNATURE)
        if below and not signature:
            yield "".join(lines)
            lines = []
        below = signature
        if lines or line.strip():
            lines.append(line)
    if lines:
        yield "".join(lines)


def read_checkpoints(text: str, keys: Sequence[PublicKey], place: str) -> list[Checkpoint | Diagnostic]:
    """The checkpoints that a file holds, and what is wrong with others; a file without any is wrong too."""
    opened = [open_note(note, keys) for note in notes_in(text)]
    if not opened:
        return [Diagnostic("RB7111", "the file holds no checkpoint", place=place)]
    return [replace(one, place=place) if isinstance(one, Diagnostic) else one for one in opened]


def take_checkpoint(
    store: Store, key: SecretKey, earlier: Sequence[Checkpoint] = (), *, verify: bool = True
) -> Signed | tuple[Diagnostic, ...]:
    """Sign the log as it stands; refused with the findings where it does not verify, or is shorter than before.

    Without `verify` only the state is read, which takes no time: what was done to rows is then found by whoever
    verifies them against the note.
    """
    return store.read(lambda reader: _take(reader, key, earlier, verify=verify))


def _take(
    reader: Reader, key: SecretKey, earlier: Sequence[Checkpoint], *, verify: bool
) -> Signed | tuple[Diagnostic, ...]:
    if verify:
        audit = audit_log(reader, TABLES, earlier)
        if audit.findings or audit.root is None:
            return _unsigned("the log does not verify", audit.findings)
        size, root = audit.size, audit.root
    else:
        state = log_state(reader)
        try:
            frontier = Frontier.from_bytes(state.frontier)
        except (ValueError, TypeError):
            return _unsigned("the state of the log cannot be read")
        size, root = frontier.size, frontier.root()
        if state.size != size:
            return _unsigned(f"the state of the log says {state.size} rows, and its tree has {size}")
        before = max((one.size for one in earlier), default=0)
        if size < before:
            return _unsigned(f"{before} rows were signed, and the log has {size}")
    checkpoint = Checkpoint(key.name, size, root)
    return Signed(checkpoint, sign(checkpoint, key))


def _unsigned(reason: str, findings: Iterable[Diagnostic] = ()) -> tuple[Diagnostic, ...]:
    hints = ("`ratebook audit verify` tells what it covers; compare with a backup before anything else",)
    return (*findings, Diagnostic("RB7136", f"nothing was signed: {reason}", hints=hints))


def send_checkpoint(store: Store, signed: Signed, destination: str, *, now: datetime) -> Json | Diagnostic:
    """Put a note into the outbox, for somebody outside to keep; the same note goes there once."""
    reference = f"checkpoint {signed.checkpoint.origin} {signed.checkpoint.size}"
    acting = Acting("ratebook audit", now, f"{reference} {destination}")

    def work(transaction: Transaction) -> Json:
        content = canonical({"checkpoint": signed.note})
        (message,) = transaction.append(OUTBOX, [("checkpoint", destination, content, reference, acting.time)])
        return {"message": message}

    return once(store, acting, "send checkpoint", {"note": signed.note, "destination": destination}, work)
