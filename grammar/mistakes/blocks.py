"""Slips of layout: colons, empty blocks, lines that are indented under nothing."""

from __future__ import annotations

from ...diagnostics import Diagnostic
from .case import Case, Slip, block_end

_OPENS_BLOCK = frozenset(
    [
        "ruleset",
        "account",
        "event",
        "plan",
        "contract",
        "card",
        "discount",
        "offer",
        "penalty",
        "tax",
        "example",
        "charge",
    ]
)


def _empty_block(case: Case) -> Slip | None:
    if "_INDENT" not in case.expected or len(case.expected) > 1 or case.token.kind == "_INDENT":
        return None
    index = case.index - 1 if case.is_first else case.index
    line = case.lines[index]
    at = Case(case.build, case.source, case.text, case.lines, case.stuck, index)
    word = case.text[line.start : line.end].split()[0].rstrip(":")
    return at.slip(
        "RB1004",
        f"the block that this `{word}` line opens is empty",
        case.span(line.start, line.end),
        "write its content below it, indented by two spaces",
    )


def _missing_colon(case: Case) -> Slip | None:
    message = "this line opens a block, so it ends in a colon"
    if case.token.kind == "_NL" and "COLON" in case.expected:
        end = case.line.end
        return case.slip("RB1005", message, case.span(end, end), "write `:` at the end of the line", replace=":")
    if not case.is_first and case.token.kind != "_INDENT":
        return None
    parents = [line for line in case.lines[: case.index] if line.level < case.line.level]
    if case.token.kind == "_INDENT":
        parents = [case.line]
    if not parents:
        return None
    parent = parents[-1]
    words = case.text[parent.start : parent.end].split()
    if words[0] in ("add", "replace"):
        words = words[1:]
    if not words or words[0] not in _OPENS_BLOCK or ":" in " ".join(words) or "COLON" in case.expected:
        return None
    return case.slip(
        "RB1005", message, case.span(parent.end, parent.end), "write `:` at the end of the line", replace=":"
    )


def _no_block_here(case: Case) -> Slip | None:
    if case.token.kind != "_INDENT":
        return None
    parent = case.index
    if parent + 1 >= len(case.lines):
        return None
    end = block_end(case.lines, parent)
    below = case.lines[parent + 1]
    finding = Diagnostic(
        "RB1003",
        "these lines are indented, but the line above opens no block",
        case.span(below.start, case.lines[end - 1].end),
        hints=("begin them at the same column as the line above",),
    )
    return Slip(finding, parent + 1, end)


RULES = (_empty_block, _missing_colon, _no_block_here)
