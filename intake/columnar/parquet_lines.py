"""Staged lines as the columns of FOCUS, in the types that Parquet has to hold.

Texts that many lines share go as enumerations: DuckDB writes those as the dictionaries that they are, which costs a
third of what finding them again does, and gives columns of texts all the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ...engine.batch.quoting import text_literal
from ...engine.plan import Program
from ..focus import COLUMNS, category_of
from ..values import DIGITS_MAX
from .cells import name
from .measured_lines import AmountSQL, Measured, QuantitySQL, amount_sql, decimals_used, measure, quantity_sql
from .staged_lines import enumeration, lines_in_order, stage_kinds

if TYPE_CHECKING:
    import duckdb


def parquet_select(connection: duckdb.DuckDBPyConnection, program: Program) -> str:
    """The SELECT of what is written, in the order of output."""
    measured = measure(connection)
    quantity = quantity_sql(connection, measured)
    money = amount_sql(program.money, measured.amount_size)
    stage_kinds(connection)
    _shared_columns(connection)
    lines = lines_in_order(connection, measured)
    columns = {
        "billing_account_id": "account",
        **{column: f"{column}_" for column in ("billing_period_start", "billing_period_end", "plan")},
        **{column: f"{column}_" for column in ("line_id", "line_kind", "charge_category", "charge_description")},
        **{column: f"{column}_" for column in ("consumed_unit", "because", "rule_source")},
        "charge_period_start": _own_days(measured, "start"),
        "charge_period_end": _own_days(measured, "end"),
        "by": 'coalesce("by", CAST(by_ AS VARCHAR))' if measured.has_by else "by_",
        "applied_to": "coalesce(applied_to, CAST(applied_to_ AS VARCHAR))"
        if measured.has_applied_to
        else "applied_to_",
        "exact_quantity": "CASE WHEN contains(exact, '/') THEN exact END"
        if measured.has_cut
        else "CAST(NULL AS VARCHAR)",
        **_numbers(connection, program, measured, money, quantity),
        "billing_currency": _constant(program.money.currency.code),
        "ruleset": _constant(program.name),
        "ruleset_hash": _constant(program.hash),
    }
    selected = ", ".join(f"{columns[column]} AS {name(column)}" for column in COLUMNS)
    return f"SELECT {selected} FROM {lines}"


def _own_days(measured: Measured, end: str) -> str:
    return f"coalesce(days_{end}, charge_period_{end}_)" if measured.has_days else f"charge_period_{end}_"


def _shared_columns(connection: duckdb.DuckDBPyConnection) -> None:
    """Make `written_kind_text`, `written_days` and `written_info` with the columns that lines share."""
    plan = enumeration(plan for (plan,) in connection.execute("SELECT DISTINCT plan FROM written_kind").fetchall())
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE written_kind_text AS SELECT kind, CAST(plan AS {plan}) AS plan_, "
        "CAST(coalesce(part_start, start) AS TIMESTAMPTZ) AS billing_period_start_, "
        'CAST(coalesce(part_end, "end") AS TIMESTAMPTZ) AS billing_period_end_, '
        'CAST(start AS TIMESTAMPTZ) AS charge_period_start_, CAST("end" AS TIMESTAMPTZ) AS charge_period_end_ '
        "FROM written_kind JOIN statement_period USING (period)"
    )
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE written_days AS SELECT days, CAST(start AS TIMESTAMPTZ) AS days_start, "
        'CAST("end" AS TIMESTAMPTZ) AS days_end FROM line_days'
    )
    columns = ("id", "kind", "label", "unit", "because", "source", "by", "applied_to")
    found = connection.execute(f"SELECT {', '.join(map(name, columns))} FROM line_info").fetchall()
    words = {column: {row[at] or "" for row in found} for at, column in enumerate(columns)}
    categories = {kind: category_of(kind) for kind in words["kind"]}
    whens = " ".join(f"WHEN {text_literal(kind)} THEN {text_literal(own)}" for kind, own in categories.items())
    texts = {
        "line_id": ("id", words["id"]),
        "line_kind": ("kind", words["kind"]),
        "charge_category": (f"CASE kind {whens} END" if whens else "NULL", set(categories.values())),
        "charge_description": ("label", words["label"]),
        "consumed_unit": ("unit", words["unit"]),
        "because": ("because", words["because"]),
        "rule_source": ("source", words["source"]),
        "by": ('"by"', words["by"]),
        "applied_to": ("applied_to", words["applied_to"]),
    }
    selected = ", ".join(
        f"CAST(nullif({sql}, '') AS {enumeration(own)}) AS {column}_" for column, (sql, own) in texts.items()
    )
    connection.execute(f"CREATE OR REPLACE TEMP TABLE written_info AS SELECT info, included, {selected} FROM line_info")


def _constant(text: str) -> str:
    return f"CAST({text_literal(text)} AS ENUM ({text_literal(text)}))" if text else "CAST(NULL AS VARCHAR)"


def _numbers(
    connection: duckdb.DuckDBPyConnection, program: Program, measured: Measured, money: AmountSQL, quantity: QuantitySQL
) -> Mapping[str, str]:
    """The three columns of numbers, as decimals of the scale that they need, or as texts where 38 digits do not do."""
    if measured.count == 0:
        empty = f"CAST(NULL AS DECIMAL({DIGITS_MAX}, 0))"
        return dict.fromkeys(("consumed_quantity", "amount", "billed_cost"), empty)
    whole, decimals = quantity.size(connection)
    type_ = f"DECIMAL({DIGITS_MAX}, {decimals})"
    consumed = quantity.decimal(type_) if whole + decimals <= DIGITS_MAX else quantity.shown()
    amount = _money(connection, money, "line WHERE true", None)
    billed = amount
    if connection.execute("SELECT 1 FROM line_info WHERE included LIMIT 1").fetchone() is not None:
        own = "line JOIN line_info USING (info) WHERE NOT included"
        billed = _money(connection, money, own, program.money.text(0))
    return {"consumed_quantity": consumed, "amount": amount, "billed_cost": billed}


def _money(connection: duckdb.DuckDBPyConnection, money: AmountSQL, source: str, included: str | None) -> str:
    """The column of amounts of the lines of `source`; `included` is what stands in those of all others."""
    found = connection.execute(f"SELECT max(abs(amount)) FROM {source}").fetchone()
    least = money.unit.currency.minor_digits
    size = 0 if found is None or found[0] is None else int(found[0] * money.unit.size)
    decimal = money.decimal("amount")
    decimals = least
    if decimal is not None and money.decimals > least:
        decimals = decimals_used(
            connection,
            lambda digits: f"{decimal} <> round({decimal}, {digits})",
            source,
            least=least,
            most=money.decimals,
        )
    type_ = f"DECIMAL({DIGITS_MAX}, {decimals})"
    fits = decimal is not None and len(str(size)) + decimals <= DIGITS_MAX
    value = f"CAST({decimal} AS {type_})" if fits else money.text("amount")
    if included is None:
        return value
    other = f"CAST('{included}' AS {type_ if fits else 'VARCHAR'})"
    # Both branches have one type, for DuckDB would else take the lower scale.
    return f"CASE WHEN included THEN {other} ELSE {value} END"
