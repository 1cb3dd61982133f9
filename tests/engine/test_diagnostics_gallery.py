"""The gallery of broken rulesets: each file says at the end of its lines what has to be reported, and nothing else is.

A line ends in `#! CODE: part of the message, of a hint or of a note`, once for each finding on it. What is found in a
price file, which has no comments, stands in its ruleset as `#! CODE at FILE:LINE: part`. The whole rendered
text of every case stands in `rendered/`, where it is read by people; `--update-cases` rewrites it. Cases of the
grammar alone are fragments of rulesets and are run by `tests/grammar/test_gallery.py`, which shares the notation.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ratebook.diagnostics import CODES, Source, Span
from ratebook.diagnostics.text import render_text
from ratebook.engine.compiler.compile import Compiled, compile_ruleset

GALLERY = Path(__file__).parent.parent / "cases" / "diagnostics"
EXPECTED = re.compile(r"#! (RB\d{4}): ?(.*?)(?=\s*#!|$)", re.MULTILINE)
IN_PRICES = re.compile(r"#! (RB\d{4}) at (\S+:\d+): ?(.*?)(?=\s*#!|$)", re.MULTILINE)
PRICE_BYTES_MAX = 1200
UNREPORTED = {"RB2901"}  # every form of the language is built; the next one begins with this code


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

    return compile_ruleset(
        Source(path.name, path.read_text("utf-8")), read, price_bytes_max=PRICE_BYTES_MAX, prove=True
    )


def where(result: Compiled, span: Span) -> str:
    """The line of a finding, after its file where that is one of prices."""
    line = result.sources[span.file].position(span.start)[0]
    return f"{span.file}:{line}" if span.file.endswith(".csv") else str(line)


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_every_mistake_is_reported_once(path: Path) -> None:
    text = path.read_text("utf-8")
    expected = [
        (str(number), code, fragment)
        for number, line in enumerate(text.split("\n"), start=1)
        for code, fragment in EXPECTED.findall(line)
    ] + [(place, code, fragment) for code, place, fragment in IN_PRICES.findall(text)]
    assert expected, "the file says what it expects"
    result = compiled(path)
    found = [(where(result, each.span), each) for each in result.findings if each.span is not None]
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
    texts = [path.read_text("utf-8") for path in CASES]
    covered = {code for text in texts for code, *_ in (*EXPECTED.findall(text), *IN_PRICES.findall(text))}
    own = {code for code in CODES if code.startswith("RB2") and code[:4] != "RB27"}
    assert own - covered == UNREPORTED


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_messages_are_complete(path: Path) -> None:
    """Each finding says why, what is under the carets, and a way out."""
    for finding in compiled(path).findings:
        assert finding.message and not finding.message.endswith(".")
        if finding.code.startswith("RB2"):
            assert 1 <= len(finding.hints) <= 3, finding
            assert finding.here or finding.code == "RB2008", finding
