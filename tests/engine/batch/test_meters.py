"""Meters as SQL against `meter.read`, exactly, for every form of the language and whatever the events are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import cache
from zoneinfo import ZoneInfo

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratebook.diagnostics import Source
from ratebook.engine.batch.columns import EventColumns, columns_of
from ratebook.engine.batch.local_days import local_days
from ratebook.engine.batch.meters import meter_sql
from ratebook.engine.compiler.compile import compile_ruleset
from ratebook.engine.evaluators.meter import has_usage, in_order, read, samples_of
from ratebook.engine.period import DateRange, Period, local_midnight
from ratebook.engine.plan import Meter, Program
from ratebook.engine.usage import UsageEvent, Value
from ratebook.intake.parquet import connect

HEADER = """ruleset drawn "Drawn":
  currency USD
  time zone UTC

event a.used:
  size: number of GB
  extra: number of GB, optional
  disk: text, optional
  kind: one of x, y
  day: date, optional
  ok: yes or no

event b.used:
  size: number of GB

"""
OF_EVENTS = ["sum", "average", "minimum", "maximum", "latest", "95th percentile", "33.3th percentile", "unique"]
INSIDE = ["sum", "average", "minimum", "maximum", "latest", "unique"]
OVER = ["sum", "average", "minimum", "maximum", "90th percentile"]
LEVELS = ["level of size", "running sum of size"]
OF_LEVELS = ["latest", "maximum", "time-weighted average", "time integral"]
INTERVALS = ["1 day", "1 h", "12 h", "5 min", "1 h of days with usage", "1 day of days with usage"]


def _of_events() -> Iterator[str]:
    yield "count of a.used"
    yield "count of a.used where extra is known and extra >= 1.5"
    yield "unique disk of a.used"
    yield "unique day of a.used"
    yield "unique ok of a.used where kind is x"
    for aggregation in OF_EVENTS:
        of = " " if aggregation == "unique" else " of "
        yield f"{aggregation}{of}size of a.used"
        yield f"{aggregation}{of}extra of a.used where not ok"
        gb = "" if aggregation == "unique" else " GB"
        if gb:
            yield f"{aggregation}{of}size of a.used each at least 1 MiB"
        for mode in ("up", "down", "half up", "half down", "half even"):
            yield f"{aggregation}{of}size of a.used each rounded {mode} to 0.5{gb}"
        yield f"{aggregation}{of}extra of a.used each rounded up to 1{gb} each at least 2{gb}"


def _two_level() -> Iterator[str]:
    for over in OVER:
        for interval in INTERVALS:
            yield f"{over} of count of a.used per {interval}"
            for inside in INSIDE:
                of = " " if inside == "unique" else " of "
                yield f"{over} of {inside}{of}size of a.used per {interval}"
    yield "maximum of average of size of a.used per 1 h each at least 1 MiB"
    yield "sum of average of extra of a.used per 12 h where extra is known"


def _of_levels() -> Iterator[str]:
    for level in LEVELS:
        for aggregation in OF_LEVELS:
            for series in ("", " per disk"):
                for by_day in ("", " by day", " by day at its highest"):
                    yield f"{aggregation} of {level} of a.used{series}{by_day}"
        yield f"time-weighted average of {level} of a.used where ok each at least 1 MiB"
    for over in OVER:
        for inside in ("maximum", "latest"):
            for interval in INTERVALS:
                yield f"{over} of {inside} of level of size per disk of a.used per {interval}"
                yield f"{over} of {inside} of running sum of size of a.used per {interval}"


TEXTS = {"events": [*_of_events()], "intervals": [*_two_level()], "levels": [*_of_levels()]}


@cache
def _program() -> Program:
    texts = [text for texts in TEXTS.values() for text in texts]
    meters = "".join(f"meter m{number}: {text}\n" for number, text in enumerate(texts))
    plan = "plan one from 2020-01-01:\n  charge m0: at $1 each\n"
    compiled = compile_ruleset(Source("drawn.rates", f"{HEADER}{meters}\n{plan}"))
    if compiled.program is None:
        raise AssertionError([finding.message for finding in compiled.findings])
    return compiled.program


@cache
def _meters(kind: str) -> tuple[Meter, ...]:
    """Every form of a kind, as it aggregates: before its factor and its rounding."""
    first = sum(len(TEXTS[name]) for name in list(TEXTS)[: list(TEXTS).index(kind)])
    found = [_program().meters[f"m{first + number}"] for number in range(len(TEXTS[kind]))]
    return tuple(
        replace(meter, factor=Fraction(1), rounding=None, text=text)
        for meter, text in zip(found, TEXTS[kind], strict=True)
    )


@dataclass(frozen=True)
class Statement:
    """One statement to rate: what it covers, and all usage of its account."""

    days: DateRange
    events: tuple[UsageEvent, ...]


ZONES = ["UTC", "Europe/Berlin", "America/Los_Angeles", "Asia/Shanghai"]
# The clocks of Berlin and Los Angeles change on these days, in both directions.
STARTS = [
    date(2026, 3, 7),
    date(2026, 3, 8),
    date(2026, 3, 28),
    date(2026, 3, 29),
    date(2026, 10, 24),
    date(2026, 11, 1),
]
SIZES = ["0", "1", "-1", "0.25", "0.75", "-0.25", "2.5", "0.001", "1.049", "7.5", "-7.123", "123456.789"]


@st.composite
def statements(draw: st.DrawFn, zone: ZoneInfo, *, has_identity: bool) -> Statement:
    start = draw(st.sampled_from(STARTS))
    days = DateRange(start, start + timedelta(draw(st.sampled_from([1, 2, 3, 9]))))
    covered = days.period(zone)
    events = tuple(
        _event(draw, covered, zone, f"{number}" if has_identity else None) for number in range(draw(st.integers(0, 9)))
    )
    return Statement(days, events)


def _event(draw: st.DrawFn, covered: Period, zone: ZoneInfo, number: str | None) -> UsageEvent:
    day = draw(st.sampled_from([covered.start, covered.start, covered.end, local_midnight(date(2026, 3, 29), zone)]))
    step = draw(
        st.one_of(
            st.sampled_from([0, 0, 1, 2, 3, 5, 23, 24, 25, 47, -1, -24, -1000]).map(
                lambda hours: timedelta(hours=hours)
            ),
            st.integers(-50, 240 * 60).map(lambda minutes: timedelta(minutes=minutes)),
            st.integers(-2, 2).map(lambda step: timedelta(microseconds=step)),
            st.integers(0, 3 * 86400 * 10**6).map(lambda step: timedelta(microseconds=step)),
        )
    )
    fields: dict[str, Value | None] = {
        "size": Decimal(draw(st.sampled_from(SIZES))),
        "extra": draw(st.none() | st.sampled_from(["0", "1.5", "-3.25", "2"]).map(Decimal)),
        "disk": draw(st.sampled_from([None, "d1", "d2", ""])),
        "kind": draw(st.sampled_from(["x", "y"])),
        "day": draw(st.none() | st.sampled_from([date(2026, 1, 1), date(2026, 1, 2)])),
        "ok": draw(st.booleans()),
    }
    known = {name: value for name, value in fields.items() if value is not None}
    has_id = number is not None and draw(st.integers(0, 3)) > 0
    return UsageEvent(
        "",
        draw(st.sampled_from(["a.used", "a.used", "a.used", "b.used"])),
        (day + step).astimezone(UTC),
        known,
        f"{draw(st.sampled_from('ab'))}{number}" if has_id else None,
        None if number is None else draw(st.sampled_from([None, "s", "t"])),
    )


COLUMNS = {
    "f_size": "DECIMAL(12,3)",
    "f_extra": "DECIMAL(6,2)",
    "f_disk": "VARCHAR",
    "f_kind": "ENUM('x', 'y')",
    "f_day": "DATE",
    "f_ok": "BOOLEAN",
}


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    opened = connect()
    names = ", ".join(f"{name} {type_}" for name, type_ in COLUMNS.items())
    opened.execute(
        "CREATE TABLE fact (sid INTEGER, time TIMESTAMPTZ, event VARCHAR, id VARCHAR, source VARCHAR, "
        f"from_time TIMESTAMPTZ, until_time TIMESTAMPTZ, {names})"
    )
    yield opened
    opened.close()


def _fill(connection: duckdb.DuckDBPyConnection, usage: Sequence[Statement], zone: ZoneInfo) -> None:
    connection.execute("DELETE FROM fact")
    rows = []
    for number, statement in enumerate(usage):
        covered = statement.days.period(zone)
        for event in statement.events:
            fields = [event.fields.get(name[2:]) for name in COLUMNS]
            values = [number, event.time, event.event, event.id, event.source, covered.start, covered.end, *fields]
            rows.append("(" + ", ".join(_literal(value) for value in values) + ")")
    if rows:
        connection.execute(f"INSERT INTO fact VALUES {', '.join(rows)}")


def _literal(value: object) -> str:
    return "NULL" if value is None else f"'{value}'"


def _columns(usage: Sequence[Statement]) -> EventColumns:
    has_identity = any(event.id or event.source for statement in usage for event in statement.events)
    event, digits = _program().schema.events["a.used"], {"size": (9, 3), "extra": (4, 2)}
    return columns_of(event, "fact", digits, rows_max=1000, has_identity=has_identity)


def _expected(meter: Meter, statement: Statement, zone: ZoneInfo, by: str | None) -> dict[object, Fraction]:
    covered = statement.days.period(zone)
    events = [
        event
        for event in in_order(statement.events)
        if event.time < covered.end and (meter.needs_history or event.time >= covered.start)
    ]
    groups: dict[object, list] = {}
    for event, sample in samples_of(meter, events):
        groups.setdefault(None if by is None else event.fields.get(by), []).append(sample)
    return {
        key: read(meter, samples, covered, zone, Fraction(0)).value
        for key, samples in groups.items()
        if has_usage(meter, samples, covered)
    }


def _has_ties(statement: Statement) -> bool:
    found = [(event.time, event.source) for event in statement.events if event.id is None]
    return len(set(found)) < len(found)


def _assert_equal(
    connection: duckdb.DuckDBPyConnection, meter: Meter, usage: Sequence[Statement], zone: ZoneInfo, by: str | None
) -> None:
    reach = [statement.days.period(zone) for statement in usage]
    days = local_days(Period(min(own.start for own in reach), max(own.end for own in reach)), zone)
    query = meter_sql(meter, _columns(usage), days, [] if by is None else [f"f_{by}"])
    found: dict[int, dict[object, Fraction | None]] = {number: {} for number in range(len(usage))}
    result = connection.execute(query.sql)
    names = [column[0] for column in result.description]
    for row in result.fetchall():
        cells = dict(zip(names, row, strict=True))
        assert isinstance(cells["num"], int) and isinstance(cells["den"], int), meter.text
        assert cells["den"] > 0 and (query.is_ratio or cells["den"] == 1), meter.text
        assert cells["ambiguous"] is False or query.may_be_ambiguous, meter.text
        value = None if cells["ambiguous"] else Fraction(cells["num"], query.scale * cells["den"])
        assert found[cells["sid"]].setdefault(cells.get("k0"), value) is value
    for number, statement in enumerate(usage):
        expected: dict[object, Fraction | None] = dict(_expected(meter, statement, zone, by))
        for key, value in found[number].items():
            if value is None:
                assert _has_ties(statement), meter.text
                expected[key] = None
        assert found[number] == expected, meter.text


@pytest.mark.parametrize("kind", TEXTS)
@given(data=st.data())
def test_a_meter_reads_the_same(connection: duckdb.DuckDBPyConnection, kind: str, data: st.DataObject) -> None:
    zone = ZoneInfo(data.draw(st.sampled_from(ZONES), "zone"))
    has_identity = data.draw(st.booleans(), "has_identity")
    usage = data.draw(st.lists(statements(zone, has_identity=has_identity), min_size=1, max_size=3), "usage")
    _fill(connection, usage, zone)
    for meter in data.draw(st.lists(st.sampled_from(_meters(kind)), min_size=6, max_size=6), "meters"):
        by = data.draw(st.sampled_from([None, "kind", "disk"]), "by")
        _assert_equal(connection, meter, usage, zone, by)
