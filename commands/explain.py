"""`ratebook explain`: every cent of an account's statement."""

from __future__ import annotations

import click

from ..diagnostics import Diagnostic
from .many_files import ManyFiles
from .rating import Inputs, input_options, rate_inputs, stop


@click.command("explain", cls=ManyFiles, short_help="Explain a statement.")
@input_options
@click.option("--line", metavar="NAME", help="Only this line, and what bears on it.")
@click.option("--format", "form", type=click.Choice(["text", "json", "html"]), default="text", show_default=True)
@click.option("--lang", metavar="LANG", help="The language of the explanation: en, zh, …")
def explain_command(
    inputs: Inputs,
    line: str | None,
    form: str,
    lang: str | None,
) -> None:
    """Explain every amount of one account's statement, from the quantity and the rule to the last rounding."""
    if inputs.account is None:
        raise click.UsageError("Which account? Name it with --account ID.")
    from ..api import unknown_line
    from ..engine.evaluators.turning import turning_points
    from ..invoice import explain_html, explain_json, explain_text, find_language

    language = None if lang is None else find_language(lang)
    if isinstance(language, Diagnostic):
        stop([language])
        return
    rated = rate_inputs(inputs)
    if not rated.statements:
        message = f"account {inputs.account} has no statement in {inputs.period_text}"
        stop([Diagnostic("RB9004", message, place="--period")])
    for statement in rated.statements:
        unknown = None if line is None else unknown_line(statement, line, place="--line")
        if unknown is not None:
            stop([unknown])
        points = turning_points(rated.program, statement) if line is None else ()
        if form == "json":
            click.echo(explain_json(statement, rated.sources, line=line, turning_points=points))
        elif form == "html":
            click.echo(
                explain_html(statement, rated.sources, line=line, turning_points=points, language=language), nl=False
            )
        else:
            click.echo(
                explain_text(statement, rated.sources, line=line, turning_points=points, language=language), nl=False
            )
