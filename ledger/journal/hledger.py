"""A journal as hledger reads it: accounts are declared, entries balance, and at the end every balance is asserted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ...money import currency
from .beancount import Shown
from .entries import Entry, Journal


def hledger(journal: Journal, entries: Iterable[Entry], shown: Shown, *, title: str) -> Iterator[str]:
    """The lines of the journal."""
    yield f"; {on_one_line(title)}\n"
    for code in sorted({account.currency for account in journal.accounts.values()}):
        known = currency(code)
        digits = 2 if known is None else known.minor_digits
        yield f"commodity 1000.{'0' * digits} {code}\n"
    for account in journal.accounts.values():
        yield f"account {account.name}\n"
    for entry in entries:
        words = f"{on_one_line(entry.kind)} | {on_one_line(entry.reference)}" if entry.reference else entry.kind
        yield f"\n{entry.day} * {words}  ; row: {entry.number}\n"
        for posting in entry.postings:
            yield f"  {posting.account}  {shown(posting.amount, posting.currency)} {posting.currency}\n"
    if journal.last_day is not None and journal.accounts:
        yield f"\n{journal.last_day} * balances\n"
        for account in journal.accounts.values():
            balance = shown(account.balance, account.currency)
            nothing = shown(0, account.currency)
            yield f"  {account.name}  {nothing} {account.currency} = {balance} {account.currency}\n"


def on_one_line(text: str) -> str:
    """A text without what would end a description or begin a comment."""
    return " ".join(text.replace(";", ",").replace("|", "/").split())
