"""Common slips: from the place where a parse got stuck to a code, a message in business words, and a way out.

A rule looks at the stuck token, at the words of its line and at what would have fitted. Where the meaning is clear a
slip carries a `Patch`, so that the same line can be read on and a second mistake in it is found as well.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from ...diagnostics import Source
from ..builder import STAND_IN, Build
from ..layout import Line
from ..machine import Patch, StuckError
from . import blocks, characters, foreign, prices, values, words
from .case import Case, Slip

__all__ = ["Slip", "explain", "stand_in"]

_RULES: tuple[Callable[[Case], Slip | None], ...] = (
    *blocks.RULES,
    *values.OPEN_ENDS,
    *foreign.RULES,
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
            return _with_its_rows(case, slip)
    return _with_its_rows(case, words.unexpected(case))


def _with_its_rows(case: Case, slip: Slip) -> Slip:
    """A header that cannot be read takes the rows of its table with it: they mean nothing without it."""
    lines = case.lines
    above = lines[slip.line - 1] if slip.line else None
    if slip.patch is not None or not case.text.startswith("|", lines[slip.line].start):
        return slip
    if above is not None and case.text.startswith("|", above.start):
        return slip
    end = slip.end
    while end < len(lines) and case.text.startswith("|", lines[end].start):
        end += 1
    return replace(slip, end=end)


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
