"""Whole processes, measured from outside: seconds by the clock, seconds of CPU, and the most memory they held.

The measuring process stays small on purpose: Linux counts what the parent held at the start as the child's.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from report import ROOT

MEGABYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Measured:
    """One run of a process, or the medians of several."""

    wall_seconds: float
    cpu_seconds: float
    peak_megabytes: float
    said: str = ""


def environment(cache: Path) -> dict[str, str]:
    """Compiled modules are kept, as in an installation, but beside the data and not in the tree."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPYCACHEPREFIX": str(cache / "pycache")}


def measure(command: Sequence[str], cache: Path) -> Measured:
    """Run a process to its end; one that fails ends the benchmark with its words."""
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as errors:
        begin = time.perf_counter()
        child = subprocess.Popen(command, cwd=ROOT, env=environment(cache), stdout=said, stderr=errors)
        _, status, used = os.wait4(child.pid, 0)
        wall = time.perf_counter() - begin
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            errors.seek(0)
            tail = errors.read().decode(errors="replace")[-2000:]
            raise SystemExit(f"{' '.join(command)} failed ({child.returncode}):\n{tail}")
        said.seek(0)
        text = said.read().decode()
    return Measured(wall, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024 / MEGABYTE, text)


def in_turn(
    commands: Mapping[str, Sequence[str]], cache: Path, runs: int, tell: Callable[[str], None]
) -> dict[str, Measured]:
    """The medians of each; a first round fills caches and is not counted."""
    found: dict[str, list[Measured]] = {name: [] for name in commands}
    for number in range(runs + 1):
        for name, command in commands.items():
            taken = measure(command, cache)
            tell(
                f"{name}, {f'run {number} of {runs}' if number else 'not counted'}: {taken.wall_seconds:.2f} s, "
                f"CPU {taken.cpu_seconds:.2f} s, {taken.peak_megabytes:.0f} MB"
            )
            if number:
                found[name].append(taken)
    return {name: medians(each) for name, each in found.items()}


def medians(runs: Sequence[Measured]) -> Measured:
    """Of each figure by itself; what was said last."""
    return Measured(
        statistics.median(run.wall_seconds for run in runs),
        statistics.median(run.cpu_seconds for run in runs),
        statistics.median(run.peak_megabytes for run in runs),
        runs[-1].said,
    )
