"""The electricity bills of `rulesets/power`, reckoned again in fractions by code that knows nothing of Ratebook.

Its windows are hours of the local day, its intervals the readings themselves; it shares no code with Ratebook.
"""

from __future__ import annotations

import csv
import runpy
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import pytest

import ratebook

ROOT = Path(__file__).parents[2]
POWER = ROOT / "rulesets" / "power"
ZONE = ZoneInfo("Europe/Berlin")
Bill = dict[str, Fraction]


def cents(amount: Fraction) -> Fraction:
    return Fraction(round(amount * 100), 100)  # Python rounds halves to even.


def readings() -> list[tuple[str, datetime, int]]:
    query = f"SELECT account, epoch_us(time), energy FROM '{POWER / 'readings.parquet'}'"
    start = datetime(1970, 1, 1, tzinfo=UTC)
    found = duckdb.connect().execute(query).fetchall()
    return [
        (account, (start + timedelta(microseconds=time)).astimezone(ZONE), energy) for account, time, energy in found
    ]


def used(account: str) -> list[tuple[datetime, Fraction]]:
    """Kilowatt-hours by the local time at which each quarter of an hour begins."""
    return [(now, Fraction(energy, 1000)) for name, now, energy in readings() if name == account]


def registered(account: str) -> Fraction:
    with (POWER / "registers.csv").open(encoding="utf-8", newline="") as file:
        return sum(
            (Fraction(row["quantity"]) for row in csv.DictReader(file) if row["account"] == account), Fraction(0)
        )


def home(account: str, days: int, social: bool) -> Bill:
    energy = registered(account)
    block = min(energy, Fraction(8 * days))
    bill = {
        "energy": cents(block * Fraction("0.27") + (energy - block) * Fraction("0.33")),
        "standing": cents(days * Fraction("0.38")),
        "levy": cents(energy * Fraction("0.0205")),
    }
    return with_taxes(with_social(bill) if social else bill, Fraction(0))


def with_social(bill: Bill) -> Bill:
    return {**bill, "social": -cents(min((bill["energy"] + bill["standing"]) / 5, Fraction(18)))}


def with_taxes(bill: Bill, raised: Fraction) -> Bill:
    """Adds the taxes; `raised` is what other lines than energy and standing added to these two."""
    whole = sum(bill.values(), Fraction(0))
    municipal = cents(
        (bill["energy"] + bill["standing"] + bill.get("social", Fraction(0)) + raised) * Fraction("0.015")
    )
    return {**bill, "municipal": municipal, "vat": cents(whole * Fraction("0.19"))}


def flexible(account: str) -> Bill:
    rates = {"evening": Fraction("0.44"), "night": Fraction("0.19"), "else": Fraction("0.27")}
    quantities = dict.fromkeys(rates, Fraction(0))
    for now, energy in used(account):
        if now.weekday() < 5 and 17 <= now.hour < 20:
            quantities["evening"] += energy
        elif now.hour >= 22 or now.hour < 6:
            quantities["night"] += energy
        else:
            quantities["else"] += energy
    bill = {
        "energy": sum((cents(quantities[name] * rate) for name, rate in rates.items()), Fraction(0)),
        "standing": cents(31 * Fraction("0.45")),
        "levy": cents(sum(quantities.values(), Fraction(0)) * Fraction("0.0205")),
    }
    return with_taxes(bill, Fraction(0))


