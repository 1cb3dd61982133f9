"""The usage relation says what the Python reader makes of the same files: rows, rejects, counts and findings."""

from __future__ import annotations

import csv
import gzip
import io
import json
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ratebook.engine.usage import AccountUsage, FactSchema, MeteredQuantity
from ratebook.intake import UsageIntake, read_usage
from ratebook.intake.columnar.odd_rows import SettledUsage, settle
from ratebook.intake.columnar.usage import UsageRelation, usage_relation
from ratebook.intake.parquet import connect

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def fact_cells(fact: Any) -> tuple[object, ...]:
    fields = tuple(sorted(fact.fields.items()))
    if isinstance(fact, MeteredQuantity):
        return (fact.account, None, fact.time, fields, None, None, fact.meter, fact.quantity)
    return (fact.account, fact.event, fact.time, fields, fact.id, fact.source, None, None)


def counted(by_account: Iterable[AccountUsage]) -> Counter[tuple[object, ...]]:
    return Counter(fact_cells(fact) for usage in by_account for fact in (*usage.events, *usage.quantities))


def relation_rows(connection: Any, settled: SettledUsage, fields: Sequence[str]) -> Counter[tuple[object, ...]]:
    names = ", ".join(f'"f_{name}"' for name in fields)
    rows = connection.execute(
        f"SELECT CAST(account AS VARCHAR), event, epoch_us(time), id, source, meter, quantity, plain, {names} "
        f"FROM ({settled.sql})"
    ).fetchall()
    found: Counter[tuple[object, ...]] = Counter()
    for account, event, time, id_, source, meter, quantity, plain, *values in rows:
        assert plain is True
        held = tuple(sorted((name, value) for name, value in zip(fields, values, strict=True) if value is not None))
        instant = None if time is None else EPOCH + timedelta(microseconds=time)
        is_metered = meter is not None
        exact = Fraction(quantity) if is_metered else None
        identity = (None, None) if is_metered else (id_, source)
        found[(account, event, instant, held, *identity, meter, exact)] += 1
    return found


def settle_as_a_run(
    connection: Any, relation: UsageRelation, known: frozenset[str] | None = None, *, unique_ids: bool = False
) -> SettledUsage:
    """What a run does: settle repeats, scan, and settle again where the scan found something."""
    odd = connection.execute(f"SELECT count(*) FROM ({relation.sql}) WHERE NOT plain").fetchone()[0]
    nulls = connection.execute(f"SELECT count(*) FROM ({relation.sql}) WHERE plain IS NULL").fetchone()[0]
    assert nulls == 0
    unknown = None
    if known is not None:
        listed = ", ".join("'" + name.replace("'", "''") + "'" for name in sorted(known)) or "NULL"
        unknown = (
            f"SELECT DISTINCT account FROM ({relation.sql}) WHERE coalesce(CAST(account AS VARCHAR) NOT IN ({listed}), "
            "false)"
        )
    return settle(
        connection,
        relation,
        known_accounts=known,
        unknown=unknown,
        has_odd_rows=odd > 0,
        unique_ids=unique_ids,
    )


def assert_same(
    paths: Sequence[Path | str], schema: FactSchema, known: frozenset[str] | None = None
) -> tuple[UsageIntake, SettledUsage, UsageRelation]:
    expected = read_usage(paths, schema, known_accounts=known)
    connection = connect()
    try:
        relation = usage_relation(connection, paths, schema)
        settled = settle_as_a_run(connection, relation, known)
        rows = relation_rows(connection, settled, relation.fields)
        rows += counted(settled.beyond.values())
    finally:
        connection.close()
    assert Counter(settled.findings) == Counter(expected.findings)
    if any(finding.code == "RB9001" for finding in expected.findings):
        return expected, settled, relation  # what was read before a file broke off is up to each reader
    assert rows == counted(expected.by_account.values())
    assert Counter(settled.rejects) == Counter(expected.rejects)
    assert settled.rejected == expected.rejected
    assert settled.repeated == expected.repeated
    assert settled.read in (None, expected.read)
    return expected, settled, relation


# --- generated rows ---------------------------------------------------------------------------------------------------

