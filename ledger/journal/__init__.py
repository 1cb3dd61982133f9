"""The ledger as a journal in the text forms of plain-text accounting: Beancount and hledger."""

from __future__ import annotations

from .beancount import beancount
from .entries import Entry, Journal, JournalAccount, Posting, read_journal
from .hledger import hledger

__all__ = ["Entry", "Journal", "JournalAccount", "Posting", "beancount", "hledger", "read_journal"]
