"""A billing run of many accounts beside the store's own bulk rate, in the same process and on the same disk.

    python bench/bill.py [--accounts 100000] [--events 2] [--database URL] [--write]

It fills a fresh database, measures how many plain transfers a second the store takes at 1,000 a commit, then runs the
bill and reports how many transfers a second it posts from the first document to the last, and from the call to its end.
Exits with 1 where the first is below HELD_TO of the bulk rate.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

from ratebook.api import compile_file
from ratebook.billing import run as billing_run
from ratebook.billing.acting import Acting, canonical
from ratebook.billing.rulesets import publish
from ratebook.billing.run import Billed, bill
from ratebook.billing.usage_rows import fingerprint
from ratebook.diagnostics import Diagnostic
from ratebook.engine.period import DateRange
from ratebook.ledger.books import CUSTOMER_CHANGES, CUSTOMERS, SUBSCRIPTIONS, USAGE_EVENTS
from ratebook.ledger.requests import AccountId, Request, Transfer
from ratebook.ledger.store import Store, Transaction, open_store
from ratebook.ledger.tables import ACCOUNTS
from report import Report, options
from report import publish as publish_report

ROOT = Path(__file__).parents[1]
RULESET = ROOT / "rulesets" / "platform" / "platform.rates"
NOON = datetime(2026, 4, 1, 12, tzinfo=UTC)
MARCH = DateRange(date(2026, 3, 1), date(2026, 4, 1))
PAGE = 5_000
HELD_TO = 0.5


def acting(key: str) -> Acting:
    return Acting("bench", NOON, key)


def filled(store: Store, accounts: int, events: int) -> None:
    """Publish the platform's ruleset and give each account a subscription and events of March."""
    compiled = compile_file(RULESET, name=RULESET.name)
    assert not isinstance(compiled, Diagnostic)
    assert not isinstance(publish(store, acting("publish"), compiled), tuple)
    for first in range(0, accounts, PAGE):
        numbers = range(first, min(first + PAGE, accounts))
        store.write(lambda transaction, numbers=numbers: _accounts(transaction, numbers))
        store.write(lambda transaction, numbers=numbers: _events(transaction, numbers, events))


def _name(number: int) -> str:
    return f"a-{number:07d}"


