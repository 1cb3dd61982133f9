"""What the functions of the builder share: where findings go, and how parts of a production are told apart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

from ...diagnostics import Diagnostic, Label, Span

T = TypeVar("T")

STAND_IN = "?"
"""The name of what stands in for a first line that could not be read; no name of a ruleset can be this."""


@dataclass(slots=True)
class Build:
    """One file being built: its name, its currency where the header says one, and the findings so far."""

    file: str
    currency: str = ""
    found: list[Diagnostic] = field(default_factory=list)
    mended: bool = False
    """Whether lines of this declaration were left out or read otherwise; then what is missing is no new finding."""

    def report(self, finding: Diagnostic) -> None:
        self.found.append(finding)


Action: TypeAlias = Callable[[Build, list[Any], Span], Any]


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a line that is no node of its own; `kind` names it."""

    kind: str
    span: Span
    value: Any = None


def part(kind: str) -> Action:
    """An action that keeps the single part of a production, or nothing, under a name."""
    return lambda _, parts, span: Part(kind, span, parts[0] if parts else None)


def constant(value: object) -> Action:
    """An action for words that mean one value."""
    return lambda _build, _parts, _span: value


def first(parts: Sequence[Any], kind: type[T]) -> T | None:
    """The first part of a type."""
    for item in parts:
        if isinstance(item, kind):
            return item
    return None


def every(parts: Sequence[Any], kind: type[T]) -> tuple[T, ...]:
    """All parts of a type."""
    return tuple(item for item in parts if isinstance(item, kind))


def named(parts: Sequence[Any], kind: str) -> Part | None:
    """The first `Part` of a kind."""
    for item in parts:
        if isinstance(item, Part) and item.kind == kind:
            return item
    return None


def value_of(parts: Sequence[Any], kind: str) -> Any:
    """What the `Part` of a kind holds; None where there is none."""
    found = named(parts, kind)
    return found.value if found is not None else None


def refuse_repeats(build: Build, parts: Sequence[Any], kind: type | str, what: str) -> None:
    """Report every part of a kind but the first."""
    found = [
        item
        for item in parts
        if (isinstance(item, Part) and item.kind == kind if isinstance(kind, str) else isinstance(item, kind))
    ]
    for again in found[1:]:
        build.report(
            Diagnostic(
                "RB1113",
                f"{what} stands here a second time",
                again.span,
                here="again",
                labels=(Label(found[0].span, "first here"),),
                hints=("keep one of the two",),
            )
        )
