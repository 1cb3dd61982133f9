"""What the exact checker says of a ruleset: the outcomes of its promises, and warnings about prices."""

from __future__ import annotations

from ....diagnostics import Diagnostic
from ...plan import Program
from ..model import Ruleset
from .outcome import Outcome
from .promises import prove, refutations


def proved(program: Program, ruleset: Ruleset) -> tuple[tuple[Outcome, ...], list[Diagnostic]]:
    """The outcomes of a ruleset's promises, and every finding: what is refuted, and what costs money by mistake."""
    outcomes = prove(program, ruleset)
    return outcomes, list(refutations(program, ruleset, outcomes))
