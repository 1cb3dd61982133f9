"""`ratebook payment …`: money that comes in for invoices, and money that goes back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .books import NounGroup, acting_options, database_option, format_option, known_account, opened, succeeded
from .listing import show_one, show_rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..billing.acting import Acting
    from ..billing.payments import Payment
    from ..ledger.store import Reader, Store

COLUMNS = ("payment", "account", "kind", "amount", "currency", "left", "of payment", "method", "reference", "time")


@click.group("payment", cls=NounGroup, short_help="Payments, refunds, and payments that bounced.")
def payment_command() -> None:
    """Enter payments and see where they went, give them back, undo those that bounced."""


@payment_command.command("add")
@click.argument("account")
@click.argument("amount", metavar="MONEY")
@click.option("--invoice", "invoices", multiple=True, metavar="NUMBER", help="What it is for; repeat for several.")
@click.option("--method", default="", metavar="TEXT", help="How it came, such as “bank”; refunds go back that way.")
@click.option("--reference", default="", metavar="TEXT", help="What the bank or gateway calls it.")
@acting_options
@database_option
@format_option
def add(
    account: str,
    amount: str,
    invoices: tuple[str, ...],
    method: str,
    reference: str,
    acting: Acting,
    database: str,
    form: str,
) -> None:
    """Enter MONEY that came in from ACCOUNT.

    Without --invoice it pays what is payable first; what is too much goes to the wallet.
    """
    from ..billing.payments import pay

    with opened(database) as store:
        minor = _amount(store, account, amount)
        answer = succeeded(pay(store, acting, account, minor, invoices=invoices, method=method, reference=reference))
    show_one(_paid(answer), form)


@payment_command.command("from-wallet")
@click.argument("account")
@click.option("--invoice", "invoices", multiple=True, metavar="NUMBER", help="What to pay; repeat for several.")
@acting_options
@database_option
@format_option
def from_wallet(account: str, invoices: tuple[str, ...], acting: Acting, database: str, form: str) -> None:
    """Pay open invoices of ACCOUNT with what is in its wallet."""
    from ..billing.payments import pay_from_wallet

    with opened(database) as store:
        answer = succeeded(pay_from_wallet(store, acting, account, invoices=invoices))
    show_one(_paid(answer), form)


@payment_command.command("list")
@click.option("--account", metavar="ID", help="Only of this account.")
@database_option
@format_option
def list_(account: str | None, database: str, form: str) -> None:
    """List payments, refunds and reversals, with what is left of each payment."""
    from ..billing.payments import payments_of

    with opened(database) as store:
        known_account(store, account)
        found = store.read(lambda reader: payments_of(reader, account))
    show_rows([_row(item) for item in found], form, COLUMNS, empty="No payments: `ratebook payment add` enters one.")


@payment_command.command("show")
@click.argument("payment", type=int, metavar="PAYMENT")
@database_option
@format_option
def show(payment: int, database: str, form: str) -> None:
    """Show where PAYMENT went, and what is left of it."""
    from ..billing.payments import find_payment

    def read(reader: Reader) -> dict[str, object]:
        found = succeeded(find_payment(reader, payment))
        return _row(found) | {"went to": _places(reader, found)}

    with opened(database) as store:
        row = store.read(read)
    show_one(row, form)


@payment_command.command("refund")
@click.argument("payment", type=int, metavar="PAYMENT")
@click.option("--amount", metavar="MONEY", help="How much; all that is left otherwise.")
@acting_options
@database_option
@format_option
def refund_(payment: int, amount: str | None, acting: Acting, database: str, form: str) -> None:
    """Give PAYMENT back, wholly or in part. `ratebook outbox deliver` sends it."""
    from ..billing.amounts import amount_text, parse_amount
    from ..billing.payments import find_payment
    from ..billing.refunds import refund

    with opened(database) as store:
        minor: int | None = None
        if amount is not None:
            found = succeeded(store.read(lambda reader: find_payment(reader, payment)))
            minor = succeeded(parse_amount(amount, found.currency, place="--amount", above_zero=True))
        answer = succeeded(refund(store, acting, payment, minor))
    shown = {name: answer[name] for name in ("refund", "payment", "account", "message")}
    show_one(shown | {"amount": amount_text(answer["amount"], answer["currency"])}, form)


@payment_command.command("reverse")
@click.argument("payment", type=int, metavar="PAYMENT")
@acting_options
@database_option
@format_option
def reverse(payment: int, acting: Acting, database: str, form: str) -> None:
    """Undo PAYMENT, which bounced or was taken back by the bank; its invoices are open again."""
    from ..billing.amounts import amount_text
    from ..billing.reversals import reverse_payment

    with opened(database) as store:
        answer = succeeded(reverse_payment(store, acting, payment))
    shown = {name: answer[name] for name in ("reversal", "payment", "account")}
    show_one(shown | {"amount": amount_text(answer["amount"], answer["currency"])}, form)


def _amount(store: Store, account: str, text: str) -> int:
    from ..billing.amounts import parse_amount
    from ..billing.customers import find_customer

    customer = succeeded(store.read(lambda reader: find_customer(reader, account)))
    minor: int = succeeded(parse_amount(text, customer.currency, place="MONEY", above_zero=True))
    return minor


def _paid(answer: Mapping[str, object]) -> dict[str, object]:
    """An answer about invoices that were paid, with its amounts as texts."""
    from ..billing.amounts import amount_text

    shown: dict[str, object] = {}
    order = ("payment", "account", "amount", "invoices", "to_wallet", "wallet")
    for name in (*order, *sorted(answer.keys() - {*order, "currency"})):
        if name not in answer:
            continue
        value = answer[name]
        if isinstance(value, dict):
            shown[name] = {number: amount_text(part, str(answer["currency"])) for number, part in value.items()}
        elif name in ("amount", "to_wallet", "wallet"):
            shown[name.replace("_", " ")] = amount_text(int(str(value)), str(answer["currency"]))
        else:
            shown[name] = value
    return shown


def _row(payment: Payment) -> dict[str, object]:
    from ..billing.amounts import unit_of
    from ..money import MoneyUnit

    unit = unit_of(payment.currency)
    assert isinstance(unit, MoneyUnit)
    return {
        "payment": payment.id,
        "account": payment.account,
        "kind": payment.kind,
        "amount": unit.text(payment.amount),
        "currency": payment.currency,
        "left": unit.text(payment.left) if payment.kind == "payment" else "",
        "of payment": payment.of_payment,
        "method": payment.method,
        "reference": payment.reference,
        "time": payment.time.isoformat(timespec="seconds"),
    }


def _places(reader: Reader, payment: Payment) -> dict[str, str]:
    from ..billing.amounts import amount_text
    from ..billing.documents import document_of

    return {
        "wallet" if part.invoice is None else document_of(reader, part.invoice).number: amount_text(
            part.amount, payment.currency
        )
        for part in payment.parts
    }
