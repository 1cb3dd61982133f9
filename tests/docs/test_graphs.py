"""The graphs of docs/errors.md: their points are what `rate` says now, and the drawings say these points."""

from __future__ import annotations

import importlib.util
import re
import sys
from fractions import Fraction
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree

import pytest

from ratebook.diagnostics.pages import pages

DOCS = Path(__file__).parents[2] / "docs"
SVG = "{http://www.w3.org/2000/svg}"


def _loaded() -> ModuleType:
    spec = importlib.util.spec_from_file_location("ratebook_docs_graphs", DOCS / "graphs.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


graphs = _loaded()
KEPT = graphs.kept()


def test_the_points_are_what_rate_says() -> None:
    assert graphs.points_csv(graphs.graphs()) == graphs.POINTS.read_text(encoding="utf-8")


@pytest.mark.parametrize("graph", KEPT, ids=lambda graph: graph.code)
def test_between_its_points_a_curve_is_straight(graph) -> None:
    for curve, asked in zip(graph.curves, graphs.written()[graph.code]["curves"], strict=True):
        text = graphs.text_of(graph.code, asked)
        amount = graphs.amounts(graphs.fine(text) if asked.get("exact") else text, asked)
        for here, there in curve.straight_parts():
            for part in (Fraction(1, 7), Fraction(1, 2), Fraction(9, 10)):
                quantity = Fraction(round(here.quantity + part * (there.quantity - here.quantity)))
                along = (quantity - here.quantity) / (there.quantity - here.quantity)
                chord = here.amount + along * (there.amount - here.amount)
                # A cent at most: both ends of the line and the amount in question are rounded to one.
                assert abs(amount(quantity) - chord) <= Fraction(1, 100), (curve.name, quantity)


def test_each_code_with_words_for_a_graph_has_one() -> None:
    shown = {code for code, page in pages().items() if page.graph}
    assert shown == {graph.code for graph in KEPT} == {path.stem for path in (DOCS / "graphs").glob("*.svg")}


@pytest.mark.parametrize("graph", KEPT, ids=lambda graph: graph.code)
def test_a_drawing_says_its_points(graph) -> None:
    """A drawing that was not made again after its points changed has an old description."""
    root = ElementTree.fromstring((DOCS / "graphs" / f"{graph.code}.svg").read_text(encoding="utf-8"))
    assert root.get("role") == "img" and root.get("aria-labelledby") == "title desc"
    assert root.findtext(f"{SVG}title") == graph.title
    assert root.findtext(f"{SVG}desc") == graph.description
    words = " ".join("".join(text.itertext()) for text in root.iter(f"{SVG}text"))
    assert all(curve.name in words for curve in graph.curves)
    assert "US dollars" in words and f"{graph.quantity} in a month" in words


@pytest.mark.parametrize("graph", KEPT, ids=lambda graph: graph.code)
def test_amounts_that_the_page_tells_are_rated(graph) -> None:
    shown = graph.description
    for curve, asked in zip(graph.curves, graphs.written()[graph.code]["curves"], strict=True):
        amount = graphs.amounts(graphs.text_of(graph.code, asked), asked)
        shown += "".join(f" {graphs.money_text(amount(Fraction(calls)))}" for calls in (200, 500, 1000))
        assert curve.name in shown
    told = set(re.findall(r"\$[\d,]+\.\d\d", pages()[graph.code].graph))
    # What a curve jumps by is told too.
    jumps = {
        graphs.money_text(abs(above.amount - below.amount))
        for curve in graph.curves
        for below, _, above in curve.jumps()
    }
    assert told <= set(re.findall(r"\$[\d,]+\.\d\d", shown)) | jumps


def test_a_bend_between_whole_quantities_is_found() -> None:
    def amount(quantity: Fraction) -> Fraction:
        return max(Fraction(5), quantity * 3) + (quantity >= 7)

    found = list(graphs.bends(amount, 10))
    assert found == [Fraction(5, 3) // graphs.NEAR * graphs.NEAR, 7]


def test_drawing_again_changes_nothing_but_what_the_library_does() -> None:
    pytest.importorskip("matplotlib")
    first, second = graphs.svg(KEPT[0]), graphs.svg(KEPT[0])
    assert first == second
    assert "<dc:date>" not in first and "prefers-color-scheme" in first
