"""`ratebook account …`: customers' accounts and their money."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from ..diagnostics import Diagnostic
from .books import NounGroup, acting_options, database_option, format_option, opened, parsed_day, succeeded
from .listing import show_one, show_rows
from .loading import file_options, one_or_many, show_loaded
from .subscription import attributes_of

if TYPE_CHECKING:
    from ..billing.acting import Acting
    from ..billing.customers import Customer
    from ..ledger.store import Store


@click.group("account", cls=NounGroup, short_help="Customers' accounts and their money.")
def account_command() -> None:
    """Open accounts, look at them, put money in and take it out."""


@account_command.command("create")
@click.argument("account", required=False)
@click.option("--currency", metavar="CODE", help="The currency of the account, such as CNY.")
@click.option("--credit-limit", default="0", metavar="MONEY", help="By how much its wallet may go below zero.")
@click.option("--set", "attributes", multiple=True, metavar="NAME=VALUE", help="An attribute that rulesets ask for.")
@click.option("--attribute", "columns", multiple=True, metavar="NAME", help="With --from, a column that is one.")
@file_options
@acting_options
@database_option
@format_option
def create(
    account: str | None,
    currency: str | None,
    credit_limit: str,
    attributes: tuple[str, ...],
    columns: tuple[str, ...],
    source: str | None,
    rejects: str | None,
    acting: Acting,
    database: str,
    form: str,
) -> None:
    """Open ACCOUNT, or with --from all accounts of a file.

    The file has the columns account, currency and credit_limit; options say what its rows do not. Accounts that were
    opened with the same terms before are left as they are.
    """
    from ..billing.amounts import parse_amount, unit_of
    from ..billing.customers import create_customer

    given = attributes_of(attributes)
    one_or_many({"ACCOUNT": account}, source)
    if source is not None:
        from ..billing.account_files import AccountDefaults, load_customers

        defaults = AccountDefaults(currency, credit_limit, given, columns)
        with opened(database) as store:
            loaded = succeeded(load_customers(store, acting, source, defaults))
        show_loaded(loaded, "account", form, rejects)
        return
    if account is None or currency is None:
        raise click.UsageError("Missing option '--currency'.")
    succeeded(unit_of(currency, place="--currency"))
    limit = succeeded(parse_amount(credit_limit, currency, place="--credit-limit"))
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

    _moved(deposit, account, amount, reference, acting, database)
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

    _moved(withdraw, account, amount, reference, acting, database)
    _show(database, account, form)


def _moved(
    move: Callable[..., object], account: str, amount: str, reference: str, acting: Acting, database: str
) -> None:
    with opened(database) as store:
        succeeded(move(store, acting, account, _amount(store, account, amount), reference=reference))


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
        minor = _amount(store, account, amount, above_zero=False)
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
    from ..billing.attributes import set_attributes

    given = {name: value or None for name, value in attributes_of(attributes).items()}
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


def _amount(store: Store, account: str, text: str, *, above_zero: bool = True) -> int:
    from ..billing.amounts import parse_amount
    from ..billing.customers import find_customer

    customer = succeeded(store.read(lambda reader: find_customer(reader, account)))
    minor: int = succeeded(parse_amount(text, customer.currency, place="MONEY", above_zero=above_zero))
    return minor


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
