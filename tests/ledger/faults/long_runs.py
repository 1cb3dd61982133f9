"""The long runs of the faults, one command each; `scripts/reliability` calls this.

    scripts/reliability kill       --times 10000  --seed 1
    scripts/reliability power      --times 100000 --seed 1
    scripts/reliability postgresql --times 500    --seed 1
    scripts/reliability disk-full  --times 200    --seed 1
    scripts/reliability clock      --times 200    --seed 1
    scripts/reliability tamper     --times 1000   --seed 1

With `--write` the figures replace the run's section of docs/reliability.md. It ends with 1 where a problem was found.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from math import inf
from pathlib import Path
from typing import Any

from ratebook.bench.report import Report, with_section
from ratebook.ledger import sqlite

from .cluster import NoServerError, server_version
from .recorder import NoCompilerError, program, recorded

PAGE = Path(__file__).resolve().parents[3] / "docs" / "reliability.md"
Row = tuple[str, str]
Figures = dict[str, Any]
Found = tuple[str, list[Row], list[str], list[str]]
"""A title, rows of the table, notes, and problems."""
JOBS = 3


@dataclass(frozen=True, slots=True)
class Asked:
    """What a run shall do: so many times, or as often as the seconds allow."""

    times: int
    seed: int
    seconds: float


CONTROLS = {
    "NORMAL": "`synchronous=NORMAL`",
    "OFF": "`synchronous=OFF`",
    "UNSETTLED": "`FULL`, but what a killed process left is not synced before a retry is answered",
}
CHECKED = """Then all rows are read: chain and root computed anew, sums, floors, every acknowledged request there once
  with its outcome. Everything that was sent is sent again, and changes nothing that was there."""
DEATH = """A forked process writes from one to four threads and is killed at a drawn moment, also while it makes the
  database, checkpoints, closes or opens."""
CUT = """A preloaded library records every write, truncation, sync and name of the store's files. A cut keeps what was
  synced and any part of the rest: sectors of 512 bytes or 4 KiB lost, reordered or torn, names and sizes lost. A third
  of the traces begin with what a cut left; in half of them the process is killed between a write and its sync, and
  another one goes on. Two cuts leave the same where nothing is unsynced, as just after an answer; both are checked."""
CRASH = """A server in a temporary folder is crashed while threads of one or two stores write: stopped at once, killed
  with all its processes, or a writer's process killed, after which it throws out everybody and recovers."""
FULL = """From a drawn write (or sync) on, all of them fail, the first after half of its bytes: while the database is
  made, opened, written to, checkpointed. Then there is room again, and the same store has to go on."""
CLOCK = """Each stream is written twice: effective times in order under a steady clock, and both jumping. Rows,
  balances, refusals and outcomes are compared."""

TAMPER = """Somebody owns the database: triggers, indexes and checks are gone, on PostgreSQL as a superuser. Columns
  are flipped in one row at a time on SQLite, in twenty rows together on PostgreSQL, and each row has to be named.
  Everything is undone before the next attempt; the database that nobody touched verifies before and after."""
RECOMPUTED = """Where the state is set back or the whole chain recomputed, with balances to match, nothing in the
  database shows it, which is checked too; the checkpoint that was kept outside does."""


def kill(asked: Asked) -> Found:
    """SIGKILL for the writer on SQLite."""
    parts = _shared(
        asked, lambda times, seed: program("kills", [*_options(times, seed), "--seconds", f"{asked.seconds}"])
    )
    rows = [
        ("deaths by SIGKILL", f"{_sum(parts, 'times'):,}"),
        ("databases", f"{_sum(parts, 'databases'):,}"),
        ("requests acknowledged before a death", f"{_sum(parts, 'acknowledged'):,}"),
        ("requests sent and unanswered at a death", f"{_sum(parts, 'unanswered'):,}"),
        ("views of the whole ledger that readers checked meanwhile", f"{_sum(parts, 'views'):,}"),
        ("lost, repeated, partial or otherwise wrong", f"{len(_found(parts))}"),
    ]
    return "Deaths of the writer", rows, [DEATH, CHECKED], _found(parts)


