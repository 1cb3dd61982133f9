"""Promises as data: each ruleset says what becomes of its promise, and words of the witness or of the reason.

`#! proved`, `#! proved: rounding 0.02`, `#! refuted: words`, `#! not decided: words`. Amounts are worked out by hand.
"""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

import pytest

from ratebook.diagnostics import Source
from ratebook.engine.compiler.compile import compile_ruleset
from ratebook.engine.compiler.proofs.outcome import Verdict

CASES = sorted((Path(__file__).parents[2] / "cases" / "promises").glob("*.rates"))
EXPECTED = re.compile(r"#! (proved|refuted|not decided)(?:: (.*))?")


def test_there_are_many_cases() -> None:
    assert len(CASES) >= 30


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_the_promise_comes_out_as_the_case_says(path: Path) -> None:
    text = path.read_text("utf-8")
    expected = EXPECTED.findall(text)
    result = compile_ruleset(Source(path.name, text), prove=True)
    assert len(result.outcomes) == len(expected) == 1, result.findings
    (verdict, words), outcome = expected[0], result.outcomes[0]
    assert outcome.verdict.value == verdict, outcome
    slack = re.fullmatch(r"rounding ([\d.]+)", words)
    assert outcome.slack == (Fraction(slack[1]) if slack else 0)
    if outcome.verdict is Verdict.REFUTED:
        assert outcome.witness is not None and words in outcome.witness.text, outcome.witness
        assert [finding.code for finding in result.findings if finding.span == outcome.span] == ["RB2601"]
    elif outcome.verdict is Verdict.NOT_DECIDED:
        assert words and words in outcome.reason
