"""`ratebook card …`: prepaid cards, from their codes to their expiry."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..diagnostics import Diagnostic
from .books import (
    NounGroup,
    acting_options,
    database_option,
    fail,
    format_option,
    opened,
    parsed_day,
    succeeded,
)
from .console import note, number_of
from .key_files import key_file_option, read_key, write_secret
from .listing import csv_text, show_one, show_rows

if TYPE_CHECKING:
    from ..billing.acting import Acting
    from ..billing.cards import CardState

CARD_KEY = "RATEBOOK_CARD_KEY"
COLUMNS = ("serial", "batch", "card", "state", "account", "worth", "left", "currency", "sold", "valid until")
CODES = ("serial", "code")


@click.group("card", cls=NounGroup, short_help="Prepaid cards: make, sell, redeem, expire.")
def card_command() -> None:
    """Make batches of prepaid cards, sell and redeem them, see what is left, let them expire."""


@card_command.command("key")
@click.argument("path", metavar="FILE")
def key(path: str) -> None:
    """Make a key for the codes of cards in FILE. Keep it: without it no card can be redeemed."""
    from ..billing.keys import new_key

    write_secret(path, new_key() + "\n")
    note(f"A key is in {path}; only its owner may read it. Keep a copy apart from the database.")


@card_command.command("batch")
@click.argument("ruleset")
@click.argument("card")
@click.option("--batch", "name", required=True, metavar="NAME", help="The batch's name; serial numbers begin with it.")
@click.option("--count", type=int, required=True, metavar="N", help="How many cards.")
@click.option("-o", "--output", metavar="FILE", help="A new file for the codes; standard output otherwise.")
@key_file_option(CARD_KEY)
@acting_options
@database_option
def batch(
    ruleset: str,
    card: str,
    name: str,
    count: int,
    output: str | None,
    key_file: str | None,
    acting: Acting,
    database: str,
) -> None:
    """Make cards that the published RULESET declares as CARD. Their codes are shown this once, as CSV."""
    from ..billing.card_batches import make_batch, new_codes, terms_of
    from ..billing.rulesets import ruleset_in_force

    secret = read_key(key_file, CARD_KEY)
    codes = succeeded(new_codes(name, count))
    text = csv_text([{"serial": serial, "code": code} for serial, code in codes], CODES)
    with opened(database) as store:
        published = succeeded(store.read(lambda reader: ruleset_in_force(reader, ruleset)))
        terms = succeeded(terms_of(published.program, card))
        if output is not None:
            # Before the batch is stored: codes without a batch are worth nothing, a batch without codes is lost.
            write_secret(output, text)
        stored = False
        try:
            answer = succeeded(make_batch(store, acting, name, terms, codes, secret))
            stored = answer["made"]
        finally:
            if output is not None and not stored:
                with contextlib.suppress(OSError):
                    Path(output).unlink()
    if not stored:
        hint = "`ratebook card void` makes them worthless if the codes are lost"
        fail(Diagnostic("RB7075", f"batch {name} was made before; its codes were shown then", hints=(hint,)))
    if output is None:
        click.echo(text, nl=False)
    note(f"{number_of(count, 'card')} made; their codes cannot be shown again")


@card_command.command("sell")
@click.argument("serials", nargs=-1, required=True, metavar="SERIAL…")
@click.option("--account", metavar="ID", help="Who buys them, to use them at once; whoever has the code otherwise.")
@click.option("--on", "on", metavar="DATE", help="The day of the sale, from which they are valid; today otherwise.")
@acting_options
@database_option
@format_option
def sell_(
    serials: tuple[str, ...], account: str | None, on: str | None, acting: Acting, database: str, form: str
) -> None:
    """Sell cards by their serial numbers."""
    from ..billing.card_sales import sell
    from ..billing.cards import find_card

    day = None if on is None else parsed_day(on, "--on")
    with opened(database) as store:
        succeeded(sell(store, acting, serials, account=account, day=day))
        found = store.read(lambda reader: [succeeded(find_card(reader, serial)) for serial in serials])
    show_rows([_row(item) for item in found], form, COLUMNS, empty="")


@card_command.command("redeem")
@click.argument("account")
@key_file_option(CARD_KEY)
@acting_options
@database_option
@format_option
def redeem_(account: str, key_file: str | None, acting: Acting, database: str, form: str) -> None:
    """Put a card on ACCOUNT. Its code is asked for, or read from standard input: arguments could be seen by others."""
    from ..billing.amounts import amount_text
    from ..billing.redeeming import redeem

    secret = read_key(key_file, CARD_KEY)
    code = click.prompt("Code", hide_input=True, err=True) if sys.stdin.isatty() else sys.stdin.readline()
    with opened(database) as store:
        answer = succeeded(redeem(store, acting, account, code, secret))
    show_one(
        {
            "serial": answer["serial"],
            "card": answer["card"],
            "account": answer["account"],
            "worth": amount_text(answer["worth"], answer["currency"]),
            "valid until": answer["valid_until"],
        },
        form,
    )


@card_command.command("show")
@click.argument("serial")
@database_option
@format_option
def show(serial: str, database: str, form: str) -> None:
    """Show one card: whose it is, and what is left on it."""
    from ..billing.cards import find_card

    with opened(database) as store:
        found = succeeded(store.read(lambda reader: find_card(reader, serial)))
    show_one(_row(found), form)


@card_command.command("list")
@click.option("--batch", metavar="NAME", help="Only of this batch.")
@click.option("--account", metavar="ID", help="Only of this account.")
@database_option
@format_option
def list_(batch: str | None, account: str | None, database: str, form: str) -> None:
    """List cards with what is left on them. `valid until` is the first day on which a card no longer is."""
    from ..billing.cards import list_cards

    with opened(database) as store:
        found = store.read(lambda reader: list_cards(reader, batch=batch, account=account))
    show_rows([_row(item) for item in found], form, COLUMNS, empty="No cards: `ratebook card batch` makes some.")


@card_command.command("void")
@click.argument("serial")
@acting_options
@database_option
@format_option
def void_(serial: str, acting: Acting, database: str, form: str) -> None:
    """Make a card worthless that nobody has used; if it was sold, its sale is undone."""
    from ..billing.card_sales import void

    with opened(database) as store:
        answer = succeeded(void(store, acting, serial))
    show_one(answer, form)


@card_command.command("expire")
@click.option("--on", "on", metavar="DATE", help="The day; today otherwise.")
@click.option("--unbilled-too", is_flag=True, help="Also cards that may yet pay an earlier bill.")
@acting_options
@database_option
@format_option
def expire(on: str | None, unbilled_too: bool, acting: Acting, database: str, form: str) -> None:
    """Let cards expire that are no longer valid; what is left on them is earned, once."""
    from ..billing.amounts import unit_of
    from ..billing.card_expiry import expire_cards

    day = acting.now.date() if on is None else parsed_day(on, "--on")
    with opened(database) as store:
        answer = succeeded(expire_cards(store, acting, day, unbilled_too=unbilled_too))
    rows = [{**item, "amount": succeeded(unit_of(item["currency"])).text(item["amount"])} for item in answer["expired"]]
    show_rows(rows, form, ("serial", "account", "amount", "currency"), empty="No card has expired.")
    if answer["waiting"]:
        note(f"{number_of(len(answer['waiting']), 'card')} may yet pay an earlier bill or a hold: {answer['waiting']}")


def _row(card: CardState) -> dict[str, object]:
    from ..billing.amounts import unit_of
    from ..money import MoneyUnit

    unit = unit_of(card.terms.currency)
    assert isinstance(unit, MoneyUnit)
    return {
        "serial": card.serial,
        "batch": card.batch,
        "card": card.terms.card,
        "state": card.state,
        "account": card.account,
        "worth": unit.text(card.terms.worth),
        "left": unit.text(card.left),
        "currency": card.terms.currency,
        "sold": "" if card.sold is None else card.sold.isoformat(),
        "valid until": "" if card.end is None else card.end.isoformat(),
    }
