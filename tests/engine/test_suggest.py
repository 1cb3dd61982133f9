"""Suggested examples, for every ruleset that ships or is a case: they come out, touch what they say, are canonical."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest

from ratebook.diagnostics import Source
from ratebook.engine.compiler.compile import Compiled, compile_ruleset
from ratebook.engine.coverage.items import items_of, key_of
from ratebook.engine.coverage.report import Coverage, cover
from ratebook.engine.coverage.suggest import Suggestions, suggest
from ratebook.engine.coverage.touched import touched
from ratebook.engine.examples import Outcome, run_example
from ratebook.grammar.format import format_ruleset
from ratebook.grammar.parse import parse

ROOT = Path(__file__).parents[2]
FILES = [
    *sorted(ROOT.glob("rulesets/*/*.rates")),
    *sorted(ROOT.glob("tests/cases/samples/*.rates")),
    *sorted(ROOT.glob("tests/cases/worked/*.rates")),
]
# All is reached but what cannot be: in `cloud`, a seat and the support fee come to more than the minimum.
UNREACHED = {"starter": 0, "platform": 0, "platform_zh": 0, "tokens": 0, "web": 0, "telecom": 0, "power": 0, "cloud": 1}


def read_beside(path: Path, name: str) -> str | None:
    file = path.parent / name
    return file.read_text(encoding="utf-8") if file.is_file() else None


def compiled(path: Path, text: str) -> Compiled:
    return compile_ruleset(Source(path.name, text), lambda name: read_beside(path, name))


def outcomes_of(found: Compiled) -> Sequence[Outcome]:
    assert found.program is not None and found.ruleset is not None
    return [run_example(found.program, example) for example in found.ruleset.examples]


@cache
def suggested(path: Path) -> tuple[Compiled, Suggestions]:
    text = path.read_text(encoding="utf-8")
    found = compiled(path, text)
    source = Source(path.name, text)
    return found, suggest(found, outcomes_of(found), source, lambda name: read_beside(path, name))


def coverage_of(found: Compiled) -> Coverage:
    coverage = cover(found, outcomes_of(found))
    assert coverage is not None
    return coverage


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_suggestions_hold(path: Path) -> None:
    before, suggestions = suggested(path)
    text = path.read_text(encoding="utf-8")
    assert suggestions.text.startswith(text)

    # They fail until a person takes the mark away, and cover nothing until then.
    marked = compiled(path, suggestions.text)
    assert marked.ruleset is not None and before.ruleset is not None
    added = marked.ruleset.examples[len(before.ruleset.examples) :]
    assert len(added) == len(suggestions.examples)
    assert all(example.unreviewed for example in added)
    assert coverage_of(marked).covered == coverage_of(before).covered

    # Then they pass, and coverage has risen to all that could be reached.
    reviewed = compiled(path, suggestions.text.replace(" unreviewed:", ":"))
    old = outcomes_of(before)
    assert [outcome.passed for outcome in outcomes_of(reviewed)] == [outcome.passed for outcome in old] + [True] * len(
        added
    )
    after = coverage_of(reviewed)
    assert {key_of(item) for item in after.missed} == {key_of(one.item) for one in suggestions.unreached}
    assert len(after.missed) == UNREACHED.get(path.stem, len(after.missed))
    assert after.covered > coverage_of(before).covered or not suggestions.examples


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_suggestions_are_canonical(path: Path) -> None:
    _, suggestions = suggested(path)
    text = path.read_text(encoding="utf-8")
    added = suggestions.text[len(text) :].lstrip("\n")
    assert added == "\n".join(suggestion.text for suggestion in suggestions.examples)
    if added:
        tree, findings = parse(Source("added.rates", added))
        assert not findings
        assert format_ruleset(tree, added) == added


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_no_suggestion_is_superfluous(path: Path) -> None:
    found, suggestions = suggested(path)
    for one in suggestions.examples:
        others = {key for other in suggestions.examples if other is not one for key in other.keys}
        assert one.keys - others, one.title
    assert len({one.title for one in suggestions.examples}) == len(suggestions.examples)
    assert found.program is not None
    known = {key_of(item) for item in items_of(found.program)}
    assert all(one.keys <= known for one in suggestions.examples)


def test_nothing_is_suggested_twice() -> None:
    path = ROOT / "rulesets/starter/starter.rates"
    _, first = suggested(path)
    again = compiled(path, first.text)
    second = suggest(again, outcomes_of(again), Source(path.name, first.text))
    assert first.examples and not second.examples
    assert second.text == first.text


def test_a_file_keeps_its_line_ends() -> None:
    path = ROOT / "rulesets/starter/starter.rates"
    text = path.read_text(encoding="utf-8").replace("\n", "\r\n")
    found = compiled(path, text)
    added = suggest(found, outcomes_of(found), Source(path.name, text)).text[len(text) :]
    assert added.count("\n") == added.count("\r\n") > 0


def test_a_ruleset_that_is_too_large_is_left_alone() -> None:
    path = ROOT / "rulesets/starter/starter.rates"
    text = path.read_text(encoding="utf-8")
    found = compiled(path, text)
    size = len(text.encode()) + 10
    kept = suggest(found, outcomes_of(found), Source(path.name, text), max_bytes=size)
    assert kept.text == text and not kept.examples and kept.unreached


def test_what_keeps_an_item_from_being_touched_is_said() -> None:
    _, suggestions = suggested(ROOT / "rulesets/cloud/cloud.rates")
    assert [one.item.rule for one in suggestions.unreached] == ["minimum"]
    assert "none touched it" in suggestions.unreached[0].reason


def test_an_example_touches_its_items_as_text() -> None:
    path = ROOT / "rulesets/platform/platform.rates"
    _, suggestions = suggested(path)
    found = compiled(path, suggestions.text)
    assert found.ruleset is not None and found.program is not None
    by_title = {example.title: example for example in found.ruleset.examples}
    for one in suggestions.examples:
        assert one.keys <= touched(found.program, by_title[one.title]).keys
