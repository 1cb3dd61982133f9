"""Watch rules in the books: adding, listing, stopping, and watching, which fires through the outbox."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from ..diagnostics import Diagnostic
from ..ledger.books import OUTBOX, WATCH_FIRINGS, WATCH_RULES
from ..ledger.store import Reader, Store, Transaction
from .acting import Acting, Json, canonical, once, record
from .customers import unknown_account
from .watching import Firing, Rule, SpendOf, holds, parse_rule, rule_json, rule_of_json, rule_text

DESTINATIONS = ("file:", "http://", "https://")


@dataclass(frozen=True, slots=True)
class Watch:
    """A rule that is watched: for one account, or for all where `account` is empty; `destination` hears of it."""

    name: str
    account: str
    rule: Rule
    destination: str


def add_watch(
    store: Store, acting: Acting, name: str, phrase: str, destination: str, *, account: str = ""
) -> Json | Diagnostic:
    """Watch for something from now on. A rule of the same name is replaced, and the answer says by `replaced` which."""
    rule = parse_rule(phrase)
    if isinstance(rule, Diagnostic):
        return rule
    if not destination.startswith(DESTINATIONS):
        hints = ("write file:PATH or https://…",)
        return Diagnostic("RB7091", f"“{destination}” is no destination", hints=hints)
    body = {"name": name, "rule": rule_text(rule), "destination": destination, "account": account}

    def work(transaction: Transaction) -> Json | Diagnostic:
        if account and not transaction.rows("SELECT 1 FROM customers WHERE account = ?", (account,)):
            return unknown_account(account)
        found = next((item for item in watches(transaction) if item.name == name), None)
        before = None if found is None else rule_text(found.rule)
        row = (name, account, rule_json(rule), destination, 1, acting.time)
        transaction.append(WATCH_RULES, [row])
        record(transaction, acting, "watch added", account=account, subject=name, before=before, after=body)
        return {**body, "replaced": before or ""}

    return once(store, acting, "add watch", body, work)


def remove_watch(store: Store, acting: Acting, name: str) -> Json | Diagnostic:
    """Stop watching; what was fired stays in the books."""

    def work(transaction: Transaction) -> Json | Diagnostic:
        found = next((item for item in watches(transaction) if item.name == name), None)
        if found is None:
            return Diagnostic("RB7092", f"there is no watch {name}", hints=("`ratebook watch list` shows all",))
        row = (name, found.account, rule_json(found.rule), found.destination, 0, acting.time)
        transaction.append(WATCH_RULES, [row])
        record(transaction, acting, "watch removed", account=found.account, subject=name, before=rule_text(found.rule))
        return {"name": name}

    return once(store, acting, "remove watch", {"name": name}, work)


def watches(reader: Reader) -> list[Watch]:
    """The rules that are watched, by name."""
    return [
        Watch(cast(str, name), cast(str, account), rule_of_json(cast(str, rule)), cast(str, destination))
        for name, account, rule, destination, active in reader.rows(
            "SELECT name, account, rule, destination, active FROM watch_rules "
            "WHERE id IN (SELECT max(id) FROM watch_rules GROUP BY name) ORDER BY name"
        )
        if active
    ]


def watch_all(store: Store, acting: Acting, spend_of: SpendOf) -> list[tuple[Watch, Firing]]:
    """Hold every rule against its accounts; what holds for the first time goes to the outbox. What has fired now."""
    found = store.read(lambda reader: list(_holding(reader, acting, spend_of)))
    return [pair for pair in found if _fire(store, acting, *pair)]


def _holding(reader: Reader, acting: Acting, spend_of: SpendOf) -> list[tuple[Watch, Firing]]:
    customers = [
        (cast(str, account), cast(str, currency))
        for account, currency in reader.rows("SELECT account, currency FROM customers ORDER BY account")
    ]
    return [
        (watch, firing)
        for watch in watches(reader)
        for account, currency in customers
        if watch.account in ("", account)
        for firing in holds(reader, watch.rule, account, currency, acting.now, spend_of)
        if not _has_fired(reader, watch, firing)
    ]


def _has_fired(reader: Reader, watch: Watch, firing: Firing) -> bool:
    return bool(
        reader.rows(
            "SELECT 1 FROM watch_firings WHERE name = ? AND account = ? AND occasion = ?",
            (watch.name, firing.account, firing.occasion),
        )
    )


def _fire(store: Store, acting: Acting, watch: Watch, firing: Firing) -> bool:
    """Put a firing into the outbox, unless somebody else has done so meanwhile."""

    def work(transaction: Transaction) -> bool:
        if _has_fired(transaction, watch, firing):
            return False
        body = canonical(
            {
                "watch": watch.name,
                "account": firing.account,
                "rule": rule_text(watch.rule),
                "occasion": firing.occasion,
                "value": firing.value,
                "time": acting.now.isoformat(),
            }
        )
        reference = f"watch {watch.name} {firing.account} {firing.occasion}"
        (message,) = transaction.append(OUTBOX, [("watch", watch.destination, body, reference, acting.time)])
        row = (watch.name, firing.account, firing.occasion, firing.value, message, acting.time)
        transaction.append(WATCH_FIRINGS, [row])
        return True

    return store.write(work)


def firings(reader: Reader, *, name: str | None = None, account: str | None = None) -> Sequence[Json]:
    """What has fired, in order."""
    return [
        {"name": row[0], "account": row[1], "occasion": row[2], "value": row[3], "message": row[4], "time": row[5]}
        for row in reader.rows("SELECT name, account, occasion, value, message, time FROM watch_firings ORDER BY id")
        if name in (None, row[0]) and account in (None, row[1])
    ]
