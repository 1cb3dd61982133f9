"""Slips of words: misspelt ones, and lines that do not belong where they stand."""

from __future__ import annotations

from difflib import get_close_matches

from .case import STRUCTURE, Case, Slip, may_stand
from .expectations import keyword_words


def _misspelt(case: Case) -> Slip | None:
    token = case.token
    if token.kind not in ("NAME", "COMPOUND") or not 2 <= len(token.text) <= 40:
        return None
    close = get_close_matches(token.text.lower(), keyword_words(case.expected), 1, 0.75)
    if not close:
        return None
    code, what = ("RB1112", "begins no line here") if case.is_first else ("RB1001", "cannot stand here")
    span = case.span(token.start, token.end)
    return case.slip(code, f"`{token.text}` {what}", span, f"did you mean `{close[0]}`?", replace=close[0])


def _wrong_line(case: Case) -> Slip | None:
    if not case.is_first:
        return None
    word = shortened(case.code.split()[0])
    parents = [line for line in case.lines[: case.index] if line.level < case.line.level]
    if parents:
        opener = case.text[parents[-1].start : parents[-1].end].split()[0].rstrip(":")
        message = f"a line that begins with `{word}` does not belong below `{shortened(opener)}`"
    else:
        message = f"`{word}` does not begin a declaration"
    end = case.line.start + len(case.code.split()[0])
    return case.slip("RB1112", message, case.span(case.line.start, end), may_stand(case))


def unexpected(case: Case) -> Slip:
    """The slip that no rule knows: what stands here, and what might."""
    token = case.token
    if token.kind in STRUCTURE:
        span = case.span(case.line.start, case.line.end)
        return case.slip("RB1001", "this line ends too early", span, may_stand(case))
    message = f"`{shortened(token.text)}` cannot stand here"
    return case.slip("RB1001", message, case.span(token.start, token.end), may_stand(case))


def shortened(text: str) -> str:
    """At most forty characters of a text."""
    return text if len(text) <= 40 else text[:37] + "…"


RULES = (_misspelt, _wrong_line)
