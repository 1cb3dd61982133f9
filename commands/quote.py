"""`ratebook quote`: some usage priced on a plan, without files."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click

from ..diagnostics import Diagnostic
from .console import note
from .rating import load_program, stop

if TYPE_CHECKING:
    from ..engine.plan import Program

_THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?")
_QUANTITY = re.compile(r"\s*([+-]?[\d.,]+)\s*(.*?)\s*")


@click.command("quote", short_help="Price some usage.")
@click.argument("ruleset", metavar="RULESET")
@click.option("--plan", required=True, metavar="NAME", help="A plan or contract of the ruleset.")
@click.option(
    "--usage",
    multiple=True,
    metavar="METER=QUANTITY[,FIELD=VALUE]…",
    help="A metered quantity, as requests=1,200 or egress='12 TB',region=eu. May be repeated.",
)
@click.option("--account", "attributes", multiple=True, metavar="NAME=VALUE", help="An attribute of the account.")
@click.option("--period", "period_text", metavar="P", help="The period to price; the current one by default.")
@click.option("--explain", "explained", is_flag=True, help="Explain every amount.")
def quote_command(
    ruleset: str,
    plan: str,
    usage: tuple[str, ...],
    attributes: tuple[str, ...],
    period_text: str | None,
    explained: bool,
) -> None:
    """Price some usage on a plan.

    Without --period it is priced at the prices of today, or of the plan's latest version where none is in force today.
    """
    from .. import api
    from ..intake import StatementFormat, write_statements

    program, sources = load_program(ruleset)
    findings: list[Diagnostic] = []
    rows = [row for text in usage for row in _usage_row(text, findings)]
    account = dict(pair for text in attributes for pair in _pair(text, "--account", findings))
    if findings:
        stop(findings)
    prices = api.Ruleset(program, sources, ())
    try:
        statement = api.quote(prices, plan, rows, account, period_text or _today(program, plan))
        if period_text is None:
            note(f"note: priced for the period of {statement.start:%Y-%m-%d}; --period says another")
        if explained:
            click.echo(api.explain(prices, statement), nl=False)
        else:
            write_statements([statement], StatementFormat.TABLE)
    except api.RatebookError as error:
        stop(error.findings)


def _today(program: Program, plan: str) -> str | None:
    """Today, if a version of the plan is in force."""
    from datetime import date

    from ..engine.evaluators.in_force import plan_on

    today = date.today()  # noqa: DTZ011 - the person's own day; `--period` says another
    if plan not in program.plans or plan_on(program, plan, today) is None:
        return None
    return today.isoformat()


def _usage_row(text: str, findings: list[Diagnostic]) -> list[dict[str, object]]:
    meter, equals, rest = text.partition("=")
    pieces = rest.split(",")
    # Commas of thousands belong to the quantity: what has no `=` is not a field yet.
    count = next((index for index, piece in enumerate(pieces) if "=" in piece), len(pieces))
    match = _QUANTITY.fullmatch(",".join(pieces[:count]))
    if not equals or match is None:
        hint = "write METER=QUANTITY, as requests=1,200 or egress='12 TB',region=eu"
        findings.append(Diagnostic("RB9006", f"“{text}” is no quantity of a meter", hints=(hint,), place="--usage"))
        return []
    number, unit = match.groups()
    quantity = number.replace(",", "") if _THOUSANDS.fullmatch(number) else number
    row: dict[str, object] = {"meter": meter.strip(), "quantity": quantity}
    if unit:
        row["unit"] = unit
    row.update(pair for piece in pieces[count:] for pair in _pair(piece, "--usage", findings))
    return [row]


def _pair(text: str, option: str, findings: list[Diagnostic]) -> list[tuple[str, str]]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        findings.append(Diagnostic("RB9006", f"“{text}” is no NAME=VALUE", place=option))
        return []
    return [(name.strip(), value.strip())]
