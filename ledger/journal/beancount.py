"""A journal as Beancount reads it: accounts are opened, entries balance, and at the end every balance is asserted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta

from .entries import Entry, Journal

Shown = Callable[[int, str], str]
"""An amount in minor units and its currency to a decimal in whole currency."""


def beancount(journal: Journal, entries: Iterable[Entry], shown: Shown, *, title: str) -> Iterator[str]:
    """The lines of the journal."""
    yield f'option "title" {quoted(title)}\n'
    for account in journal.accounts.values():
        yield f"{account.first_day} open {account.name} {account.currency}\n"
    for entry in entries:
        yield f"\n{entry.day} * {quoted(entry.kind)} {quoted(entry.reference)}\n"
        yield f"  key: {quoted(entry.key)}\n"
        yield f"  row: {entry.number}\n"
        for posting in entry.postings:
            yield f"  {posting.account}  {shown(posting.amount, posting.currency)} {posting.currency}\n"
    if journal.last_day is not None:
        # Beancount holds a balance against the beginning of a day.
        day = journal.last_day + timedelta(days=1)
        yield "\n"
        for account in journal.accounts.values():
            yield f"{day} balance {account.name}  {shown(account.balance, account.currency)} {account.currency}\n"


def quoted(text: str) -> str:
    """A text between quotation marks, on one line."""
    plain = " ".join(text.split())
    return '"' + plain.replace("\\", "\\\\").replace('"', '\\"') + '"'
