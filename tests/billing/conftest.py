"""A store of billing on each real database, and the call of an operation."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from ratebook.api import compile_file
from ratebook.billing import usage as billing_usage
from ratebook.billing.acting import Acting
from ratebook.billing.customers import create_customer, find_customer
from ratebook.billing.rulesets import publish
from ratebook.billing.run import Billed, bill
from ratebook.billing.settlements import problems
from ratebook.billing.subscriptions import add_subscription
from ratebook.billing.usage import UsageAdded, add_usage
from ratebook.diagnostics import Diagnostic, Source
from ratebook.engine.compiler.compile import compile_ruleset
from ratebook.engine.period import parse_period
from ratebook.ledger.store import Store, open_store


@pytest.fixture(scope="session", autouse=True)
def server(postgresql_server: str) -> None:
    """Tells tests that make databases of their own where: they ask `database_at`."""
    os.environ["RATEBOOK_TEST_SERVER"] = postgresql_server


@pytest.fixture
def url(database_url: str) -> str:
    """A new database of each kind."""
    return database_url


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where files of usage are, for commands and other processes too."""
    found = tmp_path / "usage"
    monkeypatch.setenv("RATEBOOK_USAGE_FOLDER", str(found))
    return found


@pytest.fixture(params=["rows", "files"])
def rows_or_files(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The same with usage as rows of the database, and with every intake as files beside it."""
    if request.param == "files":
        monkeypatch.setattr(billing_usage, "FILED_FROM", 1)
    return str(request.param)


@pytest.fixture
def store(url: str, folder: Path) -> Iterator[Store]:
    opened = open_store(url, create=True, folder=folder)
    try:
        yield opened
    finally:
        opened.close()


@pytest.fixture
def acting() -> Callable[..., Acting]:
    """`acting()` is a new wish at noon of 2026-04-01; `acting("2026-05-01")` on that day."""

    def make(day: str = "2026-04-01", key: str = "") -> Acting:
        time = datetime.fromisoformat(f"{day}T12:00:00").replace(tzinfo=UTC)
        return Acting("tester", time, key or str(uuid.uuid4()), "")

    return make


PLATFORM = Path(__file__).parents[2] / "rulesets" / "platform"


class Books:
    """A database of billing and what tests do with it; what is refused fails the test."""

    def __init__(self, store: Store, acting: Callable[..., Acting]) -> None:
        self.store = store
        self.acting = acting

    def publish(self, ruleset: Path | str, day: str = "2026-01-01") -> None:
        """Publish a file, or a text."""
        if isinstance(ruleset, Path):
            compiled = compile_file(ruleset, name=ruleset.name)
        else:
            compiled = compile_ruleset(Source("own.rates", ruleset))
        assert not isinstance(compiled, Diagnostic)
        assert compiled.program is not None, compiled.findings
        self.done(publish(self.store, self.acting(day), compiled))

    def subscribe(
        self, account: str, ruleset: str, plan: str, start: str, end: str | None = None, **attributes: object
    ) -> int:
        """Open an account where there is none, and put it on a plan."""
        if isinstance(self.store.read(lambda reader: find_customer(reader, account)), Diagnostic):
            currency = self.rows("SELECT currency FROM rulesets WHERE name = ?", ruleset)[0][0]
            self.done(create_customer(self.store, self.acting(start), account, str(currency)))
        last = None if end is None else date.fromisoformat(end)
        first = date.fromisoformat(start)
        answer = self.done(
            add_subscription(
                self.store, self.acting(start), account, ruleset, plan, first, end=last, attributes=attributes
            )
        )
        return int(str(answer["subscription"]))

    def use(self, rows: list[dict[str, object]] | Path, day: str = "2026-04-01") -> UsageAdded:
        """Add usage, all of it sound."""
        given = [rows] if isinstance(rows, Path) else rows
        added = add_usage(self.store, self.acting(day), given)
        assert isinstance(added, UsageAdded), added
        assert added.is_sound, added.rejects
        return added

    def bill(self, ruleset: str, period: str, issued: str, **options: object) -> Billed:
        """Bill a period; every account of it."""
        within = parse_period(period)
        assert within is not None
        day = date.fromisoformat(issued)
        result = bill(self.store, self.acting(issued), ruleset, within, issued=day, **options)  # type: ignore[arg-type]
        assert isinstance(result, Billed), result
        assert result.refusals == []
        return result

    def invoices(self) -> list[tuple[object, ...]]:
        """Account, plan, first day, kind, number and total of each document, in order."""
        return self.rows("SELECT account, plan, period_start, kind, number, total FROM invoices ORDER BY id")

    def rows(self, sql: str, *given: str | int) -> list[tuple[object, ...]]:
        """The rows of a query."""
        return [tuple(row) for row in self.store.read(lambda reader: reader.rows(sql, given))]

    def problems(self) -> list[str]:
        """What does not add up: of documents, and of all accounts together."""
        found = self.store.read(problems)
        ((credited, debited),) = self.rows(
            "SELECT CAST(sum(credits) AS BIGINT), CAST(sum(debits) AS BIGINT) FROM balances"
        )
        return found if credited == debited else [*found, f"credits {credited}, debits {debited}"]

    @staticmethod
    def done(answer: Mapping[str, object] | Diagnostic | tuple[Diagnostic, ...]) -> Mapping[str, object]:
        """The answer of an operation that was not refused."""
        assert not isinstance(answer, Diagnostic | tuple), answer
        return answer


@pytest.fixture
def books(store: Store, acting: Callable[..., Acting]) -> Books:
    """An empty database."""
    return Books(store, acting)


@pytest.fixture
def platform(books: Books) -> Books:
    """The platform's ruleset in force, its accounts but for their cards, and its usage."""
    books.publish(PLATFORM / "platform.rates")
    for line in (PLATFORM / "accounts.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        row.pop("cards", None)
        books.subscribe(row.pop("account"), "platform", row.pop("plan"), row.pop("start"), row.pop("end", None), **row)
    books.use(PLATFORM / "usage.jsonl")
    return books
