"""Whole customer bases: `ratebook rate` against the query that an expert writes by hand, and against other engines.

    python bench/batch.py [--write] [--events 1000000 10000000 100000000] [--accounts 100000] [--runs 5]
                          [--cache FOLDER] [--peers FOLDER] [--only whole query forms engines]

Whole processes, from their start to the written result, in turn, medians. Data is made where it is missing. Every line
of every statement is compared before anything is told, and the exit code is 1 where a line differs. The peers need an
environment of their own: bench/peers/install makes it.

whole    `ratebook rate` and the hand-written DuckDB query, Polars, and a loop over decimals
query    CPU of DuckDB alone in both, without Python's start, imports and compiling
forms    1,000 plans, 1,000,000 accounts, forms that need order in time, duplicates
engines  zen-engine, OpenFisca, CloudKitty's hashmap: lines a second
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from processes import Measured, in_turn, measure
from report import Report, options, publish

HERE = Path(__file__).parent
WORKLOAD = HERE / "workload.rates"
PEERS = ["polars_query", "zen_engine", "openfisca", "cloudkitty_hashmap"]
RATEBOOK, BY_HAND, POLARS, LOOP = "ratebook rate", "DuckDB by hand", "Polars by hand", "loop over decimals"
WALL_RATIO_MAX = {10_000_000: 1.5, 100_000_000: 1.25}
PEAK_MEGABYTES_MAX = {100_000_000: 1024}
CPU_RATIO_MAX, MANY_RATIO_MAX, ORDER_RATIO_MAX = 1.15, 2.0, 2.5
LOOP_RATIO_MIN, ZEN_RATIO_MIN = 50, 20
ACCOUNTS = 100_000
MIDDLE = 10_000_000
"""Events at which the slow ones are measured, once."""


@dataclass(frozen=True, slots=True)
class Bench:
    """What all sections need: where data and results stand, how the two kinds of Python are called, the options."""

    cache: Path
    peers: Path
    accounts: int
    runs: int
    engine: str

    def tell(self, text: str) -> None:
        print(f"  {text}", file=sys.stderr, flush=True)

    def out(self, name: str) -> Path:
        """Where a contestant writes its lines."""
        folder = self.cache / "lines"
        folder.mkdir(exist_ok=True)
        return folder / f"{name.replace(' ', '_')}.parquet"

    def usage(self, events: int, kind: str = "") -> Path:
        """Usage of that many events, and the accounts beside it; made if it is not there."""
        folder = self.cache / kind if kind else self.cache
        path = folder / f"usage_{events}.parquet"
        if not path.exists():
            self.tell(f"making {path}")
            accounts = self.accounts * (10 if kind == "million" else 1)
            words = ["--ids"] if kind == "ids" else []
            with tempfile.TemporaryDirectory(dir=self.cache) as aside:
                generate = [str(HERE / "generate.py"), str(events), aside, "--accounts", str(accounts), *words]
                measure([str(self.peers), *generate], self.cache)
                folder.mkdir(exist_ok=True)
                for name in ("accounts.parquet", path.name):
                    (Path(aside) / name).rename(folder / name)
        return path

    def lists(self, what: str) -> Path:
        """The folder of `plans.py many` or `plans.py order`."""
        folder = self.cache / what
        accounts = str(self.cache / "accounts.parquet")
        measure([sys.executable, str(HERE / "plans.py"), what, str(folder), accounts], self.cache)
        return folder

    def ratebook(self, ruleset: Path, usage: Path, accounts: Path, name: str, *words: str) -> list[str]:
        """The command `ratebook rate …`, from its name on."""
        given = ["rate", str(ruleset), "--usage", str(usage), "--accounts", str(accounts), "--period", "2026-06"]
        engine = ["--engine", self.engine] if self.engine != "none" else []
        return [*given, "--format", "parquet", "-o", str(self.out(name)), *engine, *words]

    def rate(self, ruleset: Path, usage: Path, accounts: Path, name: str, *words: str) -> list[str]:
        return [sys.executable, "-m", "ratebook", *self.ratebook(ruleset, usage, accounts, name, *words)]

    def by_hand(self, peer: str, usage: Path, accounts: Path, name: str) -> list[str]:
        """One of the two ways of handwritten.py."""
        return [str(self.peers), str(HERE / "handwritten.py"), peer, str(usage), str(accounts), str(self.out(name))]

    def peer(self, peer: str, usage: Path, accounts: Path) -> list[str]:
        return [str(self.peers), str(HERE / "peers" / f"{peer}.py"), str(usage), str(accounts), str(self.out(peer))]

    def agree(self, one: str, other: str, only: str = "") -> tuple[int, int]:
        """Lines of the first, and how many differ."""
        words = [str(HERE / "agree.py"), str(self.out(one)), str(self.out(other)), "--only", only]
        found = json.loads(measure([sys.executable, *words], self.cache).said)
        self.tell(f"{one}: {found['one']}, {other}: {found['other']}, differing: {found['differing']}")
        return found["one"]["lines"], found["differing"]


@dataclass(slots=True)
class Verdicts:
    """What was promised and what came."""

    differing: int = 0

    def equal(self, differing: int, what: str) -> str:
        self.differing += differing
        return f"{what}: {'every line agrees' if differing == 0 else f'{differing:,} LINES DIFFER'}."


def at_most(value: float, limit: float | None) -> str:
    return "" if limit is None else f"≤ {limit:g} {'kept' if value <= limit else 'over'}"


def at_least(value: float, limit: float) -> str:
    return f"≥ {limit:g} {'kept' if value >= limit else 'under'}"


def row(events: str, name: str, found: Measured, against: Measured, limit: float | None = None) -> list[str]:
    ratio = found.wall_seconds / against.wall_seconds
    return [
        events,
        name,
        f"{found.wall_seconds:.2f}",
        f"{ratio:.2f}",
        f"{found.cpu_seconds:.2f}",
        f"{found.cpu_seconds / against.cpu_seconds:.2f}",
        f"{found.peak_megabytes:,.0f}",
        at_most(ratio, limit),
    ]


COLUMNS = ("events", "process", "s", "ratio", "CPU s", "ratio", "peak MB", "limit of s")


def whole(bench: Bench, sizes: Sequence[int], verdicts: Verdicts) -> Report:
    """Whole processes at every size."""
    rows, notes = [], []
    for events in sizes:
        usage = bench.usage(events)
        accounts = usage.with_name("accounts.parquet")
        found = in_turn(
            {
                BY_HAND: bench.by_hand("duckdb", usage, accounts, BY_HAND),
                RATEBOOK: bench.rate(WORKLOAD, usage, accounts, RATEBOOK),
                POLARS: bench.peer("polars_query", usage, accounts),
            },
            bench.cache,
            bench.runs,
            bench.tell,
        )
        if events == MIDDLE:
            found[LOOP] = measure(bench.by_hand("python", usage, accounts, LOOP), bench.cache)
            times = found[LOOP].wall_seconds / found[RATEBOOK].wall_seconds
            notes.append(f"The loop takes {times:.0f} times as long as Ratebook: {at_least(times, LOOP_RATIO_MIN)}.")
        for name, measured in found.items():
            limit = WALL_RATIO_MAX.get(events) if name == RATEBOOK else None
            rows.append(row(f"{events:,}", name, measured, found[BY_HAND], limit))
        for other in ("polars_query", RATEBOOK):
            lines, differing = bench.agree(BY_HAND, other)
            what = f"{events:,} events, {lines:,} lines, by hand and {'Polars' if other != RATEBOOK else 'Ratebook'}"
            notes.append(verdicts.equal(differing, what))
        if LOOP in found:
            notes.append(verdicts.equal(int(totals(found[LOOP]) != totals(found[BY_HAND])), "The sum of the loop"))
        if events in PEAK_MEGABYTES_MAX:
            peak = found[RATEBOOK].peak_megabytes
            notes.append(f"Memory at {events:,} events: {peak:.0f} MB, {at_most(peak, PEAK_MEGABYTES_MAX[events])}.")
    notes.append(
        f"{bench.accounts:,} accounts. Medians of {bench.runs} runs that take turns; the loop ran once. "
        f"Load of the machine at the end {os.getloadavg()[0]:.1f}."
    )
    notes.append("Ratebook validates every row and writes 22 columns a line, the others four columns.")
    notes.append(
        f"By hand, a process imports {package_times(bench)} that it hardly needs: it is kept as it was measured."
    )
    return Report("Whole customer bases", "python bench/batch.py --write", COLUMNS, rows, notes, ("ratebook", "duckdb"))


def totals(found: Measured) -> int:
    """The total in cents that a peer printed last."""
    return int(json.loads(found.said.strip().splitlines()[-1])["total_cents"])


def package_times(bench: Bench) -> str:
    """What the import of pyarrow adds to a process by hand."""
    one, other = (
        measure([str(bench.peers), "-c", f"import {names}"], bench.cache)
        for names in ("duckdb, pyarrow.parquet", "duckdb")
    )
    return f"pyarrow ({one.wall_seconds - other.wall_seconds:.2f} s)"


def query(bench: Bench, sizes: Sequence[int], verdicts: Verdicts) -> Report:
    """CPU of DuckDB alone."""
    script, rows = str(HERE / "queries.py"), []
    for events in sizes:
        usage = bench.usage(events)
        accounts = usage.with_name("accounts.parquet")
        commands = {
            BY_HAND: [str(bench.peers), script, "handwritten", str(usage), str(accounts), str(bench.out(BY_HAND))],
            RATEBOOK: [sys.executable, script, "ratebook", *bench.ratebook(WORKLOAD, usage, accounts, RATEBOOK)],
        }
        each: dict[str, list[dict[str, float]]] = {name: [] for name in commands}
        for _ in range(bench.runs):
            for name, command in commands.items():
                each[name].append(json.loads(measure(command, bench.cache).said.strip().splitlines()[-1]))
                bench.tell(f"{name} at {events:,}: {each[name][-1]}")
        middle = {name: sorted(runs, key=lambda run: run["cpu_seconds"])[len(runs) // 2] for name, runs in each.items()}
        for name, found in middle.items():
            ratio = found["cpu_seconds"] / middle[BY_HAND]["cpu_seconds"]
            rows.append(
                (
                    f"{events:,}",
                    name,
                    f"{found['cpu_seconds']:.2f}",
                    f"{ratio:.2f}",
                    f"{found['longest_cpu_seconds']:.2f}",
                    f"{found['rest_cpu_seconds']:.2f}",
                    at_most(ratio, CPU_RATIO_MAX) if name == RATEBOOK else "",
                )
            )
        verdicts.equal(bench.agree(BY_HAND, RATEBOOK)[1], "by hand and Ratebook")
    notes = [
        "All calls into DuckDB, timed from outside: by hand it is one COPY; the longest is the scan of the usage.",
        "`Python` is CPU besides: start, imports, compiling the price list, writing the queries.",
        f"Medians of {bench.runs} runs that take turns.",
    ]
    columns = ("events", "process", "CPU s of DuckDB", "ratio", "longest call", "Python", "limit")
    return Report("The query alone", "python bench/batch.py --only query --write", columns, rows, notes, ("duckdb",))


def forms(bench: Bench, events: int, verdicts: Verdicts) -> Report:
    """Many plans, many accounts, order in time, ids."""
    usage = bench.usage(events)
    accounts = usage.with_name("accounts.parquet")
    million, ids = (bench.usage(events, kind) for kind in ("million", "ids"))
    plans, order = bench.lists("many"), bench.lists("order")
    spread = plans / "accounts.parquet"
    few, lots = "3 plans", "1,000 plans, 5,000 price rows"
    crowd, rows_, times, cards = (
        f"{10 * bench.accounts:,} accounts",
        "one ladder, row order",
        "one ladder, time order",
        "prepaid cards",
    )
    unique, duplicates = "--unique-ids", "ids, each counts once"
    commands = {
        few: bench.rate(WORKLOAD, usage, accounts, few),
        lots: bench.rate(plans / "many.rates", usage, spread, lots),
        crowd: bench.rate(WORKLOAD, million, million.with_name("accounts.parquet"), crowd),
        rows_: bench.rate(order / "rows.rates", usage, accounts, rows_),
        times: bench.rate(order / "times.rates", usage, accounts, times),
        cards: bench.rate(order / "cards.rates", usage, order / "cards.parquet", cards),
        duplicates: bench.rate(WORKLOAD, ids, ids.with_name("accounts.parquet"), duplicates),
    }
    if bench.engine == "batch":
        commands[unique] = bench.rate(WORKLOAD, ids, ids.with_name("accounts.parquet"), unique, "--unique-ids")
    hand = {
        few: bench.by_hand("duckdb", usage, accounts, f"{few} by hand"),
        lots: [
            *(str(bench.peers), str(HERE / "plans.py"), "duckdb", str(usage), str(spread), str(plans / "prices.json")),
            str(bench.out(f"{lots} by hand")),
        ],
        crowd: bench.by_hand("duckdb", million, million.with_name("accounts.parquet"), f"{crowd} by hand"),
    }
    every = {**commands, **{f"{name} by hand": command for name, command in hand.items()}}
    found = in_turn(every, bench.cache, bench.runs, bench.tell)
    against = {lots: (few, MANY_RATIO_MAX), times: (rows_, ORDER_RATIO_MAX), cards: (few, ORDER_RATIO_MAX)}
    table, notes = [], []
    for name in commands:
        base, limit = against.get(name, (few, None))
        ratio = found[name].wall_seconds / found[base].wall_seconds
        by_hand = found.get(f"{name} by hand")
        table.append(
            (
                name,
                f"{found[name].wall_seconds:.2f}",
                f"{found[name].cpu_seconds:.2f}",
                f"{found[name].peak_megabytes:,.0f}",
                f"{ratio:.2f} of {base}" if name != base else "",
                at_most(ratio, limit),
                f"{found[name].wall_seconds / by_hand.wall_seconds:.2f}" if by_hand else "",
            )
        )
    for name in hand:
        lines, differing = bench.agree(f"{name} by hand", name)
        notes.append(verdicts.equal(differing, f"{name}, {lines:,} lines, by hand and Ratebook"))
    notes.append(f"{events:,} events, {bench.accounts:,} accounts unless said. Medians of {bench.runs} runs in turn.")
    columns = ("form", "s", "CPU s", "peak MB", "ratio", "limit", "to DuckDB by hand")
    return Report("Forms at size", "python bench/batch.py --only forms --write", columns, table, notes, ("ratebook",))


def engines(bench: Bench, events: int, verdicts: Verdicts) -> Report:
    """Lines a second: of pricing alone, from quantities to lines, and of the whole process."""
    usage = bench.usage(events)
    accounts = usage.with_name("accounts.parquet")
    script = str(HERE / "queries.py")
    ours = measure(
        [sys.executable, script, "ratebook", *bench.ratebook(WORKLOAD, usage, accounts, RATEBOOK)], bench.cache
    )
    inside = json.loads(ours.said.strip().splitlines()[-1])
    measure(bench.by_hand("duckdb", usage, accounts, BY_HAND), bench.cache)
    lines, differing = bench.agree(BY_HAND, RATEBOOK)
    verdicts.equal(differing, "by hand and Ratebook")
    whole_run = measure(bench.rate(WORKLOAD, usage, accounts, RATEBOOK), bench.cache)
    made, written = inside["until_lines_cpu_seconds"], inside["after_scan_cpu_seconds"]
    table = [
        line_row(f"{RATEBOOK}, to lines", lines, made, None, "exact"),
        line_row(f"{RATEBOOK}, to a file", lines, written, whole_run.wall_seconds, "exact"),
    ]
    notes = []
    for name in PEERS[1:]:
        measured = measure(bench.peer(name, usage, accounts), bench.cache)
        told = json.loads(measured.said.strip().splitlines()[-1])
        bench.tell(f"{name}: {told}")
        peer, cpu = f"{told['peer']} {told['version']}", told["pricing_cpu_seconds"]
        table.append(line_row(peer, told["lines"], cpu, measured.wall_seconds, told["exact"]))
        _, differing = bench.agree(BY_HAND, name, "storage,egress" if name == "cloudkitty_hashmap" else "")
        says = "every line agrees" if differing == 0 else f"{differing:,} lines differ"
        notes.append(f"{told['peer']} and the query by hand, {told['lines']:,} lines: {says}.")
        if name == "zen_engine":
            to_lines, to_file = ((lines / own) / (told["lines"] / cpu) for own in (made, written))
            notes.append(
                f"Ratebook makes {to_lines:.0f} times the lines of zen-engine in a second of CPU: "
                f"{at_least(to_lines, ZEN_RATIO_MIN)}; with its file of 22 columns, {to_file:.1f} times."
            )
    notes.append(
        "From quantities on, without the scan. `to lines` ends where every line stands in a table, `to a file` has all "
        "after the scan; the others write four columns, which costs them next to nothing."
    )
    notes.append("The others get their quantities from a DuckDB query, as they read no files. Each ran once.")
    columns = ("engine", "lines", "CPU s", "lines a CPU second", "whole s", "exactness")
    title, command = "Other engines", "python bench/batch.py --only engines --write"
    return Report(title, command, columns, table, notes, ("ratebook", "duckdb"))


def line_row(name: str, lines: int, cpu: float, wall: float | None, exact: str) -> list[str]:
    return [name, f"{lines:,}", f"{cpu:.2f}", f"{lines / cpu:,.0f}", "" if wall is None else f"{wall:.2f}", exact]


def main() -> int:
    parser = options(__doc__)
    parser.add_argument("--events", type=int, nargs="+", default=[1_000_000, MIDDLE, 100_000_000])
    parser.add_argument("--accounts", type=int, default=ACCOUNTS, help="of the usage that is made where it is missing")
    parser.add_argument("--runs", type=int, default=5)
    default = Path(tempfile.gettempdir()) / "ratebook-bench"
    parser.add_argument("--cache", type=Path, default=default, help=f"folder for data and results [{default}]")
    parser.add_argument("--peers", type=Path, default=HERE / "peers" / ".venv", help="environment of the peers")
    parser.add_argument("--engine", default="batch", help="of `ratebook rate`; `none` leaves the option out")
    parser.add_argument("--only", nargs="+", choices=["whole", "query", "forms", "engines"], help="these sections")
    said = parser.parse_args()
    python = said.peers / "bin" / "python"
    if not python.exists():
        parser.error(f"no peers in {said.peers}: make them with bench/peers/install")
    cache = said.cache.resolve() / ("" if said.accounts == ACCOUNTS else f"accounts_{said.accounts}")
    cache.mkdir(parents=True, exist_ok=True)
    bench = Bench(cache, python.absolute(), said.accounts, said.runs, said.engine)
    verdicts = Verdicts()
    middle = MIDDLE if MIDDLE in said.events else max(said.events)
    sections: Mapping[str, Callable[[], Report]] = {
        "whole": lambda: whole(bench, said.events, verdicts),
        "query": lambda: query(bench, [events for events in said.events if events >= middle], verdicts),
        "forms": lambda: forms(bench, middle, verdicts),
        "engines": lambda: engines(bench, middle, verdicts),
    }
    for name in said.only or sections:
        publish(sections[name](), write=said.write)
    if verdicts.differing:
        print(f"{verdicts.differing:,} lines differ", file=sys.stderr)
    return 1 if verdicts.differing else 0


if __name__ == "__main__":
    sys.exit(main())
