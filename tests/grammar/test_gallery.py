"""The gallery of mistakes: each file says at the end of its lines what has to be reported there, and nothing else is.

A line ends in `#! CODE: part of the message or of a hint`, once for each finding on it.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ratebook.diagnostics import CODES, Diagnostic, Source
from ratebook.grammar.parse import parse

GALLERY = Path(__file__).parent.parent / "cases" / "diagnostics"
EXPECTED = re.compile(r"#! (RB\d{4}): (.*?)(?=\s*#!|$)", re.MULTILINE)
# Whole rulesets with mistakes of meaning are in the same folder; tests/engine/test_diagnostics_gallery.py runs them.
CASES = sorted(path for path in GALLERY.glob("*.rates") if not (GALLERY / "rendered" / f"{path.stem}.txt").exists())


def findings_of(source: Source) -> tuple[Diagnostic, ...]:
    _, found = parse(source)
    return found


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_every_mistake_is_reported_once(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    source = Source(path.name, text)
    expected = [
        (number, code, fragment)
        for number, line in enumerate(text.split("\n"), start=1)
        for code, fragment in EXPECTED.findall(line)
    ]
    assert expected, "the file says what it expects"
    found = [(source.position(each.span.start)[0], each) for each in findings_of(source) if each.span is not None]
    assert sorted((line, each.code) for line, each in found) == sorted((line, code) for line, code, _ in expected)
    for line, code, fragment in expected:
        texts = ["\n".join((each.message, *each.hints)) for at, each in found if (at, each.code) == (line, code)]
        assert any(fragment in said for said in texts), (line, code, fragment, texts)


def test_every_code_of_the_grammar_has_a_case() -> None:
    covered = {code for path in CASES for code, _ in EXPECTED.findall(path.read_text("utf-8"))}
    elsewhere = {"RB1008", "RB1012"}  # the size of a file, and text that is not UTF-8
    assert {code for code in CODES if code.startswith(("RB10", "RB11"))} - covered == elsewhere


def test_messages_speak_no_grammar() -> None:
    for path in CASES:
        for finding in findings_of(Source(path.name, path.read_text(encoding="utf-8"))):
            said = "\n".join((finding.message, finding.here, *finding.hints))
            assert not re.search(r"\b_?[A-Z]{3,}_[A-Z]+|\$END|_NL|_INDENT|COLON|NAME\b", said), said
            assert len(finding.hints) <= 3