def over(demand: Fraction, contracted: int) -> Fraction:
    started = -((contracted - demand) // 1) if demand > contracted else 0
    return started * Fraction("6.50")


def shop(account: str, days: int, contracted: int) -> Bill:
    quarters = used(account)
    evening = sum((energy for now, energy in quarters if now.weekday() < 5 and 17 <= now.hour < 20), Fraction(0))
    energy = sum((energy for _, energy in quarters), Fraction(0))
    demand = max(energy for _, energy in quarters) * 4
    bill = {
        "energy": cents(evening * Fraction("0.38")) + cents((energy - evening) * Fraction("0.22")),
        "demand": cents(
            min(demand, Fraction(20)) * Fraction("3.50") + max(demand - 20, Fraction(0)) * Fraction("8.25")
        ),
        "levy": cents(energy * Fraction("0.0164")),
        "standing": cents(Fraction(35 * days, 31)),
        "over_contract": cents(over(demand, contracted)),
    }
    raised = Fraction(0)
    missing = 60 - sum(bill.values(), Fraction(0))
    if missing > 0:
        # The minimum falls on the lines in proportion, the largest remainders first.
        bill["minimum"] = missing
        # Energy has a line for each window that was used; fees come last.
        parts = [cents(evening * Fraction("0.38")), cents((energy - evening) * Fraction("0.22"))]
        parts += [bill["demand"], bill["levy"], bill["standing"]]
        shares = largest_remainder(int(missing * 100), parts)
        raised = Fraction(shares[0] + shares[1] + shares[4], 100)
    return with_taxes(bill, raised)


def largest_remainder(whole: int, weights: list[Fraction]) -> list[int]:
    exact = [whole * weight / sum(weights, Fraction(0)) for weight in weights]
    parts = [int(share) for share in exact]
    order = sorted(range(len(weights)), key=lambda index: (parts[index] - exact[index], index))
    for index in order[: whole - sum(parts)]:
        parts[index] += 1
    return parts


def works(account: str, contracted: int) -> Bill:
    quarters = used(account)
    energy = sum((energy for _, energy in quarters), Fraction(0))
    demand = max(energy for _, energy in quarters) * 4
    first = min(energy, 250 * demand)
    bill = {
        "energy": cents(first * Fraction("0.155") + (energy - first) * Fraction("0.128")),
        "demand": cents(demand * Fraction("7.80")),
        "levy": cents(
            min(energy, Fraction(12_000)) * Fraction("0.0164") + max(energy - 12_000, Fraction(0)) * Fraction("0.0041")
        ),
        "standing": Fraction(180),
        "over_contract": cents(over(demand, contracted)),
    }
    # A penalty by the kW of demand falls on the line that prices demand, and on no other.
    return with_taxes(bill, Fraction(0))


BILLS: dict[str, Callable[[], Bill]] = {
    "alder-flat": lambda: home("alder-flat", 31, social=False),
    "birch-family": lambda: home("birch-family", 31, social=True),
    "cedar-cottage": lambda: home("cedar-cottage", 20, social=False),
    "dune-house": lambda: flexible("dune-house"),
    "elm-bakery": lambda: shop("elm-bakery", 31, 30),
    "fen-foundry": lambda: works("fen-foundry", 90),
    "gorse-studio": lambda: shop("gorse-studio", 2, 40),
}


@pytest.fixture(scope="module")
def billed() -> dict[str, Bill]:
    """What Ratebook charges, by account and line."""
    with (POWER / "accounts.csv").open(encoding="utf-8", newline="") as file:
        accounts = [{name: value for name, value in row.items() if value} for row in csv.DictReader(file)]
    with (POWER / "registers.csv").open(encoding="utf-8", newline="") as file:
        usage: list[dict[str, object]] = [dict(row) for row in csv.DictReader(file)]
    usage += [
        {"id": str(number), "account": account, "event": "reading", "time": now.isoformat(), "energy": energy}
        for number, (account, now, energy) in enumerate(readings())
    ]
    found: dict[str, Bill] = {}
    for statement in ratebook.rate(ratebook.load(POWER / "power.rates"), usage, accounts, "2026-03"):
        bill = found.setdefault(statement.account, {})
        for line in statement.lines:
            bill[line.id] = bill.get(line.id, Fraction(0)) + Fraction(Decimal(statement.money.text(line.amount)))
    return found


@pytest.mark.parametrize("account", BILLS)
def test_a_bill_is_what_plain_fractions_give(account: str, billed: dict[str, Bill]) -> None:
    expected = {name: amount for name, amount in BILLS[account]().items() if amount}
    assert {name: amount for name, amount in billed[account].items() if amount} == expected


def test_march_has_743_hours() -> None:
    assert len(used("fen-foundry")) == 743 * 4
    assert not [now for now, _ in used("fen-foundry") if (now.month, now.day, now.hour) == (3, 29, 2)]


def test_the_cases_are_reached(billed: dict[str, Bill]) -> None:
    """A penalty, a discount at its limit, a minimum, and both blocks and bands."""
    assert "over_contract" in billed["fen-foundry"]
    assert billed["birch-family"]["social"] == -18
    assert "minimum" in billed["gorse-studio"]
    assert registered("birch-family") > 8 * 31 > registered("alder-flat")


def test_the_generator_makes_these_readings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["power_readings.py", str(tmp_path)])
    runpy.run_path(str(ROOT / "bench" / "power_readings.py"), run_name="__main__")
    assert (tmp_path / "registers.csv").read_bytes() == (POWER / "registers.csv").read_bytes()
    made, kept = tmp_path / "readings.parquet", POWER / "readings.parquet"
    assert duckdb.connect().execute(f"SELECT * FROM '{made}' EXCEPT SELECT * FROM '{kept}'").fetchall() == []
