"""A finding about a user's text or data: a value with a stable code, places, a reason and a way out."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from .codes import CODES
from .source import Span


class Severity(enum.Enum):
    """How much a finding weighs; `ERROR` stops the ruleset from being used."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Label:
    """A further place that a finding involves, with what to say there."""

    span: Span
    text: str


@dataclass(frozen=True, slots=True)
class Edit:
    """A replacement of a span by a text: a fix that a tool may apply."""

    span: Span
    text: str


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding.

    `message` says what is wrong in business words, `here` what to write under the carets of `span`, `hints` ways out
    (at most three), `notes` facts, such as the witness of a check. `edits` apply the first hint where that is safe.
    `place` names a place that is not in a text: a file and row of data.
    """

    code: str
    message: str
    span: Span | None = None
    here: str = ""
    labels: tuple[Label, ...] = ()
    hints: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    edits: tuple[Edit, ...] = ()
    place: str = ""
    stake: Fraction | None = None
    """The money by which the amounts of the witness differ, in the ruleset's currency, where that is known."""

    def __post_init__(self) -> None:
        if self.code not in CODES:
            raise ValueError(f"{self.code} is not in the table of codes")

    @property
    def severity(self) -> Severity:
        return Severity.WARNING if CODES[self.code].warning else Severity.ERROR


def has_errors(diagnostics: Iterable[Diagnostic]) -> bool:
    """Whether any finding is an error."""
    return any(finding.severity is Severity.ERROR for finding in diagnostics)


def in_order(diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """The findings in the order of their places, each once."""
    return tuple(
        sorted(
            dict.fromkeys(diagnostics),
            key=lambda finding: (finding.span or Span("", -1, -1), finding.code, finding.message),
        )
    )