ACCOUNTS = st.sampled_from(["a-1", "a-2", "007", "7", "", None, "é", " a"])
NUMBERS = st.one_of(
    st.sampled_from(["5", "0", "-1", "+5", ".5", "1.50", "1,000", " 5", "", None, "1e3", "1E-7", "x", "9" * 38]),
    st.sampled_from(["0." + "0" * 37 + "1", "1" * 39, "12345678901234567890.123456", "-0", "007.10"]),
    st.decimals(-(10**6), 10**6, places=3).map(str),
)
TIMES = st.one_of(
    st.sampled_from(["2026-03-01T00:00:00Z", "2026-03-01T08:00:00+08:00", "2026-03-02 00:00:00"]),
    st.sampled_from(["2026-03-01T24:00:00Z", "2026-06-30T23:59:60Z", "2026-02-30T00:00:00Z", "2026-03-01", "soon"]),
    st.sampled_from(["2026-03-02T00:00:00.5", None, ""]),
    st.sampled_from(["2026-03-01t00:00:00z", "2026-03-01T00:00:00.123456789Z", "0001-01-01T00:00:00+08:00"]),
)
WORDS = st.sampled_from(["cn", "eu", "us-east-1", "mars", "EU", "", None])
TEXTS = st.sampled_from(["", None, "a, b", '"x"', "two\nlines", "007", "é", "a\rb", "\t"])
EVENT_ROWS = st.fixed_dictionaries(
    {
        "account": ACCOUNTS,
        "event": st.sampled_from(["compute.used"] * 6 + ["call", "nothing", "", None]),
        "time": TIMES,
        "units": NUMBERS,
        "region": WORDS,
        "cost": st.one_of(st.none(), NUMBERS),
        "note": TEXTS,
        "day": st.sampled_from(["2026-02-28", "2026-02-30", "0000-01-01", "1.3.2026", None, None]),
        "spot": st.sampled_from(["true", "Yes", "no", "maybe", None, None]),
        "duration": st.sampled_from([None, None, "5", "-1"]),
        "dialled": st.sampled_from([None, "8613"]),
        "currency": st.sampled_from([None, None, None, "CNY", "USD"]),
        "id": st.sampled_from([None, None, "e1", "e2", "e3", ""]),
        "source": st.sampled_from([None, "s", ""]),
        "meter": st.sampled_from([None] * 8 + ["egress", "", "spend", "nope"]),
        "quantity": st.one_of(st.none(), NUMBERS),
        "unit": st.sampled_from([None, None, "GB", "MB", "GiB", "kWh", ""]),
        "colour": st.sampled_from([None, None, None, "red"]),
    }
)
GOOD = {
    "account": "a-1",
    "event": "compute.used",
    "time": "2026-03-01T00:00:00Z",
    "units": "5",
    "region": "eu",
}
MOSTLY_GOOD = st.tuples(EVENT_ROWS, st.sets(st.sampled_from(sorted(GOOD)), max_size=2)).map(
    lambda drawn: {**drawn[0], **{name: value for name, value in GOOD.items() if name not in drawn[1]}}
)
QUANTITY = {"account": "a-1", "meter": "egress", "quantity": "1.5", "region": "cn", "event": None, "time": None}
METERED = st.tuples(EVENT_ROWS, st.sets(st.sampled_from(sorted(QUANTITY)), max_size=1)).map(
    lambda drawn: {
        **drawn[0], "currency": None, **{name: value for name, value in QUANTITY.items() if name not in drawn[1]}
    }
)  # fmt: skip
ROWS = st.lists(st.one_of(EVENT_ROWS, MOSTLY_GOOD, METERED, st.just(GOOD | {"id": "e1"})), min_size=1, max_size=10)


def write_parquet(rows: Sequence[Mapping[str, object]], path: Path, columns: Mapping[str, str]) -> None:
    """The rows as Parquet; a value that its column's type does not take is left out."""
    connection = connect()
    shape = json.dumps([dict.fromkeys(columns, "VARCHAR")])
    casts = ", ".join(f'TRY_CAST(r."{name}" AS {type_}) AS "{name}"' for name, type_ in columns.items())
    connection.execute(
        f"COPY (SELECT {casts} FROM (SELECT unnest(from_json(?, '{shape}')) AS r)) TO '{path}' (FORMAT parquet)",
        [json.dumps([{name: row.get(name) for name in columns} for row in rows])],
    )
    connection.close()


