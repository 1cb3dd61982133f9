"""`prices from "egress.csv" then "other.csv"`: tables in files to the rows that a table in the ruleset gives.

A cell means what it means in a table of a ruleset, with one difference: where the column's field is a text or one of a
few values, a plain cell is that text as it stands, without quotes of the language. Each different text of a column is
read once; rows that repeat their prices share them, and carets then point to where the price stands first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeVar

from ....diagnostics import Diagnostic, Label, Span, has_errors
from ....grammar import syntax
from ....grammar.cells import read_cells, read_columns
from ...plan import Bound
from ...schedule import Mode
from ..few import few
from ..model import Band, Key, Price, PriceFile, Row
from ..sheet import Sheet, SheetRow, read_sheet
from .plain_cells import plain_key
from .prices import Priced, resolve_bands, resolve_price
from .scope import Scope
from .tables import KeyField, check_bounds, columns_of, heads_fit, key_of, with_once

T = TypeVar("T")
_Price = syntax.AtPrice | syntax.ForPrice | syntax.FreePrice | syntax.RefusedPrice


@dataclass(frozen=True, slots=True)
class FileRows:
    """What one file gives: its key columns in their order and its rows."""

    columns: tuple[KeyField, ...]
    rows: tuple[Row, ...]


def resolve_price_files(
    scope: Scope, node: syntax.PricesFrom, keys: tuple[KeyField, ...], priced: Priced, mode: Mode | None
) -> tuple[tuple[KeyField, ...], tuple[Row, ...], tuple[PriceFile, ...]] | None:
    """The key columns, the rows of all files in the order in which they are asked, and where each file's rows begin."""
    found = [_file(scope, path, keys, priced, mode) for path in node.paths]
    sound = [item for item in found if item is not None]
    if len(sound) < len(found):
        return None
    first = sound[0]
    for path, item in zip(node.paths, sound, strict=True):
        if item.columns != first.columns:
            own, other = (", ".join(key.column.name for key in each.columns) for each in (item, first))
            scope.report(
                "RB2223",
                f"this file has the columns {own}, and the first file {other}",
                path,
                "in another order",
                f"put them in the order {other}: tables are read from left to right",
                labels=(Label(node.paths[0].span, "the first file"),),
            )
            return None
    files, begin = [], 0
    for path, item in zip(node.paths, sound, strict=True):
        files.append(PriceFile(path.span, begin))
        begin += len(item.rows)
    # One file's rows stay the same value wherever it is named: who builds trees tells it by that.
    rows = first.rows if len(sound) == 1 else tuple(row for item in sound for row in item.rows)
    return first.columns, rows, tuple(files)


def _file(
    scope: Scope, path: syntax.Text, keys: tuple[KeyField, ...], priced: Priced, mode: Mode | None
) -> FileRows | None:
    tables = scope.price_tables
    source = tables.sources.get(path.span)
    if source is None:
        # That it cannot be read has been said where files are gathered.
        return None
    known = (source.name, keys, priced, mode)
    if known not in tables.read:
        if source.name not in tables.sheets:
            tables.sheets[source.name] = read_sheet(source)
            scope.findings += tables.sheets[source.name].findings
        tables.read[known] = _rows(scope, tables.sheets[source.name], keys, priced, mode)
    made = tables.read[known]
    assert made is None or isinstance(made, FileRows)
    return made


def _rows(scope: Scope, sheet: Sheet, keys: tuple[KeyField, ...], priced: Priced, mode: Mode | None) -> FileRows | None:
    head = sheet.head
    if head is None or (sheet.findings and not sheet.rows):
        return None
    columns = _columns(scope, sheet, head)
    if columns is None:
        return None
    order = columns_of(scope, syntax.Table(span=sheet.row_span(head), columns=columns, rows=()), keys)
    heads = {index: column.head for index, column in enumerate(columns) if isinstance(column, syntax.BandColumn)}
    if order is None or not heads_fit(scope, columns, mode) or not _bands_rise(scope, heads, priced, mode):
        return None
    reading = _Reading(scope, sheet, priced, mode or Mode.GRADUATED)
    for index, column in enumerate(columns):
        if isinstance(column, syntax.KeyColumn):
            reading.key_column(index, column, order[index])
        else:
            reading.price_column(index, column)
    made = reading.rows(sorted(order), heads, columns)
    if made is None or sheet.findings:
        return None
    return FileRows(tuple(order[index] for index in sorted(order)), made)


def _columns(scope: Scope, sheet: Sheet, head: SheetRow) -> tuple[syntax.Column, ...] | None:
    places = [sheet.place(head, index) for index in range(len(head.cells))]
    text = sheet.reading(places)
    columns, findings = read_columns(sheet.source.name, text, places, scope.money.currency.code)
    scope.findings += findings
    return columns


