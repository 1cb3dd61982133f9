"""Keys that stay outside the database: for the codes of cards, and for signing what leaves through the outbox."""

from __future__ import annotations

import base64
import binascii
import secrets

from ..diagnostics import Diagnostic

KEY_BYTES_MIN = 16
_PREFIX = "whsec_"
"""What keys of webhooks begin with where somebody else's programs made them."""


def new_key() -> str:
    """The text of a new key, 256 bits."""
    return base64.b64encode(secrets.token_bytes(32)).decode()


def parse_key(text: str, *, place: str) -> bytes | Diagnostic:
    """A key from its text, base64 of at least 16 bytes."""
    try:
        key = base64.b64decode(text.strip().removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) < KEY_BYTES_MIN:
        hint = "`ratebook card key FILE` makes one"
        return Diagnostic("RB7070", "this is no key: it is base64 of 16 bytes or more", hints=(hint,), place=place)
    return key
