"""Lookups give each row the row and key that `dispatch` gives its own values."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ratebook.diagnostics import Source
from ratebook.engine.batch.lookup import Lookup, Reading, Reduction, SourceColumn, lookup_of
from ratebook.engine.compiler.compile import compile_ruleset
from ratebook.engine.condition import scalar
from ratebook.engine.dispatch import dispatch
from ratebook.engine.period import Period
from ratebook.engine.plan import Charge, ColumnKind, Program
from ratebook.engine.window import contains, intervals
from ratebook.intake.parquet import connect

ROOT = Path(__file__).parents[3]
TYPES = {
    "region": "VARCHAR",
    "secure": "BOOLEAN",
    "grade": "DECIMAL(9,3)",
    "signed": "DATE",
    "line": "VARCHAR",
    "zone": "VARCHAR",
    "size": "DECIMAL(18,6)",
    "dialled": "VARCHAR",
}
ATTRIBUTES = {"tier": "VARCHAR", "level": "DECIMAL(4,1)"}
READING: Reading = {
    **{(ColumnKind.FIELD, name): SourceColumn(f'"f_{name}"', type_) for name, type_ in TYPES.items()},
    **{(ColumnKind.ATTRIBUTE, name): SourceColumn(f'"a_{name}"', type_) for name, type_ in ATTRIBUTES.items()},
}
REACH = Period(datetime(2026, 2, 1, tzinfo=UTC), datetime(2026, 5, 1, tzinfo=UTC))


@cache
def program_of(path: Path) -> Program:
    def read(name: str) -> str | None:
        file = path.parent / name
        return file.read_text(encoding="utf-8") if file.is_file() else None

    program = compile_ruleset(Source(path.name, path.read_text(encoding="utf-8")), read).program
    assert program is not None
    return program


def membership_sql(program: Program, name: str) -> str:
    """A window as plain comparisons."""
    found = intervals(program.windows[name], REACH, ZoneInfo(program.zone))
    parts = [f"(time >= '{item.start}' AND time < '{item.end}')" for item in found]
    return "(" + (" OR ".join(parts) or "false") + ")"


TABLES = program_of(ROOT / "tests/cases/worked/tables.rates")
WINDOWS = program_of(ROOT / "tests/cases/worked/windows.rates")
TELECOM = program_of(ROOT / "rulesets/telecom/telecom.rates")


def _lookups(program: Program) -> Iterator[tuple[str, dict[int, Charge]]]:
    """The charges with columns, those with the same columns together."""
    charges = [
        charge
        for versions in program.plans.values()
        for plan in versions
        for charge in plan.charges
        if charge.columns
        and all(column.kind is ColumnKind.TIME or (column.kind, column.name) in READING for column in charge.columns)
    ]
    charges.sort(key=lambda charge: repr(charge.columns))
    for _, group in groupby(charges, key=lambda charge: charge.columns):
        found = dict(enumerate(group, 7))
        yield "-".join(column.name for column in found[7].columns), found


CASES = [
    pytest.param(program, charges, shows_keys, id=f"{program.name} {name} {shows_keys}")
    for program in (TABLES, WINDOWS, TELECOM)
    for name, charges in _lookups(program)
    for shows_keys in (False, True)
]

TEXTS = st.sampled_from(["", "4", "44", "447", "4477", "44771", "45", "x", "é4", "4478555", "4447000", "99999", "331"])
ROWS = st.fixed_dictionaries(
    {
        "region": st.sampled_from(["us", "eu", "cn", "ap"]),
        "secure": st.booleans(),
        "grade": st.integers(-1000, 40000).map(lambda n: Decimal(n) / 1000)
        | st.sampled_from([0, 10, 15, 20, 30, Decimal("9.999"), Decimal("10.001")]).map(Decimal),
        "signed": st.dates(date(2025, 12, 30), date(2026, 7, 3)),
        "line": TEXTS,
        "dialled": TEXTS | st.integers(0, 10**9).map(str),
        "zone": st.sampled_from(["a", "b", None]),
        "size": st.integers(0, 10**9).map(lambda n: Decimal(n) / 1000),
        "tier": st.sampled_from(["basic", "gold"]),
        "level": st.sampled_from([None, Decimal(-1), Decimal("4.9"), Decimal(5)]),
        "time": st.integers(0, 80 * 86400).map(lambda n: REACH.start + timedelta(seconds=n)),
        "version": st.integers(0, 1000),
    }
)


def _expected(program: Program, charge: Charge, row: dict[str, Any]) -> tuple[int, tuple[str, ...]] | None:
    values = []
    for column in charge.columns:
        value = None if column.kind is ColumnKind.TIME else row[column.name]
        if column.kind is ColumnKind.ATTRIBUTE and value is None:
            return None
        values.append(None if value is None else scalar(value))
    zone = ZoneInfo(program.zone)
    found = dispatch(charge.tree, tuple(values), lambda name: contains(program.windows[name], row["time"], zone))
    return None if isinstance(found, int) else found


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with connect() as opened:
        yield opened


def _insert(connection: duckdb.DuckDBPyConnection, rows: list[dict[str, Any]]) -> None:
    columns = {
        **{f"f_{name}": (name, type_) for name, type_ in TYPES.items()},
        **{f"a_{name}": (name, type_) for name, type_ in ATTRIBUTES.items()},
        "time": ("time", "TIMESTAMPTZ"),
        "version": ("version", "INTEGER"),
        "number": ("number", "INTEGER"),
    }
    listed = ", ".join(f'unnest(?::VARCHAR[]) AS "{name}"' for name in columns)
    cast = ", ".join(f'CAST("{name}" AS {type_}) AS "{name}"' for name, (_, type_) in columns.items())
    values = [[None if row[name] is None else str(row[name]) for row in rows] for name, _ in columns.values()]
    connection.execute(f"CREATE OR REPLACE TEMP TABLE fact AS SELECT {cast} FROM (SELECT {listed})", values)


def _found(connection: duckdb.DuckDBPyConnection, lookup: Lookup) -> dict[int, tuple[int | None, str | None]]:
    variants = lookup.variant_table("variant_of")
    if variants is not None:
        connection.execute(variants.create_sql, variants.parameters)
    keys = lookup.closed()
    if keys is None:
        asked = lookup.keys_sql("fact", None if variants is None else "variant_of")
        keys = tuple(connection.execute(asked).fetchall())
    table = lookup.table("answer", lookup.answers(keys))
    connection.execute(table.create_sql, table.parameters)
    chosen = "".join(f', {sql} AS "{name}"' for sql, name in lookup.selected)
    joined = "" if variants is None else " JOIN variant_of USING (version)"
    rows = f"(SELECT *{chosen} FROM fact{joined})"
    sql = f"SELECT number, answer.row, answer.key FROM {rows} r LEFT JOIN answer ON {lookup.join_sql('r', 'answer')}"
    found = connection.execute(sql).fetchall()
    assert len(found) == len({number for number, _, _ in found}), "a row has one answer"
    return {number: (row, key) for number, row, key in found}


@pytest.mark.parametrize(("program", "charges", "shows_keys"), CASES)
@settings(max_examples=10)  # each holds many rows, and there are many tables
@given(rows=st.lists(ROWS, min_size=1, max_size=100))
def test_a_lookup_is_dispatch(
    connection: duckdb.DuckDBPyConnection,
    program: Program,
    charges: dict[int, Charge],
    shows_keys: bool,
    rows: list[dict[str, Any]],
) -> None:
    versions = list(charges)
    numbered = [
        {**row, "version": versions[row["version"] % len(versions)], "number": number}
        for number, row in enumerate(rows)
    ]
    _insert(connection, numbered)
    lookup = lookup_of(charges, READING, lambda name: membership_sql(program, name), shows_keys=shows_keys)
    found = _found(connection, lookup)
    for row in numbered:
        expected = _expected(program, charges[row["version"]], row)
        row_found, key = found[row["number"]]
        assert row_found == (None if expected is None else expected[0]), row
        if shows_keys and expected is not None:
            assert key is not None and tuple(json.loads(key)) == expected[1], row


def test_what_a_table_cannot_tell_apart_is_one_key() -> None:
    charges = dict(_lookups(TELECOM))["dialled"]
    lookup = lookup_of(charges, READING, lambda name: membership_sql(TELECOM, name), shows_keys=False)
    # Basic and bundle read destinations.csv, business and its contract both files.
    assert len(lookup.trees) == 2
    (key,) = lookup.keys
    assert key.reduction is Reduction.PREFIX
    combinations = lookup.closed()
    assert combinations is not None
    # Two tables, every prefix of both files, a number that no prefix begins and one that is not known.
    assert len(combinations) == 2 * (len(key.prefixes) + 2)


def test_charges_of_other_columns_are_refused() -> None:
    both = [charges[7] for _, charges in _lookups(TABLES)][:2]
    with pytest.raises(ValueError, match="same columns"):
        lookup_of(dict(enumerate(both)), READING, lambda name: membership_sql(TABLES, name), shows_keys=False)
