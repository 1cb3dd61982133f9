"""`ratebook publish`: a checked ruleset comes into force, or is only compared with the one that is."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from ..cli import EXIT_FINDINGS
from ..diagnostics import Diagnostic
from .books import acting_options, database_option, fail, format_option, opened
from .console import note, number_of, show_findings
from .listing import show_rows

if TYPE_CHECKING:
    from ..billing.acting import Acting
    from ..billing.impact import Impact
    from ..engine.compiler.compile import Compiled
    from ..ledger.store import Store

_SHOWN_MAX = 20


@click.command("publish", short_help="Bring a ruleset into force.")
@click.argument("ruleset", required=False, metavar="RULESET")
@click.option("--dry-run", is_flag=True, help="Only say what would change, and for whom.")
@click.option("--list", "listed", is_flag=True, help="List what was published.")
@click.option("--note", "text", default="", metavar="TEXT", help="What this version is about.")
@acting_options
@database_option
@format_option
def publish_command(
    ruleset: str | None, dry_run: bool, listed: bool, text: str, acting: Acting, database: str, form: str
) -> None:
    """Bring RULESET into force: from now on bills and live charges use this text.

    It says for whom the open periods come to another amount. A text that changes the price of billed days is refused.
    """
    if listed:
        _list(database, form)
        return
    if ruleset is None:
        raise click.UsageError("Name a RULESET, or give --list.")
    from ..billing.rulesets import publish, refusals_of, ruleset_in_force

    compiled = _compiled(ruleset)
    assert compiled.program is not None
    program = compiled.program
    with opened(database) as store:
        refused = store.read(lambda reader: refusals_of(reader, compiled))
        if refused:
            _refuse(refused, compiled)
        earlier = store.read(lambda reader: ruleset_in_force(reader, program.name))
        _show_impact(store, compiled, acting, form)
        if dry_run:
            known = isinstance(earlier, Diagnostic)
            note(f"{program.name} would be {'new' if known else 'published'}; nothing has happened")
            return
        answer = publish(store, acting, compiled, note=text)
    if isinstance(answer, tuple):
        _refuse(answer, compiled)
    if answer["published"]:
        note(f"{program.name} is in force as {program.hash[:19]}…")
    else:
        note(f"{program.name} is in force already as {program.hash[:19]}…; nothing has changed")


def _refuse(findings: Sequence[Diagnostic], compiled: Compiled) -> NoReturn:
    """End the command with all reasons against a ruleset."""
    show_findings([_as_published(item) for item in findings], compiled.sources)
    sys.exit(EXIT_FINDINGS)


def _as_published(finding: Diagnostic) -> Diagnostic:
    """A finding of a comparison, without the word on an option that this command does not have."""
    return replace(finding, notes=tuple(text for text in finding.notes if "--closed-before" not in text))


def _compiled(name: str) -> Compiled:
    from ..api import compile_file
    from .files import find_one

    path = find_one(name)
    if isinstance(path, Diagnostic):
        fail(path)
    compiled = compile_file(Path(path), name=Path(path).name)
    if isinstance(compiled, Diagnostic):
        fail(compiled)
    show_findings(compiled.findings, compiled.sources)
    if compiled.program is None:
        sys.exit(EXIT_FINDINGS)
    return compiled


def _show_impact(store: Store, compiled: Compiled, acting: Acting, form: str) -> None:
    from ..billing.impact import impact_of
    from ..billing.rulesets import ruleset_in_force

    program = compiled.program
    assert program is not None
    earlier = store.read(lambda reader: ruleset_in_force(reader, program.name))
    if isinstance(earlier, Diagnostic) or earlier.hash == program.hash:
        if form != "table":
            show_rows([], form, _COLUMNS, empty="")
        return
    found = impact_of(store, earlier, program, acting.now.date())
    shown = found if form != "table" else found[:_SHOWN_MAX]
    rows = [_row(item, earlier.currency) for item in shown]
    show_rows(rows, form, _COLUMNS, empty="No open period of any account comes to another amount.")
    if len(found) > len(shown):
        click.echo(f"… and {len(found) - len(shown):,} more; --format csv has all")


_COLUMNS = ("account", "before", "after", "difference", "currency", "reason")


def _row(item: Impact, currency: str) -> dict[str, object]:
    from ..billing.amounts import unit_of
    from ..money import MoneyUnit

    unit = unit_of(currency)
    assert isinstance(unit, MoneyUnit)

    def text(amount: int | None) -> str:
        return "" if amount is None else unit.text(amount)

    return {
        "account": item.account,
        "before": text(item.before),
        "after": text(item.after),
        "difference": text(item.difference),
        "currency": currency,
        "reason": item.reason,
    }


def _list(database: str, form: str) -> None:
    from ..billing.rulesets import published_rulesets

    with opened(database) as store:
        found = store.read(published_rulesets)
    latest = {item.name: item.id for item in found}
    rows: list[dict[str, object]] = [
        {
            "ruleset": item.name,
            "published": item.published.isoformat(timespec="seconds"),
            "in force": latest[item.name] == item.id,
            "currency": item.currency,
            "hash": item.hash,
            "note": item.note,
        }
        for item in found
    ]
    columns = ("ruleset", "published", "in force", "currency", "hash", "note")
    show_rows(rows, form, columns, empty="No ruleset is published yet: `ratebook publish FILE` publishes one.")
    if form == "table" and rows:
        note(number_of(len(rows), "version"))
