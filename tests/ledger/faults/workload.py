"""What is written while things break: deposits, charges, holds, reversals and groups, with repeats and misused keys.

A `Stream` draws requests from a seed and learns from their outcomes, so that it can post, void and reverse what it
made. Wallets are few, so that every stream meets the others on them. Effective times jump by years in both directions.
`Journal` tells somebody outside what was sent and what was acknowledged, in one write each: what it says was said.
"""

from __future__ import annotations

import os
import pickle
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from ratebook.ledger.accounts import AccountKind, find_account, open_account, platform_account
from ratebook.ledger.requests import (
    AccountId,
    Hold,
    Leg,
    Outcome,
    Posted,
    PostHold,
    Refused,
    Request,
    Reverse,
    Transfer,
    TransferId,
    VoidHold,
)
from ratebook.ledger.store import Store, StoreError, Transaction

CURRENCY = "CNY"
WALLETS = 6
YEAR = 365 * 86_400 * 1_000_000
START = 56 * YEAR
"""An effective time in 2026, in microseconds."""


@dataclass(frozen=True, slots=True)
class Ground:
    """The accounts of a workload."""

    gateway: AccountId
    revenue: AccountId
    wallets: tuple[AccountId, ...]


def prepare(store: Store) -> Ground:
    """Open the accounts, or find those that an earlier life opened: all of them or none."""

    def work(transaction: Transaction) -> Ground:
        gateway = platform_account(transaction, AccountKind.GATEWAY, CURRENCY, effective=START)
        revenue = platform_account(transaction, AccountKind.REVENUE, CURRENCY, effective=START)
        wallets = []
        for number in range(WALLETS):
            name = f"wallet-{number}"
            found = find_account(transaction, name)
            if found is None:
                # One may be overdrawn by its credit limit.
                floor = -20_000 if number == 0 else 0
                wallets.append(
                    open_account(
                        transaction, name, AccountKind.WALLET, CURRENCY, owner=name, floor=floor, effective=START
                    )
                )
            else:
                wallets.append(found.id)
        return Ground(gateway, revenue, tuple(wallets))

    return store.write(work)


@dataclass(slots=True)
class Stream:
    """Requests of one writer, under keys that begin with its name."""

    name: str
    ground: Ground
    chance: random.Random
    number: int = 0
    holds: list[TransferId] = field(default_factory=list)
    moved: list[tuple[TransferId, int]] = field(default_factory=list)
    done: list[Request] = field(default_factory=list)

    def next(self) -> Request:
        """The next request."""
        drawn = self.chance.random()
        if self.done and drawn < 0.05:
            return self.chance.choice(self.done)
        if self.done and drawn < 0.09:
            earlier = self.chance.choice(self.done)
            return replace(earlier, legs=(*earlier.legs, self._deposit()))
        self.number += 1
        # Now, or a clock that is wrong by years.
        effective = START + self.number
        if self.chance.random() < 0.3:
            effective += self.chance.randint(-40 * YEAR, 40 * YEAR)
        return Request(f"{self.name}/{self.number}", self._legs(drawn), effective)

    def learn(self, request: Request, outcome: Outcome) -> None:
        """Take in what became of a request."""
        if isinstance(outcome, Refused) or outcome.repeated:
            return
        self.done.append(request)
        for leg, number in zip(request.legs, outcome.transfers, strict=True):
            if isinstance(leg, Hold):
                self.holds.append(number)
            elif isinstance(leg, Transfer):
                self.moved.append((number, leg.amount))

    def _legs(self, drawn: float) -> tuple[Leg, ...]:
        if drawn < 0.40:
            return (self._deposit(),)
        if drawn < 0.62:
            return (self._charge(),)
        if drawn < 0.74 or (drawn < 0.84 and not self.holds):
            return (Hold(self._wallet(), self.ground.revenue, self._amount(4_000), CURRENCY, "reservation"),)
        if drawn < 0.84:
            hold = self.holds.pop(self.chance.randrange(len(self.holds)))
            return (self.chance.choice((PostHold(hold), PostHold(hold, self._amount(2_000)), VoidHold(hold))),)
        if drawn < 0.91 and self.moved:
            number, amount = self.chance.choice(self.moved)
            return (Reverse(number, self.chance.choice((None, self.chance.randint(1, amount)))),)
        return (self._deposit(), self._charge(), self._charge())[: self.chance.randint(2, 3)]

    def _deposit(self) -> Transfer:
        return Transfer(self.ground.gateway, self._wallet(), self._amount(5_000), CURRENCY, "deposit", "gateway")

    def _charge(self) -> Transfer:
        return Transfer(self._wallet(), self.ground.revenue, self._amount(8_000), CURRENCY, "charge", "usage")

    def _wallet(self) -> AccountId:
        return self.chance.choice(self.ground.wallets)

    def _amount(self, most: int) -> int:
        return self.chance.randint(1, most)


