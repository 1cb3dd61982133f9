"""Many accounts at once, from a file with the columns `account`, `currency`, `credit_limit`, and attributes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from ..diagnostics import Diagnostic
from ..intake.values import text
from ..ledger.store import Reader, Store
from .acting import Acting, canonical
from .amounts import parse_amount, unit_of
from .customers import CREATED, NewCustomer, account_there, invalid_customer, open_customers
from .loading import FileRow, Loaded, Plan, ReadFile, chosen_attributes, in_chunks, load, read_file, text_of

_OF_SUBSCRIPTIONS = frozenset({"plan", "start", "end", "ruleset", "cards"})
"""Columns that an accounts file may have for `subscription add`, which reads it as well."""


@dataclass(frozen=True, slots=True)
class AccountDefaults:
    """What is said for rows that say nothing themselves, and which columns are attributes of accounts."""

    currency: str | None = None
    credit_limit: str = "0"
    attributes: Mapping[str, object] = field(default_factory=dict)
    columns: Sequence[str] = ()


def load_customers(
    store: Store, acting: Acting, path: str | Path, defaults: AccountDefaults | None = None
) -> Loaded | Diagnostic:
    """Open the accounts of a file, all or none. Several rows of one account that say the same are one."""
    given = defaults or AccountDefaults()
    structure = [("account",), *([("currency",)] if given.currency is None else [])]
    rows = read_file(path, {"account", "currency", "credit_limit", *given.columns}, structure)
    options = {
        "currency": given.currency,
        "credit_limit": given.credit_limit,
        "attributes": dict(given.attributes),
        "columns": list(given.columns),
    }
    return load(
        store,
        acting,
        "load accounts",
        rows,
        options,
        lambda reader: _planned(reader, rows, given),
        lambda transaction, new: open_customers(transaction, acting, new),
    )


def _planned(reader: Reader, rows: ReadFile, given: AccountDefaults) -> Plan[NewCustomer]:
    plan = Plan[NewCustomer](rejects=list(rows.rejects), findings=[*rows.findings, *_ignored(rows, given)])
    there = _there(reader, rows)
    first: dict[str, tuple[str, FileRow]] = {}
    for row in rows.rows:
        new = _new(row, given, plan)
        if new is None:
            continue
        terms = canonical(new.terms)
        before = first.setdefault(new.account, (terms, row))
        if before[1] is not row:
            if before[0] != terms:
                place = before[1].file.place(before[1].number)
                hint = "write the same in every row of an account, or remove one"
                message = f"account {new.account} stands at {place} with other terms"
                plan.rejects.append(row.refused("account", Diagnostic("RB7041", message, hints=(hint,))))
            else:
                plan.repeated += 1
        elif new.account not in there:
            plan.new.append(new)
        elif there[new.account] == terms:
            plan.repeated += 1
        else:
            plan.rejects.append(row.refused("account", account_there(new.account)))
    return plan


def _there(reader: Reader, rows: ReadFile) -> dict[str, str]:
    """The accounts that are there already, each with the terms that it was opened with."""
    found: dict[str, str] = {}
    names = {named for row in rows.rows if isinstance(named := text(row.cells.get("account")), str)}
    for some in in_chunks(names):
        marks = ", ".join("?" * len(some))
        for account, terms in reader.rows(
            # By account: there is an index of `what` as well, under which nearly all rows may stand.
            f"SELECT account, after FROM operations WHERE what || '' = ? AND account IN ({marks})",
            (CREATED, *some),
        ):
            found[cast(str, account)] = canonical(json.loads(cast(str, terms)))
    return found


def _new(row: FileRow, given: AccountDefaults, plan: Plan[NewCustomer]) -> NewCustomer | None:
    """A row as an account; what is wrong with it goes to the plan."""
    findings: list[tuple[str, Diagnostic]] = []
    account = text(row.cells.get("account", ""))
    if not isinstance(account, str):
        findings.append(("account", Diagnostic(account.code, account.reason, hints=(account.way_out,))))
        account = "unread"
    currency, limit = str(row.cells.get("currency", given.currency or "")), 0
    unit = unit_of(currency)
    if isinstance(unit, Diagnostic):
        findings.append(("currency", unit))
    else:
        parsed = parse_amount(str(text_of(row.cells.get("credit_limit", given.credit_limit))), currency)
        if isinstance(parsed, Diagnostic):
            findings.append(("credit_limit", parsed))
        else:
            limit = parsed
    own = chosen_attributes(row.cells, given.columns)
    new = NewCustomer(account, currency, limit, {**given.attributes, **own})
    findings.extend(invalid_customer(new))
    plan.rejects.extend(row.refused(column, finding) for column, finding in findings)
    return None if findings else new


def _ignored(rows: ReadFile, given: AccountDefaults) -> list[Diagnostic]:
    """A warning for each column that nobody reads."""
    known = {"account", "currency", "credit_limit", *given.columns} | _OF_SUBSCRIPTIONS
    seen = {(row.file, column): None for row in rows.rows for column in row.cells if column not in known}
    return [
        Diagnostic(
            "RB3020",
            f"`{column}` is not read",
            hints=("name it with --attribute if it is an attribute of accounts, else leave it",),
            place=file.name,
        )
        for file, column in seen
    ]
