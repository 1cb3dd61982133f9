"""A disk that is full, or whose syncs fail, from the n-th call on: refused cleanly, and right again when it is over.

As a program under the recorder (see recorder.py) it prints figures as JSON. The points are spread over the life of a
store: making the database, opening it, writing from one or more threads, checkpoints, closing. While the disk is full,
every failure must be a `StoreError` with RB7035, and a reader that gets an answer must see all that was acknowledged.
When there is room again the same store has to go on, without being opened anew, unless it was closed on the full disk.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ratebook.ledger.requests import Outcome, Request
from ratebook.ledger.store import Store, StoreError, open_store

from .checks import kept, problems, read_books, sound
from .kills import checkpoint_every, memory
from .recorder import Recorder
from .workload import Ground, Stream, Told, prepare, write_batches

REFUSED = "RB7035"
"""It cannot be done, and nothing has happened."""
UNKNOWN = "RB7036"
"""It may have happened: the same keys find out."""


@dataclass(slots=True)
class Full:
    """What came of it."""

    points: int = 0
    refused: int = 0
    """Works that were refused because the disk was full."""
    unknown: int = 0
    """Works of which it was said that they may have happened."""
    happened: int = 0
    """Works that were there afterwards although nobody had an answer: only such as may have happened are allowed."""
    unopened: int = 0
    """Points at which the database could not be made or opened."""
    unread: int = 0
    """Points at which reading was refused too."""
    acknowledged: int = 0
    found: list[str] = field(default_factory=list)


def run(points: int, seed: int, *, failing: str) -> Full:
    """Let the disk fail at so many points; `failing` is `writes` or `syncs`."""
    figures = Full()
    recorder = Recorder()
    checkpoint_every(8)
    with tempfile.TemporaryDirectory(prefix="ratebook-full-", dir=memory()) as place:
        for point in range(points):
            folder = Path(place) / f"{point}"
            folder.mkdir()
            recorder.record(folder, None)
            found = _one(folder / "ledger.db", random.Random(f"{seed} {point}"), recorder, failing, point, figures)
            recorder.fail()
            figures.points += 1
            figures.found += [f"{failing} fail from number {point} on: {one}" for one in found]
    return figures


def _one(
    database: Path, chance: random.Random, recorder: Recorder, failing: str, point: int, figures: Full
) -> list[str]:
    told = Told()
    # A quarter of the points from the very beginning, so that making and opening meets them too.
    early = point % 4 == 0
    if early:
        recorder.fail(**{failing: point // 4})
        store, errors = _opened(database, recorder, figures)
        ground = _prepared(store, recorder, errors)
    else:
        store, errors = open_store(str(database), create=True), []
        ground = prepare(store)
        if chance.random() < 0.5:
            read_books(store)  # as a service that is running: its reader stays connected
        recorder.fail(**{failing: chance.randrange(point + 1)})
    failed: list[tuple[StoreError, list[Request]]] = []
    _write(store, ground, chance, told, failed)
    errors += [error for error, _ in failed]
    found = [f"unclean: {error.finding}" for error in errors if error.finding.code not in (REFUSED, UNKNOWN)]
    figures.refused += sum(error.finding.code == REFUSED for error in errors)
    figures.unknown += sum(error.finding.code == UNKNOWN for error in errors)
    try:
        books = read_books(store)
        found += [f"while full: {one}" for one in (*sound(books), *kept(books, told))]
    except StoreError as error:
        # The first reader after the writer has gone makes SQLite's index of the log anew, which takes room as well.
        figures.unread += 1
        found += [f"unclean: {error.finding}"] if error.finding.code != REFUSED else []
    if chance.random() < 0.3:
        store.close()
        store = _opened_again(database, recorder, found, figures)
    recorder.fail()
    later: list[tuple[StoreError, list[Request]]] = []
    _write(store, ground, chance, told, later)
    found += [f"with room again: {error}" for error, _ in later]
    found += _happened(store, told, failed, figures)
    found += [f"with room again: {one}" for one in problems(store, told)]
    store.close()
    figures.acknowledged += len(told.acknowledged)
    store = open_store(str(database))
    found += [f"opened again: {one}" for one in problems(store, told)]
    store.close()
    return found


def _opened(database: Path, recorder: Recorder, figures: Full) -> tuple[Store, list[StoreError]]:
    """The store, made on a disk that may be full before it is there; there is room again then."""
    try:
        return open_store(str(database), create=True), []
    except StoreError as error:
        figures.unopened += 1
        recorder.fail()
        return open_store(str(database), create=True), [error]


def _opened_again(database: Path, recorder: Recorder, found: list[str], figures: Full) -> Store:
    """The store after it was closed on a full disk: opened there, or else when there is room again."""
    try:
        return open_store(str(database))
    except StoreError as error:
        figures.unopened += 1
        found += [f"unclean: {error.finding}"] if error.finding.code != REFUSED else []
        recorder.fail()
        return open_store(str(database))


def _prepared(store: Store, recorder: Recorder, errors: list[StoreError]) -> Ground:
    try:
        return prepare(store)
    except StoreError as error:
        errors.append(error)
        recorder.fail()
        return prepare(store)


def _write(
    store: Store,
    ground: Ground,
    chance: random.Random,
    told: Told,
    failed: list[tuple[StoreError, list[Request]]],
) -> None:
    """Write from one thread or three until each has failed twice, or for a while; `failed` gets what had no answer."""
    lock = threading.Lock()

    def write(stream: Stream) -> None:
        asked: list[Request] = []

        def sent(requests: list[Request]) -> None:
            asked[:] = requests
            with lock:
                told.sent.extend(requests)

        def acknowledged(requests: list[Request], outcomes: list[Outcome]) -> None:
            with lock:
                told.acknowledged.extend(zip(requests, outcomes, strict=True))

        for _ in range(2):
            error = write_batches(store, stream, sent, acknowledged, batches=12)
            if error is not None:
                failed.append((error, list(asked)))

    streams = [
        Stream(f"{chance.getrandbits(64):x}", ground, random.Random(chance.getrandbits(32)))
        for _ in range(chance.choice((1, 3)))
    ]
    threads = [threading.Thread(target=write, args=(stream,)) for stream in streams]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _happened(store: Store, told: Told, failed: list[tuple[StoreError, list[Request]]], figures: Full) -> Iterator[str]:
    """Count what is there of the works that had no answer; a problem where it was said that nothing had happened."""
    books = read_books(store)
    answered = {request.key for request, _ in told.acknowledged}
    for error, requests in failed:
        there = ({request.key for request in requests} - answered) & {*books.transfers, *books.refusals}
        if there:
            figures.happened += 1
            if error.finding.code != UNKNOWN:
                yield f"unclean: {error.finding.code} said that nothing had happened, and {sorted(there)} are there"


def main() -> None:
    """Run as the long runs and the tests ask, and print the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--points", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--failing", choices=("writes", "syncs"), required=True)
    given = parser.parse_args()
    figures = run(given.points, given.seed, failing=given.failing)
    print(json.dumps(asdict(figures)))


if __name__ == "__main__":
    main()
