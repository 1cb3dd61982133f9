"""Transfers a second: the ledger's store against the loop that one writes by hand on the same database.

    python bench/ledger.py [--rounds 7] [--transfers 4000] [--postgresql URL] [--write]

On SQLite the loop is a raw `sqlite3` connection that does the same work transfer by transfer: it looks the key up,
guards the balance, keeps both balances, chains the row's hash to the one before, and writes the row, into tables made
by the same statements as the store's. On PostgreSQL it is the same sequence of statements through psycopg, inside the
same transactions. All sides take turns in every round, and the median over rounds counts. The rates are per second of
the clock; ratios at many transfers a commit are of CPU time, which other programs of the machine disturb less, for
both sides only compute there. With one transfer a commit both wait for the disk, and the clock counts.

Exits with 1 where a ratio is below what it is held to. Before anything is timed, both sides are brought to the same
balances by the same transfers.
"""

from __future__ import annotations

import random
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any

import psycopg

from ratebook.ledger.accounts import AccountKind, open_account
from ratebook.ledger.requests import AccountId, Posted, Request, Transfer
from ratebook.ledger.store import Store, Transaction, open_store
from report import Report, options, publish

ACCOUNTS = 1_000
FUNDS = 10**9
HELD_TO = {
    "SQLite, 1,000 a commit": 0.8,
    "SQLite, 1 a commit": 0.6,
    "SQLite, one hot account": 0.9,
    "PostgreSQL, 1,000 a commit": 5.0,
}
SINGLES = 200
"""How many transfers of a round are committed one by one."""


@dataclass(frozen=True, slots=True)
class Spent:
    """What so many transfers took: seconds of the clock, and of this process's CPU."""

    transfers: int
    seconds: float
    cpu: float


def spent(transfers: int, work: Callable[[], object]) -> Spent:
    cpu, began = time.process_time(), time.perf_counter()
    work()
    return Spent(transfers, time.perf_counter() - began, time.process_time() - cpu)


class Stream:
    """Requests without an end, each with a key of its own, always the same."""

    def __init__(self, accounts: Sequence[AccountId], *, hot: AccountId | None = None) -> None:
        self._accounts = accounts
        self._hot = hot
        self._chance = random.Random(1)
        self._numbers = count(1)

    def take(self, size: int) -> list[Request]:
        return [self._one() for _ in range(size)]

    def _one(self) -> Request:
        debit, credit = self._chance.sample(self._accounts, 2)
        if self._hot is not None:
            debit, credit = (debit, self._hot) if self._chance.random() < 0.5 else (self._hot, credit)
        amount = self._chance.randint(1, 5_000)
        leg = Transfer(debit, credit, amount, "USD", "payment", "invoice 2026-0001")
        return Request(f"{'hot' if self._hot else 'all'}/{next(self._numbers):09}", (leg,), 1_790_000_000_000_000)


def opened(transaction: Transaction) -> list[AccountId]:
    """Accounts with funds, the first of them for what is hot."""
    gateway = open_account(transaction, "gateway", AccountKind.GATEWAY, "USD", effective=0)
    accounts = [
        open_account(transaction, f"wallet {number}", AccountKind.WALLET, "USD", floor=0, effective=0)
        for number in range(ACCOUNTS + 1)
    ]
    deposits = [
        Request(f"deposit {account}", (Transfer(gateway, account, FUNDS, "USD", "deposit"),), 0) for account in accounts
    ]
    assert all(isinstance(outcome, Posted) for outcome in transaction.post(deposits))
    return accounts


def by_store(store: Store, batches: Sequence[Sequence[Request]]) -> None:
    for batch in batches:
        outcomes = store.write(lambda transaction, asked=batch: transaction.post(asked))
        assert all(type(outcome) is Posted for outcome in outcomes)


# By hand: what somebody writes who needs permanent keys, guarded balances and a chain of hashes, and nothing else.

