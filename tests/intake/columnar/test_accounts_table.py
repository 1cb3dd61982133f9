"""The table of an accounts file holds exactly the subscriptions of the Python reader."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ratebook.engine.usage import FactSchema, FieldKind, FieldSchema
from ratebook.intake import read_accounts
from ratebook.intake.columnar.accounts import LoadedAccounts, load_accounts
from ratebook.intake.columnar.subscriptions import subscriptions_of
from ratebook.intake.parquet import connect

GOOD = {"account": "a-1", "plan": "payg", "start": "2026-01-01", "vat_id": "DE1"}
CARD = {"card": "starter", "bought": "2026-01-05", "left": "12.50"}
COLUMNS = ["account", "plan", "start", "end", "tier", "limit", "country", "vat_id", "since", "exempt", "cards"]


@pytest.fixture(scope="session")
def schema(schema: FactSchema) -> FactSchema:
    more = {
        "since": FieldSchema("since", FieldKind.DATE, required=False),
        "exempt": FieldSchema("exempt", FieldKind.YES_NO, required=False),
    }
    attributes = {**schema.attributes, **more}
    values = {each: getattr(schema, each) for each in ("currency", "zone", "units", "events", "meters", "plans")}
    return FactSchema(**values, attributes=attributes, cards=("starter",), worths={"starter": 100})


def write(path: Path, rows: list[dict[str, object]], columns: list[str] = COLUMNS) -> Path:
    texts = [
        {name: json.dumps(cell) if isinstance(cell, list) else cell for name, cell in row.items() if cell is not None}
        for row in rows
    ]
    staged = path.parent / "staged.csv"
    with staged.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(texts)
    if path.suffix == ".csv":
        staged.rename(path)
    elif path.suffix == ".gz":
        path.write_bytes(gzip.compress(staged.read_bytes()))
    elif path.suffix == ".parquet":
        connect().execute(
            f"COPY (FROM read_csv('{staged}', all_varchar = true, delim = ',', quote = '\"', escape = "
            f"'\"', header = true, nullstr = '')) TO '{path}'"
        )
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    staged.unlink(missing_ok=True)
    return path


def loaded_as_read(path: Path, schema: FactSchema) -> LoadedAccounts:
    """Load a file, and hold the table and all that is told to what the Python reader gives."""
    connection = connect()
    loaded = load_accounts(connection, path, schema)
    intake = read_accounts(path, schema)
    found = dict(subscriptions_of(connection, schema)) | loaded.beyond
    assert tuple(found.values()) == intake.subscriptions
    assert list(found) == list(range(loaded.count))
    assert (loaded.rejects, loaded.findings) == (intake.rejects, intake.findings)
    assert (loaded.read, loaded.rejected) == (intake.read, intake.rejected)
    if not any(finding.severity.name == "ERROR" for finding in loaded.findings):
        names = connection.execute("SELECT account FROM account_name").fetchall()
        assert sorted(names) == sorted((each,) for each in intake.named)
    return loaded


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".parquet", ".jsonl"])
def test_all_columns_in_every_format(suffix: str, tmp_path: Path, schema: FactSchema) -> None:
    rows = [
        {**GOOD, "account": "b", "plan": "yearly", "tier": "gold", "limit": "5.5", "cards": [CARD, CARD]},
        {**GOOD, "account": "007", "start": "2026-02-01", "country": 'D, "E"', "exempt": "Yes"},
        {**GOOD, "account": "007", "end": "2026-02-01", "limit": "+.125", "since": "2020-02-29"},
        {**GOOD, "account": "流量", "limit": "1" * 30, "exempt": "FALSE", "cards": []},
    ]
    loaded = loaded_as_read(write(tmp_path / f"accounts{suffix}", rows), schema)
    assert (loaded.count, loaded.by_query) == (4, suffix != ".jsonl")


@pytest.mark.parametrize(
    ("change", "by_query"),
    [
        ({"account": None}, False),
        ({"plan": "paygo"}, False),
        ({"plan": "Payg"}, False),
        ({"start": "2026-02-30"}, False),
        ({"start": "0000-01-01"}, False),
        ({"start": "2026-01-01 "}, False),
        ({"end": "2026-01-01"}, False),
        ({"end": "later"}, False),
        ({"end": "9999-12-31"}, True),
        ({"tier": "golden"}, False),
        ({"limit": "1e3"}, False),
        ({"limit": " 1"}, False),
        ({"limit": "1,000"}, False),
        ({"limit": "-0.000"}, True),
        ({"limit": "9" * 37}, True),
        ({"limit": "9" * 39}, False),
        ({"limit": "0." + "0" * 37 + "1"}, False),
        ({"vat_id": None}, False),
        ({"since": "2026-1-1"}, False),
        ({"exempt": "1"}, False),
        ({"exempt": "fal\u017fe"}, False),
        ({"country": "a\nb"}, False),
        ({"cards": "starter"}, False),
        ({"cards": [{"card": "startr", "bought": "2026-01-01"}]}, False),
        ({"cards": [{"card": "starter", "bought": "2026-01-01", "left": 101}]}, False),
        ({"cards": [{"card": "starter", "bought": "2026-01-01", "left": 0.125}]}, True),
    ],
)
def test_one_unusual_row(change: dict[str, object], by_query: bool, tmp_path: Path, schema: FactSchema) -> None:
    rows = [{**GOOD, "account": "a-0", "limit": "0.5"}, {**GOOD, **change}]
    assert loaded_as_read(write(tmp_path / "accounts.csv", rows), schema).by_query is by_query
    loaded_as_read(write(tmp_path / "accounts.parquet", rows), schema)


@pytest.mark.parametrize(
    ("first", "second", "by_query"),
    [
        (("2026-01-01", None), ("2026-03-01", None), False),
        (("2026-01-01", "2026-03-01"), ("2026-03-01", None), True),
        (("2026-01-01", "2026-03-02"), ("2026-03-01", None), False),
        (("2026-03-01", None), ("2026-01-01", "2026-03-01"), True),
        (("2026-01-01", "2026-02-01"), ("2026-01-01", "2026-02-01"), False),
    ],
)
def test_subscriptions_must_not_overlap(
    first: tuple[str, str | None], second: tuple[str, str | None], by_query: bool, tmp_path: Path, schema: FactSchema
) -> None:
    rows = [{**GOOD, "start": start, "end": end} for start, end in (first, second)]
    path = write(tmp_path / "accounts.csv", [*rows, {**GOOD, "account": "b"}, {**GOOD, "account": "a"}])
    assert loaded_as_read(path, schema).by_query is by_query


@pytest.mark.parametrize(
    ("content", "by_query"),
    [
        ("account,plan,start,vat_id\na,payg,2026-01-01,x\n", True),
        ("account,plan,start,vat_id\r\na,payg,2026-01-01,x\r\n", True),
        ("\ufeffaccount,plan,start,vat_id\na,payg,2026-01-01,x", True),
        ('"account","plan","start","vat_id"\n"a","payg","2026-01-01","x ""y"""\n', True),
        ('account,plan,start,vat_id,country\na,payg,2026-01-01,x,""\n', True),
        ("account,plan,start,vat_id,country\n a ,payg,2026-01-01, x,NULL\n", True),
        ("account,plan,start,vat_id,country\n#a,payg,2026-01-01,'x',\\N\n", True),
        ("account,plan,start,vat_id\na,payg,2026-01-01,x\r\n", False),
        ("account,plan,start,vat_id\na,payg,2026-01-01\n", False),
        ("account,plan,start,vat_id\n\na,payg,2026-01-01,x\n", False),
        ('account,plan,start,vat_id\na,payg,2026-01-01,x"y\n', False),
        ('account,plan,start,vat_id\na,payg,2026-01-01,"x"y\n', False),
        ('account,plan,start,vat_id\na,payg,2026-01-01,"x\ny"\n', False),
        ("account,plan,start,vat_id,colour,size\na,payg,2026-01-01,x,red,1\n", True),
        ("account,plan,start,vat_id,vat_id\na,payg,2026-01-01,x,y\n", False),
        ("account,plan,start,vat_id,Plan\na,payg,2026-01-01,x,y\n", False),
        ("account;plan;start;vat_id\na;payg;2026-01-01;x\n", False),
        ("account,plan,vat_id\na,payg,x\n", False),
        ("account,plan,start,vat_id\n", True),
        ("", False),
    ],
)
def test_what_csv_may_look_like(content: str, by_query: bool, tmp_path: Path, schema: FactSchema) -> None:
    path = tmp_path / "accounts.csv"
    path.write_bytes(content.encode())
    assert loaded_as_read(path, schema).by_query is by_query


