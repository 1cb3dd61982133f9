"""Moving in: accounts and subscriptions from one file, and the same file again.

    python bench/loading.py [--accounts N] [--write]

The file is made first; what is measured are the calls of `ratebook account create --from` and `ratebook subscription
add --from` without the start of the program. With RATEBOOK_TEST_POSTGRESQL set, the same is measured on that server.
"""

from __future__ import annotations

import csv
import os
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from ratebook.api import compile_file
from ratebook.billing.account_files import AccountDefaults, load_customers
from ratebook.billing.acting import Acting
from ratebook.billing.loading import Loaded
from ratebook.billing.rulesets import publish as publish_ruleset
from ratebook.billing.subscription_files import load_subscriptions
from ratebook.diagnostics import Diagnostic
from ratebook.ledger.store import Store, open_store
from report import ROOT, Report, options, publish

RULESET = ROOT / "rulesets" / "starter" / "starter.rates"
NOW = datetime(2026, 4, 1, tzinfo=UTC)


def main() -> int:
    parser = options(__doc__)
    parser.add_argument("--accounts", type=int, default=100_000, help="rows of the file")
    said = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "accounts.csv"
        write_file(file, said.accounts)
        with closing(open_store(str(Path(name) / "ratebook.db"), create=True)) as store:
            rows = measured("SQLite", store, file, said.accounts)
        server = os.environ.get("RATEBOOK_TEST_POSTGRESQL", "")
        if server:
            rows += on_server(server, file, said.accounts)
    publish(
        Report(
            "Moving in",
            f"python bench/loading.py --accounts {said.accounts} --write",
            ("database", "what", "rows", "added", "seconds", "of our process", "rows/s"),
            rows,
            ["All rows are checked, and added in one transaction. The same file again adds nothing."],
            ("ratebook", "psycopg"),
        ),
        write=said.write,
    )
    return 0


def write_file(path: Path, count: int) -> None:
    """One subscription of each account."""
    with path.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(["account", "plan", "start", "kind"])
        writer.writerows(
            [f"a-{n:07}", "monthly", "2026-03-01", "charity" if n % 3 else "company"] for n in range(count)
        )


def measured(database: str, store: Store, file: Path, count: int) -> list[tuple[str, ...]]:
    """Rows of the table for one database."""
    compiled = compile_file(RULESET, name=RULESET.name)
    assert not isinstance(compiled, Diagnostic) and compiled.program is not None
    assert not isinstance(publish_ruleset(store, acting(), compiled), tuple)
    defaults = AccountDefaults(currency=compiled.program.money.currency.code)
    works: list[tuple[str, Callable[[], Loaded | Diagnostic], int]] = [
        ("accounts", lambda: load_customers(store, acting(), file, defaults), count),
        ("accounts, the same file again", lambda: load_customers(store, acting(), file, defaults), 0),
        ("subscriptions", lambda: load_subscriptions(store, acting(), file), count),
        ("subscriptions, the same file again", lambda: load_subscriptions(store, acting(), file), 0),
    ]
    return [timed(database, what, work, count, added) for what, work, added in works]


def timed(database: str, what: str, work: Callable[[], Loaded | Diagnostic], count: int, added: int) -> tuple[str, ...]:
    """A row of the table; the call has to add what it should."""
    begin, begin_own = time.perf_counter(), time.process_time()
    loaded = work()
    seconds, own = time.perf_counter() - begin, time.process_time() - begin_own
    assert isinstance(loaded, Loaded) and loaded.is_sound, loaded
    assert (loaded.read, loaded.added) == (count, added)
    return database, what, f"{count:,}", f"{added:,}", f"{seconds:.2f}", f"{own:.2f}", f"{count / seconds:,.0f}"


def acting() -> Acting:
    """A new wish."""
    return Acting("bench", NOW, str(uuid4()))


def on_server(server: str, file: Path, count: int) -> list[tuple[str, ...]]:
    """The same on PostgreSQL, in a database that is dropped afterwards."""
    import psycopg

    name = f"ratebook_bench_{os.getpid()}"
    with psycopg.connect(server, autocommit=True) as connection:
        try:
            with closing(open_store(f"{server.rsplit('/', 1)[0]}/{name}", create=True)) as store:
                return measured("PostgreSQL", store, file, count)
        finally:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'.encode())


if __name__ == "__main__":
    raise SystemExit(main())
