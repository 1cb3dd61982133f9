"""Power cuts: the store's process is recorded, then states of the disk at drawn moments are opened and checked.

Run as a program under the recorder (see recorder.py) it prints figures as JSON. Every third trace begins with a state
that a cut left, so that recovery is cut too. In half of them the process is killed between a write and its sync, and
another one goes on. With another `--synchronous` than FULL the store is weakened: these are the controls, and cuts must
be found to lose what was acknowledged.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import random
import shutil
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from hashlib import blake2b
from math import inf
from pathlib import Path

from ratebook.ledger.store import open_store

from .checks import problems
from .disk import CREATE, JOURNAL, OPEN, WRITE, Disk, Op, read_trace
from .kills import checkpoint_every, memory
from .recorder import Recorder
from .workload import Journal, Told, read_messages, write_in_threads

DATABASE = "ledger.db"
UNRECORDED = {JOURNAL, f"{DATABASE}-shm", f"{DATABASE}.writer"}
CONTROLS = ("NORMAL", "OFF", "UNSETTLED")
CUTS_A_MOMENT = 2


@dataclass(slots=True)
class Cuts:
    """What came of it."""

    cuts: int = 0
    states: set[bytes] = field(default_factory=set)
    """The different states that they left, see `_name_of`."""
    traces: int = 0
    operations: int = 0
    acknowledged: int = 0
    with_loss: int = 0
    kinds: dict[str, int] = field(default_factory=dict)
    """How many cuts had a problem of each kind."""
    found: list[str] = field(default_factory=list)


def run(
    times: int,
    seed: str,
    cuts_a_trace: int,
    synchronous: str = "FULL",
    *,
    seconds: float = inf,
    after_deaths: bool = False,
) -> Cuts:
    """Make so many cuts, or what so many seconds allow. FULL stops at the first problem; controls count them.

    With `after_deaths` only such as follow upon the first answers of a process that goes on after another was killed.
    """
    until = time.monotonic() + seconds
    chance = random.Random(f"{seed} {synchronous}")
    figures = Cuts()
    recorder = Recorder()
    left: dict[str, bytes] = {}
    told = Told()
    with tempfile.TemporaryDirectory(prefix="ratebook-cuts-", dir=memory()) as place:
        folder, trace = Path(place) / "disk", Path(place) / "trace"
        while figures.cuts < times and time.monotonic() < until and not (figures.found and synchronous == "FULL"):
            figures.traces += 1
            if figures.traces % 3 != 0 or synchronous != "FULL":
                left, told = {}, Told()
            ops = record(
                recorder, folder, trace, left, f"{figures.traces}", chance, synchronous, after_deaths=after_deaths
            )
            figures.operations += len(ops)
            left, told = cut(
                ops, left, told, folder, chance, figures, min(cuts_a_trace, times - figures.cuts), after_deaths
            )
            if figures.traces % 50 == 0:
                print(f"{figures.cuts} cuts in {figures.traces} traces", file=sys.stderr, flush=True)
    return figures


def record(
    recorder: Recorder,
    folder: Path,
    trace: Path,
    contents: dict[str, bytes],
    name: str,
    chance: random.Random,
    synchronous: str,
    *,
    after_deaths: bool,
) -> list[Op]:
    """What a process writes that finds these files in its folder.

    Half of them are killed in the place of a sync, and another goes on: it sends again what had no answer.
    """
    lay(folder, contents)
    trace.unlink(missing_ok=True)
    checkpoint = chance.choice((4, 15, 40, 1_000))
    deaths = [chance.randint(8, 25)] if after_deaths else chance.choice(([], [chance.randint(0, 25)]))
    for number, syncs in enumerate((*deaths, None)):
        seed = chance.getrandbits(32)
        gc.freeze()
        child = os.fork()
        if child == 0:
            try:
                recorder.record(folder, trace)
                checkpoint_every(checkpoint, synchronous)
                if syncs is not None:
                    recorder.die(syncs=syncs)
                _live(folder, f"{name}.{number}", random.Random(seed))
                os._exit(0)
            finally:
                os._exit(1)
        _, status = os.waitpid(child, 0)
        if status and not (syncs is not None and os.WIFSIGNALED(status)):
            raise RuntimeError("the recorded process failed")
    ops = read_trace(trace.read_bytes())
    whole = Disk.holding(contents)
    for op in ops:
        whole.take(op)
    there = {path.name: path.read_bytes() for path in folder.iterdir() if path.name not in UNRECORDED}
    if whole.as_seen() != there:
        raise RuntimeError("the recorder missed something: its trace does not give the files that are there")
    return ops


def _live(folder: Path, name: str, chance: random.Random) -> None:
    """Send again what an earlier process had no answer for, then write."""
    told = Told()
    place = folder / JOURNAL
    if place.exists():
        read_messages(place.read_bytes(), told)
    journal = Journal(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_APPEND))
    answered = {request for request, _ in told.acknowledged}
    unanswered = [request for request in told.sent if request not in answered]
    threads = chance.choice((1, 1, 3))
    batches = chance.choice((4, 10, 20))
    for opening in range(chance.choice((1, 1, 2))):
        store = open_store(str(folder / DATABASE), create=not told.sent)
        for request in unanswered:
            outcomes = store.write(lambda transaction, asked=request: transaction.post([asked]))
            journal.acknowledged([request], outcomes)
        unanswered = []
        write_in_threads(store, f"{name}.{opening}", chance.getrandbits(32), journal, threads=threads, batches=batches)
        store.close()


def cut(
    ops: list[Op],
    contents: dict[str, bytes],
    told_before: Told,
    folder: Path,
    chance: random.Random,
    figures: Cuts,
    cuts: int,
    after_deaths: bool,
) -> tuple[dict[str, bytes], Told]:
    """Cut at drawn moments of a trace; one of the states that were left, and what had been told there."""
    disk = Disk.holding(contents)
    told = Told(list(told_before.sent), list(told_before.acknowledged))
    taken = read = 0
    kept: tuple[dict[str, bytes], Told] = (contents, told_before)
    said = _said(ops)
    moments = sorted(_moment(ops, said, chance, after_deaths) for _ in range(-(-cuts // CUTS_A_MOMENT)))
    last = len(told.acknowledged)
    for number, moment in enumerate(moments):
        for op in ops[taken:moment]:
            disk.take(op)
        taken = moment
        read += read_messages(disk.journal[read:], told)
        for _ in range(min(CUTS_A_MOMENT, cuts - number * CUTS_A_MOMENT)):
            figures.cuts += 1
            state = disk.after_cut(chance)
            figures.states.add(_name_of(state, len(told.acknowledged)))
            known = Told(list(told.sent), list(told.acknowledged))
            found = look(folder, state, known, chance)
            if found:
                figures.with_loss += 1
                for kind in {one.split(":", 1)[0] for one in found}:
                    figures.kinds[kind] = figures.kinds.get(kind, 0) + 1
                figures.found.extend(f"cut {figures.cuts}, operation {moment}: {one}" for one in found[:3])
                del figures.found[20:]
            elif chance.random() < 0.1:
                # What the check wrote afterwards is not in this state, so that what is known is what was told.
                kept = state, Told(list(told.sent), list(told.acknowledged))
    figures.acknowledged += len(told.acknowledged) - last
    return kept


def _name_of(state: dict[str, bytes], answers: int) -> bytes:
    """The same for two cuts that left the same files after as many answers; streams of requests have other keys."""
    content = blake2b(f"{answers}".encode(), digest_size=16)
    for name, held in sorted(state.items()):
        content.update(f"\n{name} {len(held)}\n".encode())
        content.update(held)
    return content.digest()


def _moment(ops: list[Op], said: list[int], chance: random.Random, after_deaths: bool) -> int:
    """When to cut. Just after something was told a loss shows, and most of all just after a retry was answered."""
    if said and (after_deaths or chance.random() < 0.5):
        return chance.choice(said[:3] if after_deaths else chance.choice((said, said[:8])))
    return chance.randint(0, len(ops))


def _said(ops: list[Op]) -> list[int]:
    """The moments just after a process told something, from the last process on that began to."""
    opened = [place for place, op in enumerate(ops) if op.kind in (CREATE, OPEN) and op.content == JOURNAL.encode()]
    if not opened:
        return []
    inode, first = ops[opened[-1]].inode, opened[-1]
    return [place for place, op in enumerate(ops, start=1) if place > first and (op.kind, op.inode) == (WRITE, inode)]


def look(folder: Path, state: dict[str, bytes], told: Told, chance: random.Random) -> list[str]:
    """What is wrong with a state of the disk."""
    lay(folder, state)
    if chance.random() < 0.2:
        # The index of the log is memory, and a disk may hold anything in its place.
        (folder / f"{DATABASE}-shm").write_bytes(chance.randbytes(32_768))
    try:
        store = open_store(str(folder / DATABASE), create=not told.acknowledged)
    except Exception as error:
        return [f"unreadable: {error!r}"]
    try:
        # A second retry, after the one that may have done things, for a few: it costs as much as all else.
        return problems(store, told, twice=chance.random() < 0.2)
    finally:
        store.close()


def lay(folder: Path, contents: dict[str, bytes]) -> None:
    """Make these the only files of a folder."""
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir()
    for name, content in contents.items():
        (folder / name).write_bytes(content)


def main() -> None:
    """Run as the long runs and the tests ask, and print the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--times", type=int, required=True)
    parser.add_argument("--seed", required=True)
    parser.add_argument("--cuts-a-trace", type=int, default=100)
    parser.add_argument("--synchronous", choices=("FULL", *CONTROLS), default="FULL")
    parser.add_argument("--after-deaths", action="store_true")
    parser.add_argument("--seconds", type=float, default=inf)
    given = parser.parse_args()
    figures = run(
        given.times,
        given.seed,
        given.cuts_a_trace,
        given.synchronous,
        seconds=given.seconds,
        after_deaths=given.after_deaths,
    )
    print(json.dumps({**asdict(figures), "states": len(figures.states)}))


if __name__ == "__main__":
    main()
