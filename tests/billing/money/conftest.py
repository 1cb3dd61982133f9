"""Both databases for every test of billing, each empty when a test begins."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from ratebook.billing.acting import Acting, Json
from ratebook.billing.customers import Customer, create_customer, deposit, find_customer
from ratebook.billing.documents import document_number, find_document, next_number
from ratebook.billing.settlements import NewInvoice, Settlement, SettlementKind, open_new, open_of, problems
from ratebook.diagnostics import Diagnostic
from ratebook.ledger.accounts import AccountKind, platform_account
from ratebook.ledger.books import INVOICE_LINES, INVOICES
from ratebook.ledger.requests import Posted, Request, Transfer
from ratebook.ledger.store import Reader, Store, Transaction, open_store

KINDS = ("sqlite", "postgresql")


def database_at(name: str) -> str:
    """The address of a database on the server of the tests."""
    return os.environ["RATEBOOK_TEST_SERVER"].format(name=name)


@contextmanager
def new_store(kind: str, folder: Path) -> Iterator[Store]:
    """A store of a kind on a database of its own, which is gone afterwards."""
    name = f"ratebook_test_{uuid.uuid4().hex[:12]}"
    if kind == "sqlite":
        with closing(open_store(str(folder / f"{name}.db"), create=True)) as store:
            yield store
        return
    import psycopg

    try:
        with closing(open_store(database_at(name), create=True)) as store:
            yield store
    finally:
        with psycopg.connect(database_at("postgres"), autocommit=True) as admin:
            admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


POSTED_TO = {
    "charge": AccountKind.REVENUE,
    "fee": AccountKind.REVENUE,
    "discount": AccountKind.DISCOUNTS,
    "tax": AccountKind.TAX,
    "rounding": AccountKind.ROUNDING,
}
Line = tuple[str, str, int]
"""Name, kind, amount."""


@dataclass
class Desk:
    """Somebody who works with one store: makes accounts and invoices, and looks whether all is conserved."""

    store: Store
    now: datetime = datetime(2026, 4, 1, 9, tzinfo=UTC)
    count: int = 0
    subscriptions: int = 0
    told: list[str] = field(default_factory=list)

    def acting(self, key: str | None = None, *, reason: str = "", now: datetime | None = None) -> Acting:
        """A wish of its own, or the one of a key, each a second after the one before."""
        self.count += 1
        self.now += timedelta(seconds=1)
        return Acting("tester", now or self.now, key or f"wish {self.count}", reason)

    def account(self, name: str = "a-1", *, currency: str = "CNY", wallet: int = 0, limit: int = 0) -> str:
        done(create_customer(self.store, self.acting(), name, currency, credit_limit=limit))
        if wallet:
            done(deposit(self.store, self.acting(), name, wallet))
        return name

    def customer(self, name: str = "a-1") -> Customer:
        return done(self.store.read(lambda reader: find_customer(reader, name)))

    def wallet(self, name: str = "a-1") -> int:
        return self.customer(name).wallet.balance

    def owed(self, name: str = "a-1") -> int:
        return self.customer(name).owed

    def platform(self, kind: AccountKind, currency: str = "CNY") -> int:
        """The balance of an account of the platform: credits less debits."""
        rows = self.store.read(
            lambda reader: reader.rows(
                "SELECT credits - debits FROM balances JOIN accounts ON accounts.id = balances.account WHERE name = ?",
                (f"{kind.value}:{currency}",),
            )
        )
        return int(rows[0][0]) if rows else 0  # type: ignore[arg-type]

    def open(self, number: str) -> int:
        """What is open of an invoice."""
        return self.store.read(lambda reader: open_of(reader, done(find_document(reader, number)).id))

    def invoice(
        self,
        account: str = "a-1",
        lines: Sequence[Line] = (("compute", "charge", 100_00),),
        *,
        issued: str = "2026-04-01",
        payable_by: str = "2026-04-15",
        wallet: bool = False,
        taxed: Sequence[str] = (),
    ) -> str:
        """Issue and post an invoice as the billing run does, and give its number."""
        self.subscriptions += 1
        number = self.store.write(
            lambda transaction: _issue(
                transaction, self.acting(), account, lines, self.subscriptions, issued, payable_by, wallet, taxed
            )
        )
        self.check()
        return number

    def check(self) -> None:
        """Money is conserved, and every invoice is what was posted and settled."""
        assert self.store.read(everything_wrong) == []


def everything_wrong(reader: Reader) -> list[str]:
    """Invoices that do not add up, accounts that are not the fold of their transfers, refunds beyond payments."""
    found = problems(reader)
    ((total,),) = reader.rows("SELECT CAST(coalesce(sum(credits - debits), 0) AS BIGINT) FROM balances")
    if total:
        found.append(f"debits and credits differ by {total}")
    folds = reader.rows(
        "SELECT account, credits, debits, held, "
        "CAST((SELECT coalesce(sum(amount), 0) FROM transfers WHERE credit = account AND phase IN ('plain', 'post')) "
        "AS BIGINT), CAST((SELECT coalesce(sum(amount), 0) FROM transfers WHERE debit = account "
        "AND phase IN ('plain', 'post')) AS BIGINT) FROM balances"
    )
    found.extend(
        f"account {account} is not the fold of its transfers"
        for account, credited, debited, _, came, went in folds
        if (credited, debited) != (came, went)
    )
    paid = reader.rows(
        "SELECT id, amount, CAST((SELECT coalesce(sum(amount), 0) FROM payments AS own "
        "WHERE own.of_payment = payments.id AND NOT EXISTS (SELECT 1 FROM payments AS undone "
        "WHERE undone.of_payment = own.id)) AS BIGINT) FROM payments"
    )
    found.extend(
        f"{back} of payment {number} over {amount} went back" for number, amount, back in paid if back > amount
    )  # type: ignore[operator]
    credited_rows = reader.rows(
        "SELECT id, total, CAST((SELECT coalesce(sum(total), 0) FROM invoices AS note "
        "WHERE note.corrects = invoices.id) AS BIGINT) FROM invoices WHERE kind <> 'credit note'"
    )
    found.extend(f"{-back} of invoice {number} is credited" for number, total, back in credited_rows if -back > total)  # type: ignore[operator]
    return found


def done(answer: object) -> Json:
    """The answer of an operation that was not refused."""
    assert not isinstance(answer, Diagnostic | tuple), answer
    return answer  # type: ignore[return-value]


def code(answer: object) -> str:
    """The code of an operation that was refused."""
    assert isinstance(answer, Diagnostic), answer
    return answer.code


def _issue(
    transaction: Transaction,
    acting: Acting,
    account: str,
    lines: Sequence[Line],
    subscription: int,
    issued: str,
    payable_by: str,
    wallet: bool,
    taxed: Sequence[str],
) -> str:
    customer = find_customer(transaction, account)
    assert isinstance(customer, Customer)
    currency, receivable = customer.currency, customer.receivable.id
    total = sum(amount for _, kind, amount in lines if kind != "included tax")
    legs = []
    for name, kind, amount in lines:
        other = platform_account(transaction, POSTED_TO.get(kind, AccountKind.TAX), currency, effective=acting.time)
        mine = (
            platform_account(transaction, AccountKind.REVENUE, currency, effective=acting.time)
            if kind == "included tax"
            else receivable
        )
        debit, credit = (mine, other) if amount > 0 else (other, mine)
        if amount:
            legs.append(Transfer(debit, credit, abs(amount), currency, kind, name))
    drawn = min(customer.wallet.balance, total) if wallet else 0
    if drawn > 0:
        legs.append(Transfer(customer.wallet.id, receivable, drawn, currency, "wallet", ""))
    (outcome,) = transaction.post([Request(f"bill:{acting.key}", tuple(legs), acting.time)])
    assert isinstance(outcome, Posted), outcome
    rows = iter(outcome.transfers)
    series = f"INV-{date.fromisoformat(issued).year}"
    number = next_number(transaction, series)
    statement = {
        "lines": [
            {
                "id": name,
                "kind": "tax" if "tax" in kind else kind,
                **({"on": list(taxed)} if "tax" in kind and taxed else {}),
            }
            for name, kind, _ in lines
        ]
    }
    (invoice,) = transaction.append(
        INVOICES,
        [
            (
                series,
                number,
                "invoice",
                account,
                subscription,
                "payg",
                "platform",
                "sha256:0",
                "2026-03-01",
                "2026-04-01",
                0,
                0,
                currency,
                total,
                issued,
                payable_by,
                None,
                None,
                json.dumps(statement),
            ),
        ],
    )
    transaction.append(
        INVOICE_LINES,
        [
            (
                invoice,
                place,
                name,
                kind,
                name,
                "{}",
                "",
                "",
                amount,
                "platform.rates:1",
                "",
                "",
                "",
                next(rows) if amount else None,
            )
            for place, (name, kind, amount) in enumerate(lines, start=1)
        ],
    )
    settlements = (Settlement(SettlementKind.WALLET, drawn, next(rows)),) if drawn > 0 else ()
    open_new(transaction, [NewInvoice(invoice, account, total, payable_by, settlements)])
    return document_number(series, number)


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """An empty store, once on SQLite and once on PostgreSQL."""
    with new_store(request.param, tmp_path) as found:
        yield found


@pytest.fixture
def make_store(tmp_path: Path) -> Iterator[Callable[[str], Store]]:
    """Makes stores of a kind, several in one test."""
    with ExitStack() as stack:
        yield lambda kind: stack.enter_context(new_store(kind, tmp_path))


@pytest.fixture
def desk(store: Store) -> Desk:
    """A desk at an empty store, once on each database."""
    return Desk(store)
