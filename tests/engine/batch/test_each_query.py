"""The query over events gives what `price_each` gives, exactly and before the line is rounded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ratebook.diagnostics import Source
from ratebook.engine.batch.columns import NUMERIC, columns_of
from ratebook.engine.batch.each import Times, each_lookup, each_query, shape_of
from ratebook.engine.batch.lookup import Reading, SourceColumn
from ratebook.engine.batch.quoting import text_literal
from ratebook.engine.batch.table import SmallTable
from ratebook.engine.batch.windows import window_sql
from ratebook.engine.compiler.compile import compile_ruleset
from ratebook.engine.evaluators.each import price_each
from ratebook.engine.evaluators.meter import in_order
from ratebook.engine.evaluators.situation import Readings, Refused, Situation
from ratebook.engine.period import DateRange, Period
from ratebook.engine.plan import Charge, ColumnKind, OfEach, Plan, Program
from ratebook.engine.usage import FieldKind, FieldSchema, Subscription, UsageEvent, Value
from ratebook.intake.parquet import connect

ROOT = Path(__file__).parents[3]
FILES = [
    *(ROOT / f"tests/cases/worked/{name}.rates" for name in ("each", "edges_time", "edges_quantities", "price_files")),
    *(ROOT / f"tests/cases/worked/{name}.rates" for name in ("terms", "policies", "prorated", "dated_by_usage")),
    *(ROOT / f"tests/cases/trade/{name}.rates" for name in ("telephone", "payments", "parking", "rides", "freight")),
    *(ROOT / f"tests/cases/trade/{name}.rates" for name in ("object_storage", "tokens", "things")),
    ROOT / "rulesets/telecom/telecom.rates",
    ROOT / "rulesets/cloud/cloud.rates",
    ROOT / "rulesets/starter/starter.rates",
]
MARCH = DateRange(date(2026, 3, 1), date(2026, 4, 1))
REACH = Period(datetime(2026, 2, 20, tzinfo=UTC), datetime(2026, 4, 20, tzinfo=UTC))


def compiled(text: str, path: Path | None = None) -> Program:
    def read(name: str) -> str | None:
        file = (path or Path("nowhere")).parent / name
        return file.read_text(encoding="utf-8") if file.is_file() else None

    found = compile_ruleset(Source("case.rates", text), read)
    assert found.program is not None, [item.message for item in found.findings]
    return found.program


@cache
def program_of(path: Path) -> Program:
    return compiled(path.read_text(encoding="utf-8"), path)


@dataclass(frozen=True)
class Case:
    """Charges that one query rates: by version, with the plans that they stand in."""

    program: Program
    charges: Mapping[int, Charge]
    plans: Mapping[int, Plan]


def cases_of(program: Program) -> Iterator[Case]:
    found: dict[object, list[tuple[Charge, Plan]]] = {}
    for versions in program.plans.values():
        for plan in versions:
            for charge in plan.charges:
                if isinstance(charge.source, OfEach):
                    found.setdefault(shape_of(charge), []).append((charge, plan))
    for group in found.values():
        yield Case(
            program,
            {version: charge for version, (charge, _) in enumerate(group, 3)},
            {version: plan for version, (_, plan) in enumerate(group, 3)},
        )


CASES = {
    f"{path.stem} {number} {next(iter(case.charges.values())).name}": case
    for path in FILES
    for number, case in enumerate(cases_of(program_of(path)))
}


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with connect() as opened:
        yield opened


# What is drawn


@st.composite
def events_of(draw: st.DrawFn, case: Case) -> list[tuple[int, UsageEvent]]:
    """Events of a few statements in March; with an id, or without and apart in time."""
    charge = next(iter(case.charges.values()))
    assert isinstance(charge.source, OfEach)
    schema = case.program.schema.events[charge.source.event]
    zone = ZoneInfo(case.program.zone)
    covered = MARCH.period(zone)
    seconds = int(covered.duration.total_seconds())
    near = [19 * 3600 - 40, 8 * 3600 - 1, 29 * 86400 - 61, 28 * 86400 + 3590, 9 * 86400 + 20 * 3600 - 30]
    found = []
    for number in range(draw(st.integers(0, 12))):
        at = draw(st.integers(0, seconds - 1) | st.sampled_from(near).map(lambda n: n % seconds))
        time = covered.start + timedelta(seconds=at, microseconds=draw(st.sampled_from([0, 0, 1, 500_000])))
        fields = {
            field.name: value
            for field in schema.fields
            if (value := draw(values_of(field, schema.lasting))) is not None
        }
        identity = draw(st.booleans())
        event = UsageEvent("a", schema.name, time, fields, f"e{number}" if identity else None)
        found.append((draw(st.integers(0, 3)), event))
    # Without ids, events of one moment have no order that a file could say.
    apart = {(sid, event.time, event.id): (sid, event) for sid, event in found}
    return list(apart.values())


def values_of(field: FieldSchema, lasting: str | None) -> st.SearchStrategy[Value | None]:
    match field.kind:
        case FieldKind.NUMBER | FieldKind.MONEY:
            sizes = st.integers(-50, 9_999_999).map(lambda n: Decimal(n) / 100)
            marks = st.sampled_from([0, 1, 59, 60, 61, 119, 120, 121, 100, 3600, 7200, 86520, 250]).map(Decimal)
            found: st.SearchStrategy[Value | None] = sizes | marks | st.integers(1, 4000).map(Decimal)
        case FieldKind.TEXT:
            found = st.sampled_from(["1", "44", "4478555", "4447000", "0900123", "331", "", "81999"])
        case FieldKind.DATE:
            found = st.dates(date(2026, 1, 1), date(2026, 12, 31))
        case FieldKind.YES_NO:
            found = st.booleans()
        case FieldKind.ONE_OF:
            found = st.sampled_from(list(field.values))
    if not field.required and field.default is None and field.name != lasting:
        return st.none() | found
    return found


# The query


def type_in_file(field: FieldSchema) -> str:
    """The SQL type of a field; words of a file may be an ENUM that does not hold all that a table names."""
    if field.kind is FieldKind.ONE_OF:
        return f"ENUM ({', '.join(map(text_literal, field.values))})"
    return TYPES[field.kind]


TYPES = {
    FieldKind.NUMBER: "DECIMAL(18,6)",
    FieldKind.MONEY: "DECIMAL(18,6)",
    FieldKind.TEXT: "VARCHAR",
    FieldKind.ONE_OF: "VARCHAR",
    FieldKind.DATE: "DATE",
    FieldKind.YES_NO: "BOOLEAN",
}


@dataclass(frozen=True)
class Found:
    """A statement's row of the query, in money and in the charge's unit."""

    amount: Fraction
    quantity: Fraction
    events: int
    scalar: bool
    inside: tuple[Fraction, ...] = ()


def run(
    connection: duckdb.DuckDBPyConnection,
    case: Case,
    statements: Sequence[tuple[int, UsageEvent]],
    attributes: Mapping[str, Value],
    digits: tuple[int, int] = (9, 6),
    shares: Sequence[str] = (),
) -> dict[int, Found]:
    """What the query says of statements 0, 1, …, which are on the versions in turn."""
    program = case.program
    charge = next(iter(case.charges.values()))
    assert isinstance(charge.source, OfEach)
    schema = program.schema.events[charge.source.event]
    versions = list(case.charges)
    _insert(connection, case, statements, attributes, versions, schema.fields)
    numbers = {field.name: digits for field in schema.fields if field.kind in NUMERIC}
    columns = columns_of(schema, "fact", numbers)
    reading: Reading = {
        **{
            (ColumnKind.FIELD, field.name): SourceColumn(f'"f_{field.name}"', type_in_file(field))
            for field in schema.fields
        },
        **{
            (ColumnKind.ATTRIBUTE, name): SourceColumn(f'"a_{name}"', TYPES[attribute.kind])
            for name, attribute in program.schema.attributes.items()
        },
    }
    zone = ZoneInfo(program.zone)
    times = Times(program.windows, zone, REACH)
    lookup = each_lookup(case.charges, reading, lambda name: window_sql(program.windows[name], "time", REACH, zone))
    variants = lookup.variant_table("variant_of")
    if variants is not None:
        _make(connection, variants)
    asked = lookup.keys_sql("fact", None if variants is None else "variant_of")
    combinations = lookup.closed() or connection.execute(asked).fetchall()
    query = each_query(
        case.charges,
        columns,
        times,
        lookup,
        combinations,
        name="each",
        shares=[window_sql(program.windows[name], "time", REACH, zone) for name in shares],
    )
    for table in query.tables:
        _make(connection, table)
    rows = connection.execute(query.sql).fetchall()
    return {
        sid: Found(
            Fraction(amount, query.amount_scale),
            Fraction(quantity, query.quantity_scale),
            events,
            scalar,
            tuple(Fraction(part, query.quantity_scale) for part in inside),
        )
        for sid, amount, quantity, events, scalar, *inside in rows
    }


def _make(connection: duckdb.DuckDBPyConnection, table: SmallTable) -> None:
    connection.execute(table.create_sql, table.parameters)


def _insert(
    connection: duckdb.DuckDBPyConnection,
    case: Case,
    statements: Sequence[tuple[int, UsageEvent]],
    attributes: Mapping[str, Value],
    versions: Sequence[int],
    fields: Sequence[FieldSchema],
) -> None:
    columns = {"sid": "INTEGER", "version": "INTEGER", "time": "TIMESTAMPTZ", "event": "VARCHAR", "id": "VARCHAR"}
    columns["source"] = "VARCHAR"
    columns.update({f"f_{field.name}": type_in_file(field) for field in fields})
    columns.update({f"a_{name}": TYPES[item.kind] for name, item in case.program.schema.attributes.items()})
    rows = [
        [sid, versions[sid % len(versions)], event.time, event.event, event.id, event.source]
        + [event.fields.get(field.name) for field in fields]
        + [attributes.get(name) for name in case.program.schema.attributes]
        for sid, event in statements
    ]
    listed = ", ".join(f'unnest(?::VARCHAR[]) AS "{name}"' for name in columns)
    cast = ", ".join(f'CAST("{name}" AS {type_}) AS "{name}"' for name, type_ in columns.items())
    values = [[None if row[index] is None else str(row[index]) for row in rows] for index in range(len(columns))]
    connection.execute(f"CREATE OR REPLACE TEMP TABLE fact AS SELECT {cast} FROM (SELECT {listed})", values)


# The scalar evaluator


def expected(
    case: Case, version: int, events: Sequence[UsageEvent], attributes: Mapping[str, Value], shares: Sequence[str] = ()
) -> Found | None:
    """What the scalar evaluator says; None where it refuses."""
    charge = replace(case.charges[version], period_minimum=None, period_cap=None)
    situation = Situation(
        program=case.program,
        plan=case.plans[version],
        subscription=Subscription("a", "p", MARCH.start, None, attributes),
        events=tuple(in_order(events)),
        quantities=(),
        days=MARCH,
        covered_days=MARCH,
        zone=ZoneInfo(case.program.zone),
    )
    readings = Readings(situation)
    assert isinstance(charge.source, OfEach)
    try:
        line = price_each(charge, readings).line
    except Refused:
        return None
    (amount,) = line.derivation.parts
    count = len(list(readings.each(charge.source)))
    inside = tuple(readings.each_share_in(charge, name)[0] for name in shares)
    return Found(amount.value, line.quantity or Fraction(0), count, False, inside)


def check(
    connection: duckdb.DuckDBPyConnection,
    case: Case,
    statements: Sequence[tuple[int, UsageEvent]],
    attributes: Mapping[str, Value],
) -> None:
    shares = sorted(case.program.windows)[:1]
    found = run(connection, case, statements, attributes, shares=shares)
    versions = list(case.charges)
    for sid in {sid for sid, _ in statements}:
        events = [event for at, event in statements if at == sid]
        wanted = expected(case, versions[sid % len(versions)], events, attributes, shares)
        got = found.get(sid)
        if wanted is None:
            assert got is not None and got.scalar, (sid, events)
        elif wanted.events == 0:
            assert got is None
        else:
            assert got == wanted, (sid, events)


def _attributes(program: Program) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for name, field in program.schema.attributes.items():
        if field.kind in NUMERIC:
            found[name] = Decimal(3)
        elif field.kind is FieldKind.ONE_OF:
            found[name] = field.values[0]
    return found


@pytest.mark.parametrize("case", list(CASES))
@settings(max_examples=12)
@given(data=st.data())
def test_the_query_is_the_scalar_evaluator(
    connection: duckdb.DuckDBPyConnection, case: str, data: st.DataObject
) -> None:
    drawn = data.draw(events_of(CASES[case]))
    check(connection, CASES[case], drawn, _attributes(CASES[case].program))


# Drawn price lists

HEADER = """ruleset drawn "Drawn":
  currency EUR
  time zone Europe/Berlin

