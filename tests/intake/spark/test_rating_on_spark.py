"""Spark gives the statements of one machine, line by line, from every kind of file, on both roads, with tasks lost.

One session serves the whole module. Java and PySpark have to be there: `scripts/test` sees to it, nothing is skipped.
"""

from __future__ import annotations

import csv
import json
import os
import random
import signal
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from pyspark.sql import SparkSession

from ratebook.diagnostics import Source
from ratebook.engine.compiler.compile import compile_ruleset
from ratebook.engine.period import DateRange
from ratebook.engine.plan import Program
from ratebook.intake.columnar.run import Columnar, rate_columnar
from ratebook.intake.focus import COLUMNS
from ratebook.intake.spark.run import SparkRun, rate_spark
from ratebook.intake.spark.session import NoSparkError
from ratebook.intake.statements import StatementFormat

MARCH = DateRange(date(2026, 3, 1), date(2026, 4, 1))

SUMMED = """
ruleset prices "Prices":
  currency USD
  time zone Asia/Shanghai
  round each line half even

account:
  tier: one of standard, gold

event used:
  region: one of eu, us
  units: number

meter units: sum of units of used
meter calls: count of used
meter peak: maximum of units of used
meter typical: average of units of used

plan basic from 2026-01-01:
  charge units by region:
    | region | price        |
    | eu     | $0.0130 each |
    | us     | $0.0127 each |
  charge calls: at $0.003 each
  charge peak: at $0.01 each
  charge typical: at $0.07 each
  minimum $5

discount gold:
  10% off charges
  when account.tier is gold
"""

ORDERED = """
ruleset ordered "Ordered":
  currency USD
  time zone Asia/Shanghai
  round each line half even

account:
  tier: one of standard, gold

event used:
  region: one of eu, us
  units: number

meter regions: unique region of used
meter units: sum of units of used

plan basic from 2026-01-01:
  charge regions: at $1 each
  charge units: at $0.0121 each
"""

Row = dict[str, Any]


@pytest.fixture(scope="module")
def spark() -> Iterator[SparkSession]:
    os.environ["PYSPARK_PYTHON"] = sys.executable
    builder = SparkSession.builder.master("local[2,4]").appName("tests")
    settings = {
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.driver.host": "localhost",
        "spark.sql.shuffle.partitions": "3",
    }
    for name, value in settings.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("OFF")
    yield session
    session.stop()


def program_of(text: str) -> Program:
    program = compile_ruleset(Source("prices.rates", text)).program
    assert program is not None
    return program


def usage_rows(count: int = 1_500) -> list[Row]:
    """Events of 40 accounts from February to April: some outside the period, some while nothing is subscribed."""
    chance = random.Random(7)
    first = datetime(2026, 2, 20, tzinfo=UTC)
    return [
        {
            "id": f"e-{number}",
            "account": f"a-{chance.randrange(40)}",
            "event": "used",
            "time": (first + timedelta(seconds=chance.randrange(45 * 86_400))).isoformat(),
            "region": chance.choice(["eu", "us"]),
            "units": f"{chance.randrange(10_000_000)}.{chance.randrange(1_000_000):06}",
        }
        for number in range(count)
    ]


def write_accounts(folder: Path) -> Path:
    """42 accounts: some begin or end inside the period, two have no usage."""
    rows = []
    for number in range(42):
        row = {"account": f"a-{number}", "plan": "basic", "start": "2026-01-01", "tier": "standard"}
        if number % 5 == 0:
            row |= {"start": "2026-03-11", "tier": "gold"}
        if number % 7 == 0:
            row |= {"end": "2026-03-21"}
        rows.append(row)
    path = folder / "accounts.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def write_usage(folder: Path, kind: str, rows: Sequence[Row], parts: int = 3) -> list[str]:
    """Rows in several files of a kind."""
    paths = []
    for part in range(parts):
        own, path = rows[part::parts], folder / f"usage{part}.{kind}"
        lines = folder / f"lines{part}.json"
        lines.write_text("".join(json.dumps(row) + "\n" for row in own))
        if kind == "jsonl":
            lines.rename(path)
        elif kind == "csv":
            with path.open("w", newline="") as stream:
                writer = csv.DictWriter(stream, list(own[0]))
                writer.writeheader()
                writer.writerows(own)
        else:
            columns = "id, account, event, time::TIMESTAMPTZ AS time, region, units::DECIMAL(18,6) AS units"
            shape = "{" + ", ".join(f"{name}: 'VARCHAR'" for name in own[0]) + "}"
            duckdb.sql(f"COPY (SELECT {columns} FROM read_json('{lines}', columns = {shape})) TO '{path}'")
        paths.append(str(path))
    return paths


def lines_of(path: Path, form: StatementFormat) -> list[Any]:
    """The lines of a file or of all parts of a folder, sorted; numbers without zeros at their end."""
    parts = [path] if path.is_file() else sorted(path.glob("part-*"))
    if form is StatementFormat.PARQUET:
        listed = ", ".join(f"'{part}'" for part in parts)
        shown = ", ".join(
            f"epoch_us({name})"
            if type_ == "TIMESTAMPTZ"
            else f"rtrim(CAST({name} AS VARCHAR), '0')"
            if type_ == "DECIMAL"
            else f'"{name}"'
            for name, type_ in COLUMNS.items()
        )
        return sorted(duckdb.sql(f"SELECT {shown} FROM read_parquet([{listed}])").fetchall(), key=repr)
    texts = [part.read_text(encoding="utf-8").splitlines() for part in parts]
    if form is StatementFormat.CSV:
        assert len({text[0] for text in texts}) == 1, "every part begins with the header"
        texts = [text[1:] for text in texts]
    return sorted(line for text in texts for line in text)


