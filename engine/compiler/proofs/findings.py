"""What the exact checker says of a ruleset: the outcomes of its promises, and warnings about prices."""

from __future__ import annotations

from ....diagnostics import Diagnostic
from ....records import Record
from ...plan import Program
from ..model import MoreNeverCostsLess, Ruleset
from .comparisons import compare
from .outcome import Outcome, Verdict
from .promises import prove, refutations


class Proved(Record):
    """The outcomes of a ruleset's promises, every finding, and sentences on what a limit left out."""

    outcomes: tuple[Outcome, ...]
    findings: tuple[Diagnostic, ...]
    left_out: tuple[str, ...]


def proved(program: Program, ruleset: Ruleset) -> Proved:
    """What became of the promises, and what costs money by mistake."""
    outcomes = prove(program, ruleset)
    refuted = frozenset(
        promise.meter
        for promise, outcome in zip(ruleset.promises, outcomes, strict=True)
        if isinstance(promise, MoreNeverCostsLess) and outcome.verdict is Verdict.REFUTED
    )
    left_out: list[str] = []
    found = (*refutations(program, ruleset, outcomes), *compare(program, ruleset, refuted, left_out))
    return Proved(outcomes, found, tuple(left_out))
