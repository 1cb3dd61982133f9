"""A tuned Polars query: lazy scan, streaming engine, decimals all the way, lines to Parquet.

    python bench/peers/polars_query.py USAGE ACCOUNTS [LINES]

Exact here: Decimal(38, 12) holds every product of a quantity (6 places) and a price (6), and `round` takes half to
even. Not exact in general: a product's places are those of the wider operand, the rest is rounded away unseen; whoever
writes the query has to know all scales.
"""

from __future__ import annotations

import itertools
from functools import reduce

import polars as pl
from work import API_BLOCKS, EGRESS_BOUNDS, PLANS, REGIONS, Outcome, run, stopwatch

WIDE, CENTS = pl.Decimal(38, 12), pl.Decimal(38, 2)


def number(text: str | int) -> pl.Expr:
    return pl.lit(str(text)).cast(WIDE)


def cents(amount: pl.Expr) -> pl.Expr:
    return amount.round(2, mode="half_to_even")


def prices() -> pl.LazyFrame:
    rows = [(plan, *api, *storage, *egress, minimum) for plan, (api, storage, egress, minimum) in PLANS.items()]
    names = ["plan", *(f"{letter}{index}" for letter in "ase" for index in range(4)), "least"]
    return pl.LazyFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row").with_columns(
        pl.col(name).cast(WIDE) for name in names[1:]
    )


def within(blocks: pl.Expr, low: int, high: int | None) -> pl.Expr:
    """The blocks of a band."""
    above = pl.max_horizontal(blocks - low, pl.lit(0, pl.Int64))
    return (above if high is None else pl.min_horizontal(above, pl.lit(high - low, pl.Int64))).cast(WIDE)


def query(usage: str, accounts: str) -> pl.LazyFrame:
    """One row per line of a statement: account, line, region, amount."""
    start, end = (pl.datetime(2026, month, 1, time_zone="UTC") for month in (6, 7))
    quantity, kind, zero = pl.col("quantity"), pl.col("kind"), number(0)
    region = pl.col("region")
    used = (
        pl.scan_parquet(usage)
        .filter(pl.col("event") == "usage", pl.col("time") >= start, pl.col("time") < end)
        .group_by("account")
        .agg(
            quantity.filter(kind == "api").sum().alias("api"),
            quantity.filter(kind == "egress").sum().alias("egress"),
            *(
                part.sum().alias(f"q{index}")
                for index, name in enumerate(REGIONS)
                for part in [quantity.filter((kind == "storage") & (region == name))]
            ),
            *(
                ((kind == "storage") & (region == name)).any().alias(f"has{index}")
                for index, name in enumerate(REGIONS)
            ),
        )
    )
    metered = (
        pl.scan_parquet(accounts)
        .with_columns(pl.col("plan", "tier").cast(pl.String))
        .join(prices(), on="plan")
        .join(used, on="account", how="left")
        .with_columns(
            gb=pl.col("egress").cast(WIDE).fill_null(zero),
            blocks=(-(-pl.col("api").fill_null(0).cast(pl.Int64) // 1000)),
        )
    )
    bounds = [0, *API_BLOCKS, None]
    gb, blocks = pl.col("gb"), pl.col("blocks")
    bands = itertools.pairwise(bounds)
    api = [within(blocks, low or 0, high) * pl.col(f"a{index}") for index, (low, high) in enumerate(bands)]
    rate = pl.col("e3")
    for index, bound in reversed(list(enumerate(EGRESS_BOUNDS))):
        rate = pl.when(gb <= number(bound)).then(pl.col(f"e{index}")).otherwise(rate)
    lines = metered.with_columns(
        cents(reduce(lambda one, other: one + other, api)).alias("api_line"),
        cents(gb * rate).alias("egress_line"),
        *(
            pl.when(pl.col(f"has{index}"))
            .then(cents(pl.col(f"q{index}").cast(WIDE) * pl.col(f"s{index}")))
            .alias(f"l{index}")
            for index in range(4)
        ),
    )
    names = ["api_line", "egress_line", *(f"l{index}" for index in range(4))]
    charges = reduce(lambda one, other: one + other, (pl.col(name).fill_null(zero) for name in names))
    heavy = pl.when(gb > number(2000)).then(cents((gb - number(2000)) * number("0.004"))).otherwise(zero)
    off = pl.when(pl.col("tier") == "gold").then(cents(charges * number("0.10"))).otherwise(zero)
    adjusted = lines.with_columns(charges=charges, off=off, heavy=heavy).with_columns(
        rest=pl.max_horizontal(pl.col("least") - (pl.col("charges") - pl.col("off") + pl.col("heavy")), zero)
    )
    nothing = pl.lit(None, pl.String)
    written = [
        ("api", nothing, pl.col("api_line")),
        ("egress", nothing, pl.col("egress_line")),
        *(("storage", pl.lit(name), pl.col(f"l{index}")) for index, name in enumerate(REGIONS)),
        ("gold", nothing, nonzero(-pl.col("off"))),
        ("heavy", nothing, nonzero(pl.col("heavy"))),
        ("minimum", nothing, nonzero(pl.col("rest"))),
    ]
    priced = adjusted.select(
        "account", *(amount.cast(CENTS).alias(str(index)) for index, (_, _, amount) in enumerate(written))
    )
    return pl.concat(
        priced.select(
            "account", pl.lit(line).alias("line"), place.alias("region"), pl.col(str(index)).alias("amount")
        ).filter(pl.col("amount").is_not_null())
        for index, (line, place, _) in enumerate(written)
    )


def nonzero(amount: pl.Expr) -> pl.Expr:
    return pl.when(amount != number(0)).then(amount)


def peer(usage: str, accounts: str, out: str) -> Outcome:
    seconds = stopwatch()
    query(usage, accounts).sink_parquet(out, engine="streaming")
    taken = seconds()
    found = pl.scan_parquet(out).select(pl.len().alias("lines"), pl.col("amount").sum()).collect()
    exact = "exact, as scales are chosen by hand; others are rounded unseen"
    return Outcome("polars", pl.__version__, exact, taken, found["lines"][0], int(found["amount"][0] * 100))


if __name__ == "__main__":
    run(peer)
