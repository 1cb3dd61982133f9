"""The writer is killed with SIGKILL at a random moment, again and again, over databases that live through many deaths.

A life is a process forked from this one, warm, so that a death costs milliseconds. It opens the database (making it,
where there is none), writes from several threads, closes it, opens it again. The moment of death is drawn, so that it
also meets the making, the opening, checkpoints and the closing. Beside every second database another process reads all
the time: what it sees has to be sound at every moment, and SQLite's shared index of the log outlives the writers.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import random
import select
import signal
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from math import inf
from pathlib import Path

from ratebook.ledger import sqlite as sqlite_store
from ratebook.ledger.store import open_store

from .checks import problems, read_books, sound
from .workload import Journal, Told, read_messages, write_in_threads

ROWS_MAX = 300
"""A database with more is left alone: checking all of it again would take longer than the lives."""


@dataclass(slots=True)
class Kills:
    """What came of it."""

    times: int = 0
    databases: int = 0
    acknowledged: int = 0
    unanswered: int = 0
    views: int = 0
    """Views of the whole ledger that readers checked meanwhile."""
    found: list[str] = field(default_factory=list)


def run(
    times: int,
    seed: str,
    *,
    rows_max: int = ROWS_MAX,
    seconds: float = inf,
    say: Callable[[str], None] = lambda _: None,
) -> Kills:
    """Kill so many writers, or as many as so many seconds allow; stops at the first problem."""
    until = time.monotonic() + seconds
    chance = random.Random(seed)
    figures = Kills()
    with tempfile.TemporaryDirectory(prefix="ratebook-kills-", dir=memory()) as folder:
        while figures.times < times and time.monotonic() < until and not figures.found:
            figures.databases += 1
            database = Path(folder) / f"{figures.databases}.db"
            told = Told()
            reader: WatchingReader | None = None
            while figures.times < times and len(told.sent) < rows_max and not figures.found:
                figures.times += 1
                before = len(told.sent), len(told.acknowledged)
                live_and_die(database, f"{figures.times}", chance, told)
                figures.acknowledged += len(told.acknowledged) - before[1]
                figures.unanswered += len(told.sent) - before[0] - (len(told.acknowledged) - before[1])
                store = open_store(str(database), create=not told.acknowledged)
                try:
                    figures.found = [
                        f"death {figures.times} of seed {seed}: {one}"
                        for one in problems(store, told, twice=chance.random() < 0.3)
                    ]
                finally:
                    store.close()
                if reader is None and figures.databases % 2 == 0:
                    reader = WatchingReader(database)
                if figures.times % 500 == 0:
                    say(f"{figures.times} deaths, {figures.acknowledged} acknowledged, {figures.unanswered} not")
            if reader is not None:
                views, seen = reader.end()
                figures.views += views
                figures.found += [f"beside database {figures.databases} of seed {seed}: {one}" for one in seen]
            if not figures.found:
                for path in Path(folder).iterdir():
                    path.unlink()
    return figures


def memory() -> str | None:
    """A folder in memory, where there is one: the dead process loses nothing that the system had, on disk or not."""
    place = Path("/dev/shm")
    return str(place) if place.is_dir() and os.access(place, os.W_OK) else None


def live_and_die(database: Path, name: str, chance: random.Random, told: Told) -> None:
    """One life: `told` learns what it said before it was killed."""
    seed = chance.getrandbits(32)
    threads = chance.choice((1, 1, 2, 4))
    batches = chance.choice((3, 10, 1_000))
    # Checkpoints every few pages in half of the lives: with SQLite's own measure a short life sees none.
    pages = chance.choice((5, 20, 1_000, 1_000))
    moment = chance.choice((0.01, 0.03, 0.06)) * chance.random()
    # From the fork on, which meets the opening, or from the first word on, which meets the writing on a slow machine.
    from_first_word = chance.random() < 0.5
    outgoing, incoming = os.pipe()
    gc.freeze()
    child = os.fork()
    if child == 0:
        os.close(outgoing)
        _live(database, name, seed, Journal(incoming), threads, batches, pages)
    os.close(incoming)
    try:
        _listen(outgoing, moment, told, child, from_first_word=from_first_word)
    finally:
        os.close(outgoing)
        os.waitpid(child, 0)


class WatchingReader:
    """A process that reads a database while its writers die."""

    def __init__(self, database: Path) -> None:
        self._outgoing, incoming = os.pipe()
        # Held back until the child can take it: it may be told to stop before it runs for the first time.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        self._child = os.fork()
        if self._child == 0:
            os.close(self._outgoing)
            _watch(database, incoming)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        os.close(incoming)

    def end(self) -> tuple[int, list[str]]:
        """How many views it checked, and what was wrong with them."""
        os.kill(self._child, signal.SIGTERM)
        content = bytearray()
        while piece := os.read(self._outgoing, 65_536):
            content += piece
        os.close(self._outgoing)
        os.waitpid(self._child, 0)
        views, found = json.loads(content)
        return views, found


def _watch(database: Path, incoming: int) -> None:
    found: list[str] = []
    views = size = 0
    try:
        # What stops the process has to wait until a view is whole.
        stopped = [False]
        signal.signal(signal.SIGTERM, lambda *_: stopped.__setitem__(0, True))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        store = open_store(str(database))
        parent = os.getppid()
        while not stopped[0] and not found and os.getppid() == parent:
            books = read_books(store)
            found += sound(books)
            if books.size < size:
                found.append(f"lost: the log had {size} rows and has {books.size}")
            size = books.size
            views += 1
            time.sleep(0.01)
    except BaseException as error:
        found.append(f"unreadable: {error!r}")
    finally:
        os.write(incoming, json.dumps((views, found[:5])).encode())
        os._exit(0)


def _live(database: Path, name: str, seed: int, journal: Journal, threads: int, batches: int, pages: int) -> None:
    try:
        checkpoint_every(pages)
        for opening in range(1_000):
            store = open_store(str(database), create=True)
            write_in_threads(store, f"{name}.{opening}", seed, journal, threads=threads, batches=batches)
            store.close()
    finally:
        os._exit(1)


def checkpoint_every(pages: int, synchronous: str = "FULL") -> None:
    """Make the writing connections of this process checkpoint after so many pages, and sync as told.

    `UNSETTLED` is a store that syncs its own commits, but not what an earlier process left behind.
    """
    if synchronous == "UNSETTLED":
        synchronous = "FULL"
        sqlite_store._settle = lambda _: None
    make = sqlite_store._writing

    def writing(path: Path) -> sqlite3.Connection:
        raw = make(path)
        raw.execute(f"PRAGMA wal_autocheckpoint = {pages}")
        if synchronous != "FULL":
            raw.execute(f"PRAGMA synchronous = {synchronous}")
        return raw

    sqlite_store._writing = writing


def _listen(descriptor: int, moment: float, told: Told, child: int, *, from_first_word: bool) -> None:
    """Take in messages until the moment has come, kill, and take in what was said before."""
    content = bytearray()
    if from_first_word:
        content += os.read(descriptor, 65_536)
    until = time.monotonic() + moment
    alive = True
    while True:
        left = until - time.monotonic()
        if alive and left <= 0:
            os.kill(child, signal.SIGKILL)
            alive = False
        if alive:
            ready, _, _ = select.select([descriptor], [], [], left)
            if not ready:
                continue
        piece = os.read(descriptor, 65_536)
        if not piece:
            if alive:
                raise RuntimeError("the writer ended by itself")
            break
        content += piece
    read_messages(content, told)


def main() -> None:
    """Run as the long runs ask, and print the figures as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--times", type=int, required=True)
    parser.add_argument("--seed", required=True)
    parser.add_argument("--seconds", type=float, default=inf)
    given = parser.parse_args()
    figures = run(
        given.times, given.seed, seconds=given.seconds, say=lambda words: print(words, file=sys.stderr, flush=True)
    )
    print(json.dumps(asdict(figures)))


if __name__ == "__main__":
    main()
