"""Rows that are not counted: what is wrong with each, for people and for files. Nothing is dropped in silence."""

from __future__ import annotations

import csv
import errno
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ..diagnostics import Diagnostic
from .files import InputFile
from .outputs import spreadsheet_safe, written_aside
from .values import Refusal, shown_value

COLUMNS: Final = ("file", "row", "field", "value", "code", "reason", "way_out")


@dataclass(frozen=True, slots=True)
class Reject:
    """One mistake in a row of data. `row` counts as `place` says; None stands for the whole file."""

    file: str
    row: int | None
    field: str
    value: str
    code: str
    reason: str
    way_out: str
    place: str

    @property
    def diagnostic(self) -> Diagnostic:
        """The mistake as a finding, with its place in the data."""
        subject = f"`{self.field}`" if self.field else ""
        if self.value:
            subject = f"{subject} is `{self.value}`" if subject else f"`{self.value}`"
        message = f"{subject}: {self.reason}" if subject else self.reason
        return Diagnostic(self.code, message, hints=(self.way_out,) if self.way_out else (), place=self.place)

    @property
    def cells(self) -> tuple[str | int | None, ...]:
        """The values of `COLUMNS`."""
        return self.file, self.row, self.field, self.value, self.code, self.reason, self.way_out


def reject(file: InputFile, row: int | None, field: str, raw: object, refusal: Refusal) -> Reject:
    """The mistake that a refused value makes of its row."""
    return Reject(
        file.name, row, field, shown_value(raw), refusal.code, refusal.reason, refusal.way_out, file.place(row)
    )


def ignored_column(file: InputFile, column: str, owner: str) -> Diagnostic:
    """The warning that a column is not read: nobody, or not this kind of row, has such a field."""
    hint = "declare it in the ruleset if a price depends on it, else leave it"
    return Diagnostic("RB3020", f"`{column}` is no field{owner}, so it is not read", hints=(hint,), place=file.name)


def first_rejects(rejects: Sequence[Reject], count_max: int = 20) -> tuple[tuple[Diagnostic, ...], int]:
    """The first findings to show, and how many more there are."""
    shown = tuple(each.diagnostic for each in rejects[:count_max])
    return shown, len(rejects) - len(shown)


def write_rejects(rejects: Iterable[Reject], path: Path) -> tuple[Diagnostic, ...]:
    """Write every mistake as a row of JSON Lines (`.jsonl`, `.ndjson`) or CSV; returns why that failed, or nothing."""
    try:
        with written_aside(path) as aside, aside.open("w", encoding="utf-8", newline="") as stream:
            if path.suffix.lower() in (".jsonl", ".ndjson"):
                for each in rejects:
                    stream.write(json.dumps(dict(zip(COLUMNS, each.cells, strict=True)), ensure_ascii=False) + "\n")
            else:
                writer = csv.writer(stream, lineterminator="\n")
                writer.writerow(COLUMNS)
                for each in rejects:
                    writer.writerow([spreadsheet_safe(c) if isinstance(c, str) else c for c in each.cells])
    except OSError as error:
        return (not_written(path, error),)
    return ()


def not_written(path: Path, error: OSError) -> Diagnostic:
    """The finding that the system refused to write a file."""
    reason = error.strerror or str(error)
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        hint = "make room there or choose another folder; what stood there before is as it was"
    else:
        hint = "choose a folder that exists and may be written to"
    return Diagnostic("RB9007", f"the file cannot be written: {reason}", hints=(hint,), place=str(path))
