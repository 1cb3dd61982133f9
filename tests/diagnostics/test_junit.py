"""Test cases and findings as JUnit XML."""

from __future__ import annotations

from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from ratebook.diagnostics import Diagnostic, Severity, Source, Span
from ratebook.diagnostics.junit import Case, Problem, Verdict, cases_of_files, problem_of, render_junit

SOURCE = Source("a.rates", "meter m: sum of x of e\nplan p:\n  charge m: at $5\n")
SOURCES = {SOURCE.name: SOURCE}
ERROR = Diagnostic("RB2001", "there is no field `x`", Span("a.rates", 16, 17))
WARNING = Diagnostic("RB2210", "nothing prices it", Span("a.rates", 6, 7))
UNREADABLE = Diagnostic("RB9001", "cannot be read", place="gone.rates")
ERRORS, BOTH = (Severity.ERROR,), (Severity.ERROR, Severity.WARNING)


def test_a_suite() -> None:
    problem = Problem(Verdict.FAILURE, "RB5001", "sales is 5.00", "sales is 5.00\n  --> a.rates:3\n")
    cases = [
        Case("twenty sales", "a.rates", "a.rates", 1),
        Case('<none> & "none"', "a.rates", "a.rates", 3, problem, output="said\n"),
    ]
    assert render_junit("ratebook test", cases) == (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<testsuites name="ratebook" tests="2" failures="1" errors="0">\n'
        '  <testsuite name="ratebook test" tests="2" failures="1" errors="0" skipped="0">\n'
        '    <testcase name="twenty sales" classname="a.rates" file="a.rates" line="1" />\n'
        '    <testcase name="&lt;none&gt; &amp; &quot;none&quot;" classname="a.rates" file="a.rates" line="3">\n'
        '      <failure message="sales is 5.00" type="RB5001">sales is 5.00\n'
        "  --&gt; a.rates:3\n"
        "</failure>\n"
        "      <system-out>said\n"
        "</system-out>\n"
        "    </testcase>\n"
        "  </testsuite>\n"
        "</testsuites>\n"
    )


def test_an_empty_suite_is_well_formed() -> None:
    root = ElementTree.fromstring(render_junit("nothing", []))
    assert root.attrib["tests"] == "0"


@given(st.text())
def test_any_text_can_be_written(text: str) -> None:
    case = Case(text, text, text, 1, Problem(Verdict.ERROR, text, text, text), output=text)
    ElementTree.fromstring(render_junit(text, [case]).encode("utf-8"))


def test_what_xml_forbids_is_shown() -> None:
    root = ElementTree.fromstring(render_junit("s", [Case("a\x00b\x1b\ufffe\udcff\tc", "g")]))
    assert root[0][0].attrib["name"] == "a\\x00b\\x1b\\xfffe\\xdcff\tc"


def test_a_case_for_each_file() -> None:
    fine, bad, gone = cases_of_files(
        ["b.rates", "a.rates"], [ERROR, WARNING, UNREADABLE], SOURCES, group="check", failing=ERRORS
    )
    assert fine == Case("b.rates", "check", "b.rates")
    assert (bad.name, bad.line) == ("a.rates", 1)
    assert bad.problem is not None and bad.problem.verdict is Verdict.FAILURE
    assert bad.problem.message == "RB2001: there is no field `x`"
    assert "a.rates:1:17" in bad.problem.text and "RB2210" not in bad.problem.text
    assert "RB2210" in bad.output
    assert gone.name == "gone.rates" and gone.problem is not None and gone.problem.verdict is Verdict.ERROR


def test_warnings_fail_where_they_are_asked_to() -> None:
    [passed] = cases_of_files(["a.rates"], [WARNING], SOURCES, group="check", failing=ERRORS)
    [failed] = cases_of_files(["a.rates"], [WARNING], SOURCES, group="check", failing=BOTH)
    assert passed.problem is None and "RB2210" in passed.output
    assert failed.problem is not None and not failed.output


def test_findings_without_a_place_have_a_case_too() -> None:
    [case] = cases_of_files([], [Diagnostic("RB2008", "m")], {}, group="check", failing=ERRORS)
    assert (case.name, case.file, case.line) == ("check", "", None)


def test_several_findings_are_one_problem() -> None:
    problem = problem_of([ERROR, WARNING], SOURCES)
    assert problem is not None
    assert problem.message == "RB2001: there is no field `x` (and 1 more)"
    assert "RB2001" in problem.text and "RB2210" in problem.text
    assert problem_of([], SOURCES) is None
