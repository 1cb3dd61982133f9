"""Where messages of the outbox go: a file that other programs read, or a webhook.

A deliverer says what it knows: that a message arrived, that it surely did not, or that nobody knows. Webhooks are
signed and named as the Standard Webhooks specification says, so that receivers can check them with its libraries.
"""

from __future__ import annotations

import base64
import hmac
import json
import os
import ssl
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from ..diagnostics import Diagnostic
from .outbox import Message, MessageState

FILE, HTTP, HTTPS = "file:", "http://", "https://"
SECONDS = 10.0
"""How long a webhook may take to answer."""
_TRY_AGAIN = {408, 425, 429, 503}
"""Statuses by which a receiver says that it has done nothing and may be asked again."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of a message: confirmed, failed, unknown; still sent, where somebody else will confirm it; or
    requested, where nothing has left."""

    state: MessageState
    detail: str = ""


class Deliverer(Protocol):
    """Something that takes messages."""

    def deliver(self, message: Message, now: datetime) -> Delivery:
        """Send a message once. Never raises for what the other side does."""
        ...


@dataclass(frozen=True, slots=True)
class FileDeliverer:
    """Appends messages to a file, one JSON object a line, each on the disk before the next."""

    path: Path

    def deliver(self, message: Message, now: datetime) -> Delivery:
        """A message in the file has arrived, but a refund only where the bank says so later."""
        line = (payload(message, now) + "\n").encode()
        try:
            handle = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        except OSError as error:
            return Delivery(MessageState.REQUESTED, f"{self.path}: {error.strerror}")
        try:
            written = os.write(handle, line)
            os.fsync(handle)
        except OSError as error:
            return Delivery(MessageState.UNKNOWN, f"{self.path}: {error.strerror}")
        finally:
            os.close(handle)
        if written < len(line):
            return Delivery(MessageState.UNKNOWN, f"{self.path}: only a part was written")
        return Delivery(MessageState.SENT if message.kind == "refund" else MessageState.CONFIRMED, str(self.path))


@dataclass(frozen=True, slots=True)
class WebhookDeliverer:
    """Posts messages to an address, signed with a key where there is one. Redirects are not followed."""

    url: str
    key: bytes | None = None
    seconds: float = SECONDS

    def deliver(self, message: Message, now: datetime) -> Delivery:
        """Before the connection stands nothing has left; after that only the answer tells what became of it."""
        target = urlsplit(self.url)
        host, path = target.hostname or "", target.path or "/"
        body = payload(message, now).encode()
        connection = (
            HTTPSConnection(host, target.port, timeout=self.seconds, context=ssl.create_default_context())
            if target.scheme == "https"
            else HTTPConnection(host, target.port, timeout=self.seconds)
        )
        try:
            try:
                connection.connect()
            except OSError as error:
                return Delivery(MessageState.REQUESTED, f"no connection to {host}: {error}")
            try:
                where = f"{path}?{target.query}" if target.query else path
                connection.request("POST", where, body, _headers(message, body, now, self.key))
                status = connection.getresponse().status
            except (OSError, HTTPException) as error:
                return Delivery(MessageState.UNKNOWN, f"no answer from {host}: {error}")
        finally:
            connection.close()
        return Delivery(_meaning(status), f"{host} answered {status}")


def _meaning(status: int) -> MessageState:
    """What a status says about the message. An error inside the receiver leaves open what it had done by then."""
    if 200 <= status < 300:
        return MessageState.CONFIRMED
    if status in _TRY_AGAIN:
        return MessageState.REQUESTED
    return MessageState.FAILED if status < 500 else MessageState.UNKNOWN


def payload(message: Message, now: datetime) -> str:
    """A message as JSON on one line: what it is, when it was caused, and its data."""
    found = {
        "id": message_name(message),
        "type": message.kind,
        "timestamp": message.time.isoformat(),
        "sent": now.isoformat(),
        "reference": message.reference,
        "data": json.loads(message.body),
    }
    return json.dumps(found, ensure_ascii=False, separators=(",", ":"))


def message_name(message: Message) -> str:
    """What the receiver knows a message by: the same one always has the same."""
    return f"msg_{message.id}"


def signature(name: str, timestamp: int, body: bytes, key: bytes) -> str:
    """The signature of a body that was sent at a time, in seconds since 1970, as Standard Webhooks has it."""
    signed = hmac.new(key, f"{name}.{timestamp}.".encode() + body, sha256).digest()
    return f"v1,{base64.b64encode(signed).decode()}"


def _headers(message: Message, body: bytes, now: datetime, key: bytes | None) -> dict[str, str]:
    name, timestamp = message_name(message), int(now.timestamp())
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": "ratebook",
        "Idempotency-Key": name,
        "webhook-id": name,
        "webhook-timestamp": str(timestamp),
    }
    if key is not None:
        headers["webhook-signature"] = signature(name, timestamp, body, key)
    return headers


def deliverer_of(destination: str, *, key: bytes | None = None) -> Deliverer | Diagnostic:
    """The deliverer of a destination: `file:PATH`, `https://…`, `http://…`."""
    if destination.startswith(FILE) and destination != FILE:
        return FileDeliverer(Path(destination.removeprefix(FILE)))
    if destination.startswith((HTTP, HTTPS)):
        try:
            parts = urlsplit(destination)
            good = bool(parts.hostname) and (parts.port is None or parts.port > 0)
        except ValueError:
            good = False
        if good:
            return WebhookDeliverer(destination, key)
    hints = ("write file:PATH or https://…", "`ratebook outbox deliver --to` says where messages without one go")
    message = f"nothing can be delivered to “{destination}”" if destination else "a message has no address"
    return Diagnostic("RB7079", message, hints=hints)
