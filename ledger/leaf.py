"""The canonical bytes of a row of the ledger: what its hash covers.

A leaf is text in UTF-8 that a person can write down again: a line with the domain, a line with the table, and a line
for each field, its own id included:

    ratebook.ledger/1
    t23:transfer(id,key,amount)
    i2:17
    s9:march/a-1
    i6:100000

A line is a tag (`t` table, `i` integer, `s` text, `b` bytes in hexadecimal, `n` nothing), the length of what follows
the colon in bytes, and that. The length says where a field ends, so that no text can pass for two fields, and the tag
keeps `7` the number from `7` the text: two different rows never have the same bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

Field = int | str | bytes | None

DOMAIN = "ratebook.ledger/1"
DECIMAL_LENGTH_MAX = 600
"""A longer integer is written in hexadecimal: Python may be told to refuse decimals of 640 digits and more."""

_NAME = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)
_DECIMAL = re.compile(r"0|-?[1-9][0-9]*", re.ASCII)
_HEXADECIMAL = re.compile(r"-?0x[1-9a-f][0-9a-f]*", re.ASCII)
_OCTETS = re.compile(r"(?:[0-9a-f]{2})*", re.ASCII)

# What stands before a field, by its length: to write that takes longer than everything else about a short field.
_INTEGER = tuple(f"\ni{length}:" for length in range(DECIMAL_LENGTH_MAX + 1))
_TEXT = tuple(f"\ns{length}:" for length in range(257))


def heading(table: str, columns: Iterable[str]) -> str:
    """A table with its columns in the order of the fields: `transfer(id,key,amount)`.

    Given to `leaf` as the table, it puts the names under the hash too, so that nobody can show a row of the log with
    its debit called credit. Names are lower-case words; others are a ValueError.
    """
    names = tuple(columns)
    for name in (table, *names):
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no name of a table or column")
    if len(set(names)) < len(names):
        raise ValueError(f"a column of {table} stands twice")
    return f"{table}({','.join(names)})"


def leaf(table: str, fields: Sequence[Field]) -> bytes:
    """The bytes of a row; only the same table with the same fields has them.

    TypeError for a field of another type, subclasses such as `bool` and enums of text included; UnicodeEncodeError for
    text with half a surrogate pair, which no database stores either.
    """
    # What rows are mostly made of is written here and not by `tagged`, for this runs for every row that is posted.
    parts = [_beginning(table)]
    for value in fields:
        kind = type(value)
        if kind is int:
            try:
                text = str(value)
                parts += _INTEGER[len(text)], text
                continue
            except (ValueError, IndexError):
                pass  # a long one
        elif kind is str and value.isascii() and len(value) < 257:  # type: ignore[union-attr,arg-type]
            parts += _TEXT[len(value)], value  # type: ignore[arg-type]
            continue
        elif value is None:
            parts.append("\nn0:")
            continue
        elif kind is bytes:
            parts += f"\nb{2 * len(value)}:", value.hex()  # type: ignore[arg-type,union-attr]
            continue
        tag, text = tagged(value)
        parts += f"\n{tag}{len(text.encode())}:", text
    parts.append("\n")
    return "".join(parts).encode()


@lru_cache(maxsize=256)
def _beginning(table: str) -> str:
    return f"{DOMAIN}\nt{len(table.encode())}:{table}"


def tagged(value: Field) -> tuple[str, str]:
    """The tag of a field and its text, as a leaf has them; TypeError for what is no field."""
    kind = type(value)
    if value is None:
        return "n", ""
    if kind is str:
        return "s", value  # type: ignore[return-value]
    if kind is bytes:
        return "b", value.hex()  # type: ignore[union-attr]
    if kind is not int:
        raise TypeError(f"a field of a row is a whole number, text, bytes or None, not {kind.__name__}")
    try:
        text = str(value)
    except ValueError:
        return "i", hex(value)  # type: ignore[arg-type]
    return "i", text if len(text) <= DECIMAL_LENGTH_MAX else hex(value)  # type: ignore[arg-type]


def untagged(tag: str, text: str) -> Field:
    """The field with this tag and text; ValueError where no leaf has such a line (`007`, half an octet)."""
    match tag:
        case "n" if not text:
            return None
        case "s":
            return text
        case "b" if _OCTETS.fullmatch(text):
            return bytes.fromhex(text)
        case "i" if len(text) <= DECIMAL_LENGTH_MAX and _DECIMAL.fullmatch(text):
            return int(text)
        case "i" if _HEXADECIMAL.fullmatch(text):
            value = int(text, 16)
            if tagged(value) == (tag, text):
                return value
    raise ValueError("no field is written so")
