"""`ratebook rate`: usage against accounts into statements."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from ..cli import EXIT_USE
from .console import show_findings
from .many_files import ManyFiles
from .rating import Inputs, Rated, input_options, rate_inputs, say_summary


@click.command("rate", cls=ManyFiles, short_help="Rate usage.")
@input_options
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "jsonl", "csv", "parquet"]),
    default="table",
    show_default=True,
    help="What statements are written as.",
)
@click.option("-o", "--output", metavar="FILE", help="Write to a file instead of standard output.")
def rate_command(
    inputs: Inputs,
    form: str,
    output: str | None,
) -> None:
    """Rate usage: one statement for each subscription and billing period that begins in P.

    A row with a mistake is never dropped in silence: all are reported, and nothing is written.
    """
    from ..intake import StatementFormat, write_statements

    if form == "parquet" and output is None:
        raise click.UsageError("Parquet is written to a file: name it with -o FILE.")
    rated = rate_inputs(inputs)
    problems = write_statements(rated.statements, StatementFormat(form), None if output is None else Path(output))
    show_findings(problems)
    if problems:
        sys.exit(EXIT_USE)
    say_summary(rated, grand_total(rated))


def grand_total(rated: Rated) -> str:
    """The sum of all statements, with its currency."""
    money = rated.program.money
    return f"{money.text(sum(item.total for item in rated.statements))} {money.currency.code}"
