"""Clocks that jump change nothing but effective times.

One stream of requests is written twice: once with effective times in order, once with times that jump by years while
the recorder (see recorder.py), under which this runs as a program, moves the system's clock in the middle of works.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from ratebook.ledger.requests import Outcome, Request
from ratebook.ledger.store import Transaction, open_store

from .checks import read_books, sound
from .kills import memory
from .recorder import Recorder
from .workload import START, YEAR, Stream, prepare

REQUESTS = 60
MOVED_BY_TIME = {"effective", "opened", "leaf"}
"""Columns that are times, and the hash that covers them."""


@dataclass(slots=True)
class Jumps:
    """What came of it."""

    streams: int = 0
    requests: int = 0
    jumps: int = 0
    found: list[str] = field(default_factory=list)


def run(times: int, seed: int) -> Jumps:
    """Write so many streams twice."""
    figures = Jumps()
    recorder = Recorder()
    before = time.time()
    recorder.clock(YEAR // 1_000_000)
    assert time.time() > before + YEAR // 2_000_000, "the recorder does not move this process's clock"
    recorder.clock(0)
    with tempfile.TemporaryDirectory(prefix="ratebook-clocks-", dir=memory()) as place:
        for number in range(times):
            figures.streams += 1
            steady, outcomes = _write(Path(place) / f"{number}-steady.db", seed + number, None, figures)
            jumping, others = _write(Path(place) / f"{number}-jumping.db", seed + number, recorder, figures)
            if outcomes != others:
                figures.found.append(f"stream {number}: other outcomes")
            figures.found += [f"stream {number}: {name} differ" for name in steady if steady[name] != jumping[name]]
    return figures


def _write(
    database: Path, seed: int, recorder: Recorder | None, figures: Jumps
) -> tuple[dict[str, object], list[Outcome]]:
    """All rows but for what is a time, and the outcomes."""
    chance = random.Random(f"clock {seed}")
    store = open_store(str(database), create=True)
    stream = Stream("stream", prepare(store), random.Random(seed))
    outcomes: list[Outcome] = []
    for number in range(REQUESTS):
        request = stream.next()
        if recorder is None:
            request = replace(request, effective=START + number)
        (outcome,) = store.write(
            lambda transaction, asked=request: _post(transaction, asked, recorder, chance, figures)
        )
        stream.learn(request, outcome)
        outcomes.append(outcome)
    figures.requests += REQUESTS
    books = read_books(store)
    figures.found += [f"{database.stem}: {one}" for one in sound(books)]
    store.close()
    if recorder is not None:
        recorder.clock(0)
    rows: dict[str, object] = {
        name: [{column: value for column, value in row.items() if column not in MOVED_BY_TIME} for row in table]
        for name, table in books.tables.items()
    }
    return {**rows, "balances": books.balances, "log_head": books.size}, outcomes


def _post(
    transaction: Transaction, request: Request, recorder: Recorder | None, chance: random.Random, figures: Jumps
) -> list[Outcome]:
    if recorder is not None and chance.random() < 0.5:
        figures.jumps += 1
        recorder.clock(chance.randint(-40 * YEAR, 40 * YEAR) // 1_000_000)
    return transaction.post([request])


def main() -> None:
    """Run as the long runs and the tests ask, and print the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--times", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    given = parser.parse_args()
    figures = run(given.times, given.seed)
    print(json.dumps(asdict(figures)))


if __name__ == "__main__":
    main()
