"""docs/language.md shows every keyword and every form of the grammar in a ruleset that is run.

Words are taken from `grammar/ratebook.lark` itself, and from how the parser reads the blocks: a field called `volume`
does not show the keyword `volume`. That the blocks run is the business of test_docs.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from ratebook.diagnostics import CODES, Source
from ratebook.engine.compiler.compile import compile_ruleset
from ratebook.engine.compiler.proofs.outcome import Verdict
from ratebook.grammar import machine as walking
from ratebook.grammar import parse as parsing
from ratebook.grammar.builder import ACTIONS
from ratebook.grammar.machine import Machine
from ratebook.grammar.tables import load_tables

ROOT = Path(__file__).parents[2]
RATES = re.compile(r"```rates\n(.*?)^```$", re.MULTILINE | re.DOTALL)

# Keywords that no block shows, each with the reason.
NOT_SHOWN: dict[str, str] = {
    "unreviewed": "an example that carries it fails, and the examples of the page are run",
    "arrears": "the default, which `fmt` leaves out",
    "penalties": "`penalties combine …` is refused: they always add up (RB2404)",
    "true": "`fmt` writes `yes`",
    "false": "`fmt` writes `no`",
}
# Forms of the grammar, by the names of their rules.
NOT_SHOWN_FORMS: dict[str, str] = {
    "unreviewed": NOT_SHOWN["unreviewed"],
    "in_arrears": NOT_SHOWN["arrears"],
    "prorated_by_day": "the default of fees, which `fmt` leaves out; after other words it is read by another rule",
    "field_called_time": "no field may be called `time`; the rule is there to say so",
    "then_line": "`fmt` writes `then` on the line of `prices from`",
    "prices_line": "the same form with lines below it",
}


def keywords_of_the_grammar() -> set[str]:
    """The words in quotes of the grammar's rules and terminals."""
    text = (ROOT / "grammar" / "ratebook.lark").read_text(encoding="utf-8")
    rules = "\n".join(line.split("//")[0] for line in text.splitlines())
    rules = re.sub(r"/(?:\\.|[^/\n])+/", "", rules)  # patterns hold no keywords
    return {word for word in re.findall(r'"([^"\n]+)"', rules) if re.match(r"\w", word)}


def shown_in(text: str, monkeypatch: pytest.MonkeyPatch) -> tuple[set[str], set[str]]:
    """The words that the parser takes as keywords in the rulesets of a page, and the rules that it uses."""
    words: set[str] = set()
    forms: set[str] = set()
    keywords = load_tables().keywords
    feed = walking._Walk.feed

    def heard(walk: walking._Walk, kind: str, value: str, start: int, end: int) -> None:
        if kind in keywords.get(value, ()):
            words.add(value)
        feed(walk, kind, value, start, end)

    def counted(name: str, action: Callable[..., object]) -> Callable[..., object]:
        def act(*parts: object) -> object:
            forms.add(name)
            return action(*parts)

        return act

    listening = Machine(load_tables(), {name: counted(name, action) for name, action in ACTIONS.items()})
    monkeypatch.setattr(walking._Walk, "feed", heard)
    monkeypatch.setattr(parsing, "machine", lambda: listening)
    for block in RATES.findall(text):
        parsing.parse(Source("shown.rates", block))
    return words, forms


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> tuple[set[str], set[str]]:
    return shown_in((ROOT / "docs" / "language.md").read_text(encoding="utf-8"), monkeypatch)


def test_keywords_are_those_that_the_parser_knows() -> None:
    assert keywords_of_the_grammar() == set(load_tables().keywords)


def test_every_keyword_stands_in_a_ruleset_of_the_page(shown: tuple[set[str], set[str]]) -> None:
    assert keywords_of_the_grammar() - shown[0] == set(NOT_SHOWN)


def test_every_form_stands_in_a_ruleset_of_the_page(shown: tuple[set[str], set[str]]) -> None:
    assert set(ACTIONS) - shown[1] == set(NOT_SHOWN_FORMS)


def test_a_name_does_not_show_a_keyword(monkeypatch: pytest.MonkeyPatch) -> None:
    words, _ = shown_in("```rates\nevent sale:\n  volume: number\n  label: text\n```\n", monkeypatch)
    assert "event" in words
    assert not words & {"volume", "graduated"}


def test_every_keyword_stands_in_the_reference() -> None:
    """All forms on one page, at the end of the language: no keyword is forgotten there."""
    text = (ROOT / "docs" / "language.md").read_text(encoding="utf-8")
    reference = " ".join(re.findall(r"`([^`]+)`", text.split("\n## All forms on one page\n")[1]))
    said = set(re.findall(r"[\w-]+", reference))
    assert keywords_of_the_grammar() - said == set()


def test_the_promises_of_the_page_are_proved() -> None:
    text = (ROOT / "docs" / "language.md").read_text(encoding="utf-8")
    (block,) = (block for block in RATES.findall(text) if "\npromise " in block)
    outcomes = compile_ruleset(Source("shown.rates", block), prove=True).outcomes
    assert [outcome.verdict for outcome in outcomes] == [Verdict.PROVED] * 3


def test_findings_on_the_page_are_errors_and_warnings_as_it_says() -> None:
    text = (ROOT / "docs" / "language.md").read_text(encoding="utf-8")
    table = text.split("\n## What check looks for\n")[1].split("\n## ")[0]
    said = {
        code: letter == "W"
        for codes, letter in re.findall(r"((?:RB\d{4}(?:, | and )?)+) ([EW])\b", table)
        for code in re.findall(r"RB\d{4}", codes)
    }
    assert said == {code: CODES[code].warning for code in said}
    assert set(re.findall(r"RB\d{4}", table)) == set(said)
