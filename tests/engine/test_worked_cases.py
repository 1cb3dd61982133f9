"""Worked cases: rulesets whose examples carry amounts that a person computed, with the arithmetic above each.

`cases/worked` holds one file a topic, each example pinning a sentence of the language; `cases/trade` holds small price
lists of the kinds that the trade has, `cases/samples` whole ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

from ratebook.diagnostics import Severity, Source
from ratebook.engine.compiler.compile import Compiled, compile_ruleset
from ratebook.engine.examples import run_example
from ratebook.engine.plan import verify
from ratebook.engine.statement import Statement

CASES = Path(__file__).parents[1] / "cases"
WORKED = sorted(CASES.glob("worked/*.rates"))
TRADE = sorted(CASES.glob("trade/*.rates"))
FILES = [*WORKED, *TRADE, *sorted(CASES.glob("samples/*.rates"))]


@cache
def compiled(path: Path, *, prove: bool = False) -> Compiled:
    def read(name: str) -> str | None:
        file = path.parent / name
        return file.read_text(encoding="utf-8") if file.is_file() else None

    return compile_ruleset(Source(path.name, path.read_text(encoding="utf-8")), read, prove=prove)


def _examples() -> Iterator[object]:
    for path in FILES:
        ruleset = compiled(path).ruleset
        for number, example in enumerate(() if ruleset is None else ruleset.examples):
            yield pytest.param(path, number, id=f"{path.stem}: {example.title}")


def test_there_are_cases() -> None:
    assert len(WORKED) >= 30
    assert len(TRADE) >= 15
    assert len(list(_examples())) >= 700


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_whatever_is_compared_over_all_usage_has_an_answer(path: Path) -> None:
    found = compiled(path, prove=True)
    assert found.ruleset is not None
    assert len(found.outcomes) == len(found.ruleset.promises)
    errors = [item for item in found.findings if item.severity is Severity.ERROR]
    assert {item.code for item in errors} <= {"RB2601"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_ruleset_compiles_to_a_sound_program(path: Path) -> None:
    found = compiled(path)
    assert [item.message for item in found.findings if item.severity is Severity.ERROR] == []
    assert found.program is not None
    verify(found.program)


@pytest.mark.parametrize("path", [*WORKED, *TRADE], ids=lambda path: path.stem)
def test_every_example_has_its_arithmetic_above_it(path: Path) -> None:
    # What names a sentence says nothing of an amount.
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("# sentence: ")]
    assert [line for before, line in pairwise(lines) if line.startswith("example ") and before[:2] != "# "] == []


@pytest.mark.parametrize(("path", "number"), list(_examples()))
def test_an_example_comes_out(path: Path, number: int, assert_sound: Callable[[Statement], None]) -> None:
    found = compiled(path)
    assert found.program is not None and found.ruleset is not None
    outcome = run_example(found.program, found.ruleset.examples[number])
    assert [mismatch.message for mismatch in outcome.mismatches] == []
    assert outcome.passed
    if outcome.statement is not None:
        assert_sound(outcome.statement)
