"""Statements as JSON, the contract `ratebook.statement/1`.

Amounts and quantities are exact texts; a quantity that no decimal can hold is written as `numerator/denominator`.
"""

from __future__ import annotations

import json
from datetime import datetime
from fractions import Fraction
from typing import Final

from ..engine.statement import Line, LineKind, Statement
from ..money import decimal_text

SCHEMA: Final = "ratebook.statement/1"


def statement_json(statement: Statement) -> str:
    """The statement as one line of JSON."""
    return json.dumps(statement_object(statement), ensure_ascii=False)


def statement_object(statement: Statement) -> dict[str, object]:
    """The statement as JSON's objects, lists and texts, in the order of the contract."""
    money = statement.money
    return {
        "schema": SCHEMA,
        "ruleset": {"name": statement.ruleset, "hash": statement.ruleset_hash},
        "account": statement.account,
        "plan": statement.plan,
        "period": period_object(statement.start, statement.end),
        **({} if statement.part_of is None else {"part_of": period_object(*statement.part_of)}),
        "currency": money.currency.code,
        "lines": [_line_object(line, statement) for line in statement.lines],
        "total": money.text(statement.total),
        "due": money.text(statement.due),
    }


def period_object(start: datetime, end: datetime) -> dict[str, str]:
    """A half-open period, as instants of the ruleset's zone."""
    return {"start": start.isoformat(), "end": end.isoformat()}


def _line_object(line: Line, statement: Statement) -> dict[str, object]:
    found: dict[str, object] = {"id": line.id, "kind": kind_text(line.kind), "label": line.labels.default}
    if line.by:
        found["by"] = dict(line.by)
    if line.days is not None:
        found["period"] = period_object(*statement.period_of(line))
    if line.quantity is not None:
        found["quantity"] = exact_text(line.quantity)
    if line.unit:
        found["unit"] = line.unit
    if line.on:
        found["on"] = list(line.on)
    found["amount"] = statement.money.text(line.amount)
    if line.kind is LineKind.INCLUDED_TAX:
        found["included"] = True
    if line.because:
        found["because"] = line.because
    found["source"] = str(line.place)
    return found


def kind_text(kind: LineKind) -> str:
    """The kind in the words of the contract."""
    return LineKind.TAX.value if kind is LineKind.INCLUDED_TAX else kind.value


def exact_text(value: Fraction) -> str:
    """The decimal text of a quantity, or `numerator/denominator` where it has none."""
    return decimal_text(value) or f"{value.numerator}/{value.denominator}"
