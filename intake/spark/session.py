"""The Spark session of a run: one that the caller has, or one of its own."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ...diagnostics import Diagnostic

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

BATCH_ROWS: Final = 100_000
"""Rows of an Arrow batch between Spark and a task; Spark's own 10,000 cost a third more."""

_SETTINGS: Final = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.execution.arrow.maxRecordsPerBatch": str(BATCH_ROWS),
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    "spark.sql.caseSensitive": "true",
    # Accounts are sent as they are, not as literals in the text of a plan.
    "spark.sql.execution.arrow.localRelationThreshold": "0b",
}


class NoSparkError(Exception):
    """There is no Spark to run on; `finding` says why and what to do."""

    def __init__(self, finding: Diagnostic) -> None:
        super().__init__(finding.message)
        self.finding = finding


@contextmanager
def spark_session(master: str | None, session: SparkSession | None) -> Iterator[SparkSession]:
    """The session with the settings of a run, which are undone after it; one of our own is stopped.

    Raises `NoSparkError`.
    """
    own = None if session is not None else _started(master)
    found = session or own
    assert found is not None, "one of both"
    earlier = {name: found.conf.get(name, None) for name in _SETTINGS}
    try:
        for name, value in _SETTINGS.items():
            found.conf.set(name, value)
        yield found
    finally:
        if own is not None:
            own.stop()
        else:
            for name, before in earlier.items():
                if before is None:
                    found.conf.unset(name)
                else:
                    found.conf.set(name, before)


def _started(master: str | None) -> SparkSession:
    try:
        import pyarrow  # noqa: F401
        from pyspark.sql import SparkSession
    except ImportError as error:
        hint = 'install it with pip install "ratebook[spark]", or rate on one machine with --engine batch'
        raise NoSparkError(Diagnostic("RB9011", f"PySpark is not installed: {error}", hints=(hint,))) from error
    if not (master or "").startswith("sc://") and _java() is None:
        hint = "install a runtime of Java 17 or newer, or let JAVA_HOME name its folder"
        raise NoSparkError(Diagnostic("RB9011", "Spark needs Java, and there is none", hints=(hint,)))
    # Workers on this machine run the Python that runs this; on a cluster, its own settings say which.
    if master is None or master.startswith("local"):
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = SparkSession.builder.appName("ratebook")
    if master is not None:
        builder = builder.remote(master) if master.startswith("sc://") else builder.master(master)
    if master is None or master.startswith("local"):
        builder = builder.config("spark.ui.enabled", "false").config("spark.driver.host", "localhost")
        builder = builder.config("spark.sql.shuffle.partitions", str(2 * (os.cpu_count() or 1)))
    try:
        return builder.getOrCreate()
    except Exception as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        hint = "check --spark-master and that the cluster can be reached"
        raise NoSparkError(Diagnostic("RB9011", f"no session of Spark: {reason}", hints=(hint,))) from error


def _java() -> str | None:
    home = os.environ.get("JAVA_HOME")
    if home is not None:
        path = Path(home) / "bin" / "java"
        return str(path) if path.exists() else None
    return shutil.which("java")
