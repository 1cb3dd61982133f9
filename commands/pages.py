"""`ratebook order` and `ratebook errors`: what the language fixes, printed."""

from __future__ import annotations

import sys

import click

from ..cli import EXIT_USE
from ..diagnostics import CODES
from .console import note

ORDER = """\
The order of application, one for every ruleset:

   1  meters        usage events to one quantity per period and combination of `by` values
   2  included      units that a plan includes come off, in row order
   3  charges       bands and tables; then the charge's own minimum and cap
   4  fees          the terms that begin (in advance) or end (in arrears) in the period
   5  rounding      each line once, by `round each line`
   6  discounts     of charges and fees
   7  offers        of what discounts left
   8  penalties     on what offers left
   9  minimum       of the plan: charges and fees after policies
  10  cap           of the plan
  11  taxes         all on one base, the sum before taxes; included ones are shown, not added
      total         the sum of all lines but prepaid ones and included taxes
  12  prepaid       cards: soonest to expire first, then earliest bought, then listed first
      due           the total less what cards paid

A policy is one line: its effect on what its target lines have left, rounded once, then allocated to them in
proportion (largest remainder, earlier line first). Nothing is taken from a line at or below zero.
"""


@click.command("order", short_help="Print the order of application.")
def order_command() -> None:
    """Print the order in which charges, policies, bounds, taxes and cards apply."""
    click.echo(ORDER, nl=False)


@click.command("errors", short_help="Explain a diagnostic.")
@click.argument("code", required=False)
def errors_command(code: str | None) -> None:
    """Print the page of a diagnostic CODE, or the list of all codes."""
    from ..diagnostics.pages import page

    if code is None:
        for known in CODES.values():
            click.echo(f"{known.code}  {'warning' if known.warning else 'error  '}  {known.title}")
        return
    wanted = code.upper() if code.upper().startswith("RB") else f"RB{code}"
    if wanted not in CODES:
        import difflib

        near = ", ".join(difflib.get_close_matches(wanted, CODES, n=3))
        note(f"there is no code {code}" + (f"; near: {near}" if near else "") + "; `ratebook errors` lists them all")
        sys.exit(EXIT_USE)
    click.echo(page(wanted))
