"""What the exact checker says of a ruleset: the outcomes of its promises, and warnings about prices."""

from __future__ import annotations

from ....diagnostics import Diagnostic
from ...plan import Program
from ..model import MoreNeverCostsLess, Ruleset
from .comparisons import compare
from .outcome import Outcome, Verdict
from .promises import prove, refutations


def proved(program: Program, ruleset: Ruleset) -> tuple[tuple[Outcome, ...], list[Diagnostic]]:
    """The outcomes of a ruleset's promises, and every finding: what is refuted, and what costs money by mistake."""
    outcomes = prove(program, ruleset)
    refuted = frozenset(
        promise.meter
        for promise, outcome in zip(ruleset.promises, outcomes, strict=True)
        if isinstance(promise, MoreNeverCostsLess) and outcome.verdict is Verdict.REFUTED
    )
    return outcomes, [*refutations(program, ruleset, outcomes), *compare(program, ruleset, refuted)]
