"""Explanations: golden texts, 100 columns, and a tree that gives the amounts again."""

from __future__ import annotations

import json
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from ratebook.diagnostics import Source, display_width
from ratebook.engine.statement import Statement, TurningPoint
from ratebook.invoice import Language, explain_html, explain_json, explain_text, find_language

Golden = Callable[[str, str], None]
Points = tuple[TurningPoint, ...]


def test_explanations_look_as_reviewed(
    full_statement: Statement,
    chinese_statement: Statement,
    small_statement: Statement,
    sources: dict[str, Source],
    turning_points: Points,
    golden: Golden,
) -> None:
    chinese = find_language("zh")
    assert isinstance(chinese, Language)
    golden(explain_text(full_statement, sources, turning_points=turning_points), "explain_en.txt")
    golden(explain_text(chinese_statement, sources, language=chinese), "explain_zh.txt")
    golden(explain_text(small_statement, sources), "explain_small.txt")
    golden(explain_html(full_statement, sources, turning_points=turning_points), "explain_en.html")
    golden(explain_json(full_statement, sources, turning_points=turning_points), "explain_en.json")


def test_text_fits_100_columns(
    full_statement: Statement, chinese_statement: Statement, sources: dict[str, Source]
) -> None:
    for statement in (full_statement, chinese_statement):
        for code in ("en", "zh", "de"):
            language = find_language(code)
            assert isinstance(language, Language)
            text = explain_text(statement, sources, language=language)
            assert max(map(display_width, text.splitlines())) <= 100


def test_one_line_brings_what_acts_on_it(full_statement: Statement, sources: dict[str, Source]) -> None:
    text = explain_text(full_statement, sources, line="egress")
    assert "Gold members" in text and "Festival offer" in text
    assert "Batch jobs  " not in text.replace("taken from Batch jobs", "") or "jobs  Batch jobs" not in text
    only = explain_text(full_statement, sources, line="startup")
    assert "account.age is 5" in only and "API requests" not in only


def test_the_tree_holds_exact_values(full_statement: Statement, sources: dict[str, Source]) -> None:
    tree = json.loads(explain_json(full_statement, sources))
    assert tree["schema"] == "ratebook.explanation/1"

    def value(step: dict[str, Any]) -> Fraction:
        return Fraction(step["value"])

    def checked(step: dict[str, Any]) -> None:
        parts = step.get("parts", [])
        if step["op"] == "sum":
            assert value(step) == sum(map(value, parts))
        for part in parts:
            checked(part)

    for line in tree["lines"]:
        assert value(line["derivation"]) == Fraction(line["amount"])
        checked(line["derivation"])
    assert tree["lines"][0]["rule"].startswith("charge requests")


def test_without_sources_the_place_is_still_named(full_statement: Statement) -> None:
    assert "cloud.rates:7" in explain_text(full_statement, {})
