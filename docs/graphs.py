"""Draws the price graphs of docs/errors.md: `python docs/graphs.py`, with the packages of `ratebook[docs]`.

A script of the project, outside the package: nothing imports it but its test. `graphs/graphs.toml` says which curves a
graph has; every amount comes from rating the price lists of the page (`diagnostics/pages.toml`). A curve is kept in
`graphs/points.csv` as the points at which it bends or jumps, each rated just below, at and just above, and between
them it is straight. The drawing (`graphs/CODE.svg`) is made from these points alone, and its description says them.
"""

from __future__ import annotations

import csv
import io
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cache
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import ratebook
from ratebook.diagnostics import Source
from ratebook.diagnostics.pages import pages
from ratebook.engine.compiler.compile import compile_ruleset

FOLDER = Path(__file__).parent / "graphs"
POINTS = FOLDER / "points.csv"
NEAR = Fraction(1, 1_000_000)
"""How far just below and just above are from a point, in units."""
FINE = "  round each line to $0.000000000001\n"
"""Rounding that shows no steps, to find where curves bend."""
HEADER = ("graph", "curve", "quantity", "side", "amount")


@dataclass(frozen=True, slots=True)
class Point:
    """What a quantity costs: `side` is -1 just below it, 0 at it, 1 just above it."""

    quantity: Fraction
    side: int
    amount: Fraction


@dataclass(frozen=True, slots=True)
class Curve:
    """A curve by the points at which it begins, bends, jumps and ends."""

    name: str
    points: tuple[Point, ...]

    def straight_parts(self) -> Iterator[tuple[Point, Point]]:
        """The beginning, just above a point, and the end, just below the next, of each straight part."""
        places = [list(group) for _, group in groupby(self.points, key=lambda point: point.quantity)]
        for here, there in pairwise(places):
            yield here[-1], there[0]

    def jumps(self) -> Iterator[tuple[Point, Point, Point]]:
        """Just below, at and just above each place at which the amount jumps by more than a rounding."""
        for _, group in groupby(self.points, key=lambda point: point.quantity):
            place = tuple(group)
            if len(place) == 3 and len({point.amount for point in place}) > 1:
                yield place


@dataclass(frozen=True, slots=True)
class Graph:
    """A graph of one code."""

    code: str
    title: str
    quantity: str
    to: int
    gap: str
    curves: tuple[Curve, ...]
    colours: tuple[str, ...]

    @property
    def description(self) -> str:
        """The graph in words, for those who cannot see it."""
        return " ".join(f"{curve.name}: {_told(curve, self.quantity)}." for curve in self.curves)


@cache
def written() -> dict[str, dict[str, Any]]:
    """The graphs that are asked for, by code."""
    return tomllib.loads((FOLDER / "graphs.toml").read_text(encoding="utf-8"))


def text_of(code: str, curve: dict[str, Any]) -> str:
    """The price list that a curve is rated with: that of the page, with the changes that are said."""
    page = pages()[code]
    text = f"{page.given}\n{getattr(page, curve['of'])}"
    for before, after in curve.get("change", ()):
        if text.count(before) != 1:
            raise ValueError(f"{code}: the page has “{before}” {text.count(before)} times")
        text = text.replace(before, after)
    return text


def amounts(text: str, curve: dict[str, Any]) -> Callable[[Fraction], Fraction]:
    """What quantities of the meter `calls` cost, as `rate` says."""
    if meter := curve.get("cost"):
        return _cost(text, meter)
    prices = ratebook.compile(text)

    @cache
    def amount(quantity: Fraction) -> Fraction:
        asked = Decimal(quantity.numerator) / Decimal(quantity.denominator)
        statement = ratebook.quote(prices, curve["plan"], {"calls": asked}, curve.get("account"), "2030-03")
        line = curve.get("line")
        units = statement.total if line is None else sum(item.amount for item in statement.lines if item.id == line)
        return statement.money.fraction(units)

    return amount


def _cost(text: str, meter: str) -> Callable[[Fraction], Fraction]:
    """What quantities cost those who sell them, by the line `cost of`: the price list that asks as much for them."""
    before, line = text.split(f"cost of {meter}: ")
    charged = f"{before}\nplan cost_of_{meter}:\n  charge {meter}: at {line.splitlines()[0]}\n"
    compiled = compile_ruleset(Source("cost.rates", charged))
    if compiled.program is None:
        raise ValueError(f"the cost of {meter} is no price: {compiled.findings}")
    return amounts(charged, {"plan": f"cost_of_{meter}"})


def fine(text: str) -> str:
    """The price list without visible rounding."""
    head = "  currency USD\n"
    return text.replace(head, head + FINE, 1)


