"""Writing files whole or not at all, and text cells that a spreadsheet does not run as formulas."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Protocol

_NUMBER: Final = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?").fullmatch


class TextSink(Protocol):
    """Where text is written to."""

    def write(self, text: str, /) -> object: ...


@contextmanager
def written_aside(path: Path) -> Iterator[Path]:
    """A path beside the wanted one to write to: it takes the wanted place when all went well, else it is gone."""
    aside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield aside
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def spreadsheet_safe(text: str) -> str:
    """The text of a CSV cell with an apostrophe before what a spreadsheet would run; numbers stay as they are."""
    if text[:1] in ("=", "+", "-", "@", "\t", "\r") and text and not _NUMBER(text):
        return f"'{text}"
    return text
