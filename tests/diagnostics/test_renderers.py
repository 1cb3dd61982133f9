"""Findings as text and as JSON."""

from __future__ import annotations

import json

from ratebook.diagnostics import Diagnostic, Edit, Label, Source, Span
from ratebook.diagnostics.json_text import render_json
from ratebook.diagnostics.text import render_text

SOURCE = Source("价格.rates", "meter 出网流量: sum of 字节 of e\nplan p:\n  charge x: at $5\n")


def test_carets_count_wide_characters_as_two_columns() -> None:
    finding = Diagnostic(
        "RB2001",
        "there is no field `字节`",
        Span(SOURCE.name, 19, 21),
        here="unknown",
        labels=(Label(Span(SOURCE.name, 6, 10), "used here"), Label(Span(SOURCE.name, 44, 45), "and here")),
        hints=("did you mean `bytes`?",),
        notes=("the event has two fields",),
    )
    assert render_text([finding], {SOURCE.name: SOURCE}) == (
        "error[RB2001]: there is no field `字节`\n"
        " --> 价格.rates:1:20\n"
        "  |\n"
        "1 | meter 出网流量: sum of 字节 of e\n"
        "  |                        ^^^^ unknown\n"
        "  |       -------- used here\n"
        "  ⋮\n"
        "3 |   charge x: at $5\n"
        "  |          - and here\n"
        "  = help: did you mean `bytes`?\n"
        "  = note: the event has two fields\n"
    )


def test_places_in_data_and_findings_without_a_place() -> None:
    row = Diagnostic("RB3002", "the row has no account", place="usage.csv, row 12")
    bare = Diagnostic("RB2302", "a warning")
    assert render_text([row, bare], {}) == (
        "error[RB3002]: the row has no account\n --> usage.csv, row 12\n\nwarning[RB2302]: a warning\n"
    )


def test_text_survives_odd_spans_and_characters() -> None:
    source = Source("a", "x" * 5000 + "\u202e\tend\n")
    for span in (Span("a", 0, 0), Span("a", 4999, 5002), Span("a", 5005, 9999), Span("a", 0, 5000), Span("b", 1, 2)):
        text = render_text([Diagnostic("RB1001", "m\x1b[0m", span)], {"a": source})
        assert "\u202e" not in text
        assert "\x1b" not in text
        assert max(map(len, text.split("\n"))) < 250


def test_colour_only_where_it_is_asked_for() -> None:
    finding = Diagnostic("RB1001", "message", Span(SOURCE.name, 0, 5))
    sources = {SOURCE.name: SOURCE}
    assert "\x1b[" not in render_text([finding], sources)
    assert "\x1b[1;31merror[RB1001]\x1b[0m" in render_text([finding], sources, colour=True)


def test_json() -> None:
    span = Span(SOURCE.name, 19, 21)
    finding = Diagnostic("RB2001", "no \ud800", span, labels=(Label(span, "l"),), edits=(Edit(span, "bytes"),))
    document = json.loads(render_json([finding, Diagnostic("RB3002", "m", place="p")], {SOURCE.name: SOURCE}))
    place = {"file": "价格.rates", "line": 1, "column": 20, "end_line": 1, "end_column": 22}
    assert document["schema"] == "ratebook.diagnostics/1"
    first, second = document["diagnostics"]
    assert first == {
        "code": "RB2001",
        "severity": "error",
        "message": "no ?",
        **place,
        "here": "",
        "labels": [{**place, "text": "l"}],
        "hints": [],
        "notes": [],
        "edits": [{**place, "text": "bytes"}],
        "place": "",
    }
    assert second["file"] is None
    assert second["place"] == "p"
