"""Bills for a part of a billing period, and periods in which prices change, through the real commands."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

RULESET = """\
ruleset quarter "By the quarter":
  currency EUR
  time zone Europe/Berlin

event sale:
  amount: number

meter sales: sum of amount of sale

plan base "Base" from 2026-01-01 before 2026-05-15:
  billed quarterly
  charge sales "Sales": at €1 each
  fee desk "Desk" €10 per month
  minimum €100

plan base "Base" from 2026-05-15:
  billed quarterly
  dated by usage
  charge sales "Sales": at €2 each

discount large "Large":
  10% off sales
  when usage of sales > 10
"""
USAGE = """\
{"account": "a-1", "event": "sale", "time": "2026-04-01T10:00:00", "amount": 8}
{"account": "a-1", "event": "sale", "time": "2026-05-14T23:59:59", "amount": 4}
{"account": "a-1", "event": "sale", "time": "2026-05-15T00:00:00", "amount": 3}
{"account": "a-1", "event": "sale", "time": "2026-06-30T23:59:59", "amount": 5}
"""


@pytest.fixture
def inputs(folder: Path) -> tuple[str, ...]:
    (folder / "quarter.rates").write_text(RULESET, encoding="utf-8")
    (folder / "quarter.jsonl").write_text(USAGE, encoding="utf-8")
    (folder / "quarter.csv").write_text("account,plan,start\na-1,base,2026-01-01\n", encoding="utf-8")
    return ("quarter.rates", "--usage", "quarter.jsonl", "--accounts", "quarter.csv", "--period")


def spaced(text: str) -> str:
    """The text with plain spaces: dates are written with thin ones."""
    return text.replace("\N{THIN SPACE}", " ")


def statement(ratebook: Callable, inputs: tuple[str, ...], period: str, *more: str) -> dict:
    ran = ratebook("rate", *inputs, period, "--format", "jsonl", *more)
    assert ran.code == 0, ran.err
    found: dict = json.loads(ran.out)
    return found


def test_a_month_of_a_quarter(ratebook: Callable, inputs: tuple[str, ...]) -> None:
    found = statement(ratebook, inputs, "2026-05", "--part")
    assert found["period"] == {"start": "2026-05-01T00:00:00+02:00", "end": "2026-06-01T00:00:00+02:00"}
    assert found["part_of"] == {"start": "2026-04-01T00:00:00+02:00", "end": "2026-07-01T00:00:00+02:00"}
    # 4 at 1, 3 at 2; so far 15 are sold: 10% of 12 + 6 off.
    shown = [(line["id"], line.get("period", {}).get("start", "")[:10], line["amount"]) for line in found["lines"]]
    assert shown == [
        ("sales", "2026-05-01", "4.00"),
        ("sales", "2026-05-15", "6.00"),
        ("desk", "", "10.00"),
        ("large", "", "-1.80"),
    ]


def test_the_months_make_up_the_quarter(ratebook: Callable, inputs: tuple[str, ...]) -> None:
    whole = statement(ratebook, inputs, "2026-Q2")
    parts = [statement(ratebook, inputs, f"2026-0{month}", "--part") for month in (4, 5, 6)]
    assert "part_of" not in whole
    assert sum(Decimal(item["total"]) for item in parts) == Decimal(whole["total"]) == 100


def test_without_part_nothing_begins_in_may(ratebook: Callable, inputs: tuple[str, ...]) -> None:
    ran = ratebook("rate", *inputs, "2026-05")
    assert (ran.code, ran.out) == (0, "")
    assert "1 subscription without a billing period that begins in it; --part bills its days alone" in ran.err
    # It has a subscription on those days: nothing is wrong with its usage.
    assert "has no subscription" not in ran.err


def test_a_part_is_not_offered_before_anything_began(ratebook: Callable, inputs: tuple[str, ...]) -> None:
    ran = ratebook("rate", *inputs, "2020-05")
    assert "1 subscription without a billing period that begins in it" in ran.err
    assert "--part" not in ran.err


def test_earlier_usage_of_the_period_is_missed(ratebook: Callable, inputs: tuple[str, ...], folder: Path) -> None:
    (folder / "quarter.jsonl").write_text("\n".join(USAGE.splitlines()[1:]) + "\n", encoding="utf-8")
    ran = ratebook("rate", *inputs, "2026-05", "--part")
    assert "usage begins on 2026-05-14, and the billing period reaches back to 2026-04-01" in ran.err


def test_lines_of_a_table_say_their_days(ratebook: Callable, inputs: tuple[str, ...], folder: Path) -> None:
    assert ratebook("rate", *inputs, "2026-05", "--part", "--format", "csv", "-o", "lines.csv").code == 0
    rows = list(csv.DictReader((folder / "lines.csv").read_text(encoding="utf-8").splitlines()))
    assert [
        (row["billing_period_start"][:10], row["charge_period_start"][:10], row["charge_period_end"][:10])
        for row in rows
    ] == [
        ("2026-04-01", "2026-05-01", "2026-05-15"),
        ("2026-04-01", "2026-05-15", "2026-06-01"),
        ("2026-04-01", "2026-05-01", "2026-06-01"),
        ("2026-04-01", "2026-05-01", "2026-06-01"),
    ]


def test_the_table_says_that_it_is_a_part(ratebook: Callable, inputs: tuple[str, ...]) -> None:
    ran = ratebook("rate", *inputs, "2026-05", "--part")
    assert ran.out.startswith("a-1 on base, 2026-05 (part of 2026-04-01 to 2026-06-30), EUR\n")
    assert "Sales (2026-05-15 to 2026-05-31)" in ran.out


def test_an_explanation_of_a_part_adds_up(ratebook: Callable, inputs: tuple[str, ...]) -> None:
    ran = ratebook("explain", *inputs, "2026-05", "--part", "--account", "a-1")
    assert ran.code == 0
    assert "(part of Apr 1 – Jun 30, 2026)" in spaced(ran.out)
    lines = [" ".join(line.split()) for line in ran.out.splitlines()]
    # Sales of the first price: 12 to the end of May, of which 8 were billed for April.
    at = lines.index("billed before 2026-05-01 -8.00")
    assert lines[at + 1] == "for this part 4.00"
    assert "a minimum acts on the last part of a billing period" in lines


def test_an_explanation_of_a_whole_period_names_the_days(ratebook: Callable, inputs: tuple[str, ...]) -> None:
    ran = ratebook("explain", *inputs, "2026-Q2", "--account", "a-1")
    out = spaced(ran.out)
    assert "Sales (Apr 1 – May 14, 2026)" in out
    assert "Sales (May 15 – Jun 30, 2026)" in out
    # The discount names the lines that it is a share of in the same way.
    assert out.count("Sales (May 15 – Jun 30, 2026)") > 1
    assert "from 2026-05-15" not in out


def test_invoices_of_parts_have_names_of_their_own(ratebook: Callable, inputs: tuple[str, ...], folder: Path) -> None:
    for period in ("2026-04", "2026-Q2"):
        ran = ratebook("invoice", *inputs, period, "--part", "--format", "text", "-o", "out")
        assert ran.code == 0, ran.err
    assert sorted(path.name for path in (folder / "out").iterdir()) == [
        "a-1-2026-04-01-to-2026-04-30.txt",
        "a-1-2026-04-01.txt",
    ]
    text = (folder / "out" / "a-1-2026-04-01-to-2026-04-30.txt").read_text(encoding="utf-8")
    assert "Apr 1 – 30, 2026 (part of Apr 1 – Jun 30, 2026)" in spaced(text)


def test_a_line_that_there_is_not_is_named_in_the_same_words(ratebook: Callable, inputs: tuple[str, ...]) -> None:
    ran = ratebook("explain", *inputs, "2026-Q2", "--account", "a-1", "--line", "sale")
    assert ran.code == 2
    assert "there is no line sale" in ran.err and "the statement has sales, desk, large" in ran.err


def test_a_quantity_without_a_time_has_no_part(ratebook: Callable, inputs: tuple[str, ...], folder: Path) -> None:
    (folder / "quarter.jsonl").write_text('{"account": "a-1", "meter": "sales", "quantity": 5}\n', encoding="utf-8")
    assert "RB4015" in ratebook("rate", *inputs, "2026-06", "--part").err
    assert "RB4013" in ratebook("rate", *inputs, "2026-Q2").err
    assert ratebook("rate", *inputs, "2026-Q1").code == 0
