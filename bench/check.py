"""The time of `ratebook check` on large rulesets: whole processes, by the number of lines.

    python bench/check.py [--lines 1000 5000 20000] [--rows 100000] [--runs 3] [--write]
    python bench/check.py --show 1000 > ruleset.rates
    python bench/check.py --profile 5000

The rulesets are generated and always the same: plans with charges of every kind, contracts that extend them, policies
with conditions, examples. A price file of `--rows` prefixes is checked besides. `--profile` lists where the time goes.
"""

from __future__ import annotations

import cProfile
import pstats
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from report import ROOT, Report, options, publish

LIMITS = {1_000: 2.0, 20_000: 30.0}
FILE_SECONDS_MAX = 6.0
MAX_KIB = "65536"
REGIONS = ("us", "eu", "uk", "cn", "jp", "in", "br", "za")
SEGMENTS = ("startup", "school", "public", "partner", "press", "health", "retail", "bank")

HEAD = f"""ruleset large "Large price list":
  currency USD
  time zone America/New_York

unit seat

account:
  tier: one of free, standard, gold, default standard
  segment: one of {", ".join(SEGMENTS)}, default retail
  country: text, optional
  seats: number of seat, default 1
  limit: number, default 1,000

window peak: mon to fri 08:00 to 20:00
window night: daily 22:00 to 06:00
window summer: jun to aug
"""

FAMILY = """
# Product {n}: what it counts.
event product{n}.used:
  units: number
  size: number of GB
  region: one of {regions}
  caller: text

meter calls{n}: count of product{n}.used
meter units{n}: sum of units of product{n}.used
meter traffic{n}: sum of size of product{n}.used
"""

PLAN = """
plan plan{n} "Plan {n}" from {start}:
  billed monthly
  charge calls{n} "Calls" graduated:
    first 1,000 free
    next 9,000 at $0.{a:02} each
    above at $0.{b:02} each
  charge traffic{n} "Traffic" by region graduated:
    | region    | first 10 TB  | next 40 TB    | above        |
    | us, eu    | $0.{c:02} per GB | $0.085 per GB | $0.07 per GB |
    | cn        | $0.12 per GB | $0.11 per GB  | $0.10 per GB |
    | otherwise | $0.15 per GB | $0.14 per GB  | $0.13 per GB |
  charge units{n} "Units" by time, region:
    | time      | region     | price       |
    | peak      | us, eu, uk | $0.2{d} each |
    | peak      | otherwise  | $0.3{d} each |
    | otherwise | any        | $0.1{d} each |
  charge sessions{n} "Sessions" of each product{n}.used.units by caller:
    | caller prefix | price                                |
    | "1"           | $0.02 per started 60 plus $0.05 once |
    | "12"          | $0.03 per started 60                 |
    | "44"          | $0.04 per 60 in steps of 6           |
    | otherwise     | $0.10 each                           |
  charge seats{n} "Seats" of account.seats stairstep:
    up to 10 for $100
    up to 100 for $900
    above for $5,000
  charge support{n} "Support" of amount of calls{n}, traffic{n}:
    at 7%
    minimum $29
  fee base{n} "Base fee" ${fee} per month in advance
  include 100 GB of traffic{n}
  minimum $20
  cap $50,000
"""

LATER = """
contract contract{n} "Contract {n}" extends plan{n} from {start} before 2028-01-01:
  remove support{n}
  replace charge calls{n} "Calls": at $0.{a:02} each
  replace fee base{n} "Base fee" $9 per month in advance

discount gold{n} "Gold" for plan{n}:
  10% off calls{n}, traffic{n}
  when account.tier is gold
  because "agreed with the customers of product {n}"

discount volume{n} "Volume" for plan{n}:
  5% off traffic{n}, at most $500
  when account.tier is not gold
  when usage of traffic{n} > {c}0,000

penalty over{n} "Over the limit" for plan{n}, contract{n}:
  $0.50 per 1 of units{n} above account.limit
  when account.limit < 100,000

example "the first call past the free ones, plan {n}" on plan{n} in 2027-03:
  account tier standard
  usage calls{n} 1,001
  usage traffic{n} 12 TB, region us
  expect calls{n} $0.{a:02}
  expect no gold{n}

example "a contract, plan {n}" on contract{n} in 2027-03:
  account tier gold, seats 3
  usage calls{n} 100
  expect seats{n} $100.00
"""

OFFER = """
offer offer{n} "Offer {n}" from {start} before {end}:
  {share}% off total
  when account.country is c{n} and account.segment is not {segment}
  when month > {month}
"""

TAX = """
tax vat "VAT": 20% of total
  when account.country is known
  when account.country is GB
"""


