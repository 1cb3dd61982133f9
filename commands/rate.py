"""`ratebook rate`: usage against accounts into statements."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from ..cli import EXIT_USE
from .console import note, show_findings
from .engines import ENGINES, chosen_engine
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
@click.option(
    "--engine",
    type=click.Choice(ENGINES),
    default="auto",
    show_default=True,
    help="What rates: `auto` chooses by the size of the files.",
)
@click.option("--spark-master", metavar="URL", help="Where --engine spark runs; else as Spark itself is set up.")
@click.option("--unique-ids", is_flag=True, help="Trust that no id stands twice: repeats are not looked for.")
@click.option("--verify", type=click.IntRange(min=0), default=0, metavar="N", help="Rate N accounts again, one by one.")
def rate_command(
    inputs: Inputs,
    form: str,
    output: str | None,
    engine: str,
    spark_master: str | None,
    unique_ids: bool,
    verify: int,
) -> None:
    """Rate usage: one statement for each subscription and billing period that begins in P.

    A row with a mistake is never dropped in silence: all are reported, and nothing is written. Large inputs are rated
    by the columnar evaluator, which gives the same statements.
    """
    if form == "parquet" and output is None:
        raise click.UsageError("Parquet is written to a file: name it with -o FILE.")
    out = None if output is None else Path(output)
    chosen = chosen_engine(engine, inputs)
    if chosen == "spark":
        if output is None or verify:
            raise click.UsageError("--engine spark writes to a folder, -o FOLDER, and has no --verify.")
        from .on_spark import rate_on_spark

        rate_on_spark(inputs, form, output, master=spark_master, unique_ids=unique_ids)
        return
    if chosen == "batch":
        from .at_size import rate_at_size

        rate_at_size(inputs, form, out, unique_ids=unique_ids, verify=verify)
        return
    _rate_one_by_one(inputs, form, out)


def _rate_one_by_one(inputs: Inputs, form: str, out: Path | None) -> None:
    from ..intake import StatementFormat, write_statements

    rated = rate_inputs(inputs)
    problems = write_statements(rated.statements, StatementFormat(form), out)
    show_findings(problems)
    if problems:
        sys.exit(EXIT_USE)
    say_summary(rated.summary, grand_total(rated))
    note("rated by the scalar evaluator")


def grand_total(rated: Rated) -> str:
    """The sum of all statements, with its currency."""
    money = rated.program.money
    return f"{money.text(sum(item.total for item in rated.statements))} {money.currency.code}"
