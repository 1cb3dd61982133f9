"""One quote in process, without derivation: generated code against Python integers written by hand.

    python bench/quote.py [--write] [--peers FOLDER]

The price is plan `pro` of workload.rates: blocks over four graduated bands, storage by region, egress by volume, a
discount, a penalty, a minimum. All sides get the same integers (millionths) and give the same cents, which is checked
first, against the interpreter too. Exits with 1 where generated code takes more than LIMIT times the faster of the two
that are written by hand, or where half of its quotes take more than P50_MICROSECONDS_MAX. Where bench/peers/install has
been run, zen-engine and CloudKitty's hashmap quote the same in a process of theirs.
"""

from __future__ import annotations

import json
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

from ratebook import load
from ratebook.engine.evaluators.generated import Quoted, Quoter, quoter
from ratebook.engine.usage import Value
from report import Report, options, publish

LIMIT = 1.3
P50_MICROSECONDS_MAX = 3.0
CASES, ROUNDS = 1_000, 101
Arguments = tuple[int, int, int, int, int, int, str]


# By hand, as one would write it: quantities are millionths, prices ten-thousandths or millionths of a dollar.


def half_even(numerator: int, denominator: int) -> int:
    whole, rest = divmod(numerator, denominator)
    if 2 * rest > denominator or (2 * rest == denominator and whole % 2 == 1):
        return whole + 1
    return whole


