"""Files of usage beside the database against the digests that the log has of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import cast

from ...diagnostics import Diagnostic
from ...ledger.audit import untrusted
from ...ledger.store import Reader, StoreError
from ..stored.keys import are_of
from ..stored.parts import Part, finding
from ..stored.tree import digest_of


def audit_files(reader: Reader, folder: Path | None) -> Iterator[Diagnostic]:
    """RB7130 for each file that is missing or is not what it was when it was taken in; paths are below `folder`."""
    for number, path, digest, events in untrusted(
        reader, "SELECT id, path, digest, events FROM usage_files ORDER BY id"
    ):
        if folder is None:
            hints = ("say with RATEBOOK_USAGE_FOLDER or --usage-folder in which folder it is",)
            place = f"row {number} of usage_files"
            yield Diagnostic("RB7130", f"{path} was not looked at: no folder is known for it", hints=hints, place=place)
            continue
        part = Part(cast(int, number), str(path), folder / str(path), str(digest), cast(int, events), 0, 0, 0)
        try:
            now = digest_of(part)
            if now != part.digest:
                yield finding(part, f"has the digest {now}, and {digest} when it was taken in")
            elif not are_of(part):
                yield finding(part, "has other events than the keys beside it; delete those, they are made anew")
        except StoreError as error:
            yield error.finding