event call lasting duration:
  duration: number of s
  dialled: text, default "1"
  kind: one of a, b, default a

event pay:
  amount: money
  dialled: text, default "1"
  kind: one of a, b, default a

window peak: mon to fri 08:00 to 20:00
window night: daily 22:00 to 06:00
window short: daily 01:30 to 03:00

"""


@st.composite
def rulesets(draw: st.DrawFn) -> str:
    """Plans with a charge of each call or payment; their tables have the same columns and other prices."""
    lasting = draw(st.booleans())
    unit = "s" if lasting else ""
    source = draw(st.sampled_from(["call.duration"] if lasting else ["pay.amount"]))
    columns = draw(st.sampled_from([(), ("time",), ("dialled",), ("kind", "time"), ("dialled", "time")]))
    mode = draw(st.sampled_from(["", "graduated", "volume", "stairstep"]))
    plans = []
    for number in range(draw(st.integers(1, 3))):
        edges = sorted(draw(st.sets(st.sampled_from([60, 120, 300, 3600]), min_size=1, max_size=3)))
        rows = _keys(draw, columns)
        text = f"plan p{number} from 2026-01-01:\n  charge it of each {source}"
        if columns:
            text += f" by {', '.join(columns)}" + (f" {mode}" if mode else "") + ":\n"
            heads = [f"{name} prefix" if name == "dialled" else name for name in columns]
            heads += _bounds(mode, edges, unit) or ["price"]
            text += "    | " + " | ".join(heads) + " |\n"
            for keys in rows:
                cells = [_price(draw, mode, unit) for _ in _bounds(mode, edges, unit) or ["price"]]
                text += "    | " + " | ".join([*keys, *cells]) + " |\n"
        elif mode:
            text += f" {mode}:\n"
            text += "".join(
                f"    {bound} {_at(mode, _price(draw, mode, unit))}\n" for bound in _bounds(mode, edges, unit)
            )
        else:
            text += ":\n    at " + _price(draw, mode, unit) + "\n"
        text += _lines(draw, lasting)
        plans.append(text)
    return HEADER + "\n".join(plans)


def _keys(draw: st.DrawFn, columns: Sequence[str]) -> list[list[str]]:
    times = draw(st.sampled_from([["peak", "otherwise"], ["peak", "night", "otherwise"], ["short", "otherwise"]]))
    cells = {
        "time": times,
        "kind": draw(st.sampled_from([["a", "b"], ["a", "otherwise"]])),
        "dialled": draw(st.sampled_from([['"44"', '"447"', "otherwise"], ['"33"', "otherwise"]])),
    }
    rows: list[list[str]] = [[]]
    for column in columns:
        rows = [[*row, cell] for row in rows for cell in cells[column]]
    return rows


def _bounds(mode: str, edges: Sequence[int], unit: str) -> list[str]:
    def amount(size: int) -> str:
        return f"{size:,} {unit}" if unit else f"€{size:,}"

    match mode:
        case "graduated":
            widths = [high - low for low, high in zip([0, *edges[:-1]], edges, strict=True)]
            words = ["first", *["next"] * (len(edges) - 1)]
            return [f"{word} {amount(width)}" for word, width in zip(words, widths, strict=True)] + ["above"]
        case "volume" | "stairstep":
            return [f"up to {amount(edge)}" for edge in edges] + ["above"]
        case _:
            return []


def _price(draw: st.DrawFn, mode: str, unit: str) -> str:
    cents = draw(st.integers(0, 400))
    money = f"€{cents / 100:.2f}"
    if mode == "stairstep":
        return draw(st.sampled_from([money, f"{money} if used"]))
    forms = [f"{money} per 60 {unit}", f"€0.00{cents % 10} per {unit}", f"{money} per started 60 {unit}"]
    forms += [f"{money} per 60 {unit} in steps of 6 {unit}", f"{money} per started 10 {unit}"]
    price = draw(st.sampled_from(forms if unit else [f"{cents / 100:.2f}%"]))
    once = draw(st.sampled_from(["", "", " plus €0.05 once", " plus €0.25 once if used"]))
    return draw(st.sampled_from([price + once] * 6 + ["refused", "free"]))


def _at(mode: str, price: str) -> str:
    if price in ("refused", "free"):
        return price
    return f"for {price}" if mode == "stairstep" else f"at {price}"


def _lines(draw: st.DrawFn, lasting: bool) -> str:
    lines = []
    if draw(st.integers(0, 3)) == 0:
        lines.append("minimum €0.30")
    if draw(st.integers(0, 3)) == 0:
        lines.append("cap €5")
    match draw(st.integers(0, 6)):
        case 0:
            lines.append("include 2 events")
        case 1:
            lines.append("include 3 events" if lasting else "include €250")
    if draw(st.integers(0, 3)) == 0:
        lines.append(f"round each event to {draw(st.sampled_from(['€0.01', '€0.05']))} {draw(st.sampled_from(MODES))}")
    return "".join(f"    {line}\n" for line in lines)


MODES = ("half even", "half up", "half down", "up", "down")


def _compiles(text: str) -> bool:
    return compile_ruleset(Source("drawn.rates", text)).program is not None


@settings(max_examples=40)
@given(data=st.data())
def test_drawn_price_lists(connection: duckdb.DuckDBPyConnection, data: st.DataObject) -> None:
    program = compiled(data.draw(rulesets().filter(_compiles)))
    for case in cases_of(program):
        check(connection, case, data.draw(events_of(case)), {})


# What a query leaves to the scalar evaluator, and what it does not


def _case(text: str) -> Case:
    (case,) = cases_of(compiled(HEADER + text))
    return case


def _call(second: int, duration: str, dialled: str = "1", name: str | None = None) -> tuple[int, UsageEvent]:
    time = datetime(2026, 3, 10, 12, tzinfo=UTC) + timedelta(seconds=second)
    return 0, UsageEvent("a", "call", time, {"duration": Decimal(duration), "dialled": dialled, "kind": "a"}, name)


BUNDLE = """plan p from 2026-01-01:
  charge it of each call.duration: at €0.01 per s
    include 2 events
