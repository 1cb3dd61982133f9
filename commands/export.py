"""`ratebook export …`: the ledger for accounting programs, and billed lines in the columns of FOCUS."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .books import NounGroup, database_option, opened, write_file

if TYPE_CHECKING:
    from ..ledger.store import Reader


@click.group("export", cls=NounGroup, short_help="The ledger as Beancount or hledger text, billed lines as FOCUS.")
def export_command() -> None:
    """Hand the books to other programs."""


output_option = click.option("-o", "--output", metavar="FILE", help="Write to this file instead of printing.")


@export_command.command("beancount")
@database_option
@output_option
def beancount_(database: str, output: str | None) -> None:
    """The whole ledger for Beancount, with every balance asserted at its end."""
    _journal(database, output, "beancount")


@export_command.command("hledger")
@database_option
@output_option
def hledger_(database: str, output: str | None) -> None:
    """The whole ledger for hledger, with every balance asserted at its end."""
    _journal(database, output, "hledger")


@export_command.command("focus")
@click.option("--period", required=True, metavar="P", help="2026, 2026-Q2, 2026-03 or FIRST..LAST.")
@click.option("--format", "form", type=click.Choice(["csv", "json", "parquet"]), default="csv", show_default=True)
@database_option
@output_option
def focus_(period: str, form: str, database: str, output: str | None) -> None:
    """Every line of every issued document, in the columns of FOCUS."""
    from ..billing.reports.focus import focus
    from .rating import parsed_period
    from .report import publish_reports

    days = parsed_period(period)
    with opened(database) as store:
        report = store.read(lambda reader: focus(reader, days))
    publish_reports([report], form, output)


def _journal(database: str, output: str | None, form: str) -> None:
    from ..billing.reports.report import money
    from ..ledger.journal import beancount, hledger, read_journal

    written = {"beancount": beancount, "hledger": hledger}[form]

    def shown(amount: int, code: str) -> str:
        return str(money(amount, code))

    def read(reader: Reader) -> None:
        journal = read_journal(reader)
        _write(written(journal, journal.entries(reader), shown, title="Ratebook"), output)

    with opened(database) as store:
        store.read(read)


def _write(lines: Iterable[str], output: str | None) -> None:
    if output is not None:
        write_file(Path(output), lines)
        return
    for line in lines:
        click.echo(line, nl=False)
