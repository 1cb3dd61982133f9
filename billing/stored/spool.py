"""Rows of a large intake, written aside while the rest is still being read."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..usage_rows import UsageRow

COLUMNS = {
    "n": "BIGINT",
    "source": "VARCHAR",
    "event_id": "VARCHAR",
    "account": "VARCHAR",
    "event": "VARCHAR",
    "time": "BIGINT",
    "fields": "VARCHAR",
    "at": "VARCHAR",
}


class Spool:
    """A file of rows in the order in which they came; closed when all of them are in it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "rows.csv"
        self.rows = 0
        self._out = self.path.open("w", encoding="utf-8", newline="")
        # Everything is quoted: an empty text is not an absent one.
        self._writer = csv.writer(self._out, quoting=csv.QUOTE_ALL, lineterminator="\n")

    def add(self, rows: Iterable[UsageRow]) -> None:
        """Add rows."""
        for row in rows:
            self.rows += 1
            self._writer.writerow(
                (self.rows, row.source, row.event_id, row.account, row.event, row.time, row.fields, row.place)
            )

    def close(self) -> None:
        """Let go of the file."""
        self._out.close()
