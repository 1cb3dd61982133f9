"""From text to a tree and findings: `parse` never raises for a text.

Every top-level declaration is parsed on its own, so that a mistake stays in it. Where one gets stuck, `mistakes`
names the slip. A clear slip is read as what was meant (a `Patch`), otherwise the line is left out with its block, and
the declaration is parsed again, until it goes through: two mistakes in one plan are two findings. A declaration whose
first line cannot be read is searched for further mistakes in the same way and then left out of the tree.

`10 USD` is money where money may stand and a quantity cannot; where both may stand it is money if the word is the
currency of the file's `currency` line, and a quantity otherwise.
"""

from __future__ import annotations

import gc
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache

from ..diagnostics import Diagnostic, Source, Span, in_order
from . import mistakes
from .builder import ACTIONS, Build
from .layout import NESTING_MAX, Layout, Line, lay_out
from .machine import Machine, Patch, StuckError
from .syntax import Declaration, Ruleset
from .tables import load_tables

BYTES_MAX = 256 * 1024
_TRIES_MAX = 20
_CURRENCY_LINE = re.compile(r"^[ ]+currency +([A-Z]{3}) *$", re.MULTILINE)
_NEGATIONS = re.compile(r"(?:\bnot\b[ (]*){%d}" % (NESTING_MAX + 1))


def parse(source: Source, *, max_bytes: int = BYTES_MAX) -> tuple[Ruleset, tuple[Diagnostic, ...]]:
    """The declarations that could be read, and everything that was wrong, in the order of the text."""
    size = len(source.text.encode("utf-8", "surrogatepass"))
    if size > max_bytes:
        finding = Diagnostic(
            "RB1008",
            f"this file has {size:,} bytes, and {max_bytes:,} are allowed",
            Span(source.name, 0, 0),
            hints=("split it and `import` the parts, or raise the limit with `--max-size`",),
        )
        return Ruleset(span=Span(source.name, 0, len(source.text)), declarations=()), (finding,)
    with _without_garbage_collector():
        layout = lay_out(source)
        currency = _CURRENCY_LINE.search(layout.text)
        build = Build(source.name, currency.group(1) if currency else "", list(layout.diagnostics))
        declarations = tuple(
            declaration
            for lines in layout.declarations
            if (declaration := _Attempt(build, source, layout, lines).declaration()) is not None
        )
    tree = Ruleset(
        span=Span(source.name, 0, len(source.text)), declarations=declarations, comments=layout.comments
    )
    return tree, in_order(build.found)


@cache
def _machine() -> Machine:
    return Machine(load_tables(), ACTIONS)


@contextmanager
def _without_garbage_collector() -> Iterator[None]:
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@dataclass(slots=True)
class _Attempt:
    """One declaration on its way: what was read otherwise so far, and which lines were left out."""

    build: Build
    source: Source
    layout: Layout
    lines: Sequence[Line]
    patches: dict[int, Patch] = field(default_factory=dict)
    lost: bool = False

    def declaration(self) -> Declaration | None:
        """The declaration, or None if its first line is beyond repair."""
        self.lines = self._shallow_enough()
        for _ in range(_TRIES_MAX):
            if not self.lines:
                return None
            known = len(self.build.found)
            try:
                tree = _machine().parse(self.build, self.layout.text, self.lines, self.patches)
            except StuckError as stuck:
                del self.build.found[known:]
                if not self._mend(stuck):
                    return None
            else:
                return None if self.lost else tree
        return None

    def _shallow_enough(self) -> Sequence[Line]:
        kept: list[Line] = []
        for line in self.lines:
            text = self.layout.text[line.start : line.end]
            if "(" in text or "not" in text:
                depth = _depth(text)
                if depth > NESTING_MAX or _NEGATIONS.search(text):
                    self.build.report(
                        Diagnostic(
                            "RB1009",
                            f"this condition is nested more than {NESTING_MAX} deep",
                            Span(self.source.name, line.start, line.end),
                            hints=("write several `when` lines; all of them must hold",),
                        )
                    )
                    continue
            kept.append(line)
        return kept

    def _mend(self, stuck: StuckError) -> bool:
        """Report the slip and change what is read next time; False where nothing is left to read."""
        slip = mistakes.explain(self.build, self.source, self.layout.text, self.lines, stuck)
        if slip.finding is not None:
            self.build.report(slip.finding)
        line = self.lines[slip.line]
        patch = slip.patch
        if patch is not None and patch.start not in self.patches:
            self.patches[patch.start] = patch
            return True
        self.patches = {start: each for start, each in self.patches.items() if not line.start <= start <= line.end}
        head = mistakes.stand_in(self.layout.text, line, self.lines[slip.line + 1 :])
        if head is not None and line.start not in self.patches and slip.line_is_head:
            self.patches[line.start] = head
            self.lost = True
            return True
        self.lines = [
            *self.lines[: slip.line],
            *_after_block(self.lines[slip.line :]),
        ]
        return bool(self.lines) and slip.line > 0


def _after_block(lines: Sequence[Line]) -> Sequence[Line]:
    """The lines after the first one and the block below it."""
    for index, line in enumerate(lines[1:], start=1):
        if line.level <= lines[0].level:
            return lines[index:]
    return ()


def _depth(text: str) -> int:
    depth = deepest = 0
    for character in re.sub(r'"[^"]*"', "", text):
        if character == "(":
            depth += 1
            deepest = max(deepest, depth)
        elif character == ")":
            depth -= 1
    return deepest
