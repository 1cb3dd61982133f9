"""What the platform is owed and what it owes: receivables by age, wallets and cards, and one customer's movements."""

from __future__ import annotations

from datetime import date

from ...engine.period import DateRange
from ...ledger.accounts import accounts_owned_by
from ...ledger.store import Reader
from ..acting import instant
from .report import Bars, Cell, Report, amounts, counts, money, texts, whole, with_totals, word

AGES = (("not yet payable", 0), ("1 to 30 days", 30), ("31 to 60 days", 60), ("61 to 90 days", 90))
OLDER = "over 90 days"


def receivables(reader: Reader, day: date) -> Report:
    """What is open on invoices, by the days since it became payable."""
    sums: dict[tuple[str, str], list[int]] = {}
    for account, code, still, due in reader.rows(
        "SELECT open_invoices.account, currency, open, open_invoices.payable_by FROM open_invoices "
        "JOIN invoices ON invoices.id = open_invoices.invoice ORDER BY currency, open_invoices.account"
    ):
        late = (day - date.fromisoformat(word(due))).days
        place = next((index for index, (_, most) in enumerate(AGES) if late <= most), len(AGES))
        own = sums.setdefault((word(account), word(code)), [0] * (len(AGES) + 1))
        own[place] += whole(still)
    rows: list[tuple[Cell, ...]] = [
        (account, code, *(money(value, code) for value in values), money(sum(values), code))
        for (account, code), values in sums.items()
    ]
    names = (*(name for name, _ in AGES), OLDER, "open")
    columns = (*texts("account", "currency"), *amounts(*names))
    title = "Receivables by age"
    return Report(
        "receivables",
        title,
        columns,
        with_totals(rows, columns, 1),
        notes=(f"days since an invoice became payable, on {day}",),
        charts=(Bars(("account",), "open", "currency"),),
    )


def prepaid(reader: Reader) -> Report:
    """Money of customers that the platform holds: a liability until it pays for something or expires."""
    rows = [
        (
            word(kind),
            word(code),
            whole(accounts),
            money(whole(balance), word(code)),
            money(whole(held), word(code)),
        )
        for kind, code, accounts, balance, held in reader.rows(
            "SELECT kind, currency, count(*), sum(credits) - sum(debits), sum(held) FROM accounts "
            "JOIN balances ON balances.account = accounts.id WHERE kind IN ('wallet', 'card', 'sold cards') "
            "GROUP BY kind, currency ORDER BY currency, kind"
        )
    ]
    columns = (*texts("kind", "currency"), *counts("accounts"), *amounts("balance", "held"))
    title = "Prepaid liability"
    return Report(
        "prepaid", title, columns, with_totals(rows, columns, 1), charts=(Bars(("kind",), "balance", "currency"),)
    )


def ledger_balances(reader: Reader) -> Report:
    """The trial balance: every kind of account, debits and credits, which add up to the same."""
    rows: list[tuple[Cell, ...]] = [
        (
            word(kind),
            word(code),
            whole(accounts),
            *(money(whole(value), word(code)) for value in (debits, credited, balance)),
        )
        for kind, code, accounts, debits, credited, balance in reader.rows(
            "SELECT kind, currency, count(*), sum(debits), sum(credits), sum(credits) - sum(debits) FROM accounts "
            "JOIN balances ON balances.account = accounts.id GROUP BY kind, currency ORDER BY currency, kind"
        )
    ]
    columns = (*texts("kind", "currency"), *counts("accounts"), *amounts("debits", "credits", "balance"))
    notes = ("balance = credits - debits: what is owed by the platform is above zero, what it has or is owed below",)
    return Report("ledger", "Trial balance", columns, with_totals(rows, columns, 1), notes=notes)


def account_movements(reader: Reader, account: str, days: DateRange) -> Report:
    """What went into and out of one customer's accounts in these days, with what was left after each."""
    rows: list[tuple[Cell, ...]] = []
    for own in accounts_owned_by(reader, account):
        sign = own.kind.shown
        left = 0
        for number, time, kind, reference, debit, amount in reader.rows(
            "SELECT id, effective, kind, reference, debit, amount FROM transfers "
            "WHERE (debit = ? OR credit = ?) AND phase IN ('plain', 'post') ORDER BY id",
            (own.id, own.id),
        ):
            moved = whole(amount) * (-1 if debit == own.id else 1) * sign
            left += moved
            when = instant(whole(time))
            if not days.contains(when.date()):
                continue
            shown = (money(moved, own.currency), money(left, own.currency))
            words = (own.kind.value, f"{when:%Y-%m-%d %H:%M:%S}", word(kind), word(reference))
            rows.append((*words, own.currency, *shown, whole(number)))
    columns = (*texts("of", "time", "kind", "reference", "currency"), *amounts("amount", "left"), *counts("transfer"))
    notes = ("receivable: what the customer owes", f"from {days.start} and before {days.end}, times in UTC")
    return Report("account", f"Movements of {account}", columns, tuple(rows), notes=notes)
