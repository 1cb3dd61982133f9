"""From text to a tree and findings: `parse` never raises for a text.

Every top-level declaration is parsed on its own, so that a mistake stays in it. Where one gets stuck, `mistakes`
names the slip. A clear slip is read as what was meant (a `Patch`), otherwise the line is left out with its block, and
the declaration is parsed again, until it goes through: two mistakes in one plan are two findings. A declaration whose
first line cannot be read is searched for further mistakes in the same way and then left out of the tree.

`10 USD` is money where money may stand and a quantity cannot; where both may stand it is money if the word is the
currency of the file's `currency` line, and a quantity otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache

from ..diagnostics import Diagnostic, Source, Span, in_order
from . import mistakes
from .builder import ACTIONS, STAND_IN, Build
from .collector import without_garbage_collector
from .layout import NESTING_MAX, Layout, Line, lay_out
from .machine import Machine, Patch, StuckError
from .mistakes.case import block_end
from .syntax import Charge, Contract, Declaration, EventName, Name, Plan, PlanItem, Policy, Remove, Ruleset
from .tables import load_tables

BYTES_MAX = 256 * 1024
_TRIES_MIN, _TRIES_MAX, _LINES_READ_MAX = 4, 20, 40_000
_CURRENCY_LINE = re.compile(r"^[ ]+currency +([A-Z]{3}) *$", re.MULTILINE)
_NEGATIONS = re.compile(rf"(?:\bnot\b[ (]*){{{NESTING_MAX + 1}}}")


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
    with without_garbage_collector():
        layout = lay_out(source)
        currency = _CURRENCY_LINE.search(layout.text)
        build = Build(source.name, currency.group(1) if currency else "", list(layout.diagnostics))
        declarations = tuple(
            declaration
            for lines in layout.declarations
            if (declaration := _Attempt(build, source, layout, lines).declaration()) is not None
        )
    tree = Ruleset(span=Span(source.name, 0, len(source.text)), declarations=declarations, comments=layout.comments)
    return tree, in_order(build.found)


@cache
def machine() -> Machine:
    """The walk over the tables of the language, made once."""
    return Machine(load_tables(), ACTIONS)


@dataclass(slots=True)
class _Attempt:
    """One declaration on its way: what was read otherwise so far, and which lines were left out."""

    build: Build
    source: Source
    layout: Layout
    written: Sequence[Line]
    lines: Sequence[Line] = ()
    patches: dict[int, Patch] = field(default_factory=dict)
    heads_lost: set[int] = field(default_factory=set)

    def declaration(self) -> Declaration | None:
        """The declaration, or None if its first line is beyond repair."""
        self.lines = self._readable(self._shallow_enough())
        self.build.mended = len(self.lines) < len(self.written)
        for _ in range(max(_TRIES_MIN, min(_TRIES_MAX, _LINES_READ_MAX // max(1, len(self.lines))))):
            if not self.lines:
                return None
            known = len(self.build.found)
            try:
                tree = machine().parse(self.build, self.layout.text, self.lines, self.patches)
            except StuckError as stuck:
                del self.build.found[known:]
                if not self._mend(stuck):
                    return None
            else:
                if self.lines[0].start in self.heads_lost or tree is None:
                    return None
                return _without_stand_ins(tree) if self.heads_lost else tree
        return None

    def _had_block(self, head: Line) -> bool:
        """Whether something stood below a line as it was written; then it was left out, and that was reported."""
        following = next((line for line in self.written if line.start > head.start), head)
        return following.level > head.level

    def _readable(self, lines: Sequence[Line]) -> Sequence[Line]:
        """The lines without those that the layout could not read; one that opens a block gets a stand-in."""
        kept: list[Line] = []
        index = 0
        while index < len(lines):
            line, end = lines[index], block_end(lines, index)
            index += 1
            if not line.broken:
                kept.append(line)
                continue
            head = mistakes.stand_in(self.layout.text, line, lines[index:])
            if head is None:
                index = end if line.level else len(lines)
                continue
            self.heads_lost.add(line.start)
            self.patches[line.start] = head
            kept.append(line)
        return kept

    def _shallow_enough(self) -> Sequence[Line]:
        kept: list[Line] = []
        for line in self.written:
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
        if slip.finding.code != "RB1004" or not self._had_block(self.lines[slip.line]):
            self.build.report(slip.finding)
        self.build.mended = True
        if slip.patch is not None and slip.patch.start not in self.patches:
            self.patches[slip.patch.start] = slip.patch
            return True
        line = self.lines[slip.line]
        self.patches = {start: patch for start, patch in self.patches.items() if not line.start <= start <= line.end}
        head = mistakes.stand_in(self.layout.text, line, self.lines[slip.line + 1 :])
        if head is not None and line.start not in self.heads_lost and slip.end - slip.line > 1:
            self.heads_lost.add(line.start)
            self.patches[line.start] = head
            return True
        self.lines = [*self.lines[: slip.line], *self.lines[slip.end :]]
        return slip.line > 0


def _without_stand_ins(tree: Declaration) -> Declaration | None:
    """The declaration without what stands in for unreadable lines; None if it is such a thing itself."""
    if isinstance(getattr(tree, "name", None), Name | EventName) and tree.name.text == STAND_IN:  # type: ignore[union-attr]
        return None
    match tree:
        case Plan():
            return replace(tree, items=tuple(item for item in tree.items if not _stands_in(item)))
        case Contract():
            return replace(
                tree, items=tuple(item for item in tree.items if isinstance(item, Remove) or not _stands_in(item.item))
            )
        case _:
            return tree


def _stands_in(item: PlanItem | Policy) -> bool:
    return isinstance(item, Charge) and item.name.text == STAND_IN


def _depth(text: str) -> int:
    depth = deepest = 0
    for character in re.sub(r'"[^"]*"', "", text):
        if character == "(":
            depth += 1
            deepest = max(deepest, depth)
        elif character == ")":
            depth -= 1
    return deepest
