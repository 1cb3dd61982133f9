"""What was billed by meter: a charge prices a meter or single events, as its ruleset says, whatever its name."""

from __future__ import annotations

from typing import assert_never

from ...engine.period import DateRange
from ...engine.plan import OfAmount, OfAttribute, OfEach, OfMeter, Program, Source
from ...ledger.store import Reader
from ..rulesets import ruleset_by_hash
from .report import Bars, Cell, Report, amounts, counts, money, texts, whole, with_totals, word


def revenue_by_meter(reader: Reader, days: DateRange) -> Report:
    """Charges and fees by what they price, before policies and taxes; adjustments count where their charge does."""
    sums: dict[tuple[str, str], tuple[int, int]] = {}
    named: dict[tuple[str, str, str], str] = {}
    for digest, plan, name, code, lines, total in reader.rows(
        "SELECT hash, plan, name, currency, count(*), sum(amount) FROM invoice_lines "
        "JOIN invoices ON invoices.id = invoice_lines.invoice WHERE period_start >= ? AND period_start < ? "
        "AND (invoice_lines.kind IN ('charge', 'fee') "
        "OR (invoice_lines.kind = 'adjustment' AND adjusts IN ('charge', 'fee'))) "
        "GROUP BY hash, plan, name, currency",
        (days.start.isoformat(), days.end.isoformat()),
    ):
        charge = (word(digest), word(plan), word(name))
        if charge not in named:
            named[charge] = priced_by(ruleset_by_hash(reader, charge[0]).program, charge[1], charge[2])
        key = (named[charge], word(code))
        number, amount = sums.get(key, (0, 0))
        sums[key] = (number + whole(lines), amount + whole(total))
    rows: list[tuple[Cell, ...]] = [
        (meter, code, number, money(amount, code))
        for (meter, code), (number, amount) in sorted(sums.items(), key=lambda item: (item[0][1], item[0][0]))
    ]
    columns = (*texts("meter", "currency"), *counts("lines"), *amounts("amount"))
    title = "Revenue by meter"
    span = f"billing periods that begin from {days.start} and before {days.end}"
    return Report(
        "revenue-by-meter",
        title,
        columns,
        with_totals(rows, columns, 1),
        notes=("before policies and taxes", span),
        charts=(Bars(("meter",), "amount", "currency"),),
    )


def priced_by(program: Program, plan: str, name: str) -> str:
    """What a line of a plan prices: a meter, an event, an attribute, amounts; or that it is a fee."""
    for version in program.plans.get(plan, ()):
        for charge in version.charges:
            if charge.name == name:
                return _named(charge.source)
    return "(fees)"


def _named(source: Source) -> str:
    match source:
        case OfMeter(meter):
            return meter
        case OfEach(event, field):
            return f"each {event}" if field is None else f"each {event}.{field}"
        case OfAttribute(attribute):
            return f"account.{attribute}"
        case OfAmount(lines):
            return f"amount of {', '.join(lines)}"
        case _:
            assert_never(source)
