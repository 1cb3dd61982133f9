"""`ratebook subscription …`: which account has which plan, from when to when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ..diagnostics import Diagnostic
from .books import (
    NounGroup,
    acting_options,
    database_option,
    fail,
    format_option,
    known_account,
    opened,
    parsed_day,
    succeeded,
)
from .listing import show_one, show_rows
from .loading import file_options, one_or_many, show_loaded

if TYPE_CHECKING:
    from ..billing.acting import Acting
    from ..billing.subscriptions import SubscriptionRow
    from ..ledger.store import Store

_COLUMNS = ("subscription", "account", "ruleset", "plan", "start", "end", "attributes")


@click.group("subscription", cls=NounGroup, short_help="Which account has which plan.")
def subscription_command() -> None:
    """Put accounts on plans and contracts, change them and end them."""


@subscription_command.command("add")
@click.argument("account", required=False)
@click.argument("plan", required=False)
@click.option("--ruleset", metavar="NAME", help="The published ruleset; needed where there are several.")
@click.option("--start", metavar="DATE", help="The first day.")
@click.option("--end", metavar="DATE", help="The first day that it does not cover.")
@click.option("--set", "attributes", multiple=True, metavar="NAME=VALUE", help="An attribute of this subscription.")
@file_options
@acting_options
@database_option
@format_option
def add(
    account: str | None,
    plan: str | None,
    ruleset: str | None,
    start: str | None,
    end: str | None,
    attributes: tuple[str, ...],
    source: str | None,
    rejects: str | None,
    acting: Acting,
    database: str,
    form: str,
) -> None:
    """Put ACCOUNT on PLAN, or with --from all accounts of a file on theirs.

    The file has the columns account, plan and start, perhaps end and ruleset, and the ruleset's attributes. Rows that
    were added before are left as they are. Accounts have to be there: `ratebook account create --from`.
    """
    from ..billing.subscriptions import add_subscription

    single = {"ACCOUNT": account, "PLAN": plan, "--start": start}
    one_or_many(single if source is None else {**single, "--end": end, "--set": attributes}, source)
    if source is not None:
        from ..billing.subscription_files import load_subscriptions

        with opened(database) as store:
            loaded = succeeded(load_subscriptions(store, acting, source, ruleset=ruleset))
        show_loaded(loaded, "subscription", form, rejects)
        return
    assert account and plan and start, "one subscription has all of these"
    first, last = parsed_day(start, "--start"), None if end is None else parsed_day(end, "--end")
    given = attributes_of(attributes)
    with opened(database) as store:
        name = ruleset or only_ruleset(store)
        answer = succeeded(add_subscription(store, acting, account, name, plan, first, end=last, attributes=given))
        _show(store, answer["subscription"], form)


@subscription_command.command("change")
@click.argument("subscription", type=int, metavar="NUMBER")
@click.option("--plan", metavar="PLAN", help="The other plan.")
@click.option("--on", "day", required=True, metavar="DATE", help="The first day of the change.")
@click.option("--set", "attributes", multiple=True, metavar="NAME=VALUE", help="An attribute; `NAME=` takes one away.")
@acting_options
@database_option
@format_option
def change(
    subscription: int,
    plan: str | None,
    day: str,
    attributes: tuple[str, ...],
    acting: Acting,
    database: str,
    form: str,
) -> None:
    """Give subscription NUMBER another plan or attributes: it ends, and the next one begins."""
    from ..billing.subscriptions import change_subscription

    if plan is None and not attributes:
        raise click.UsageError("Nothing would change: give --plan or --set.")
    first = parsed_day(day, "--on")
    given = {name: value or None for name, value in attributes_of(attributes).items()}
    with opened(database) as store:
        answer = succeeded(change_subscription(store, acting, subscription, first, plan=plan, attributes=given))
        _show(store, answer["subscription"], form)


@subscription_command.command("end")
@click.argument("subscription", type=int, metavar="NUMBER")
@click.option("--on", "day", required=True, metavar="DATE", help="The first day that it does not cover.")
@acting_options
@database_option
@format_option
def end_(subscription: int, day: str, acting: Acting, database: str, form: str) -> None:
    """End subscription NUMBER."""
    from ..billing.subscriptions import end_subscription

    last = parsed_day(day, "--on")
    with opened(database) as store:
        succeeded(end_subscription(store, acting, subscription, last))
        _show(store, subscription, form)


@subscription_command.command("list")
@click.option("--account", metavar="ID", help="Only of this account.")
@click.option("--ruleset", metavar="NAME", help="Only of this ruleset.")
@database_option
@format_option
def list_(account: str | None, ruleset: str | None, database: str, form: str) -> None:
    """List subscriptions by account and first day."""
    from ..billing.subscriptions import list_subscriptions

    with opened(database) as store:
        known_account(store, account)
        found = store.read(lambda reader: list_subscriptions(reader, account=account, ruleset=ruleset))
    rows = [_row(item) for item in found]
    show_rows(rows, form, _COLUMNS, empty="No subscription is found: `ratebook subscription add` makes one.")


@subscription_command.command("show")
@click.argument("subscription", type=int, metavar="NUMBER")
@database_option
@format_option
def show(subscription: int, database: str, form: str) -> None:
    """Show subscription NUMBER."""
    with opened(database) as store:
        _show(store, subscription, form)


def only_ruleset(store: Store) -> str:
    """The one ruleset that is published; ends the command where it has to be named."""
    from ..billing.rulesets import rulesets_in_force

    names = [item.name for item in store.read(rulesets_in_force)]
    if len(names) > 1:
        hint = f"give --ruleset, one of {', '.join(names)}"
        fail(Diagnostic("RB7043", "several rulesets are published", hints=(hint,)))
    if not names:
        fail(Diagnostic("RB7043", "no ruleset is published", hints=("`ratebook publish FILE` publishes one",)))
    return names[0]


def attributes_of(pairs: tuple[str, ...]) -> dict[str, Any]:
    """Attributes as they are written in a call; ends the command where one is not `NAME=VALUE`."""
    given: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            fail(Diagnostic("RB9006", f"“{pair}” is no attribute", hints=("write NAME=VALUE",)))
        given[name.strip()] = value
    return given


def _show(store: Store, number: int, form: str) -> None:
    from ..billing.subscriptions import find_subscription

    show_one(_row(succeeded(store.read(lambda reader: find_subscription(reader, number)))), form)


def _row(item: SubscriptionRow) -> dict[str, object]:
    return {
        "subscription": item.number,
        "account": item.account,
        "ruleset": item.ruleset,
        "plan": item.plan,
        "start": item.start.isoformat(),
        "end": "" if item.end is None else item.end.isoformat(),
        "attributes": dict(item.attributes),
    }
