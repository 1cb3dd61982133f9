"""Which files a call names, of what kind they are, and their bytes, line by line.

Knows suffixes, globs, gzip and standard input; what stands in the lines is not known here.
"""

from __future__ import annotations

import enum
import glob
import gzip
import sys
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, cast

from ..diagnostics import Diagnostic

STANDARD_INPUT: Final = "-"


class FileKind(enum.Enum):
    """Where rows come from. `JSON` is an array of objects, or objects one after another."""

    JSON_LINES = "JSON Lines"
    JSON = "JSON"
    CSV = "CSV"
    PARQUET = "Parquet"
    ROWS = "rows"
    """Mappings that a program hands over; no file at all."""


_KINDS: Final = {
    ".jsonl": FileKind.JSON_LINES,
    ".ndjson": FileKind.JSON_LINES,
    ".json": FileKind.JSON,
    ".csv": FileKind.CSV,
    ".parquet": FileKind.PARQUET,
}
_WAY_OUT: Final = "take .jsonl, .json, .csv (each also with .gz) or .parquet, or `-` for JSON Lines from standard input"


@dataclass(frozen=True, slots=True)
class InputFile:
    """One file to read; `name` is how messages cite it."""

    name: str
    kind: FileKind
    path: Path | None = None
    """None stands for standard input."""

    def place(self, row: int | None) -> str:
        """`usage.csv, line 12`; rows of Parquet are counted, for it has no lines."""
        if row is None:
            return self.name
        counted = self.kind in (FileKind.PARQUET, FileKind.ROWS)
        return f"{self.name}, {'row' if counted else 'line'} {row}"


class UnreadableFileError(Exception):
    """The system or the format refused to give a file's rows; the text says why."""


def expand_paths(patterns: Iterable[str | Path]) -> tuple[tuple[InputFile, ...], tuple[Diagnostic, ...]]:
    """The files that paths and globs name, sorted and each once, and what is wrong with the paths."""
    found: dict[Path, InputFile] = {}
    findings: list[Diagnostic] = []
    reads_standard_input = False
    for pattern in map(str, patterns):
        if pattern == STANDARD_INPUT:
            reads_standard_input = True
            continue
        names = [pattern] if Path(pattern).exists() else sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207 - a pattern may be absolute
        if not names:
            findings.append(_unreadable(pattern, "no file has this name or matches this pattern"))
        for name in names:
            file = _input_file(name)
            if isinstance(file, Diagnostic):
                findings.append(file)
            else:
                found.setdefault(Path(name).resolve(), file)
    files = sorted(found.values(), key=lambda file: file.name)
    if reads_standard_input:
        files.insert(0, InputFile("standard input", FileKind.JSON_LINES))
    return tuple(files), tuple(findings)


def _input_file(name: str) -> InputFile | Diagnostic:
    path = Path(name)
    if path.is_dir():
        return _unreadable(name, "this is a folder", f"name its files: {name.rstrip('/')}/*.csv")
    suffixes = path.suffixes
    zipped = bool(suffixes) and suffixes[-1].lower() == ".gz"
    suffix = path.with_suffix("").suffix if zipped else path.suffix
    kind = _KINDS.get(suffix.lower())
    if kind is None or (zipped and kind is FileKind.PARQUET):
        shown = f"`{''.join(suffixes[-2:] if zipped else suffixes[-1:])}`" if suffixes else "no suffix"
        return Diagnostic("RB9002", f"rows cannot be read from a file with {shown}", hints=(_WAY_OUT,), place=name)
    return InputFile(name, kind, path)


def _unreadable(name: str, reason: str, way_out: str = "check the path") -> Diagnostic:
    return Diagnostic("RB9001", reason, hints=(way_out,), place=name)


def unreadable(file: InputFile, error: UnreadableFileError) -> Diagnostic:
    """The finding that a file, or the rest of it, could not be read."""
    return _unreadable(file.name, f"the file cannot be read: {error}", "check that the file is whole and may be read")


@contextmanager
def opened(file: InputFile) -> Iterator[BinaryIO]:
    """The bytes of a file, unzipped where its name ends in `.gz`."""
    try:
        if file.path is None:
            yield sys.stdin.buffer
        elif file.path.suffix.lower() == ".gz":
            with gzip.open(file.path, "rb") as unzipped:
                yield cast(BinaryIO, unzipped)
        else:
            with file.path.open("rb") as stream:
                yield stream
    except (OSError, EOFError, zlib.error) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise UnreadableFileError(reason) from error
