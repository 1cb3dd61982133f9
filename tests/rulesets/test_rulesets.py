"""The reference price lists: each is clean, canonical and true to its examples, and its data gives the amounts on file.

Everything goes through the real command. What the web ruleset charges is held against a computation in plain decimals
that knows nothing of Ratebook.
"""

from __future__ import annotations

import csv
import json
import random
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import CliRunner, Result

import ratebook
from ratebook.cli import ratebook as command_line
from ratebook.engine.derivation import replay

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "rulesets"
CASES = ROOT / "tests" / "cases" / "rulesets"


@dataclass(frozen=True)
class Example:
    """A folder of `rulesets/`: what is rated together, for which periods."""

    name: str
    ruleset: str
    usage: tuple[str, ...]
    accounts: str
    periods: tuple[str, ...]
    statements: int
    """How many statements the last period has."""

    @property
    def folder(self) -> Path:
        return FOLDER / self.name


EXAMPLES = (
    Example("platform", "platform.rates", ("usage.jsonl",), "accounts.jsonl", ("2026-02", "2026-03"), 9),
    Example("platform-zh", "platform_zh.rates", ("usage.csv",), "accounts.jsonl", ("2026-02", "2026-03"), 9),
    Example("cloud", "cloud.rates", ("events.jsonl", "requests.csv"), "accounts.csv", ("2026-03",), 14),
    Example("tokens", "tokens.rates", ("usage.parquet",), "accounts.json", ("2026-06", "2026-07"), 5),
    Example("web", "web.rates", ("web_access.csv",), "accounts.csv", ("2015-05",), 1753),
    Example("power", "power.rates", ("readings.parquet", "registers.csv"), "accounts.csv", ("2026-03",), 7),
    Example("telecom", "telecom.rates", ("usage.jsonl",), "accounts.csv", ("2026-03",), 8),
    Example("starter", "starter.rates", ("usage.jsonl",), "accounts.csv", ("2026-03",), 4),
)
WEB = next(example for example in EXAMPLES if example.name == "web")

every_example = pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(command_line, [str(argument) for argument in arguments])


def rate(example: Example, period: str, *usage: Path, form: str = "jsonl") -> Result:
    files = usage or tuple(example.folder / name for name in example.usage)
    options = [option for file in files for option in ("--usage", file)]
    accounts = example.folder / example.accounts
    return run("rate", example.folder, *options, "--accounts", accounts, "--period", period, "--format", form)


def statements(result: Result) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.stderr
    return [json.loads(line, parse_float=Decimal) for line in result.stdout.splitlines()]


# The ruleset itself


def test_every_folder_is_tested() -> None:
    assert {path.parent.name for path in FOLDER.rglob("*.rates")} == {example.name for example in EXAMPLES}
    assert len(list(FOLDER.rglob("*.rates"))) == len(EXAMPLES)


@every_example
def test_checks_without_findings(example: Example) -> None:
    result = run("check", "--fail-on", "warning", "--format", "json", example.folder)
    assert result.exit_code == 0, result.stdout


@every_example
def test_examples_pass(example: Example) -> None:
    result = run("test", example.folder)
    assert result.exit_code == 0, result.stdout
    assert "ok " in result.stdout


@every_example
def test_is_canonical(example: Example) -> None:
    result = run("fmt", "--check", "--diff", example.folder)
    assert result.exit_code == 0, result.output


@every_example
def test_begins_with_what_it_teaches_and_the_command(example: Example) -> None:
    text = (example.folder / example.ruleset).read_text(encoding="utf-8")
    comment = text.split("\n\n", 1)[0].splitlines()
    assert 5 <= len(comment) <= 12
    assert all(line.startswith("#") for line in comment)
    said = " ".join(line.strip("# \\") for line in comment)
    where = "" if example.name == "starter" else f"rulesets/{example.name}/"
    assert "ratebook rate " in said
    assert all(f"--usage {where}{name}" in said for name in example.usage)
    assert f"--accounts {where}{example.accounts} --period" in said


def test_full_width_signs_are_brought_to_one_form(tmp_path: Path) -> None:
    plain = (FOLDER / "platform-zh" / "platform_zh.rates").read_text(encoding="utf-8")
    wide = tmp_path / "wide.rates"
    wide.write_text("".join(_widened(line) for line in plain.splitlines(keepends=True)), encoding="utf-8")
    assert wide.read_text(encoding="utf-8") != plain
    assert run("test", wide).exit_code == 0
    assert run("fmt", wide).exit_code == 0
    assert wide.read_text(encoding="utf-8") == plain