def bends(amount: Callable[[Fraction], Fraction], to: int) -> Iterator[Fraction]:
    """The quantities below `to` at which a curve stops being the straight line that it was.

    Each line is taken from two amounts just above its beginning, and followed over whole quantities until it ends.
    """
    begin = Fraction(0)
    while True:
        first, second = amount(begin + NEAR), amount(begin + 2 * NEAR)
        slope = (second - first) / NEAR

        def on_line(quantity: Fraction | int, begin=begin, first=first, slope=slope) -> bool:
            return amount(Fraction(quantity)) == first + slope * (quantity - begin - NEAR)

        last, step = int(begin), 1
        while last + step <= to and on_line(last + step):
            last, step = last + step, step * 2
        if last + step > to:
            step = to - last
        while step > 1:
            step = (step + 1) // 2
            if last + step <= to and on_line(last + step):
                last += step
        while last < to and on_line(last + 1):
            last += 1
        if last >= to:
            return
        if last > begin and not on_line(last + NEAR):
            begin = Fraction(last)
        elif on_line(last + 1 - NEAR):
            begin = Fraction(last + 1)
        else:
            # The line ends between two whole quantities, where it meets the next one.
            there, before = amount(last + 1 - NEAR), amount(last + 1 - 2 * NEAR)
            next_slope = (there - before) / NEAR
            crossing = (there - next_slope * (last + 1 - NEAR) - first + slope * (begin + NEAR)) / (slope - next_slope)
            begin = Fraction(crossing // NEAR) * NEAR
        if begin >= to:
            return
        yield begin


def rated(code: str, curve: dict[str, Any], to: int) -> Curve:
    """A curve, rated."""
    to = curve.get("to", to)
    text = text_of(code, curve)
    shown = amounts(fine(text) if curve.get("exact") else text, curve)
    smooth = shown if curve.get("rounded") else amounts(fine(text), curve)
    points = [Point(Fraction(0), 0, shown(Fraction(0)))]
    for place in bends(smooth, to):
        points += [Point(place, side, shown(place + side * NEAR)) for side in (-1, 0, 1)]
    points.append(Point(Fraction(to), 0, shown(Fraction(to))))
    return Curve(curve["name"], tuple(points))


def graphs() -> tuple[Graph, ...]:
    """Every graph, rated now."""
    return tuple(_graph(code, tuple(rated(code, curve, item["to"]) for curve in item["curves"]))
                 for code, item in written().items())  # fmt: skip


def kept() -> tuple[Graph, ...]:
    """Every graph, as points.csv holds it."""
    with POINTS.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    found = []
    for code in written():
        own = [row for row in rows if row["graph"] == code]
        curves = tuple(Curve(name, tuple(map(_point, group))) for name, group in groupby(own, lambda row: row["curve"]))
        found.append(_graph(code, curves))
    return tuple(found)


def _graph(code: str, curves: tuple[Curve, ...]) -> Graph:
    item = written()[code]
    return Graph(
        code, item["title"], item["quantity"], item["to"], item.get("gap", ""), curves, _colours(item["curves"])
    )


def _colours(curves: list[dict[str, Any]]) -> tuple[str, ...]:
    """Red for what is reported, and blue and green for what it is compared with."""
    others = iter(COLOURS[1:])
    return tuple(COLOURS[0] if curve.get("reported") else next(others) for curve in curves)


_SIDES = {-1: "below", 0: "at", 1: "above"}


def _point(row: dict[str, str]) -> Point:
    side = next(side for side, word in _SIDES.items() if word == row["side"])
    return Point(Fraction(row["quantity"]), side, Fraction(row["amount"]))


def points_csv(found: tuple[Graph, ...]) -> str:
    """The points of graphs as points.csv."""
    written = io.StringIO()
    rows = csv.writer(written, lineterminator="\n")
    rows.writerow(HEADER)
    for graph in found:
        for curve in graph.curves:
            for point in curve.points:
                rows.writerow(
                    (graph.code, curve.name, _decimal(point.quantity), _SIDES[point.side], _decimal(point.amount))
                )
    return written.getvalue()


def _decimal(value: Fraction) -> str:
    return f"{Decimal(value.numerator) / Decimal(value.denominator):f}"


def money_text(amount: Fraction) -> str:
    """An amount as it stands on axes and in descriptions."""
    return f"${Decimal(amount.numerator) / Decimal(amount.denominator):,.2f}"


def quantity_text(quantity: Fraction) -> str:
    """A quantity as it stands on axes and in descriptions, whole or with its first decimals."""
    return f"{int(quantity):,}" if quantity.denominator == 1 else f"about {float(quantity):,.1f}"


def _told(curve: Curve, quantity: str) -> str:
    first, last = curve.points[0], curve.points[-1]
    told = [f"{money_text(first.amount)} for none"]
    for _, group in groupby(curve.points[1:-1], key=lambda point: point.quantity):
        below, at, above = group
        if len({below.amount, at.amount, above.amount}) == 1:
            told.append(f"{money_text(at.amount)} for {quantity_text(at.quantity)}")
        else:
            told.append(
                f"{money_text(at.amount)} for {quantity_text(at.quantity)}, "
                + (
                    f"{money_text(above.amount)} just above"
                    if at.amount == below.amount
                    else f"{money_text(below.amount)} just below"
                )
            )
    told.append(f"{money_text(last.amount)} for {quantity_text(last.quantity)} {quantity}")
    return ", ".join(told)


# Drawing

INK, PAPER, GRID = "#1f2328", "#ffffff", "#d8dee4"
COLOURS = ("#cf222e", "#0969da", "#1a7f37")
DARK = {INK: "#e6edf3", PAPER: "#0d1117", GRID: "#30363d", "#cf222e": "#ff7b72", "#0969da": "#79c0ff",
        "#1a7f37": "#56d364"}  # fmt: skip
DASHES = ("solid", (0, (6, 2)), (0, (2, 2)))


def svg(graph: Graph) -> str:
    """A graph as an SVG with a title and a description, the same text from the same points."""
    import matplotlib as mpl

    mpl.use("svg")
    with mpl.rc_context({
        "svg.hashsalt": graph.code, "svg.fonttype": "none", "font.family": "sans-serif", "font.size": 10,
        "text.color": INK, "axes.labelcolor": INK, "axes.edgecolor": INK, "xtick.color": INK, "ytick.color": INK,
        "axes.facecolor": PAPER, "figure.facecolor": PAPER, "grid.color": GRID, "grid.linewidth": 0.8,
    }):  # fmt: skip
        return _themed(_drawn(graph), graph)


def _drawn(graph: Graph) -> str:
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    axes = figure.add_subplot()
    for curve, colour in zip(graph.curves, graph.colours, strict=True):
        dashes = DASHES[COLOURS.index(colour)]
        for number, (here, there) in enumerate(curve.straight_parts()):
            axes.plot(
                [float(here.quantity), float(there.quantity)],
                [float(here.amount), float(there.amount)],
                color=colour,
                linestyle=dashes,
                linewidth=2,
                label=curve.name if number == 0 else None,
            )
        for place in curve.jumps():
            _dots(axes, place, colour)
    if graph.gap:
        begin = min(curve.points[-1].quantity for curve in graph.curves)
        axes.axvspan(float(begin), graph.to, color=GRID, alpha=0.6, linewidth=0)
        axes.text((float(begin) + graph.to) / 2, 0.06, graph.gap, ha="center", transform=axes.get_xaxis_transform())
    axes.set_xlim(0, graph.to)
    axes.set_ylim(0, float(max(point.amount for curve in graph.curves for point in curve.points)) * 1.08)
    axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    cents = axes.get_ylim()[1] < 1
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"${value:,.2f}" if cents else f"${value:,.0f}"))
    axes.set_xlabel(f"{graph.quantity} in a month")
    axes.set_ylabel("US dollars")
    axes.set_title(graph.title, fontsize=12, loc="left")
    axes.grid(True)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="best")
    written = io.StringIO()
    figure.savefig(written, format="svg", metadata={"Date": None, "Creator": None})
    return written.getvalue()


