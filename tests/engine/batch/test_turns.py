"""Turns on a ladder that is pooled in time order, as SQL and as the scalar evaluator takes them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import cache
from itertools import groupby, pairwise
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from ratebook.diagnostics import Source
from ratebook.engine.batch.columns import columns_of
from ratebook.engine.batch.turns import time_order_sql, turns_scale
from ratebook.engine.compiler.compile import compile_ruleset
from ratebook.engine.evaluators.counting import Section
from ratebook.engine.evaluators.meter import in_order
from ratebook.engine.evaluators.pooling import _turns_in_time
from ratebook.engine.evaluators.situation import Readings, Refused, Situation
from ratebook.engine.period import DateRange
from ratebook.engine.plan import Program
from ratebook.engine.usage import MeteredQuantity, Subscription, UsageEvent
from ratebook.intake.parquet import connect

RULESET = """ruleset drawn "Drawn":
  currency USD
  time zone Europe/Berlin

event a.used:
  size: number of MB
  kind: one of x, y, z

meter sizes: sum of size of a.used in GiB
meter uses: count of a.used

plan one from 2020-01-01:
  charge {meter} by kind graduated pooled in time order:
    | kind | first 5 | above   |
    | x    | $1 each | $2 each |
    | y    | $1 each | $3 each |
    | z    | $1 each | $4 each |
"""
DAYS = DateRange(date(2026, 3, 1), date(2026, 4, 1))


@cache
def _program(meter: str) -> Program:
    compiled = compile_ruleset(Source("drawn.rates", RULESET.format(meter=meter)))
    if compiled.program is None:
        raise AssertionError([finding.message for finding in compiled.findings])
    return compiled.program


@st.composite
def events(draw: st.DrawFn) -> tuple[UsageEvent, ...]:
    found = []
    for number in range(draw(st.integers(0, 8))):
        time = datetime(2026, 3, 1, tzinfo=UTC) + timedelta(hours=draw(st.sampled_from([-5, 0, 1, 2, 3, 5, 800])))
        fields = {
            "size": Decimal(draw(st.sampled_from(["0", "0.25", "3", "3.5", "1000"]))),
            "kind": draw(st.sampled_from("xyz")),
        }
        has_id = draw(st.integers(0, 5)) > 0
        found.append(
            UsageEvent("", "a.used", time, fields, f"{draw(st.sampled_from('ab'))}{number}" if has_id else None)
        )
    return tuple(found)


quantities = st.lists(
    st.builds(
        lambda hour, size, kind: MeteredQuantity(
            "", "", Fraction(size), {"kind": kind}, datetime(2026, 3, 2, hour, tzinfo=UTC)
        ),
        st.integers(0, 1),
        st.sampled_from(["0.5", "2"]),
        st.sampled_from("xyz"),
    ),
    max_size=3,
)


@given(st.sampled_from(["sizes", "uses"]), events(), quantities, st.sampled_from([0, 1, 3]))
def test_turns_are_taken_in_the_same_order(
    name: str, usage: tuple[UsageEvent, ...], given_elsewhere: list[MeteredQuantity], included: int
) -> None:
    program = _program(name)
    plan = program.plans["one"][0]
    given_rows = [(item.time, item.quantity, item.fields["kind"]) for item in given_elsewhere]
    situation = Situation(
        program,
        plan,
        Subscription("", "one", date(2026, 1, 1)),
        tuple(in_order(usage)),
        tuple(MeteredQuantity("", name, size, {"kind": kind}, time) for time, size, kind in given_rows),
        DAYS,
        DAYS,
        ZoneInfo("Europe/Berlin"),
    )
    readings = Readings(situation)
    charge, meter = plan.charges[0], program.meters[name]
    groups = readings.groups(charge, meter)
    free = [min(group.metered.value, Fraction(included)) for group in groups]
    sizes = tuple(group.metered.value - own for group, own in zip(groups, free, strict=True))
    section = Section(DAYS, sizes, (Fraction(0),) * len(sizes), (False,) * len(sizes))
    expected: list[tuple[str, Fraction, Fraction]] = []
    position = Fraction(0)
    try:
        turns = list(_turns_in_time(charge, readings, groups, section))
    except Refused:
        turns = []
    for number, own in groupby(turns, key=lambda turn: turn.group):
        size = sum((turn.size for turn in own), Fraction(0))
        expected.append((groups[number].key[0], position, position + size))
        position += size

    columns = columns_of(program.schema.events["a.used"], "fact", {"size": (9, 2)})
    scale = turns_scale(meter, columns, (9, 3))
    query = time_order_sql(meter, columns, ["f_kind"], scale=scale, freed="freed", quantity_digits=(9, 3))
    connection = connect()
    try:
        connection.execute(
            "CREATE TABLE fact (sid INTEGER, time TIMESTAMPTZ, event VARCHAR, id VARCHAR, source VARCHAR, from_time "
            "TIMESTAMPTZ, until_time TIMESTAMPTZ, f_size DECIMAL(11,2), f_kind VARCHAR, meter VARCHAR, "
            "quantity DECIMAL(18,3)); CREATE TABLE freed (sid INTEGER, k0 VARCHAR, freed HUGEINT)"
        )
        covered = situation.covered
        bounds = [covered.start.isoformat(), covered.end.isoformat()]
        for event in usage:
            row = [0, event.time.isoformat(), "a.used", event.id, None, *bounds, str(event.fields["size"])]
            connection.execute(
                f"INSERT INTO fact VALUES ({', '.join('?' * 11)})", [*row, event.fields["kind"], None, None]
            )
        for time, size, kind in given_rows:
            row = [0, time.isoformat(), None, None, None, *bounds, None, kind, name, str(Decimal(float(size)))]
            connection.execute(f"INSERT INTO fact VALUES ({', '.join('?' * 11)})", row)
        for group, own in zip(groups, free, strict=True):
            connection.execute("INSERT INTO freed VALUES (0, ?, ?)", [group.key[0], int(own * scale)])
        rows = connection.execute(
            f"SELECT k0, low, high, ambiguous OR tied FROM ({query.sql}) ORDER BY high"
        ).fetchall()
    finally:
        connection.close()
    if any(row[3] for row in rows):
        kinds = [(event.time, event.fields["kind"]) for event in usage if event.id is None]
        kinds += [(time, kind) for time, _, kind in given_rows]
        assert len({time for time, _ in kinds}) < len(set(kinds)), "only ties between combinations are left open"
        return
    found = []
    for key, group in groupby(rows, key=lambda row: row[0]):
        climb = list(group)
        assert all(earlier[2] == later[1] for earlier, later in pairwise(climb)), "turns follow without a gap"
        found.append((key, Fraction(climb[0][1], scale), Fraction(climb[-1][2], scale)))
    assert found == expected
