"""Rows of usage become facts or rejects with a place, a reason and a way out; nothing is dropped, nothing raises."""

from __future__ import annotations

import gzip
import io
import json
import subprocess
import sys
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest

from ratebook.engine.usage import FactSchema, MeteredQuantity, UsageEvent
from ratebook.intake import UsageIntake, first_rejects, read_usage, write_rejects
from ratebook.intake.parquet import connect

GOOD = {"account": "a-1", "event": "compute.used", "time": "2026-03-01T00:00:00Z", "units": 5, "region": "eu"}
QUANTITY = {"account": "a-1", "meter": "egress", "quantity": "1.5", "region": "cn"}
CLOUD_EVENT = {
    "specversion": "1.0",
    "id": "e-1",
    "source": "/cluster/7",
    "type": "compute.used",
    "subject": "a-1",
    "time": "2026-03-01T00:00:00Z",
    "data": {"units": 5, "region": "eu"},
}


def lines(folder: Path, *rows: object, name: str = "usage.jsonl") -> Path:
    path = folder / name
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows), "utf-8")
    return path


def taken(intake: UsageIntake) -> list[UsageEvent | MeteredQuantity]:
    return [fact for usage in intake.by_account.values() for fact in (*usage.events, *usage.quantities)]


def assert_explained(intake: UsageIntake) -> None:
    assert intake.read == intake.counted + intake.repeated + intake.rejected
    for reject in intake.rejects:
        assert reject.reason
        assert reject.way_out
        assert reject.place.startswith(reject.file)
        assert reject.diagnostic.place == reject.place
        assert reject.diagnostic.hints == (reject.way_out,)


BROKEN = [
    ("RB3002", "units", "", {"units": None}),
    ("RB3002", "account", "", {"account": None}),
    ("RB3002", "account", "", {"account": ""}),
    ("RB3002", "time", "", {"time": None}),
    ("RB3003", "units", "many", {"units": "many"}),
    ("RB3003", "units", "1,000", {"units": "1,000"}),
    ("RB3003", "units", " 5", {"units": " 5"}),
    ("RB3003", "units", "true", {"units": True}),
    ("RB3003", "units", "[1]", {"units": [1]}),
    ("RB3003", "units", "", {"units": ""}),
    ("RB3003", "cost", "¥5", {"cost": "¥5"}),
    ("RB3004", "units", "1" * 39, {"units": "1" * 39}),
    ("RB3004", "units", "1e38", {"units": "1e38"}),
    ("RB3004", "units", "0." + "0" * 38 + "1", {"units": "0." + "0" * 38 + "1"}),
    ("RB3005", "region", "mars", {"region": "mars"}),
    ("RB3006", "time", "yesterday", {"time": "yesterday"}),
    ("RB3006", "time", "2026-03-01", {"time": "2026-03-01"}),
    ("RB3006", "time", "2026-03-01T10:00", {"time": "2026-03-01T10:00"}),
    ("RB3006", "time", "2026-02-30T00:00:00Z", {"time": "2026-02-30T00:00:00Z"}),
    ("RB3006", "time", "2026-06-30T23:59:60Z", {"time": "2026-06-30T23:59:60Z"}),
    ("RB3006", "time", "2026-03-01T24:00:00Z", {"time": "2026-03-01T24:00:00Z"}),
    ("RB3006", "time", "1772294400", {"time": 1772294400}),
    ("RB3006", "time", "0001-01-01T00:00:00+08:00", {"time": "0001-01-01T00:00:00+08:00"}),
    ("RB3007", "event", "compute.use", {"event": "compute.use"}),
    ("RB3008", "account", "a-2", {"account": "a-2"}),
    ("RB3011", "event", "compute.used", {"meter": "egress"}),
    ("RB3011", "event", "", {"event": None}),
    ("RB3013", "currency", "USD", {"currency": "USD"}),
    ("RB3016", "account", "true", {"account": True}),
    ("RB3016", "account", "1.5", {"account": 1.5}),
    ("RB3016", "id", "{}", {"id": {}}),
    ("RB3016", "note", "true", {"note": True}),
    ("RB3016", "day", "2026-02-30", {"day": "2026-02-30"}),
    ("RB3016", "day", "1.3.2026", {"day": "1.3.2026"}),
    ("RB3016", "spot", "maybe", {"spot": "maybe"}),
    ("RB3016", "data", "x", {"data": "x"}),
    ("RB3011", "units", "5", {"data": {"units": 6}}),
]


