"""`ratebook bill credit`: taking an issued invoice back, wholly or in part."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..diagnostics import Diagnostic
from .books import acting_options, database_option, fail, format_option, opened, parsed_day, succeeded
from .listing import show_one

if TYPE_CHECKING:
    from ..billing.acting import Acting


@click.command("credit", short_help="Take an invoice back, wholly or in part.")
@click.argument("number")
@click.option("--lines", default="", metavar="1,3,…", help="Only these lines, with their share of taxes.")
@click.option("--amount", metavar="MONEY", help="Only so much, spread over the lines.")
@click.option("--issued", metavar="DATE", help="The date of the credit note; today otherwise.")
@acting_options
@database_option
@format_option
def credit_command(
    number: str, lines: str, amount: str | None, issued: str | None, acting: Acting, database: str, form: str
) -> None:
    """Issue a credit note for invoice NUMBER; needs --reason.

    What is open of the invoice becomes less; what was paid too much goes to the wallet.
    """
    from ..billing.amounts import amount_text, parse_amount
    from ..billing.credit_notes import credit
    from ..billing.documents import find_document

    chosen = [_line(text) for text in lines.split(",") if text.strip()]
    day = acting.now.date() if issued is None else parsed_day(issued, "--issued")
    with opened(database) as store:
        minor: int | None = None
        if amount is not None:
            document = succeeded(store.read(lambda reader: find_document(reader, number)))
            minor = succeeded(parse_amount(amount, document.currency, place="--amount", above_zero=True))
        answer = succeeded(credit(store, acting, number, lines=chosen, amount=minor, issued=day))
    currency = answer["currency"]
    show_one(
        {
            "credit note": answer["credit_note"],
            "invoice": answer["invoice"],
            "account": answer["account"],
            "amount": amount_text(answer["amount"], currency),
            "lines": {line: amount_text(part, currency) for line, part in answer["lines"].items()},
        },
        form,
    )


def _line(text: str) -> int:
    if not text.strip().isdecimal():
        hint = "write the numbers of lines, such as --lines 1,3"
        fail(Diagnostic("RB7068", f"“{text.strip()}” is no line", hints=(hint,), place="--lines"))
    return int(text)