def _widened(line: str) -> str:
    """A line as a Chinese keyboard writes it; what is quoted, and the colon of a time, stay as they are."""
    if line.startswith("#"):
        return line
    parts = line.split('"')
    for index in range(0, len(parts), 2):
        code = parts[index].replace(", ", "，").replace("%", "％").replace("¥", "￥")
        parts[index] = code.replace(": ", "：").replace(":\n", "：\n")
    return '"'.join(parts)


# Rating its data


@every_example
def test_rates_its_data(example: Example, update: bool) -> None:
    found = {period: statements(rate(example, period)) for period in example.periods}
    assert len(found[example.periods[-1]]) == example.statements
    for each in (statement for period in found.values() for statement in period):
        added = (line for line in each["lines"] if line["kind"] != "prepaid" and not line.get("included"))
        assert sum((Decimal(line["amount"]) for line in added), Decimal()) == Decimal(each["total"])
        prepaid = (Decimal(line["amount"]) for line in each["lines"] if line["kind"] == "prepaid")
        assert Decimal(each["total"]) + sum(prepaid, Decimal()) == Decimal(each["due"])
    summary = _sums(found) if example is WEB else _totals(found)
    path = CASES / f"{example.name}.txt"
    if update:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(summary, encoding="utf-8")
    assert path.exists(), f"{path} is missing; make it with --update-cases"
    assert summary == path.read_text(encoding="utf-8")


@pytest.fixture
def update(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--update-cases"))


def _totals(found: dict[str, list[dict[str, Any]]]) -> str:
    rows = []
    for period, items in found.items():
        rows += [f"{period} {each['account']} {each['plan']} {each['total']} {each['due']}" for each in items]
        rows.append(f"{period} total {sum(Decimal(each['total']) for each in items)}")
    return "\n".join(rows) + "\n"


def _sums(found: dict[str, list[dict[str, Any]]]) -> str:
    (items,) = found.values()
    sums = {name: str(amount) for name, amount in sum_by_line(items).items()}
    sums["total"] = str(sum(Decimal(each["total"]) for each in items))
    return "".join(f"{name} {amount}\n" for name, amount in sums.items())


def sum_by_line(items: list[dict[str, Any]]) -> dict[str, Decimal]:
    sums = dict.fromkeys(("requests", "egress", "big", "minimum"), Decimal("0.00"))
    for line in (line for each in items for line in each["lines"]):
        sums[line["id"]] += Decimal(line["amount"])
    return sums


@every_example
def test_every_amount_replays_from_its_derivation(example: Example) -> None:
    for period in example.periods:
        for statement in rated(example, period):
            money = statement.money
            for line in statement.lines:
                assert replay(line.derivation) == line.derivation.value == line.amount * money.size
                if line.quantity_derivation is not None:
                    assert replay(line.quantity_derivation) == line.quantity_derivation.value
            assert sum(line.amount for line in statement.lines if line.is_added) == statement.total


@every_example
def test_rows_in_process_give_what_the_command_gives(example: Example) -> None:
    for period in example.periods:
        told = {(each["account"], each["total"], each["due"]) for each in statements(rate(example, period))}
        assert told == {
            (each.account, each.money.text(each.total), each.money.text(each.due)) for each in rated(example, period)
        }


def rated(example: Example, period: str) -> tuple[Any, ...]:
    prices = ratebook.load(example.folder / example.ruleset)
    return ratebook.rate(prices, usage_rows(example), rows(example.folder / example.accounts), period)


# Rows as plain Python


def rows(path: Path) -> list[dict[str, Any]]:
    match path.suffix:
        case ".csv":
            with path.open(encoding="utf-8", newline="") as file:
                return [{name: value for name, value in row.items() if value != ""} for row in csv.DictReader(file)]
        case ".parquet":
            table = duckdb.connect().execute(f"SELECT * REPLACE (epoch_us(time) AS time) FROM '{path}'")
            names = [column[0] for column in table.description or ()]
            found = [dict(zip(names, row, strict=True)) for row in table.fetchall()]
            return [{**row, "time": _instant(row["time"])} for row in found]
        case ".json":
            return list(json.loads(path.read_text(encoding="utf-8"), parse_float=Decimal))
        case _:
            lines = path.read_text(encoding="utf-8").splitlines()
            return [json.loads(line, parse_float=Decimal) for line in lines]


def _instant(microseconds: int) -> str:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)).isoformat()


def usage_rows(example: Example) -> list[dict[str, Any]]:
    return [row for name in example.usage for row in rows(example.folder / name)]


