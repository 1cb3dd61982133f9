"""Rows of accounts become subscriptions or rejects with a place, a reason and a way out."""

from __future__ import annotations

import csv
import json
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest

from ratebook.engine.usage import CardHolding, FactSchema, Subscription
from ratebook.intake import AccountsIntake, read_accounts
from ratebook.intake.parquet import connect

GOOD = {"account": "a-1", "plan": "payg", "start": "2026-01-01", "vat_id": "DE1"}


def lines(folder: Path, *rows: object) -> Path:
    path = folder / "accounts.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def assert_explained(intake: AccountsIntake) -> None:
    for reject in intake.rejects:
        assert reject.reason
        assert reject.way_out
        assert reject.diagnostic.place == reject.place


@pytest.mark.parametrize(
    ("code", "field", "change"),
    [
        ("RB3002", "account", {"account": None}),
        ("RB3002", "plan", {"plan": ""}),
        ("RB3002", "start", {"start": None}),
        ("RB3004", "limit", {"limit": "1" * 39}),
        ("RB3016", "account", {"account": False}),
        ("RB3101", "plan", {"plan": "paygo"}),
        ("RB3102", "start", {"start": "01.02.2026"}),
        ("RB3102", "start", {"start": "2026-02-30"}),
        ("RB3102", "start", {"start": "2026-01-01T00:00:00"}),
        ("RB3102", "end", {"end": "later"}),
        ("RB3104", "tier", {"tier": "golden"}),
        ("RB3105", "limit", {"limit": "many"}),
        ("RB3105", "country", {"country": True}),
        ("RB3106", "cards[0].card", {"cards": [{"card": "startr", "bought": "2026-01-01"}]}),
        ("RB3107", "vat_id", {"vat_id": None}),
        ("RB3108", "end", {"end": "2025-12-31"}),
        ("RB3108", "end", {"end": "2026-01-01"}),
        ("RB3109", "cards", {"cards": "starter"}),
        ("RB3109", "cards", {"cards": '[{"card": "starter", "bought": "2026-01-01"}], [{"card": "starter"}]'}),
        ("RB3109", "cards", {"cards": {"card": "starter"}}),
        ("RB3109", "cards[0]", {"cards": ["starter"]}),
        ("RB3109", "cards[0]", {"cards": [{"card": "starter", "bought": "2026-01-01", "rest": 5}]}),
        ("RB3109", "cards[0].bought", {"cards": [{"card": "starter"}]}),
        ("RB3109", "cards[0].left", {"cards": [{"card": "starter", "bought": "2026-01-01", "left": "¥5"}]}),
        ("RB3109", "cards[0].left", {"cards": [{"card": "starter", "bought": "2026-01-01", "left": -1}]}),
    ],
)
def test_a_broken_row_names_place_reason_and_way_out(
    code: str, field: str, change: dict[str, object], tmp_path: Path, schema: FactSchema
) -> None:
    path = lines(tmp_path, {**GOOD, "account": "a-0"}, {**GOOD, **change})
    intake = read_accounts(path, schema)
    assert [(r.code, r.field, r.place) for r in intake.rejects] == [(code, field, f"{path}, line 2")]
    assert [each.account for each in intake.subscriptions] == ["a-0"]
    assert (intake.read, intake.rejected) == (2, 1)
    assert_explained(intake)


def test_near_words_are_offered(tmp_path: Path, schema: FactSchema) -> None:
    row = {**GOOD, "plan": "yearli", "tier": "golden", "cards": [{"card": "startr", "bought": "2026-01-01"}]}
    ways_out = [reject.way_out for reject in read_accounts(lines(tmp_path, row), schema).rejects]
    assert ways_out == ["did you mean `yearly`?", "did you mean `gold`?", "did you mean `starter`?"]


@pytest.mark.parametrize(
    ("first", "second", "overlaps"),
    [
        (("2026-01-01", None), ("2026-03-01", None), True),
        (("2026-01-01", "2026-03-01"), ("2026-03-01", None), False),
        (("2026-01-01", "2026-03-02"), ("2026-03-01", None), True),
        (("2026-03-01", None), ("2026-01-01", "2026-03-01"), False),
        (("2026-01-01", None), ("2026-01-01", None), True),
    ],
)
def test_subscriptions_of_an_account_must_not_overlap(
    first: tuple[str, str | None], second: tuple[str, str | None], overlaps: bool, tmp_path: Path, schema: FactSchema
) -> None:
    rows = [{**GOOD, "start": start, "end": end} for start, end in (first, second)]
    other = {**GOOD, "account": "b"}
    path = lines(tmp_path, *rows, other)
    intake = read_accounts(path, schema)
    assert [reject.code for reject in intake.rejects] == (["RB3103"] if overlaps else [])
    assert [each.account for each in intake.subscriptions] == ["a-1"] * (1 if overlaps else 2) + ["b"]
    if overlaps:
        assert f"{path}, line 1" in intake.rejects[0].reason
    assert_explained(intake)


