"""A CSV text as rows of cells that know where they stand: what separates and quotes them, and nothing of prices.

Cells are read by Python's `csv`, which tells no offsets. Where a cell stands is found again in its row's text when
somebody asks, which is for findings and once for each different cell.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ...diagnostics import Diagnostic, Label, Source, Span
from ...grammar.layout import refused_characters
from .few import few

_CELL = re.compile(r' *(?:"(?P<quoted>(?:[^"]|"")*)"|(?P<plain>[^,\r\n]*))')
_DIVIDERS = {";": "semicolons", "\t": "tabs", "|": "bars"}


@dataclass(frozen=True, slots=True)
class SheetRow:
    """The cells of a row, without spaces around them, and the characters `[start, end)` that it stands on."""

    start: int
    end: int
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sheet:
    """A file of cells: its first row, the rows below it, and what is wrong with it as CSV."""

    source: Source
    head: SheetRow | None
    rows: tuple[SheetRow, ...]
    findings: tuple[Diagnostic, ...]

    def row_span(self, row: SheetRow) -> Span:
        return Span(self.source.name, row.start, row.end)

    def place(self, row: SheetRow, column: int) -> tuple[int, int]:
        """The characters of a cell, without its quotes and the spaces around it."""
        text, position = self.source.text, row.start
        for index in range(column + 1):
            found = _CELL.match(text, position, row.end)
            assert found is not None, "csv has read this row"
            if index == column:
                start, end = found.span("plain" if found["quoted"] is None else "quoted")
                inner = text[start:end]
                return start + len(inner) - len(inner.lstrip()), start + len(inner.rstrip())
            position = found.end() + 1
        raise AssertionError("the column is one of the row")

    def reading(self, places: Sequence[tuple[int, int]]) -> str:
        """The text with what CSV doubles (quotes) and breaks (lines) in these cells, as the language reads it.

        Each offset stays where it is: of two quotes one becomes a space, outside of what they enclose.
        """
        text = self.source.text
        pieces: list[str] = []
        done = 0
        for start, end in sorted(places):
            cell = text[start:end]
            if '""' in cell or "\n" in cell or "\r" in cell:
                pieces += [text[done:start], _undoubled(cell)]
                done = end
        return "".join([*pieces, text[done:]]) if pieces else text


def _undoubled(cell: str) -> str:
    parts = cell.replace("\n", " ").replace("\r", " ").split('""')
    quotes = [' "' if index % 2 == 0 else '" ' for index in range(len(parts) - 1)]
    return "".join(part + quote for part, quote in zip(parts, [*quotes, ""], strict=True))


@dataclass(slots=True)
class PriceTables:
    """The price files of a ruleset, by the text that names each, and what was made of one for a kind of charge."""

    sources: Mapping[Span, Source] = field(default_factory=dict)
    sheets: dict[str, Sheet] = field(default_factory=dict)
    read: dict[tuple[object, ...], object] = field(default_factory=dict)


def read_sheet(source: Source) -> Sheet:
    """The rows of a CSV text. Rows without anything in them are passed over."""
    findings: list[Diagnostic] = []
    broken = set(refused_characters(source, findings))
    rows: list[SheetRow] = []
    head: SheetRow | None = None
    for row in _rows(source, broken, findings):
        if head is None:
            head = row
        elif len(row.cells) == len(head.cells):
            rows.append(row)
        else:
            findings.append(_wrong_count(source.name, row, head))
    if head is None:
        if not findings:
            findings.append(_empty(source, "it has no first row with the names of its columns"))
    elif len(head.cells) == 1 and (sign := next((sign for sign in _DIVIDERS if sign in head.cells[0]), "")):
        # Nothing in it is a cell then.
        findings, rows = [_other_divider(source.name, head, sign)], []
    elif not rows and not findings:
        findings.append(_empty(source, "it has a first row and no prices below it"))
    return Sheet(source, head, tuple(rows), few(findings, "places"))


def _rows(source: Source, broken: set[int], findings: list[Diagnostic]) -> Iterator[SheetRow]:
    """Every row that has something in it and that `csv` can read; what it cannot read is noted."""
    text = source.text
    reader = csv.reader((f"{line}\n" for line in text.split("\n")), strict=True, skipinitialspace=True)
    last = source.line_count
    while True:
        first = min(reader.line_num + 1, last)
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            findings.append(_no_csv(_lines(source, first, min(reader.line_num, last)), str(error)))
            continue
        stripped = tuple([cell.strip() for cell in cells])
        if any(stripped) and not (broken and broken.intersection(range(first - 1, reader.line_num))):
            yield SheetRow(*_lines_at(source, first, min(reader.line_num, last)), stripped)


def _lines_at(source: Source, first: int, last: int) -> tuple[int, int]:
    end = source.line_start(last + 1) - 1 if last < source.line_count else len(source.text)
    start = source.line_start(first)
    return start, end - 1 if end > start and source.text[end - 1] == "\r" else end


def _lines(source: Source, first: int, last: int) -> Span:
    return Span(source.name, *_lines_at(source, first, last))


def _no_csv(span: Span, reason: str) -> Diagnostic:
    if "unexpected end" in reason:
        hint = "close the quote: a cell in quotes ends with one"
    elif "expected after" in reason:
        hint = "write a quote inside a quoted cell twice, and nothing but a comma after its end"
    elif "larger than" in reason:
        hint = "close the quote that the cell begins with"
    else:
        hint = "save the file as CSV with commas between cells and quotes around those that hold one"
    return Diagnostic("RB2220", "this row is not CSV", span, reason, hints=(hint,))


def _wrong_count(file: str, row: SheetRow, head: SheetRow) -> Diagnostic:
    have, want = len(row.cells), len(head.cells)
    few_cells = "an empty cell still has its comma" if have < want else 'quote a cell with a comma: `"us, eu"`'
    return Diagnostic(
        "RB1107",
        f"this row has {have} cell{'s' * (have != 1)}, and the first row names {want} columns",
        Span(file, row.start, row.end),
        "too many cells" if have > want else "too few cells",
        (Label(Span(file, head.start, head.end), f"{want} columns"),),
        (few_cells,),
    )


def _other_divider(file: str, head: SheetRow, sign: str) -> Diagnostic:
    return Diagnostic(
        "RB2220",
        f"the cells of this file are divided by {_DIVIDERS[sign]}, and those of a price file by commas",
        Span(file, head.start, head.end),
        "one column, as CSV reads it",
        hints=("save the file with commas between its cells",),
    )


def _empty(source: Source, what: str) -> Diagnostic:
    hint = "write `region,price`, say, and below it a row for each price"
    return Diagnostic(
        "RB2221", f"there are no prices in this file: {what}", Span(source.name, 0, 0), "no prices", hints=(hint,)
    )