def ruleset(lines: int) -> str:
    """A price list of so many lines, or a few more; the same each time."""
    parts = [HEAD, TAX]
    count = sum(part.count("\n") for part in parts)
    for number in _numbers():
        if count >= lines:
            break
        values = {
            "n": number,
            "regions": ", ".join(REGIONS),
            "start": f"2026-{number % 12 + 1:02}-01",
            "end": "2027-01-01",
            "a": number % 5 + 5,
            "b": number % 4 + 1,
            "c": number % 3 + 7,
            "d": number % 10,
            "fee": number % 90 + 10,
            "share": number % 20 + 1,
            "segment": SEGMENTS[number % len(SEGMENTS)],
            "month": number % 11 + 1,
        }
        for text in (FAMILY, PLAN, LATER, *([OFFER] if number % 4 == 0 else [])):
            parts.append(text.format(**values))
            count += parts[-1].count("\n")
    return "".join(parts)


def _numbers() -> Iterator[int]:
    number = 0
    while True:
        number += 1
        yield number


def price_file(folder: Path, rows: int) -> Path:
    """A ruleset whose prices stand in a file of so many prefixes."""
    lines = ["caller prefix,price"]
    lines += [f"{number + 1_000_000},$0.{number % 997 + 1:04} per started 60" for number in range(rows)]
    lines.append("otherwise,$1 each")
    (folder / "prices.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    text = HEAD + FAMILY.format(n=1, regions="us, eu")
    text += '\nplan plan1 from 2026-01-01:\n  charge calls1 by caller: prices from "prices.csv"\n'
    text += "  charge units1: free\n  charge traffic1: free\n"
    path = folder / "file.rates"
    path.write_text(text.replace("per started 60", "each"), encoding="utf-8")
    return path


def seconds(path: Path) -> float:
    """How long a check takes; it has to find no error."""
    begin = time.perf_counter()
    command = [sys.executable, "-m", "ratebook", "check", "--max-size", MAX_KIB, str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    taken = time.perf_counter() - begin
    if done.returncode:
        raise SystemExit(f"the check of {path} failed:\n{done.stdout[:3000]}{done.stderr}")
    return taken


def profile(lines: int) -> None:
    """Print where the time of one check goes, in this process."""
    from ratebook.diagnostics import Source
    from ratebook.engine.compiler.compile import compile_ruleset

    source = Source("large.rates", ruleset(lines))
    measured = cProfile.Profile()
    measured.enable()
    compile_ruleset(source, max_bytes=1 << 30)
    measured.disable()
    stats = pstats.Stats(measured)
    stats.sort_stats("tottime").print_stats(25)
    stats.sort_stats("cumtime").print_stats(60)


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--lines", type=int, nargs="+", default=[1_000, 5_000, 20_000])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--show", type=int, metavar="LINES", help="print a ruleset instead")
    parser.add_argument("--profile", type=int, metavar="LINES", help="print where the time goes instead")
    said = parser.parse_args()
    if said.show is not None:
        print(ruleset(said.show), end="")
        return
    if said.profile is not None:
        profile(said.profile)
        return
    rows: list[tuple[str, str, str, str, str]] = []
    first = 0.0
    with tempfile.TemporaryDirectory() as name:
        for wanted in said.lines:
            path = Path(name) / f"{wanted}.rates"
            text = ruleset(wanted)
            path.write_text(text, encoding="utf-8")
            count = text.count("\n")
            median = statistics.median(seconds(path) for _ in range(said.runs))
            first = first or median / count
            limit = LIMITS.get(wanted)
            kept = "" if limit is None else f"{limit:.0f} {'kept' if median <= limit else 'over'}"
            rows.append(
                (f"{count:,} lines", f"{median:.2f}", f"{count / median:,.0f}", f"{median / count / first:.2f}", kept)
            )
        if said.rows:
            path = price_file(Path(name), said.rows)
            median = statistics.median(seconds(path) for _ in range(said.runs))
            kept = f"{FILE_SECONDS_MAX:.0f} {'kept' if median <= FILE_SECONDS_MAX else 'over'}"
            rows.append((f"{said.rows:,} rows in a file", f"{median:.2f}", f"{said.rows / median:,.0f}", "", kept))
    notes = [
        f"Median of {said.runs} runs of the real command, its start included.",
        "`to linear` is the time for a line over that of the smallest ruleset: 1 is linear, less is better.",
        "A plan in the rulesets comes with three meters, six charges, a contract, three policies and two examples.",
    ]
    publish(
        Report(
            "Checks", "python bench/check.py --write", ("ruleset", "s", "a second", "to linear", "limit"), rows, notes
        ),
        write=said.write,
    )


if __name__ == "__main__":
    main()