def test_the_formats_say_the_same(tmp_path: Path, schema: FactSchema) -> None:
    card = {"card": "starter", "bought": "2026-01-05", "left": "12.50"}
    rows = [
        {**GOOD, "account": "b", "plan": "yearly", "tier": "gold", "limit": "5.5", "cards": [card]},
        {**GOOD, "account": "007", "start": "2026-02-01", "country": "DE"},
        {**GOOD, "account": "007", "start": "2026-01-01", "end": "2026-02-01"},
    ]
    lines(tmp_path, *rows)
    (tmp_path / "accounts.json").write_text(json.dumps(rows, indent=2))
    with (tmp_path / "accounts.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(
            stream, ["account", "plan", "start", "end", "tier", "limit", "country", "vat_id", "cards"]
        )
        writer.writeheader()
        writer.writerows([{**row, "cards": json.dumps(row["cards"]) if "cards" in row else ""} for row in rows])
    source = f"read_csv('{tmp_path}/accounts.csv', all_varchar = true)"
    cards = 'CAST(CAST(cards AS JSON) AS STRUCT(card VARCHAR, bought DATE, "left" DECIMAL(9, 2))[])'
    connect().execute(
        f'COPY (SELECT * REPLACE (CAST(start AS DATE) AS start, CAST("end" AS DATE) AS "end", {cards} AS cards, '
        f'CAST("limit" AS DECIMAL(9, 3)) AS "limit") FROM {source}) TO \'{tmp_path}/accounts.parquet\''
    )
    expected = (
        Subscription(
            "007",
            "payg",
            date(2026, 1, 1),
            date(2026, 2, 1),
            {"tier": "standard", "limit": Decimal(1000), "vat_id": "DE1"},
        ),
        Subscription(
            "007",
            "payg",
            date(2026, 2, 1),
            None,
            {"tier": "standard", "limit": Decimal(1000), "country": "DE", "vat_id": "DE1"},
        ),
        Subscription(
            "b",
            "yearly",
            date(2026, 1, 1),
            None,
            {"tier": "gold", "limit": Decimal("5.5"), "vat_id": "DE1"},
            (CardHolding("starter", date(2026, 1, 5), Fraction(25, 2)),),
        ),
    )
    for path in sorted(tmp_path.iterdir()):
        intake = read_accounts(path, schema)
        assert not intake.rejects, path
        assert not intake.findings, path
        assert intake.subscriptions == expected, path
        assert intake.accounts == {"007", "b"}


def test_columns_and_files(tmp_path: Path, schema: FactSchema) -> None:
    path = tmp_path / "accounts.csv"
    path.write_text("account,plan,vat_id\na,payg,x\nb,payg,x\n")
    intake = read_accounts(path, schema)
    assert [(r.code, r.field, r.row) for r in intake.rejects] == [("RB3001", "start", None)]
    assert (intake.read, intake.rejected) == (2, 2)
    connect().execute(
        "COPY (SELECT 1 AS account, 'payg' AS plan, DATE '2026-01-01' AS start, 'x' AS vat_id, "
        f"5.5::DOUBLE AS \"limit\", 'y' AS colour) TO '{tmp_path}/accounts.parquet'"
    )
    intake = read_accounts(tmp_path / "accounts.parquet", schema)
    assert [(r.code, r.field) for r in intake.rejects] == [("RB3014", "limit")]
    assert [finding.code for finding in intake.findings] == ["RB3020"]
    assert [f.code for f in read_accounts(tmp_path / "none.csv", schema).findings] == ["RB9001"]
    assert [f.code for f in read_accounts(tmp_path / "accounts.txt", schema).findings] == ["RB9001"]


def test_integer_accounts_are_text(tmp_path: Path, schema: FactSchema) -> None:
    assert read_accounts(lines(tmp_path, {**GOOD, "account": 7}), schema).subscriptions[0].account == "7"