def _bands_rise(scope: Scope, heads: Mapping[int, syntax.BandHead], priced: Priced, mode: Mode | None) -> bool:
    """Whether the bands of the first row are bands at all, whatever their prices."""
    if not heads or mode is None:
        return True
    free = [(head, syntax.FreePrice(span=head.span)) for head in heads.values()]
    return resolve_bands(scope, list[tuple[syntax.BandHead, syntax.Price]](free), priced, mode) is not None


@dataclass(slots=True)
class _Reading:
    """The columns of a file while they are read: what each different text of a column is, or what is wrong with it."""

    scope: Scope
    sheet: Sheet
    priced: Priced
    mode: Mode
    keys: dict[int, dict[str, Key]] = field(default_factory=dict)
    cells: dict[int, dict[str, syntax.Price | syntax.Money | None]] = field(default_factory=dict)
    prices: dict[tuple[int, str], Price] = field(default_factory=dict)
    wrong: dict[tuple[int, str], tuple[tuple[int, int], tuple[Diagnostic, ...]]] = field(default_factory=dict)
    """For the column and text of a bad cell where it stands first, and the findings there."""
    shared: dict[tuple[str, ...], tuple[Band, ...] | None] = field(default_factory=dict)

    def price_column(self, index: int, column: syntax.Column) -> None:
        """Read each different text of a column of prices or amounts."""
        cells = self.cells[index] = {}
        for text, place, cell in self._grammar(index, self._first(index), column):
            assert cell is None or isinstance(cell, syntax.Money | _Price)
            if self._noting(index, text, place, partial(self._fits, index, text, cell)):
                cells[text] = cell

    def key_column(self, index: int, column: syntax.KeyColumn, key: KeyField) -> None:
        """Read each different text of a key column; plain ones as they stand."""
        keys = self.keys[index] = {}
        rest: dict[str, SheetRow] = {}
        for text, row in self._first(index).items():
            plain = plain_key(text, key.schema, prefix=column.prefix)
            if plain is None:
                rest[text] = row
            elif isinstance(plain, str):
                place = self.sheet.place(row, index)
                self.wrong[index, text] = place, (self._two_readings(place, text, plain),)
            else:
                keys[text] = plain
        for text, place, cell in self._grammar(index, rest, column):
            assert isinstance(cell, syntax.ValuesKey | syntax.RangeKey | syntax.AnyKey | syntax.OtherwiseKey)
            made = self._noting(index, text, place, partial(key_of, self.scope, cell, key, prefix=column.prefix))
            if made is not None:
                keys[text] = made

    def _first(self, index: int) -> dict[str, SheetRow]:
        """Each different text of a column and the row in which it stands first."""
        first: dict[str, SheetRow] = {}
        for row in self.sheet.rows:
            first.setdefault(row.cells[index], row)
        return first

    def _grammar(
        self, index: int, first: Mapping[str, SheetRow], column: syntax.Column
    ) -> Iterable[tuple[str, tuple[int, int], object]]:
        """The cells that the language can read, each with its text and its first place; the others are noted."""
        places = [self.sheet.place(row, index) for row in first.values()]
        text = self.sheet.reading(places)
        read = read_cells(self.sheet.source.name, text, places, column, self.scope.money.currency.code)
        for written, place, item in zip(first, places, read, strict=True):
            if item.findings:
                self.wrong[index, written] = place, item.findings
            else:
                yield written, place, item.cell

    def _noting(self, index: int, text: str, place: tuple[int, int], make: Callable[[], T]) -> T | None:
        """What is made; its findings are kept for the cell and not for the ruleset, unless they only warn."""
        findings = self.scope.findings
        before = len(findings)
        made = make()
        if not has_errors(findings[before:]):
            return made
        self.wrong[index, text] = place, tuple(findings[before:])
        del findings[before:]
        return None

    def _fits(self, index: int, text: str, cell: object) -> bool:
        """Whether a price or an amount is one for what is priced; notes why it is not."""
        match cell:
            case None:
                return True
            case syntax.Money():
                return self.scope.money_value(cell) is not None
            case _:
                assert isinstance(cell, _Price)
                price = resolve_price(self.scope, cell, self.priced, self.mode)
                if price is not None:
                    self.prices[index, text] = price
                return price is not None

    def _two_readings(self, place: tuple[int, int], text: str, why: str) -> Diagnostic:
        span = Span(self.sheet.source.name, *place)
        if why == "list":
            spaced = ", ".join(part.strip() for part in text.split(","))
            both = (f'for a list write `"{spaced}"`, with spaces', f'for one text write `"""{text}"""`')
            return Diagnostic("RB2225", f"`{text}` can be a list or one text", span, "a list?", hints=both)
        return Diagnostic(
            "RB2225",
            f"`{text}` is what a spreadsheet makes of a long number",
            span,
            "digits are lost",
            hints=("write all digits; in a spreadsheet give the column the format “text” first",),
        )

    # Rows

    def rows(
        self, key_columns: list[int], heads: Mapping[int, syntax.BandHead], columns: tuple[syntax.Column, ...]
    ) -> tuple[Row, ...] | None:
        """Every row of the file; None with findings."""
        if self.wrong:
            self._report()
            return None
        amounts = {
            index: column.kind for index, column in enumerate(columns) if isinstance(column, syntax.AmountColumn)
        }
        priced = [index for index in self.cells if amounts.get(index) in (None, syntax.AmountColumnKind.ONCE)]
        bounded = [index for index in amounts if index not in priced]
        rows: list[Row] = []
        sound = True
        keys = [(index, self.keys[index]) for index in key_columns]
        name = self.sheet.source.name
        for row in self.sheet.rows:
            cells = row.cells
            texts = tuple([cells[index] for index in priced])
            if texts not in self.shared:
                self.shared[texts] = self._bands(dict(zip(priced, texts, strict=True)), heads, amounts)
            bands = self.shared[texts]
            if bands is None:
                sound = False
                continue
            found = tuple([known[cells[index]] for index, known in keys])
            span = Span(name, row.start, row.end)
            rows.append(
                self._bounded(row, span, found, bands, bounded, amounts) if bounded else Row(span, found, bands)
            )
        return tuple(rows) if sound else None

    def _bands(
        self,
        texts: Mapping[int, str],
        heads: Mapping[int, syntax.BandHead],
        amounts: Mapping[int, syntax.AmountColumnKind],
    ) -> tuple[Band, ...] | None:
        """The bands that these cells make together."""
        scope = self.scope
        nodes = {index: self.cells[index][text] for index, text in texts.items()}
        if heads:
            written = [(head, _price(nodes[index])) for index, head in heads.items()]
            bands = resolve_bands(scope, written, self.priced, self.mode)
        else:
            (price,) = (self.prices[index, text] for index, text in texts.items() if index not in amounts)
            bands = (Band(price.span, "", None, price),)
        for index in texts:
            once = nodes[index]
            if index in amounts and isinstance(once, syntax.Money) and bands is not None:
                amount = scope.money_value(once)
                assert amount is not None, "the cell has been read before"
                bands = (with_once(bands[0], amount, f"{scope.text(once)} once"), *bands[1:])
        return bands

    def _bounded(
        self,
        row: SheetRow,
        span: Span,
        keys: tuple[Key, ...],
        bands: tuple[Band, ...],
        bounded: list[int],
        amounts: Mapping[int, syntax.AmountColumnKind],
    ) -> Row:
        """A row with a floor or a ceiling of its own, which stands on the row's line."""
        found: dict[syntax.AmountColumnKind, Bound] = {}
        for index in bounded:
            money = self.cells[index][row.cells[index]]
            if isinstance(money, syntax.Money):
                amount = self.scope.money_value(money)
                assert amount is not None, "the cell has been read before"
                kind = amounts[index]
                found[kind] = Bound(amount, f"{kind.value} {self.scope.text(money)}", self.scope.place(span))
        minimum, cap = (found.get(kind) for kind in (syntax.AmountColumnKind.MINIMUM, syntax.AmountColumnKind.CAP))
        check_bounds(self.scope, minimum, cap)
        return Row(span, keys, bands, minimum, cap)

    def _report(self) -> None:
        """Every bad cell: the first of them, and how many there are besides."""
        found: list[Diagnostic] = []
        for row in self.sheet.rows:
            for index, text in enumerate(row.cells):
                if (index, text) in self.wrong:
                    first, findings = self.wrong[index, text]
                    place = self.sheet.place(row, index)
                    found += [_moved(finding, first, place) for finding in findings]
        self.scope.findings += few(found, "places")


def _price(node: syntax.Price | syntax.Money | None) -> syntax.Price:
    assert isinstance(node, _Price)
    return node


def _moved(finding: Diagnostic, first: tuple[int, int], place: tuple[int, int]) -> Diagnostic:
    """A finding of a cell at another cell of the same text."""
    if first == place:
        return finding

    def move(span: Span) -> Span:
        if not first[0] <= span.start <= span.end <= first[1]:
            return span
        shift = place[0] - first[0]
        return Span(span.file, span.start + shift, min(span.end + shift, place[1]))

    return replace(
        finding,
        span=None if finding.span is None else move(finding.span),
        labels=tuple(Label(move(label.span), label.text) for label in finding.labels),
        edits=tuple(replace(edit, span=move(edit.span)) for edit in finding.edits),
    )
