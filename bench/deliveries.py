"""Many deliveries of the same events in any order, some late: invoices as after one clean delivery, byte by byte.

    python bench/deliveries.py [--events 200000] [--deliveries 1000000] [--accounts 2000] [--seed N] [--write]
        [--on sqlite] [--on postgresql]

Usage of March and April comes in four parts, with a billing run after the second and after the fourth:

1. March in time;
2. March late: a tenth of it, which nobody has seen before all the rest of March is there;
3. April in time, and with it a twentieth of March, which comes after its bill;
4. April late.

In the clean run each event comes once, in the order of time within its part. In the mixed run it comes one to five
times, shuffled over files; the first is in its part, the others there or in any later one, also after its bill. All
documents, their lines, what is open and all balances have to be the same texts and numbers: what came after the bill of
its period is in both an adjustment of the next. A third run, in which nothing comes after its bill, has to come to the
same sums for each account.

Prints figures, and ends with 1 where anything differs. `--write` puts them into docs/reliability.md. PostgreSQL is a
server of the benchmark's own.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from hashlib import sha256
from pathlib import Path

from bill import MARCH, RULESET, _accounts, acting
from ratebook.api import compile_file
from ratebook.billing.acting import Acting
from ratebook.billing.rulesets import publish
from ratebook.billing.run import Billed, bill
from ratebook.billing.settlements import problems
from ratebook.billing.usage import UsageAdded, add_usage
from ratebook.diagnostics import Diagnostic
from ratebook.engine.period import DateRange
from ratebook.ledger.store import Store, open_store
from report import ROOT, Report, with_section

PAGE = ROOT / "docs" / "reliability.md"
TITLE = "Usage delivered again, late and in any order"
FILE_ROWS = 50_000
TIMES_MAX = 5
"""How often an event comes at most."""
PARTS = 4
APRIL = DateRange(MARCH.end, date(2026, 5, 1))
PLANS = ("payg", "yearly")
"""Half of the accounts have units that are included for a year, so that late usage changes what comes after it."""


@dataclass(frozen=True, slots=True)
class Event:
    """A line of JSON, when it happened, and the part in which it comes first; late for its bill where `is_late`."""

    time: int
    line: str
    part: int
    is_late: bool = False


Part = list[Event]


def events(count: int, accounts: int, chooser: random.Random) -> list[Event]:
    """Events of March, and half as many of April."""
    first = int(datetime(2026, 3, 1, tzinfo=UTC).timestamp())
    found = []
    for number in range(count):
        is_march = number % 3 != 0
        # A day is left out at both ends: months are those of Shanghai.
        seconds = (86_400 if is_march else 32 * 86_400) + chooser.randrange((29 if is_march else 28) * 86_400)
        moment = datetime.fromtimestamp(first + seconds, UTC)
        row = {
            "id": f"e-{number}",
            "source": f"s-{number % 3}",
            "account": f"a-{chooser.randrange(accounts):07d}",
            "event": "compute.used",
            "time": moment.isoformat().replace("+00:00", "Z"),
            "units": chooser.randrange(1, 500),
        }
        drawn = chooser.random()
        is_late = is_march and drawn < 0.05
        part = (3 if is_late else 2 if drawn < 0.15 else 1) if is_march else (4 if drawn < 0.10 else 3)
        found.append(Event(first + seconds, json.dumps(row), part, is_late))
    return found


def clean(given: Iterable[Event]) -> list[Part]:
    """Each event once, in the order of time within its part."""
    parts: list[Part] = [[] for _ in range(PARTS)]
    for event in sorted(given, key=lambda event: event.time):
        parts[event.part - 1].append(event)
    return parts


def in_time(given: Iterable[Event]) -> list[Part]:
    """The same with nothing after its bill."""
    parts: list[Part] = [[] for _ in range(PARTS)]
    for event in given:
        parts[1 if event.is_late else event.part - 1].append(event)
    return parts


def mixed(given: Sequence[Event], count: int, chooser: random.Random) -> list[Part]:
    """Each event one to five times, so that they are so many together, in any order within a part."""
    parts: list[Part] = [[] for _ in range(PARTS)]
    times = [1] * len(given)
    for event in given:
        parts[event.part - 1].append(event)
    for _ in range(min(count, TIMES_MAX * len(given)) - len(given)):
        place = chooser.randrange(len(given))
        while times[place] == TIMES_MAX:
            place = chooser.randrange(len(given))
        times[place] += 1
        parts[chooser.randint(given[place].part, PARTS) - 1].append(given[place])
    for part in parts:
        chooser.shuffle(part)
    return parts


@dataclass(slots=True)
class Run:
    """What became of deliveries, and what the two bills came to."""

    delivered: int = 0
    added: int = 0
    repeated: int = 0
    late: int = 0
    seconds: float = 0.0
    invoices: int = 0
    total: int = 0
    documents: str = ""
    """The hash of everything that was compared."""
    content: tuple[tuple[object, ...], ...] = ()
    accounts: tuple[tuple[object, ...], ...] = ()
    """What each account was billed in all."""
    adjustments: int = 0


def run(store: Store, parts: Sequence[Part], accounts: int) -> Run:
    """Deliver the parts and bill March after the second, April after the last."""
    found = Run()
    prepare(store, accounts)
    with tempfile.TemporaryDirectory(prefix="ratebook-deliveries-") as folder:
        for number, part in enumerate(parts, start=1):
            begun = time.perf_counter()
            deliver(store, number, part, Path(folder), found)
            found.seconds += time.perf_counter() - begun
            if number == 2:
                billed(store, MARCH, found)
    billed(store, APRIL, found)
    found.content = tuple(documents(store))
    found.documents = sha256(repr(found.content).encode()).hexdigest()
    found.accounts = tuple(
        rows(store, "SELECT account, CAST(sum(total) AS BIGINT) FROM invoices GROUP BY account ORDER BY account")
    )
    adjusting = "SELECT count(*) FROM invoice_lines WHERE origin_start <> ''"
    found.adjustments = int(str(rows(store, adjusting)[0][0]))
    return found


def prepare(store: Store, accounts: int) -> None:
    compiled = compile_file(RULESET, name=RULESET.name)
    assert not isinstance(compiled, Diagnostic)
    assert not isinstance(publish(store, acting("publish"), compiled), tuple)
    for first in range(0, accounts, 5_000):
        numbers = range(first, min(first + 5_000, accounts))
        store.write(lambda transaction, numbers=numbers: _accounts(transaction, numbers, PLANS))


def deliver(store: Store, number: int, part: Part, folder: Path, found: Run) -> None:
    """Add a part as files of so many rows."""
    for first in range(0, len(part), FILE_ROWS):
        path = folder / f"{number}-{first}.jsonl"
        path.write_text("".join(f"{event.line}\n" for event in part[first : first + FILE_ROWS]), encoding="utf-8")
        result = add_usage(store, acting(f"usage {number} {first}"), [path])
        assert isinstance(result, UsageAdded), result
        assert result.is_sound, result.rejects[:3]
        found.delivered += result.read
        found.added += result.added
        found.repeated += result.repeated
        found.late += result.late
        path.unlink()


def billed(store: Store, period: DateRange, found: Run) -> None:
    noon = datetime(period.end.year, period.end.month, period.end.day, 12, tzinfo=UTC)
    result = bill(store, Acting("bench", noon, f"bill {period.start}"), "platform", period, issued=period.end)
    assert isinstance(result, Billed), result
    assert not result.refusals
    assert store.read(problems) == []
    found.invoices += result.invoices
    found.total += result.total


def documents(store: Store) -> Iterator[tuple[object, ...]]:
    """Everything of the documents but for places in the sequence, what is open of them, and all balances."""
    yield from rows(
        store,
        "SELECT series, number, kind, account, plan, hash, period_start, period_end, total, issued, payable_by, "
        "statement FROM invoices ORDER BY id",
    )
    yield from rows(
        store,
        "SELECT series, number, line, name, invoice_lines.kind, label, dimensions, quantity, unit, amount, place, "
        "origin_start, origin_end, adjusts FROM invoice_lines JOIN invoices ON invoices.id = invoice "
        "ORDER BY invoice, line",
    )
    yield from rows(store, "SELECT account, open, payable_by FROM open_invoices ORDER BY invoice")
    yield from rows(
        store, "SELECT name, credits, debits, held FROM balances JOIN accounts ON accounts.id = account ORDER BY name"
    )


def rows(store: Store, sql: str) -> list[tuple[object, ...]]:
    return [tuple(row) for row in store.read(lambda reader: reader.rows(sql))]


@contextmanager
def database(kind: str) -> Iterator[str]:
    """The address of a new database."""
    if kind == "sqlite":
        with tempfile.TemporaryDirectory(prefix="ratebook-deliveries-") as folder:
            yield str(Path(folder) / "ratebook.db")
        return
    from ratebook.tests.ledger.faults.cluster import Cluster

    server = Cluster(shared_buffers="256MB", max_wal_size="1GB")
    try:
        server.start()
        yield server.url("postgres")
    finally:
        server.remove()


def on(kind: str, parts: Sequence[Part], accounts: int) -> Run:
    """The same on a new database."""
    with database(kind) as url:
        store = open_store(url, create=True)
        try:
            return run(store, parts, accounts)
        finally:
            store.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--deliveries", type=int, default=1_000_000)
    parser.add_argument("--accounts", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=20_260_401)
    parser.add_argument("--on", action="append", choices=("sqlite", "postgresql"), help="sqlite where none is named")
    parser.add_argument("--write", action="store_true", help="put the figures into docs/reliability.md")
    asked = parser.parse_args()
    kinds = asked.on or ["sqlite"]
    chooser = random.Random(asked.seed)
    given = events(asked.events, asked.accounts, chooser)
    many = mixed(given, asked.deliveries, chooser)
    once, punctual = on("sqlite", clean(given), asked.accounts), on("sqlite", in_time(given), asked.accounts)
    after = sum(event.is_late for event in given)
    wrong = [
        what
        for what, holds in (
            ("the clean run took every event once", (once.added, once.repeated, once.late) == (len(given), 0, after)),
            ("late usage costs what it had cost in time", once.accounts == punctual.accounts),
            ("nothing is adjusted where all is in time", punctual.adjustments == 0 < once.adjustments),
        )
        if not holds
    ]
    table = [
        ("events", f"{len(given):,}"),
        ("of these late, before their bill", f"{sum(event.part in (2, 4) for event in given):,}"),
        ("of these after their bill", f"{after:,}"),
        ("accounts", f"{asked.accounts:,}"),
        ("invoices of both months", f"{once.invoices:,}"),
        ("adjustment lines on them", f"{once.adjustments:,}"),
        ("their total in minor units", f"{once.total:,}"),
    ]
    for kind in kinds:
        found = on(kind, many, asked.accounts)
        word = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}[kind]
        same = found.content == once.content
        if not same or (found.added, found.repeated, found.late) != (len(given), found.delivered - len(given), after):
            wrong.append(f"{word}: the mixed run differs from the clean one")
        table += [
            (f"{word}: deliveries", f"{found.delivered:,}"),
            (f"{word}: added", f"{found.added:,}"),
            (f"{word}: repeats without effect", f"{found.repeated:,}"),
            (f"{word}: deliveries a second", f"{found.delivered / found.seconds:,.0f}"),
            (f"{word}: documents, lines, open amounts and balances as in the clean run", "yes" if same else "NO"),
        ]
    table.append(("SHA-256 of these documents in the clean run", once.documents[:32] + "…"))
    options = "".join(f" --on {kind}" for kind in asked.on or ())
    report = Report(
        TITLE,
        f"python bench/deliveries.py --events {asked.events} --deliveries {asked.deliveries} "
        f"--accounts {asked.accounts} --seed {asked.seed}{options}",
        ("what", "figure"),
        table,
        [*NOTES, *(f"NOT SO: {one}" for one in wrong)],
        ("ratebook", "psycopg"),
    )
    print(report.text())
    if asked.write:
        PAGE.write_text(with_section(PAGE.read_text(encoding="utf-8"), TITLE, report.section()), encoding="utf-8")
    sys.exit(1 if wrong else 0)


NOTES = (
    """Each event comes one to five times, shuffled over files. A tenth of each month is late: nobody has seen it
  before the rest of the month is there. A twentieth of March comes after the bill of March, and so do repeats of
  everything. The clean run has the same before and after each bill, once and in the order of time.""",
    """What came after its bill is an adjustment on the next. A third run, in which it came before, bills each account
  the same in both months together, without an adjustment.""",
)


if __name__ == "__main__":
    main()
