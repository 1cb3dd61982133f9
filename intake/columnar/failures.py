"""What DuckDB says of full disks and files that may not be written, as findings."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ...diagnostics import Diagnostic
from ..rejects import not_written

if TYPE_CHECKING:
    import duckdb

_SPILL_FILE: Final = "duckdb_temp_"
_REASONS: Final = (
    *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM),
    *(errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG, errno.EIO),
)


@contextmanager
def interrupted_by_hand() -> Iterator[None]:
    """Lets Ctrl-C during a query be what it is elsewhere; DuckDB makes it an error of its own."""
    try:
        yield
    except RuntimeError as error:
        if str(error) == "Query interrupted":
            raise KeyboardInterrupt from error
        raise


class NoRoomError(Exception):
    """A run ended for want of memory or of room on a disk; the finding says which."""

    def __init__(self, finding: Diagnostic) -> None:
        super().__init__(finding.message)
        self.finding = finding


@contextmanager
def told_of_no_room() -> Iterator[None]:
    """Raises `NoRoomError` for errors of the engine that are about memory and disks; others stay as they are."""
    import duckdb

    try:
        yield
    except duckdb.Error as error:
        finding = disk_error(error, None)
        if finding is None:
            raise
        raise NoRoomError(finding) from error


def disk_error(error: duckdb.Error, out: Path | None) -> Diagnostic | None:
    """The finding that there was no room for temporary files, or that `out` could not be written; None for others."""
    import duckdb

    text = str(error)
    if isinstance(error, duckdb.OutOfMemoryException) or (
        isinstance(error, duckdb.IOException) and _SPILL_FILE in text
    ):
        return no_room(text)
    if not isinstance(error, duckdb.IOException) or out is None:
        return None
    code = next((code for code in _REASONS if os.strerror(code) in text), None)
    reason = OSError(text.partition("\n")[0]) if code is None else OSError(code, os.strerror(code))
    return not_written(out, reason)


def no_room(text: str) -> Diagnostic:
    """The finding that a run needs more memory or more room on the disk than there is."""
    if "max_temp_directory_size" in text or _SPILL_FILE in text:
        code = next((code for code in _REASONS if os.strerror(code) in text), errno.ENOSPC)
        found = re.search(r'"([^"]*)[/\\]duckdb_temp_[^"]*"', text)
        hint = "make room on that disk, or let TMPDIR name a folder that has more"
        place = found[1] if found else ""
        return Diagnostic(
            "RB9007", f"temporary files cannot be written: {os.strerror(code)}", hints=(hint,), place=place
        )
    hint = "give the process more memory, or rate fewer accounts at a time"
    return Diagnostic("RB9007", "there is not enough memory", hints=(hint,))
