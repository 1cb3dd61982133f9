"""Many lines keep their order; writing that fails half way leaves the earlier result in place, and says why."""

from __future__ import annotations

import csv
import json
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from fractions import Fraction
from functools import partial
from pathlib import Path

import duckdb
import pytest

from ratebook.engine.plan import Program
from ratebook.engine.quantity import UnitTable
from ratebook.engine.statement import Labels
from ratebook.engine.usage import FactSchema
from ratebook.intake import StatementFormat
from ratebook.intake.columnar.failures import disk_error
from ratebook.intake.columnar.spilling import spilling
from ratebook.intake.columnar.statement_tables import create_statement_tables
from ratebook.intake.columnar.writing import write_columnar
from ratebook.intake.parquet import connect
from ratebook.money import MoneyUnit, Rounding, currency

FORMATS = [StatementFormat.CSV, StatementFormat.JSON_LINES, StatementFormat.PARQUET]


def program() -> Program:
    euro = currency("EUR")
    assert euro is not None
    unit = MoneyUnit(euro, Fraction(1, 100))
    schema = FactSchema("EUR", "UTC", UnitTable(), {}, {}, {}, (), ())
    return Program(
        "book", Labels("book"), "sha256:0", "UTC", unit, Rounding.HALF_EVEN, None, None, schema, {}, {}, {}, {}
    )


def filled(statements: int) -> duckdb.DuckDBPyConnection:
    """Tables with four lines a statement, whose texts and numbers do not compress well."""
    connection = connect()
    create_statement_tables(connection, quantity_decimals=6)
    connection.execute(
        f"INSERT INTO statement_head SELECT range, hash(range)::VARCHAR, 'payg', 0 FROM range({statements});"
        f"INSERT INTO statement_total SELECT range, 5, 5 FROM range({statements});"
        "INSERT INTO statement_period VALUES (0, '2026-03-01T00:00:00+00:00', '2026-04-01T00:00:00+00:00', NULL, NULL);"
        "INSERT INTO line_info VALUES (0, 'api', 'charge', 'API', 'call', '', 'book.rates:1', false, NULL, NULL);"
        "INSERT INTO line SELECT range // 4, range % 4, 0, hash(range) % 1000000, hash(range + 1) % 1000000, NULL, "
        f"NULL, NULL, NULL FROM range({4 * statements})"
    )
    return connection


@pytest.mark.parametrize("format_", FORMATS)
def test_many_lines_keep_their_order(format_: StatementFormat, tmp_path: Path) -> None:
    # More rows than a group of Parquet has: several threads write.
    connection = filled(80_000)
    connection.execute("SET threads = 4; CREATE TEMP TABLE mixed AS FROM line ORDER BY hash(sid, ord)")
    connection.execute("DROP TABLE line; ALTER TABLE mixed RENAME TO line")
    assert write_columnar(connection, program(), format_, tmp_path / "out") == ()
    expected = connection.execute(
        "SELECT account, amount FROM line JOIN statement_head USING (sid) ORDER BY sid, ord"
    ).fetchall()
    assert written_lines(tmp_path / "out", format_) == expected


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("in_order", [True, False])
def test_lines_that_name_their_account_are_written_as_they_stand(
    format_: StatementFormat, in_order: bool, tmp_path: Path
) -> None:
    connection = filled(80_000)
    expected = connection.execute(
        "SELECT account, amount FROM line JOIN statement_head USING (sid) ORDER BY sid, ord"
    ).fetchall()
    connection.execute(
        "SET threads = 4; CREATE TEMP TABLE member_head AS SELECT 0 AS member, 'payg' AS plan, 0 AS period; "
        "CREATE TEMP TABLE own AS SELECT sid, hash(sid)::VARCHAR AS account, 0 AS member, ord, info, amount, quantity "
        f"FROM line ORDER BY {'sid, ord' if in_order else 'hash(sid, ord)'}; "
        "DROP TABLE line; ALTER TABLE own RENAME TO line"
    )
    assert write_columnar(connection, program(), format_, tmp_path / "out") == ()
    assert written_lines(tmp_path / "out", format_) == expected


