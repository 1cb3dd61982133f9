"""CSV and JSON Lines as scans: rows that every reader splits alike, with their lines.

A file whose lines or cells readers could tell apart differently is left to the Python reader as a whole. DuckDB reads
numbers of JSON as binary floats; so lines with a number that a float cannot hold, and those with anything else that its
parser is more lenient about, are not well-formed here and are left to the Python reader too.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

from ...engine.batch.quoting import pattern
from ...engine.usage import FactSchema, FieldKind
from ..columns import refused_columns
from ..files import FileKind, InputFile, UnreadableFileError, opened
from ..rows import Broken, RawRow, RowSource, open_rows
from ..values import DIGITS_MAX
from .account_files import csv_columns
from .expressions import literal, quoted
from .local_time import LocalReach
from .readings import Column, Digits
from .scans import STRUCTURE, Scan

_SAMPLE: Final = 5_000
_SHAPES_MAX: Final = 24
_CHUNK: Final = 1 << 24
_SHORT_DIGITS: Final = 18
_NUMBER: Final = re.compile(r"[+-]?([0-9]*)(?:\.([0-9]+))?").fullmatch
_LOCAL: Final = re.compile(r"[12][0-9]{3}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?").fullmatch
_REACH: Final = timedelta(days=1_100)
_NAME_LIKE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*").fullmatch
_SEPARATOR, _QUOTE = "\x01", "\x02"

# A binary float keeps 15 decimal digits. Beyond them: a point among more digits, an exponent behind more or a huge one;
# and minus zero, commas before an end, and numbers that are none.
_DOUBTFUL: Final = "|".join(
    [
        r"\.[0-9]{15}",
        *(rf"[0-9]{{{whole}}}\.[0-9]{{{15 - whole}}}" for whole in range(1, 15)),
        r"[0-9]{15}\.",
        r"[0-9]{16}[eE]",
        r"[0-9][eE][+-]?[0-9]{3}",
        r"-0[^.0-9]",
        r",\s*[}\]]",
        r"[:,\[]\s*-?(?:[nN][aA]|[iI][nN])",
    ]
)


def text_scan(file: InputFile, schema: FactSchema, wanted: Collection[str]) -> Scan | None:
    """The scan of a file of CSV or JSON Lines; None where the Python reader has to read the whole file."""
    if file.path is None or file.kind not in (FileKind.CSV, FileKind.JSON_LINES):
        return None
    try:
        return _csv_scan(file, wanted) if file.kind is FileKind.CSV else _lines_scan(file, schema, wanted)
    except (UnreadableFileError, OSError):
        return None


def _csv_scan(file: InputFile, wanted: Collection[str]) -> Scan | None:
    assert file.path is not None, "standard input is JSON Lines"
    columns = csv_columns(file.path)
    if columns is None or len({column.casefold() for column in columns}) < len(columns) or not _is_clean(file, b"\x00"):
        return None
    if refused_columns(RowSource(iter(()), tuple(columns)), STRUCTURE):
        return None
    shape = ", ".join(f"{literal(column)}: 'VARCHAR'" for column in columns)
    dialect = "auto_detect = false, header = true, delim = ',', quote = '\"', escape = '\"', nullstr = ''"
    source = f"read_csv({literal(pattern(str(file.path)))}, {dialect}, columns = {{{shape}}})"
    sample = _sample(file, wanted)
    found = {column: _column(column, "varchar", quoted(column), sample) for column in columns if column in wanted}
    opaque = tuple(found.pop(name) for name in ("data", "specversion") if name in found)
    numbered = f"(SELECT *, row_number() OVER () + 1 AS line_number FROM {source}) AS line"
    return Scan((file,), source, found, {}, opaque, None, numbered, tuple(columns))


def _lines_scan(file: InputFile, schema: FactSchema, wanted: Collection[str]) -> Scan | None:
    if not _is_clean(file, b"\x00\x01\x02", with_mark=False):
        return None
    sample = _sample(file, wanted)
    shapes = list(dict.fromkeys(tuple(row) for row in sample if row and not {"specversion", "data"} & row.keys()))[
        :_SHAPES_MAX
    ]
    keys = list(dict.fromkeys(key for shape in shapes for key in shape))
    if not shapes or len({key.casefold() for key in keys}) < len(keys):
        return None
    texts = _text_columns(schema)
    types = {key: "JSON" if key in texts else "VARCHAR" for key in keys}
    found = {key: _column(key, "json" if key in texts else "varchar", f"cells.{quoted(key)}", sample) for key in keys}
    lines = _lines_sql(file)
    return Scan(
        (file,),
        f"({_cells_sql(lines, shapes, types)}) AS line",
        found,
        {},
        (Column("doubt", "boolean"),),
        None,
        f"({_cells_sql(f'(SELECT *, row_number() OVER () AS line_number FROM {lines})', shapes, types)}) AS line",
    )


def _lines_sql(file: InputFile) -> str:
    dialect = f"auto_detect = false, header = false, delim = {_escaped(_SEPARATOR)}, quote = {_escaped(_QUOTE)}"
    shape = f"escape = {_escaped(_QUOTE)}, columns = {{'line': 'VARCHAR'}}"
    return f"read_csv({literal(pattern(str(file.path)))}, {dialect}, {shape})"


def _escaped(character: str) -> str:
    return f"E'\\x{ord(character):02x}'"


def _cells_sql(lines: str, shapes: Sequence[Sequence[str]], types: Mapping[str, str]) -> str:
    """Every line that is not blank, with its cells, and `doubt` where it is for the Python reader."""
    import json

    known = ", ".join("[" + ", ".join(map(literal, shape)) + "]" for shape in shapes)
    is_simple = (
        "starts_with(line, '{') AND json_valid(line) AND NOT contains(substr(line, 2), '{') "
        f"AND NOT regexp_matches(line, {literal(_DOUBTFUL)})"
    )
    # Its functions raise for what is no JSON, in whatever order conditions are asked: they get an empty object then.
    sound = f"json_keys(CASE WHEN {is_simple} THEN line ELSE '{{}}' END) IN ({known})"
    # Trimming every line would cost as much as reading it.
    is_row = r"starts_with(line, '{') OR trim(line, E' \t\r\n') <> ''"
    checked = f"SELECT *, {sound} AS is_sound FROM {lines} WHERE {is_row}"
    # A filter over cells would be pushed down into this and parse the line once for each mention; not past `random()`.
    cells = f"from_json(CASE WHEN is_sound AND random() >= 0 THEN line ELSE '{{}}' END, {literal(json.dumps(types))})"
    return f"SELECT *, {cells} AS cells, CASE WHEN NOT is_sound THEN true END AS doubt FROM ({checked})"


def _text_columns(schema: FactSchema) -> frozenset[str]:
    """The columns for which it matters whether JSON holds a text, a number or a truth."""
    fields = [field for event in schema.events.values() for field in event.fields]
    fields += [field for meter in schema.meters.values() for field in meter.fields]
    texts = {
        field.name
        for field in fields
        if field.kind is FieldKind.TEXT
        or any(not _NAME_LIKE(word) or word in ("true", "false") for word in field.values)
    }
    return frozenset(texts | {"account", "id", "source"})


def _is_clean(file: InputFile, refused: bytes, *, with_mark: bool = True) -> bool:
    """Whether a file is UTF-8 with one kind of line end and none of some bytes."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    ends = returns = pairs = 0
    last = b""
    with opened(file) as stream:
        while chunk := stream.read(_CHUNK):
            if not last and not with_mark and chunk.startswith(codecs.BOM_UTF8):
                return False
            if any(bytes([byte]) in chunk for byte in refused):
                return False
            if not chunk.isascii() or decoder.getstate()[0]:
                try:
                    decoder.decode(chunk)
                except UnicodeDecodeError:
                    return False
            ends += chunk.count(b"\n")
            returns += chunk.count(b"\r")
            pairs += chunk.count(b"\r\n") + (last == b"\r" and chunk.startswith(b"\n"))
            last = chunk[-1:]
    return not decoder.getstate()[0] and returns == pairs and pairs in (0, ends)


