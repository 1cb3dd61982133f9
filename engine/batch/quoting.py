"""Names, texts and paths as SQL reads them, whatever signs stand in them."""

from __future__ import annotations

import re


def quoted(name: str) -> str:
    """A name, also where it holds signs or is a reserved word."""
    return '"' + name.replace('"', '""') + '"'


def text_literal(text: str) -> str:
    """A text as a constant."""
    return "'" + text.replace("'", "''") + "'"


def pattern(path: str) -> str:
    """A path that DuckDB takes as it is: signs of patterns in a name are put into brackets."""
    return re.sub(r"([*?\[])", r"[\1]", path)
