"""Findings as SARIF.

No package that could be installed carries the official schema, so `check_object` holds the log against what the
standard says of each object that is written: which properties it may have, which it must, and their types.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from ratebook.diagnostics import CODES, Diagnostic, Edit, Label, Severity, Source, Span
from ratebook.diagnostics.sarif import FINGERPRINT, render_sarif
from ratebook.engine.compiler.compile import compile_ruleset

SOURCE = Source(
    "price lists/价格.rates", "meter 出网流量: sum of 字节 of e\n# 💶💶 costs x\nplan p:\n  charge x: at $5\n"
)
SOURCES = {SOURCE.name: SOURCE}
CASES = sorted((Path(__file__).parents[1] / "cases" / "diagnostics").glob("*.rates"))

# For each object: its properties with their kinds, a `!` after those that it must have. `[x]` is a list of x, `{x}`
# an object whose values are x, `[x]*` a list without repeated items.
OBJECTS: dict[str, dict[str, str]] = {
    "log": {"$schema": "uri", "version!": "2.1.0", "runs!": "[run]"},
    "run": {"tool!": "tool", "results": "[result]", "columnKind": "utf16CodeUnits|unicodeCodePoints"},
    "tool": {"driver!": "toolComponent"},
    "toolComponent": {"name!": "text", "version": "text", "semanticVersion": "version", "rules": "[rule]*"},
    "rule": {
        "id!": "text",
        "shortDescription": "multiformat",
        "fullDescription": "multiformat",
        "help": "multiformat",
        "defaultConfiguration": "configuration",
    },
    "multiformat": {"text!": "text", "markdown": "text"},
    "configuration": {"level": "none|note|warning|error"},
    "result": {
        "ruleId": "text",
        "ruleIndex": "index",
        "level": "none|note|warning|error",
        "message!": "message",
        "locations": "[location]",
        "relatedLocations": "[location]*",
        "partialFingerprints": "{text}",
        "fixes": "[fix]*",
    },
    "message": {"text!": "text"},
    "location": {"id": "index", "physicalLocation": "physicalLocation", "message": "message"},
    "physicalLocation": {"artifactLocation!": "artifactLocation", "region": "region"},
    "artifactLocation": {"uri!": "uri", "uriBaseId": "text"},
    "region": {"startLine!": "count", "startColumn": "count", "endLine": "count", "endColumn": "count"},
    "fix": {"description": "message", "artifactChanges!": "[artifactChange]*"},
    "artifactChange": {"artifactLocation!": "artifactLocation", "replacements!": "[replacement]"},
    "replacement": {"deletedRegion!": "region", "insertedContent": "content"},
    "content": {"text": "any text"},
}
SCALARS = {
    "text": lambda value: isinstance(value, str) and value != "",
    "any text": lambda value: isinstance(value, str),
    "version": lambda value: re.fullmatch(r"\d+\.\d+\.\d+([-+].+)?", value) is not None,
    "index": lambda value: type(value) is int and value >= 0,
    "count": lambda value: type(value) is int and value >= 1,
    "uri": lambda value: re.fullmatch(r"(?:[\w.~!$&'()*+,;=:@/#?-]|%[0-9A-F]{2})+", value, re.ASCII) is not None,
}


def check_object(value: Any, kind: str, where: str = "log") -> Iterator[str]:
    """What is wrong with a part of a log."""
    if kind.startswith("["):
        if not isinstance(value, list):
            yield f"{where} is no list"
            return
        if kind.endswith("*") and len({json.dumps(item, sort_keys=True) for item in value}) < len(value):
            yield f"{where} repeats an item"
        for index, item in enumerate(value):
            yield from check_object(item, kind.strip("[]*"), f"{where}[{index}]")
    elif kind.startswith("{"):
        for name, item in value.items():
            yield from check_object(item, kind.strip("{}"), f"{where}.{name}")
    elif kind in OBJECTS:
        properties = {name.rstrip("!"): inner for name, inner in OBJECTS[kind].items()}
        required = {name[:-1] for name in OBJECTS[kind] if name.endswith("!")}
        yield from (f"{where} has an unknown {name}" for name in value.keys() - properties)
        yield from (f"{where} has no {name}" for name in required - value.keys())
        for name in value.keys() & properties:
            yield from check_object(value[name], properties[name], f"{where}.{name}")
    elif kind in SCALARS:
        if not SCALARS[kind](value):
            yield f"{where} is {value!r}, not of kind {kind}"
    elif value not in kind.split("|"):
        yield f"{where} is {value!r}, not {kind}"


def log_of(*findings: Diagnostic, sources: dict[str, Source] | None = None) -> dict[str, Any]:
    log = json.loads(render_sarif(findings, SOURCES if sources is None else sources, tool_version="1.2.3"))
    assert list(check_object(log, "log")) == []
    run = log["runs"][0]
    for result in run["results"]:
        assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
    return dict(run)


def test_every_code_is_a_rule_with_its_page() -> None:
    driver = log_of()["tool"]["driver"]
    assert (driver["name"], driver["version"]) == ("Ratebook", "1.2.3")
    assert [rule["id"] for rule in driver["rules"]] == list(CODES)
    by_id = {rule["id"]: rule for rule in driver["rules"]}
    assert by_id["RB2101"]["shortDescription"]["text"] == "Units that do not fit."
    assert "Way out:" in by_id["RB2101"]["help"]["text"]
    assert by_id["RB2101"]["defaultConfiguration"] == {"level": "error"}
    assert by_id["RB2302"]["defaultConfiguration"] == {"level": "warning"}


def test_a_finding_with_everything() -> None:
    run = log_of(
        Diagnostic(
            "RB2001",
            "there is no field `字节`",
            Span(SOURCE.name, 19, 21),
            here="unknown",
            labels=(Label(Span(SOURCE.name, 6, 10), "used here"), Label(Span(SOURCE.name, 6, 10), "used here")),
            hints=("did you mean `bytes`?", "declare it"),
            notes=("the event has two fields",),
            edits=(Edit(Span(SOURCE.name, 19, 21), "bytes"),),
        )
    )
    artifact = {"uri": "price%20lists/%E4%BB%B7%E6%A0%BC.rates", "uriBaseId": "%SRCROOT%"}
    region = {"startLine": 1, "startColumn": 20, "endLine": 1, "endColumn": 22}
    [result] = run["results"]
    fingerprints = result.pop("partialFingerprints")
    assert re.fullmatch("[0-9a-f]{32}", fingerprints[FINGERPRINT])
    used = {"artifactLocation": artifact, "region": {**region, "startColumn": 7, "endColumn": 11}}
    assert result == {
        "ruleId": "RB2001",
        "ruleIndex": list(CODES).index("RB2001"),
        "level": "error",
        "message": {
            "text": "there is no field `字节`\nhelp: did you mean `bytes`?\nhelp: declare it\n"
            "note: the event has two fields"
        },
        "locations": [
            {"physicalLocation": {"artifactLocation": artifact, "region": region}, "message": {"text": "unknown"}}
        ],
        "relatedLocations": [
            {"id": 1, "physicalLocation": used, "message": {"text": "used here"}},
            {"id": 2, "physicalLocation": used, "message": {"text": "used here"}},
        ],
        "fixes": [
            {
                "description": {"text": "did you mean `bytes`?"},
                "artifactChanges": [
                    {
                        "artifactLocation": artifact,
                        "replacements": [{"deletedRegion": region, "insertedContent": {"text": "bytes"}}],
                    }
                ],
            }
        ],
    }


def test_columns_count_utf_16_code_units() -> None:
    start = SOURCE.text.index("costs")
    run = log_of(Diagnostic("RB1001", "m", Span(SOURCE.name, start, start + 5)))
    assert run["columnKind"] == "utf16CodeUnits"
    region = run["results"][0]["locations"][0]["physicalLocation"]["region"]
    line = SOURCE.line(2)
    before = line[: line.index("costs")]
    assert region["startColumn"] == len(before.encode("utf-16-le")) // 2 + 1 == len(before) + 3
    assert region["endColumn"] == region["startColumn"] + 5


def test_odd_places() -> None:
    bare, unreadable, beyond, unknown, wild = log_of(
        Diagnostic("RB2302", "a warning"),
        Diagnostic("RB9001", "cannot be read", place="nothing here.rates"),
        Diagnostic("RB1001", "m\udcff", Span(SOURCE.name, 9_000, 9_999)),
        Diagnostic("RB1001", "m", Span("unknown.rates", 3, 4), edits=(Edit(Span("unknown.rates", 3, 4), "x"),)),
        Diagnostic("RB1001", "m", Span("../a:b#c.rates", 0, 0)),
        sources={**SOURCES, "../a:b#c.rates": Source("../a:b#c.rates", "")},
    )["results"]
    assert bare["level"] == "warning" and "locations" not in bare
    [location] = unreadable["locations"]
    assert location == {
        "physicalLocation": {"artifactLocation": {"uri": "nothing%20here.rates", "uriBaseId": "%SRCROOT%"}}
    }
    assert beyond["locations"][0]["physicalLocation"]["region"]["startLine"] == SOURCE.line_count
    assert "region" not in unknown["locations"][0]["physicalLocation"] and "fixes" not in unknown
    assert wild["locations"][0]["physicalLocation"]["artifactLocation"] == {"uri": "../a%3Ab%23c.rates"}


def test_an_absolute_name_is_a_file_uri(tmp_path: Path) -> None:
    name = str(tmp_path / "a b.rates")
    run = log_of(Diagnostic("RB1001", "m", Span(name, 0, 1)), sources={name: Source(name, "x\n")})
    [location] = run["results"][0]["locations"]
    assert location["physicalLocation"]["artifactLocation"] == {"uri": (tmp_path / "a b.rates").as_uri()}


def test_fingerprints_stay_while_lines_move() -> None:
    def prints(text: str) -> list[str]:
        source = Source("a.rates", text)
        found = re.finditer("bad", text)
        findings = [Diagnostic("RB1001", "m", Span("a.rates", *match.span())) for match in found]
        run = log_of(*findings, sources={"a.rates": source})
        return [result["partialFingerprints"][FINGERPRINT] for result in run["results"]]

    before = prints("  bad line\ngood\n  bad line\nbad\n")
    assert len(set(before)) == 3
    assert prints("# new\n\n    bad   line\n  bad line\nbad\n") == before


@pytest.mark.parametrize("path", CASES, ids=[path.stem for path in CASES])
def test_what_real_rulesets_give(path: Path) -> None:
    source = Source(path.name, path.read_text(encoding="utf-8"))
    compiled = compile_ruleset(source)
    run = log_of(*compiled.findings, sources=dict(compiled.sources))
    assert len(run["results"]) == len(compiled.findings)
    for finding, result in zip(compiled.findings, run["results"], strict=True):
        assert result["level"] == ("error" if finding.severity is Severity.ERROR else "warning")
        assert len(result.get("fixes", ())) == bool(finding.edits)
        for location in result.get("locations", ()):
            place = location["physicalLocation"]
            assert unquote(place["artifactLocation"]["uri"]) in compiled.sources
            assert (place["region"]["startLine"], place["region"]["startColumn"]) <= (
                place["region"]["endLine"],
                place["region"]["endColumn"],
            )


def test_the_check_of_this_test_finds_mistakes() -> None:
    broken = {"version": "2.0", "runs": [{"results": [{"level": "bad", "locations": {}, "extra": 1}]}]}
    found = "\n".join(check_object(broken, "log"))
    for said in ("not 2.1.0", "no tool", "no message", "not none|note", "no list", "unknown extra"):
        assert said in found
