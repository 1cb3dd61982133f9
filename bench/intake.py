"""Taking usage in: as rows of the database and as files beside it, the same events, and the bills of both.

    python bench/intake.py [--accounts 20000] [--events 1000000] [--write]

It writes the events once as JSON Lines, adds them to two fresh databases, adds them again (nothing may change), bills
both, and compares every document. Ratios are of files to rows in the same run.
"""

from __future__ import annotations

import resource
import tempfile
import time
from datetime import date
from pathlib import Path

from bill import MARCH, acting, filled
from ratebook.billing.run import Billed
from ratebook.billing.run import bill as bill_
from ratebook.billing.usage import UsageAdded, add_usage
from ratebook.ledger.store import Store, open_store
from report import Report, options, publish


def written(path: Path, accounts: int, events: int) -> None:
    """Events of March for all accounts, in no order of accounts or time."""
    with path.open("w", encoding="utf-8") as out:
        for number in range(events):
            whose, second = number * 7919 % accounts, number * 104_729 % 2_400_000
            day, rest = divmod(second, 86_400)
            hour, rest = divmod(rest, 3_600)
            time_ = f"2026-03-{day + 2:02}T{hour:02}:{rest // 60:02}:{rest % 60:02}Z"
            out.write(
                f'{{"id":"u-{number}","account":"a-{whose:07d}","event":"compute.used","time":"{time_}",'
                f'"units":{1 + number % 400}}}\n'
            )


def timed_add(store: Store, path: Path, key: str, filed_from: int) -> tuple[UsageAdded, float, float]:
    begun, used = time.perf_counter(), time.process_time()
    found = add_usage(store, acting(key), [path], filed_from=filed_from)
    assert isinstance(found, UsageAdded) and found.is_sound, found
    return found, time.perf_counter() - begun, time.process_time() - used


def files(folder: Path, kind: str) -> list[Path]:
    return [path for path in folder.rglob("*") if f"{kind}.db" in str(path) and path.is_file()]


def documents(store: Store) -> list[tuple[object, ...]]:
    query = (
        "SELECT account, period_start, series, number, total, line, name, invoice_lines.quantity, amount FROM invoices "
        "JOIN invoice_lines ON invoice = invoices.id ORDER BY invoice_lines.id"
    )
    return [tuple(row) for row in store.read(lambda reader: reader.rows(query))]


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--accounts", type=int, default=20_000)
    parser.add_argument("--events", type=int, default=1_000_000)
    given = parser.parse_args()
    figures: dict[str, dict[str, float]] = {}
    bills = []
    with tempfile.TemporaryDirectory(prefix="ratebook-bench-") as folder:
        usage = Path(folder) / "usage.jsonl"
        written(usage, given.accounts, given.events)
        for kind, filed_from in (("files", 1), ("rows", given.events + 1)):
            store = open_store(str(Path(folder) / f"{kind}.db"), create=True)
            filled(store, given.accounts, 0)
            added, wall, used = timed_add(store, usage, "first", filed_from)
            assert added.added == given.events
            again, wall_again, _ = timed_add(store, usage, "again", filed_from)
            assert (again.added, again.repeated) == (0, given.events)
            begun = time.perf_counter()
            result = bill_(store, acting("bill"), "platform", MARCH, issued=date(2026, 4, 1))
            assert isinstance(result, Billed)
            figures[kind] = {
                "added in seconds": wall,
                "seconds of the processor": used,
                "events a second": given.events / wall,
                "added again in seconds": wall_again,
                "billed in seconds": time.perf_counter() - begun,
                "bytes an event": sum(
                    path.stat().st_size
                    for path in Path(folder).rglob("*")
                    if f"{kind}.db" in str(path) and path.is_file()
                )
                / given.events,
                "peak of memory so far in MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            }
            bills.append(documents(store))
            store.close()
    assert bills[0] == bills[1], "both come to the same documents"
    names = list(figures["rows"])
    report = Report(
        title="Taking usage in",
        command=f"python bench/intake.py --accounts {given.accounts} --events {given.events}",
        columns=["what", "rows", "files", "files to rows"],
        rows=[
            [name, *(f"{figures[kind][name]:,.1f}" for kind in ("rows", "files")), f"{ratio_of(figures, name):.2f}"]
            for name in names
        ],
        notes=[
            (
                f"{given.events:,} events of {given.accounts:,} accounts in one file of JSON Lines, added to a fresh "
                "SQLite database: as rows, and as files beside it. Added again, all of them are found to be there."
            ),
            f"Both bills have the same {len(bills[0]):,} lines.",
        ],
        packages=("ratebook", "duckdb"),
    )
    publish(report, write=given.write)


def ratio_of(figures: dict[str, dict[str, float]], name: str) -> float:
    return figures["files"][name] / figures["rows"][name]


if __name__ == "__main__":
    main()