def written(found: list[dict[str, Any]], path: Path) -> Path:
    path.write_text("".join(f"{json.dumps(row, ensure_ascii=False, default=str)}\n" for row in found), encoding="utf-8")
    return path


# Repeats and order


@every_example
def test_neither_repeats_nor_order_change_anything(example: Example, tmp_path: Path) -> None:
    once = usage_rows(example)
    assert all("id" in row for row in once)
    twice = [*once, *once]
    random.Random(2026).shuffle(twice)
    file = written(twice, tmp_path / "usage.jsonl")
    period = example.periods[-1]
    assert rate(example, period, file).stdout == rate(example, period).stdout


@every_example
def test_the_same_id_with_other_content_is_refused(example: Example, tmp_path: Path) -> None:
    found = usage_rows(example)
    file = written([*found, _changed(found[0])], tmp_path / "usage.jsonl")
    result = rate(example, example.periods[-1], file)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "RB3009" in result.stderr


def _changed(row: dict[str, Any]) -> dict[str, Any]:
    """The row with another number in one of its fields."""
    holder = row.get("data", row)
    for name, value in holder.items():
        if name not in ("id", "time") and str(value).isdigit():
            changed = {**holder, name: int(value) + 1}
            return {**row, "data": changed} if "data" in row else changed
    raise AssertionError(row)


# The two platforms are one price list


def test_both_platforms_charge_the_same() -> None:
    english, chinese = (example for example in EXAMPLES if example.name.startswith("platform"))
    for period in english.periods:
        assert _amounts(statements(rate(english, period))) == _amounts(statements(rate(chinese, period)))


def _amounts(found: list[dict[str, Any]]) -> list[tuple[list[str], str, str]]:
    return sorted(([line["amount"] for line in each["lines"]], each["total"], each["due"]) for each in found)


# Web, in plain decimals

BANDS = {
    "requests": ((Decimal(20), Decimal(0)), (Decimal(80), Decimal("0.010")), (None, Decimal("0.004"))),
    "egress": ((Decimal(10), Decimal("0.020")), (Decimal(90), Decimal("0.015")), (None, Decimal("0.009"))),
}
CENT = Decimal("0.01")


def _graduated(quantity: Decimal, bands: tuple[tuple[Decimal | None, Decimal], ...]) -> Decimal:
    amount, left = Decimal(0), quantity
    for width, price in bands:
        here = left if width is None else min(left, width)
        amount += here * price
        left -= here
    return amount.quantize(CENT, ROUND_HALF_EVEN)


def _by_hand() -> Iterator[tuple[str, dict[str, Decimal]]]:
    """What each visitor pays, by line."""
    requests: dict[str, int] = {}
    sent: dict[str, int] = {}
    for row in rows(WEB.folder / "web_access.csv"):
        account = row["account"]
        requests[account] = requests.get(account, 0) + (int(row["status"]) < 500)
        sent[account] = sent.get(account, 0) + int(row["bytes"])
    for account, count in requests.items():
        lines = {
            "requests": _graduated(Decimal(count), BANDS["requests"]),
            "egress": _graduated(Decimal(sent[account]) / 1_000_000, BANDS["egress"]),
        }
        off = (lines["requests"] / 10).quantize(CENT, ROUND_HALF_EVEN) if count >= 300 else Decimal("0.00")
        lines["big"] = -off
        lines["minimum"] = max(Decimal("0.05") - sum(lines.values()), Decimal("0.00"))
        yield account, lines


def test_web_is_what_plain_decimals_give() -> None:
    by_hand = dict(_by_hand())
    found = statements(rate(WEB, "2015-05"))
    assert len(by_hand) == len(found) == 1753
    for statement in found:
        expected = by_hand[statement["account"]]
        told = {line["id"]: Decimal(line["amount"]) for line in statement["lines"]}
        assert {name: told.get(name, Decimal(0)) for name in expected} == expected
        assert Decimal(statement["total"]) == sum(expected.values())
    sums = {name: sum(lines[name] for lines in by_hand.values()) for name in ("requests", "egress", "big", "minimum")}
    assert sum_by_line(found) == sums


def test_the_real_process_rates_from_another_folder(tmp_path: Path) -> None:
    web = WEB.folder
    command = [sys.executable, "-m", "ratebook", "rate", web, "--usage", web / "web_access.csv"]
    command += ["--accounts", web / "accounts.csv", "--period", "2015-05", "--format", "jsonl"]
    done = subprocess.run([str(part) for part in command], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 1753
    assert "10,000 events read: 10,000 counted, 0 repeated, 0 rejected" in done.stderr
