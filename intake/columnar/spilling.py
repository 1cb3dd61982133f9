"""Where a run puts what does not fit into memory."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ...engine.batch.quoting import text_literal

if TYPE_CHECKING:
    import duckdb


@contextmanager
def spilling(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """A folder of temporary files below TMPDIR, gone afterwards; DuckDB would else make one where the user stands.

    Has to be entered before the connection spills for the first time, and ends the connection, which still holds files.
    """
    with tempfile.TemporaryDirectory(prefix="ratebook-", ignore_cleanup_errors=True) as folder:
        connection.execute(f"SET temp_directory = {text_literal(folder)}")
        try:
            yield
        finally:
            connection.close()
