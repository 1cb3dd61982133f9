"""The billing run: what it bills, under which numbers, and that breaking it off anywhere changes nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ratebook import load, rate
from ratebook.billing import rating, run
from ratebook.billing.customers import deposit
from ratebook.billing.drafts import Draft
from ratebook.billing.invoices import Issue, Issued, issue
from ratebook.billing.run import bill
from ratebook.billing.usage import add_usage
from ratebook.diagnostics import Diagnostic
from ratebook.engine.period import parse_period
from ratebook.intake import statement_object
from ratebook.ledger.store import Store, open_store

PLATFORM = Path(__file__).parents[2] / "rulesets" / "platform"
MONTHS = ("2026-01", "2026-02", "2026-03")
DAYS = {"2026-01": "2026-02-01", "2026-02": "2026-03-01", "2026-03": "2026-04-01"}


def previews(month: str) -> list[dict[str, Any]]:
    """The statements of `ratebook rate` over the same files, as the database has no cards."""
    accounts = [json.loads(line) for line in (PLATFORM / "accounts.jsonl").read_text(encoding="utf-8").splitlines()]
    usage = [
        json.loads(line, parse_float=Decimal)
        for line in (PLATFORM / "usage.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    plain = [{name: value for name, value in row.items() if name != "cards"} for row in accounts]
    return [statement_object(item) for item in rate(load(PLATFORM / "platform.rates"), usage, plain, month)]


def statements(books: Any, month: str) -> list[dict[str, Any]]:
    found = books.rows("SELECT statement FROM invoices WHERE period_start = ? ORDER BY id", f"{month}-01")
    return [json.loads(str(text)) for (text,) in found]


@pytest.mark.parametrize("few", [0, 500])
def test_a_run_bills_what_rate_previews(platform: Any, few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rating, "ONE_BY_ONE_MAX", few)
    for month in MONTHS:
        platform.bill("platform", month, DAYS[month])
        assert platform.problems() == []
        expected = previews(month)
        assert statements(platform, month) == expected
        totals = {(item["account"], item["plan"]): item["total"] for item in expected}
        for account, plan, start, kind, _, total in platform.invoices():
            if str(start) == f"{month}-01":
                assert f"{int(str(total)) / 100:.2f}" == totals[account, plan]
                assert kind in ("invoice", "nothing")


def test_numbers_have_no_gaps_and_follow_account_and_start(platform: Any) -> None:
    for month in MONTHS:
        platform.bill("platform", month, DAYS[month], per_commit=3)
    documents = platform.invoices()
    numbers = [item[4] for item in documents if item[3] == "invoice"]
    assert numbers == list(range(1, len(numbers) + 1))
    for month in MONTHS:
        own = [str(item[0]) for item in documents if item[2] == f"{month}-01"]
        assert own == sorted(own)
    assert all(item[4] == 0 and item[5] == 0 for item in documents if item[3] == "nothing")
    assert {item[3] for item in documents} == {"invoice", "nothing"}


def test_a_second_run_of_a_period_bills_nothing_twice(platform: Any) -> None:
    first = platform.bill("platform", "2026-03", "2026-04-01")
    before = platform.invoices()
    again = platform.bill("platform", "2026-03", "2026-04-01")
    assert first.invoices > 0
    assert (again.invoices, again.empty, again.total) == (0, 0, 0)
    assert platform.invoices() == before


class Killed(BaseException):
    """The end of the process, as far as a run can tell."""


def dying(after: int) -> Callable[[Store, Any, Issue], Issued]:
    """Issues so many chunks and dies."""
    left = [after]

    def own(store: Store, drafts: list[Draft], shared: Issue) -> Issued:
        if left[0] == 0:
            raise Killed
        left[0] -= 1
        return issue(store, drafts, shared)

    return own


def content(books: Any) -> list[object]:
    """All that a run writes but for places in the sequence."""
    columns = "series, number, kind, account, period_start, currency, total, issued, payable_by, statement"
    return [
        books.rows(f"SELECT {columns} FROM invoices ORDER BY id"),
        books.rows("SELECT name, kind, dimensions, quantity, amount FROM invoice_lines ORDER BY invoice, line"),
        books.rows("SELECT kind, amount, reference FROM settlements ORDER BY id"),
        books.rows("SELECT account, open, payable_by FROM open_invoices ORDER BY invoice"),
        books.rows("SELECT name, credits, debits FROM accounts JOIN balances ON account = accounts.id ORDER BY name"),
    ]


@pytest.fixture
def made(tmp_path: Path, acting: Any, request: pytest.FixtureRequest) -> Any:
    """Another database like the first, to compare with: SQLite."""
    second = open_store(str(tmp_path / "other.db"), create=True)
    books_type = type(request.getfixturevalue("books"))
    yield books_type(second, acting)
    second.close()


def fill(books: Any) -> None:
    books.publish(PLATFORM / "platform.rates")
    for number in range(7):
        books.subscribe(f"a-{number}", "platform", "payg", "2026-01-01", tier="gold" if number % 2 else "standard")
        books.done(deposit(books.store, books.acting("2026-01-02"), f"a-{number}", 100 + 300 * number))
    books.use(events(7))


def events(count: int, **other: object) -> list[dict[str, object]]:
    return [
        {
            "id": f"e-{number}",
            "account": f"a-{number % 7}",
            "event": "compute.used",
            "time": f"2026-03-{1 + number % 28:02}T09:00:00+08:00",
            "units": 10 + number,
            **other,
        }
        for number in range(count)
    ]


@pytest.mark.parametrize("after", [0, 1, 2, 3])
def test_a_run_that_is_broken_off_comes_to_the_same(
    books: Any, made: Any, after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for own in (books, made):
        fill(own)
    made.bill("platform", "2026-03", "2026-04-01")
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(run, "issue", dying(after))
        books.bill("platform", "2026-03", "2026-04-01", per_commit=2)
    # What comes in between is not of this run, wherever it was broken off.
    books.use([{**events(1)[0], "id": "late", "units": 1000}])
    books.subscribe("b-0", "platform", "payg", "2026-01-01")
    again = books.bill("platform", "2026-03", "2026-04-01", per_commit=3)
    assert again.earlier == min(2 * after, 7)
    assert books.problems() == []
    own, other = content(books), content(made)
    assert own[:4] == other[:4]
    without = [row for row in own[4] if "b-0" not in str(row[0])]  # type: ignore[attr-defined]
    assert without == other[4]


def test_two_runs_at_once_share_the_work(books: Any, made: Any) -> None:
    for own in (books, made):
        fill(own)
    made.bill("platform", "2026-03", "2026-04-01")
    with ThreadPoolExecutor(4) as pool:
        runs = [pool.submit(books.bill, "platform", "2026-03", "2026-04-01", per_commit=size) for size in (1, 2, 2, 3)]
        results = [item.result() for item in runs]
    assert sum(item.invoices for item in results) == 7
    assert len({item.run.id for item in results}) == 1 or len(books.rows("SELECT id FROM bill_runs")) > 1
    assert content(books) == content(made)


def test_a_broken_off_run_of_another_period_comes_first(books: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(books)
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(run, "issue", dying(0))
        books.bill("platform", "2026-02", "2026-03-01")
    within = parse_period("2026-03")
    assert within is not None
    day = date(2026, 4, 1)
    refused = bill(books.store, books.acting(), "platform", within, issued=day)
    assert isinstance(refused, Diagnostic)
    assert refused.code == "RB7055"
    unknown = bill(books.store, books.acting(), "nowhere", within, issued=day)
    assert isinstance(unknown, Diagnostic)
    assert unknown.code == "RB7043"


def test_the_wallet_pays_and_the_rest_is_open(books: Any) -> None:
    fill(books)
    books.bill("platform", "2026-03", "2026-04-01", payable_within=10)
    totals = dict(books.rows("SELECT account, total FROM invoices"))
    assert totals == {f"a-{n}": (10 + n) * 100 * (90 if n % 2 else 100) // 100 for n in range(7)}
    opened = dict(books.rows("SELECT account, open FROM open_invoices"))
    assert opened == {f"a-{n}": total - 100 - 300 * n for n in range(7) if (total := totals[f"a-{n}"]) > 100 + 300 * n}
    assert books.rows("SELECT DISTINCT payable_by FROM invoices") == [("2026-04-11",)]


def test_a_period_that_is_not_over_waits(books: Any) -> None:
    fill(books)
    early = books.bill("platform", "2026-03", "2026-03-31")
    assert (early.invoices, early.empty) == (0, 0)
    assert books.bill("platform", "2026-03", "2026-04-01").invoices == 7


def test_deliveries_in_any_order_and_number_come_to_the_same(books: Any, made: Any) -> None:
    for own in (books, made):
        own.publish(PLATFORM / "platform.rates")
        for number in range(7):
            own.subscribe(f"a-{number}", "platform", "payg", "2026-01-01", tier="gold")
    rows = events(300)
    made.use(rows)
    mixed = sorted([*rows, *rows[::2], *rows[::3], *rows[::5]], key=lambda row: hash(str(row["id"])) % 97)
    for first in range(0, len(mixed), 50):
        added = add_usage(books.store, books.acting("2026-04-02"), mixed[first : first + 50])
        assert not isinstance(added, Diagnostic)
    for own in (books, made):
        own.bill("platform", "2026-03", "2026-04-01")
    assert content(books) == content(made)