@pytest.mark.parametrize(("code", "field", "value", "change"), BROKEN)
def test_a_broken_row_names_place_value_reason_and_way_out(
    code: str, field: str, value: str, change: dict[str, object], tmp_path: Path, schema: FactSchema
) -> None:
    path = lines(tmp_path, GOOD, "", {**GOOD, **change})
    intake = read_usage([path], schema, known_accounts={"a-1"})
    assert [(r.code, r.field, r.value, r.row) for r in intake.rejects] == [(code, field, value, 3)]
    assert intake.rejects[0].place == f"{path}, line 3"
    assert (intake.read, intake.counted, intake.rejected) == (2, 1, 1)
    assert_explained(intake)


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("RB3010", "{"),
        ("RB3010", "[1]"),
        ("RB3010", '"text"'),
        ("RB3010", '{"account": "a", "account": "b"}'),
        ("RB3010", '{"units": NaN}'),
        ("RB3010", '{"units": -Infinity}'),
        ("RB3010", "{} {}"),
        ("RB3010", '{"account": "\\ud800"}'),
        ("RB3010", "[" * 100_000),
        ("RB3004", '{"units": 1e99999999999999999999}'),
    ],
)
def test_a_line_that_is_no_row(code: str, text: str, tmp_path: Path, schema: FactSchema) -> None:
    intake = read_usage([lines(tmp_path, text, GOOD)], schema)
    assert [(r.code, r.row) for r in intake.rejects] == [(code, 1)]
    assert intake.counted == 1
    assert_explained(intake)


def test_every_mistake_of_a_row_is_reported(tmp_path: Path, schema: FactSchema) -> None:
    row = {**GOOD, "account": "a-9", "units": "x", "region": "mars", "time": "never", "currency": "EUR"}
    intake = read_usage([lines(tmp_path, row)], schema, known_accounts={"a-1"})
    assert {r.code for r in intake.rejects} == {"RB3003", "RB3005", "RB3006", "RB3008", "RB3013"}
    assert intake.rejected == 1


@pytest.mark.parametrize(
    ("change", "way_out"),
    [
        ({"region": "us-east1"}, "did you mean `us-east-1`?"),
        ({"region": "EU"}, "did you mean `eu`?"),
        ({"event": "compute.use"}, "did you mean `compute.used`?"),
        ({"account": "a-11"}, "did you mean `a-1`?"),
    ],
)
def test_near_words_are_offered(change: dict[str, object], way_out: str, tmp_path: Path, schema: FactSchema) -> None:
    intake = read_usage([lines(tmp_path, {**GOOD, **change})], schema, known_accounts={"a-1"})
    assert intake.rejects[0].way_out == way_out


@pytest.mark.parametrize(
    ("code", "field", "change"),
    [
        ("RB3012", "meter", {"meter": "egres"}),
        ("RB3002", "quantity", {"quantity": None}),
        ("RB3003", "quantity", {"quantity": "x"}),
        ("RB3002", "region", {"region": None}),
        ("RB3015", "unit", {"unit": "kWh"}),
        ("RB3015", "unit", {"unit": "gigabytes"}),
        ("RB3006", "time", {"time": "noon"}),
    ],
)
def test_broken_quantities(
    code: str, field: str, change: dict[str, object], tmp_path: Path, schema: FactSchema
) -> None:
    intake = read_usage([lines(tmp_path, {**QUANTITY, **change})], schema)
    assert [(r.code, r.field) for r in intake.rejects] == [(code, field)]
    assert_explained(intake)


