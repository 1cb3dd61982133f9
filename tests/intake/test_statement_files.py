"""Statements leave as exact JSON, and as rows and tables that add up to it."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from ratebook.diagnostics import display_width
from ratebook.engine.derivation import Place, Role, given
from ratebook.engine.statement import Labels, Line, LineKind, Statement
from ratebook.intake import StatementFormat, statement_json, write_statements
from ratebook.intake.parquet import connect
from ratebook.money import MoneyUnit, currency

ZONE = ZoneInfo("Asia/Shanghai")


def line(name: str, kind: LineKind, amount: int, **rest: object) -> Line:
    label = rest.pop("label", name.capitalize())
    place = Place("platform.rates", 24, 0, 1)
    leaf = given(Role.AMOUNT, Fraction(amount, 100))
    return Line(name, kind, Labels(str(label)), amount, leaf, place, **rest)  # type: ignore[arg-type]


def statement(*lines: Line, account: str = "a-1") -> Statement:
    cny = currency("CNY")
    assert cny is not None
    total = sum(each.amount for each in lines if each.is_added)
    due = total + sum(each.amount for each in lines if each.kind is LineKind.PREPAID)
    return Statement(
        ruleset="platform",
        ruleset_hash="sha256:0",
        account=account,
        plan="payg",
        plan_labels=Labels("Pay as you go"),
        start=datetime(2026, 3, 1, tzinfo=ZONE),
        end=datetime(2026, 4, 1, tzinfo=ZONE),
        money=MoneyUnit.minor(cny),
        lines=lines,
        not_applied=(),
        total=total,
        due=due,
    )


def sample() -> Statement:
    return statement(
        line("compute", LineKind.CHARGE, 100000, quantity=Fraction(1000), unit="unit", label="Compute"),
        line(
            "traffic", LineKind.CHARGE, 5, quantity=Fraction(1, 3), unit="GB", by=(("region", "us"),), label="出网流量"
        ),
        line("gold", LineKind.DISCOUNT, -10000, on=("compute",), because='VIP, "gold"', label="=HYPERLINK(1)"),
        line("vat", LineKind.INCLUDED_TAX, 1234, label="VAT"),
        line("card", LineKind.PREPAID, -500, label="Card"),
    )


def test_json_is_the_contract() -> None:
    expected = (
        '{"schema": "ratebook.statement/1", "ruleset": {"name": "platform", "hash": "sha256:0"}, '
        '"account": "a-1", "plan": "payg", '
        '"period": {"start": "2026-03-01T00:00:00+08:00", "end": "2026-04-01T00:00:00+08:00"}, "currency": "CNY", '
        '"lines": [{"id": "compute", "kind": "charge", "label": "Compute", "quantity": "1000", "unit": "unit", '
        '"amount": "1000.00", "source": "platform.rates:24"}, '
        '{"id": "traffic", "kind": "charge", "label": "出网流量", "by": {"region": "us"}, "quantity": "1/3", '
        '"unit": "GB", "amount": "0.05", "source": "platform.rates:24"}, '
        '{"id": "gold", "kind": "discount", "label": "=HYPERLINK(1)", "on": ["compute"], "amount": "-100.00", '
        '"because": "VIP, \\"gold\\"", "source": "platform.rates:24"}, '
        '{"id": "vat", "kind": "tax", "label": "VAT", "amount": "12.34", "included": true, '
        '"source": "platform.rates:24"}, '
        '{"id": "card", "kind": "prepaid", "label": "Card", "amount": "-5.00", "source": "platform.rates:24"}], '
        '"total": "900.05", "due": "895.05"}'
    )
    assert statement_json(sample()) == expected


def test_json_lines_hold_one_statement_each(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "out.jsonl"
    assert write_statements([sample(), statement(account="b")], StatementFormat.JSON_LINES, path) == ()
    first, second = map(json.loads, path.read_text("utf-8").splitlines())
    assert (first["account"], second["account"], second["lines"], second["due"]) == ("a-1", "b", [], "0.00")
    write_statements([sample()], StatementFormat.JSON_LINES)
    assert json.loads(capsys.readouterr().out) == first


def test_csv_holds_a_line_a_row_and_runs_no_formula(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    assert write_statements([sample(), statement(account="-b")], StatementFormat.CSV, path) == ()
    with path.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["line_id"] for row in rows] == ["compute", "traffic", "gold", "vat", "card"]
    assert sum(Decimal(row["billed_cost"]) for row in rows) == Decimal("895.05")
    assert [row["amount"] for row in rows] == ["1000.00", "0.05", "-100.00", "12.34", "-5.00"]
    assert rows[1]["consumed_quantity"] == "0.333333333333"
    assert (rows[0]["exact_quantity"], rows[1]["exact_quantity"]) == ("", "1/3")
    assert rows[2]["charge_description"] == "'=HYPERLINK(1)"
    assert rows[2]["applied_to"] == '["compute"]'
    assert rows[1]["by"] == '{"region": "us"}'
    assert rows[0]["charge_period_start"] == "2026-03-01T00:00:00+08:00"
    assert [row["charge_category"] for row in rows] == ["Usage", "Usage", "Credit", "Tax", "Credit"]


def test_parquet_holds_exact_decimals(tmp_path: Path) -> None:
    path = tmp_path / "it's.parquet"
    wide = line("wide", LineKind.CHARGE, 1, quantity=Fraction(10**25 + 1, 10**6), label='a, "b"\nc')
    assert write_statements([sample(), statement(wide)], StatementFormat.PARQUET, path) == ()
    rows = connect().execute(
        "SELECT line_id, consumed_quantity, billed_cost, typeof(amount), charge_description, unit_text, "
        "epoch_ms(charge_period_start) FROM (SELECT *, consumed_unit AS unit_text FROM read_parquet(?))",
        [str(path)],
    )
    found = rows.fetchall()
    assert [row[0] for row in found] == ["compute", "traffic", "gold", "vat", "card", "wide"]
    assert found[0][1:4] == (Decimal(1000), Decimal("1000.00"), "DECIMAL(38,2)")
    assert found[2][1] is None
    assert found[2][4] == "=HYPERLINK(1)"
    assert found[5][1] == Decimal("10000000000000000000.000001")
    assert found[5][4] == 'a, "b"\nc'
    assert found[5][5] is None
    assert found[0][6] == 1772294400000
    assert sum(row[2] for row in found) == Decimal("895.06")


def test_parquet_without_rows_and_beyond_decimals(tmp_path: Path) -> None:
    path = tmp_path / "out.parquet"
    assert write_statements([], StatementFormat.PARQUET, path) == ()
    assert connect().execute("SELECT count(*) FROM read_parquet(?)", [str(path)]).fetchall() == [(0,)]
    huge = line("huge", LineKind.CHARGE, 10**40)
    assert write_statements([statement(huge)], StatementFormat.PARQUET, path) == ()
    found = connect().execute("SELECT amount FROM read_parquet(?)", [str(path)]).fetchall()
    assert found == [("1" + "0" * 38 + ".00",)]


def test_a_table_fits_a_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    long = line("long", LineKind.CHARGE, 10**9, label="流量" * 60, quantity=Fraction(5), unit="GB")
    assert write_statements([statement(*sample().lines, long), statement(account="b")], StatementFormat.TABLE) == ()
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "a-1 on payg, 2026-03, CNY"
    body = [text for text in printed if "  " in text]
    assert {display_width(text) for text in body} == {80}
    assert any(text.startswith("出网流量 (us)") and "~0.333333 GB" in text for text in body)
    assert any(text.startswith("VAT (included)") and text.endswith("12.34") for text in body)
    assert printed.count("(no lines)") == 1


@pytest.mark.parametrize("format_", list(StatementFormat))
def test_an_interrupted_run_leaves_no_half_file(format_: StatementFormat, tmp_path: Path) -> None:
    def interrupted() -> Iterator[Statement]:
        yield sample()
        raise KeyboardInterrupt

    path = tmp_path / "out"
    path.write_text("before")
    with pytest.raises(KeyboardInterrupt):
        write_statements(interrupted(), format_, path)
    assert [each.name for each in tmp_path.iterdir()] == ["out"]
    assert path.read_text() == "before"


def test_what_cannot_be_written_is_a_finding(tmp_path: Path) -> None:
    for format_ in StatementFormat:
        found = write_statements([sample()], format_, tmp_path / "no" / "out")
        assert [each.code for each in found] == ["RB9007"]
        assert found[0].hints
    assert [each.code for each in write_statements([sample()], StatementFormat.PARQUET)] == ["RB9007"]
