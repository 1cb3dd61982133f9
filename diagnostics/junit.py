"""Test cases as JUnit XML, which nearly every CI server shows; and the findings of a check, one test case a file.

A case has at most one problem, for servers keep only one: what failed, or what kept the case from being run.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree

from .diagnostic import Diagnostic, Severity
from .source import Source
from .text import render_text

# What XML 1.0 has no way to write, not even as a reference.
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_UNREADABLE = ("RB1012", "RB90")


class Verdict(enum.Enum):
    """Why a case did not pass: it came out wrong, or it could not be run."""

    FAILURE = "failure"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a case: a kind (a code), one line, and the whole text."""

    verdict: Verdict
    kind: str
    message: str
    text: str


@dataclass(frozen=True, slots=True)
class Case:
    """One test case. `group` is what servers group by; `output` is shown whether it passed or not."""

    name: str
    group: str
    file: str = ""
    line: int | None = None
    problem: Problem | None = None
    output: str = ""


def render_junit(suite: str, cases: Sequence[Case]) -> str:
    """One suite with the cases in the order given."""
    counts = {
        "tests": str(len(cases)),
        "failures": str(_count(cases, Verdict.FAILURE)),
        "errors": str(_count(cases, Verdict.ERROR)),
    }
    root = ElementTree.Element("testsuites", {"name": "ratebook", **counts})
    element = ElementTree.SubElement(root, "testsuite", {"name": _writable(suite), **counts, "skipped": "0"})
    for case in cases:
        _add(element, case)
    ElementTree.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ElementTree.tostring(root, encoding="unicode")}\n'


def _count(cases: Iterable[Case], verdict: Verdict) -> int:
    return sum(case.problem is not None and case.problem.verdict is verdict for case in cases)


def _add(suite: ElementTree.Element, case: Case) -> None:
    attributes = {"name": case.name, "classname": case.group}
    if case.file:
        attributes["file"] = case.file
    if case.line is not None:
        attributes["line"] = str(case.line)
    element = ElementTree.SubElement(suite, "testcase", _all_writable(attributes))
    if case.problem is not None:
        said = {"message": case.problem.message, "type": case.problem.kind}
        problem = ElementTree.SubElement(element, case.problem.verdict.value, _all_writable(said))
        problem.text = _writable(case.problem.text)
    if case.output:
        ElementTree.SubElement(element, "system-out").text = _writable(case.output)


def _all_writable(attributes: Mapping[str, str]) -> dict[str, str]:
    return {name: _writable(value) for name, value in attributes.items()}


def _writable(text: str) -> str:
    return _FORBIDDEN.sub(lambda match: f"\\x{ord(match[0]):02x}", text)


def cases_of_files(
    files: Iterable[str],
    diagnostics: Iterable[Diagnostic],
    sources: Mapping[str, Source],
    *,
    group: str,
    failing: Collection[Severity],
    verdict: Verdict = Verdict.FAILURE,
) -> tuple[Case, ...]:
    """A case for each file, and for each further place with findings.

    Findings of a severity in `failing` are its problem, the others its output. What cannot even be read is an error,
    whatever `verdict` says of other findings.
    """
    by_file: dict[str, list[Diagnostic]] = {file: [] for file in files}
    for finding in diagnostics:
        by_file.setdefault(finding.span.file if finding.span is not None else finding.place, []).append(finding)
    cases: list[Case] = []
    for file, own in by_file.items():
        bad = [finding for finding in own if finding.severity in failing]
        others = [finding for finding in own if finding.severity not in failing]
        unreadable = any(finding.code.startswith(_UNREADABLE) for finding in bad)
        problem = problem_of(bad, sources, Verdict.ERROR if unreadable else verdict)
        cases.append(Case(file or group, group, file, _line(bad, sources), problem, render_text(others, sources)))
    return tuple(cases)


def _line(findings: Sequence[Diagnostic], sources: Mapping[str, Source]) -> int | None:
    for finding in findings:
        if finding.span is not None and finding.span.file in sources:
            return sources[finding.span.file].position(finding.span.start)[0]
    return None


def problem_of(
    findings: Sequence[Diagnostic], sources: Mapping[str, Source], verdict: Verdict = Verdict.FAILURE
) -> Problem | None:
    """All findings as the one problem of a case; none without any."""
    if not findings:
        return None
    first = findings[0]
    more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
    return Problem(verdict, first.code, f"{first.code}: {first.message}{more}", render_text(findings, sources))