TYPES = {
    "account": ["VARCHAR", "INTEGER", "BIGINT", "DECIMAL(9, 0)", "DECIMAL(9, 2)", "ENUM('a-1', '007', '')"],
    "event": ["VARCHAR"],
    "time": ["VARCHAR", "TIMESTAMPTZ", "TIMESTAMP", "TIMESTAMP_NS", "TIMESTAMP_S", "DATE"],
    "units": ["VARCHAR", "DECIMAL(18, 6)", "DECIMAL(38, 6)", "DECIMAL(38, 0)", "BIGINT", "HUGEINT", "BOOLEAN"],
    "region": ["VARCHAR", "ENUM('eu', 'cn', 'mars')", "INTEGER"],
    "cost": ["VARCHAR", "DECIMAL(9, 3)", "DECIMAL(38, 38)"],
    "note": ["VARCHAR", "BLOB", "INTEGER"],
    "day": ["VARCHAR", "DATE", "TIMESTAMP"],
    "spot": ["VARCHAR", "BOOLEAN"],
    "duration": ["VARCHAR", "INTEGER", "DECIMAL(9, 3)"],
    "id": ["VARCHAR", "INTEGER", "UUID"],
    "quantity": ["VARCHAR", "DECIMAL(18, 3)"],
    "currency": ["VARCHAR", "INTEGER"],
}  # fmt: skip


@st.composite
def parquet_files(draw: st.DrawFn) -> list[tuple[list[dict[str, object]], dict[str, str]]]:
    files = []
    for _ in range(draw(st.integers(1, 2))):
        rows = draw(ROWS)
        optional = sorted(set(rows[0]) | set(TYPES) - {"account", "event"})
        dropped = draw(st.sets(st.sampled_from(optional), max_size=8)) - {"account"}
        columns = {
            name: draw(st.sampled_from(["VARCHAR", *TYPES.get(name, ["VARCHAR"])]))
            for name in EVENT_NAMES
            if name not in dropped or (name == "event" and "meter" in dropped)
        }
        files.append((rows, columns))
    return files