def test_quantities_convert_exactly(tmp_path: Path, schema: FactSchema) -> None:
    rows = [QUANTITY, {**QUANTITY, "unit": "GiB"}, {**QUANTITY, "unit": "GB", "time": "2026-03-01T08:00:00"}]
    spent = {"account": "a-1", "meter": "spend", "quantity": 12.345}
    intake = read_usage([lines(tmp_path, *rows, json.dumps(spent), GOOD)], schema)
    first, binary, timed, money = intake.by_account["a-1"].quantities
    assert first == MeteredQuantity("a-1", "egress", Fraction(3, 2), {"region": "cn"})
    assert binary.quantity == Fraction(3, 2) * 1024**3 / 1000**3
    assert timed.time == datetime(2026, 3, 1, tzinfo=UTC)
    assert money.quantity == Fraction(12345, 1000)
    assert len(intake.by_account["a-1"].events) == 1


def test_an_event_cannot_last_less_than_nothing(tmp_path: Path, schema: FactSchema) -> None:
    call = {"account": "a-1", "event": "call", "time": "2026-03-01T00:00:00Z", "duration": -1, "dialled": 8613}
    intake = read_usage([lines(tmp_path, call, {**call, "duration": 0})], schema)
    assert [(r.code, r.field) for r in intake.rejects] == [("RB3021", "duration")]
    assert intake.by_account["a-1"].events[0].fields == {"duration": Decimal(0), "dialled": "8613"}


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2026-03-01T08:00:00+08:00", "2026-03-01T00:00:00+00:00"),
        ("2026-03-01T08:00:00", "2026-03-01T00:00:00+00:00"),
        ("2026-03-01 08:00:00", "2026-03-01T00:00:00+00:00"),
        ("2026-03-01t00:00:00z", "2026-03-01T00:00:00+00:00"),
        ("2026-03-01T00:00:00.123456789Z", "2026-03-01T00:00:00.123456+00:00"),
        ("2026-03-01T00:00:00-00:00", "2026-03-01T00:00:00+00:00"),
    ],
)
def test_times_are_instants(written: str, meant: str, tmp_path: Path, schema: FactSchema) -> None:
    intake = read_usage([lines(tmp_path, {**GOOD, "time": written})], schema)
    assert intake.by_account["a-1"].events[0].time.isoformat() == meant
    assert intake.first_time == intake.by_account["a-1"].events[0].time


def test_numbers_are_exact_to_38_digits(tmp_path: Path, schema: FactSchema) -> None:
    wide, small = "9" * 38, "0." + "0" * 37 + "1"
    texts = [wide, small, f"-{wide}", "1e3", "0.1", "1.10", "1E-3", "0e9", ".5"]
    rows = [json.dumps(GOOD).replace('"units": 5', f'"units": {text}') for text in texts if text != ".5"]
    rows.append(json.dumps({**GOOD, "units": ".5"}))
    as_csv = tmp_path / "usage.csv"
    as_csv.write_text(
        "account,event,time,units,region\n"
        + "".join(f"a-1,compute.used,2026-03-01T00:00:00Z,{text},eu\n" for text in texts)
    )
    for path in (lines(tmp_path, *rows), as_csv):
        intake = read_usage([path], schema)
        assert not intake.rejects
        found = [event.fields["units"] for event in intake.by_account["a-1"].events]
        assert found == [Decimal(text) for text in texts]
        assert all(type(value) is Decimal and "E" not in str(value).replace(str(Decimal(small)), "") for value in found)


