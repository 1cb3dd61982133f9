"""Slips of words: misspelt ones, and lines that do not belong where they stand."""

from __future__ import annotations

from dataclasses import replace
from difflib import get_close_matches

from ...diagnostics import Edit
from .case import STRUCTURE, Case, Slip, may_stand
from .expectations import keyword_words


def _misspelt(case: Case) -> Slip | None:
    token = case.token
    if token.kind not in ("NAME", "COMPOUND", "DOTTED") or not 2 <= len(token.text) <= 40:
        return None
    close = get_close_matches(token.text.lower(), keyword_words(case.expected), 1, 0.75)
    owner, dot, field = token.text.partition(".")
    if (
        not close
        and dot
        and "ACCOUNT_FIELD" in case.expected
        and get_close_matches(owner.lower(), ("account",), 1, 0.75)
    ):
        close = [f"account.{field}"]
    if not close:
        return None
    code, what = ("RB1112", "begins no line here") if case.is_first else ("RB1001", "cannot stand here")
    span = case.span(token.start, token.end)
    tokens = (("ACCOUNT_FIELD", close[0]),) if "." in close[0] else None
    hint = f"did you mean `{close[0]}`?"
    return case.slip(code, f"`{token.text}` {what}", span, hint, replace=close[0], tokens=tokens)


_ON_THE_HEADER = {
    "for": ("discount", "offer", "penalty", "tax"),
    "from": ("plan", "contract", "discount", "offer", "penalty", "tax"),
}


def _part_of_header(case: Case) -> Slip | None:
    """`for payg` or `from 2026-03-01` on a line below, where it belongs on the line that opens the block."""
    if not case.is_first:
        return None
    parent = next((line for line in reversed(case.lines[: case.index]) if line.level < case.line.level), None)
    if parent is None:
        return None
    header = case.text[parent.start : parent.end].rstrip()
    words = header.removeprefix("add ").split()
    word = case.code.split()[0]
    if not words or words[0] not in _ON_THE_HEADER.get(word, ()) or not header.endswith((":", "：")):
        return None
    part = case.text[case.line.start : case.line.end].rstrip().rstrip(":：")
    colon = parent.start + len(header) - 1
    moved = (
        Edit(case.span(colon, colon), f" {part}"),
        Edit(case.span(case.source.text.rfind("\n", 0, case.line.start), case.line.end), ""),
    )
    message = f"`{word} …` stands on the line of the {words[0]}, before its colon"
    hint = f"write `{words[0]} {shortened(words[1].rstrip(':：'))} … {shortened(part)}:`"
    slip = case.slip("RB1112", message, case.span(case.line.start, case.line.end), hint, here="belongs above")
    return replace(slip, finding=replace(slip.finding, edits=moved if header.count(word) == 0 else ()))


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


RULES = (_misspelt, _part_of_header, _wrong_line)
