"""Reports as files: Parquet with exact types, and one page of HTML that needs nothing beside it."""

from __future__ import annotations

import csv
import io
import tempfile
from collections.abc import Iterator, Sequence
from decimal import Decimal
from html import escape
from pathlib import Path

from ...intake.parquet import write_typed
from .report import Bar, Cell, Column, ColumnKind, Report

BARS_MAX = 30
"""A chart shows no more bars: what is longer is read in the table."""


def write_parquet(report: Report, path: Path) -> None:
    """Write a report as Parquet: texts, 64-bit counts, exact decimals. Raises `OSError`."""
    types = {column.name: _type(report, place) for place, column in enumerate(report.columns)}
    with tempfile.TemporaryDirectory() as folder:
        staged = Path(folder) / "rows.csv"
        with staged.open("w", encoding="utf-8", newline="") as out:
            csv.writer(out, quoting=csv.QUOTE_MINIMAL).writerows(
                ["" if cell is None else _text(cell) for cell in row] for row in report.rows
            )
        write_typed(staged, types, path)


def _type(report: Report, place: int) -> str:
    match report.columns[place].kind:
        case ColumnKind.TEXT:
            return "VARCHAR"
        case ColumnKind.COUNT:
            return "BIGINT"
        case ColumnKind.MONEY | ColumnKind.QUANTITY:
            found = [row[place] for row in report.rows]
            digits = max((-int(cell.as_tuple().exponent) for cell in found if isinstance(cell, Decimal)), default=2)
            return f"DECIMAL(38, {max(digits, 0)})"


def _text(cell: Cell) -> str:
    return format(cell, "f") if isinstance(cell, Decimal) else str(cell)


def html_page(reports: Sequence[Report], *, title: str, made: str) -> str:
    """A page with every report as a table, under charts drawn into it. Nothing is loaded from elsewhere."""
    parts = [
        "<!doctype html>",
        f'<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title><style>{_STYLE}</style></head>',
        f"<body><h1>{escape(title)}</h1><p>{escape(made)}</p>",
        "<nav>" + " · ".join(f'<a href="#{item.name}">{escape(item.title)}</a>' for item in reports) + "</nav>",
    ]
    for report in reports:
        parts.append(f'<section id="{report.name}"><h2>{escape(report.title)}</h2>')
        parts.extend(_charts(report))
        parts.extend(_table(report))
        parts.extend(f"<p>{escape(note)}</p>" for note in report.notes)
        parts.append("</section>")
    parts.append("</body></html>\n")
    return "\n".join(parts)


_STYLE = (
    "body{font-family:system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;color:#1b1f24}"
    "table{border-collapse:collapse;margin:1rem 0}th,td{padding:.3rem .7rem;border-bottom:1px solid #d8dee4;"
    "text-align:left}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}"
    "tr.total td{font-weight:600;border-top:2px solid #1b1f24}svg{max-width:100%;height:auto}p{color:#57606a}"
)


def _table(report: Report) -> Iterator[str]:
    yield "<table><thead><tr>"
    yield "".join(f"<th{_class(column)}>{escape(column.name)}</th>" for column in report.columns)
    yield "</tr></thead><tbody>"
    for row in report.rows:
        cells = "".join(
            f"<td{_class(column)}>{escape(_shown(cell))}</td>" for column, cell in zip(report.columns, row, strict=True)
        )
        yield f'<tr class="total">{cells}</tr>' if row[0] == "total" else f"<tr>{cells}</tr>"
    if not report.rows:
        yield f'<tr><td colspan="{len(report.columns)}">nothing</td></tr>'
    yield "</tbody></table>"


def _class(column: Column) -> str:
    return "" if column.kind is ColumnKind.TEXT else ' class="n"'


def _shown(cell: Cell) -> str:
    if cell is None:
        return ""
    return f"{cell:,f}" if isinstance(cell, Decimal) else f"{cell:,}" if isinstance(cell, int) else cell


def _charts(report: Report) -> Iterator[str]:
    for chart in report.charts:
        names = [column.name for column in report.columns]
        label, value = names.index(chart.label), names.index(chart.value)
        series = names.index(chart.series) if chart.series else None
        groups: dict[str, list[tuple[str, Decimal]]] = {}
        for row in report.rows:
            cell = row[value]
            if row[0] != "total" and isinstance(cell, int | Decimal):
                group = "" if series is None else str(row[series])
                groups.setdefault(group, []).append((str(row[label]), Decimal(cell)))
        for group, bars in groups.items():
            yield _drawn(chart, group, bars[:BARS_MAX])


def _drawn(chart: Bar, group: str, bars: Sequence[tuple[str, Decimal]]) -> str:
    """One chart as SVG, drawn by Matplotlib; an empty text where that is not installed."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return "<p>Charts need Matplotlib: <code>pip install &quot;ratebook[reports]&quot;</code>.</p>"
    # A length on a page is no amount: here, and only here, a float will do.
    figure = Figure(figsize=(8, 0.6 + 0.3 * len(bars)), layout="constrained")
    axes = figure.subplots()
    axes.barh([name for name, _ in bars], [float(value) for _, value in bars], color="#3b6ea5")
    axes.invert_yaxis()
    axes.set_title(f"{chart.title} ({group})" if group else chart.title, loc="left", fontsize=10)
    axes.set_xlabel(f"{chart.value}{f' in {group}' if group and chart.series == 'currency' else ''}")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    out = io.StringIO()
    figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    text = out.getvalue()
    return text[text.index("<svg") :]
