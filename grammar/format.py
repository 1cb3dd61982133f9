"""From a tree to canonical text, with its comments: what `ratebook fmt` writes.

Two laws: parsing what is written gives an equal tree, and formatting it again changes nothing. Every line of the
language is one row here; comments and blank lines find their rows by the offsets of the source. The tree has to come
from a text without errors, because lines that could not be read are not in it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ..diagnostics import Source, display_width
from . import syntax as s
from .rows import rows_of

_TOGETHER = (
    s.Import, s.UnitDeclaration, s.Meter, s.WindowDeclaration, s.Promise, s.Allow, s.CostOf, s.Combination,
    s.EventDeclaration,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Entry:
    """A line to write: a row of the tree or a comment on a line of its own."""

    level: int
    text: str
    offset: int
    declaration: int
    """The declaration that it belongs to; a comment before a declaration belongs to it."""
    opens_declaration: bool = False


def format_ruleset(tree: s.Ruleset, source_text: str | None = None) -> str:
    """The canonical text of a tree; `source_text`, where it was read from, keeps its groups of lines apart."""
    source = Source("", source_text) if source_text is not None else None
    entries = _with_comments(tree, source)
    lines: list[str] = []
    for before, entry in pairwise([None, *entries]):
        if before is not None and _blank_between(tree, source, before, entry):
            lines.append("")
        lines.append(entry.text if entry is not None else "")
    return "".join(f"{line}\n" for line in lines)


def _rows(tree: s.Ruleset) -> Iterator[_Entry]:
    for number, declaration in enumerate(tree.declarations):
        for index, row in enumerate(rows_of(declaration)):
            yield _Entry(row.level, "  " * row.level + row.text, row.offset, number, index == 0)


def _with_comments(tree: s.Ruleset, source: Source | None) -> list[_Entry]:
    rows = list(_rows(tree))
    offsets = [row.offset for row in rows]
    before: dict[int, list[s.Comment]] = {}
    for comment in tree.comments:
        index = bisect_right(offsets, comment.span.start)
        if comment.own_line or index == 0:
            before.setdefault(index, []).append(comment)
        else:
            rows[index - 1] = _trailing(rows[index - 1], comment, source)
    entries: list[_Entry] = []
    for index in range(len(rows) + 1):
        previous = rows[index - 1] if index else None
        following = rows[index] if index < len(rows) else None
        entries.extend(_own_lines(before.get(index, ()), previous, following, source))
        if following is not None:
            entries.append(following)
    return entries


def _column(comment: s.Comment, source: Source) -> int:
    line, column = source.position(comment.span.start)
    return display_width(source.line(line)[: column - 1].replace("\ufeff", ""))


def _trailing(row: _Entry, comment: s.Comment, source: Source | None) -> _Entry:
    """A comment after code stands two spaces behind it, or where its author aligned it."""
    gap = 2
    if source is not None:
        line, column = source.position(comment.span.start)
        if source.line(line)[: column - 1].endswith("  "):
            gap = max(2, _column(comment, source) - display_width(row.text))
    return _Entry(row.level, row.text + " " * gap + comment.text, row.offset, row.declaration, row.opens_declaration)


def _own_lines(
    comments: Sequence[s.Comment], previous: _Entry | None, following: _Entry | None, source: Source | None
) -> Iterator[_Entry]:
    """Comments go with what follows; one that is indented deeper than that ends the block before."""
    deepest = previous.level if previous is not None else 0
    for comment in comments:
        level = following.level if following is not None else 0
        owner = following or previous
        if source is not None and previous is not None:
            own = min(_column(comment, source) // 2, deepest)
            if own > level:
                level, owner = own, previous
        deepest = level
        number = owner.declaration if owner is not None else 0
        if owner is previous and following is None and level == 0 and previous is not None:
            number += 1
        yield _Entry(level, "  " * level + comment.text, comment.span.start, number)


def _blank_between(tree: s.Ruleset, source: Source | None, before: _Entry, entry: _Entry | None) -> bool:
    if entry is None:
        return False
    blank = source is not None and source.position(entry.offset)[0] - source.position(before.offset)[0] > 1
    if before.declaration == entry.declaration:
        return blank and entry.level <= before.level
    if blank or entry.declaration >= len(tree.declarations):
        return blank
    first, second = tree.declarations[before.declaration], tree.declarations[entry.declaration]
    together = type(first) is type(second) and isinstance(first, _TOGETHER)
    if isinstance(first, s.EventDeclaration) and isinstance(second, s.EventDeclaration):
        together = not first.fields and not second.fields
    return not together
