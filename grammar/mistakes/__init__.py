"""Common slips: from the place where a parse got stuck to a code, a message in business words, and a way out.

A rule looks at the stuck token, at the words of its line and at what would have fitted. Where the meaning is clear a
slip carries a `Patch`, so that the same line can be read on and a second mistake in it is found as well.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ...diagnostics import Source
from ..builder import STAND_IN, Build
from ..layout import Line
from ..machine import Patch, StuckError
from . import blocks, characters, prices, values, words
from .case import Case, Slip

__all__ = ["Slip", "explain", "stand_in"]

_RULES: tuple[Callable[[Case], Slip | None], ...] = (
    *blocks.RULES,
    *values.OPEN_ENDS,
    *characters.RULES,
    *values.RULES,
    *prices.RULES,
    *values.QUOTES,
    *words.RULES,
)

# What stands in for a line that opens a block and cannot be read; the other kinds are a word, a name and a colon.
_STAND_INS = {
    "account": "account :",
    "contract": f"contract {STAND_IN} extends {STAND_IN} :",
}
_NAMED = ("ruleset", "event", "plan", "card", "discount", "offer", "penalty", "tax", "charge")


def explain(build: Build, source: Source, text: str, lines: Sequence[Line], stuck: StuckError) -> Slip:
    """Name the slip at which a parse got stuck."""
    offset = stuck.token.start
    index = next((i for i, line in enumerate(lines) if line.start <= offset <= line.end), stuck.line)
    case = Case(build, source, text, lines, stuck, index)
    for rule in _RULES:
        slip = rule(case)
        if slip is not None:
            return slip
    return words.unexpected(case)


def stand_in(text: str, line: Line, following: Sequence[Line]) -> Patch | None:
    """What to read instead of a line that opens a block and cannot be read, so that its block is searched too."""
    if not following or following[0].level <= line.level:
        return None
    written = text[line.start : line.end].split()
    prefix = written[:1] if written[0] in ("add", "replace") else []
    word = written[len(prefix)] if len(written) > len(prefix) else ""
    if word == "example":
        tokens = [("NAME", "example"), ("STRING", f'"{STAND_IN}"'), ("NAME", "on"), ("NAME", STAND_IN)]
        tokens += [("NAME", "in"), ("PERIOD", "2000-01"), ("NAME", ":")]
        return Patch(line.start, line.end, tuple(tokens))
    head = f"{word} {STAND_IN} :" if word in _NAMED else _STAND_INS.get(word.rstrip(":"))
    if head is None:
        return None
    return Patch(line.start, line.end, tuple(("NAME", each) for each in (*prefix, *head.split())))