def test_the_formats_say_the_same(tmp_path: Path, schema: FactSchema) -> None:
    rows = [
        {**GOOD, "id": "1", "source": "s", "units": "12345678901234567890.123456", "note": "=x", "day": "2026-02-28"},
        {**GOOD, "id": "2", "source": "s", "account": "007", "cost": "0.10", "spot": "true"},
        {**GOOD, "id": "3", "source": "s", "time": "2026-03-01T23:59:59.5+08:00", "note": 'a, "b"\nc'},
    ]
    names = ["id", "source", "account", "event", "time", "units", "region", "cost", "note", "day", "spot"]
    import csv

    with (tmp_path / "u.csv").open("w", newline="", encoding="utf-8-sig") as stream:
        writer = csv.DictWriter(stream, names)
        writer.writeheader()
        writer.writerows(rows)
    lines(tmp_path, *rows, name="u.jsonl")
    (tmp_path / "array.json").write_text(json.dumps(rows, indent=1))
    (tmp_path / "z.jsonl.gz").write_bytes(gzip.compress((tmp_path / "u.jsonl").read_bytes()))
    (tmp_path / "z.csv.gz").write_bytes(gzip.compress((tmp_path / "u.csv").read_bytes()))
    envelope = {"id", "source", "account", "event", "time"}
    nested = [
        {**{k: v for k, v in row.items() if k in envelope}, "data": {k: v for k, v in row.items() if k not in envelope}}
        for row in rows
    ]
    lines(tmp_path, *nested, name="nested.jsonl")
    cloud = [
        {"specversion": "1.0", "type": r["event"], "subject": r["account"], "id": r["id"], "source": r["source"],
         "time": r["time"], "data": r["data"], "datacontenttype": "application/json", "traceparent": "00-x"}
        for r in nested
    ]  # fmt: skip
    lines(tmp_path, *cloud, name="cloud.jsonl")
    typed = (
        "SELECT * REPLACE (CAST(units AS DECIMAL(38, 6)) AS units, CAST(cost AS DECIMAL(9, 3)) AS cost, "
        "CAST(day AS DATE) AS day, CAST(spot AS BOOLEAN) AS spot, CAST(time AS TIMESTAMPTZ) AS time, "
        f"CAST(region AS ENUM ('eu', 'us')) AS region) FROM read_csv('{tmp_path}/u.csv', all_varchar = true)"
    )
    connection = connect()
    connection.execute(f"COPY ({typed}) TO '{tmp_path}/u.parquet' (FORMAT parquet)")
    fields = "id, source, account, event, time"
    inner = "{'units': units, 'region': region, 'cost': cost, 'note': note, 'day': day, 'spot': spot} AS data"
    connection.execute(
        f"COPY (SELECT {fields}, {inner} FROM ({typed})) TO '{tmp_path}/nested.parquet' (FORMAT parquet)"
    )
    files = sorted(path for path in tmp_path.iterdir())
    assert len(files) == 9
    expected = taken(read_usage([tmp_path / "u.jsonl"], schema))
    assert len(expected) == 3
    for path in files:
        intake = read_usage([path], schema)
        assert not intake.rejects, path
        assert not intake.findings, path
        assert taken(intake) == expected, path
    together = read_usage([str(tmp_path / "*")], schema)
    assert (together.read, together.counted, together.repeated, together.rejected) == (27, 3, 24, 0)


def test_no_float_leaves_the_intake(tmp_path: Path, schema: FactSchema) -> None:
    row = json.dumps({**GOOD, "cost": 0.1, "data": None})
    for fact in taken(read_usage([lines(tmp_path, row, json.dumps({**QUANTITY, "quantity": 1.1}))], schema)):
        values = [fact.quantity] if isinstance(fact, MeteredQuantity) else []
        assert not any(isinstance(value, float) for value in (*values, *fact.fields.values()))


def test_identical_ids_count_once_and_others_conflict(tmp_path: Path, schema: FactSchema) -> None:
    first = {**GOOD, "id": 7}
    rows = [
        first,
        {**first, "units": "5.0", "time": "2026-03-01T08:00:00+08:00"},
        {**first, "source": "other", "units": 6},
        {**first, "units": 6},
        {**QUANTITY, "id": 8},
        {**QUANTITY, "id": 8, "quantity": "1500", "unit": "MB"},
        {**QUANTITY, "id": 8, "quantity": "1501", "unit": "MB"},
        GOOD,
        GOOD,
    ]
    path = lines(tmp_path, *rows)
    intake = read_usage([path], schema)
    assert (intake.read, intake.counted, intake.repeated, intake.rejected) == (9, 5, 2, 2)
    assert [(r.code, r.row) for r in intake.rejects] == [("RB3009", 4), ("RB3009", 7)]
    assert f"{path}, line 1" in intake.rejects[0].reason
    assert_explained(intake)


