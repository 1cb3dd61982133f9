"""`ratebook invoice`: documents that people want to receive. A preview: issued invoices come from the billing run."""

from __future__ import annotations

import re
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..diagnostics import Diagnostic, Source
from .console import note, number_of
from .files import read_text
from .many_files import ManyFiles
from .rating import Inputs, input_options, progress, rate_inputs, stop

if TYPE_CHECKING:
    from ..engine.statement import Statement
    from ..invoice import UserTemplate

_SUFFIXES = {"text": ".txt", "md": ".md", "html": ".html"}


@click.command("invoice", cls=ManyFiles, short_help="Write invoices.")
@input_options
@click.option("--format", "form", type=click.Choice(["text", "md", "html"]), default="html", show_default=True)
@click.option("--template", metavar="FILE", help="A template of your own instead of the built-in one.")
@click.option("--lang", default="en", show_default=True, metavar="LANG", help="The language: en, zh, de, …")
@click.option("--parties", metavar="FILE", help="Who sends and who receives: JSON with seller, buyer or buyers, logo.")
@click.option("--date", "day", metavar="D", help="The date of the invoice, as 2026-04-01.")
@click.option("--number", metavar="N", help="The number of the invoice; without one it says DRAFT.")
@click.option("-o", "--output", required=True, metavar="FOLDER", help="The folder to write to.")
def invoice_command(
    inputs: Inputs,
    form: str,
    template: str | None,
    lang: str,
    parties: str | None,
    day: str | None,
    number: str | None,
    output: str,
) -> None:
    """Write an invoice for each statement, with the reason behind every line."""
    from ..invoice import (
        InvoiceFormat,
        InvoiceOptions,
        build_invoice,
        find_language,
        read_parties,
        render_invoice,
        render_template,
    )

    language = find_language(lang)
    if isinstance(language, Diagnostic):
        stop([language])
        return
    issued = _date(day)
    who, problems = (None, ()) if parties is None else read_parties(Path(parties))
    if problems:
        stop(problems)
    own = None if template is None else _template(template)
    rated = rate_inputs(inputs)
    if number is not None and len(rated.statements) > 1:
        raise click.UsageError("--number is for one invoice: choose an account with --account ID.")
    options = InvoiceOptions(language=language, number=number, date=issued)
    suffix = _SUFFIXES[form] if own is None else own.suffix
    folder = _folder(output)
    with progress("writing invoices", "invoices", len(rated.statements)) as report:
        for count, statement in enumerate(rated.statements, 1):
            view = build_invoice(statement, who, options, rated.sources)
            if own is None:
                text = render_invoice(view, InvoiceFormat(form))
            else:
                rendered, problems = render_template(own, view)
                if rendered is None:
                    stop(problems, sources={own.source.name: own.source})
                    return
                text = rendered
            _write(folder / f"{_file_name(statement)}{suffix}", text)
            report(count)
    note(f"{number_of(len(rated.statements), 'invoice')} written to {folder}")


def _date(text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        stop([Diagnostic("RB9003", f"“{text}” is no date", hints=("write it as 2026-04-01",), place="--date")])
        raise AssertionError from None


def _template(name: str) -> UserTemplate:
    from ..invoice import read_template

    text = read_text(Path(name))
    if isinstance(text, Diagnostic):
        stop([text])
        raise AssertionError
    source = Source(name, text)
    found, problems = read_template(source)
    if found is None:
        stop(problems, sources={name: source})
        raise AssertionError
    return found


def _folder(name: str) -> Path:
    folder = Path(name)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        stop([Diagnostic("RB9007", f"the folder cannot be made: {error.strerror}", place=name)])
    return folder


def _file_name(statement: Statement) -> str:
    """A name of the account and the period that every file system takes, different for different accounts."""
    plain = re.sub(r"[^\w.-]", "_", statement.account)
    if plain != statement.account:
        import hashlib

        plain = f"{plain}-{hashlib.sha256(statement.account.encode()).hexdigest()[:8]}"
    # A part may begin with its billing period, and is another document.
    last = "" if statement.part_of is None else f"-to-{statement.end - timedelta(days=1):%Y-%m-%d}"
    return f"{plain[:120]}-{statement.start:%Y-%m-%d}{last}"


def _write(path: Path, text: str) -> None:
    aside = path.with_name(f".{path.name}.part")
    try:
        aside.write_text(text, encoding="utf-8", newline="\n")
        aside.replace(path)
    except OSError as error:
        aside.unlink(missing_ok=True)
        stop([Diagnostic("RB9007", f"the file cannot be written: {error.strerror}", place=str(path))])
