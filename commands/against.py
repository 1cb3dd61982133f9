"""`ratebook check --against`: each ruleset of now beside its earlier version."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from ..diagnostics import Diagnostic, Source
from ..engine.compiler.against import Comparison, compare
from ..engine.compiler.compile import Compiled
from .changes import comparison_text, comparison_values
from .earlier import Earlier, earlier_versions, removed_files


@dataclass(frozen=True, slots=True)
class Compared:
    """A ruleset beside its earlier version; no comparison where it is new, or is gone, or one has mistakes."""

    name: str
    earlier: str
    comparison: Comparison | None
    old: dict[str, Source]
    new: dict[str, Source]
    said: str = ""

    def text(self) -> str:
        """What changed, for people."""
        if self.comparison is None:
            return f"{self.said}\n"
        return comparison_text(self.name, self.earlier, self.comparison)

    def values(self) -> dict[str, Any]:
        """What changed, for JSON."""
        comparison = self.comparison or Comparison((), (), (), (), (self.said,))
        return comparison_values(self.name, self.earlier, comparison, self.old, self.new)


@dataclass(slots=True)
class Against:
    """All comparisons of a run, with their findings; `unreadable` where an earlier version could not be read."""

    compared: list[Compared] = field(default_factory=list)
    findings: list[Diagnostic] = field(default_factory=list)
    sources: dict[str, Source] = field(default_factory=dict)
    unreadable: bool = False


def compare_all(
    compiled: Sequence[tuple[Path, Compiled]],
    paths: Sequence[str],
    against: str,
    *,
    closed_before: date,
    max_bytes: int | None,
) -> Against:
    """Compare each ruleset with its earlier version. Files of declarations are part of what imports them."""
    result = Against()
    now = {path: item for path, item in compiled if item.program is not None}
    seen: set[tuple[str, str]] = set()
    for earlier in earlier_versions(against, paths, list(now), max_bytes=max_bytes):
        _add(result, earlier, now[earlier.path], closed_before, seen)
    for name in removed_files(against, paths):
        said = f"{name} has no file of its name any more: its plans are gone"
        result.compared.append(Compared(name, name, None, {}, {}, said))
    return result


def _add(result: Against, earlier: Earlier, now: Compiled, closed_before: date, seen: set[tuple[str, str]]) -> None:
    name = str(earlier.path)
    old = earlier.compiled
    if isinstance(old, Diagnostic):
        result.unreadable = True
        if (old.code, old.message) not in seen:
            seen.add((old.code, old.message))
            result.findings.append(old)
        return
    if old is None:
        said = f"{name} is new: {earlier.name} does not hold it"
        result.compared.append(Compared(name, earlier.name, None, {}, dict(now.sources), said))
        return
    comparison = compare(old, now, closed_before)
    if comparison is None:
        result.findings.append(_broken(earlier, old, now))
        return
    result.findings.extend(comparison.findings)
    result.compared.append(Compared(name, earlier.name, comparison, dict(old.sources), dict(now.sources)))


def _broken(earlier: Earlier, old: Compiled, now: Compiled) -> Diagnostic:
    assert now.ruleset is not None, "a ruleset with a program has a model"
    first = next(item for item in old.findings if item.severity.value == "error")
    where = "" if first.span is None else f" ({old.sources[first.span.file].place(first.span)})"
    return Diagnostic(
        "RB2706",
        f"the earlier version `{earlier.name}` has mistakes, so this one was not compared with it",
        now.ruleset.span,
        "not compared",
        hints=("compare with an earlier version that `ratebook check` finds sound",),
        notes=(f"witness: {first.code}, {first.message}{where}",),
    )
