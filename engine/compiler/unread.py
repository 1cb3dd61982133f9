"""What of a text could not be read, so that one mistake is reported once.

A line that the grammar could not read has a finding of its own. That the name on it is then missing elsewhere, or that
a table lacks the row that stood on it, is no second mistake.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ...diagnostics import Diagnostic, Severity, Source, Span

_LOST_FILES = frozenset({"RB1008", "RB1012", "RB2009", "RB2011"})
# Findings about what is missing from a block: they wait until the whole block can be read.
_MISSING_FROM_BLOCK = frozenset(
    {"RB2005", "RB2106", "RB2202", "RB2204", "RB2207", "RB2212", "RB2302", "RB5003", "RB1102", "RB1107"}
)
# Findings about what is missing from the whole ruleset: they wait until all of it can be read.
_MISSING_FROM_RULESET = frozenset({"RB2210", "RB2233", "RB2305", "RB2401", "RB2406", "RB2407", "RB2502", "RB2503"})
_SECOND_WORD = re.compile(r"^\s*(?:add\s+|replace\s+)?[^\s|]+\s+([^\s:=,]+)")
_FIELD = re.compile(r"^\s+([^\W\d]\w*)\s*[:：]")


@dataclass(frozen=True, slots=True)
class Unread:
    """The names that stood in unreadable text, the top-level blocks that hold such text, and whether a file is lost."""

    names: frozenset[str]
    blocks: tuple[Span, ...]
    file_lost: bool

    def explains(self, finding: Diagnostic) -> bool:
        """Whether a finding may be nothing but the consequence of text that could not be read."""
        if not self.blocks and not self.file_lost:
            return False
        if finding.code in _MISSING_FROM_RULESET:
            return True
        span = finding.span
        return (
            finding.code in _MISSING_FROM_BLOCK
            and span is not None
            and any(
                block.file == span.file and block.start <= span.start and span.end <= block.end for block in self.blocks
            )
        )


def unread(findings: Iterable[Diagnostic], sources: Mapping[str, Source]) -> Unread:
    """What the findings of reading say of the texts."""
    errors = [finding for finding in findings if finding.severity is Severity.ERROR]
    blocks = {
        _block(sources[finding.span.file], finding.span)
        for finding in errors
        if finding.span is not None and finding.span.file in sources and finding.code.startswith("RB1")
    }
    names = {name for block in blocks for name in _names(sources[block.file].slice(block))}
    lost = any(finding.code in _LOST_FILES for finding in errors)
    return Unread(frozenset(names), tuple(sorted(blocks)), lost)


def _block(source: Source, span: Span) -> Span:
    """The top-level declaration that a span begins in."""
    first = last = source.position(span.start)[0]
    while first > 1 and not _opens(source.line(first)):
        first -= 1
    while last < source.line_count and not _opens(source.line(last + 1)):
        last += 1
    end = source.line_start(last + 1) if last < source.line_count else len(source.text)
    return Span(source.name, source.line_start(first), end)


def _opens(line: str) -> bool:
    return bool(line) and not line[0].isspace() and line[0] != "#"


def _names(text: str) -> set[str]:
    lines = text.split("\n")
    return {found.group(1) for line in lines for found in (_SECOND_WORD.match(line), _FIELD.match(line)) if found}