KEY = "SELECT id, fingerprint FROM transfers WHERE key = ?"
TAKE = (
    "UPDATE balances SET debits = debits + ? WHERE account = ? AND credits - debits - held - ? >= floor AND closed = 0"
)
GIVE = "UPDATE balances SET credits = credits + ? WHERE account = ? AND closed = 0"
ADD = f"INSERT INTO transfers VALUES ({', '.join('?' * 17)})"


class ByHand:
    """The loop, on any connection whose `execute` takes these statements."""

    def __init__(self, execute: Callable[..., Any], start: tuple[int, bytes], mark: str = "?") -> None:
        self._execute = execute
        self._number, self._hash = start
        self._sql = [sql.replace("?", mark) for sql in (KEY, TAKE, GIVE, ADD)]

    def run(self, batches: Sequence[Sequence[Request]], begin: str = "BEGIN") -> None:
        execute = self._execute
        for batch in batches:
            execute(begin)
            for request in batch:
                assert self.transfer(request)
            execute("COMMIT")

    def transfer(self, request: Request) -> bool:
        execute = self._execute
        key_sql, take, give, add = self._sql
        (leg,) = request.legs
        assert isinstance(leg, Transfer)
        if type(leg.amount) is not int or not 0 < leg.amount <= 10**15 or leg.debit == leg.credit:
            return False
        body = f"{leg.debit}|{leg.credit}|{leg.amount}|{leg.currency}|{leg.kind}|{leg.reference}"
        fingerprint = sha256(body.encode()).digest()
        earlier = execute(key_sql, (request.key,)).fetchone()
        if earlier is not None:
            return bool(earlier[1] == fingerprint)
        if execute(take, (leg.amount, leg.debit, leg.amount)).rowcount != 1:
            return False
        if execute(give, (leg.amount, leg.credit)).rowcount != 1:
            return False
        self._number += 1
        number = self._number
        chained = f"{number}|{request.key}|{body}|{request.effective}"
        self._hash = sha256(self._hash + chained.encode()).digest()
        execute(
            add,
            (
                number,
                request.key,
                0,
                fingerprint,
                "plain",
                leg.debit,
                leg.credit,
                leg.amount,
                leg.currency,
                leg.kind,
                leg.reference,
                request.effective,
                None,
                None,
                None,
                None,
                self._hash,
            ),
        )
        return True


def sqlite_loop(path: Path) -> ByHand:
    raw = sqlite3.connect(path, isolation_level=None)
    raw.execute("PRAGMA journal_mode = WAL")
    raw.execute("PRAGMA synchronous = FULL")
    (size,) = raw.execute("SELECT size FROM log_head").fetchone()
    return ByHand(raw.execute, (size, b""))


def batches_of(requests: Sequence[Request], size: int) -> list[Sequence[Request]]:
    return [requests[start : start + size] for start in range(0, len(requests), size)]


@dataclass(slots=True)
class Measured:
    """What was measured of one case: the store, what it is compared with, and whether the clock or the CPU counts."""

    name: str
    beside: str
    store: list[Spent]
    other: list[Spent]
    clock: bool

    @property
    def ratio(self) -> float:
        """Transfers of the store in the time of one of the other; the median over rounds."""

        def cost(item: Spent) -> float:
            return (item.seconds if self.clock else item.cpu) / item.transfers

        return statistics.median(cost(b) / cost(a) for a, b in zip(self.store, self.other, strict=True))

    def row(self) -> list[str]:
        a, b = (statistics.median(item.transfers / item.seconds for item in side) for side in (self.store, self.other))
        held = HELD_TO[self.name]
        return [self.name, f"{a:,.0f}", self.beside, f"{b:,.0f}", f"{self.ratio:.2f}", f"{held}"]


