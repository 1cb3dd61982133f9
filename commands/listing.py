"""How commands over a database show what they found: an aligned table, JSON, or CSV.

JSON keeps whole numbers of minor units out: amounts are exact texts in money, with a column for the currency.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence

import click

from ..diagnostics import display_width

FORMATS = ("table", "json", "csv")


def show_rows(rows: Sequence[Mapping[str, object]], form: str, columns: Sequence[str], *, empty: str) -> None:
    """Print rows with these columns; `empty` is what a person reads where there are none."""
    match form:
        case "json":
            click.echo(json.dumps([{name: row.get(name) for name in columns} for row in rows], ensure_ascii=False))
        case "csv":
            click.echo(csv_text(rows, columns), nl=False)
        case _:
            click.echo(table_text(rows, columns) if rows else empty)


def show_one(row: Mapping[str, object], form: str) -> None:
    """Print one thing: a line for each of its facts, one object of JSON, or one row of CSV."""
    match form:
        case "json":
            click.echo(json.dumps(dict(row), ensure_ascii=False))
        case "csv":
            click.echo(csv_text([row], list(row)), nl=False)
        case _:
            width = max((display_width(name) for name in row), default=0)
            for name, value in row.items():
                click.echo(f"{name}{' ' * (width - display_width(name))}  {_shown(value)}".rstrip())


def table_text(rows: Sequence[Mapping[str, object]], columns: Sequence[str]) -> str:
    """Rows under a heading, columns aligned; what looks like a number stands at the right."""
    cells = [[_shown(row.get(name)) for name in columns] for row in rows]
    widths = [
        max(display_width(name), *(display_width(line[place]) for line in cells)) for place, name in enumerate(columns)
    ]
    right = [all(_is_number(line[place]) for line in cells) for place in range(len(columns))]
    lines = [list(columns), ["-" * width for width in widths], *cells]
    return "\n".join(
        "  ".join(
            _aligned(cell, width, at_right) for cell, width, at_right in zip(line, widths, right, strict=True)
        ).rstrip()
        for line in lines
    )


def csv_text(rows: Sequence[Mapping[str, object]], columns: Sequence[str]) -> str:
    """Rows as CSV. A text that a spreadsheet would run as a formula gets an apostrophe; numbers never do."""
    from ..intake.outputs import spreadsheet_safe

    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([spreadsheet_safe(_shown(row.get(name))) for name in columns] for row in rows)
    return out.getvalue()


def _aligned(cell: str, width: int, at_right: bool) -> str:
    space = " " * (width - display_width(cell))
    return space + cell if at_right else cell + space


def _is_number(cell: str) -> bool:
    plain = cell.removeprefix("-").replace(",", "").replace(".", "", 1)
    return not cell or (plain.isascii() and plain.isdigit())


def _shown(value: object) -> str:
    match value:
        case None:
            return ""
        case True:
            return "yes"
        case False:
            return "no"
        case dict() | list():
            return json.dumps(value, ensure_ascii=False, sort_keys=True)
        case _:
            return str(value)
