"""What is wrong with books whose log is whole: each way has a code and names its row."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ratebook.billing.audit.books import NUMBERED, REFERENCES
from ratebook.billing.audit.files import audit_files
from ratebook.billing.audit.report import TABLES, audit_database, audit_reader
from ratebook.billing.stored.keys import key_of, keys_path, write_keys
from ratebook.billing.stored.parts import Part
from ratebook.billing.stored.tree import Content, digest_of, event_hash
from ratebook.ledger.log import log_rows
from ratebook.ledger.merkle import root
from ratebook.ledger.proof import file_digest
from ratebook.ledger.store import open_store

from . import sample, tampering
from .test_tampering import database_at


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def at(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tampering.Stage]:
    """A filled database in the hands of its owner, for all tests of this file."""
    if request.param == "sqlite":
        with tampering.stage(str(tmp_path_factory.mktemp("books") / "x.db"), customers=4, usage=8) as found:
            yield found
        return
    import psycopg

    name = f"ratebook_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(database_at("postgres"), autocommit=True) as server:
        try:
            with tampering.stage(database_at(name), customers=4, usage=8) as found:
                yield found
        finally:
            server.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'.encode())


FIRST_INVOICE = "(SELECT min(id) FROM invoices)"
LINE = f"(SELECT id FROM invoice_lines WHERE invoice = {FIRST_INVOICE} AND line = 1)"
HOLD = "(SELECT min(id) FROM transfers WHERE phase = 'hold')"
BACK = "(SELECT max(id) FROM transfers WHERE reverses IS NOT NULL)"
WALLET = "(SELECT id FROM accounts WHERE name = 'wallet:a-1')"


@pytest.mark.parametrize(
    ("change", "codes", "place"),
    [
        (f"UPDATE balances SET credits = credits + 1 WHERE account = {WALLET}", {"RB7120"}, "of balances"),
        (f"DELETE FROM balances WHERE account = {WALLET}", {"RB7120"}, "of balances"),
        ("UPDATE balances SET account = 999999 WHERE account = 3", {"RB7120", "RB7131"}, "of balances"),
        (f"UPDATE balances SET floor = NULL WHERE account = {WALLET}", {"RB7121"}, "of balances"),
        (f"UPDATE balances SET closed = 1 WHERE account = {WALLET}", {"RB7121"}, "of balances"),
        ("UPDATE transfers SET debit = 999999 WHERE kind = 'live'", {"RB7122", "RB7120"}, "of transfers"),
        ("UPDATE transfers SET currency = 'EUR' WHERE kind = 'live'", {"RB7122"}, "of transfers"),
        ("UPDATE transfers SET amount = 0 WHERE kind = 'live'", {"RB7122", "RB7120"}, "of transfers"),
        ("UPDATE transfers SET phase = 'gift' WHERE kind = 'live'", {"RB7122", "RB7120"}, "of transfers"),
        (f"UPDATE transfers SET hold = {HOLD} WHERE phase = 'expire'", {"RB7122", "RB7120"}, "of transfers"),
        ("UPDATE transfers SET hold = 1 WHERE phase = 'expire'", {"RB7122", "RB7120", "RB7131"}, "of transfers"),
        ("UPDATE transfers SET amount = 201 WHERE phase = 'post'", {"RB7122", "RB7120"}, "of transfers"),
        (f"UPDATE transfers SET amount = 301 WHERE id = {BACK}", {"RB7122", "RB7120"}, "of transfers"),
        (f"UPDATE transfers SET reversed_from = 199 WHERE id = {BACK}", {"RB7122"}, "of transfers"),
        (f"UPDATE transfers SET debit = credit + 1 WHERE id = {BACK}", {"RB7122", "RB7120"}, "of transfers"),
        (f"UPDATE transfers SET reverses = {HOLD} WHERE id = {BACK}", {"RB7122"}, "of transfers"),
        ("UPDATE account_terms SET floor = 9000", {"RB7121", "RB7123"}, "of transfers"),
        (f"UPDATE invoices SET number = 9 WHERE id = {FIRST_INVOICE}", {"RB7124", "RB7125"}, "of invoices"),
        (f"UPDATE invoices SET number = 2 WHERE id = {FIRST_INVOICE}", {"RB7124"}, "of invoices"),
        ("UPDATE counters SET value = value + 1 WHERE name = 'INV-2026'", {"RB7125"}, "INV-2026 of counters"),
        ("DELETE FROM counters WHERE name = 'subscription'", {"RB7125"}, "subscription of counters"),
        (f"UPDATE invoices SET total = total + 1 WHERE id = {FIRST_INVOICE}", {"RB7126", "RB7128"}, "of invoices"),
        (f"UPDATE invoice_lines SET amount = amount + 1 WHERE id = {LINE}", {"RB7126", "RB7127"}, "of invoice_lines"),
        (f"UPDATE invoice_lines SET transfer = NULL WHERE id = {LINE}", {"RB7127"}, "of invoice_lines"),
        (f"UPDATE invoice_lines SET transfer = 999999 WHERE id = {LINE}", {"RB7127"}, "of invoice_lines"),
        (f"UPDATE invoice_lines SET transfer = {HOLD} WHERE id = {LINE}", {"RB7127"}, "of invoice_lines"),
        (f"UPDATE invoices SET currency = 'EUR' WHERE id = {FIRST_INVOICE}", {"RB7127"}, "of invoice_lines"),
        ("UPDATE open_invoices SET open = open - 1", {"RB7128", "RB7129"}, "of invoices"),
        ("DELETE FROM open_invoices WHERE account = 'a-1'", {"RB7128", "RB7129"}, "of invoices"),
        ("UPDATE open_invoices SET account = 'a-0' WHERE account = 'a-1'", {"RB7128", "RB7129"}, "account a-1"),
        ("UPDATE open_invoices SET payable_by = '2036-01-01' WHERE account = 'a-1'", {"RB7128"}, "of invoices"),
        ("UPDATE open_invoices SET overdue_since = '' WHERE account = 'a-1'", {"RB7128"}, "of invoices"),
        ("UPDATE settlements SET amount = amount + 1", {"RB7128"}, "of invoices"),
        (f"UPDATE invoices SET kind = 'credit note' WHERE id = {FIRST_INVOICE}", {"RB7128"}, "of invoices"),
        ("UPDATE live_charges SET amount = amount - 1", {"RB7129"}, "account a-2"),
        ("UPDATE accounts SET owner = 'a-9' WHERE name = 'receivable:a-1'", {"RB7129"}, "account a-9"),
        (f"UPDATE invoice_lines SET invoice = 999999 WHERE id = {LINE}", {"RB7126", "RB7131"}, "of invoice_lines"),
        ("UPDATE watch_firings SET message = 999999", {"RB7131"}, "of watch_firings"),
        ("DELETE FROM payment_parts", {"RB7132"}, "of payments"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named(at: tampering.Stage, change: str, codes: set[str], place: str) -> None:
    with tampering.tried(at.owner, (change, ())):
        report = at.audit()
    found = {code for code in report.counts if code >= "RB7120"}
    assert found == codes, [(item.code, item.place, item.message) for item in report.findings]
    assert any(place in item.place for item in report.findings)
    changed = change.removeprefix("UPDATE ").removeprefix("DELETE FROM ").partition(" ")[0]
    in_log = next(table for table in TABLES if table.name == changed).append_only
    assert bool(report.counts.keys() & {"RB7101", "RB7102", "RB7103"}) == in_log


def test_many_of_one_kind_are_counted(at: tampering.Stage) -> None:
    with tampering.tried(at.owner, ("UPDATE balances SET credits = credits + 1, debits = debits + 1, held = 7", ())):
        report = at.audit()
    own = [item for item in report.findings if item.code == "RB7120"]
    assert len(own) == 21 and own[-1].message == f"{report.counts['RB7120'] - 20} further ones"


def test_files_of_usage(at: tampering.Stage, tmp_path: Path) -> None:
    def codes(folder: Path | None) -> list[str]:
        return [item.code for item in audit_files(at.owner.reader, folder)]

    assert codes(at.folder) == []
    assert codes(tmp_path) == ["RB7130"]
    assert codes(None) == ["RB7130"]
    file = sample.write_usage_file(tmp_path)
    whole = file.read_bytes()
    assert codes(tmp_path) == []
    for wrong in (b"PAR1", whole[:-1], whole[:40] + bytes([whole[40] ^ 1]) + whole[41:]):
        file.write_bytes(wrong)
        assert codes(tmp_path) == ["RB7130"]
    file.write_bytes(whole)
    assert codes(tmp_path) == []
    write_keys([key_of(*event[:2]) for event in sample.FILED][::-1], keys_path(file))
    assert codes(tmp_path) == [], "they are sorted"
    write_keys([key_of("files", f"g-{number}") for number in range(4)], keys_path(file))
    assert codes(tmp_path) == ["RB7130"]


def test_the_digest_of_a_file_is_of_every_field_of_every_event(tmp_path: Path) -> None:
    def digest(events: Sequence[Content]) -> str:
        path = sample.write_usage_file(tmp_path, events)
        return digest_of(Part(1, path.name, path, "", len(events), 0, 0, 0))

    events = list(sample.FILED)
    found = {digest(events), digest(events[:3]), digest(events[::-1])}
    for place in range(len(events[0])):
        changed: list[Any] = list(events[2])
        changed[place] = changed[place] + 1 if place == 4 else "b"
        found.add(digest([*events[:2], tuple(changed), events[3]]))  # type: ignore[list-item]
    assert len(found) == 3 + len(events[0])
    assert digest(events) == file_digest(root(map(event_hash, events)))


def test_references_are_columns_of_tables() -> None:
    columns = {table.name: {column.name for column in table.all_columns} for table in TABLES}
    for table, column, other in REFERENCES:
        assert column in columns[table] and "id" in columns[other]
    for table, column in NUMBERED.values():
        assert column in columns[table]


def test_the_log_has_every_table(at: tampering.Stage) -> None:
    seen = {heading.partition("(")[0] for _, heading, _, _ in log_rows(at.owner.reader, TABLES)}
    assert seen == {table.name for table in sample.own_tables()}


def test_the_books_of_the_platform_fit(platform: Any) -> None:
    for month, day in (("2026-01", "2026-02-01"), ("2026-02", "2026-03-01"), ("2026-03", "2026-04-01")):
        platform.bill("platform", month, day)
        assert audit_database(platform.store, []).findings == ()


def test_an_empty_database_fits(store: Any, tmp_path: Path) -> None:
    report = store.read(lambda reader: audit_reader(reader, [], tmp_path))
    assert report.findings == () and report.rows == 0


def test_a_row_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    path = tmp_path / "books.db"
    store = open_store(str(path), create=True)
    sample.fill(store, tmp_path / "books.db.usage", customers=4, usage=10)
    store.close()
    with closing(sqlite3.connect(path)) as raw, raw:
        for (trigger,) in raw.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            raw.execute(f"DROP TRIGGER {trigger}")
        ((number,),) = raw.execute("SELECT max(id) FROM usage_events").fetchall()
        raw.execute("UPDATE usage_events SET fields = CAST(x'7bff7d' AS TEXT) WHERE id = ?", (number,))
    store = open_store(str(path))
    try:
        found = audit_database(store, []).findings
        assert [(item.code, item.place) for item in found] == [("RB7101", f"row {number} of usage_events")]
    finally:
        store.close()