def test_a_rejected_row_claims_no_identity(tmp_path: Path, schema: FactSchema) -> None:
    rows = [{**GOOD, "id": "x", "units": "bad"}, {**GOOD, "id": "x"}, {**GOOD, "id": "x", "units": "bad"}]
    intake = read_usage([lines(tmp_path, *rows)], schema)
    assert (intake.counted, intake.repeated, intake.rejected) == (1, 0, 2)
    assert {r.code for r in intake.rejects} == {"RB3003"}


@pytest.mark.parametrize("attribute", ["id", "source", "type", "subject", "time"])
def test_cloud_events_need_their_attributes(attribute: str, tmp_path: Path, schema: FactSchema) -> None:
    row = {name: value for name, value in CLOUD_EVENT.items() if name != attribute}
    intake = read_usage([lines(tmp_path, row)], schema)
    assert [(r.code, r.field) for r in intake.rejects] == [("RB3018", attribute)]
    assert_explained(intake)


@pytest.mark.parametrize(
    ("code", "field", "change"),
    [
        ("RB3018", "specversion", {"specversion": "0.3"}),
        ("RB3018", "id", {"id": 5}),
        ("RB3018", "data", {"data": "text"}),
        ("RB3018", "data_base64", {"data_base64": "eA=="}),
        ("RB3007", "type", {"type": "other"}),
        ("RB3008", "subject", {"subject": "a-2"}),
        ("RB3006", "time", {"time": "soon"}),
    ],
)
def test_broken_cloud_events(
    code: str, field: str, change: dict[str, object], tmp_path: Path, schema: FactSchema
) -> None:
    intake = read_usage([lines(tmp_path, {**CLOUD_EVENT, **change})], schema, known_accounts={"a-1"})
    assert [(r.code, r.field) for r in intake.rejects] == [(code, field)]


def test_data_has_no_say_in_the_envelope(tmp_path: Path, schema: FactSchema) -> None:
    data = {"units": 5, "region": "eu", "id": "inner", "account": "a-9"}
    rows = [{**CLOUD_EVENT, "data": data}, {**GOOD, "units": None, "region": None, "data": data}]
    intake = read_usage([lines(tmp_path, *rows)], schema)
    assert [event.id for event in intake.by_account["a-1"].events] == ["e-1", None]
    assert {finding.code for finding in intake.findings} == {"RB3020"}


def test_csv_rows_keep_their_physical_lines(tmp_path: Path, schema: FactSchema) -> None:
    path = tmp_path / "usage.csv"
    path.write_bytes(
        b"account,event,time,units,region,note\r\n"
        b'a-1,compute.used,2026-03-01T00:00:00Z,5,eu,"two\r\nlines"\r\n'
        b"\r\n"
        b"a-1,compute.used,2026-03-01T00:00:00Z,5,eu\r\n"
        b"a-1,compute.used,2026-03-01T00:00:00Z,1,000,eu,\r\n"
        b"a-1,compute.used,2026-03-01T00:00:00Z,5,eu,caf\xe9\r\n"
        b'a-1,compute.used,2026-03-01T00:00:00Z,5,eu,"x"y\r\n'
        b"a-1,compute.used,2026-03-01T00:00:00Z,x,eu,\r\n"
        b"a-1,compute.used,2026-03-01T00:00:00Z,5,eu,\r\n"
    )
    intake = read_usage([path], schema)
    found = [(r.code, r.row) for r in intake.rejects]
    assert found == [("RB3017", 5), ("RB3017", 6), ("RB3019", 7), ("RB3022", 8), ("RB3003", 9)]
    assert intake.by_account["a-1"].events[0].fields["note"] == "two\r\nlines"
    assert (intake.read, intake.counted) == (7, 2)
    assert_explained(intake)


@pytest.mark.parametrize(
    ("code", "header"),
    [
        ("RB3001", b"event,time,units,region"),
        ("RB3001", b"account,time,units,region"),
        ("RB3001", b"account;event;time"),
        ("RB3023", b"account,event,time,units,units"),
        ("RB3019", "account,event\n".encode("utf-16")),
    ],
)
def test_headers_that_cannot_be_used(code: str, header: bytes, tmp_path: Path, schema: FactSchema) -> None:
    path = tmp_path / "usage.csv"
    path.write_bytes(header + b"\n1,2,3,4\n1,2,3,4\n")
    intake = read_usage([path], schema)
    assert {r.code for r in intake.rejects} == {code}
    assert intake.counted == 0
    assert_explained(intake)