BOUGHT = "'bought': DATE '2026-01-05'"
TYPED_CARDS = [
    ("CAST([] AS STRUCT(card VARCHAR, bought DATE)[])", True),
    (f"[{{'card': 'starter', {BOUGHT}}}, {{'card': 'starter', {BOUGHT}}}]", True),
    (f"CASE WHEN account = 1 THEN [{{{BOUGHT}, 'card': 'starter', 'left': 100::BIGINT}}] END", True),
    (f"[{{'card': 'starter', {BOUGHT}, 'left': NULL::DECIMAL(5, 4)}}]", True),
    (f"[{{'card': 'starter', {BOUGHT}, 'left': 100.001}}]", False),
    (f"[{{'card': 'starter', {BOUGHT}, 'left': -0.5}}]", False),
    (f"[{{'card': 'starter', {BOUGHT}, 'left': 1::DOUBLE}}]", False),
    (f"[{{'card': 'starter', {BOUGHT}, 'left': '12.50'}}]", True),
    (f"[{{'card': 'starter', {BOUGHT}, 'rest': 5}}]", False),
    (f"[{{'card': 'startr', {BOUGHT}}}]", False),
    (f"[{{'card': NULL::VARCHAR, {BOUGHT}}}]", False),
    (f"[NULL, {{'card': 'starter', {BOUGHT}}}]", False),
    ("[{'card': 'starter', 'bought': NULL::DATE}]", False),
    ("[{'card': 'starter', 'bought': 'infinity'::DATE}]", False),
]


