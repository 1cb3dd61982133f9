"""Many subscriptions at once, from a file as `rate` reads it, with a column `ruleset` where there are several."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import cast

from ..diagnostics import Diagnostic
from ..engine.usage import FactSchema
from ..intake import Reject, accounts_of_numbered
from ..intake.rows import RawRow
from ..intake.values import calendar_date, text
from ..ledger.store import Reader, Store
from .acting import Acting, canonical
from .customers import closed_account, unknown_account
from .filled import filled_attributes
from .loading import FileRow, Loaded, Plan, ReadFile, chosen_attributes, in_chunks, load, read_file
from .rulesets import Published, rulesets_in_force, unknown_ruleset
from .subscriptions import (
    SubscriptionRow,
    begin_subscriptions,
    currency_differs,
    filled_by_billing,
    stands_in_the_way,
    subscription_versions,
)

_STRUCTURE = (("account",), ("plan",), ("start",))


@dataclass(frozen=True, slots=True)
class _Customer:
    """What is known of an account."""

    currency: str
    attributes: Mapping[str, object]
    closed: bool


@dataclass(slots=True)
class _Known:
    """What the database knows of the accounts of a file.

    `written` are the terms with which subscriptions once began, as texts; `standing` are the
    subscriptions of an account and a ruleset as they stand; `billed` is to which day each is billed.
    """

    customers: dict[str, _Customer] = field(default_factory=dict)
    written: set[str] = field(default_factory=set)
    standing: dict[tuple[str, str], list[SubscriptionRow]] = field(default_factory=dict)
    billed: dict[int, date | None] = field(default_factory=dict)


def load_subscriptions(
    store: Store, acting: Acting, path: str | Path, *, ruleset: str | None = None
) -> Loaded | Diagnostic:
    """Add the subscriptions of a file, all or none.

    A row has an account, a plan, a start, perhaps an end, the ruleset's attributes, and its `ruleset`, which is the one
    that is named here where it says none, or the only one that is published.
    """
    published = store.read(rulesets_in_force)
    attributes = {name for item in published for name in item.program.schema.attributes}
    rows = read_file(path, {"account", "plan", "start", "end", "ruleset", "cards", *attributes}, _STRUCTURE)
    return load(
        store,
        acting,
        "load subscriptions",
        rows,
        {"ruleset": ruleset},
        lambda reader: _planned(reader, rows, ruleset),
        lambda transaction, new: begin_subscriptions(transaction, acting, new),
    )


def _planned(reader: Reader, rows: ReadFile, ruleset: str | None) -> Plan[SubscriptionRow]:
    rulesets = {item.name: item for item in rulesets_in_force(reader)}
    default = ruleset if ruleset is not None else next(iter(rulesets)) if len(rulesets) == 1 else None
    known = _known(reader, rows)
    plan = Plan[SubscriptionRow](rejects=list(rows.rejects), findings=[*rows.findings, *_cards_ignored(rows)])
    by_ruleset: dict[str, list[FileRow]] = {}
    for row in rows.rows:
        name = row.cells.get("ruleset", default)
        if not isinstance(name, str) or name not in rulesets:
            plan.rejects.append(row.refused("ruleset", _no_ruleset(reader, name, rulesets)))
        elif canonical(_terms(row, name, rulesets[name].program.schema)) in known.written:
            plan.repeated += 1
        else:
            by_ruleset.setdefault(name, []).append(row)
    found: dict[int, SubscriptionRow] = {}
    for name, own in by_ruleset.items():
        found |= _checked(plan, own, rulesets[name], known)
    plan.new = [found[position] for position in sorted(found)]
    return plan


def _cards_ignored(rows: ReadFile) -> list[Diagnostic]:
    """A warning for each file with cards: here they are made and sold, for each is an account of the ledger."""
    hint = "`ratebook card batch` makes cards, and `ratebook card sell` gives them to accounts"
    files = {row.file: None for row in rows.rows if "cards" in row.cells}
    return [Diagnostic("RB3020", "`cards` is not read", hints=(hint,), place=file.name) for file in files]


def _no_ruleset(reader: Reader, name: object, rulesets: Mapping[str, Published]) -> Diagnostic:
    if name is None and rulesets:
        hint = f"give --ruleset, or each row its ruleset, one of {', '.join(rulesets)}"
        return Diagnostic("RB7043", "several rulesets are published, and the row names none", hints=(hint,))
    if name is None:
        return Diagnostic("RB7043", "no ruleset is published", hints=("`ratebook publish FILE` publishes one",))
    return unknown_ruleset(reader, str(name))


def _known(reader: Reader, rows: ReadFile) -> _Known:
    """What there is of the accounts that the rows name."""
    known = _Known()
    names = {named for row in rows.rows if isinstance(named := text(row.cells.get("account")), str)}
    for some in in_chunks(names):
        marks = ", ".join("?" * len(some))
        for account, currency, attributes, closed in reader.rows(
            "SELECT customers.account, currency, attributes, closed FROM customers "
            "JOIN customer_changes ON customer_changes.account = customers.account "
            f"WHERE customers.account IN ({marks}) ORDER BY customer_changes.id",
            some,
        ):
            own = json.loads(cast(str, attributes))
            known.customers[cast(str, account)] = _Customer(cast(str, currency), own, bool(closed))
        standing: dict[int, SubscriptionRow] = {}
        for row in subscription_versions(reader, some):
            if row.number not in standing:
                known.written.add(canonical(row.terms))
            standing[row.number] = row
        for row in standing.values():
            known.standing.setdefault((row.account, row.ruleset), []).append(row)
        for number, end in reader.rows(
            "SELECT subscription, max(period_end) FROM invoices "
            f"WHERE account IN ({marks}) AND kind IN ('invoice', 'nothing') GROUP BY subscription",
            some,
        ):
            known.billed[cast(int, number)] = date.fromisoformat(cast(str, end))
    return known


def _terms(row: FileRow, ruleset: str, schema: FactSchema) -> dict[str, object]:
    """A row as the terms of a subscription are written down, whether or not it can be one."""
    start, end = (calendar_date(row.cells.get(name, "")) for name in ("start", "end"))
    return {
        "account": text(row.cells.get("account", "")),
        "ruleset": ruleset,
        "plan": row.cells.get("plan"),
        "start": start.isoformat() if isinstance(start, date) else "no day",
        "end": "" if "end" not in row.cells else end.isoformat() if isinstance(end, date) else "no day",
        "attributes": chosen_attributes(row.cells, schema.attributes),
    }


def _checked(
    plan: Plan[SubscriptionRow], rows: list[FileRow], published: Published, known: _Known
) -> dict[int, SubscriptionRow]:
    """The rows of a ruleset that may begin, by position; what is wrong with the others goes to the plan."""
    schema = published.program.schema
    whole = ((row.file, row.number, _whole(row, schema, known)) for row in rows)
    intake = accounts_of_numbered(whole, schema)
    plan.rejects.extend(intake.rejects)
    plan.findings.extend(intake.findings)
    wrong = {(item.file, item.row) for item in intake.rejects}
    found = {}
    for row in rows:
        mistakes = _mistakes(row, published, known)
        if not mistakes and (row.file.name, row.number) not in wrong:
            new = _new(row, published)
            beside = known.standing.get((new.account, new.ruleset), ())
            finding = stands_in_the_way(beside, known.billed, new)
            if finding is None:
                found[row.position] = new
            else:
                mistakes.append(row.refused("start", finding))
        plan.rejects.extend(mistakes)
    return found


def _whole(row: FileRow, schema: FactSchema, known: _Known) -> RawRow:
    """The row as intake reads it: above the account's own attributes, and with what billing fills."""
    account = text(row.cells.get("account"))
    customer = known.customers.get(account) if isinstance(account, str) else None
    attributes = {} if customer is None else customer.attributes
    beneath = {name: value for name, value in attributes.items() if name in schema.attributes}
    own = {name: cell for name, cell in row.cells.items() if name not in ("ruleset", "cards")}
    return {**beneath, **own, **dict.fromkeys(filled_attributes(schema), "0")}