def _dots(axes, place: tuple[Point, Point, Point], colour: str) -> None:
    """A full dot where the amount at the place is, an open one at a limit that it does not have."""
    below, at, above = place
    for point in (below, above):
        belongs = abs(point.amount - at.amount) == min(abs(below.amount - at.amount), abs(above.amount - at.amount))
        axes.plot(
            [float(point.quantity)],
            [float(point.amount)],
            marker="o",
            markersize=7,
            markeredgewidth=1.8,
            color=colour,
            markerfacecolor=colour if belongs else PAPER,
            linestyle="none",
            zorder=3,
            clip_on=False,
        )


def _themed(drawn: str, graph: Graph) -> str:
    """The drawing with words for those who cannot see it, and colours for dark pages."""
    changed = "".join(
        f'[style*="fill: {light}"]{{fill:{dark}!important}}[style*="stroke: {light}"]{{stroke:{dark}!important}}'
        for light, dark in DARK.items()
    )
    opening = drawn.index("<svg")
    end = drawn.index(">", opening)
    head = drawn[opening:end]
    words = (
        f'\n <title id="title">{escape(graph.title)}</title>\n <desc id="desc">{escape(graph.description)}</desc>\n'
        f" <style>text{{fill:{INK}}}@media (prefers-color-scheme: dark){{text{{fill:{DARK[INK]}}}{changed}}}</style>"
    )
    text = f'{head} role="img" aria-labelledby="title desc">{words}{drawn[end + 1 :]}'
    return "\n".join(line.rstrip() for line in text.splitlines()) + "\n"


def main() -> None:
    found = graphs()
    POINTS.write_text(points_csv(found), encoding="utf-8")
    for graph in found:
        (FOLDER / f"{graph.code}.svg").write_text(svg(graph), encoding="utf-8")


if __name__ == "__main__":
    main()