def on_one_machine(
    program: Program, usage: Sequence[str], accounts: Path, out: Path, form: StatementFormat
) -> Columnar:
    with rate_columnar(program, usage, accounts, MARCH) as run:
        assert run.write(form, out) == ()
        return run


def assert_same(run: SparkRun, one: Columnar) -> None:
    counts = ("read", "counted", "repeated", "rejected", "outside", "unsubscribed", "accounts", "total", "idle")
    assert {name: getattr(run, name) for name in counts} == {name: getattr(one, name) for name in counts}


@pytest.mark.parametrize(
    ("kind", "form", "text", "road"),
    [
        ("parquet", StatementFormat.PARQUET, SUMMED, "sums"),
        ("csv", StatementFormat.CSV, SUMMED, "sums"),
        ("jsonl", StatementFormat.JSON_LINES, ORDERED, "rows"),
    ],
)
def test_statements_are_those_of_one_machine(
    spark: SparkSession, tmp_path: Path, kind: str, form: StatementFormat, text: str, road: str
) -> None:
    program, accounts = program_of(text), write_accounts(tmp_path)
    usage = write_usage(tmp_path, kind, usage_rows())
    one = on_one_machine(program, usage, accounts, tmp_path / "one", form)
    run = rate_spark(program, usage, accounts, MARCH, tmp_path / "out", form, session=spark, unique_ids=True)
    assert (run.refusals, run.rejects, run.written, run.road) == ((), (), True, road)
    assert_same(run, one)
    assert lines_of(tmp_path / "out", form) == lines_of(tmp_path / "one", form)
    assert (tmp_path / "out" / "_SUCCESS").exists()


def test_repeats_in_other_files_count_once(spark: SparkSession, tmp_path: Path) -> None:
    program, accounts, form = program_of(SUMMED), write_accounts(tmp_path), StatementFormat.CSV
    rows = usage_rows(600)
    usage = write_usage(tmp_path, "parquet", [*rows, *rows[:50], *rows[:10]])
    one = on_one_machine(program, usage, accounts, tmp_path / "one", form)
    run = rate_spark(program, usage, accounts, MARCH, tmp_path / "out", form, session=spark)
    assert (run.repeated, run.refusals, run.rejects) == (60, (), ())
    assert_same(run, one)
    assert lines_of(tmp_path / "out", form) == lines_of(tmp_path / "one", form)


def test_bad_rows_are_all_reported_and_nothing_is_written(spark: SparkSession, tmp_path: Path) -> None:
    rows = usage_rows(300)
    rows[4] |= {"units": "many"}
    rows[100] |= {"account": "nobody"}
    rows[200] |= {"id": rows[201]["id"]}
    usage = write_usage(tmp_path, "jsonl", rows, parts=1)
    run = rate_spark(
        program_of(SUMMED), usage, write_accounts(tmp_path), MARCH, tmp_path / "out", StatementFormat.CSV, session=spark
    )
    found = {(each.code, each.field, each.row) for each in run.rejects}
    assert found == {("RB3003", "units", 5), ("RB3008", "account", 101), ("RB3009", "id", None)}
    assert any(each.place.endswith("usage0.jsonl, line 5") for each in run.rejects)
    assert not run.written and not (tmp_path / "out").exists()


def test_a_lost_worker_costs_time_and_no_cent(spark: SparkSession, tmp_path: Path) -> None:
    program, accounts, form = program_of(SUMMED), write_accounts(tmp_path), StatementFormat.JSON_LINES
    usage = write_usage(tmp_path, "parquet", usage_rows())
    marker = str(tmp_path / "killed")

    def dies_once(batches: Iterator[Any]) -> Iterator[Any]:
        for batch in batches:
            yield batch
            try:
                os.close(os.open(marker, os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                continue
            os.kill(os.getpid(), signal.SIGKILL)

    read = spark.read.parquet(*usage)
    frame = read.mapInArrow(dies_once, read.schema)
    one = on_one_machine(program, usage, accounts, tmp_path / "one", form)
    run = rate_spark(program, frame, accounts, MARCH, tmp_path / "out", form, session=spark, unique_ids=True)
    assert Path(marker).exists()
    assert_same(run, one)
    assert lines_of(tmp_path / "out", form) == lines_of(tmp_path / "one", form)


def test_numbers_that_need_more_room_get_it(spark: SparkSession, tmp_path: Path) -> None:
    program, accounts, form = program_of(SUMMED), write_accounts(tmp_path), StatementFormat.PARQUET
    rows = usage_rows(90)
    rows[3] |= {"units": "0.00000000000000001"}
    rows[5] |= {"units": "123456789012345678"}
    usage = write_usage(tmp_path, "jsonl", rows)
    one = on_one_machine(program, usage, accounts, tmp_path / "one", form)
    run = rate_spark(program, usage, accounts, MARCH, tmp_path / "out", form, session=spark, unique_ids=True)
    assert (run.refusals, run.written) == ((), True)
    assert_same(run, one)
    assert lines_of(tmp_path / "out", form) == lines_of(tmp_path / "one", form)


@pytest.mark.parametrize("name", ["lines.parquet", "there"])
def test_a_result_is_a_new_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "there").mkdir()
    run = rate_spark(program_of(SUMMED), [], tmp_path / "none", MARCH, tmp_path / name, StatementFormat.PARQUET)
    assert [each.code for each in run.refusals] == ["RB9007"]


def test_a_missing_runtime_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(NoSparkError) as raised:
        rate_spark(program_of(SUMMED), [], tmp_path / "none", MARCH, tmp_path / "out", StatementFormat.CSV)
    assert raised.value.finding.code == "RB9011"
    assert "Java" in raised.value.finding.message
