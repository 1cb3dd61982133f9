"""Findings as text for people: the place, the line, carets under what is meant, and ways out.

Columns count as a terminal shows them: wide characters take two. Characters that would hide or turn what is shown are
replaced, and of a very long line only the part around the carets is shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from .diagnostic import Diagnostic, Severity
from .source import Source, Span, display_width

_COLUMNS_MAX = 160
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]"
)
_STYLES = {"error": "1;31", "warning": "1;33", "place": "1;34", "help": "1;32", "note": "1;36", "title": "1"}


@dataclass(frozen=True, slots=True)
class _Paint:
    colour: bool

    def __call__(self, style: str, text: str) -> str:
        return f"\x1b[{_STYLES[style]}m{text}\x1b[0m" if self.colour and text else text


@dataclass(frozen=True, slots=True)
class _Mark:
    """What to underline: the primary span with `^`, further ones with `-`."""

    span: Span
    text: str
    primary: bool


def render_text(diagnostics: Iterable[Diagnostic], sources: Mapping[str, Source], *, colour: bool = False) -> str:
    """All findings in the order given, with a blank line between them."""
    paint = _Paint(colour)
    return "\n".join("".join(f"{line}\n" for line in _finding(each, sources, paint)) for each in diagnostics)


def _finding(finding: Diagnostic, sources: Mapping[str, Source], paint: _Paint) -> Iterator[str]:
    severity = "error" if finding.severity is Severity.ERROR else "warning"
    yield f"{paint(severity, f'{severity}[{finding.code}]')}{paint('title', ': ' + _shown(finding.message))}"
    marks = [_Mark(label.span, label.text, primary=False) for label in finding.labels]
    if finding.span is not None:
        marks.insert(0, _Mark(finding.span, finding.here, primary=True))
    gutter = _gutter(marks, sources)
    if finding.place:
        yield f"{' ' * gutter}{paint('place', '-->')} {_shown(finding.place)}"
    files = dict.fromkeys(mark.span.file for mark in marks)
    for index, file in enumerate(files):
        own = [mark for mark in marks if mark.span.file == file]
        yield from _file(own, sources.get(file), "-->" if not index else ":::", gutter, paint)
    for hint in finding.hints:
        yield f"{' ' * gutter} {paint('place', '=')} {paint('help', 'help')}: {_shown(hint)}"
    for note in finding.notes:
        yield f"{' ' * gutter} {paint('place', '=')} {paint('note', 'note')}: {_shown(note)}"


def _gutter(marks: Iterable[_Mark], sources: Mapping[str, Source]) -> int:
    numbers = [
        source.position(mark.span.start)[0] for mark in marks if (source := sources.get(mark.span.file)) is not None
    ]
    return len(str(max(numbers, default=1)))


def _file(marks: list[_Mark], source: Source | None, arrow: str, gutter: int, paint: _Paint) -> Iterator[str]:
    margin = " " * gutter
    first = marks[0].span
    if source is None:
        yield f"{margin}{paint('place', arrow)} {_shown(first.file)}"
        return
    line, column = source.position(first.start)
    yield f"{margin}{paint('place', arrow)} {_shown(first.file)}:{line}:{column}"
    yield f"{margin} {paint('place', '|')}"
    by_line: dict[int, list[_Mark]] = {}
    for mark in marks:
        by_line.setdefault(source.position(mark.span.start)[0], []).append(mark)
    before = 0
    for number in sorted(by_line):
        if before and number > before + 1:
            yield f"{margin} {paint('place', '⋮')}"
        before = number
        yield from _line(source, number, by_line[number], gutter, paint)


def _line(source: Source, number: int, marks: list[_Mark], gutter: int, paint: _Paint) -> Iterator[str]:
    text, start = source.line(number), source.line_start(number)
    begin, end, cut = _window(text, [mark.span.start - start for mark in marks])
    shown = ("…" if begin else "") + _shown(text[begin:end]) + ("…" if cut else "")
    bar = paint("place", "|")
    yield f"{paint('place', str(number).rjust(gutter))} {bar} {shown}".rstrip()
    for mark in sorted(marks, key=lambda each: (not each.primary, each.span)):
        left = min(max(mark.span.start - start, begin), len(text))
        right = min(max(mark.span.end - start, left), end)
        indent = display_width(_shown(text[begin:left])) + bool(begin)
        width = max(1, display_width(_shown(text[left:right])))
        sign = "^" if mark.primary else "-"
        line = f"{sign * width} {_shown(mark.text)}".rstrip()
        style = "error" if mark.primary else "place"
        yield f"{' ' * gutter} {bar} {' ' * indent}{paint(style, line)}"


def _window(text: str, offsets: list[int]) -> tuple[int, int, bool]:
    """The part `[begin, end)` of a line to show, and whether something after it is left out."""
    if len(text) <= _COLUMNS_MAX:
        return 0, len(text), False
    begin = max(0, min(min(offsets), len(text)) - _COLUMNS_MAX // 4)
    end = min(len(text), begin + _COLUMNS_MAX)
    return begin, end, end < len(text)


def _shown(text: str) -> str:
    return _HIDDEN.sub("\ufffd", text.replace("\t", " "))
