"""Cells of tables that stand in other files, in the language of a ruleset's tables.

Who reads the file says where its cells are; what separates and quotes them there is not known here. Every cell is read
on its own, so that a mistake stays in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from ..diagnostics import Diagnostic, Span
from . import syntax
from .builder import Build
from .builder.prices import REFUSED, bare_number, cell_of, column_of
from .machine import StuckError
from .parse import machine

_BARE_NUMBER = re.compile(r"-?[0-9]+(?:,[0-9]{3})*(?:\.[0-9]+)?(?= +per | +each$)")
"""A number where the money of a price belongs."""

Cell: TypeAlias = syntax.Key | syntax.Price | syntax.Money | None


@dataclass(frozen=True, slots=True)
class ReadCell:
    """What a cell is (None where it is empty, or has findings) and what is wrong with it."""

    cell: Cell
    findings: tuple[Diagnostic, ...]


def read_columns(
    file: str, text: str, places: Sequence[tuple[int, int]], currency: str
) -> tuple[tuple[syntax.Column, ...] | None, tuple[Diagnostic, ...]]:
    """The columns that the cells of a first row name; None with findings."""
    build = Build(file, currency)
    columns: list[syntax.Column] = []
    places = [_trimmed(text, *place) for place in places]
    for (start, end), made in zip(places, machine().cells(build, text, places, head=True), strict=True):
        if isinstance(made, StuckError):
            build.report(_no_column(Span(file, start, end), text[start:end]))
        else:
            columns.append(column_of(made))
    return (None if build.found else tuple(columns)), tuple(build.found)


def read_cells(
    file: str, text: str, places: Iterable[tuple[int, int]], column: syntax.Column, currency: str
) -> list[ReadCell]:
    """The cells at these places of a text, all of one column."""
    build = Build(file, currency)
    places = [_trimmed(text, *place) for place in places]
    found: list[ReadCell] = []
    for (start, end), made in zip(places, machine().cells(build, text, places, head=False), strict=True):
        number = _BARE_NUMBER.match(text, start, end)
        if number is not None and isinstance(column, syntax.PriceColumn | syntax.BandColumn):
            at = Span(file, start, number.end())
            build.report(bare_number(build, syntax.Number(span=at, digits=number.group().replace(",", ""))))
            found.append(ReadCell(None, tuple(build.found)))
        elif isinstance(made, StuckError):
            build.report(_no_cell(Span(file, start, end), text, made, column))
            found.append(ReadCell(None, tuple(build.found)))
        else:
            cell: Any = cell_of(build, made, column)
            found.append(ReadCell(None if cell is REFUSED else cell, tuple(build.found)))
        build.found.clear()
    return found


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    inner = text[start:end]
    return start + len(inner) - len(inner.lstrip(" ")), start + len(inner.rstrip(" ")) if inner.strip(" ") else end


def _no_column(span: Span, text: str) -> Diagnostic:
    if not text:
        return Diagnostic(
            "RB1107", "this column has no name", span, "the first row names the columns", hints=("name the column",)
        )
    return Diagnostic(
        "RB1107",
        f"`{text}` names no column",
        span,
        "the first row names the columns",
        hints=(
            "name a `by` field of the charge, alone or followed by `prefix`",
            "write `price`, a band such as `first 100`, `once`, `minimum` or `cap`",
            'quote a cell with a comma: `"first 10,000"`',
        ),
    )


def _no_cell(span: Span, text: str, stuck: StuckError, column: syntax.Column) -> Diagnostic:
    written = text[span.start : span.end]
    match column:
        case syntax.KeyColumn():
            what, hint = "the values that its row is for", "write a value, `us, eu`, `from 10 below 20`, or `otherwise`"
        case syntax.AmountColumn(kind):
            what, hint = f"the money of `{kind.value}`", "write an amount, such as `$5`, or leave the cell empty"
        case _:
            what, hint = "a price", "write `$0.09 per GB`, `$0.01 each`, `2.9%`, `for $5`, `free` or `refused`"
    here = "from here on" if span.start < stuck.token.start < span.end else "this cell"
    at = Span(span.file, stuck.token.start, span.end) if here == "from here on" else span
    return Diagnostic("RB1001", f"`{written}` cannot be read as {what}", at, here, hints=(hint,))
