"""What DuckDB alone takes in one run: CPU and clock seconds of every call, as one line of JSON.

    python bench/queries.py handwritten USAGE ACCOUNTS LINES
    python bench/queries.py ratebook rate RULESET --usage … (the words of the command)
    python bench/queries.py … --show     the statements that take most, as a table

The run happens in this process. Every call of a DuckDB connection or relation is timed from outside, so it needs
nothing of the code that it measures; CPU is of the whole process, with DuckDB's threads. `rest` is what Python took
besides: start, imports, compiling, writing queries. Needs duckdb, and pyarrow for `handwritten`.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

SHOWN = 20
SCAN, LINES = "CREATE OR REPLACE TEMP TABLE used AS", "CREATE OR REPLACE TEMP TABLE line AS"
"""How the statements begin that scan usage and that price: after the second every line stands in a table."""


@dataclass(slots=True)
class Call:
    """One outermost call into DuckDB; `statement` is its text, or the text that its result comes from."""

    method: str
    statement: str
    cpu_seconds: float
    wall_seconds: float


@dataclass(slots=True)
class Watch:
    """The calls so far. Calls that DuckDB makes of itself are part of the outer one."""

    calls: list[Call] = field(default_factory=list)
    inside: bool = False

    def timed(self, method: str, statement: str, call: Callable[[], Any]) -> Any:
        if self.inside:
            return call()
        self.inside = True
        cpu, wall = time.process_time(), time.perf_counter()
        try:
            return call()
        finally:
            self.inside = False
            taken = time.process_time() - cpu, time.perf_counter() - wall
            self.calls.append(Call(method, statement, *taken))


class Watched:
    """A connection or relation whose calls are timed."""

    def __init__(self, real: Any, watch: Watch, statement: str = "") -> None:
        self._real, self._watch, self._statement = real, watch, statement

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._real, name)
        if not callable(found):
            return found

        def call(*given: Any, **named: Any) -> Any:
            text = given[0] if given and isinstance(given[0], str) else self._statement
            plain = [one._real if isinstance(one, Watched) else one for one in given]
            result = self._watch.timed(name, text, lambda: found(*plain, **named))
            if isinstance(result, duckdb.DuckDBPyConnection | duckdb.DuckDBPyRelation):
                if result is self._real:
                    self._statement = text
                    return self
                return Watched(result, self._watch, text)
            return result

        return call

    def __enter__(self) -> Watched:
        return self

    def __exit__(self, *_: object) -> None:
        self._real.close()


def watched() -> Watch:
    """From now on every new connection is timed."""
    watch = Watch()
    connect = duckdb.connect
    duckdb.connect = lambda *given, **named: Watched(connect(*given, **named), watch)  # type: ignore[assignment]
    return watch


def run_handwritten(usage: str, accounts: str, out: str) -> None:
    sys.path.insert(0, str(Path(__file__).resolve().parent))
    import handwritten

    handwritten.by_duckdb(usage, accounts, out)


def run_ratebook(words: list[str]) -> None:
    from ratebook import cli

    sys.argv = ["ratebook", *words]
    try:
        cli.main()
    except SystemExit as end:
        if end.code:
            raise


def main() -> int:
    show = "--show" in sys.argv
    words = [word for word in sys.argv[1:] if word != "--show"]
    watch = watched()
    if words[0] == "handwritten":
        run_handwritten(*words[1:4])
        calls = [
            call for call in watch.calls if call.statement.startswith("copy")
        ]  # the count of lines is not its work
    else:
        run_ratebook(words[1:])
        calls = watch.calls
    process = time.process_time()
    if show:
        for call in sorted(calls, key=lambda call: -call.cpu_seconds)[:SHOWN]:
            text = " ".join(call.statement.split())[:150]
            print(f"{call.cpu_seconds:8.3f} {call.wall_seconds:8.3f}  {call.method}: {text}", file=sys.stderr)
    longest = max(range(len(calls)), key=lambda index: calls[index].wall_seconds)
    cpu = sum(call.cpu_seconds for call in calls)
    scan, lines = (
        next((at for at, call in enumerate(calls) if call.statement.startswith(words)), longest)
        for words in (SCAN, LINES)
    )
    print(
        json.dumps(
            {
                "calls": len(calls),
                "cpu_seconds": cpu,
                "wall_seconds": sum(call.wall_seconds for call in calls),
                "rest_cpu_seconds": process - cpu,
                "longest_cpu_seconds": calls[longest].cpu_seconds,
                "until_lines_cpu_seconds": sum(call.cpu_seconds for call in calls[scan + 1 : lines + 1]),
                "after_scan_cpu_seconds": sum(call.cpu_seconds for call in calls[scan + 1 :]),
            }
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
