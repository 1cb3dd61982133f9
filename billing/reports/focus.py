"""Lines of issued documents in the columns of FOCUS 1.2, in snake case; what it lacks stands under names of ours."""

from __future__ import annotations

from decimal import Decimal

from ...engine.period import DateRange
from ...engine.statement import LineKind
from ...intake.focus import category_of
from ...ledger.store import Reader
from ..documents import document_number
from .report import Cell, Column, ColumnKind, Report, amounts, money, texts, whole, word

BEFORE = (
    "billing_account_id",
    "invoice_id",
    "billing_currency",
    "billing_period_start",
    "billing_period_end",
    "charge_period_start",
    "charge_period_end",
    "charge_category",
    "charge_class",
    "charge_description",
)
AFTER = (
    "consumed_unit",
    "plan",
    "line_id",
    "line_kind",
    "by",
    "rule_source",
    "ruleset",
    "ruleset_hash",
    "exact_quantity",
)


def focus(reader: Reader, days: DateRange) -> Report:
    """Every line of every document whose billing period begins in these days, in the order of issue.

    `charge_class` is Correction for adjustments of earlier periods and for credit notes. A quantity that no decimal
    holds stands as a fraction in `exact_quantity`.
    """
    rows: list[tuple[Cell, ...]] = []
    for found in reader.stream(
        "SELECT account, series, number, currency, period_start, period_end, origin_start, origin_end, "
        "invoice_lines.kind, adjusts, invoices.kind, label, quantity, unit, amount, plan, name, dimensions, place, "
        "ruleset, hash FROM invoice_lines JOIN invoices ON invoices.id = invoice_lines.invoice "
        "WHERE period_start >= ? AND period_start < ? ORDER BY invoices.id, line",
        (days.start.isoformat(), days.end.isoformat()),
    ):
        account, series, number, code, start, end, origin_start, origin_end, kind, adjusts, document = found[:11]
        label, quantity, unit, amount, plan, name, dimensions, place, ruleset, digest = found[11:]
        currency, own = word(code), word(kind)
        priced = word(adjusts) if own == "adjustment" and adjusts else own
        is_correction = own == "adjustment" or document == "credit note"
        exact = word(quantity)
        rows.append(
            (
                word(account),
                document_number(word(series), whole(number)),
                currency,
                word(start),
                word(end),
                word(origin_start) or word(start),
                word(origin_end) or word(end),
                _category(priced),
                "Correction" if is_correction else "",
                word(label),
                Decimal(exact) if exact and "/" not in exact else None,
                money(whole(amount), currency),
                money(0 if priced == LineKind.INCLUDED_TAX.value else whole(amount), currency),
                word(unit),
                word(plan),
                word(name),
                own,
                word(dimensions),
                word(place),
                word(ruleset),
                word(digest),
                exact if "/" in exact else "",
            )
        )
    columns = (
        *texts(*BEFORE),
        Column("consumed_quantity", ColumnKind.QUANTITY),
        *amounts("amount", "billed_cost"),
        *texts(*AFTER),
    )
    return Report("focus", "Billed lines", columns, tuple(rows))


def _category(kind: str) -> str:
    known = {item.value for item in LineKind}
    return category_of(kind) if kind in known else "Adjustment"
