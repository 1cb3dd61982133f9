"""Findings as JSON for machines, `ratebook.diagnostics/1`: lines and columns count from 1, in characters."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from .diagnostic import Diagnostic
from .promised import Promised
from .source import Source, Span

SCHEMA = "ratebook.diagnostics/1"


def render_json(
    diagnostics: Iterable[Diagnostic],
    sources: Mapping[str, Source],
    promises: Iterable[Promised] = (),
    further: Mapping[str, Any] | None = None,
) -> str:
    """All findings in the order given, what became of promises, and in `further` what else the command has to say."""
    document = {
        "schema": SCHEMA,
        "diagnostics": [_finding(each, sources) for each in diagnostics],
        "promises": [_promise(each, sources) for each in promises],
        **(further or {}),
    }
    text = json.dumps(document, ensure_ascii=False, indent=2) + "\n"
    return text.encode("utf-8", "replace").decode("utf-8")


def _finding(finding: Diagnostic, sources: Mapping[str, Source]) -> dict[str, Any]:
    return {
        "code": finding.code,
        "severity": finding.severity.value,
        "message": finding.message,
        **_place(finding.span, sources),
        "here": finding.here,
        "labels": [{**_place(label.span, sources), "text": label.text} for label in finding.labels],
        "hints": list(finding.hints),
        "notes": list(finding.notes),
        "edits": [{**_place(edit.span, sources), "text": edit.text} for edit in finding.edits],
        "place": finding.place,
    }


def _promise(promise: Promised, sources: Mapping[str, Source]) -> dict[str, Any]:
    return {
        "promise": promise.text,
        "outcome": promise.outcome,
        **_place(promise.span, sources),
        "reason": promise.reason,
        "witness": promise.witness,
        "rounding": promise.rounding,
    }


def _place(span: Span | None, sources: Mapping[str, Source]) -> dict[str, Any]:
    if span is None:
        return {"file": None, "line": None, "column": None, "end_line": None, "end_column": None}
    source = sources.get(span.file)
    if source is None:
        return {"file": span.file, "line": None, "column": None, "end_line": None, "end_column": None}
    (line, column), (end_line, end_column) = source.position(span.start), source.position(span.end)
    return {"file": span.file, "line": line, "column": column, "end_line": end_line, "end_column": end_column}
