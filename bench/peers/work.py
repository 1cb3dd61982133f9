"""What peers share: the prices, the quantities of every account, and the last line that each of them prints.

A peer is a process of its own: `python PEER.py USAGE ACCOUNTS [LINES]`, with Parquet files of generate.py. It writes
every line of every statement to LINES (account, line, region, amount) and prints one line of JSON. Peers that cannot
read files get their quantities from `quantities`, one DuckDB scan that is told apart in `metering_seconds`.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from handwritten import API_BLOCKS, EGRESS_BOUNDS, PLANS, REGIONS

__all__ = [
    "API_BLOCKS",
    "EGRESS_BOUNDS",
    "LINES",
    "PLANS",
    "REGIONS",
    "Outcome",
    "cpu_watch",
    "quantities",
    "run",
    "stopwatch",
    "write_lines",
]

MONTH = "time >= timestamptz '2026-06-01 00:00:00+00' and time < timestamptz '2026-07-01 00:00:00+00'"
LINES = ["api", *(f"storage {region}" for region in REGIONS), "egress", "gold", "heavy", "minimum"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a peer did: seconds without imports, and the sum of all lines in cents.

    `pricing_cpu_seconds` is CPU from quantities to written lines, where the two can be told apart.
    """

    peer: str
    version: str
    exact: str
    seconds: float
    lines: int
    total_cents: int
    metering_seconds: float = 0.0
    pricing_cpu_seconds: float = 0.0


def quantities(usage: str, accounts: str) -> pa.Table:
    """One row per account: plan, tier, `api` (calls), `s0` to `s3` (by region; no value: no line), `egress`."""
    import duckdb

    stored = ", ".join(
        f"sum(quantity) filter (kind = 'storage' and region = '{region}') as s{index}"
        for index, region in enumerate(REGIONS)
    )
    return (
        duckdb.connect()
        .sql(f"""
        with used as (
            select account, sum(quantity) filter (kind = 'api') as api, {stored},
                   sum(quantity) filter (kind = 'egress') as egress
            from read_parquet('{usage}') where event = 'usage' and {MONTH} group by account)
        select c.account, c.plan::varchar as plan, c.tier::varchar as tier,
               coalesce(api, 0)::decimal(38, 6) as api, s0, s1, s2, s3, coalesce(egress, 0)::decimal(38, 6) as egress
        from read_parquet('{accounts}') c left join used u on u.account = c.account""")
        .to_arrow_table()
    )


def write_lines(accounts: pa.Array, cents: dict[str, list[int | None]], out: str) -> tuple[int, int]:
    """Write the amounts of every line (cents by name of line; None: no such line); how many, and their sum."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    count = total = 0
    writer = None
    for name, amounts in cents.items():
        line, _, region = name.partition(" ")
        given = pa.array(amounts, pa.int64())
        there = pc.is_valid(given)
        kept = given.filter(there)
        table = pa.table(
            {
                "account": accounts.filter(there),
                "line": pa.array([line] * len(kept), pa.string()),
                "region": pa.array([region or None] * len(kept), pa.string()),
                "amount": pc.multiply(kept.cast(pa.decimal128(19, 0)), pa.scalar(Decimal("0.01"), pa.decimal128(3, 2))),
            }
        )
        writer = writer or pq.ParquetWriter(out, table.schema)
        writer.write_table(table)
        count += len(kept)
        total += pc.sum(kept).as_py() or 0
    if writer is not None:
        writer.close()
    return count, total


def run(peer: Callable[[str, str, str], Outcome]) -> None:
    """Run a peer with the arguments of the command, and print what it did."""
    usage, accounts, *rest = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(asdict(peer(usage, accounts, rest[0] if rest else str(Path(folder) / "lines.parquet")))))


def cpu_watch() -> Callable[[], float]:
    """CPU seconds of the process since it was made."""
    begin = time.process_time()
    return lambda: time.process_time() - begin


def stopwatch() -> Callable[[], float]:
    """Seconds since it was made."""
    begin = time.perf_counter()
    return lambda: time.perf_counter() - begin
