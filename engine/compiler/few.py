"""The first of many findings alike, and how many more there are: a long table can have one mistake in every row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ...diagnostics import Diagnostic

SHOWN = 20


def few(findings: Sequence[Diagnostic], what: str) -> tuple[Diagnostic, ...]:
    """The first findings; the last of them says how many more `what` have a mistake."""
    more = len(findings) - SHOWN
    if more <= 0:
        return tuple(findings)
    last = findings[SHOWN - 1]
    note = f"{more:,} more {what} of this file have a mistake"
    return (*findings[: SHOWN - 1], replace(last, notes=(*last.notes, note)))
