"""The price of one more event: running counters against rating the whole period before and after it.

    python bench/debit.py [--write]

An account of plan `pro` of workload.rates with 10, 1,000 and 100,000 events in its month is charged one more. Both
sides give the same price, which is checked first. `kept` writes the running period as JSON after the event and reads it
before the next, as a row of a database would be. Exits with 1 where a debit at 100,000 events takes more than LIMIT
times as long as one at 10.
"""

from __future__ import annotations

import random
import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from ratebook import load
from ratebook.diagnostics import Diagnostic
from ratebook.engine.evaluators.afford import affordable
from ratebook.engine.evaluators.rate import rate
from ratebook.engine.evaluators.running import Running, debit, from_json, open_period, to_json
from ratebook.engine.period import DateRange
from ratebook.engine.plan import Program
from ratebook.engine.statement import Statement
from ratebook.engine.usage import AccountUsage, Subscription, UsageEvent, Value
from report import Report, options, publish

LIMIT = 3.0
SIZES = (10, 1_000, 100_000)
DAYS = DateRange(date(2026, 6, 1), date(2026, 7, 1))


def usage(program: Program, count: int) -> list[UsageEvent]:
    """Random events of all that the ruleset declares, in the month, none of them in order."""
    draw = random.Random(20260601)
    schemas = list(program.schema.events.values())
    found = []
    for number in range(count):
        schema = draw.choice(schemas)
        fields: dict[str, Value] = {
            item.name: draw.choice(item.values) if item.values else Decimal(draw.randrange(1, 100_000)) / 100
            for item in schema.fields
        }
        at = datetime(2026, 6, 1, 12, tzinfo=UTC) + timedelta(seconds=draw.randrange(28 * 86_400))
        found.append(UsageEvent("a", schema.name, at, fields, f"e{number}"))
    return found


def microseconds(function: Callable[[], object], rounds: int) -> float:
    """The median of some rounds."""
    times = []
    for _ in range(rounds):
        begin = time.perf_counter_ns()
        function()
        times.append((time.perf_counter_ns() - begin) / 1000)
    return statistics.median(times)


def total(program: Program, subscription: Subscription, events: list[UsageEvent]) -> int:
    found = rate(program, subscription, AccountUsage(tuple(events)), DAYS)
    assert isinstance(found, Statement), found
    return found.total


def opened(program: Program, subscription: Subscription, events: list[UsageEvent]) -> Running:
    found = open_period(program, subscription, DAYS, AccountUsage(tuple(events)))
    assert isinstance(found, Running), found
    return found


def price(running: Running, event: UsageEvent) -> tuple[Running, int]:
    found = debit(running, event)
    assert not isinstance(found, Diagnostic), found
    return found[0], found[1].total


def main() -> int:
    parser = options(__doc__)
    said = parser.parse_args()
    program = load(Path(__file__).with_name("workload.rates")).program
    subscription = Subscription("a", "pro", DAYS.start, None, {"tier": "gold"})
    rows, debits = [], []
    for size in SIZES:
        *events, last = usage(program, size + 1)
        running = opened(program, subscription, events)
        # The statement's minimum acts at the period's end: it is no price of an event, but of the first in many.
        _, asked = price(running, last)
        if size >= 1_000:
            wanted = total(program, subscription, [*events, last]) - total(program, subscription, events)
            assert asked == wanted, (asked, wanted)
        text = to_json(running)

        def kept(text: str = text, last: UsageEvent = last) -> str:
            return to_json(price(from_json(text, program, subscription), last)[0])

        def again(events: list[UsageEvent] = events, last: UsageEvent = last) -> int:
            before = total(program, subscription, events)
            return total(program, subscription, [*events, last]) - before

        field = next(item.name for item in program.schema.events[last.event].fields if not item.values)
        own = microseconds(lambda running=running, last=last: debit(running, last), 101)  # type: ignore[misc]
        row = microseconds(kept, 51)
        whole = microseconds(again, 21 if size < 100_000 else 3)
        afford = microseconds(
            lambda running=running, last=last, field=field: affordable(running, last, field, 500_000),  # type: ignore[misc]
            5,
        )
        debits.append(own)
        rows.append(
            (f"{size:,}", f"{own:,.0f}", f"{row:,.0f}", f"{len(text):,}", f"{whole:,.0f}", f"{whole / own:,.1f}",
             f"{afford:,.0f}")
        )  # fmt: skip
    notes = [
        f"A debit after the most events takes {debits[-1] / debits[0]:.2f} times as long as after {SIZES[0]}.",
        f"At most {LIMIT} times as long is allowed; `again` rates the period without the event and with it.",
        "`affordable` finds the greatest quantity of the event that $5,000.00 pays for.",
        "Medians, in one process.",
    ]
    columns = ("events before", "debit, µs", "kept, µs", "bytes", "again, µs", "again / debit", "affordable, µs")
    publish(
        Report("The price of one more event", "python bench/debit.py --write", columns, rows, notes), write=said.write
    )
    return 0 if debits[-1] <= LIMIT * debits[0] else 1


if __name__ == "__main__":
    sys.exit(main())
