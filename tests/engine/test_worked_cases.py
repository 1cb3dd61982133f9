"""Worked cases: rulesets whose examples carry amounts that a person computed, with the arithmetic above each.

`cases/worked` holds one file a topic, each example pinning a sentence of the language; `cases/samples` holds whole
price lists.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from ratebook.diagnostics import Severity, Source
from ratebook.engine.compiler.compile import CompiledRuleset, compile_ruleset
from ratebook.engine.derivation import Op, replay, steps
from ratebook.engine.evaluators.rate import billing_periods_of
from ratebook.engine.examples import run_example
from ratebook.engine.plan import verify
from ratebook.engine.statement import LineKind, Statement

CASES = Path(__file__).parents[1] / "cases"
FILES = sorted([*CASES.glob("worked/*.rates"), *CASES.glob("samples/*.rates")])


@dataclass(frozen=True, slots=True)
class Case:
    path: Path
    number: int
    title: str


@cache
def compiled(path: Path) -> CompiledRuleset:
    return compile_ruleset(Source(path.name, path.read_text(encoding="utf-8")))


def _cases() -> list[Case]:
    found = []
    for path in FILES:
        ruleset = compiled(path).ruleset
        examples = () if ruleset is None else ruleset.examples
        found.extend(Case(path, number, example.title) for number, example in enumerate(examples))
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_ruleset_compiles_to_a_sound_program(path: Path) -> None:
    found = compiled(path)
    assert [item.message for item in found.findings if item.severity is Severity.ERROR] == []
    assert found.program is not None
    verify(found.program)


@pytest.mark.parametrize("path", [path for path in FILES if path.parent.name == "worked"], ids=lambda path: path.stem)
def test_every_example_has_its_arithmetic_above_it(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    bare = [line for before, line in zip(lines, lines[1:], strict=False) if line.startswith("example ") and not before]
    assert bare == []


@pytest.mark.parametrize("case", _cases(), ids=lambda case: f"{case.path.stem}: {case.title}")
def test_an_example_comes_out(case: Case) -> None:
    found = compiled(case.path)
    assert found.program is not None and found.ruleset is not None
    example = found.ruleset.examples[case.number]
    outcome = run_example(found.program, example)
    assert [mismatch.message for mismatch in outcome.mismatches] == []
    assert outcome.passed
    assert len([*billing_periods_of(found.program, _subscription(case), example.period)]) >= 1
    if outcome.statement is not None:
        assert_sound(outcome.statement)


def _subscription(case: Case):  # type: ignore[no-untyped-def]
    from ratebook.engine.usage import Subscription

    ruleset = compiled(case.path).ruleset
    assert ruleset is not None
    example = ruleset.examples[case.number]
    return Subscription("example", example.plan, example.start, attributes=example.attributes)


def assert_sound(statement: Statement) -> None:
    """What holds for every statement, whatever its ruleset."""
    assert statement.total == sum(line.amount for line in statement.lines if line.is_added)
    prepaid = sum(line.amount for line in statement.lines if line.kind is LineKind.PREPAID)
    assert statement.due == statement.total + prepaid
    for line in statement.lines:
        assert replay(line.derivation) == line.derivation.value == statement.money.fraction(line.amount), line.id
        assert all(replay(step) == step.value for step in steps(line.derivation)), line.id
        if line.quantity_derivation is not None:
            assert replay(line.quantity_derivation) == line.quantity_derivation.value, line.id
        assert all(step.parts for step in steps(line.derivation) if step.op in (Op.ROUND, Op.PRODUCT, Op.NEGATIVE))
        if line.taken:
            assert sum(amount for _, amount in line.taken) == line.amount, line.id
            assert all(0 <= index < len(statement.lines) for index, _ in line.taken)
    assert_nothing_falls_below_zero(statement)


def assert_nothing_falls_below_zero(statement: Statement) -> None:
    """Discounts and offers leave every line at or above zero, or where it was."""
    left = {index: line.amount for index, line in enumerate(statement.lines)}
    for line in statement.lines:
        if line.kind not in (LineKind.DISCOUNT, LineKind.OFFER):
            continue
        for index, amount in line.taken:
            left[index] += amount
            assert amount < 0 <= left[index], line.id
