"""Statements from tables are written as single statements are: the same bytes; in Parquet the same types and values."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, datetime
from fractions import Fraction
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ratebook.engine.derivation import Place, Role
from ratebook.engine.derivation import given as leaf
from ratebook.engine.period import DateRange
from ratebook.engine.plan import Program
from ratebook.engine.quantity import UnitTable
from ratebook.engine.statement import Labels, Line, LineKind, Statement
from ratebook.engine.usage import FactSchema
from ratebook.intake import StatementFormat, statement_object, write_statements
from ratebook.intake.columnar.read_back import statements_of
from ratebook.intake.columnar.statement_tables import create_statement_tables, insert_statements
from ratebook.intake.columnar.writing import write_columnar
from ratebook.intake.parquet import connect
from ratebook.money import MoneyUnit, Rounding, currency

ZONE = ZoneInfo("Europe/Berlin")
MARCH = (datetime(2026, 3, 1, tzinfo=ZONE), datetime(2026, 4, 1, tzinfo=ZONE))


def money(code: str = "EUR", size: Fraction | None = None) -> MoneyUnit:
    found = currency(code)
    assert found is not None
    return MoneyUnit.minor(found) if size is None else MoneyUnit(found, size)


def line(kind: LineKind = LineKind.CHARGE, amount: int = 0, **rest: object) -> Line:
    name = str(rest.pop("name", "compute"))
    label = str(rest.pop("label", "Compute"))
    place = Place("platform.rates", 24, 0, 1)
    return Line(name, kind, Labels(label), amount, leaf(Role.AMOUNT, Fraction(0)), place, **rest)  # type: ignore[arg-type]


def statement(*lines: Line, account: str = "a-1", unit: MoneyUnit | None = None, **rest: object) -> Statement:
    start, end = rest.pop("span", MARCH)  # type: ignore[misc]
    added = sum(each.amount for each in lines if each.is_added)
    plan = str(rest.pop("plan", "payg"))
    part = rest.pop("part_of", None)
    return Statement(
        'the "book"',
        "sha256:0",
        account,
        plan,
        Labels(plan),
        start,
        end,
        unit or money(),
        lines,
        (),
        added,
        added - 1,
        part_of=part,  # type: ignore[arg-type]
    )


def program(statements: Sequence[Statement]) -> Program:
    unit = statements[0].money if statements else money()
    schema = FactSchema(unit.currency.code, ZONE.key, UnitTable(), {}, {}, {}, (), ())
    name = 'the "book"'
    return Program(
        name, Labels(name), "sha256:0", ZONE.key, unit, Rounding.HALF_EVEN, None, None, schema, {}, {}, {}, {}
    )


def tables(statements: Sequence[Statement], *, quantity_decimals: int = 12) -> duckdb.DuckDBPyConnection:
    connection = connect()
    create_statement_tables(connection, quantity_decimals=quantity_decimals)
    # The rows come in any order: here the last statement first.
    for sid in reversed(range(len(statements))):
        insert_statements(connection, [statements[sid]], [sid])
    return connection


def assert_written_alike(statements: Sequence[Statement], folder: Path, *, quantity_decimals: int = 12) -> None:
    connection = tables(statements, quantity_decimals=quantity_decimals)
    for format_ in StatementFormat:
        expected, found = folder / f"expected.{format_.value}", folder / f"found.{format_.value}"
        assert write_statements(statements, format_, expected) == ()
        assert write_columnar(connection, program(statements), format_, found) == ()
        if format_ is StatementFormat.PARQUET:
            assert content(found) == content(expected)
        else:
            assert found.read_bytes() == expected.read_bytes()
    again = statements_of(connection, program(statements))
    assert [statement_object(each) for each in again] == [statement_object(each) for each in statements]
    left = connection.execute("SELECT table_name FROM duckdb_tables() WHERE table_name LIKE 'written%'").fetchall()
    assert not left


READER = connect()


def content(path: Path) -> tuple[object, object]:
    rows = READER.sql(f"SELECT * FROM read_parquet('{path}')")
    types = [(column, str(type_)) for column, type_ in zip(rows.columns, rows.types, strict=True)]
    # As texts, which for decimals and times say all there is; times would need a package more to be fetched.
    return types, rows.project("CAST(COLUMNS(*) AS VARCHAR)").fetchall()


SAMPLE = (
    line(amount=100000, quantity=Fraction(1000), unit="unit"),
    line(amount=5, quantity=Fraction(1, 3), unit="GB", by=(("region", "us"), ("tier", 'a "b"')), label="出网流量"),
    line(LineKind.DISCOUNT, -10000, name="gold", on=("compute", "流量"), because='VIP, "gold"', label="=HYPERLINK(1)"),
    line(LineKind.INCLUDED_TAX, 1234, name="vat", label="VAT\n19 %"),
    line(LineKind.PREPAID, -500, name="card", label="-1"),
    line(amount=7, quantity=Fraction(25, 2), days=DateRange(date(2026, 3, 1), date(2026, 3, 29))),
    line(LineKind.FEE, 0, name="fee", days=DateRange(date(2026, 3, 29), date(2026, 5, 1))),
)
MAY = (datetime(2026, 5, 1, tzinfo=ZONE), datetime(2026, 5, 3, tzinfo=ZONE))
STATEMENTS = [
    statement(*SAMPLE),
    statement(account='x", y'),
    statement(*SAMPLE[2:4], account="=1+1", plan="pläne", span=MAY, part_of=(MARCH[0], MAY[1])),
    statement(SAMPLE[1], account="-5"),
    statement(account="tab\tand\x01and\\"),
]


def test_every_kind_of_line_and_statement(tmp_path: Path) -> None:
    assert_written_alike(STATEMENTS, tmp_path)


def test_no_statements_and_no_lines(tmp_path: Path) -> None:
    assert_written_alike([], tmp_path)
    assert_written_alike([statement()], tmp_path)


@pytest.mark.parametrize(
    "unit",
    [
        money("JPY"),
        money("KWD"),
        money("EUR", Fraction(1, 20)),
        money("EUR", Fraction(1, 10000)),
        money("EUR", Fraction(25, 10000)),
        money("JPY", Fraction(1, 100)),
        money("EUR", Fraction(10)),
    ],
)
def test_money_units(unit: MoneyUnit, tmp_path: Path) -> None:
    for amounts in ((1, 20, -3), (100, 10000), (10**17 + 1, -5), (10**30 + 1, 7)):
        lines = [line(amount=amount) for amount in amounts]
        taxed = statement(line(LineKind.INCLUDED_TAX, amounts[0]), unit=unit)
        assert_written_alike([statement(*lines, unit=unit), taxed], tmp_path)


def test_amounts_of_39_digits(tmp_path: Path) -> None:
    assert_written_alike([statement(line(amount=10**38), line(amount=-(10**38)), line(amount=5))], tmp_path)
    assert_written_alike([statement(line(amount=10**38), unit=money("JPY"))], tmp_path)
    with pytest.raises(OverflowError):
        tables([statement(line(amount=10**40))])


@pytest.mark.parametrize(
    "quantities",
    [
        ("0", "5", "100"),
        ("0.5", "-0.25", "1000"),
        ("1/3", "2/7"),
        ("-1/3", "0.001"),
        (f"{10**30}", "0.5"),
        (f"{10**30}/7",),
        ("0." + "0" * 20 + "1", "12"),
        ("0." + "0" * 20 + "1", f"{10**19}"),
        (f"{10**12}.5", "0.000001"),
        ("0.000000000001", "123456"),
        ("0.000000000001", "1234567"),
        ("1/3", "0.000000000001"),
    ],
)
@pytest.mark.parametrize("decimals", [6, 12])
def test_quantities(quantities: tuple[str, ...], decimals: int, tmp_path: Path) -> None:
    lines = [line(quantity=Fraction(text), unit="GB") for text in quantities]
    assert_written_alike([statement(*lines, line())], tmp_path, quantity_decimals=decimals)


def test_rows_of_queries_need_no_column_that_they_do_not_use(tmp_path: Path) -> None:
    connection = tables([statement(line(amount=5, quantity=Fraction(3))), statement(line(amount=7))])
    connection.execute("CREATE TABLE narrow AS SELECT sid, ord, info, amount::BIGINT AS amount, quantity FROM line")
    connection.execute("DROP TABLE line; ALTER TABLE narrow RENAME TO line")
    expected = [statement(line(amount=5, quantity=Fraction(3))), statement(line(amount=7))]
    for format_ in (StatementFormat.CSV, StatementFormat.JSON_LINES, StatementFormat.PARQUET):
        found = tmp_path / f"found.{format_.value}"
        assert write_columnar(connection, program(expected), format_, found) == ()
    write_statements(expected, StatementFormat.CSV, tmp_path / "expected.csv")
    assert (tmp_path / "found.csv").read_bytes() == (tmp_path / "expected.csv").read_bytes()


def test_what_lines_say_of_themselves_comes_first(tmp_path: Path) -> None:
    connection = tables([statement(line(by=(("region", "us"),), on=("a",)), line(by=(("region", "us"),), on=("a",)))])
    own = json.dumps({"region": 'eu, "é"'}, ensure_ascii=False)
    connection.execute("""UPDATE line SET "by" = ?, applied_to = '["b", "c"]' WHERE ord = 0""", [own])
    expected = [statement(line(by=(("region", 'eu, "é"'),), on=("b", "c")), line(by=(("region", "us"),), on=("a",)))]
    for format_ in StatementFormat:
        wanted, found = tmp_path / f"wanted.{format_.value}", tmp_path / f"found.{format_.value}"
        write_statements(expected, format_, wanted)
        assert write_columnar(connection, program(expected), format_, found) == ()
        if format_ is StatementFormat.PARQUET:
            assert content(wanted) == content(found)
        else:
            assert wanted.read_bytes() == found.read_bytes()


def test_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    connection = tables(STATEMENTS)
    for format_ in (StatementFormat.CSV, StatementFormat.JSON_LINES, StatementFormat.TABLE):
        write_statements(STATEMENTS, format_)
        expected = capsys.readouterr().out
        assert write_columnar(connection, program(STATEMENTS), format_) == ()
        assert capsys.readouterr().out == expected
    (finding,) = write_columnar(connection, program(STATEMENTS), StatementFormat.PARQUET)
    assert finding.code == "RB9007"


_TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\r\x00"), min_size=1, max_size=4)
_LINES = st.builds(
    line,
    st.sampled_from([kind for kind in LineKind if kind is not LineKind.ROUNDING]),
    st.integers(-(10**20), 10**20),
    name=_TEXTS,
    label=_TEXTS,
    because=st.one_of(st.just(""), _TEXTS),
    unit=st.sampled_from(["", "GB", "a,b"]),
    quantity=st.one_of(st.none(), st.fractions(max_denominator=50), st.decimals(-99, 99, places=5).map(Fraction)),
    by=st.lists(st.tuples(_TEXTS, _TEXTS), max_size=2, unique_by=lambda pair: pair[0]).map(tuple),
    on=st.lists(_TEXTS, max_size=2).map(tuple),
)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    found=st.lists(
        st.builds(
            lambda lines, **rest: statement(*lines, **rest), st.lists(_LINES, max_size=3), account=_TEXTS, plan=_TEXTS
        ),
        max_size=4,
    )
)
def test_any_statements(found: list[Statement], tmp_path: Path) -> None:
    assert_written_alike(found, tmp_path)
