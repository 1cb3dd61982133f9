"""Findings as workflow commands of GitHub Actions."""

from __future__ import annotations

from fractions import Fraction

from ratebook.diagnostics import Diagnostic, Source, Span
from ratebook.diagnostics.github import ANNOTATIONS_MAX, render_github

SOURCE = Source("a.rates", "meter 流量: sum of x of e\nplan p:\n  charge x: at $5\n")
SOURCES = {SOURCE.name: SOURCE}


def test_an_error_and_a_warning() -> None:
    findings = [
        Diagnostic("RB2302", "a gap", Span("a.rates", 24, 31)),
        Diagnostic("RB2101", "the units differ", Span("a.rates", 6, 8), hints=("write it in GB",), notes=("a fact",)),
    ]
    assert render_github(findings, SOURCES) == (
        "::error file=a.rates,line=1,col=7,endLine=1,endColumn=9,title=RB2101"
        "::the units differ%0Ahelp: write it in GB%0Anote: a fact\n"
        "::warning file=a.rates,line=2,col=1,endLine=2,endColumn=8,title=RB2302::a gap\n"
    )


def test_nothing_for_nothing() -> None:
    assert render_github([], {}) == ""


def test_several_lines_have_no_columns() -> None:
    text = render_github([Diagnostic("RB2001", "m", Span("a.rates", 6, 40))], SOURCES)
    assert text == "::error file=a.rates,line=1,endLine=3,title=RB2001::m\n"


def test_what_commands_mean_is_escaped() -> None:
    name = "100%, a:b\r\n.rates"
    finding = Diagnostic("RB2001", "50% off, or:\r\n::warning::never", Span(name, 0, 1))
    assert render_github([finding], {name: Source(name, "x")}) == (
        "::error file=100%25%2C a%3Ab%0D%0A.rates,line=1,col=1,endLine=1,endColumn=2,title=RB2001"
        "::50%25 off, or:%0D%0A::warning::never\n"
    )


def test_places_and_findings_without_any() -> None:
    findings = [
        Diagnostic("RB9001", "cannot be read", place="gone.rates"),
        Diagnostic("RB1001", "m\udcff"),
        Diagnostic("RB1001", "m", Span("unknown.rates", 1, 2)),
    ]
    assert render_github(findings, {}) == (
        "::error file=gone.rates,title=RB9001::cannot be read\n"
        "::error title=RB1001::m?\n"
        "::error file=unknown.rates,title=RB1001::m\n"
    )


def test_what_costs_money_comes_first_and_the_rest_is_counted() -> None:
    names = [Diagnostic("RB2001", f"name {number}") for number in range(12)]
    warnings = [Diagnostic("RB2210", f"warning {number}") for number in range(11)]
    costly = Diagnostic("RB2201", "bands")
    lines = render_github([*warnings, *names, costly], {}).splitlines()
    assert len(lines) == 2 * ANNOTATIONS_MAX + 1
    assert lines[:2] == ["::error title=RB2201::bands", "::error title=RB2001::name 0"]
    assert [line.startswith("::warning") for line in lines] == [False] * 10 + [True] * 10 + [False]
    assert lines[-1] == (
        "::notice title=Ratebook::3 more errors and 1 more warning not shown here: `ratebook check` lists them all"
    )


def test_exactly_as_many_as_are_shown_need_no_notice() -> None:
    text = render_github([Diagnostic("RB2001", f"name {number}") for number in range(ANNOTATIONS_MAX)], {})
    assert "::notice" not in text


def test_the_greatest_difference_of_a_witness_comes_first() -> None:
    findings = [
        Diagnostic("RB2209", "five", stake=Fraction(5)),
        Diagnostic("RB2210", "unknown"),
        Diagnostic("RB2209", "a thousand", stake=Fraction(1000)),
        Diagnostic("RB1013", "a matter of form", stake=Fraction(9999)),
    ]
    said = [line.rpartition("::")[2] for line in render_github(findings, {}).splitlines()]
    assert said == ["a thousand", "five", "unknown", "a matter of form"]
