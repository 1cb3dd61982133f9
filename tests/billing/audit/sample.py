"""A database with rows in every append-only table, whose books fit: what tampering is tried on.

Customers, deposits, holds and invoices are made by the operations of the program where there is one; rows of tables
that other tests are about are only plausible.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from ratebook.billing.acting import Acting, microseconds
from ratebook.billing.audit.report import TABLES
from ratebook.billing.customers import create_customer, deposit, withdraw
from ratebook.billing.documents import next_number, next_numbers
from ratebook.billing.settlements import NewInvoice, Settlement, SettlementKind, open_new
from ratebook.billing.stored.parts import bytes_hash
from ratebook.billing.stored.tree import Content, event_hash
from ratebook.diagnostics import Diagnostic
from ratebook.intake.parquet import connect
from ratebook.ledger import books
from ratebook.ledger.accounts import AccountKind, find_account, platform_account
from ratebook.ledger.merkle import root
from ratebook.ledger.proof import file_digest
from ratebook.ledger.requests import ExpireHold, Hold, Leg, Posted, PostHold, Refused, Request, Reverse, Transfer
from ratebook.ledger.store import Store, Transaction
from ratebook.ledger.tables import Table

NOW = datetime(2026, 4, 1, 12, tzinfo=UTC)
TIME = microseconds(NOW)
FILED = tuple(("files", f"f-{n}", "a-1", "compute.used", TIME - 9 + n, '{"units":"1"}') for n in range(4))
"""The events of that file."""
_HASH = "sha256:" + "5f" * 32


def fill(store: Store, folder: Path, *, customers: int = 20, usage: int = 200) -> int:
    """Fill a new database; the number of rows of its log. A file of usage is written below `folder`."""
    for number in range(customers):
        account = f"a-{number}"
        _good(create_customer(store, _acting(f"open {account}"), account, "CNY", credit_limit=5_000))
        _good(deposit(store, _acting(f"deposit {account}"), account, 10_000 + number))
    _good(withdraw(store, _acting("withdrawal"), "a-0", 1_500))
    assert isinstance(withdraw(store, _acting("too much"), "a-1", 10**9), Diagnostic)
    file = write_usage_file(folder)
    store.write(lambda transaction: _holds(transaction))
    store.write(lambda transaction: _facts(transaction, customers, usage, str(file.relative_to(folder))))
    for number in range(customers):
        store.write(_invoice(f"a-{number}", number))
    rows = store.read(
        lambda reader: [reader.rows(f"SELECT count(*) FROM {table.name}")[0][0] for table in own_tables()]
    )
    assert all(rows), [table.name for table, count in zip(own_tables(), rows, strict=True) if not count]
    return sum(int(str(count)) for count in rows)


def write_usage_file(folder: Path, events: Sequence[Content] = FILED) -> Path:
    """Write a file of usage below a folder; its name is the hash of what is in it."""
    path = folder / "2026-03" / "new.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = ", ".join(f"({', '.join(repr(value) for value in event)})" for event in events)
    columns = "source, event_id, account, event, time, fields"
    with connect() as cursor:
        cursor.execute(f"COPY (SELECT * FROM (VALUES {rows}) AS filed ({columns})) TO '{path}' (FORMAT parquet)")
    return path.rename(path.with_stem(bytes_hash(path)))


def own_tables() -> list[Table]:
    """The append-only tables."""
    return [table for table in TABLES if table.append_only]


def _acting(key: str) -> Acting:
    return Acting("tester", NOW, key, "sample")


def _good(answer: object) -> Any:
    assert not isinstance(answer, Diagnostic), answer
    return answer


def _account(transaction: Transaction, name: str) -> Any:
    found = find_account(transaction, name)
    assert found is not None
    return found.id


def _post(transaction: Transaction, key: str, *legs: Leg, effective: int = TIME) -> tuple[Any, ...]:
    (outcome,) = transaction.post([Request(key, legs, effective)])
    assert isinstance(outcome, Posted), outcome
    return outcome.transfers


def _holds(transaction: Transaction) -> None:
    """A hold that is open, one that was posted in part, one that expired; a transfer moved back in two parts."""
    wallet = _account(transaction, "wallet:a-2")
    revenue = platform_account(transaction, AccountKind.REVENUE, "CNY", effective=TIME)
    holds = [Hold(wallet, revenue, amount, "CNY", "charge", expires=TIME + 10) for amount in (100, 200, 300)]
    first, second, third = _post(transaction, "holds", *holds)
    event = json.dumps({"event": "compute.used", "source": "meter", "id": "a-2-1"})
    (asked,) = transaction.append(books.AUTHORIZATIONS, [("a-2", event, "units", "2", 300, TIME + 10, TIME)])
    transaction.append(books.AUTHORIZATION_HOLDS, [(asked, first), (asked, second)])
    transaction.append(books.AUTHORIZATION_ENDS, [(asked, "settled", "1.5", 150, TIME)])
    _post(transaction, "post", PostHold(second, 150))
    _post(transaction, "expire", ExpireHold(third), effective=TIME + 10)
    (moved,) = _post(transaction, "plain", Transfer(wallet, revenue, 500, "CNY", "charge"))
    _post(transaction, "back 1", Reverse(moved, 200))
    _post(transaction, "back 2", Reverse(moved, 300))
    (outcome,) = transaction.post([Request("too much", (Transfer(wallet, revenue, 10**9, "CNY", "charge"),), TIME)])
    assert isinstance(outcome, Refused)


def _facts(transaction: Transaction, customers: int, usage: int, file: str) -> None:
    """Rows that stand for what was published, used, watched and sold."""
    text = json.dumps({"platform.rates": "ruleset platform\n"})
    transaction.append(books.RULESETS, [("platform", _HASH, "platform.rates", text, "CNY", TIME, "first")])
    for number in range(customers):
        counted = next_number(transaction, "subscription")
        transaction.append(
            books.SUBSCRIPTIONS, [(counted, f"a-{number}", "platform", "payg", "2026-01-01", "", '{"tier":"gold"}')]
        )
    events = []
    for number in range(usage):
        identity, account = f"e-{number}", f"a-{number % customers}"
        fields = json.dumps({"units": str(number), "region": "北京"}, ensure_ascii=False)
        digest_ = sha256(f"{account} {fields}".encode()).digest()
        events.append(("meter", identity, account, "compute.used", TIME - number, fields, digest_, TIME))
    transaction.append(books.USAGE_EVENTS, events)
    transaction.append(
        books.USAGE_FILES, [(file, file_digest(root(map(event_hash, FILED))), len(FILED), TIME - 9, TIME - 6, TIME)]
    )
    (run,) = transaction.append(
        books.BILL_RUNS, [("2026-03-01..2026-03-31", "platform", _HASH, "2026-04-01", "2026-04-15", TIME)]
    )
    transaction.append(books.BILL_RUN_ENDS, [(run, customers, 0, TIME)])
    transaction.append(books.REDEEM_ATTEMPTS, [("a-0", TIME, 1)])
    card = ("batch-1", "platform", "spring", 1_000, 900, "CNY", 12, None, "Asia/Shanghai", "check", TIME)
    (batch,) = transaction.append(books.CARD_BATCHES, [card])
    (number,) = transaction.append(books.CARDS, [(batch, "hmac", "S-1")])
    transaction.append(books.CARD_EVENTS, [(number, "sold", "a-0", "2026-03-01", 900, None, TIME)])
    (message,) = transaction.append(books.OUTBOX, [("watch", "file:out", "{}", "watch low", TIME)])
    transaction.append(books.OUTBOX_STATES, [(message, 1, "sent", "", TIME)])
    transaction.append(books.WATCH_RULES, [("low", "", '{"balance_below":"5"}', "file:out", 1, TIME)])
    transaction.append(books.WATCH_FIRINGS, [("low", "a-1", "below since transfer 7", "4 is below 5", message, TIME)])


def _invoice(account: str, number: int) -> Callable[[Transaction], None]:
    """An invoice over a charge, a discount and tax, posted and settled in part by the wallet or a payment."""

    def work(transaction: Transaction) -> None:
        receivable, wallet = _account(transaction, f"receivable:{account}"), _account(transaction, f"wallet:{account}")
        revenue, discounts, tax, gateway = (
            platform_account(transaction, kind, "CNY", effective=TIME)
            for kind in (AccountKind.REVENUE, AccountKind.DISCOUNTS, AccountKind.TAX, AccountKind.GATEWAY)
        )
        charge, off, due = 9_000 + number, -900, 486
        total, taken = charge + off + due, 3_000
        legs = (
            Transfer(receivable, revenue, charge, "CNY", "charge"),
            Transfer(discounts, receivable, -off, "CNY", "discount"),
            Transfer(receivable, tax, due, "CNY", "tax"),
            Transfer(gateway if number % 3 else wallet, receivable, taken, "CNY", "payment"),
        )
        posted = _post(transaction, f"invoice {account}", *legs)
        (counted,) = next_numbers(transaction, "INV-2026", 1)
        (run,) = transaction.rows("SELECT id FROM bill_runs")
        start, end = TIME - 31 * 86_400_000_000, TIME
        row = ("INV-2026", counted, "invoice", account, number + 1, "payg", "platform", _HASH, "2026-03-01",
               "2026-04-01", start, end, "CNY", total, "2026-04-01", "2026-04-15", None, run[0], "{}")  # fmt: skip
        (invoice,) = transaction.append(books.INVOICES, [row])
        lines = (("compute", "charge", charge), ("loyal", "discount", off), ("vat", "tax", due), ("calls", "charge", 0))
        transaction.append(
            books.INVOICE_LINES,
            [
                (invoice, place, name, kind, name, "{}", "3", "hour", amount, f"platform.rates:{place}", "", "", "",
                 posted[place - 1] if amount else None)
                for place, (name, kind, amount) in enumerate(lines, start=1)
            ],
        )  # fmt: skip
        if number % 3:
            (payment,) = transaction.append(
                books.PAYMENTS, [(account, "payment", taken, "CNY", "bank", f"p-{number}", None, TIME)]
            )
            transaction.append(books.PAYMENT_PARTS, [(payment, None, invoice, taken, posted[3])])
        kind = SettlementKind.PAYMENT if number % 3 else SettlementKind.WALLET
        open_new(
            transaction,
            [NewInvoice(invoice, account, total, "2026-04-15", (Settlement(kind, taken, posted[3]),))],
        )
        if number == 1:
            transaction.append(books.OVERDUE_MARKS, [(invoice, "2026-04-16", "2026-04-20", TIME)])
            transaction.put("UPDATE open_invoices SET overdue_since = ? WHERE invoice = ?", ("2026-04-16", invoice))
        if number == 2:
            took = Transfer(wallet, receivable, 70, "CNY", "live")
            (live,) = _post(transaction, "live", took)
            charge_row = (number + 1, "2026-04-01", "meter", "e-1", 70, live)
            transaction.append(books.LIVE_CHARGES, [charge_row])
            line = (number + 1, "2026-04-01", "meter", "e-1", "compute", "charge", "{}", 70)
            transaction.append(books.LIVE_LINES, [line])

    return work
