"""What readers see while others write."""

from __future__ import annotations

import gc
import threading
from typing import Any

from ratebook.ledger.accounts import AccountKind
from ratebook.ledger.requests import Transfer

SUMS = "SELECT sum(credits), sum(debits) FROM balances"


def test_a_reader_keeps_its_view(bank: Any) -> None:
    payer, payee = bank.account("payer", 100), bank.account("payee")

    def work(reader: Any) -> None:
        before = reader.rows("SELECT count(*) FROM transfers"), reader.rows(SUMS)
        writing = threading.Thread(target=lambda: bank.posted(Transfer(payer, payee, 10, "USD", "payment")))
        writing.start()
        writing.join()
        assert (reader.rows("SELECT count(*) FROM transfers"), reader.rows(SUMS)) == before

    bank.store.read(work)
    assert bank.rows("SELECT count(*) FROM transfers") == [(2,)]


def test_readers_always_find_the_books_balanced(bank: Any) -> None:
    payer, payee = bank.account("payer", 100), bank.account("payee")
    stop = threading.Event()
    wrong: list[object] = []

    def look() -> None:
        while not stop.is_set():
            ((credited, debited),) = bank.rows(SUMS)
            if credited != debited:
                wrong.append((credited, debited))

    readers = [threading.Thread(target=look) for _ in range(3)]
    for reader in readers:
        reader.start()
    for number in range(40):
        debit, credit = (payer, payee) if number % 2 else (payee, payer)
        bank.do(Transfer(debit, credit, 3, "USD", "payment"), Transfer(credit, debit, 2, "USD", "payment"))
    stop.set()
    for reader in readers:
        reader.join()
    assert wrong == []


def test_a_reader_sees_what_was_answered(bank: Any) -> None:
    payee = bank.account("payee")
    for total in range(1, 30):
        bank.posted(Transfer(bank.gateway, payee, 1, "USD", "deposit"))
        assert bank.balance(payee) == (total, 0)


def test_rows_are_streamed(bank: Any) -> None:
    payee = bank.account("payee")
    count = 12_000
    bank.requests([bank.request(Transfer(bank.gateway, payee, 1, "USD", "deposit")) for _ in range(count)])

    def work(reader: Any) -> None:
        ids = [number for (number,) in reader.stream("SELECT id FROM transfers WHERE amount > ? ORDER BY id", (0,))]
        assert len(ids) == count and ids == sorted(ids)
        # Two at once, one of them left in the middle.
        first = iter(reader.stream("SELECT id FROM transfers ORDER BY id"))
        assert [next(first) for _ in range(3)] == [(number,) for number in ids[:3]]
        assert sum(1 for _ in reader.stream("SELECT id FROM transfers")) == count
        del first
        gc.collect()
        assert reader.rows("SELECT max(id) FROM transfers") == [(ids[-1],)]

    bank.store.read(work)
    bank.store.write(lambda transaction: work(transaction))


def test_numbers_are_integers_whatever_computed_them(bank: Any) -> None:
    payee = bank.account("payee", 5)
    bank.account("other", kind=AccountKind.CARD)
    sql = "SELECT sum(amount), count(*), max(amount), sum(amount) > 3, ? FROM transfers WHERE credit = ?"
    (row,) = bank.rows(sql.replace("?", "'?%'", 1), (payee,))
    assert row == (5, 1, 5, 1, "?%")
    assert [type(value) for value in row] == [int, int, int, int, str]
