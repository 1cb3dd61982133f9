"""Files of usage beside the database against the digests that the log has of them."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import file_digest
from pathlib import Path

from ...diagnostics import Diagnostic
from ...ledger.audit import untrusted
from ...ledger.store import Reader


def audit_files(reader: Reader, folder: Path) -> Iterator[Diagnostic]:
    """RB7130 for each file that is missing or is not what it was when it was taken in; paths are below `folder`."""
    for number, path, digest in untrusted(reader, "SELECT id, path, digest FROM usage_files ORDER BY id"):
        place = f"row {number} of usage_files"
        try:
            with (folder / str(path)).open("rb") as stream:
                now = file_digest(stream, "sha256").hexdigest()
        except OSError as error:
            yield Diagnostic("RB7130", f"{path} cannot be read: {error.strerror or error}", place=place)
            continue
        if now != str(digest).removeprefix("sha256:"):
            yield Diagnostic("RB7130", f"{path} has the digest {now}, and {digest} when it was taken in", place=place)
