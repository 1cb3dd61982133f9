"""Rows of JSON and CSV with the physical line on which each begins. What the columns mean is not known here.

A row is a mapping from column to raw value; empty CSV cells are left out. Numbers of JSON become `Decimal` straight
from their text. A row that cannot be read is a `Broken`, and reading goes on behind it wherever that is possible.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Final, Protocol, TypeAlias

from .files import FileKind, InputFile, opened
from .values import Refusal, shown_value

RawRow: TypeAlias = dict[str, object]


@dataclass(frozen=True, slots=True)
class Broken:
    """A row that is no mapping at all; `value` is what stands there."""

    refusal: Refusal
    value: str = ""


@dataclass(frozen=True, slots=True)
class RowSource:
    """The rows of one file, each with its number.

    `columns` are known before the rows where the format has a header, otherwise None. `float_columns` maps wanted
    columns of a binary floating-point type to that type; the rows leave them out.
    """

    rows: Iterator[tuple[int, RawRow | Broken]]
    columns: tuple[str, ...] | None = None
    float_columns: Mapping[str, str] = field(default_factory=dict)


@contextmanager
def open_rows(file: InputFile, wanted: Collection[str]) -> Iterator[RowSource]:
    """The rows of a file; only columnar formats make use of which columns are `wanted`."""
    match file.kind:
        case FileKind.PARQUET:
            from .parquet import open_parquet

            with open_parquet(file, wanted) as source:
                yield source
        case FileKind.CSV:
            with opened(file) as stream:
                yield _csv_source(stream)
        case FileKind.JSON_LINES:
            with opened(file) as stream:
                yield RowSource(_json_lines(stream))
        case FileKind.JSON:
            with opened(file) as stream:
                yield RowSource(_json_document(stream.read()))
        case FileKind.ROWS:
            raise AssertionError("rows that a program hands over are in no file")


def rows_of_lines(file: InputFile, lines: Iterable[bytes]) -> RowSource:
    """The rows in lines of a file of CSV, the header first, or of JSON Lines."""
    return _csv_source(lines) if file.kind is FileKind.CSV else RowSource(_json_lines(lines))


def handed_over(rows: Iterable[Mapping[str, object]]) -> RowSource:
    """The rows of a program, numbered from 1; a value that is None is missing."""
    return RowSource((number, _taken(row)) for number, row in enumerate(rows, start=1))


def _taken(row: object) -> RawRow | Broken:
    if isinstance(row, Mapping):
        return {str(name): value for name, value in row.items() if value is not None}
    return Broken(
        Refusal("RB3010", "a row is a mapping of columns to values", "hand over dictionaries"), shown_value(row)
    )


class _RefusedJSONError(ValueError):
    """JSON that is well formed, but not a row that can be trusted."""


def _unique(pairs: list[tuple[str, object]]) -> RawRow:
    row = dict(pairs)
    if len(row) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _RefusedJSONError(f"the key `{twice}` stands twice in an object")
    return row


def _constant(name: str) -> object:
    raise _RefusedJSONError(f"{name} is not a number of JSON")


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_unique, parse_float=Decimal, parse_int=Decimal, parse_constant=_constant
)


def json_value(text: str, start: int = 0) -> tuple[object, int] | Refusal:
    """The JSON value that begins at `start` and where it ends, with exact numbers and without repeated keys."""
    try:
        value, end = _DECODER.raw_decode(text, start)
        if text.find("\\ud", start, end) >= 0 or text.find("\\uD", start, end) >= 0:
            json.dumps(value, ensure_ascii=False, default=str).encode()
    except json.JSONDecodeError as error:
        reason = f"{error.msg.lower()} at character {error.colno}"
        return Refusal("RB3010", f"this is not valid JSON: {reason}", "write one JSON object, as its exporter would")
    except _RefusedJSONError as error:
        return Refusal("RB3010", str(error), "correct the exporter: every key once, every number finite")
    except InvalidOperation:
        return Refusal("RB3004", "a number's exponent is beyond all bounds", "correct the number")
    except UnicodeEncodeError:
        return Refusal("RB3010", "a text holds half of a surrogate pair", "write characters, not halves of them")
    except RecursionError:
        return Refusal("RB3010", "the nesting is too deep", "write the fields flat, or in one object called `data`")
    return value, end


def _json_lines(stream: Iterable[bytes]) -> Iterator[tuple[int, RawRow | Broken]]:
    for number, line in enumerate(_without_mark(stream), start=1):
        stripped = line.strip(b" \t\r\n")
        if not stripped:
            continue
        try:
            text = stripped.decode()
        except UnicodeDecodeError as error:
            yield number, _not_utf8(stripped, error)
            continue
        found = json_value(text)
        if isinstance(found, Refusal):
            yield number, Broken(found, shown_value(text))
        elif found[1] != len(text):
            reason = f"something follows the object at character {found[1] + 1}"
            yield number, Broken(Refusal("RB3010", reason, "write one object a line"), shown_value(text[found[1] :]))
        else:
            yield number, _as_row(found[0])


def _json_document(content: bytes) -> Iterator[tuple[int, RawRow | Broken]]:
    """The elements of an array, or the values that stand one after another; what follows a mistake is lost."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        yield content.count(b"\n", 0, error.start) + 1, _not_utf8(content[error.start :][:80], error)
        return
    position = _next_token(text, 0)
    is_array = text[position : position + 1] == "["
    position = _next_token(text, position + 1) if is_array else position
    line, counted = 1, 0
    while position < len(text) and not (is_array and text[position] == "]"):
        line, counted = line + text.count("\n", counted, position), position
        found = json_value(text, position)
        if isinstance(found, Refusal):
            lost = Refusal(found.code, f"{found.reason}; what follows is not read", found.way_out)
            yield line, Broken(lost, shown_value(text[position : position + 80]))
            return
        yield line, _as_row(found[0])
        position = _next_token(text, found[1])
        if is_array and text[position : position + 1] == ",":
            position = _next_token(text, position + 1)
        elif is_array and text[position : position + 1] != "]":
            reason = "the array has no comma or end here; what follows is not read"
            yield (
                line,
                Broken(Refusal("RB3010", reason, "write [ … , … ]"), shown_value(text[position : position + 80])),
            )
            return


