"""`ratebook rate` on a Spark cluster."""

from __future__ import annotations

import sys

import click

from ..cli import EXIT_USE
from .console import note, number_of, show_findings
from .rating import Inputs, Summary, check_rows, idle_note, load_program, parsed_period, say_summary, stop


def rate_on_spark(inputs: Inputs, form: str, folder: str, *, master: str | None, unique_ids: bool) -> None:
    """Rate, write a folder of parts and say what was done; exits with every mistake that was found."""
    from ..intake import StatementFormat
    from ..intake.spark.run import rate_spark
    from ..intake.spark.session import NoSparkError

    if inputs.account is not None:
        raise click.UsageError("One account is rated by --engine scalar or --engine batch.")
    program, _ = load_program(inputs.ruleset)
    period = parsed_period(inputs.period_text)
    try:
        run = rate_spark(
            program,
            inputs.usage,
            inputs.accounts,
            period,
            folder,
            StatementFormat(form),
            master=master,
            unique_ids=unique_ids,
            skip_bad_rows=inputs.skip_bad_rows,
        )
    except NoSparkError as error:
        show_findings([error.finding])
        sys.exit(EXIT_USE)
    check_rows(inputs, run.findings, run.rejects, run.rejected)
    if run.refusals:
        stop(run.refusals)
    notes = (idle_note(run.idle, with_days=run.idle_with_days),) if run.idle else ()
    rows = run.read, run.counted, run.repeated, run.rejected
    total = f"{program.money.text(run.total)} {program.money.currency.code}"
    say_summary(Summary(*rows, run.outside, run.unsubscribed, run.accounts, notes), total)
    way = "sums of usage" if run.road == "sums" else "rows of usage"
    note(f"rated by the columnar evaluator on Spark; {way} were sent between machines")
    for reason, count in run.scalar.items():
        note(f"{number_of(count, 'account')} by the scalar evaluator: {reason}")