def _mistakes(row: FileRow, published: Published, known: _Known) -> list[Reject]:
    """What intake cannot know: whether the account is there, open, in this currency, and what billing fills."""
    account = text(row.cells.get("account"))
    if not isinstance(account, str):
        return []
    found = []
    customer = known.customers.get(account)
    if customer is None:
        found.append(row.refused("account", unknown_account(account)))
    elif customer.closed:
        found.append(row.refused("account", closed_account(account)))
    else:
        differs = currency_differs(published, account, customer.currency)
        found.extend([] if differs is None else [row.refused("account", differs)])
    given = sorted(filled_attributes(published.program.schema) & row.cells.keys())
    return [*found, *(row.refused(name, filled_by_billing(name)) for name in given)]


def _new(row: FileRow, published: Published) -> SubscriptionRow:
    """A row that intake found sound as a subscription."""
    terms = _terms(row, published.name, published.program.schema)
    end = cast(str, terms["end"])
    return SubscriptionRow(
        number=0,
        account=cast(str, terms["account"]),
        ruleset=published.name,
        plan=cast(str, terms["plan"]),
        start=date.fromisoformat(cast(str, terms["start"])),
        end=date.fromisoformat(end) if end else None,
        attributes=cast("Mapping[str, object]", terms["attributes"]),
    )
