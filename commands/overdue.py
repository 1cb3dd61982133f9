"""`ratebook bill overdue` and `ratebook bill write-off`: invoices that are not paid in time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .books import acting_options, database_option, format_option, opened, parsed_day, succeeded
from .listing import show_one, show_rows

if TYPE_CHECKING:
    from ..billing.acting import Acting

COLUMNS = ("invoice", "account", "open", "currency", "since")


@click.command("overdue", short_help="Mark invoices that were not paid in time.")
@click.option("--on", "on", metavar="DATE", help="The day; today otherwise.")
@click.option("--grace-days", type=click.IntRange(min=0), default=0, show_default=True, help="Days given beyond.")
@acting_options
@database_option
@format_option
def overdue_command(on: str | None, grace_days: int, acting: Acting, database: str, form: str) -> None:
    """Mark invoices that are overdue on a day and were not before, and list them. Each is marked once."""
    from ..billing.amounts import unit_of
    from ..billing.overdue import mark_overdue

    day = acting.now.date() if on is None else parsed_day(on, "--on")
    with opened(database) as store:
        answer = succeeded(mark_overdue(store, acting, day, grace_days=grace_days))
    rows = [{**item, "open": succeeded(unit_of(item["currency"])).text(item["open"])} for item in answer["marked"]]
    show_rows(rows, form, COLUMNS, empty="No invoice has become overdue.")


@click.command("write-off", short_help="Give up what is open of an invoice.")
@click.argument("number")
@click.option("--amount", metavar="MONEY", help="Only so much of it.")
@acting_options
@database_option
@format_option
def write_off_command(number: str, amount: str | None, acting: Acting, database: str, form: str) -> None:
    """Give up what is open of invoice NUMBER; needs --reason. A payment that names it later recovers it."""
    from ..billing.amounts import amount_text, parse_amount
    from ..billing.documents import find_document
    from ..billing.overdue import write_off

    with opened(database) as store:
        minor: int | None = None
        if amount is not None:
            document = succeeded(store.read(lambda reader: find_document(reader, number)))
            minor = succeeded(parse_amount(amount, document.currency, place="--amount", above_zero=True))
        answer = succeeded(write_off(store, acting, number, minor))
    currency = answer["currency"]
    show_one(
        {
            "invoice": answer["invoice"],
            "account": answer["account"],
            "written off": amount_text(answer["written_off"], currency),
            "open": amount_text(answer["open"], currency),
        },
        form,
    )
