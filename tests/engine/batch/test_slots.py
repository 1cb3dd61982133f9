"""Buckets that share no row: a bucket's number chooses exactly the rows that its own conditions do."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from ratebook.diagnostics import Source
from ratebook.engine.batch.buckets import Bucket
from ratebook.engine.batch.columns import columns_of
from ratebook.engine.batch.family import Part
from ratebook.engine.batch.metering import Usage, filter_sql
from ratebook.engine.batch.slots import SLOT, slots_of
from ratebook.engine.compiler.compile import compile_ruleset
from ratebook.engine.period import Period
from ratebook.engine.plan import ColumnKind, Program
from ratebook.intake.parquet import connect

RULESET = """ruleset numbered "Numbered":
  currency USD
  time zone UTC

event net:
  size: number
  kind: one of a, b, c
  region: text, optional
  ok: yes or no

event other:
  size: number
  kind: one of a, b

meter of_a: sum of size of net where kind is a
meter of_b: sum of size of net where kind is b
meter of_c: sum of size of net where kind is c and ok is yes
meter of_not_ok: sum of size of net where kind is c and ok is no
meter of_large: sum of size of net where size > 3
meter of_two: sum of size of net where kind is one of a, c
meter of_not_a: sum of size of net where kind is not a
meter of_other: sum of size of other where kind is a

plan all from 2026-01-01:
  charge a of of_a: at $1 each
"""
REGIONS: tuple[str | None, ...] = (None, "eu", "us")


def program() -> Program:
    found = compile_ruleset(Source("numbered.rates", RULESET))
    assert found.program is not None, found.findings
    return found.program


def usage(own: Program) -> Usage:
    events = {event.name: columns_of(event, "net", {"size": (12, 6)}) for event in own.schema.events.values()}
    year = Period(datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))
    return Usage(events, year, ZoneInfo("UTC"))


def in_region(meter: str, *regions: str | None) -> Bucket:
    return Bucket(meter, tuple((Part(ColumnKind.FIELD, "region", region),) for region in regions))


@pytest.mark.parametrize(
    "buckets",
    [
        [Bucket("of_a"), Bucket("of_b"), Bucket("of_c"), Bucket("of_not_ok"), Bucket("of_other")],
        [Bucket("of_large"), Bucket("of_a"), Bucket("of_two"), Bucket("of_b"), Bucket("of_not_a"), Bucket("of_c")],
        [Bucket("of_a"), *(in_region("of_b", region) for region in REGIONS), in_region("of_b", "eu", "us")],
        [in_region("of_large", "eu"), in_region("of_large", "us"), in_region("of_a", "eu"), Bucket("of_other")],
        [Bucket("of_b"), in_region("of_b", "eu"), in_region("of_b", "us"), in_region("of_b", None), Bucket("of_a")],
    ],
)
def test_a_number_chooses_the_rows_of_its_bucket(buckets: list[Bucket]) -> None:
    own = program()
    asked = usage(own)
    slots = slots_of(own, buckets, asked)
    assert slots is not None and len(slots.filters) >= 3
    connection = connect()
    connection.execute(
        "CREATE TABLE rows AS SELECT row_number() OVER () AS n, TIMESTAMPTZ '2026-02-01' AS time, * FROM "
        "(SELECT unnest(['net', 'other']) AS event), (SELECT unnest(['a', 'b', 'c']) AS f_kind), "
        "(SELECT unnest([NULL, 'eu', 'us', 'ap']) AS f_region), (SELECT unnest([true, false]) AS f_ok), "
        "(SELECT unnest([1, 3, 5])::DECIMAL(18, 6) AS f_size)"
    )

    def rows(relation: str, condition: str) -> set[int]:
        return {row[0] for row in connection.execute(f"SELECT n FROM {relation} WHERE {condition}").fetchall()}

    for bucket, numbered in slots.filters.items():
        plain = filter_sql(own, own.meters[bucket.meter], bucket, asked)
        expected = rows("rows", plain)
        assert expected and rows(slots.relation("rows"), numbered) == expected, bucket
    assert rows(slots.relation("rows"), f"{SLOT} IS NULL")


def test_two_buckets_and_buckets_that_overlap_get_no_numbers() -> None:
    own = program()
    assert slots_of(own, [Bucket("of_a"), Bucket("of_b")], usage(own)) is None
    assert slots_of(own, [Bucket("of_a"), Bucket("of_two"), Bucket("of_large")], usage(own)) is None