def by_hand(api: int, eu: int, us: int, ap: int, sa: int, egress: int, tier: str) -> int:
    blocks = -(-api // 1_000_000_000)
    if blocks <= 10:
        calls = blocks * 6375
    elif blocks <= 100:
        calls = 63_750 + (blocks - 10) * 5450
    elif blocks <= 1000:
        calls = 554_250 + (blocks - 100) * 4625
    else:
        calls = 4_716_750 + (blocks - 1000) * 3750
    if egress <= 50_000_000:
        rate = 800
    elif egress <= 500_000_000:
        rate = 725
    elif egress <= 5_000_000_000:
        rate = 600
    else:
        rate = 425
    charges = (
        half_even(calls, 100)
        + half_even(eu * 21_675, 10_000_000_000)
        + half_even(us * 19_550, 10_000_000_000)
        + half_even(ap * 23_056, 10_000_000_000)
        + half_even(sa * 29_218, 10_000_000_000)
        + half_even(egress * rate, 100_000_000)
    )
    total = charges
    if tier == "gold":
        total -= half_even(charges, 10)
    if egress > 2_000_000_000:
        total += half_even((egress - 2_000_000_000) * 40, 100_000_000)
    return max(total, 2500)


# By hand, as fast as it goes: the same with its rounding written out at every place.


def by_hand_inlined(api: int, eu: int, us: int, ap: int, sa: int, egress: int, tier: str) -> int:
    blocks = -(-api // 1_000_000_000)
    if blocks <= 100:
        line = blocks * 255 if blocks <= 10 else blocks * 218 + 370
    else:
        line = blocks * 185 + 3670 if blocks <= 1000 else blocks * 150 + 38_670
    total = (line + 2) // 4
    if total & 1 and total * 4 - 2 == line:
        total -= 1
    line = eu * 867
    part = (line + 200_000_000) // 400_000_000
    if part & 1 and part * 400_000_000 - 200_000_000 == line:
        part -= 1
    total += part
    line = us * 391
    part = (line + 100_000_000) // 200_000_000
    if part & 1 and part * 200_000_000 - 100_000_000 == line:
        part -= 1
    total += part
    line = ap * 1441
    part = (line + 312_500_000) // 625_000_000
    if part & 1 and part * 625_000_000 - 312_500_000 == line:
        part -= 1
    total += part
    line = sa * 14_609
    part = (line + 2_500_000_000) // 5_000_000_000
    if part & 1 and part * 5_000_000_000 - 2_500_000_000 == line:
        part -= 1
    total += part
    if egress <= 500_000_000:
        line = egress * 32 if egress <= 50_000_000 else egress * 29
    else:
        line = egress * 24 if egress <= 5_000_000_000 else egress * 17
    part = (line + 2_000_000) // 4_000_000
    if part & 1 and part * 4_000_000 - 2_000_000 == line:
        part -= 1
    total += part
    if tier == "gold":
        part = (total + 5) // 10
        if part & 1 and part * 10 - 5 == total:
            part -= 1
        total -= part
    if egress > 2_000_000_000:
        line = egress - 2_000_000_000
        part = (line + 1_250_000) // 2_500_000
        if part & 1 and part * 2_500_000 - 1_250_000 == line:
            part -= 1
        total += part
    return 2500 if total < 2500 else total  # noqa: FURB136 - `max` is a call, and slower


def cases() -> list[Arguments]:
    """Quantities of all sizes, one in five accounts gold; some on a bound, some zero."""
    draw = random.Random(20260601)
    bounds = [0, 50_000_000, 500_000_000, 2_000_000_000, 5_000_000_000, 10_000_000_000, 1_000_000_000_000]

    def quantity() -> int:
        return draw.choice(bounds) if draw.random() < 0.1 else int(10 ** draw.uniform(4, 13))

    return [
        (
            draw.randrange(2_000_000) * 1_000_000,
            *(quantity() // 100 for _ in range(4)),
            quantity() // 100,
            "gold" if draw.random() < 0.2 else "standard",
        )
        for _ in range(CASES)
    ]


def friendly(arguments: Arguments) -> tuple[dict[str | tuple[Value, ...], int | Fraction | Decimal], dict[str, Value]]:
    """The same as a mapping of quantities and one of attributes."""
    api, *regions, egress, tier = arguments
    numbers = [Fraction(number, 1_000_000) for number in (api, *regions, egress)]
    keys = ["api", *(("storage", region) for region in ("eu", "us", "ap", "sa")), "egress"]
    return dict(zip(keys, numbers, strict=True)), {"tier": tier}


def verify(quote: Quoter, given: Sequence[Arguments]) -> None:
    """All sides give the same cents."""
    for number, arguments in enumerate(given):
        wanted = by_hand(*arguments)
        assert quote.price(*arguments) == by_hand_inlined(*arguments) == wanted, arguments
        if number < 100:
            assert quote(*friendly(arguments)) == quote.interpreted(*friendly(arguments)) == Quoted(wanted, wanted)


def medians(functions: dict[str, Callable[[], object]], calls: int) -> dict[str, float]:
    """Microseconds of CPU a call, so that other processes do not count: the median over rounds in which every function
    has its turn.
    """
    times: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(ROUNDS):
        for name, function in functions.items():
            begin = time.thread_time_ns()
            function()
            times[name].append((time.thread_time_ns() - begin) / calls / 1000)
    return {name: statistics.median(found) for name, found in times.items()}


def over(function: Callable[..., object], given: Sequence[Sequence[object]]) -> Callable[[], object]:
    def run() -> None:
        for arguments in given:
            function(*arguments)

    return run


def by_peers(folder: Path, given: Sequence[Arguments]) -> dict[str, float]:
    """Microseconds of each peer that is installed there; those of zen-engine have to be the same cents."""
    python = folder / "bin" / "python"
    if not python.exists():
        return {}
    script = Path(__file__).parent / "peers" / "quotes.py"
    done = subprocess.run([python, script], input=json.dumps(given), capture_output=True, text=True, check=True)
    told = json.loads(done.stdout.strip().splitlines()[-1])
    assert told["cents"] == [by_hand(*arguments) for arguments in given], "zen-engine gives other cents"
    found: dict[str, float] = told["microseconds"]
    return found


def median_of_single(function: Callable[..., object], given: Sequence[Arguments]) -> float:
    """Microseconds of the middle one of calls that are timed one by one, the reading of the clock included."""
    times = []
    for arguments in given:
        begin = time.perf_counter_ns()
        function(*arguments)
        times.append(time.perf_counter_ns() - begin)
    return statistics.median(times) / 1000


def generating(path: Path) -> float:
    """Milliseconds from a program to the compiled function."""
    program = load(path).program
    found = []
    for _ in range(25):
        begin = time.thread_time_ns()
        assert quoter(program, "pro", period_start=date(2026, 6, 1)).price
        found.append((time.thread_time_ns() - begin) / 1e6)
    return statistics.median(found)


def main() -> int:
    parser = options(__doc__)
    default = Path(__file__).parent / "peers" / ".venv"
    parser.add_argument("--peers", type=Path, default=default, help="environment of the peers")
    said = parser.parse_args()
    path = Path(__file__).with_name("workload.rates")
    quote = quoter(load(path).program, "pro", period_start=date(2026, 6, 1))
    given = cases()
    verify(quote, given)
    asked = [friendly(arguments) for arguments in given]
    names = ["by hand", "by hand, rounding written out", "generated", "generated, by name", "interpreter"]
    found = medians(
        {
            names[0]: over(by_hand, given),
            names[1]: over(by_hand_inlined, given),
            names[2]: over(quote.price, given),
            names[3]: over(quote, asked),
        },
        CASES,
    )
    few = asked[:20]
    begin = time.thread_time_ns()
    over(quote.interpreted, few)()
    found[names[4]] = (time.thread_time_ns() - begin) / len(few) / 1000
    fastest = min(found[names[0]], found[names[1]])
    ratio = found[names[2]] / fastest
    p50 = median_of_single(quote.price, given)
    peers = by_peers(said.peers, given)
    found |= peers
    rows = [(name, f"{found[name]:.2f}", f"{found[name] / fastest:.2f}") for name in [*names, *peers]]
    notes = [
        f"`generated` is `Quoter.price(*integers)`: at most {LIMIT} times the faster one by hand.",
        f"Half of its quotes, timed alone, take at most {p50:.2f} µs by the clock ({P50_MICROSECONDS_MAX:g} asked).",
        "`by name` is the front door, for mappings of fractions; `interpreter` is `rate`, with every derivation.",
        f"Making and compiling the function takes {generating(path):.1f} ms, once for a plan and period.",
        f"CPU time, median of {ROUNDS} rounds over {CASES:,} quotes, all sides in turn in one process.",
    ]
    if peers:
        notes.append(
            "zen-engine is one precompiled decision, exact, given JSON text made before; CloudKitty quotes storage and "
            "egress alone, as it knows no blocks in bands, discounts or minimums. Both in a process of their own."
        )
    else:
        notes.append("zen-engine and CloudKitty's hashmap are not installed: bench/peers/install.")
    publish(
        Report("One quote", "python bench/quote.py --write", ("Quote", "µs", "ratio"), rows, notes), write=said.write
    )
    return 0 if ratio <= LIMIT and p50 <= P50_MICROSECONDS_MAX else 1


if __name__ == "__main__":
    sys.exit(main())