"""


def test_ties_without_ids_matter_only_where_something_is_free(connection: duckdb.DuckDBPyConnection) -> None:
    case = _case(BUNDLE)
    # The second and third events differ, and one of the two is free.
    tied = [_call(0, "5"), _call(1, "7"), _call(1, "9")]
    assert run(connection, case, tied, {})[0].scalar
    # With ids they have an order, and e1 is the free one: 9 s cost 9 ct.
    told = [_call(0, "5", name="e0"), _call(1, "7", name="e1"), _call(1, "9", name="e2")]
    assert run(connection, case, told, {})[0] == Found(Fraction(9, 100), Fraction(21), 3, False)
    # Alike, they cost the same in any order.
    alike = [_call(0, "5"), _call(1, "7"), _call(1, "7")]
    assert run(connection, case, alike, {})[0] == Found(Fraction(7, 100), Fraction(19), 3, False)
    # Once both are used, the order of what follows does not matter: 7 + 9 ct.
    later = [_call(0, "5"), _call(1, "5"), _call(2, "7"), _call(2, "9")]
    assert run(connection, case, later, {})[0] == Found(Fraction(16, 100), Fraction(26), 4, False)


def test_ties_of_a_free_quantity(connection: duckdb.DuckDBPyConnection) -> None:
    case = _case("plan p from 2026-01-01:\n  charge it of each pay.amount: at 10% plus €1 once\n    include €10\n")
    # €5 are free before the tie, and of €7 and €9 only the first has something free.
    assert run(connection, case, [_paid(0, "5"), _paid(1, "7"), _paid(1, "9")], {})[0].scalar
    # €12 use what is free up: 0.20 + 0.70 + 0.90, and €1 each.
    used = [_paid(0, "12"), _paid(1, "7"), _paid(1, "9")]
    assert run(connection, case, used, {})[0] == Found(Fraction(48, 10), Fraction(28), 3, False)


def _paid(second: int, amount: str) -> tuple[int, UsageEvent]:
    time = datetime(2026, 3, 10, 12, tzinfo=UTC) + timedelta(seconds=second)
    return 0, UsageEvent("a", "pay", time, {"amount": Decimal(amount)})


def test_a_quantity_past_a_machine_word_takes_the_scalar_road(connection: duckdb.DuckDBPyConnection) -> None:
    case = _case("plan p from 2026-01-01:\n  charge it of each pay.amount: at 2.9% plus €0.30 once\n")

    def paid(sid: int, amount: str) -> tuple[int, UsageEvent]:
        return sid, UsageEvent("a", "pay", datetime(2026, 3, 3, sid, tzinfo=UTC), {"amount": Decimal(amount)})

    found = run(connection, case, [paid(0, "100"), paid(1, "999999999999"), paid(2, "-5")], {}, digits=(12, 6))
    # 2.90 + 0.30; a correction below zero is an event of nothing: 0.30.
    assert found[0] == Found(Fraction("3.2"), Fraction(100), 1, False)
    assert found[1].amount == Fraction("29000000000.271") and not found[1].scalar
    assert found[2] == Found(Fraction("0.3"), Fraction(0), 1, False)


def test_what_no_row_prices_is_told(connection: duckdb.DuckDBPyConnection) -> None:
    case = _case(
        "plan p from 2026-01-01:\n  charge it of each call.duration by dialled:\n"
        '    | dialled prefix | price       |\n    | "0900" | refused |\n    | otherwise | €0.01 per s |\n'
    )
    assert run(connection, case, [_call(0, "5"), _call(1, "5", "0900123")], {})[0].scalar
    assert run(connection, case, [_call(0, "5"), _call(1, "5", "0901")], {})[0].amount == Fraction(1, 10)


def test_an_event_longer_than_the_reach_takes_the_scalar_road(connection: duckdb.DuckDBPyConnection) -> None:
    case = _case(
        "plan p from 2026-01-01:\n  charge it of each call.duration by time:\n"
        "    | time | price |\n    | peak | €0.02 per s |\n    | otherwise | €0.01 per s |\n"
    )
    assert run(connection, case, [_call(0, "60000000")], {})[0].scalar
    days = [_call(0, str(20 * 86400))]
    assert run(connection, case, days, {})[0] == expected(case, 3, [event for _, event in days], {})


@pytest.mark.parametrize("digits", [(3, 6), (9, 6), (12, 6), (5, 2), (9, 9), (20, 9), (4, 12)])
def test_every_width_of_a_column_is_exact(connection: duckdb.DuckDBPyConnection, digits: tuple[int, int]) -> None:
    case = _case("plan p from 2026-01-01:\n  charge it of each call.duration: at €0.07 per started 60 s\n")
    sizes = ["0.01", "59.99", "60", "60.01", "180.5", "999.25"]
    events = [_call(number, size) for number, size in enumerate(sizes)]
    assert run(connection, case, events, {}, digits)[0] == expected(case, 3, [event for _, event in events], {})


def test_charges_of_other_shapes_are_refused() -> None:
    first = _case(BUNDLE)
    other = _case(BUNDLE.replace("call.duration", "pay.amount").replace("per s", "each"))
    charges = {3: first.charges[3], 4: other.charges[3]}
    times = Times({}, ZoneInfo("UTC"), REACH)
    lookup = each_lookup(charges, {}, str)
    with pytest.raises(ValueError, match="same shape"):
        each_query(charges, columns_of(first.program.schema.events["call"], "fact", {}), times, lookup, (), name="x")


def test_an_enum_of_the_file_need_not_hold_every_word_of_a_table(connection: duckdb.DuckDBPyConnection) -> None:
    case = _case(
        "plan p from 2026-01-01:\n  charge it of each call.duration by kind:\n"
        "    | kind | price |\n    | a | €0.02 per s |\n    | b | €0.01 per s |\n"
    )
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE fact AS SELECT 0 AS sid, 3 AS version, "
        "TIMESTAMPTZ '2026-03-03 10:00+00' AS time, 'call'::ENUM ('call') AS event, NULL::VARCHAR AS id, "
        "NULL::VARCHAR AS source, 5::DECIMAL(3,0) AS f_duration, 'a'::ENUM ('a') AS f_kind"
    )
    reading: Reading = {(ColumnKind.FIELD, "kind"): SourceColumn("f_kind", "ENUM ('a')")}
    lookup = each_lookup(case.charges, reading, str)
    combinations = lookup.closed()
    assert combinations is not None
    columns = columns_of(case.program.schema.events["call"], "fact", {"duration": (3, 0)})
    query = each_query(case.charges, columns, Times({}, ZoneInfo("UTC"), REACH), lookup, combinations, name="each")
    for table in query.tables:
        _make(connection, table)
    assert connection.execute(query.sql).fetchall() == [(0, query.amount_scale // 10, 5, 1, False)]
