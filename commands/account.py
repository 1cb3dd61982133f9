"""`ratebook account …`: customers' accounts and their money."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..diagnostics import Diagnostic
from .books import NounGroup, acting_options, database_option, fail, format_option, opened, parsed_day, succeeded
from .listing import show_one, show_rows

if TYPE_CHECKING:
    from ..billing.acting import Acting
    from ..billing.customers import Customer
    from ..ledger.store import Store


@click.group("account", cls=NounGroup, short_help="Customers' accounts and their money.")
def account_command() -> None:
    """Open accounts, look at them, put money in and take it out."""


@account_command.command("create")
@click.argument("account")
@click.option("--currency", required=True, metavar="CODE", help="The currency of the account, such as CNY.")
@click.option("--credit-limit", default="0", metavar="MONEY", help="By how much its wallet may go below zero.")
@click.option("--set", "attributes", multiple=True, metavar="NAME=VALUE", help="An attribute that rulesets ask for.")
@acting_options
@database_option
@format_option
def create(
    account: str,
    currency: str,
    credit_limit: str,
    attributes: tuple[str, ...],
    acting: Acting,
    database: str,
    form: str,
) -> None:
    """Open ACCOUNT."""
    from ..billing.amounts import parse_amount
    from ..billing.customers import create_customer

    limit = succeeded(parse_amount(credit_limit, currency, place="--credit-limit"))
    given = _attributes(attributes)
    with opened(database) as store:
        succeeded(create_customer(store, acting, account, currency, credit_limit=limit, attributes=given))
    _show(database, account, form)


@account_command.command("list")
@database_option
@format_option
def list_(database: str, form: str) -> None:
    """List all accounts with what is in their wallets and what they owe."""
    from ..billing.customers import find_customer, list_customers

    with opened(database) as store:
        found = store.read(lambda reader: [find_customer(reader, name) for name in list_customers(reader)])
    rows = [_summary(item) for item in found if not isinstance(item, Diagnostic)]
    columns = ("account", "currency", "wallet", "credit limit", "owed", "cards", "closed")
    show_rows(rows, form, columns, empty="There are no accounts yet: `ratebook account create` opens one.")


@account_command.command("show")
@click.argument("account")
@database_option
@format_option
def show(account: str, database: str, form: str) -> None:
    """Show one account: its money, its credit limit, its attributes."""
    _show(database, account, form)


@account_command.command("deposit")
@click.argument("account")
@click.argument("amount", metavar="MONEY")
@click.option("--reference", default="", metavar="TEXT", help="What the gateway calls it.")
@acting_options
@database_option
@format_option
def deposit_(account: str, amount: str, reference: str, acting: Acting, database: str, form: str) -> None:
    """Put MONEY that came in into the wallet of ACCOUNT."""
    from ..billing.customers import deposit

    with opened(database) as store:
        minor = _amount(store, account, amount)
        succeeded(deposit(store, acting, account, minor, reference=reference))
    _show(database, account, form)


@account_command.command("withdraw")
@click.argument("account")
@click.argument("amount", metavar="MONEY")
@click.option("--reference", default="", metavar="TEXT", help="What the gateway calls it.")
@acting_options
@database_option
@format_option
def withdraw_(account: str, amount: str, reference: str, acting: Acting, database: str, form: str) -> None:
    """Give MONEY of the wallet of ACCOUNT back."""
    from ..billing.customers import withdraw

    with opened(database) as store:
        minor = _amount(store, account, amount)
        succeeded(withdraw(store, acting, account, minor, reference=reference))
    _show(database, account, form)


@account_command.command("limit")
@click.argument("account")
@click.argument("amount", metavar="MONEY")
@acting_options
@database_option
@format_option
def limit(account: str, amount: str, acting: Acting, database: str, form: str) -> None:
    """Let the wallet of ACCOUNT go below zero by MONEY and no more."""
    from ..billing.customers import set_credit_limit

    with opened(database) as store:
        minor = _amount(store, account, amount)
        succeeded(set_credit_limit(store, acting, account, minor))
    _show(database, account, form)


@account_command.command("set")
@click.argument("account")
@click.argument("attributes", nargs=-1, required=True, metavar="NAME=VALUE…")
@click.option("--from", "valid_from", required=True, metavar="DATE", help="Billing periods from then on see it.")
@acting_options
@database_option
@format_option
def set_(account: str, attributes: tuple[str, ...], valid_from: str, acting: Acting, database: str, form: str) -> None:
    """Change attributes of ACCOUNT; `NAME=` takes one away."""
    from ..billing.customers import set_attributes

    given = {name: value or None for name, value in _attributes(attributes).items()}
    day = parsed_day(valid_from, "--from")
    with opened(database) as store:
        succeeded(set_attributes(store, acting, account, given, valid_from=day))
    _show(database, account, form)


@account_command.command("close")
@click.argument("account")
@acting_options
@database_option
@format_option
def close(account: str, acting: Acting, database: str, form: str) -> None:
    """Close ACCOUNT: nothing may be left in it or owed by it."""
    from ..billing.customers import close_customer

    with opened(database) as store:
        succeeded(close_customer(store, acting, account))
    _show(database, account, form)


def _amount(store: Store, account: str, text: str) -> int:
    from ..billing.amounts import parse_amount
    from ..billing.customers import find_customer

    customer = succeeded(store.read(lambda reader: find_customer(reader, account)))
    minor: int = succeeded(parse_amount(text, customer.currency, place="MONEY"))
    return minor


def _attributes(pairs: tuple[str, ...]) -> dict[str, object]:
    given: dict[str, object] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            fail(Diagnostic("RB9006", f"“{pair}” is no attribute", hints=("write NAME=VALUE",)))
        given[name.strip()] = value
    return given


def _show(database: str, account: str, form: str) -> None:
    from ..billing.customers import find_customer

    with opened(database) as store:
        customer = succeeded(store.read(lambda reader: find_customer(reader, account)))
    show_one(_summary(customer) | {"opened": str(customer.opened), "attributes": dict(customer.attributes)}, form)


def _summary(customer: Customer) -> dict[str, object]:
    from ..billing.amounts import unit_of
    from ..money import MoneyUnit

    unit = unit_of(customer.currency)
    assert isinstance(unit, MoneyUnit)
    return {
        "account": customer.account,
        "currency": customer.currency,
        "wallet": unit.text(customer.wallet.balance),
        "credit limit": unit.text(customer.credit_limit),
        "owed": unit.text(customer.owed),
        "cards": unit.text(sum(card.balance for card in customer.cards)),
        "closed": customer.closed,
    }
