"""Names and texts as SQL reads them, whatever signs stand in them."""

from __future__ import annotations


def quoted(name: str) -> str:
    """A name, also where it holds signs or is a reserved word."""
    return '"' + name.replace('"', '""') + '"'


def text_literal(text: str) -> str:
    """A text as a constant."""
    return "'" + text.replace("'", "''") + "'"