EVENT_NAMES = [
    "account", "event", "time", "units", "region", "cost", "note", "day", "spot", "duration", "dialled", "currency",
    "id", "source", "meter", "quantity", "unit", "colour",
]  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(parquet_files(), st.sampled_from([None, frozenset({"a-1", "007", "7"})]))
def test_parquet_says_the_same(
    schema: FactSchema, files: list[tuple[list[dict[str, object]], dict[str, str]]], known: frozenset[str] | None
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for index, (rows, columns) in enumerate(files):
            path = Path(folder) / f"usage_{index}.parquet"
            write_parquet(rows, path, columns)
            paths.append(path)
        assert_same(paths, schema, known)


def write_csv(rows: Sequence[Mapping[str, object]], path: Path, columns: Sequence[str], *, ends: str = "\n") -> None:
    """The rows as CSV, zipped where the name says so."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, columns, extrasaction="ignore", lineterminator=ends)
    writer.writeheader()
    writer.writerows(rows)
    content = stream.getvalue().encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


@st.composite
def csv_files(draw: st.DrawFn) -> list[tuple[str, list[dict[str, object]], list[str], str]]:
    files = []
    for index in range(draw(st.integers(1, 2))):
        rows = draw(ROWS)
        if draw(st.booleans()):
            rows = [{name: value for name, value in row.items() if name != "note"} for row in rows]
        dropped = draw(st.sets(st.sampled_from(sorted(set(EVENT_NAMES) - {"account", "event"})), max_size=8))
        columns = [name for name in EVENT_NAMES if name not in dropped]
        suffix = draw(st.sampled_from([".csv", ".csv", ".csv.gz"]))
        files.append((f"usage_{index}{suffix}", rows, columns, draw(st.sampled_from(["\n", "\r\n"]))))
    return files


@settings(max_examples=40, deadline=None)
@given(csv_files(), st.sampled_from([None, frozenset({"a-1", "007", "7"})]))
def test_csv_says_the_same(
    schema: FactSchema,
    files: list[tuple[str, list[dict[str, object]], list[str], str]],
    known: frozenset[str] | None,
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for name, rows, columns, ends in files:
            path = Path(folder) / name
            write_csv(rows, path, columns, ends=ends)
            paths.append(path)
        assert_same(paths, schema, known)


JSON_VALUES = st.sampled_from([
    "5", "-0", "0.10", "1e3", "1E-7", "1e-7", "9007199254740993", "18446744073709551617", "0.1000000000000000055511",
    "12345678901234567890.5", "true", "null", '"5"', '"1,000"', "[1]", '{"a": 1}', "NaN", "1.0", '"\\u00e9"', '"a\\nb"',
    '"\\ud800"', "1e999", '"eu"', "7", '""',
])  # fmt: skip
ODD_LINES = st.sampled_from(
    ["", "  ", "{", "[1]", '{"account": "a", "account": "b"}', "{} {}", '{"a": 1,}', '"x"', "5"]
)


def json_line(cells: Mapping[str, str], form: str) -> str:
    envelope = {"id", "source", "account", "event", "time", "meter"}
    outer = {name: text for name, text in cells.items() if form == "flat" or name in envelope}
    if form != "flat":
        outer["data"] = json_line({name: text for name, text in cells.items() if name not in envelope}, "flat")
    if form == "cloud":
        outer = {{"account": "subject", "event": "type"}.get(name, name): text for name, text in outer.items()}
        outer["specversion"] = '"1.0"'
    return "{" + ", ".join(f"{json.dumps(name)}: {text}" for name, text in outer.items()) + "}"


@st.composite
def json_files(draw: st.DrawFn) -> list[tuple[str, list[str]]]:
    files = []
    for index in range(draw(st.integers(1, 2))):
        lines = []
        for row in draw(ROWS):
            cells = {name: json.dumps(value) for name, value in row.items() if value is not None or draw(st.booleans())}
            for name in draw(st.sets(st.sampled_from(sorted(EVENT_NAMES)), max_size=2)):
                cells[name] = draw(JSON_VALUES)
            lines.append(json_line(cells, draw(st.sampled_from(["flat", "flat", "flat", "flat", "data", "cloud"]))))
        lines += draw(st.lists(ODD_LINES, max_size=2))
        suffix = draw(st.sampled_from([".jsonl", ".jsonl", ".ndjson.gz"]))
        files.append((f"usage_{index}{suffix}", draw(st.permutations(lines))))
    return files


@settings(max_examples=40, deadline=None)
@given(json_files(), st.sampled_from([None, frozenset({"a-1", "007", "7"})]))
def test_json_lines_say_the_same(
    schema: FactSchema, files: list[tuple[str, list[str]]], known: frozenset[str] | None
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for name, lines in files:
            path = Path(folder) / name
            content = "\n".join(lines).encode()
            path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
            paths.append(path)
        assert_same(paths, schema, known)


def test_one_bad_row_and_one_repeat_among_many_are_found(tmp_path: Path, schema: FactSchema) -> None:
    path = tmp_path / "usage.parquet"
    connection = connect()
    connection.execute(
        "COPY (SELECT CASE WHEN i = 40000 THEN 5 ELSE i END AS id, 'a-1' AS account, 'compute.used' AS event, "
        "TIMESTAMPTZ '2026-03-01 00:00:00+00' AS time, 5 AS units, "
        "CASE WHEN i = 39000 THEN 'mars' ELSE 'eu' END AS region "
        f"FROM range(50000) AS n(i)) TO '{path}' (FORMAT parquet)"
    )
    relation = usage_relation(connection, [path], schema)
    settled = settle(connection, relation)
    connection.close()
    assert [(each.code, each.row) for each in settled.rejects] == [("RB3005", 39001)]
    assert (settled.read, settled.repeated, settled.rejected) == (50_000, 1, 1)


@pytest.mark.parametrize("moment", [253_402_300_800_000_000, -62_135_596_800_000_001])
def test_an_instant_beyond_the_calendar_is_a_mistake_of_its_row(
    schema: FactSchema, tmp_path: Path, moment: int
) -> None:
    with connect() as connection:
        connection.execute(
            "COPY (SELECT 'a-1' AS account, 'compute.used' AS event, make_timestamptz(moment) AS time, 7 AS units, "
            f"'eu' AS region, id FROM (VALUES (1772323200000000, 'good'), ({moment}, 'bad')) AS given (moment, id)) "
            f"TO '{tmp_path}/usage.parquet' (FORMAT parquet)"
        )
    expected, settled, _ = assert_same([tmp_path / "usage.parquet"], schema)
    assert [(item.row, item.field, item.code) for item in expected.rejects] == [(2, "time", "RB3006")]
    assert settled.rejected == 1 and not any(finding.code == "RB9001" for finding in expected.findings)
