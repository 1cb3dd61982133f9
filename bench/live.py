"""Charging usage as it happens against a database: one event a commit, in groups, and without the database.

    python bench/live.py [--write]

An account of plan `pro` of workload.rates is charged event after event. `engine` prices each in memory alone; the
others keep the event, its charge and the counters too. With RATEBOOK_TEST_POSTGRESQL also on PostgreSQL. Both give the
same prices, which is checked. Exits with 1 where a charge in a group takes more than LIMIT times as long as its price.
"""

from __future__ import annotations

import os
import random
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from ratebook import load
from ratebook.api import compile_file
from ratebook.billing.acting import Acting
from ratebook.billing.customers import create_customer, deposit
from ratebook.billing.live import debit_all
from ratebook.billing.rulesets import publish
from ratebook.billing.subscriptions import add_subscription
from ratebook.diagnostics import Diagnostic
from ratebook.engine.evaluators.running import Running, debit, open_period
from ratebook.engine.period import DateRange
from ratebook.engine.usage import AccountUsage, Subscription, UsageEvent
from ratebook.ledger.store import Store, open_store
from report import Report, options
from report import publish as publish_report

LIMIT = 6.0
COUNT = 400
GROUPS = (1, 10, 100)
WORKLOAD = Path(__file__).with_name("workload.rates")
DAYS = DateRange(date(2026, 6, 1), date(2026, 7, 1))
SERVER = os.environ.get("RATEBOOK_TEST_POSTGRESQL", "")


def rows(count: int) -> list[dict[str, object]]:
    """Random events of all that the ruleset declares, in the month, none of them in order."""
    schemas = list(load(WORKLOAD).program.schema.events.values())
    draw = random.Random(20260601)
    found = []
    for number in range(count):
        schema = draw.choice(schemas)
        moment = datetime(2026, 6, 1, 12, tzinfo=UTC) + timedelta(seconds=draw.randrange(28 * 86_400))
        row: dict[str, object] = {"id": f"e{number}", "account": "a", "event": schema.name, "time": moment.isoformat()}
        for item in schema.fields:
            row[item.name] = draw.choice(item.values) if item.values else f"{draw.randrange(1, 100_000) / 100:.2f}"
        found.append(row)
    return found


def in_memory(events: list[dict[str, object]]) -> tuple[float, list[int]]:
    """Microseconds an event, and the prices."""
    program = load(WORKLOAD).program
    subscription = Subscription("a", "pro", DAYS.start, None, {"tier": "gold"})
    running = open_period(program, subscription, DAYS, AccountUsage())
    assert isinstance(running, Running), running
    facts = []
    for row in events:
        schema = program.schema.events[str(row["event"])]
        fields = {item.name: row[item.name] if item.values else Decimal(str(row[item.name])) for item in schema.fields}
        facts.append(UsageEvent("a", schema.name, datetime.fromisoformat(str(row["time"])), fields))  # type: ignore[arg-type]
    prices = []
    begin = time.perf_counter()
    for fact in facts:
        found = debit(running, fact)
        assert not isinstance(found, Diagnostic), found
        running, price = found
        prices.append(price.total)
    return (time.perf_counter() - begin) / len(events) * 1e6, prices


@contextmanager
def shop(url: str) -> Iterator[Store]:
    """A database with the account and a full wallet."""

    def acting() -> Acting:
        return Acting("bench", datetime(2026, 6, 30, tzinfo=UTC), uuid.uuid4().hex)

    with closing(open_store(url, create=True)) as store:
        compiled = compile_file(WORKLOAD, name=WORKLOAD.name)
        assert not isinstance(compiled, Diagnostic)
        for answer in (
            publish(store, acting(), compiled),
            create_customer(store, acting(), "a", compiled.program.money.currency.code),  # type: ignore[union-attr]
            deposit(store, acting(), "a", 10**14),
            add_subscription(
                store,
                acting(),
                "a",
                compiled.program.name,
                "pro",
                DAYS.start,
                attributes={"tier": "gold"},  # type: ignore[union-attr]
            ),
        ):
            assert not isinstance(answer, Diagnostic | tuple), answer
        yield store


def kept(store: Store, events: list[dict[str, object]], group: int) -> tuple[float, list[int]]:
    """The same with a database, so many events a commit."""
    acting = Acting("bench", datetime(2026, 6, 30, tzinfo=UTC), "")
    answers = []
    begin = time.perf_counter()
    for first in range(0, len(events), group):
        answers += debit_all(store, acting, events[first : first + group])
    spent = time.perf_counter() - begin
    prices = []
    for answer in answers:
        assert not isinstance(answer, Diagnostic), answer
        prices.append(sum(int(str(line["amount"])) for line in answer["lines"] if line["kind"] != "withheld"))  # type: ignore[attr-defined]
    return spent / len(events) * 1e6, prices


def urls() -> Iterator[tuple[str, str]]:
    """Databases to make, each once for every group."""
    folder = tempfile.mkdtemp(prefix="ratebook-")
    yield "SQLite", f"{folder}/{{}}.db"
    if SERVER:
        yield "PostgreSQL", f"{SERVER.rsplit('/', 1)[0]}/ratebook_{uuid.uuid4().hex[:8]}_{{}}"


def drop(url: str) -> None:
    if not url.startswith("postgresql"):
        return
    import psycopg

    server, name = url.rsplit("/", 1)
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def main() -> int:
    said = options(__doc__).parse_args()
    events = rows(COUNT)
    alone, prices = in_memory(events)
    table = [("engine", "", f"{alone:,.0f}", "1.0")]
    worst = 0.0
    for database, pattern in urls():
        for group in GROUPS:
            url = pattern.format(group)
            try:
                with shop(url) as store:
                    spent, found = kept(store, events, group)
            finally:
                drop(url)
            assert found == prices, "the prices are those of the engine"
            table.append((database, f"{group}", f"{spent:,.0f}", f"{spent / alone:.1f}"))
            worst = max(worst, spent / alone if group == GROUPS[-1] else 0.0)
    notes = [
        f"{COUNT} events of one account; kept are the event, its lines, its transfers, its answer and the counters.",
        f"At most {LIMIT} times the engine's own time is allowed at {GROUPS[-1]} events a commit.",
    ]
    columns = ("database", "events a commit", "a charge, µs", "× engine")
    publish_report(
        Report("Charging as it happens", "python bench/live.py --write", columns, table, notes), write=said.write
    )
    return 0 if worst <= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