@dataclass(slots=True)
class Told:
    """What is known outside: every request that was sent, and the answers that were given."""

    sent: list[Request] = field(default_factory=list)
    acknowledged: list[tuple[Request, Outcome]] = field(default_factory=list)

    def add(self, message: tuple[str, list[Request], list[Outcome]]) -> None:
        """Take in a message of a journal."""
        kind, requests, outcomes = message
        if kind == "sent":
            self.sent.extend(requests)
        else:
            self.acknowledged.extend(zip(requests, outcomes, strict=True))


class Journal:
    """Tells over a file descriptor. A message that fits a pipe's buffer is there whole or not at all."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def sent(self, requests: list[Request]) -> None:
        self._tell(("sent", requests, []))

    def acknowledged(self, requests: list[Request], outcomes: list[Outcome]) -> None:
        self._tell(("acknowledged", requests, outcomes))

    def _tell(self, message: tuple[str, list[Request], list[Outcome]]) -> None:
        content = pickle.dumps(message)
        whole = len(content).to_bytes(4, "big") + content
        if os.write(self._descriptor, whole) != len(whole):
            raise OSError("the journal took a part of a message")


def read_messages(content: bytes | bytearray, told: Told) -> int:
    """Add the whole messages at the beginning of these bytes; how many bytes they took."""
    place = 0
    while len(content) >= place + 4:
        length = int.from_bytes(content[place : place + 4], "big")
        if len(content) < place + 4 + length:
            break
        told.add(pickle.loads(content[place + 4 : place + 4 + length]))
        place += 4 + length
    return place


def write_batches(
    store: Store,
    stream: Stream,
    sent: Callable[[list[Request]], None],
    acknowledged: Callable[[list[Request], list[Outcome]], None],
    *,
    batches: int | None = None,
    enough: Callable[[], bool] = lambda: False,
) -> StoreError | None:
    """Send batch after batch and tell of each before and after; the error that ended it, if one did."""
    count = 0
    while not enough() and (batches is None or count < batches):
        count += 1
        requests = [stream.next() for _ in range(stream.chance.randint(1, 3))]
        sent(requests)
        try:
            outcomes = store.write(lambda transaction, asked=requests: transaction.post(asked))
        except StoreError as error:
            return error
        acknowledged(requests, outcomes)
        for request, outcome in zip(requests, outcomes, strict=True):
            stream.learn(request, outcome)
    return None


def write_in_threads(store: Store, name: str, seed: int, journal: Journal, *, threads: int, batches: int) -> None:
    """Streams of several threads at once, over one store and one journal."""
    ground = prepare(store)
    streams = [Stream(f"{name}-{one}", ground, random.Random(f"{seed} {name} {one}")) for one in range(threads)]
    writers = [
        threading.Thread(
            target=write_batches,
            args=(store, stream, journal.sent, journal.acknowledged),
            kwargs={"batches": batches},
            daemon=True,
        )
        for stream in streams
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()


__all__ = [
    "CURRENCY",
    "Ground",
    "Journal",
    "Posted",
    "Stream",
    "Told",
    "prepare",
    "read_messages",
    "write_batches",
    "write_in_threads",
]
