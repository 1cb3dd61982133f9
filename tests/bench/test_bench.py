"""The parts of bench/batch.py that others rely on: generated price lists are sound, and a line that differs is seen."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

import duckdb
import pytest

from ratebook import load
from ratebook.diagnostics import has_errors

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def bench(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "bench"))


@pytest.fixture
def accounts(tmp_path: Path) -> str:
    path = tmp_path / "given.parquet"
    duckdb.sql(f"""copy (select i::integer as account, 'pro' as plan, date '2026-01-01' as start, 'gold' as tier
                         from range(20) as numbers(i)) to '{path}'""")
    return str(path)


def test_many_plans_are_sound_and_have_the_prices_of_the_query_by_hand(tmp_path: Path, accounts: str) -> None:
    plans = importlib.import_module("plans")
    plans.many(tmp_path, accounts, 120)  # two files of plans
    program = load(tmp_path / "many.rates").program
    prices = json.loads((tmp_path / "prices.json").read_text())
    assert set(program.plans) == set(prices)
    assert sum(len(storage) for _, storage, _, _ in prices.values()) == 5 * 120
    spread = duckdb.sql(f"select distinct plan from '{tmp_path / 'accounts.parquet'}'").fetchall()
    assert {plan for (plan,) in spread} <= set(prices)


def test_forms_in_order_are_sound(tmp_path: Path, accounts: str) -> None:
    plans = importlib.import_module("plans")
    plans.order(tmp_path, accounts)
    for name in ("rows", "times", "cards"):
        found = load(tmp_path / f"{name}.rates")
        assert not has_errors(found.findings)
    assert "pooled in time order" in (tmp_path / "times.rates").read_text()
    held = duckdb.sql(f"select distinct len(cards) from '{tmp_path / 'cards.parquet'}' order by all").fetchall()
    assert held == [(1,), (2,)]


@pytest.mark.parametrize(("amount", "differing"), [("1.00", 0), ("1.01", 1)])
def test_a_line_that_differs_is_seen(
    tmp_path: Path,
    amount: str,
    differing: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    agree = importlib.import_module("agree")
    ours, theirs = tmp_path / "ours.parquet", tmp_path / "theirs.parquet"
    duckdb.sql(f"""copy (
        select * from (values ('7', 'storage', '{{"region": "eu"}}', 1.00::decimal(38, 2)), ('7', 'api', null, 2.00))
        as lines(billing_account_id, line_id, "by", amount)) to '{ours}'""")
    duckdb.sql(f"""copy (
        select * from (values (7, 'api', null, 2.00::decimal(20, 2)), (7, 'storage', 'eu', {amount}))
        as lines(account, line, region, amount)) to '{theirs}'""")
    monkeypatch.setattr(sys, "argv", ["agree.py", str(ours), str(theirs)])
    agree.main()
    told = json.loads(capsys.readouterr().out)
    assert told["differing"] == differing
    assert told["one"] == {"lines": 2, "total": "3.00"}


def test_processes_are_measured_and_failures_told(tmp_path: Path) -> None:
    processes = importlib.import_module("processes")
    found = processes.measure([sys.executable, "-c", "print('done')"], tmp_path)
    assert found.said == "done\n"
    assert found.wall_seconds > 0 < found.cpu_seconds
    assert found.peak_megabytes > 1
    with pytest.raises(SystemExit, match="no such thing"):
        processes.measure([sys.executable, "-c", "raise SystemExit('no such thing')"], tmp_path)
