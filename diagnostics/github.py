"""Findings as workflow commands of GitHub Actions, which become annotations beside the changed lines.

GitHub shows at most ten annotations of a level for a step and drops the rest without a word. So what costs money by
mistake comes first, and what is left out is counted in one notice at the end.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction

from .diagnostic import Diagnostic, Severity
from .source import Source

ANNOTATIONS_MAX = 10
# Findings of these chapters bill a wrong amount; the others keep a ruleset from being used, or are matters of form.
_COSTLY = ("RB21", "RB22", "RB23", "RB24", "RB26", "RB27", "RB50")


def render_github(diagnostics: Iterable[Diagnostic], sources: Mapping[str, Source]) -> str:
    """A command a line: errors, then warnings, of each the costliest first; then the number of those left out."""
    ranked = sorted(diagnostics, key=_cheapness)
    errors = [finding for finding in ranked if finding.severity is Severity.ERROR]
    warnings = [finding for finding in ranked if finding.severity is Severity.WARNING]
    shown = [*errors[:ANNOTATIONS_MAX], *warnings[:ANNOTATIONS_MAX]]
    lines = [_command(finding, sources) for finding in shown]
    left_out = [*_counted(len(errors), "error"), *_counted(len(warnings), "warning")]
    if left_out:
        said = f"{' and '.join(left_out)} not shown here: `ratebook check` lists them all"
        lines.append(f"::notice title=Ratebook::{_data(said)}")
    text = "".join(f"{line}\n" for line in lines)
    return text.encode("utf-8", "replace").decode("utf-8")


def _cheapness(finding: Diagnostic) -> tuple[bool, Fraction]:
    """What sorts the costliest first: chapters that bill wrong amounts, and in them the greatest witness."""
    return not finding.code.startswith(_COSTLY), -(finding.stake or Fraction(0))


def _counted(count: int, noun: str) -> Iterator[str]:
    more = count - ANNOTATIONS_MAX
    if more > 0:
        yield f"{more} more {noun}{'' if more == 1 else 's'}"


def _command(finding: Diagnostic, sources: Mapping[str, Source]) -> str:
    level = "error" if finding.severity is Severity.ERROR else "warning"
    properties = ",".join(f"{name}={_property(str(value))}" for name, value in _properties(finding, sources))
    return f"::{level} {properties}::{_data(chr(10).join(_sayings(finding)))}"


def _properties(finding: Diagnostic, sources: Mapping[str, Source]) -> Iterator[tuple[str, str | int]]:
    file = finding.span.file if finding.span is not None else finding.place
    if file:
        yield "file", file
    source = sources.get(finding.span.file) if finding.span is not None else None
    if finding.span is not None and source is not None:
        (line, column), (end_line, end_column) = source.position(finding.span.start), source.position(finding.span.end)
        yield "line", line
        if line == end_line:  # GitHub takes columns only within one line
            yield "col", column
        yield "endLine", end_line
        if line == end_line:
            yield "endColumn", end_column
    yield "title", finding.code


def _sayings(finding: Diagnostic) -> Iterator[str]:
    yield finding.message
    yield from (f"help: {hint}" for hint in finding.hints)
    yield from (f"note: {note}" for note in finding.notes)


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
