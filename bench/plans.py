"""Price lists in the shape of workload.rates: a thousand plans of their own prices, and forms that need order in time.

    python bench/plans.py many FOLDER ACCOUNTS.parquet [--plans 1000]
    python bench/plans.py order FOLDER ACCOUNTS.parquet
    python bench/plans.py duckdb USAGE ACCOUNTS PRICES.json LINES

`many` writes many.rates (which imports its plans by the hundred), the same prices for the hand-written query as
prices.json, and the accounts spread over the plans; five rows of storage prices a plan. `duckdb` is the hand-written
query with such prices. `order` writes one ladder for all regions, in the order of rows (rated from sums) and of time
(event after event), and prepaid cards with the accounts that hold them, against the workload without. Always the same.
Needs duckdb.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

WORKLOAD = Path(__file__).with_name("workload.rates")
REGIONS = ["eu", "us", "ap", "sa", "af"]
"""`af` has prices and no usage: five rows a plan."""
CARDS = """
card gift "Gift card":
  worth $10
  valid 12 months
  pays everything

card voucher "Voucher for storage":
  worth $5
  valid 3 months
  pays storage
"""
FILE_PLANS = 100
"""Files stay below the size that Ratebook reads without being asked to."""
Prices = dict[str, tuple[list[str], list[str], list[str], str]]


def prices(count: int) -> Prices:
    """Of every plan: api by band, storage by region, egress by band, the minimum; cheaper from band to band."""
    draw = random.Random(20260601)
    found: Prices = {}
    for number in range(count):
        api = sorted((Decimal(draw.randrange(2000, 10_000)).scaleb(-4) for _ in range(4)), reverse=True)
        storage = [Decimal(draw.randrange(10_000, 40_000)).scaleb(-6) for _ in REGIONS]
        egress = sorted((Decimal(draw.randrange(300, 1000)).scaleb(-4) for _ in range(4)), reverse=True)
        found[f"plan_{number:04}"] = (
            [f"{price:.4f}" for price in api],
            [f"{price:.6f}" for price in storage],
            [f"{price:.4f}" for price in egress],
            str(draw.choice([5, 25, 250])),
        )
    return found


def plans(every: Prices) -> Iterator[str]:
    """The plans as text."""
    api_bands = ["first 10,000", "next 90,000", "next 900,000", "above"]
    egress_bands = ["up to 50", "up to 500", "up to 5,000", "above"]
    for name, (api, storage, egress, least) in every.items():
        yield f"plan {name} from 2026-01-01:"
        yield "  charge api graduated:"
        yield from (f"    {band} at ${price} per started 1,000" for band, price in zip(api_bands, api, strict=True))
        yield "  charge storage by region:"
        yield "    | region | price          |"
        yield from (f"    | {region}     | ${price} each |" for region, price in zip(REGIONS, storage, strict=True))
        yield "  charge egress volume:"
        yield from (f"    {band} at ${price} each" for band, price in zip(egress_bands, egress, strict=True))
        yield f"  minimum ${least}\n"


def many(folder: Path, accounts: str, count: int) -> None:
    """many.rates with its imports, prices.json, accounts.parquet."""
    import duckdb

    text = WORKLOAD.read_text(encoding="utf-8").replace("eu, us, ap, sa", ", ".join(REGIONS))
    start, end = text.index("plan starter"), text.index("discount gold")
    every = prices(count)
    imports = []
    for first in range(0, count, FILE_PLANS):
        imports.append(f"plans_{first:04}.rates")
        some = dict(list(every.items())[first : first + FILE_PLANS])
        (folder / imports[-1]).write_text("\n".join(plans(some)), encoding="utf-8")
    head = "".join(f'import "{name}"\n' for name in imports)
    (folder / "many.rates").write_text(f"{head}\n{text[:start]}{text[end:]}", encoding="utf-8")
    (folder / "prices.json").write_text(json.dumps(every), encoding="utf-8")
    duckdb.sql(f"""copy (
        select account, 'plan_' || lpad((hash(account) % {count})::varchar, 4, '0') as plan, start, tier
        from '{accounts}' order by account) to '{folder / "accounts.parquet"}'""")


def order(folder: Path, accounts: str) -> None:
    """rows.rates and times.rates; cards.rates with cards.parquet, in which every account has one card or two."""
    import duckdb

    text = WORKLOAD.read_text(encoding="utf-8")
    for name, words in [("rows", "pooled in row order"), ("times", "pooled in time order")]:
        (folder / f"{name}.rates").write_text(pooled(text, words), encoding="utf-8")
    (folder / "cards.rates").write_text(text + CARDS, encoding="utf-8")
    duckdb.sql(f"""copy (
        select *, case when account % 2 = 0 then [{card("gift")}] else [{card("gift")}, {card("voucher")}] end as cards
        from '{accounts}') to '{folder / "cards.parquet"}'""")


def card(name: str) -> str:
    """A card as a value of SQL."""
    return f"{{card: '{name}', bought: '2026-05-20'}}"


def pooled(text: str, words: str) -> str:
    """The workload with one ladder for the storage of all regions, 20% off above 25."""
    text = text.replace("charge storage by region:", f"charge storage by region graduated {words}:")
    text = text.replace("| region | price          |", "| region | first 25 | above |")

    def banded(row: re.Match[str]) -> str:
        price = Decimal(row[2])
        return f"| {row[1]} | ${price} each | ${(price * Decimal('0.8')).normalize():f} each |"

    return re.sub(r"\| (\w\w) +\| \$([\d.]+) each \|", banded, text)


def by_hand(usage: str, accounts: str, given: str, out: str) -> None:
    """The hand-written query with other prices."""
    import handwritten

    every = json.loads(Path(given).read_text(encoding="utf-8"))
    handwritten.PLANS.clear()
    handwritten.PLANS.update(
        {plan: (api, storage[:4], egress, least) for plan, (api, storage, egress, least) in every.items()}
    )
    seconds, count, cents = handwritten.by_duckdb(usage, accounts, out)
    print(json.dumps({"peer": "duckdb", "seconds": round(seconds, 3), "accounts": count, "total_cents": cents}))


def main() -> None:
    if sys.argv[1:2] == ["duckdb"]:
        by_hand(*sys.argv[2:6])
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["many", "order"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("accounts")
    parser.add_argument("--plans", type=int, default=1000)
    said = parser.parse_args()
    said.folder.mkdir(parents=True, exist_ok=True)
    if said.what == "many":
        many(said.folder, said.accounts, said.plans)
    else:
        order(said.folder, said.accounts)


if __name__ == "__main__":
    main()
