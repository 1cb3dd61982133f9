"""Lines of statements as rows of CSV and Parquet, in columns named after FOCUS 1.2 where it has one.

Names of FOCUS are written in snake case. What it does not know stands under a name of ours.

| column | FOCUS | holds |
|---|---|---|
| `billing_account_id` | BillingAccountId | the account |
| `billing_currency` | BillingCurrency | the currency of all amounts of the row |
| `billing_period_start`, `_end` | BillingPeriodStart, -End | the billing period, half-open |
| `charge_period_start`, `_end` | ChargePeriodStart, -End | its billed part, or the days of a line's prices |
| `charge_category` | ChargeCategory | Usage, Purchase (fees), Credit (what is taken off), Tax, else Adjustment |
| `charge_description` | ChargeDescription | the label |
| `consumed_quantity`, `consumed_unit` | ConsumedQuantity, -Unit | what a charge was computed from |
| `billed_cost` | BilledCost | what the line adds to `due`: its amount, but 0 for a tax that prices include |
| `exact_quantity` | | `numerator/denominator`, where the quantity had to be cut to fit `consumed_quantity` |
| `amount` | | the line's amount as on the statement |
| `plan`, `line_id`, `line_kind` | | as in the JSON |
| `by`, `applied_to` | | the values of a `by` row, the lines that a policy is about: JSON |
| `because`, `rule_source`, `ruleset`, `ruleset_hash` | | why, and where the ruleset says so |

A statement without lines has no row.
"""

from __future__ import annotations

import csv
import json
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from ..engine.statement import Line, LineKind, Statement
from ..money import approximate_text, decimal_text
from .outputs import TextSink, spreadsheet_safe
from .statement_json import exact_text, kind_text
from .values import DIGITS_MAX

COLUMNS: Final = {
    "billing_account_id": "VARCHAR",
    "billing_currency": "VARCHAR",
    "billing_period_start": "TIMESTAMPTZ",
    "billing_period_end": "TIMESTAMPTZ",
    "charge_period_start": "TIMESTAMPTZ",
    "charge_period_end": "TIMESTAMPTZ",
    "plan": "VARCHAR",
    "line_id": "VARCHAR",
    "line_kind": "VARCHAR",
    "charge_category": "VARCHAR",
    "charge_description": "VARCHAR",
    "by": "VARCHAR",
    "applied_to": "VARCHAR",
    "consumed_quantity": "DECIMAL",
    "consumed_unit": "VARCHAR",
    "exact_quantity": "VARCHAR",
    "amount": "DECIMAL",
    "billed_cost": "DECIMAL",
    "because": "VARCHAR",
    "rule_source": "VARCHAR",
    "ruleset": "VARCHAR",
    "ruleset_hash": "VARCHAR",
}
_NAMES: Final = tuple(COLUMNS)
_TEXTS: Final = tuple(index for index, name in enumerate(_NAMES) if COLUMNS[name] == "VARCHAR")
_DECIMALS: Final = tuple(index for index, name in enumerate(_NAMES) if COLUMNS[name] == "DECIMAL")
_CUT_DIGITS: Final = 12

_CATEGORIES: Final = {
    LineKind.CHARGE: "Usage",
    LineKind.FEE: "Purchase",
    LineKind.DISCOUNT: "Credit",
    LineKind.OFFER: "Credit",
    LineKind.PREPAID: "Credit",
    LineKind.TAX: "Tax",
    LineKind.INCLUDED_TAX: "Tax",
    LineKind.PENALTY: "Adjustment",
    LineKind.MINIMUM: "Adjustment",
    LineKind.CAP: "Adjustment",
    LineKind.ROUNDING: "Adjustment",
}


def category_of(kind: str) -> str:
    """The ChargeCategory of a kind of line, in the words of the contract."""
    return _CATEGORIES[LineKind(kind)]


def write_csv(statements: Iterable[Statement], stream: TextSink) -> None:
    """One line of a statement a row, safe to open in a spreadsheet."""
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(_NAMES)
    for row in _rows(statements):
        for index in _TEXTS:
            row[index] = spreadsheet_safe(row[index])
        writer.writerow(row)


def write_parquet(statements: Iterable[Statement], path: Path) -> None:
    """One line of a statement a row; amounts and quantities are decimals of the scale that they need.

    A column of more than 38 digits, which no decimal of Parquet holds, is written as text.
    """
    from .parquet import write_typed

    sizes = dict.fromkeys(_DECIMALS, (1, 0))
    with tempfile.TemporaryDirectory(prefix="ratebook-") as folder:
        staged = Path(folder) / "lines.csv"
        with staged.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            for row in _rows(statements):
                for index in _DECIMALS:
                    sizes[index] = _larger(sizes[index], row[index])
                writer.writerow(row)
        types = dict(COLUMNS)
        for index, (whole, decimals) in sizes.items():
            fits = whole + decimals <= DIGITS_MAX
            types[_NAMES[index]] = f"DECIMAL({DIGITS_MAX}, {decimals})" if fits else "VARCHAR"
        write_typed(staged, types, path)


def _larger(size: tuple[int, int], number: str) -> tuple[int, int]:
    """The digits before and behind the point that hold the number as well."""
    whole, _, decimals = number.lstrip("-").partition(".")
    return max(size[0], len(whole)), max(size[1], len(decimals))


def _rows(statements: Iterable[Statement]) -> Iterator[list[str]]:
    return (_row(line, statement) for statement in statements for line in statement.lines)


def _row(line: Line, statement: Statement) -> list[str]:
    billed = statement.part_of or (statement.start, statement.end)
    start, end = statement.period_of(line)
    amount = statement.money.text(line.amount)
    decimal, exact = "", ""
    if line.quantity is not None:
        decimal = decimal_text(line.quantity) or approximate_text(line.quantity, _CUT_DIGITS)
        exact = "" if decimal_text(line.quantity) else exact_text(line.quantity)
    return [
        statement.account,
        statement.money.currency.code,
        *(instant.isoformat() for instant in billed),
        start.isoformat(),
        end.isoformat(),
        statement.plan,
        line.id,
        kind_text(line.kind),
        _CATEGORIES[line.kind],
        line.labels.default,
        json.dumps(dict(line.by), ensure_ascii=False) if line.by else "",
        json.dumps(line.on, ensure_ascii=False) if line.on else "",
        decimal,
        line.unit,
        exact,
        amount,
        statement.money.text(0) if line.kind is LineKind.INCLUDED_TAX else amount,
        line.because,
        str(line.place),
        statement.ruleset,
        statement.ruleset_hash,
    ]
