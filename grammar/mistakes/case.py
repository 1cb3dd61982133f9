"""A place where a parse got stuck, and what a rule makes of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...diagnostics import Diagnostic, Edit, Source, Span
from ..builder import Build
from ..layout import Line
from ..machine import Patch, StuckError, Token
from .expectations import alternatives, listed

STRUCTURE = frozenset(("_NL", "_INDENT", "_DEDENT", "$END"))
"""The tokens that are no words."""


@dataclass(frozen=True, slots=True)
class Slip:
    """A mistake: the finding, the lines `[line, end)` that it spoils, and what to read instead where that is clear."""

    finding: Diagnostic
    line: int
    end: int
    patch: Patch | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """Everything that a rule may look at."""

    build: Build
    source: Source
    text: str
    lines: Sequence[Line]
    stuck: StuckError
    index: int

    @property
    def token(self) -> Token:
        return self.stuck.token

    @property
    def expected(self) -> frozenset[str]:
        return self.stuck.expected

    @property
    def line(self) -> Line:
        return self.lines[self.index]

    @property
    def code(self) -> str:
        return self.text[self.line.start : self.line.end]

    @property
    def is_first(self) -> bool:
        """Whether the token begins its line."""
        return self.token.kind not in STRUCTURE and self.token.start == self.line.start

    def span(self, start: int, end: int) -> Span:
        return Span(self.build.file, start, max(end, start))

    def slip(
        self,
        code: str,
        message: str,
        span: Span,
        *hints: str,
        here: str = "",
        replace: str | None = None,
        tokens: Sequence[tuple[str, str]] | None = None,
    ) -> Slip:
        """A slip at a span; `replace` is the fix as text, `tokens` what to read instead (else the words of the fix)."""
        edits = (Edit(span, replace),) if replace is not None else ()
        patch = None
        if tokens is None and replace is not None:
            tokens = tuple(("NAME", word) for word in replace.split())
        if tokens is not None:
            patch = Patch(span.start, span.end, tuple(tokens))
        finding = Diagnostic(code, message, span, here=here, hints=hints[:3], edits=edits)
        return Slip(finding, self.index, block_end(self.lines, self.index), patch)


def block_end(lines: Sequence[Line], index: int) -> int:
    """The index after the block below a line."""
    for after in range(index + 1, len(lines)):
        if lines[after].level <= lines[index].level:
            return after
    return len(lines)


def may_stand(case: Case) -> str:
    """A hint that says what the parser could have gone on with."""
    return f"here may stand {listed(alternatives(case.expected))}"