def power(asked: Asked) -> Found:
    """Power cuts on SQLite, and three controls with a five-hundredth of the cuts each, or 300."""
    parts = _shared(asked, lambda times, seed: _cuts(times, seed, "FULL", asked.seconds))
    rows = [
        ("cuts", f"{_sum(parts, 'cuts'):,}"),
        ("different states of the disk that they left", f"{_sum(parts, 'states'):,}"),
        ("traces of what the store's process wrote", f"{_sum(parts, 'traces'):,}"),
        ("writes, syncs and truncations in them", f"{_sum(parts, 'operations'):,}"),
        ("requests acknowledged in them before the last cut", f"{_sum(parts, 'acknowledged'):,}"),
        ("cuts after which anything was wrong", f"{_sum(parts, 'with_loss'):,}"),
    ]
    for control, meaning in CONTROLS.items():
        figures = _cuts(max(300, asked.times // 500), str(asked.seed), control, after_deaths=control == "UNSETTLED")
        share = figures["with_loss"] / figures["cuts"]
        rows.append((f"control, {meaning}: cuts after which something was wrong", f"{share:.1%}"))
    return "Power cuts", rows, [CUT, CHECKED], _found(parts)


def postgresql(asked: Asked) -> Found:
    """Crashes of a PostgreSQL server, and the control that does not wait for its disk."""
    from . import crashes

    figures = crashes.run(asked.times, asked.seed, seconds=asked.seconds, say=_say)
    control = crashes.run(max(5, figures.times // 25), asked.seed, durable=False, say=_say)
    rows = [
        *((f"crashes: {kind}", f"{count:,}") for kind, count in sorted(figures.kinds.items())),
        ("databases", f"{figures.databases:,}"),
        ("requests acknowledged", f"{figures.acknowledged:,}"),
        ("requests left unanswered", f"{figures.unanswered:,}"),
        ("of these, done before the crash: a retry without the key would have repeated them", f"{figures.happened:,}"),
        ("crashes after which anything was wrong", f"{figures.with_loss:,}"),
        (
            "control with `synchronous_commit=off`: crashes after which something was wrong",
            f"{control.with_loss / control.times:.0%}",
        ),
    ]
    return "Crashes of PostgreSQL", rows, [CRASH, CHECKED], figures.found


def disk_full(asked: Asked) -> Found:
    """No room, and syncs that fail, from so many points on."""
    rows, found = [], []
    for failing, what in (("writes", "no room for a write"), ("syncs", "a sync that fails")):
        figures = recorded("disk_full", ["--points", f"{asked.times}", "--seed", f"{asked.seed}", "--failing", failing])
        rows += [
            (f"{what}: points", f"{figures['points']:,}"),
            (f"{what}: works refused, nothing has happened (RB7035)", f"{figures['refused']:,}"),
            (f"{what}: works that may have happened (RB7036)", f"{figures['unknown']:,}"),
            (f"{what}: of all these, found to have happened when there was room again", f"{figures['happened']:,}"),
            (f"{what}: points at which the database could not be made or opened yet", f"{figures['unopened']:,}"),
            (f"{what}: points at which reading was refused too", f"{figures['unread']:,}"),
            (f"{what}: requests acknowledged", f"{figures['acknowledged']:,}"),
        ]
        found += figures["found"]
    rows.append(("refusals of another kind, that were not true, or anything wrong afterwards", f"{len(found)}"))
    return "A full disk", rows, [FULL, CHECKED], found


def clock(asked: Asked) -> Found:
    """Clocks that jump, against the same streams under clocks that do not."""
    figures = recorded("clock_jumps", ["--times", f"{asked.times}", "--seed", f"{asked.seed}"])
    rows = [
        ("streams of requests, each under a steady and a jumping clock", f"{figures['streams']:,}"),
        ("requests in them", f"{figures['requests']:,}"),
        ("jumps of the system's clock, up to forty years in both directions", f"{figures['jumps']:,}"),
        ("differences but for effective times", f"{len(figures['found'])}"),
    ]
    return "Clocks that jump", rows, [CLOCK], figures["found"]


def tamper(asked: Asked) -> Found:
    """A database rewritten by its owner, on SQLite and on PostgreSQL."""
    from ...billing.audit import tampering
    from .cluster import Cluster

    def on_sqlite() -> tampering.Figures:
        return tampering.run_together(tampering.Asked(asked.times, asked.seed, times=100, kept=40, parts=JOBS))

    def on_postgresql() -> tampering.Figures:
        server = Cluster()
        try:
            server.start()
            own = tampering.Asked(asked.times, asked.seed, times=20, kept=5, together=20)
            return tampering.run(server.url("tampering"), own)
        finally:
            server.remove()

    with ThreadPoolExecutor(2) as pool:
        running = {"SQLite": pool.submit(on_sqlite), "PostgreSQL": pool.submit(on_postgresql)}
        figures = {name: own.result() for name, own in running.items()}
    rows, found = [], []
    for name, own in figures.items():
        rows.append((f"{name}: rows of which every column was flipped", f"{own.rows:,}"))
        rows.extend((f"{name}: {what}", f"{count:,}") for what, count in own.tried.items())
        rows.append((f"{name}: not found, or not named", f"{len(own.missed)}"))
        found += own.missed
    return "Tampering", rows, [TAMPER, RECOMPUTED], found


def _cuts(times: int, seed: str, synchronous: str, seconds: float = inf, *, after_deaths: bool = False) -> Figures:
    options = [*_options(times, seed), "--synchronous", synchronous, "--seconds", f"{seconds}"]
    return recorded("power_cuts", [*options, "--after-deaths"] if after_deaths else options)


def _options(times: int, seed: str) -> list[str]:
    return ["--times", f"{times}", "--seed", seed]


def _shared(asked: Asked, part: Callable[[int, str], Figures]) -> list[Figures]:
    """A run as several programs at once, each with its share and a seed of its own."""
    shares = [asked.times // JOBS + (job < asked.times % JOBS) for job in range(JOBS)]
    with ThreadPoolExecutor(JOBS) as pool:
        return list(pool.map(lambda job: part(shares[job], f"{asked.seed}.{job}"), range(JOBS)))


def _sum(parts: Sequence[Figures], name: str) -> int:
    return sum(part[name] for part in parts)


def _found(parts: Sequence[Figures]) -> list[str]:
    return [one for part in parts for one in part["found"]]


RUNS: dict[str, Callable[[Asked], Found]] = {
    "kill": kill,
    "power": power,
    "postgresql": postgresql,
    "disk-full": disk_full,
    "clock": clock,
    "tamper": tamper,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one; what it found goes to the terminal, and with `--write` to the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", choices=sorted(RUNS))
    parser.add_argument("--times", type=int, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=inf, help="end earlier, with what was done by then")
    parser.add_argument("--write", action="store_true", help="put the figures into docs/reliability.md")
    given = parser.parse_args(arguments)
    began = time.monotonic()
    try:
        title, rows, notes, found = RUNS[given.run](Asked(given.times, given.seed, given.minutes * 60))
    except (NoCompilerError, NoServerError) as error:
        _say(f"This run cannot be made here: {error}.")
        return 2
    seconds = time.monotonic() - began
    ended = f" --minutes {given.minutes:g}" if given.minutes < inf else ""
    report = Report(
        title,
        f"scripts/reliability {given.run} --times {given.times} --seed {given.seed}{ended}",
        ("what", "figure"),
        [*rows, ("seconds", f"{seconds:,.0f}")],
        [*notes, *found[:20], f"{_database(given.run)}, {datetime.now(UTC):%Y-%m-%d}."],
        ("ratebook", "psycopg"),
    )
    print(report.text())
    if given.write:
        text = PAGE.read_text(encoding="utf-8")
        PAGE.write_text(with_section(text, title, report.section()), encoding="utf-8")
    return 1 if found else 0


def _database(run: str) -> str:
    return server_version() if run == "postgresql" else f"SQLite {sqlite.sqlite3.sqlite_version}"


def _say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
