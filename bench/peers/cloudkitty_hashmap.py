"""CloudKitty's hashmap rating module, without its services; quantities come from a DuckDB scan.

    python bench/peers/cloudkitty_hashmap.py USAGE ACCOUNTS [LINES]

The module is imported as it is, and handed the mappings that it would load from its database. It knows a price for a
unit, by the value of a field, and a price for all units by the highest threshold reached: storage by region, egress by
volume. Graduated bands, blocks, discounts, minimums and rounding it has not: these lines are left out, amounts are
rounded to cents behind it. Exact: it multiplies Python decimals, 28 digits.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from importlib.metadata import version

from cloudkitty.dataframe import DataFrame, DataPoint
from cloudkitty.rating.hash import HashMap
from work import EGRESS_BOUNDS, LINES, PLANS, REGIONS, Outcome, cpu_watch, quantities, run, stopwatch, write_lines

CENT = Decimal("0.01")
JUST_ABOVE = Decimal("0.000001")  # a threshold is reached at its level, a band ends with its bound
START, END = datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC)


class Loaded(HashMap):
    """The module with the workload's prices."""

    def _load_rates(self, start: object = None) -> None:  # noqa: ARG002 - as the module has it
        self._entries = {}
        for plan, (_, storage, egress, _) in PLANS.items():
            priced = {f"{region}": flat(price) for region, price in zip(REGIONS, storage, strict=True)}
            fields = {"region": {"mappings": {"price": priced}, "thresholds": {}}}
            self._entries[f"storage.{plan}"] = {"mappings": {}, "thresholds": {}, "fields": fields}
            levels = [Decimal(0), *(bound + JUST_ABOVE for bound in EGRESS_BOUNDS)]
            steps = {
                level: {"type": "rate", "cost": Decimal(price)} for level, price in zip(levels, egress, strict=True)
            }
            self._entries[f"egress.{plan}"] = {"mappings": {"price": flat("1")}, "thresholds": {"price": steps}}


def flat(price: str) -> dict[str, object]:
    return {"type": "flat", "cost": Decimal(price)}


def frame(plan: str, stored: list[Decimal | None], egress: Decimal) -> DataFrame:
    """An account's quantities as points: storage of each region, then egress."""
    made = DataFrame(START, END)
    for region, quantity in zip(REGIONS, stored, strict=True):
        if quantity is not None:
            made.add_point(DataPoint("GB", quantity, 0, {}, {"region": region}), f"storage.{plan}")
    made.add_point(DataPoint("GB", egress, 0, {}, {}), f"egress.{plan}")
    return made


def peer(usage: str, accounts: str, out: str) -> Outcome:
    seconds = stopwatch()
    table = quantities(usage, accounts)
    metering, cpu = seconds(), cpu_watch()
    module = Loaded()
    cents: dict[str, list[int | None]] = {name: [] for name in LINES if name.split()[0] in ("storage", "egress")}
    columns = [table[name].to_pylist() for name in ("plan", "s0", "s1", "s2", "s3", "egress")]
    for plan, *stored, egress in zip(*columns, strict=True):
        found = {
            point.desc.get("region"): point.price
            for _, point in module.process(frame(plan, stored, egress)).iterpoints()
        }
        for amounts, region in zip(cents.values(), [*REGIONS, None], strict=True):
            price = found.get(region)
            amounts.append(None if price is None else int(price.quantize(CENT, ROUND_HALF_EVEN).scaleb(2)))
    count, total = write_lines(table["account"].combine_chunks(), cents, out)
    exact = "exact up to 28 digits; storage and egress only, no rounding"
    return Outcome("cloudkitty", version("cloudkitty"), exact, seconds(), count, total, metering, cpu())


if __name__ == "__main__":
    run(peer)