def test_binary_floats_of_parquet_are_refused(tmp_path: Path, schema: FactSchema) -> None:
    row = "'a-1' AS account, 'compute.used' AS event, TIMESTAMP '2026-03-01' AS time, 'eu' AS region"
    connection = connect()
    connection.execute(f"COPY (SELECT {row}, 1.5::DOUBLE AS units FROM range(3)) TO '{tmp_path}/a.parquet'")
    connection.execute(f"COPY (SELECT {row}, {{'units': 1::FLOAT}} AS data) TO '{tmp_path}/b.parquet'")
    connection.execute(f"COPY (SELECT {row}, 2::TINYINT AS units, 1.5::DOUBLE AS load) TO '{tmp_path}/c[1].parquet'")
    intake = read_usage([str(tmp_path / "*.parquet")], schema)
    assert [(r.code, r.field, r.value, r.row) for r in intake.rejects] == [
        ("RB3014", "units", "DOUBLE", None),
        ("RB3014", "data.units", "FLOAT", None),
    ]
    assert "CAST(units AS DECIMAL" in intake.rejects[0].way_out
    assert (intake.read, intake.counted, intake.rejected) == (5, 1, 4)
    assert [finding.code for finding in intake.findings] == ["RB3020"]
    # A time without an offset is local time of the ruleset's zone.
    assert intake.first_time == datetime(2026, 2, 28, 16, tzinfo=UTC)


def test_types_of_parquet(tmp_path: Path, schema: FactSchema) -> None:
    connection = connect()
    connection.execute(
        "COPY (SELECT 7 AS account, 'compute.used' AS event, TIMESTAMP_NS '2026-03-01 00:00:00.123456789' AS time, "
        "uuid() AS id, 'x'::BLOB AS note, 12345678901234567890123456789012345678::DECIMAL(38, 0) AS units, "
        f"'eu' AS region, DATE '2026-03-01' AS day) TO '{tmp_path}/u.parquet' (FORMAT parquet)"
    )
    connection.execute(
        "COPY (SELECT 7 AS account, 'compute.used' AS event, DATE '2026-03-01' AS time, 'a' AS id, true AS units, "
        f"1 AS region, TIMESTAMP '2026-03-01' AS day) TO '{tmp_path}/v.parquet' (FORMAT parquet)"
    )
    intake = read_usage([str(tmp_path / "*.parquet")], schema)
    found = [(r.place.rpartition("/")[2], r.code, r.field) for r in intake.rejects]
    assert found == [
        ("u.parquet, row 1", "RB3016", "note"),
        ("v.parquet, row 1", "RB3006", "time"),
        ("v.parquet, row 1", "RB3003", "units"),
        ("v.parquet, row 1", "RB3005", "region"),
        ("v.parquet, row 1", "RB3016", "day"),
    ]


def test_unknown_columns_warn_once_a_file(tmp_path: Path, schema: FactSchema) -> None:
    rows = [{**GOOD, "colour": "red"}, {**GOOD, "colour": "blue", "duration": 5}, {**GOOD, "colour": None}]
    intake = read_usage([lines(tmp_path, *rows, *rows)], schema)
    assert [(f.code, f.message.split("`")[1]) for f in intake.findings] == [
        ("RB3020", "colour"),
        ("RB3020", "duration"),
    ]
    assert intake.counted == 6


