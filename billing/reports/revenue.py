"""What was billed, by plan, by line, by policy, and by customer: all from the lines of issued documents.

Invoices count by the beginning of their billing period, credit notes with the invoices that they correct. Taxes stand
apart, for they are not the platform's.
"""

from __future__ import annotations

from ...engine.period import DateRange
from ...ledger.store import Reader
from .report import Bars, Cell, Report, amounts, counts, money, texts, whole, with_totals, word

TAX = "('tax')"
CHARGED = "('charge', 'fee', 'adjustment')"
TAKEN_OFF = "('discount', 'offer', 'cap')"
ADDED = "('penalty', 'minimum', 'rounding')"

_LINES = (
    "FROM invoice_lines JOIN invoices ON invoices.id = invoice_lines.invoice "
    "WHERE period_start >= ? AND period_start < ?"
)


def _sum(kinds: str) -> str:
    return f"sum(CASE WHEN invoice_lines.kind IN {kinds} THEN amount ELSE 0 END)"


_SUMS = f"{_sum(CHARGED)}, {_sum(TAKEN_OFF)}, {_sum(ADDED)}, {_sum(TAX)}"
_COLUMNS = amounts("charged", "taken off", "added", "net", "tax")


def revenue_by_plan(reader: Reader, days: DateRange) -> Report:
    """Net revenue of each plan: what was charged, less what policies took off, plus what they added."""
    return _revenue(reader, days, "plan", "plan", "Revenue by plan")


def revenue_by_account(reader: Reader, days: DateRange) -> Report:
    """Net revenue from each customer."""
    return _revenue(reader, days, "account", "account", "Revenue by account")


def _revenue(reader: Reader, days: DateRange, column: str, noun: str, title: str) -> Report:
    rows: list[tuple[Cell, ...]] = []
    for found in reader.rows(
        f"SELECT {column}, currency, count(DISTINCT invoices.id), {_SUMS} {_LINES} "
        f"GROUP BY {column}, currency ORDER BY currency, {column}",
        (days.start.isoformat(), days.end.isoformat()),
    ):
        name, code, documents = word(found[0]), word(found[1]), whole(found[2])
        charged, off, added, tax = (whole(value) for value in found[3:])
        shown = (money(value, code) for value in (charged, off, added, charged + off + added, tax))
        rows.append((name, code, documents, *shown))
    columns = (*texts(noun, "currency"), *counts("documents"), *_COLUMNS)
    return Report(
        f"revenue-by-{noun}",
        title,
        columns,
        with_totals(rows, columns, 1),
        notes=("net = charged + taken off + added; taxes are not in it", _span(days)),
        charts=(Bars((noun,), "net", "currency"),),
    )


def revenue_by_line(reader: Reader, days: DateRange) -> Report:
    """What each charge and fee of each plan came to: a charge prices a meter, and stands under its name."""
    rows = [
        (
            word(plan),
            word(name),
            word(kind),
            word(code),
            whole(lines),
            money(whole(total), word(code)),
        )
        for plan, name, kind, code, lines, total in reader.rows(
            f"SELECT plan, name, invoice_lines.kind, currency, count(*), sum(amount) {_LINES} "
            f"AND invoice_lines.kind IN {CHARGED} "
            "GROUP BY plan, name, invoice_lines.kind, currency ORDER BY currency, plan, name, invoice_lines.kind",
            (days.start.isoformat(), days.end.isoformat()),
        )
    ]
    columns = (*texts("plan", "line", "kind", "currency"), *counts("lines"), *amounts("amount"))
    title = "Revenue by charge and fee"
    return Report(
        "revenue-by-line",
        title,
        columns,
        with_totals(rows, columns, 3),
        notes=("before policies and taxes", _span(days)),
        charts=(Bars(("plan", "line"), "amount", "currency"),),
    )


def policies(reader: Reader, days: DateRange) -> Report:
    """What each discount, offer and penalty did: how often, and for how much."""
    rows = [
        (
            word(kind),
            word(name),
            word(plan),
            word(code),
            whole(lines),
            money(whole(total), word(code)),
        )
        for kind, name, plan, code, lines, total in reader.rows(
            f"SELECT invoice_lines.kind, name, plan, currency, count(*), sum(amount) {_LINES} "
            "AND invoice_lines.kind IN ('discount', 'offer', 'penalty') "
            "GROUP BY invoice_lines.kind, name, plan, currency ORDER BY currency, invoice_lines.kind, name, plan",
            (days.start.isoformat(), days.end.isoformat()),
        )
    ]
    columns = (*texts("kind", "policy", "plan", "currency"), *counts("times"), *amounts("amount"))
    title = "Discounts, offers and penalties"
    return Report(
        "policies",
        title,
        columns,
        with_totals(rows, columns, 3),
        notes=("below zero: given to customers", _span(days)),
        charts=(Bars(("policy", "plan"), "amount", "currency"),),
    )


def billing(reader: Reader, days: DateRange) -> Report:
    """Every document of these periods: what it comes to, and what is still open."""
    rows: list[tuple[Cell, ...]] = []
    for series, number, kind, account, plan, start, end, code, total, due, still in reader.rows(
        "SELECT series, number, kind, invoices.account, plan, period_start, period_end, currency, total, "
        "invoices.payable_by, coalesce(open, 0) FROM invoices "
        "LEFT JOIN open_invoices ON open_invoices.invoice = invoices.id "
        "WHERE period_start >= ? AND period_start < ? AND kind <> 'nothing' ORDER BY invoices.id",
        (days.start.isoformat(), days.end.isoformat()),
    ):
        currency = word(code)
        rows.append(
            (
                f"{series!s}-{whole(number):06d}",
                word(kind),
                word(account),
                word(plan),
                word(start),
                word(end),
                currency,
                word(due),
                money(whole(total), currency),
                money(whole(still), currency),
            )
        )
    names = ("document", "kind", "account", "plan", "from", "before", "currency", "payable by")
    columns = (*texts(*names), *amounts("total", "open"))
    return Report("billing", "Issued documents", columns, with_totals(rows, columns, 6), notes=(_span(days),))


def _span(days: DateRange) -> str:
    return f"billing periods that begin from {days.start} and before {days.end}"
