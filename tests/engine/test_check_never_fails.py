"""Whatever is written, checking it gives findings and never fails: mutated rulesets and random texts."""

from __future__ import annotations

import re
from pathlib import Path

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ratebook.diagnostics import CODES, Source
from ratebook.diagnostics.json_text import render_json
from ratebook.diagnostics.text import render_text
from ratebook.engine.compiler.compile import compile_ruleset

CASES = Path(__file__).parent.parent / "cases"
TEXTS = [
    path.read_text("utf-8")
    for folder in ("samples", "diagnostics", "rulesets", "forms", "worked")
    for path in sorted((CASES / folder).rglob("*.rates"))
]
TOKEN = re.compile(r"\"[^\"\n]*\"|[\w.]+|[^\w\s]|\s+")
NUMBER = re.compile(r"\d[\d,.]*")
WORDS = [
    *("GB", "GiB", "kWh", "seat", "h", "month", "each", "free", "refused", "otherwise", "any", "above", "up", "below"),
    *(
        "first",
        "next",
        "graduated",
        "volume",
        "stairstep",
        "by",
        "per",
        "of",
        "account.tier",
        "account",
        "total",
        "time",
    ),
    *("not", "and", "or", "is", "known", "level", "running", "count", "maximum", "minimum", "cap", "$5", "¥1", "10%"),
    *("2026-02-29", "0001-01-01", "9999-12-31", "2026-13", "from", "before", "through", "-1", "0", "99999999999999999"),
    *(
        '"x"',
        ":",
        "|",
        ",",
        "(",
        ")",
        "plan",
        "contract",
        "extends",
        "remove",
        "replace",
        "charge",
        "fee",
        "tax",
        "card",
    ),
]
BATTERED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def check(text: str) -> None:
    """Compile a text and hold every finding to what a finding promises."""
    result = compile_ruleset(Source("case.rates", text))
    assert result.program is not None or result.findings, "what cannot be used says why"
    for finding in result.findings:
        assert finding.code in CODES
        assert finding.message
        assert finding.span is not None or finding.place, finding
        for span in (finding.span, *(label.span for label in finding.labels), *(edit.span for edit in finding.edits)):
            if span is not None:
                assert 0 <= span.start <= span.end <= len(result.sources[span.file].text), finding
    render_text(result.findings, result.sources)
    render_json(result.findings, result.sources)


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A ruleset with one to four slips in it."""
    text = draw(st.sampled_from(TEXTS))
    for _ in range(draw(st.integers(1, 4))):
        text = draw(st.sampled_from(MUTATIONS))(draw, text)
    return text


def _without_token(draw: st.DrawFn, text: str) -> str:
    tokens = TOKEN.findall(text)
    at = draw(st.integers(0, max(0, len(tokens) - 1)))
    return "".join([*tokens[:at], *tokens[at + 1 :]])


def _token_twice(draw: st.DrawFn, text: str) -> str:
    tokens = TOKEN.findall(text)
    at = draw(st.integers(0, max(0, len(tokens) - 1)))
    return "".join([*tokens[:at], *tokens[at : at + 1], " ", *tokens[at:]])


def _other_word(draw: st.DrawFn, text: str) -> str:
    tokens = TOKEN.findall(text) or [""]
    at = draw(st.integers(0, len(tokens) - 1))
    return "".join([*tokens[:at], draw(st.sampled_from([*WORDS, *tokens])), *tokens[at + 1 :]])


def _lines_swapped(draw: st.DrawFn, text: str) -> str:
    lines = text.split("\n")
    one, other = draw(st.integers(0, len(lines) - 1)), draw(st.integers(0, len(lines) - 1))
    lines[one], lines[other] = lines[other], lines[one]
    return "\n".join(lines)


def _line_twice(draw: st.DrawFn, text: str) -> str:
    lines = text.split("\n")
    at = draw(st.integers(0, len(lines) - 1))
    return "\n".join([*lines[: at + 1], *lines[at:]])


def _other_number(draw: st.DrawFn, text: str) -> str:
    found = list(NUMBER.finditer(text))
    if not found:
        return text
    at = draw(st.sampled_from(found))
    number = draw(st.sampled_from(["0", "1", "-1", "0.5", "3", "7", "1,000", "1000000", "1" * 38, "0.000001", "2026"]))
    return text[: at.start()] + number + text[at.end() :]


def _other_unit(draw: st.DrawFn, text: str) -> str:
    units = list(re.finditer(r"\b(?:GB|TB|MB|B|kWh|kW|s|min|unit|token|seat)\b", text))
    if not units:
        return text
    at = draw(st.sampled_from(units))
    return text[: at.start()] + draw(st.sampled_from(["GB", "GiB", "s", "kW", "seat", "unit", ""])) + text[at.end() :]


def _lost_block(draw: st.DrawFn, text: str) -> str:
    blocks = text.split("\n\n")
    at = draw(st.integers(0, len(blocks) - 1))
    return "\n\n".join([*blocks[:at], *blocks[at + 1 :]])


MUTATIONS = [
    _without_token,
    _token_twice,
    _other_word,
    _lines_swapped,
    _line_twice,
    _other_number,
    _other_unit,
    _lost_block,
]


@BATTERED
@given(mutated())
def test_a_mutated_ruleset_is_checked(text: str) -> None:
    check(text)


@BATTERED
@given(st.binary(max_size=400))
def test_random_bytes_are_checked(data: bytes) -> None:
    check(data.decode("utf-8", "replace"))
    check(data.decode("latin-1"))


@BATTERED
@given(st.text(max_size=200))
@example("ruleset x:\n  currency USD\n")
@example("ruleset x:\n  currency XXX\n")
@example("")
def test_random_text_is_checked(text: str) -> None:
    check(text)


@BATTERED
@given(
    st.lists(
        st.sampled_from([*WORDS, "\n", "\n  ", "\n    ", "ruleset", "currency", "USD", "meter", "event"]), max_size=60
    )
)
def test_random_words_are_checked(words: list[str]) -> None:
    check(" ".join(words))