def test_files_and_paths(tmp_path: Path, schema: FactSchema) -> None:
    good = lines(tmp_path, GOOD)
    (tmp_path / "usage.xlsx").write_bytes(b"PK")
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 not really")
    (tmp_path / "broken.jsonl.gz").write_bytes(gzip.compress(good.read_bytes())[:-9])
    (tmp_path / "plain").write_text("x")
    (tmp_path / "folder").mkdir()
    paths = [good, tmp_path / "." / "usage.jsonl", tmp_path / "us*.jsonl", tmp_path / "no.csv", tmp_path / "*.none"]
    rest = ["usage.xlsx", "broken.parquet", "broken.jsonl.gz", "plain", "folder"]
    intake = read_usage([*paths, *(tmp_path / name for name in rest)], schema)
    codes = sorted((finding.code, Path(finding.place).name) for finding in intake.findings)
    assert codes == [
        ("RB9001", "*.none"),
        ("RB9001", "broken.jsonl.gz"),
        ("RB9001", "broken.parquet"),
        ("RB9001", "folder"),
        ("RB9001", "no.csv"),
        ("RB9002", "plain"),
        ("RB9002", "usage.xlsx"),
    ]
    assert all(finding.hints for finding in intake.findings)
    # What an unreadable file held before it broke off is counted; the error stands all the same.
    assert intake.counted in (1, 2)


def test_json_arrays_keep_their_lines(tmp_path: Path, schema: FactSchema) -> None:
    path = tmp_path / "usage.json"
    path.write_text("[\n" + json.dumps(GOOD) + ",\n\n" + json.dumps({**GOOD, "units": "x"}) + ",\n{oops}\n]")
    intake = read_usage([path], schema)
    assert [(r.code, r.row) for r in intake.rejects] == [("RB3003", 4), ("RB3010", 5)]
    assert intake.counted == 1


def test_standard_input_is_json_lines(monkeypatch: pytest.MonkeyPatch, schema: FactSchema) -> None:
    class Piped:
        buffer = io.BytesIO(b"\xef\xbb\xbf" + json.dumps(GOOD).encode() + b"\n{\n")

    monkeypatch.setattr(sys, "stdin", Piped)
    intake = read_usage(["-"], schema)
    assert intake.counted == 1
    assert intake.rejects[0].place == "standard input, line 2"


def test_progress_hears_every_row_in_the_end(tmp_path: Path, schema: FactSchema) -> None:
    heard: list[int] = []
    path = tmp_path / "u.csv"
    row = "a-1,compute.used,2026-03-01T00:00:00Z,5,eu\n"
    path.write_text("account,event,time,units,region\n" + row * 20_500)
    assert read_usage([path], schema, on_progress=heard.append).counted == 20_500
    assert heard == [10_000, 20_000, 20_500]


def test_rejects_are_written_whole_and_safe(tmp_path: Path, schema: FactSchema) -> None:
    path = lines(tmp_path, *[{**GOOD, "units": "=1+1"}] * 21, {**GOOD, "units": "-5x"})
    intake = read_usage([path], schema)
    shown, more = first_rejects(intake.rejects)
    assert (len(shown), more) == (20, 2)
    assert shown[0].message == "`units` is `=1+1`: this is not a number"
    assert write_rejects(intake.rejects, tmp_path / "rejects.csv") == ()
    text = (tmp_path / "rejects.csv").read_text().splitlines()
    assert text[0] == "file,row,field,value,code,reason,way_out"
    assert text[1].startswith(f"{path},1,units,'=1+1,RB3003,")
    assert text[22].startswith(f"{path},22,units,'-5x,RB3003,")
    assert write_rejects(intake.rejects, tmp_path / "rejects.jsonl") == ()
    assert json.loads((tmp_path / "rejects.jsonl").read_text().splitlines()[0])["value"] == "=1+1"
    assert [f.code for f in write_rejects(intake.rejects, tmp_path / "no" / "rejects.csv")] == ["RB9007"]
    assert sorted(each.name for each in tmp_path.iterdir()) == ["rejects.csv", "rejects.jsonl", "usage.jsonl"]


def test_importing_costs_little() -> None:
    code = "import sys, ratebook.intake; sys.exit(bool({'duckdb', 'pydantic', 'babel'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_dates_and_defaults(tmp_path: Path, schema: FactSchema) -> None:
    intake = read_usage([lines(tmp_path, {**GOOD, "day": "2026-03-01", "spot": "Yes", "cost": None})], schema)
    fields = intake.by_account["a-1"].events[0].fields
    assert fields == {"units": Decimal(5), "region": "eu", "day": date(2026, 3, 1), "spot": True}
