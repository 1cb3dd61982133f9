"""Crashes of a PostgreSQL server under several writers: stopped at once, killed whole, or one of its processes killed.

Writers in threads of two stores meet the crash; the server comes back while they still retry what was not sent for
commit. With `synchronous_commit` off, a control, acknowledged work must be found to be lost.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from math import inf
from pathlib import Path

import psycopg

from ratebook.ledger import postgresql
from ratebook.ledger.requests import Outcome, Request
from ratebook.ledger.store import Store, StoreError, open_store

from .checks import problems
from .cluster import Cluster
from .workload import Stream, Told, prepare, write_batches

ROWS_MAX = 500
ALLOWED = {"RB7034", "RB7035", "RB7036"}


@dataclass(slots=True)
class Crashes:
    """What came of it."""

    times: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    databases: int = 0
    acknowledged: int = 0
    unanswered: int = 0
    happened: int = 0
    """Unanswered requests that were there after the crash: what a blind retry would have repeated."""
    refusals: Counter[str] = field(default_factory=Counter)
    with_loss: int = 0
    found: list[str] = field(default_factory=list)


def run(
    times: int,
    seed: int,
    *,
    durable: bool = True,
    seconds: float = inf,
    say: Callable[[str], None] = lambda _: None,
) -> Crashes:
    """Crash the server so many times, or as many as so many seconds allow.

    Where it is durable it stops at the first problem; the control counts them.
    """
    until = time.monotonic() + seconds
    chance = random.Random(seed)
    figures = Crashes()
    cluster = Cluster()
    try:
        cluster.start()
        with _commits(durable):
            while figures.times < times and time.monotonic() < until and not (figures.found and durable):
                figures.databases += 1
                _one_database(cluster, times, chance, figures, say)
    finally:
        cluster.remove()
    return figures


def _one_database(
    cluster: Cluster, times: int, chance: random.Random, figures: Crashes, say: Callable[[str], None]
) -> None:
    url = cluster.url(f"ledger_{figures.databases}")
    told = Told()
    open_store(url, create=True).close()
    while figures.times < times and len(told.sent) < ROWS_MAX:
        figures.times += 1
        before = len(told.acknowledged)
        sent_before = len(told.sent)
        found = _one_crash(cluster, url, chance, told, figures)
        acknowledged = len(told.acknowledged) - before
        figures.acknowledged += acknowledged
        figures.unanswered += len(told.sent) - sent_before - acknowledged
        store = open_store(url)
        try:
            figures.happened += _happened(store, told, sent_before)
            found += problems(store, told)
        finally:
            store.close()
        if figures.times % 50 == 0:
            say(f"{figures.times} crashes, {figures.acknowledged} acknowledged, {figures.unanswered} not")
        if found:
            figures.with_loss += 1
            figures.found = [*figures.found, *(f"crash {figures.times}: {one}" for one in found[:3])][:20]
            return


def _one_crash(cluster: Cluster, url: str, chance: random.Random, told: Told, figures: Crashes) -> list[str]:
    stores = [open_store(url) for _ in range(chance.choice((1, 2)))]
    ground = prepare(stores[0])
    lock = threading.Lock()
    over = threading.Event()
    errors: list[BaseException] = []

    def sent(requests: list[Request]) -> None:
        with lock:
            told.sent.extend(requests)

    def acknowledged(requests: list[Request], outcomes: list[Outcome]) -> None:
        with lock:
            told.acknowledged.extend(zip(requests, outcomes, strict=True))

    def write(store: Store, name: str, seed: int) -> None:
        try:
            stream = Stream(name, ground, random.Random(seed))
            error = write_batches(store, stream, sent, acknowledged, enough=over.is_set)
        except BaseException as other:
            error = other
        if error is not None:
            errors.append(error)

    threads = [
        threading.Thread(target=write, args=(store, f"{figures.times}-{number}", chance.getrandbits(32)))
        for number, store in enumerate(stores * chance.choice((1, 2)))
    ]
    for thread in threads:
        thread.start()
    time.sleep(0.15 * chance.random())
    kind = chance.choice(("stopped at once", "killed whole", "one process killed"))
    figures.kinds[kind] += 1
    if kind == "one process killed":
        _kill_writer(cluster, url)
    else:
        cluster.stop_at_once() if kind == "stopped at once" else cluster.kill()
        cluster.start()
    over.set()
    for thread in threads:
        thread.join()
    for store in stores:
        store.close()
    _wait(url)
    figures.refusals.update(error.finding.code for error in errors if isinstance(error, StoreError))
    return [
        f"unclean: {error!r}"
        for error in errors
        if not isinstance(error, StoreError) or error.finding.code not in ALLOWED
    ]


def _kill_writer(cluster: Cluster, url: str) -> None:
    """Kill a process of the server that serves a writer, and wait until the server has thrown out everybody."""
    query = (
        "SELECT pid FROM pg_stat_activity WHERE application_name = 'ratebook' AND pid <> pg_backend_pid() ORDER BY 1"
    )
    with psycopg.connect(url, autocommit=True) as raw:
        found = raw.execute(query).fetchall()
        if found and cluster.kill_one(found[-1][0]):
            # Until then, which takes a while on a busy machine, it answers as if nothing had happened.
            with suppress(psycopg.OperationalError):
                for _ in range(2_000):
                    raw.execute("SELECT 1")
                    time.sleep(0.01)
                raise RuntimeError("the server does not notice the death of a process")


def _wait(url: str) -> None:
    """Until the server has recovered."""
    for _ in range(2_000):
        try:
            psycopg.connect(url).close()
        except psycopg.OperationalError:
            time.sleep(0.01)
        else:
            return
    raise RuntimeError("the server does not come back")


def _happened(store: Store, told: Told, sent_before: int) -> int:
    """How many of the unanswered requests are there."""
    answered = {request.key for request, _ in told.acknowledged}
    unanswered = {request.key for request in told.sent[sent_before:]} - answered
    keys = {
        row[0]
        for table in ("transfers", "refusals")
        for row in store.read(lambda reader, name=table: reader.rows(f"SELECT DISTINCT key FROM {name}"))
    }
    return len(unanswered & keys)


@contextmanager
def _commits(durable: bool) -> Iterator[None]:
    """Make the sessions of this process commit without waiting for the disk, unless they shall be durable."""
    begin = postgresql.PostgresqlSession.__init__

    def weaker(session: postgresql.PostgresqlSession, url: str, folder: Path | None = None) -> None:
        begin(session, url, folder)
        session._raw.execute("SET synchronous_commit = off")

    if not durable:
        postgresql.PostgresqlSession.__init__ = weaker
    try:
        yield
    finally:
        postgresql.PostgresqlSession.__init__ = begin
