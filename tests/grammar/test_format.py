"""The laws of formatting, over samples, every form of the language, random sentences and damaged texts."""

from __future__ import annotations

import importlib.util
import random
import re
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ratebook.diagnostics import Source
from ratebook.grammar import syntax as s
from ratebook.grammar.format import format_ruleset
from ratebook.grammar.parse import parse

CASES = Path(__file__).parent.parent / "cases"
SAMPLES = sorted((CASES / "samples").glob("*.rates"))
FORMS = sorted((CASES / "forms").glob("*.rates"))
TEXTS = [path.read_text(encoding="utf-8") for path in (*SAMPLES, *FORMS)]


def _sentences() -> ModuleType:
    spec = importlib.util.spec_from_file_location("sentences", Path(__file__).parent / "sentences.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


sentences = _sentences()


def check_laws(text: str) -> str:
    tree, found = parse(Source("a", text))
    assert found == ()
    formatted = format_ruleset(tree, text)
    again, found = parse(Source("a", formatted))
    assert found == ()
    assert again == tree
    assert [comment.text for comment in again.comments] == [comment.text for comment in tree.comments]
    assert format_ruleset(again, formatted) == formatted
    without = format_ruleset(tree)
    assert parse(Source("a", without))[0] == tree
    return formatted


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_samples_only_change_inside_tables(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    formatted = check_laws(text)
    assert [re.sub(r" +\|", " |", line) for line in text.rstrip().split("\n")] == [
        re.sub(r" +\|", " |", line) for line in formatted.rstrip().split("\n")
    ]


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_canonical_texts_stay_as_they_are(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert check_laws(text) == text


def test_every_node_of_the_language_is_formatted() -> None:
    kinds = {
        kind for kind in vars(s).values() if isinstance(kind, type) and issubclass(kind, s.Node) and kind is not s.Node
    }
    seen = {type(node) for text in TEXTS for node in s.walk(parse(Source("a", text))[0])}
    assert kinds - seen == set()


@settings(max_examples=400, deadline=None)
@given(st.integers(0, 2**32))
def test_random_sentences(seed: int) -> None:
    text = sentences.sentence(random.Random(seed))
    _, found = parse(Source("a", text))
    if found:
        refused_by_meaning = {"RB1001", "RB1102", "RB1104", "RB1105", "RB1107", "RB1108", "RB1112", "RB1113", "RB1114"}
        assert {finding.code for finding in found} <= refused_by_meaning | {"RB1115", "RB1106"}
        assert not any("may stand" in hint for finding in found for hint in finding.hints), text
        return
    check_laws(text)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_damaged_texts_never_raise(data: st.DataObject) -> None:
    lines = data.draw(st.sampled_from(TEXTS)).split("\n")
    begin = data.draw(st.integers(0, len(lines) - 1))
    lines = lines[begin : begin + 40]
    for _ in range(data.draw(st.integers(1, 6))):
        index = data.draw(st.integers(0, len(lines) - 1))
        line = lines[index]
        at = data.draw(st.integers(0, len(line)))
        junk = data.draw(
            st.sampled_from(["", ":", "|", '"', "  ", "\t", "5", "is", "#", ",", "until", "%", "“", "\x00"])
        )
        lines[index] = line[:at] + junk + line[at + data.draw(st.integers(0, 5)) :]
    text = "\n".join(lines)
    tree, found = parse(Source("a", text))
    assert len({(finding.code, finding.span, finding.message) for finding in found}) == len(found)
    if not found:
        check_laws(text)
    else:
        list(s.walk(tree))
        format_ruleset(tree, text)


@settings(max_examples=300, deadline=None)
@given(st.text(st.characters(codec=None), max_size=200))
def test_random_texts_never_raise(text: str) -> None:
    parse(Source("a", text))


def test_comments_stay_with_what_they_precede() -> None:
    text = (
        "# the file\n\n\n# about a\nunit   a # trailing\n# about b\nunit b\nmeter m: count of e\n"
        "plan p:  \n    # the charge\n    charge c:   # one\n        at $1000 per GB    # two\n\n\n        minimum $5\n"
        "        # last of the charge\n    # last of the plan\n# the end\n"
    )
    assert check_laws(text) == (
        "# the file\n\n# about a\nunit a  # trailing\n# about b\nunit b\n\nmeter m: count of e\n\n"
        "plan p:\n  # the charge\n  charge c:     # one\n    at $1,000 per GB       # two\n\n    minimum $5\n"
        "    # last of the charge\n    # last of the plan\n# the end\n"
    )


def test_tables_are_aligned_by_display_width() -> None:
    text = "plan p:\n  charge c by 地区:\n    |地区|price|\n    |北京,us|free|\n    |x|$1000 each|\n"
    assert check_laws(text) == (
        "plan p:\n  charge c by 地区:\n"
        "    | 地区     | price       |\n"
        "    | 北京, us | free        |\n"
        "    | x        | $1,000 each |\n"
    )
