"""Real input, twice: rulesets/web by our evaluator, and by an independent reckoning with Python's decimal module.

    python bench/web.py [--write]

10,000 requests of 1,753 visitors. The grand total and the sums of requests, traffic, discount and minimum have to
agree to the cent; exits with 1 where they do not. Prints the time of every stage.
"""

from __future__ import annotations

import csv
import sys
import time
from collections import defaultdict
from decimal import ROUND_HALF_EVEN, Context, Decimal, Inexact
from pathlib import Path

from report import ROOT, Report, options, publish

FOLDER = ROOT / "rulesets" / "web"
USAGE, ACCOUNTS = FOLDER / "web_access.csv", FOLDER / "accounts.csv"
LINES = ["requests", "egress", "big", "minimum", "total"]
EXACT = Context(prec=50, traps=[Inexact])
CENT = Decimal("0.01")


def main() -> int:
    said = options(__doc__).parse_args()
    ours, our_times = by_ratebook()
    begin = time.perf_counter()
    theirs, accounts = by_decimal(USAGE, ACCOUNTS)
    their_time = time.perf_counter() - begin
    rows = [(f"sum of {name}", f"{ours[name]}", f"{theirs[name]}") for name in LINES]
    rows += [(f"seconds to {stage}", f"{taken:.3f}", "") for stage, taken in our_times.items()]
    rows.append(("seconds in all", f"{sum(our_times.values()):.3f}", f"{their_time:.3f}"))
    agree = all(ours[name] == theirs[name] for name in LINES)
    notes = [
        f"{accounts:,} accounts; {'both agree to the cent' if agree else 'THEY DO NOT AGREE'}.",
        "`decimal` is written with Python's decimal module alone and imports nothing of Ratebook; it only adds up.",
        "Ratebook checks every row, and makes a statement with the derivation of every line.",
    ]
    publish(
        Report(
            "Web hosting",
            "python bench/web.py --write",
            ("", "ratebook, USD", "decimal, USD"),
            rows,
            notes,
            ("ratebook", "duckdb"),
        ),
        write=said.write,
    )
    return 0 if agree else 1


# By our evaluator


def by_ratebook() -> tuple[dict[str, Decimal], dict[str, float]]:
    """The sums of the lines, and the seconds of every stage."""
    times: dict[str, float] = {}
    begin = time.perf_counter()

    def stage(name: str) -> None:
        nonlocal begin
        now = time.perf_counter()
        times[name], begin = now - begin, now

    from ratebook import load
    from ratebook.engine.evaluators.rate import billing_periods_of, rate
    from ratebook.engine.period import DateRange, parse_period
    from ratebook.engine.statement import Statement
    from ratebook.engine.usage import AccountUsage
    from ratebook.intake import read_accounts, read_usage

    stage("import")
    program = load(FOLDER / "web.rates").program
    stage("compile")
    accounts = read_accounts(str(ACCOUNTS), program.schema)
    usage = read_usage([str(USAGE)], program.schema, known_accounts=accounts.accounts)
    assert not accounts.rejects and not usage.rejects, "every row is sound"
    stage("read")
    within = parse_period("2015-05")
    assert within is not None
    statements = [
        rate(program, subscription, usage.by_account.get(subscription.account, AccountUsage()), period)
        for subscription in accounts.subscriptions
        for period in billing_periods_of(program, subscription, within)
        if isinstance(period, DateRange)
    ]
    stage("rate")
    amounts: dict[str, int] = defaultdict(int)
    for statement in statements:
        assert isinstance(statement, Statement), "nothing is refused"
        amounts["total"] += statement.total
        for line in statement.lines:
            amounts[line.id] += line.amount
    return {name: Decimal(amounts[name]).scaleb(-2) for name in LINES}, times


# By hand; nothing of Ratebook stands below


def by_decimal(usage: Path, accounts: Path) -> tuple[dict[str, Decimal], int]:
    """The sums of the lines, and how many accounts there are."""
    requests: dict[str, int] = defaultdict(int)
    sent: dict[str, Decimal] = defaultdict(Decimal)
    with usage.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            if Decimal(row["status"]) < 500:
                requests[row["account"]] += 1
            sent[row["account"]] += Decimal(row["bytes"])
    sums = dict.fromkeys(LINES, Decimal("0.00"))
    with accounts.open(encoding="utf-8", newline="") as lines:
        names = [row["account"] for row in csv.DictReader(lines)]
    for name in names:
        for line, amount in bill(requests[name], sent[name]).items():
            sums[line] += amount
    return sums, len(names)


def bill(requests: int, sent: Decimal) -> dict[str, Decimal]:
    """The lines of one account."""
    number = Decimal(requests)
    calls = cents(
        EXACT.add(
            EXACT.multiply(min(max(number - 20, Decimal(0)), Decimal(80)), Decimal("0.010")),
            EXACT.multiply(max(number - 100, Decimal(0)), Decimal("0.004")),
        )
    )
    megabytes = EXACT.divide(sent, Decimal(1_000_000))
    first = EXACT.multiply(min(megabytes, Decimal(10)), Decimal("0.020"))
    following = EXACT.multiply(
        min(max(EXACT.subtract(megabytes, Decimal(10)), Decimal(0)), Decimal(90)), Decimal("0.015")
    )
    above = EXACT.multiply(max(EXACT.subtract(megabytes, Decimal(100)), Decimal(0)), Decimal("0.009"))
    traffic = cents(EXACT.add(EXACT.add(first, following), above))
    off = -cents(EXACT.multiply(calls, Decimal("0.10"))) if requests >= 300 else Decimal(0)
    so_far = calls + traffic + off
    rest = max(Decimal("0.05") - so_far, Decimal(0))
    return {"requests": calls, "egress": traffic, "big": off, "minimum": rest, "total": so_far + rest}


def cents(amount: Decimal) -> Decimal:
    return amount.quantize(CENT, ROUND_HALF_EVEN)


if __name__ == "__main__":
    sys.exit(main())