def _next_token(text: str, position: int) -> int:
    while position < len(text) and text[position] in " \t\r\n":
        position += 1
    return position


def _as_row(value: object) -> RawRow | Broken:
    if isinstance(value, dict):
        return value
    return Broken(
        Refusal("RB3010", "this is not a JSON object", "write { … } with a key per column"), shown_value(value)
    )


def _csv_source(stream: Iterable[bytes]) -> RowSource:
    undecoded: list[Broken] = []
    reader = csv.reader(_decoded(_without_mark(stream), undecoded), strict=True)
    columns: list[str] = []
    broken: Broken | None = None
    try:
        columns = next(reader, [])
    except csv.Error as error:
        broken = _not_csv(error)
    if undecoded:
        broken = undecoded.pop()
    twice = sorted({name for name in columns if columns.count(name) > 1})
    if twice:
        broken = Broken(Refusal("RB3023", "a column stands twice in the header", "rename one of them"), twice[0])
    if broken is not None:
        refusal = broken.refusal
        lost = Refusal(refusal.code, f"{refusal.reason}; without a header nothing of the file is read", refusal.way_out)
        return RowSource(iter([(1, Broken(lost, broken.value))]))
    return RowSource(_csv_rows(reader, columns, undecoded), tuple(columns))


class _Reader(Protocol):
    """What this module asks of `csv.reader`, whose type has no public name."""

    @property
    def line_num(self) -> int: ...

    def __next__(self) -> list[str]: ...


def _csv_rows(reader: _Reader, columns: list[str], undecoded: list[Broken]) -> Iterator[tuple[int, RawRow | Broken]]:
    width = len(columns)
    while True:
        number = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield number, _not_csv(error)
            continue
        if undecoded:
            yield number, undecoded.pop()
            undecoded.clear()
        elif len(cells) == width:
            row: RawRow = dict(zip(columns, cells, strict=True))
            if "" in cells:
                row = {name: cell for name, cell in row.items() if cell}
            yield number, row
        elif cells:
            refusal = Refusal(
                "RB3017",
                f"the header has {width} columns, this row {len(cells)} cells",
                'give every column a cell, and quote cells that hold a comma: "a, b"',
            )
            yield number, Broken(refusal, shown_value(",".join(cells)))


def _decoded(lines: Iterable[bytes], undecoded: list[Broken]) -> Iterator[str]:
    """The lines as text. One that is not UTF-8 goes to `undecoded` and stands in with replacement characters."""
    for line in lines:
        try:
            yield line.decode()
        except UnicodeDecodeError as error:
            undecoded.append(_not_utf8(line.rstrip(b"\r\n"), error))
            yield line.decode(errors="replace")


def _without_mark(lines: Iterable[bytes]) -> Iterator[bytes]:
    """The lines without a byte order mark before the first."""
    rest = iter(lines)
    first = next(rest, None)
    if first is not None:
        yield first.removeprefix(b"\xef\xbb\xbf")
        yield from rest


def _not_utf8(content: bytes, error: UnicodeDecodeError) -> Broken:
    is_utf16 = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    reason = (
        "this is UTF-16" if is_utf16 else f"byte {error.start + 1} (0x{error.object[error.start]:02x}) is not UTF-8"
    )
    refusal = Refusal("RB3019", reason, "save the file as UTF-8")
    return Broken(refusal, shown_value(content.decode(errors="replace")))


def _not_csv(error: csv.Error) -> Broken:
    way_out = "follow RFC 4180: commas, quotes only around whole cells and doubled inside them"
    return Broken(Refusal("RB3022", f"this is not CSV: {error}", way_out))