def on_sqlite(folder: Path, rounds: int, transfers: int) -> list[Measured]:
    store, twin = open_store(str(folder / "store.db"), create=True), open_store(str(folder / "hand.db"), create=True)
    accounts = store.write(opened)
    assert twin.write(opened) == accounts
    twin.close()
    loop = sqlite_loop(folder / "hand.db")
    begin = "BEGIN IMMEDIATE"
    everyone, hot = Stream(accounts[1:]), Stream(accounts[1:], hot=accounts[0])
    many = Measured("SQLite, 1,000 a commit", "raw loop", [], [], clock=False)
    single = Measured("SQLite, 1 a commit", "raw loop", [], [], clock=True)
    spread = Measured("SQLite, one hot account", "spread", [], [], clock=False)
    for number in range(rounds + 1):
        batches = batches_of(everyone.take(transfers), 1_000)
        singles = batches_of(everyone.take(SINGLES), 1)
        touching = batches_of(hot.take(transfers), 1_000)
        found = [
            spent(transfers, lambda b=batches: by_store(store, b)),
            spent(transfers, lambda b=batches: loop.run(b, begin)),
            spent(transfers, lambda b=touching: by_store(store, b)),
            spent(SINGLES, lambda b=singles: by_store(store, b)),
            spent(SINGLES, lambda b=singles: loop.run(b, begin)),
        ]
        if number:  # the first round fills caches
            many.store.append(found[0])
            many.other.append(found[1])
            spread.store.append(found[2])
            spread.other.append(found[0])
            single.store.append(found[3])
            single.other.append(found[4])
    store.close()
    return [many, single, spread]


def on_postgresql(server: str, rounds: int, transfers: int) -> list[Measured]:
    """On two databases of their own, dropped afterwards. The clock counts, since the server has a CPU of its own."""
    names = ["ratebook_bench_store", "ratebook_bench_hand"]
    try:
        store, twin = (open_store(address(server, name), create=True) for name in names)
        accounts = store.write(opened)
        assert twin.write(opened) == accounts
        twin.close()
        with psycopg.connect(address(server, names[1]), autocommit=True) as raw:
            (size,) = raw.execute("SELECT size FROM log_head").fetchone() or (0,)
            loop = ByHand(raw.execute, (size, b""), "%s")
            everyone = Stream(accounts[1:])
            measured = Measured("PostgreSQL, 1,000 a commit", "client loop", [], [], clock=True)
            for number in range(rounds + 1):
                batches = batches_of(everyone.take(transfers), 1_000)
                found = spent(transfers, lambda b=batches: by_store(store, b))
                other = spent(transfers, lambda b=batches: loop.run(b))
                if number:
                    measured.store.append(found)
                    measured.other.append(other)
        store.close()
    finally:
        with psycopg.connect(address(server, "postgres"), autocommit=True) as raw:
            for name in names:
                raw.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)".encode())
    return [measured]


def address(server: str, name: str) -> str:
    """The address of a database of a server."""
    head, _, tail = server.partition("?")
    return f"{head.rstrip('/')}/{name}{f'?{tail}' if tail else ''}"


def main() -> int:
    parser = options(__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--transfers", type=int, default=4_000)
    parser.add_argument(
        "--postgresql", metavar="URL", help="a server, as postgresql://user@host; without it, SQLite only"
    )
    parser.add_argument("--folder", type=Path, help="where SQLite's files are made; else a temporary folder")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        measured = on_sqlite(Path(folder), asked.rounds, asked.transfers)
    if asked.postgresql:
        measured += on_postgresql(asked.postgresql, asked.rounds, asked.transfers)
    report = Report(
        title="The ledger",
        command="python bench/ledger.py",
        columns=["case", "transfers/s", "beside", "transfers/s", "ratio", "at least"],
        rows=[item.row() for item in measured],
        notes=[
            f"The median of {asked.rounds} rounds of {asked.transfers:,} transfers, {SINGLES} where each has a commit.",
            "Ratios of SQLite at 1,000 a commit are of CPU time, the others of the clock.",
            f"SQLite {sqlite3.sqlite_version}, psycopg {psycopg.__version__}.",
        ],
    )
    publish(report, write=asked.write)
    return int(any(item.ratio < HELD_TO[item.name] for item in measured))


if __name__ == "__main__":
    sys.exit(main())
