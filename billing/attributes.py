"""Attributes of accounts, which rulesets ask for: changed from a day on, and held to the rulesets that read them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date

from ..diagnostics import Diagnostic
from ..ledger.books import CUSTOMER_CHANGES
from ..ledger.store import Reader, Store, Transaction
from .acting import Acting, Json, canonical, once, record
from .customers import Customer, find_customer
from .rulesets import ruleset_in_force
from .subscriptions import invalid_terms, subscription_rows


def set_attributes(
    store: Store, acting: Acting, account: str, attributes: Mapping[str, object], *, valid_from: date
) -> Json | Diagnostic:
    """Change attributes that rulesets ask for: those named are replaced, None takes one away.

    Billing periods that begin on `valid_from` or later see them. Refused where a subscription that runs by then could
    not be billed with them.
    """
    body = {"account": account, "attributes": dict(attributes), "from": valid_from.isoformat()}

    def work(transaction: Transaction) -> Json | Diagnostic:
        customer = find_customer(transaction, account)
        if isinstance(customer, Diagnostic):
            return customer
        merged = {**customer.attributes, **attributes}
        after = {name: value for name, value in merged.items() if value is not None}
        wrong = _refused(transaction, replace(customer, attributes=after), attributes, valid_from)
        if wrong is not None:
            return wrong
        transaction.append(
            CUSTOMER_CHANGES, [(account, canonical(after), int(customer.closed), valid_from.isoformat())]
        )
        record(transaction, acting, "attributes", account=account, before=dict(customer.attributes), after=after)
        return {"account": account, "attributes": after}

    return once(store, acting, "attributes", body, work)


def _refused(reader: Reader, customer: Customer, changed: Mapping[str, object], valid_from: date) -> Diagnostic | None:
    """Why a ruleset of a subscription does not take what changed; what was wrong before is not looked at."""
    for row in subscription_rows(reader, customer.account):
        published = ruleset_in_force(reader, row.ruleset)
        if isinstance(published, Diagnostic) or (row.end is not None and row.end <= valid_from):
            continue
        # A value is held to the ruleset also where the subscription has one of its own, which stands above it.
        own = {name: value for name, value in row.attributes.items() if changed.get(name) is None}
        for mistake in invalid_terms(published, customer, replace(row, attributes=own)):
            if mistake.field in changed:
                place = f"subscription {row.number} of account {row.account}"
                return replace(mistake.diagnostic, place=place)
    return None
