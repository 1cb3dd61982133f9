"""Reports as files: Parquet with exact types, and one page of HTML that needs nothing beside it."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Iterator, Sequence
from decimal import Decimal
from html import escape
from pathlib import Path

from ...intake.parquet import write_typed
from .charts import STYLE, charts_of, shown
from .report import Cell, Column, ColumnKind, Report


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
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>",
        f"<body><h1>{escape(title)}</h1><p>{escape(made)}</p>",
        "<nav>" + " · ".join(f'<a href="#{item.name}">{escape(item.title)}</a>' for item in reports) + "</nav>",
    ]
    for report in reports:
        parts.append(f'<section id="{report.name}"><h2>{escape(report.title)}</h2>')
        parts.extend(charts_of(report))
        parts.extend(_table(report))
        parts.extend(f"<p>{escape(note)}</p>" for note in report.notes)
        parts.append("</section>")
    parts.append("</body></html>\n")
    return "\n".join(parts)


_STYLE = (
    ":root{color-scheme:light dark;--text:#1b1f24;--page:#fff;--quiet:#57606a;--line:#d8dee4;--bar:#3b6ea5;"
    "--below:#b4552d;--link:#0b57d0}"
    "@media(prefers-color-scheme:dark){:root{--text:#e6e9ed;--page:#15181c;--quiet:#9aa4af;--line:#363c44;"
    "--bar:#6f9fd8;--below:#e08a5f;--link:#8ab4f8}}"
    "body{font-family:system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;color:var(--text);"
    "background:var(--page)}a{color:var(--link)}nav{line-height:1.7}.wide{overflow-x:auto}"
    "table{border-collapse:collapse;margin:1rem 0}th,td{padding:.3rem .7rem;border-bottom:1px solid var(--line);"
    "text-align:left;vertical-align:top}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;"
    "white-space:nowrap}tr.total td{font-weight:600;border-top:2px solid var(--text)}"
    "p{color:var(--quiet);margin:.3rem 0}"
    f"{STYLE}"
)


def _table(report: Report) -> Iterator[str]:
    yield '<div class="wide"><table><thead><tr>'
    yield "".join(f"<th{_class(column)}>{escape(column.name)}</th>" for column in report.columns)
    yield "</tr></thead><tbody>"
    for row in report.rows:
        cells = "".join(
            f"<td{_class(column)}>{escape(shown(cell))}</td>" for column, cell in zip(report.columns, row, strict=True)
        )
        yield f'<tr class="total">{cells}</tr>' if row[0] == "total" else f"<tr>{cells}</tr>"
    if not report.rows:
        yield f'<tr><td colspan="{len(report.columns)}">nothing</td></tr>'
    yield "</tbody></table></div>"


def _class(column: Column) -> str:
    return "" if column.kind is ColumnKind.TEXT else ' class="n"'
