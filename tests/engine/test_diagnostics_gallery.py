"""The gallery of broken rulesets: each file says at the end of its lines what has to be reported, and nothing else is.

A line ends in `#! CODE: part of the message, of a hint or of a note`, once for each finding on it. The whole rendered
text of every case stands in `rendered/`, where it is read by people; `--update-cases` rewrites it. Cases of the
grammar alone are fragments of rulesets and are run by `tests/grammar/test_gallery.py`, which shares the notation.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ratebook.diagnostics import CODES, Source
from ratebook.diagnostics.text import render_text
from ratebook.engine.compiler.compile import Compiled, compile_ruleset

GALLERY = Path(__file__).parent.parent / "cases" / "diagnostics"
EXPECTED = re.compile(r"#! (RB\d{4}): ?(.*?)(?=\s*#!|$)", re.MULTILINE)


def is_of_the_compiler(path: Path) -> bool:
    """Whether a case is a whole ruleset: it expects a finding about meaning, or says so by its name."""
    if path.stem in WHOLE or path.stem.startswith(HABITS):
        return True
    return any(code.startswith("RB2") for code, _ in EXPECTED.findall(path.read_text("utf-8")))


WHOLE = {"RB1105-far-years", "RB2001-unread-lines"}
# Where people come from, and what slips while a price list is changed.
HABITS = ("sheet-", "yaml-", "sql-", "code-", "zh-", "slip-")
CASES = sorted(path for path in GALLERY.glob("*.rates") if is_of_the_compiler(path))


def compiled(path: Path) -> Compiled:
    def read(name: str) -> str | None:
        file = GALLERY / name
        return file.read_text("utf-8") if file.is_file() else None

    return compile_ruleset(Source(path.name, path.read_text("utf-8")), read, prove=True)


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_every_mistake_is_reported_once(path: Path) -> None:
    expected = [
        (number, code, fragment)
        for number, line in enumerate(path.read_text("utf-8").split("\n"), start=1)
        for code, fragment in EXPECTED.findall(line)
    ]
    assert expected, "the file says what it expects"
    result = compiled(path)
    found = [
        (result.sources[each.span.file].position(each.span.start)[0], each)
        for each in result.findings
        if each.span is not None
    ]
    assert sorted((line, each.code) for line, each in found) == sorted((line, code) for line, code, _ in expected)
    for line, code, fragment in expected:
        texts = [
            "\n".join((each.message, *each.hints, *each.notes)) for at, each in found if (at, each.code) == (line, code)
        ]
        assert any(fragment in said for said in texts), (line, code, fragment, texts)


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_the_rendered_text_is_as_people_have_read_it(path: Path, request: pytest.FixtureRequest) -> None:
    result = compiled(path)
    text = render_text(result.findings, result.sources)
    golden = GALLERY / "rendered" / f"{path.stem}.txt"
    if request.config.getoption("--update-cases"):
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(text, encoding="utf-8")
    assert golden.exists(), f"{golden} is missing; make it with --update-cases"
    assert text == golden.read_text(encoding="utf-8")


def test_every_rendered_text_has_its_case() -> None:
    assert {path.stem for path in (GALLERY / "rendered").glob("*.txt")} == {path.stem for path in CASES}


def test_every_code_about_meaning_has_a_case() -> None:
    """Those of a comparison (RB27) have theirs in `tests/cases/against`."""
    covered = {code for path in CASES for code, _ in EXPECTED.findall(path.read_text("utf-8"))}
    assert {code for code in CODES if code.startswith("RB2") and code[:4] != "RB27"} - covered == set()


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_messages_are_complete(path: Path) -> None:
    """Each finding says why, what is under the carets, and a way out."""
    for finding in compiled(path).findings:
        assert finding.message and not finding.message.endswith(".")
        if finding.code.startswith("RB2"):
            assert 1 <= len(finding.hints) <= 3, finding
            assert finding.here or finding.code == "RB2008", finding
