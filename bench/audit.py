"""Verifying a ledger: rows a second of the log and of the whole audit, beside a loop that only reads and hashes.

    python bench/audit.py [--rows N] [--write]

The loop by hand reads the same rows with sqlite3 and takes one SHA-256 of the text of each, which is the least that any
check by hashes has to do. With RATEBOOK_TEST_POSTGRESQL set, the same is measured on that server.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

from ratebook.billing.acting import Acting
from ratebook.billing.audit.checkpoints import take_checkpoint
from ratebook.billing.audit.report import TABLES, audit_database
from ratebook.billing.customers import create_customer
from ratebook.ledger.accounts import AccountKind, find_account, platform_account
from ratebook.ledger.audit import audit_log
from ratebook.ledger.note import SecretKey, new_key
from ratebook.ledger.requests import Request, Transfer
from ratebook.ledger.store import Reader, Store, Transaction, open_store
from report import Report, options, publish

T = TypeVar("T")
ACCOUNTS, BATCH = 200, 1_000
NOW = datetime(2026, 4, 1, tzinfo=UTC)


def main() -> int:
    parser = options(__doc__)
    parser.add_argument("--rows", type=int, default=200_000, help="transfers in the ledger")
    said = parser.parse_args()
    rows: list[tuple[str, ...]] = []
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "ledger.db"
        with closing(open_store(str(file), create=True)) as store:
            fill(store, said.rows)
            rows += measured("SQLite", store, Path(name))
        count, *times = timed(lambda: by_hand(file))
        rows.insert(0, line("SQLite", "read and one hash, by hand", count, *times))
        memory = peak(file)
    server = os.environ.get("RATEBOOK_TEST_POSTGRESQL", "")
    if server:
        rows += on_server(server, said.rows, Path(tempfile.gettempdir()))
    notes = [
        "`log` reads every row, and computes its hash and the tree; `everything` adds balances and documents.",
        "Rows a second are by the seconds of our process, for other programs may run beside it.",
        f"Memory that verifying the log takes beyond the program: at most {memory / 2**20:.1f} MiB, whatever the rows.",
    ]
    publish(
        Report(
            "Audit",
            f"python bench/audit.py --rows {said.rows} --write",
            ("database", "what", "rows", "seconds", "of our process", "rows/s of it"),
            rows,
            notes,
            ("ratebook", "cryptography", "psycopg"),
        ),
        write=said.write,
    )
    return 0


def fill(store: Store, transfers: int) -> None:
    """Accounts, and transfers into their wallets in batches."""
    for number in range(ACCOUNTS):
        create_customer(store, Acting("bench", NOW, f"open {number}"), f"a-{number}", "CNY")

    def own(transaction: Transaction) -> tuple[int, list[int]]:
        gateway = platform_account(transaction, AccountKind.GATEWAY, "CNY", effective=0)
        wallets = [find_account(transaction, f"wallet:a-{number}") for number in range(ACCOUNTS)]
        return gateway, [wallet.id for wallet in wallets if wallet is not None]

    gateway, wallets = store.write(own)
    for start in range(0, transfers, BATCH):
        requests = [
            Request(
                f"k-{number}",
                (Transfer(gateway, wallets[number % ACCOUNTS], 100 + number, "CNY", "deposit", f"r-{number}"),),  # type: ignore[arg-type]
                number,
            )
            for number in range(start, min(start + BATCH, transfers))
        ]
        store.write(lambda transaction, requests=requests: transaction.post(requests))  # type: ignore[misc]


def measured(name: str, store: Store, folder: Path) -> list[tuple[str, ...]]:
    """Rows of the table for one database."""
    key = new_key("ledger.example.com/bench", bytes(32))
    assert isinstance(key, SecretKey)
    log, *log_times = timed(lambda: store.read(lambda reader: audit_log(reader, TABLES)))
    whole, *whole_times = timed(lambda: audit_database(store, [], folder))
    _, *signing = timed(lambda: take_checkpoint(store, key, verify=False))
    assert not log.findings and not whole.findings
    return [
        line(name, "log", log.size, *log_times),
        line(name, "everything", log.size, *whole_times),
        (*line(name, "checkpoint, unverified", log.size, *signing)[:-1], ""),
    ]


def line(name: str, what: str, count: int, seconds: float, busy: float) -> tuple[str, ...]:
    """A row of the table."""
    return name, what, f"{count:,}", f"{seconds:.2f}", f"{busy:.2f}", f"{count / max(busy, 0.001):,.0f}"


def on_server(server: str, transfers: int, folder: Path) -> list[tuple[str, ...]]:
    """The same on PostgreSQL, in a database that is dropped afterwards."""
    import psycopg

    name = f"ratebook_bench_{os.getpid()}"
    with psycopg.connect(server, autocommit=True) as connection:
        try:
            with closing(open_store(f"{server.rsplit('/', 1)[0]}/{name}", create=True)) as store:
                fill(store, transfers)
                return measured("PostgreSQL", store, folder)
        finally:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'.encode())


def by_hand(file: Path) -> int:
    """Read every transfer and hash its text."""
    count = 0
    with closing(sqlite3.connect(file)) as raw:
        for row in raw.execute("SELECT * FROM transfers ORDER BY id"):
            sha256(repr(row).encode()).digest()
            count += 1
    return count


def peak(file: Path) -> int:
    """The most memory that verifying the log takes, in bytes."""
    with closing(open_store(str(file))) as store:

        def verify(reader: Reader) -> int:
            tracemalloc.start()
            audit_log(reader, TABLES)
            _, most = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            return most

        return store.read(verify)


def timed(work: Callable[[], T]) -> tuple[T, float, float]:
    """The answer, the seconds that passed, and those that this process computed: other programs run beside it."""
    begin, busy = time.perf_counter(), time.process_time()
    return work(), time.perf_counter() - begin, time.process_time() - busy


if __name__ == "__main__":
    raise SystemExit(main())
