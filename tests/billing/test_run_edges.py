"""Billing runs at their edges: amounts finer than a coin, accounts that cannot be billed, and processes that die."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from ratebook.billing import rating
from ratebook.billing.customers import close_customer
from ratebook.billing.run import Billed, bill
from ratebook.diagnostics import Diagnostic
from ratebook.engine.period import parse_period

pytestmark = pytest.mark.usefixtures("rows_or_files")

FINE = """
ruleset mail "Mail":
  currency USD
  time zone UTC
  round each line to $0.0001 half up
  round total to $0.01 half up

unit letter

event letter.sent:
  letters: number of letter
  zone: one of near, far

meter letters: sum of letters of letter.sent

plan basic "Basic" from 2026-01-01 before 2026-03-01:
  charge letters "Letters" by zone:
    | zone | price              |
    | near | $0.0033 per letter |
    | far  | $0.0077 per letter |
"""


def sent(name: str, day: str, letters: int, zone: str = "near", account: str = "ann") -> dict[str, object]:
    return {
        "id": name,
        "account": account,
        "event": "letter.sent",
        "time": f"{day}T09:00:00Z",
        "letters": letters,
        "zone": zone,
    }


@pytest.mark.parametrize("few", [0, 500])
def test_lines_finer_than_a_coin_add_up_with_a_line_of_rounding(
    books: Any, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rating, "ONE_BY_ONE_MAX", few)
    books.publish(FINE)
    books.subscribe("ann", "mail", "basic", "2026-01-01")
    books.use([sent("1", "2026-01-05", 5), sent("2", "2026-01-06", 2, "far")])
    # $0.0165 and $0.0154 are $0.0319: $0.03 in whole coins, which the lines miss by one.
    books.bill("mail", "2026-01", "2026-02-01")
    lines = books.rows("SELECT kind, amount FROM invoice_lines ORDER BY line")
    assert [row for row in lines if row[0] == "charge"] == [("charge", 2), ("charge", 2)]
    assert sum(int(str(amount)) for _, amount in lines) == 3
    assert books.rows("SELECT total FROM invoices") == [(3,)]
    assert books.problems() == []


@pytest.mark.parametrize("few", [0, 500])
def test_an_account_that_cannot_be_billed_does_not_hold_up_the_others(
    books: Any, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rating, "ONE_BY_ONE_MAX", few)
    books.publish(FINE)
    for account, end in (("ann", "2026-03-01"), ("bob", None), ("cid", "2026-03-01")):
        books.subscribe(account, "mail", "basic", "2026-01-01", end)
    books.use([sent(f"{name}-{day}", day, 500, account=name) for name in ("ann", "bob") for day in ("2026-02-03",)])
    within = parse_period("2026-02..2026-03")
    assert within is not None
    result = bill(books.store, books.acting(), "mail", within, issued=date(2026, 4, 1))
    assert isinstance(result, Billed)
    assert [(item.code, item.place) for item in result.refusals] == [("RB4004", "account bob")]
    assert (result.invoices, result.empty) == (2, 1)
    assert books.problems() == []


def test_what_the_ledger_refuses_leaves_no_gap_in_the_numbers(books: Any) -> None:
    books.publish(FINE)
    for account in ("ann", "bob", "cid"):
        books.subscribe(account, "mail", "basic", "2026-01-01", "2026-02-01")
    # Nothing is owed yet and the subscription has ended, so that the account may be closed before its last bill.
    books.done(close_customer(books.store, books.acting("2026-02-01"), "bob"))
    books.use([sent(f"{name}", "2026-01-05", 500, account=name) for name in ("ann", "bob", "cid")])
    within = parse_period("2026-01")
    assert within is not None
    result = bill(books.store, books.acting(), "mail", within, issued=date(2026, 2, 1))
    assert isinstance(result, Billed)
    assert [(item.code, item.place) for item in result.refusals] == [("RB7008", "account bob")]
    assert books.rows("SELECT account, number FROM invoices ORDER BY id") == [("ann", 1), ("cid", 2)]
    assert books.problems() == []


RUN = """
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from ratebook.billing.acting import Acting
from ratebook.billing.run import bill
from ratebook.diagnostics import Diagnostic
from ratebook.engine.period import parse_period
from ratebook.ledger.store import open_store

store = open_store(sys.argv[1], folder=Path(sys.argv[3]))
acting = Acting("tester", datetime(2026, 2, 1, 12, tzinfo=UTC), sys.argv[2])
print("begun", flush=True)
bill(store, acting, "mail", parse_period("2026-01"), issued=date(2026, 2, 1), per_commit=1)
store.close()
print("done", flush=True)
"""


def test_a_process_that_is_killed_loses_and_repeats_nothing(books: Any, url: str, tmp_path: Path, folder: Path) -> None:
    books.publish(FINE)
    names = [f"a-{number:02}" for number in range(40)]
    for name in names:
        books.subscribe(name, "mail", "basic", "2026-01-01")
    books.use([sent(name, "2026-01-05", 300 + place, account=name) for place, name in enumerate(names)])
    books.store.close()
    script = tmp_path / "run.py"
    script.write_text(RUN, encoding="utf-8")
    for attempt in range(6):
        process = subprocess.Popen(
            [sys.executable, str(script), url, f"run {attempt}", str(folder)],
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ,
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        if attempt < 5:
            time.sleep(0.05 + 0.06 * attempt)
            process.send_signal(signal.SIGKILL)
        process.communicate()
    books_type = type(books)
    from ratebook.ledger.store import open_store

    again = books_type(open_store(url, folder=folder), books.acting)
    try:
        assert again.problems() == []
        documents = again.rows("SELECT account, number FROM invoices ORDER BY id")
        assert documents == [(name, place) for place, name in enumerate(names, start=1)]
        # The first run is taken up until it has ended. Where it ends before it is killed, those after it find nothing.
        ends = again.rows("SELECT run, invoices FROM bill_run_ends ORDER BY run")
        assert [invoices for _, invoices in ends] == [40, *(0 for _ in ends[1:])]
        assert again.rows("SELECT id FROM bill_runs ORDER BY id") == [(run,) for run, _ in ends]
    finally:
        again.store.close()


def test_a_key_is_of_one_run(books: Any) -> None:
    books.publish(FINE)
    books.subscribe("ann", "mail", "basic", "2026-01-01")
    books.use([sent("1", "2026-01-05", 500, account="ann")])
    january, february = parse_period("2026-01"), parse_period("2026-02")
    assert january is not None and february is not None
    acting = books.acting("2026-02-01", "the run of January")
    first = bill(books.store, acting, "mail", january, issued=date(2026, 2, 1))
    assert isinstance(first, Billed) and first.invoices == 1
    before = books.rows("SELECT count(*) FROM bill_runs"), books.invoices()
    # What came meanwhile is not of this run, whatever it finds on the way.
    books.use([sent("2", "2026-01-06", 500, account="ann")])
    again = bill(books.store, acting, "mail", january, issued=date(2026, 2, 1))
    assert isinstance(again, Billed) and (again.run, again.invoices) == (first.run, 0)
    for period, issued in ((february, date(2026, 3, 1)), (january, date(2026, 2, 2))):
        other = bill(books.store, acting, "mail", period, issued=issued)
        assert isinstance(other, Diagnostic) and other.code == "RB7001"
    assert (books.rows("SELECT count(*) FROM bill_runs"), books.invoices()) == before
    assert books.bill("mail", "2026-02", "2026-03-01").invoices == 1
