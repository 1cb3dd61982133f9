"""Rows that repeat an identity, across all tasks: the same row counts once, another one of that id is a mistake."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ..rejects import Reject

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

CONFLICTS_MAX: Final = 1_000


@dataclass(frozen=True, slots=True)
class Unrepeated:
    """The rows that count, how many were repeats, and the identities that stand for different usage."""

    rows: DataFrame
    repeated: int
    conflicts: tuple[Reject, ...]
    held: tuple[DataFrame, ...]


def without_repeats(rows: DataFrame, columns: Sequence[str]) -> Unrepeated:
    """Each identity once. Only hashes of identities are sent around; rows are, where a hash occurs more than once."""
    from pyspark.sql import functions as f

    own = f.when(f.col("id").isNotNull(), f.xxhash64("id", "source"))
    hashed = rows.withColumn("identity", own)
    several = (
        hashed.where("identity IS NOT NULL").groupBy("identity").count().where("count > 1").select("identity").persist()
    )
    if several.isEmpty():
        return Unrepeated(rows, 0, (), (several,))
    content = [name for name in columns if name not in ("id", "source")]
    groups = (
        hashed.where("identity IS NOT NULL")
        .join(several, "identity", "left_semi")
        .groupBy("id", "source")
        .agg(
            f.count(f.lit(1)).alias("occurrences"),
            f.size(f.collect_set(f.struct(*content))).alias("contents"),
            f.first(f.struct(*content)).alias("content"),
        )
        .persist()
    )
    counts = groups.where("contents = 1").agg(f.coalesce(f.sum(f.col("occurrences") - 1), f.lit(0))).head()
    different = groups.where("contents > 1").orderBy("id").limit(CONFLICTS_MAX).select("id", "source").collect()
    once = groups.where("contents = 1").select(
        f.lit(None).cast("binary").alias("told"),
        *[f.col("content." + name).alias(name) for name in content],
        "id",
        "source",
    )
    # A row without an identity has no hash, and nothing equals that.
    others = hashed.join(several, "identity", "left_anti").drop("identity")
    return Unrepeated(
        others.unionByName(once),
        0 if counts is None else int(counts[0]),
        tuple(_conflict(row["id"], row["source"]) for row in different),
        (several, groups),
    )


def _conflict(identity: str, source: str | None) -> Reject:
    reason = "the same id has different content in different rows" + (f" of the source {source}" if source else "")
    way_out = "give different usage different ids, or repeat a row as it was"
    return Reject("usage", None, "id", identity, "RB3009", reason, way_out, "usage")
