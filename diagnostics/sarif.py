"""Findings as SARIF 2.1.0, the form that code scanning and editors read.

Lines count from 1, columns from 1 in UTF-16 code units, as `columnKind` says. Every code of the table is a rule, with
its page as the help, so that a rule's index never depends on what was found. Knows nothing of the working folder:
names of sources that are relative stay so, against `%SRCROOT%`.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from .codes import CODES, Code
from .diagnostic import Diagnostic, Edit, Severity
from .pages import page, pages
from .promised import Promised
from .source import Source, Span

VERSION = "2.1.0"
SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
FINGERPRINT = "ratebookFinding/v1"
_ROOT = "%SRCROOT%"
_RULE_INDEX = {code: index for index, code in enumerate(CODES)}

Json = dict[str, Any]


def render_sarif(
    diagnostics: Iterable[Diagnostic],
    sources: Mapping[str, Source],
    *,
    tool_version: str,
    promises: Sequence[Promised] = (),
) -> str:
    """One run with all findings in the order given; what became of promises stands in the run's properties."""
    seen: Counter[str] = Counter()
    results = [_result(each, sources, seen) for each in diagnostics]
    driver = {
        "name": "Ratebook",
        "version": tool_version,
        "semanticVersion": tool_version,
        "rules": [_rule(code) for code in CODES.values()],
    }
    run: Json = {"tool": {"driver": driver}, "columnKind": "utf16CodeUnits", "results": results}
    if promises:
        run["properties"] = {"promises": [_promise(each, sources) for each in promises]}
    text = json.dumps({"$schema": SCHEMA, "version": VERSION, "runs": [run]}, ensure_ascii=False, indent=2) + "\n"
    return text.encode("utf-8", "replace").decode("utf-8")


def _promise(promise: Promised, sources: Mapping[str, Source]) -> Json:
    return {
        "promise": promise.text,
        "outcome": promise.outcome,
        "text": promise.sentence,
        "location": _physical(promise.span, sources),
    }


def _rule(code: Code) -> Json:
    return {
        "id": code.code,
        "shortDescription": {"text": _sentence(code.title)},
        "fullDescription": {"text": pages()[code.code].meaning},
        "help": {"text": page(code.code)},
        "defaultConfiguration": {"level": "warning" if code.warning else "error"},
    }


def _sentence(title: str) -> str:
    return f"{title[0].upper()}{title[1:]}."


def _result(finding: Diagnostic, sources: Mapping[str, Source], seen: Counter[str]) -> Json:
    result: Json = {
        "ruleId": finding.code,
        "ruleIndex": _RULE_INDEX[finding.code],
        "level": "error" if finding.severity is Severity.ERROR else "warning",
        "message": {"text": "\n".join(_sayings(finding))},
    }
    location = _location(finding, sources)
    if location:
        result["locations"] = [location]
    if finding.labels:
        result["relatedLocations"] = [
            {
                "id": number,
                "physicalLocation": _physical(label.span, sources),
                **({"message": {"text": label.text}} if label.text else {}),
            }
            for number, label in enumerate(finding.labels, 1)
        ]
    result["partialFingerprints"] = {FINGERPRINT: _fingerprint(finding, sources, seen)}
    if finding.edits and all(edit.span.file in sources for edit in finding.edits):
        result["fixes"] = [_fix(finding, sources)]
    return result


def _sayings(finding: Diagnostic) -> Iterator[str]:
    yield finding.message
    yield from (f"help: {hint}" for hint in finding.hints)
    yield from (f"note: {note}" for note in finding.notes)


def _location(finding: Diagnostic, sources: Mapping[str, Source]) -> Json:
    if finding.span is None:
        # A place that is not in a text is a file or folder that could not be read.
        return {"physicalLocation": {"artifactLocation": _artifact(finding.place)}} if finding.place else {}
    location: Json = {"physicalLocation": _physical(finding.span, sources)}
    if finding.here:
        location["message"] = {"text": finding.here}
    return location


def _physical(span: Span, sources: Mapping[str, Source]) -> Json:
    source = sources.get(span.file)
    region = {"region": _region(span, source)} if source is not None else {}
    return {"artifactLocation": _artifact(span.file), **region}


def _artifact(name: str) -> Json:
    path = PurePath(name)
    if path.is_absolute():
        return {"uri": path.as_uri()}
    uri = quote(path.as_posix(), safe="/")
    return {"uri": uri} if ".." in path.parts else {"uri": uri, "uriBaseId": _ROOT}


def _region(span: Span, source: Source) -> Json:
    (line, column), (end_line, end_column) = _position(span.start, source), _position(span.end, source)
    return {"startLine": line, "startColumn": column, "endLine": end_line, "endColumn": end_column}


def _position(offset: int, source: Source) -> tuple[int, int]:
    """Line and column of a character, the column in UTF-16 code units."""
    line, column = source.position(offset)
    start = source.line_start(line)
    return line, column + sum(character > "\uffff" for character in source.text[start : start + column - 1])


def _fingerprint(finding: Diagnostic, sources: Mapping[str, Source], seen: Counter[str]) -> str:
    """What stays the same while lines move: the code, the file, the text of the line, and which of equal ones it is."""
    source = sources.get(finding.span.file) if finding.span is not None else None
    if finding.span is None or source is None:
        parts = [finding.code, finding.place, finding.message]
    else:
        line = " ".join(source.line(source.position(finding.span.start)[0]).split())
        parts = [finding.code, PurePath(finding.span.file).as_posix(), line, source.slice(finding.span)]
    key = "\x00".join(parts)
    seen[key] += 1
    return hashlib.sha256(f"{key}\x00{seen[key]}".encode("utf-8", "replace")).hexdigest()[:32]


def _fix(finding: Diagnostic, sources: Mapping[str, Source]) -> Json:
    by_file: dict[str, list[Edit]] = {}
    for edit in finding.edits:
        by_file.setdefault(edit.span.file, []).append(edit)
    fix: Json = {
        "artifactChanges": [
            {
                "artifactLocation": _artifact(name),
                "replacements": [
                    {"deletedRegion": _region(edit.span, sources[name]), "insertedContent": {"text": edit.text}}
                    for edit in edits
                ],
            }
            for name, edits in by_file.items()
        ]
    }
    return {"description": {"text": finding.hints[0]}, **fix} if finding.hints else fix
