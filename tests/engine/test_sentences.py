"""Every sentence of the language that can change an amount has a case of its own, and every case names a real one.

`cases/sentences.toml` lists the sentences. A worked example names one in a comment line above it, whole or in part; of
several bills, files or ends of subscriptions, which no single example can say, a test function is named in the list.
"""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CASES = ROOT / "tests" / "cases"
FILES = [*sorted(CASES.glob("worked/*.rates")), *sorted(CASES.glob("trade/*.rates"))]
MARK = '# sentence: "'


@dataclass(frozen=True)
class Sentence:
    """One sentence, and the test functions that stand for it."""

    id: str
    section: int
    text: str
    tests: tuple[str, ...] = ()


@dataclass(frozen=True)
class Mark:
    """A comment line that names a sentence, and the first line after it and its neighbours that is no comment."""

    place: str
    text: str
    below: str

    def names(self, sentence: Sentence) -> bool:
        """Whether it is about a sentence: it is that sentence, or a part of it, or holds it."""
        own, whole = self.text.rstrip("."), sentence.text.rstrip(".")
        if any(own == other.text.rstrip(".") for other in sentences()):
            return own == whole
        return own in whole or whole in own


@cache
def sentences() -> tuple[Sentence, ...]:
    found = tomllib.loads((CASES / "sentences.toml").read_text(encoding="utf-8"))["sentence"]
    return tuple(Sentence(**{**item, "tests": tuple(item.get("tests", ()))}) for item in found)


@cache
def marks() -> tuple[Mark, ...]:
    return tuple(mark for path in FILES for mark in _marks_of(path))


def _marks_of(path: Path) -> Iterator[Mark]:
    lines = path.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines):
        if line.startswith(MARK):
            below = next((later for later in lines[number:] if not later.startswith("#")), "")
            yield Mark(f"{path.name}:{number + 1}", line.removeprefix(MARK).removesuffix('"'), below)


def test_the_list_is_a_list_of_sentences() -> None:
    ids = [sentence.id for sentence in sentences()]
    texts = [sentence.text for sentence in sentences()]
    assert len(ids) >= 130
    assert len(set(ids)) == len(ids)
    assert len(set(texts)) == len(texts)
    assert [sentence.section for sentence in sentences()] == sorted(sentence.section for sentence in sentences())
    assert all(1 <= sentence.section <= 7 for sentence in sentences())
    assert [text for text in texts if len(text.split()) < 2] == []


@pytest.mark.parametrize("sentence", sentences(), ids=lambda sentence: sentence.id)
def test_a_sentence_is_named_by_a_case(sentence: Sentence) -> None:
    named = [mark for mark in marks() if mark.names(sentence)]
    assert named or sentence.tests, f"no case says: {sentence.text}"


def test_no_case_names_another_sentence() -> None:
    known = sentences()
    unknown = [mark for mark in marks() if not any(mark.names(sentence) for sentence in known)]
    assert [f"{mark.place}: {mark.text}" for mark in unknown] == []


def test_a_mark_stands_directly_above_its_example() -> None:
    assert [mark.place for mark in marks() if not mark.below.startswith("example ")] == []


def test_a_mark_is_long_enough_to_mean_one_sentence() -> None:
    texts = {sentence.text for sentence in sentences()}
    assert [mark.place for mark in marks() if len(mark.text) < 9 and mark.text not in texts] == []


def test_named_test_functions_exist() -> None:
    named = [name for sentence in sentences() for name in sentence.tests]
    assert named
    for name in named:
        file, function = name.split("::")
        tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
        functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
        assert function in functions, name
        assert re.match(r"tests/.*test_\w+\.py$", file), name
