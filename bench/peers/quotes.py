"""Quotes of plan `pro` by zen-engine and by CloudKitty's hashmap, for bench/quote.py: cases in, one line of JSON out.

    python bench/peers/quotes.py < CASES.json

A case is api, storage in four regions, egress (all in millionths), tier. Contexts and points are made before the clock
starts. CloudKitty knows neither graduated bands nor discounts and minimums: its quote is storage and egress alone.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from decimal import Decimal
from importlib.metadata import version

from cloudkitty_hashmap import Loaded, frame
from zen_engine import context, statement

ROUNDS = 21
PLAN = "pro"


def median(function: Callable[[], object], calls: int) -> float:
    """Microseconds a call."""
    times = []
    for _ in range(ROUNDS):
        begin = time.thread_time_ns()
        function()
        times.append((time.thread_time_ns() - begin) / calls / 1000)
    return statistics.median(times)


def main() -> None:
    cases = json.load(sys.stdin)
    quantities = [[Decimal(number).scaleb(-6) for number in case[:6]] for case in cases]
    asked = [
        context(case[6], f"{api:f}", [f"{amount:f}" for amount in stored], f"{egress:f}")
        for case, (api, *stored, egress) in zip(cases, quantities, strict=True)
    ]
    frames = [frame(PLAN, stored, egress) for _, *stored, egress in quantities]
    rate, module = statement(), Loaded()
    cents = [round(found["total"] + found["minimum"]) for found in (rate(PLAN, text) for text in asked)]
    microseconds = {
        f"zen-engine {version('zen-engine')}": median(lambda: [rate(PLAN, text) for text in asked], len(cases)),
        f"CloudKitty {version('cloudkitty')}, hashmap": median(
            lambda: [module.process(one) for one in frames], len(cases)
        ),
    }
    print(json.dumps({"cents": cents, "microseconds": microseconds}))


if __name__ == "__main__":
    main()
