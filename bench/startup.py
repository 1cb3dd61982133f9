"""The time of whole processes: `ratebook --help`, and `ratebook check` of reference price lists.

    python bench/startup.py [--runs 15] [--write]
    python bench/startup.py --imports rulesets/web/web.rates

Times are medians over runs that take turns. The limits are reported and fail nothing: what a process takes depends on
the machine. `--imports` lists the costliest imports of one `check` instead.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence

from report import ROOT, Report, options, publish

HELP_SECONDS_MAX = 0.12
CHECK_SECONDS_MAX = 0.35
CHECKED = ["rulesets/starter/starter.rates", "rulesets/web/web.rates", "rulesets/cloud/cloud.rates"]
WITH_HOLIDAYS = "rulesets/platform/platform.rates"
SHOWN = 30


def seconds(arguments: Sequence[str]) -> float:
    """How long a process takes from its start to its end."""
    begin = time.perf_counter()
    done = subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, check=False)
    taken = time.perf_counter() - begin
    if done.returncode:
        raise SystemExit(f"{' '.join(arguments)} failed:\n{done.stderr.decode()}")
    return taken


def imports(path: str) -> None:
    """Print the costliest imports of a check, by their own time and with what they import."""
    command = [sys.executable, "-X", "importtime", "-m", "ratebook", "check", path]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stderr
    rows = []
    for line in found.splitlines():
        if line.startswith("import time:") and "[us]" not in line:
            own, whole, name = line.removeprefix("import time:").split("|")
            rows.append((int(own), int(whole), name.rstrip()))
    total = sum(own for own, _, _ in rows)
    print(f"{len(rows)} imports take {total / 1000:.0f} ms; those that take most, in ms (own, with theirs):\n")
    for own, whole, name in sorted(rows, reverse=True)[:SHOWN]:
        print(f"{own / 1000:8.1f} {whole / 1000:8.1f}  {name.strip()}")
    print("\nwith what they import:\n")
    for own, whole, name in sorted(rows, key=lambda row: -row[1])[:SHOWN]:
        print(f"{own / 1000:8.1f} {whole / 1000:8.1f}  {name.strip()}")


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--imports", metavar="RULESET", help="show the imports of `ratebook check RULESET` instead")
    said = parser.parse_args()
    if said.imports is not None:
        imports(said.imports)
        return
    commands: list[tuple[str, list[str], float | None]] = [
        ("python -c pass", ["-c", "pass"], None),
        ("ratebook --help", ["-m", "ratebook", "--help"], HELP_SECONDS_MAX),
        *(
            (f"ratebook check {path}", ["-m", "ratebook", "check", path], CHECK_SECONDS_MAX)
            for path in [*CHECKED, WITH_HOLIDAYS]
        ),
    ]
    times: dict[str, list[float]] = {name: [] for name, _, _ in commands}
    for number in range(said.runs + 1):
        for name, arguments, _ in commands:
            taken = seconds(arguments)
            if number:  # the first round fills caches
                times[name].append(taken)
    rows = []
    for name, _, limit in commands:
        median = statistics.median(times[name])
        verdict = "" if limit is None else f"{limit:.2f} {'kept' if median <= limit else 'over'}"
        rows.append((f"`{name}`", f"{median:.3f}", f"{min(times[name]):.3f}", verdict))
    notes = [
        f"Median and best of {said.runs} runs that take turns, load of the machine {os.getloadavg()[0]:.1f}.",
        "`platform.rates` asks for public holidays, and imports the `holidays` library for it.",
        "`cloud.rates` holds a promise and a contract: most of its time is proving, not starting.",
    ]
    publish(
        Report(
            "Start-up",
            "python bench/startup.py --write",
            ("process", "median s", "best s", "limit"),
            rows,
            notes,
            ("ratebook", "click", "lark", "holidays", "babel"),
        ),
        write=said.write,
    )


if __name__ == "__main__":
    main()
