"""`ratebook explain`: every cent of an account's statement."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..diagnostics import Diagnostic
from .rating import Inputs, ManyFiles, input_options, rate_inputs, stop

if TYPE_CHECKING:
    from ..engine.statement import Statement


@click.command("explain", cls=ManyFiles, short_help="Explain a statement.")
@input_options
@click.option("--line", metavar="NAME", help="Only this line, and what bears on it.")
@click.option("--format", "form", type=click.Choice(["text", "json", "html"]), default="text", show_default=True)
@click.option("--lang", metavar="LANG", help="The language of the explanation: en, zh, …")
def explain_command(
    ruleset: str,
    usage: tuple[str, ...],
    accounts: str,
    period_text: str,
    account: str | None,
    rejects: str | None,
    skip_bad_rows: bool,
    line: str | None,
    form: str,
    lang: str | None,
) -> None:
    """Explain every amount of one account's statement, from the quantity and the rule to the last rounding."""
    if account is None:
        raise click.UsageError("Which account? Name it with --account ID.")
    from ..engine.evaluators.turning import turning_points
    from ..invoice import explain_html, explain_json, explain_text, explained_lines, find_language

    language = None if lang is None else find_language(lang)
    if isinstance(language, Diagnostic):
        stop([language])
        return
    rated = rate_inputs(Inputs(ruleset, usage, accounts, period_text, account, rejects, skip_bad_rows))
    if not rated.statements:
        stop([Diagnostic("RB9004", f"account {account} has no statement in {period_text}", place="--period")])
    for statement in rated.statements:
        if line is not None and not explained_lines(statement, line) and not _is_not_applied(statement, line):
            names = dict.fromkeys([item.id for item in statement.lines] + [item.id for item in statement.not_applied])
            hint = f"the statement has {', '.join(names)}"
            stop([Diagnostic("RB2001", f"there is no line {line}", hints=(hint,), place="--line")])
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


def _is_not_applied(statement: Statement, line: str) -> bool:
    return any(item.id == line for item in statement.not_applied)