def _accounts(transaction: Transaction, numbers: range, plans: Sequence[str] = ("payg",)) -> None:
    transaction.append(CUSTOMERS, [(_name(number), "CNY", 0, "{}") for number in numbers])
    tiers = ("standard", "gold")
    attributes = [canonical({"tier": tiers[number % 2]}) for number in numbers]
    transaction.append(
        CUSTOMER_CHANGES,
        [(_name(number), own, 0, "2026-01-01") for number, own in zip(numbers, attributes, strict=True)],
    )
    for kind in ("wallet", "receivable"):
        rows = [(f"{kind}:{_name(number)}", kind, _name(number), "CNY", 0) for number in numbers]
        ids = transaction.append(ACCOUNTS, rows)
        floor = "0" if kind == "wallet" else "NULL"
        transaction.put_many(f"INSERT INTO balances VALUES (?, 0, 0, 0, {floor}, 0)", [(own,) for own in ids])
    transaction.append(
        SUBSCRIPTIONS,
        [
            (number + 1, _name(number), "platform", plans[number // 2 % len(plans)], "2026-01-01", "", "{}")
            for number in numbers
        ],
    )


def _events(transaction: Transaction, numbers: range, count: int) -> None:
    rows = []
    for number in numbers:
        for place in range(count):
            moment = 1_772_500_000_000_000 + (number * 7919 + place * 104_729) % 2_400_000 * 1_000_000
            fields = canonical({"units": str(1 + (number * 31 + place * 17) % 400)})
            body = fingerprint(_name(number), "compute.used", moment, fields)
            rows.append(("", f"e-{number}-{place}", _name(number), "compute.used", moment, fields, body, 0))
    transaction.append(USAGE_EVENTS, rows)


def bulk_rate(store: Store, count: int, name: str) -> tuple[float, float]:
    """Plain transfers, 1,000 a commit, between many accounts: how many a second, and a second of the processor."""
    found = store.read(lambda reader: reader.rows("SELECT id FROM accounts WHERE kind = 'receivable' ORDER BY id"))
    ids = [AccountId(int(str(own))) for (own,) in found]
    begun, used = time.perf_counter(), time.process_time()
    for first in range(0, count, 1_000):
        requests = []
        for number in range(first, min(first + 1_000, count)):
            debit, credit = ids[number % len(ids)], ids[(number * 7 + 1) % len(ids)]
            if debit != credit:
                leg = Transfer(debit, credit, 1 + number % 99, "CNY", "bulk")
                requests.append(Request(f"{name}:{number}", (leg,), 0))
        store.write(lambda transaction, requests=requests: transaction.post(requests))
    return count / (time.perf_counter() - begun), count / (time.process_time() - used)


def main() -> int:
    parser = options(__doc__)
    parser.add_argument("--accounts", type=int, default=100_000)
    parser.add_argument("--events", type=int, default=2)
    parser.add_argument("--transfers", type=int, default=50_000)
    parser.add_argument("--database")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ratebook-bench-") as folder:
        store = open_store(given.database or str(Path(folder) / "bench.db"), create=True)
        begun = time.perf_counter()
        filled(store, given.accounts, given.events)
        fill = time.perf_counter() - begun
        bulk = [bulk_rate(store, given.transfers, "before")]
        before = _transfers(store)
        issuing, used = [0.0], [0.0]
        issue = billing_run.issue

        def timed(*arguments: object) -> object:
            start, cpu = time.perf_counter(), time.process_time()
            try:
                return issue(*arguments)  # type: ignore[arg-type]
            finally:
                issuing[0] += time.perf_counter() - start
                used[0] += time.process_time() - cpu

        billing_run.issue = timed  # type: ignore[assignment]
        begun = time.perf_counter()
        result = bill(store, acting("bill"), "platform", MARCH, issued=date(2026, 4, 1))
        whole = time.perf_counter() - begun
        assert isinstance(result, Billed)
        posted = _transfers(store) - before
        bulk.append(bulk_rate(store, given.transfers, "after"))
        store.close()
    mean, mean_used = (sum(column) / 2 for column in zip(*bulk, strict=True))
    rate = posted / issuing[0]
    ratio, ratio_used = rate / mean, posted / used[0] / mean_used
    report = Report(
        title="A billing run",
        command=f"python bench/bill.py --accounts {given.accounts} --events {given.events}",
        columns=["what", "transfers a second", "ratio", "ratio of processor time"],
        rows=[
            ["the store's bulk rate, before and after", " and ".join(f"{own:,.0f}" for own, _ in bulk), "1", "1"],
            ["posted from the first document to the last", f"{rate:,.0f}", f"{ratio:.2f}", f"{ratio_used:.2f}"],
            ["posted from the call to its end", f"{posted / whole:,.0f}", f"{posted / whole / mean:.2f}", ""],
        ],
        notes=[
            (
                f"{given.accounts:,} accounts with {given.accounts * given.events:,} events: "
                f"{result.invoices:,} invoices, {posted:,} transfers; {fill:.0f} s to fill the database, "
                f"{whole:.0f} s for the whole run, of which {issuing[0]:.0f} s for numbering, posting and settling, "
                "and the rest for rating and writing lines."
            ),
            "The bulk rate is of plain transfers, 1,000 a commit, in the same process and on the same disk.",
        ],
    )
    publish_report(report, write=given.write)
    return 0 if max(ratio, ratio_used) >= HELD_TO else 1


def _transfers(store: Store) -> int:
    ((count,),) = store.read(lambda reader: reader.rows("SELECT count(*) FROM transfers"))
    return int(str(count))


if __name__ == "__main__":
    sys.exit(main())