def written_lines(path: Path, format_: StatementFormat) -> list[tuple[str, int]]:
    if format_ is StatementFormat.JSON_LINES:
        statements = map(json.loads, path.read_text("utf-8").splitlines())
        return [
            (each["account"], round(Decimal(line["amount"]) * 100)) for each in statements for line in each["lines"]
        ]
    if format_ is StatementFormat.CSV:
        with path.open(encoding="utf-8", newline="") as stream:
            return [(row["billing_account_id"], round(Decimal(row["amount"]) * 100)) for row in csv.DictReader(stream)]
    rows = connect().execute("SELECT billing_account_id, (amount * 100)::HUGEINT FROM read_parquet(?)", [str(path)])
    return rows.fetchall()


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """No file of the process grows past this size, as if the disk were full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("format_", FORMATS)
def test_a_full_disk_leaves_the_earlier_result(format_: StatementFormat, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.write_text("earlier")
    connection = filled(20_000)
    with largest_file(100_000):
        (finding,) = write_columnar(connection, program(), format_, out)
    assert (finding.code, finding.place) == ("RB9007", str(out))
    assert finding.message == "the file cannot be written: File too large"
    assert "make room" in finding.hints[0]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert out.read_text() == "earlier"
    # The connection is as it was: the same run can be written elsewhere.
    assert write_columnar(connection, program(), format_, out) == ()
    assert out.read_text("latin-1") != "earlier"


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    for format_ in StatementFormat:
        (finding,) = write_columnar(filled(1), program(), format_, tmp_path / "none" / "out")
        assert finding.message == "the file cannot be written: No such file or directory"


@pytest.mark.parametrize("by_setting", [True, False])
def test_no_room_for_temporary_files(by_setting: bool, tmp_path: Path) -> None:
    connection = connect()
    connection.execute(f"SET temp_directory = '{tmp_path}/spill'; SET memory_limit = '50MB'")
    if by_setting:
        connection.execute("SET max_temp_directory_size = '1MB'")
    with largest_file(10**9 if by_setting else 100_000), pytest.raises(duckdb.Error) as raised:
        connection.execute("CREATE TEMP TABLE much AS SELECT repeat(hash(range)::VARCHAR, 5) FROM range(3000000)")
    finding = disk_error(raised.value, tmp_path / "out")
    assert finding is not None
    assert finding.code == "RB9007"
    reason = "No space left on device" if by_setting else "File too large"
    assert finding.message == f"temporary files cannot be written: {reason}"
    assert by_setting or finding.place == str(tmp_path / "spill")


_WRITER = """
import sys
import tempfile
sys.path.insert(0, {folder!r})
from pathlib import Path
from test_writing_at_size import StatementFormat, filled, program, write_columnar

connection = filled(400_000)
print("ready", flush=True)
write_columnar(connection, program(), StatementFormat({format_!r}), Path({out!r}))
print("written", flush=True)
"""


@pytest.mark.parametrize("format_", FORMATS)
def test_an_interrupt_leaves_no_half_written_file(format_: StatementFormat, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.write_text("earlier")
    code = _WRITER.format(folder=str(Path(__file__).parent), format_=format_.value, out=str(out))
    # A shell that runs tests in the background has them ignore Ctrl-C, and what they start would inherit that.
    heeded = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", code], preexec_fn=heeded, **pipes) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        deadline = time.monotonic() + 60
        while not list(tmp_path.glob(".out.*.part")) and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        said, told = process.communicate(timeout=60)
    assert b"KeyboardInterrupt" in told, told
    assert said == b""
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert out.read_text() == "earlier"


def test_what_does_not_fit_into_memory_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    connection = connect()
    connection.execute("SET memory_limit = '50MB'")
    with spilling(connection):
        connection.execute("CREATE TEMP TABLE much AS SELECT repeat(hash(range)::VARCHAR, 5) FROM range(1000000)")
        assert list(tmp_path.glob("ratebook-*/duckdb_temp*"))
    assert not list(tmp_path.iterdir())