def test_parquet_of_every_type(tmp_path: Path, schema: FactSchema) -> None:
    path = tmp_path / "ac[c]ounts.parquet"
    typed = (
        "SELECT i AS account, 'payg' AS plan, DATE '2026-01-01' + i AS start, DATE '2027-01-01' AS \"end\", "
        "12.5::DECIMAL(9, 3) AS \"limit\", i AS vat_id, DATE '2026-01-01' AS since, i = 1 AS exempt, 'x' AS colour, "
        "[{'card': 'starter', 'bought': DATE '2026-01-05', 'left': i + 0.5}] AS cards "
        "FROM (SELECT CAST(range AS INTEGER) AS i FROM range(3))"
    )
    for select, by_query in (
        (typed, True),
        (f'SELECT * EXCLUDE ("end", cards) FROM ({typed})', True),
        (f'SELECT * REPLACE ("limit"::DOUBLE AS "limit") FROM ({typed})', False),
        (f"SELECT * REPLACE (start::TIMESTAMP AS start) FROM ({typed})", False),
        (f"SELECT * REPLACE (account = 1 AS account) FROM ({typed})", False),
        (f"SELECT * REPLACE (NULL::INTEGER AS account) FROM ({typed})", False),
        (f"SELECT * REPLACE ('infinity'::DATE AS \"end\") FROM ({typed})", False),
        (f"SELECT * REPLACE ('' AS vat_id) FROM ({typed})", True),
        (f"SELECT * REPLACE ('' AS \"end\") FROM ({typed})", True),
        (f"SELECT * REPLACE ('' AS since) FROM ({typed})", False),
        *((f"SELECT * REPLACE ({cards} AS cards) FROM ({typed})", plain) for cards, plain in TYPED_CARDS),
        (f"SELECT * EXCLUDE (vat_id) FROM ({typed})", False),
        (f"SELECT * EXCLUDE (start) FROM ({typed})", False),
    ):
        target = str(path).replace("'", "''")
        connect().execute(f"COPY ({select}) TO '{target}' (FORMAT parquet)")
        assert loaded_as_read(path, schema).by_query is by_query, select


def test_several_files_and_none(tmp_path: Path, schema: FactSchema) -> None:
    write(tmp_path / "one.csv", [{**GOOD, "limit": "0.125"}])
    write(tmp_path / "two.csv", [{**GOOD, "account": "b", "limit": "12345", "cards": [CARD]}])
    assert loaded_as_read(tmp_path / "*.csv", schema).by_query
    write(tmp_path / "two.csv", [{**GOOD, "limit": "12345"}])
    assert [each.code for each in loaded_as_read(tmp_path / "*.csv", schema).rejects] == ["RB3103"]
    assert [each.code for each in loaded_as_read(tmp_path / "none.csv", schema).findings] == ["RB9001"]


def test_numbers_that_no_column_holds(tmp_path: Path, schema: FactSchema) -> None:
    cards = [{"card": "starter", "bought": "2026-01-05", "left": "0." + "0" * 36 + "1"}]
    rows = [
        {**GOOD, "limit": "1" * 30},
        {**GOOD, "account": "b", "limit": "0." + "1" * 20},
        {**GOOD, "account": "c", "cards": cards},
        {**GOOD, "account": "d", "cards": [CARD]},
    ]
    loaded = loaded_as_read(write(tmp_path / "accounts.csv", rows), schema)
    assert not loaded.by_query
    assert list(loaded.beyond) == [1, 2]


_NUMBERS = st.sampled_from(["", "0", "5", "5.50", "+.5", "-1", "1e2", "x", "00012", "9" * 38])
_ROWS = st.fixed_dictionaries(
    {
        "account": st.sampled_from(["a", "b", "ä", "10", "9", "", "a b"]),
        "plan": st.sampled_from(["payg", "yearly", "acme", "payg", "payg", "Payg"]),
        "start": st.sampled_from(["2026-01-01", "2026-03-01", "2026-04-01", "2026-02-31"]),
        "end": st.sampled_from(["", "", "2026-03-01", "2026-04-01", "2030-01-01"]),
        "tier": st.sampled_from(["", "gold", "standard", "gold ", "silver"]),
        "limit": _NUMBERS,
        "country": st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=3),
        "vat_id": st.sampled_from(["DE1", "DE1", "=1", ""]),
        "exempt": st.sampled_from(["", "yes", "True", "nein"]),
        "cards": st.sampled_from(["", "", '[{"card": "starter", "bought": "2026-01-01"}]', "[]", "[x"]),
    }
)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(_ROWS, min_size=1, max_size=3), format_=st.sampled_from([".csv", ".parquet"]))
def test_any_file_gives_what_the_reader_gives(
    rows: list[dict[str, object]], format_: str, tmp_path: Path, schema: FactSchema
) -> None:
    loaded_as_read(write(tmp_path / f"accounts{format_}", rows), schema)