def _sample(file: InputFile, wanted: Collection[str]) -> list[RawRow]:
    with open_rows(file, wanted) as source:
        return [row for _, row in islice(source.rows, _SAMPLE) if not isinstance(row, Broken)]


def _column(name: str, type_id: str, sql: str, sample: Iterable[RawRow]) -> Column:
    column = Column(sql, type_id)
    written = [str(row[name]) for row in sample if row.get(name) is not None]
    if name == "time":
        return replace(column, reach=_reach(written))
    numbers = [found for found in map(_NUMBER, written) if found]
    if not numbers:
        return column
    whole = max(len(found[1]) for found in numbers)
    decimals = max(len(found[2] or "") for found in numbers)
    if whole + decimals < _SHORT_DIGITS:
        whole = _SHORT_DIGITS - decimals
    return replace(column, digits=Digits(min(whole, DIGITS_MAX), min(decimals, DIGITS_MAX - min(whole, DIGITS_MAX))))


def _reach(written: Iterable[str]) -> LocalReach | None:
    """Some years around the clock times of a sample; None where each time has an offset."""
    clocks = []
    for text in written:
        if _LOCAL(text):
            try:
                clocks.append(datetime.fromisoformat(text.upper()[:19]))
            except ValueError:
                continue
    if not clocks or min(clocks).year < 1000 or max(clocks).year > 9000:
        return None
    return LocalReach(min(clocks) - _REACH, max(clocks) + _REACH)


def numbered_rows(file: InputFile, numbers: Collection[int]) -> Iterator[tuple[int, RawRow | Broken]]:
    """The rows that begin on these lines, as the Python reader gives them."""
    from ..rows import rows_of_lines

    with opened(file) as stream:
        chosen = frozenset(numbers)
        # Blank lines are counted and skipped by every reader.
        kept = (line if number in chosen or number == 1 else b"\n" for number, line in enumerate(stream, start=1))
        for number, row in rows_of_lines(file, kept).rows:
            if number in chosen:
                yield number, row
