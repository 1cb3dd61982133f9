"""Many deliveries of the same events in any order: invoices as after one clean delivery, byte by byte.

    python bench/deliveries.py [--events 200000] [--deliveries 1000000] [--accounts 2000] [--seed N] [--database URL]

Every event comes one to five times, shuffled over files. The invoices, their lines and numbers and what is open are
compared with those of a clean run. It prints figures, and ends with 1 where anything differs.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from datetime import UTC, date, datetime
from pathlib import Path

from bill import MARCH, NOON, RULESET, _accounts, acting
from ratebook.api import compile_file
from ratebook.billing.rulesets import publish
from ratebook.billing.run import Billed, bill
from ratebook.billing.settlements import problems
from ratebook.billing.usage import UsageAdded, add_usage
from ratebook.diagnostics import Diagnostic
from ratebook.ledger.store import Store, open_store

FILE_ROWS = 50_000


def events(count: int, accounts: int, chooser: random.Random) -> list[str]:
    """Events of March as lines of JSON."""
    first = int(datetime(2026, 3, 1, tzinfo=UTC).timestamp())
    found = []
    for number in range(count):
        moment = datetime.fromtimestamp(first + chooser.randrange(30 * 86_400), UTC)
        row = {
            "id": f"e-{number}",
            "source": f"s-{number % 3}",
            "account": f"a-{chooser.randrange(accounts):07d}",
            "event": "compute.used",
            "time": moment.isoformat().replace("+00:00", "Z"),
            "units": chooser.randrange(1, 500),
        }
        found.append(json.dumps(row))
    return found


def deliveries(lines: list[str], count: int, chooser: random.Random) -> list[str]:
    """Each line one to five times, so that they are so many together, in any order."""
    found = list(lines)
    times = [1] * len(lines)
    while len(found) < count:
        place = chooser.randrange(len(lines))
        if times[place] < 5:
            times[place] += 1
            found.append(lines[place])
    chooser.shuffle(found)
    return found


def prepared(url: str, accounts: int) -> Store:
    store = open_store(url, create=True)
    compiled = compile_file(RULESET, name=RULESET.name)
    assert not isinstance(compiled, Diagnostic)
    assert not isinstance(publish(store, acting("publish"), compiled), tuple)
    for first in range(0, accounts, 5_000):
        numbers = range(first, min(first + 5_000, accounts))
        store.write(lambda transaction, numbers=numbers: _accounts(transaction, numbers))
    return store


def deliver(store: Store, lines: list[str], folder: Path) -> UsageAdded:
    """Add lines as files of so many rows; what became of all of them."""
    read = added = repeated = 0
    for first in range(0, len(lines), FILE_ROWS):
        path = folder / f"{first}.jsonl"
        path.write_text("\n".join(lines[first : first + FILE_ROWS]) + "\n", encoding="utf-8")
        result = add_usage(store, acting(f"usage {first}"), [path])
        assert isinstance(result, UsageAdded), result
        assert result.is_sound, result.rejects[:3]
        read, added, repeated = read + result.read, added + result.added, repeated + result.repeated
    return UsageAdded(read, added, repeated, 0, 0)


def billed(store: Store) -> Billed:
    result = bill(store, acting("bill"), "platform", MARCH, issued=date(NOON.year, NOON.month, NOON.day))
    assert isinstance(result, Billed), result
    assert not result.refusals
    assert store.read(problems) == []
    return result


def documents(store: Store) -> list[tuple[object, ...]]:
    """Everything of the documents but for places in the sequence."""

    def rows(sql: str) -> list[tuple[object, ...]]:
        return [tuple(row) for row in store.read(lambda reader: reader.rows(sql))]

    return [
        *rows("SELECT series, number, kind, account, total, issued, payable_by, statement FROM invoices ORDER BY id"),
        *rows("SELECT line, name, kind, quantity, amount, place FROM invoice_lines ORDER BY invoice, line"),
        *rows("SELECT account, open, payable_by FROM open_invoices ORDER BY invoice"),
    ]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--deliveries", type=int, default=1_000_000)
    parser.add_argument("--accounts", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=20_260_401)
    parser.add_argument("--database", help="Where the mixed deliveries go; a file of its own otherwise.")
    given = parser.parse_args()
    chooser = random.Random(given.seed)
    lines = events(given.events, given.accounts, chooser)
    mixed = deliveries(lines, given.deliveries, chooser)
    with tempfile.TemporaryDirectory(prefix="ratebook-deliveries-") as text:
        folder = Path(text)
        clean = prepared(str(folder / "clean.db"), given.accounts)
        deliver(clean, lines, folder)
        first = billed(clean)
        other = prepared(given.database or str(folder / "mixed.db"), given.accounts)
        begun = time.perf_counter()
        counts = deliver(other, mixed, folder)
        seconds = time.perf_counter() - begun
        second = billed(other)
        same = documents(clean) == documents(other)
        clean.close()
        other.close()
    print(
        json.dumps(
            {
                "seed": given.seed,
                "deliveries": counts.read,
                "added": counts.added,
                "repeated": counts.repeated,
                "deliveries/s": round(counts.read / seconds),
                "invoices": [first.invoices, second.invoices],
                "total in minor units": [first.total, second.total],
                "the same": same,
            },
            indent=1,
        )
    )
    sys.exit(0 if same and counts.added == given.events else 1)


if __name__ == "__main__":
    main()
