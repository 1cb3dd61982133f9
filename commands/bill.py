"""`ratebook bill …`: the billing run, and the documents that it issued."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..cli import EXIT_FINDINGS
from ..diagnostics import Diagnostic
from .books import (
    NounGroup,
    acting_options,
    database_option,
    fail,
    format_option,
    known_account,
    opened,
    parsed_day,
    succeeded,
)
from .console import note, number_of, show_findings
from .credit import credit_command
from .listing import show_one, show_rows, table_text
from .overdue import overdue_command, write_off_command
from .rating import progress
from .subscription import only_ruleset

if TYPE_CHECKING:
    from ..billing.acting import Acting
    from ..billing.issued import IssuedDocument
    from ..billing.live_bill import LiveDifference
    from ..billing.run import Billed
    from ..diagnostics import Source
    from ..engine.period import DateRange
    from ..engine.statement import Statement
    from ..ledger.store import Reader, Store

_SHOWN_MAX = 20
_COLUMNS = ("number", "kind", "account", "plan", "from", "to", "issued", "payable by", "total", "open", "currency")


@click.group("bill", cls=NounGroup, short_help="The billing run and issued invoices.")
def bill_command() -> None:
    """Bill periods, and look at the invoices that were issued."""


@bill_command.command("run")
@click.option("--period", required=True, metavar="P", help="2026, 2026-Q2, 2026-03, 2026-03-01 or FIRST..LAST.")
@click.option("--ruleset", metavar="NAME", help="The published ruleset; needed where there are several.")
@click.option("--issued", metavar="DATE", help="The date of the invoices; today otherwise.")
@click.option(
    "--payable-within", type=click.IntRange(0), default=14, show_default=True, metavar="DAYS", help="When to pay."
)
@acting_options
@database_option
@format_option
def run(
    period: str,
    ruleset: str | None,
    issued: str | None,
    payable_within: int,
    acting: Acting,
    database: str,
    form: str,
) -> None:
    """Bill all periods that begin in P and are over: rate, number, post, take cards and wallets, leave the rest due.

    Called again after it was broken off it goes on where it was, and comes to the same invoices.
    """
    from ..billing.run import bill

    within = _range(period)
    day = acting.now.date() if issued is None else parsed_day(issued, "--issued")
    with opened(database) as store:
        name = ruleset or only_ruleset(store)
        with progress("billing", "periods") as report:
            result: Billed = succeeded(
                bill(
                    store,
                    acting,
                    name,
                    within,
                    issued=day,
                    payable_within=payable_within,
                    on_progress=report,
                )
            )
    _show_run(result, form)
    if within.end > day:
        note(f"Periods that are not over on {day}, the day of issue, are not billed yet.")
    if result.refusals:
        raise SystemExit(EXIT_FINDINGS)


@bill_command.command("list")
@click.option("--account", metavar="ID", help="Only of this account.")
@click.option("--period", metavar="P", help="Only of periods that begin in P.")
@click.option("--open", "open_only", is_flag=True, help="Only what is not paid.")
@database_option
@format_option
def list_(account: str | None, period: str | None, open_only: bool, database: str, form: str) -> None:
    """List issued documents in the order of their issue."""
    from ..billing.issued import list_documents

    within = None if period is None else _range(period)
    with opened(database) as store:
        known_account(store, account)
        found = store.read(lambda reader: list_documents(reader, account=account, period=within, open_only=open_only))
    rows: list[dict[str, object]] = []
    for document, rest in found:
        rows.append(
            {
                "number": document.number,
                "kind": document.kind,
                "account": document.account,
                "plan": document.plan,
                "from": document.period_start,
                "to": document.period_end,
                "issued": document.issued.isoformat(),
                "payable by": "" if document.payable_by is None else document.payable_by.isoformat(),
                "total": _money(document.total, document.currency),
                "open": _money(rest, document.currency),
                "currency": document.currency,
            }
        )
    show_rows(rows, form, _COLUMNS, empty="No invoice is found: `ratebook bill run` issues them.")


@bill_command.command("show")
@click.argument("number")
@click.option(
    "--format", "form", type=click.Choice(["table", "json", "text", "md", "html"]), default="table", show_default=True
)
@click.option("--lang", default="en", show_default=True, metavar="LANG", help="The language of a document.")
@click.option("--parties", metavar="FILE", help="Who sends and who receives: JSON with seller, buyer or buyers, logo.")
@database_option
def show(number: str, form: str, lang: str, parties: str | None, database: str) -> None:
    """Show the document NUMBER: as a table, as JSON, or as the document that its customer gets."""
    import json

    from ..billing.issued import document_object, issued_document

    with opened(database) as store:
        found: IssuedDocument = succeeded(store.read(lambda reader: issued_document(reader, number)))
        if form in ("text", "md", "html"):
            click.echo(_document(store, found, form, lang, parties), nl=False)
            return
    if form == "json":
        click.echo(json.dumps(document_object(found), ensure_ascii=False))
        return
    _show_table(found)


bill_command.add_command(credit_command)
bill_command.add_command(overdue_command)
bill_command.add_command(write_off_command)


def _show_table(found: IssuedDocument) -> None:
    from ..billing.issued import plain_lines

    document = found.document
    currency = document.currency
    show_one(
        {
            "number": document.number,
            "kind": document.kind,
            "account": document.account,
            "plan": document.plan,
            "period": f"{document.period_start}..{document.period_end}",
            "issued": document.issued.isoformat(),
            **_of_kind(found),
            "total": f"{_money(document.total, currency)} {currency}",
            "open": f"{_money(found.open, currency)} {currency}",
        },
        "table",
    )
    lines = list(plain_lines(found))
    if lines:
        columns = [name for name in lines[0] if any(row[name] for row in lines)]
        click.echo(f"\n{table_text(lines, columns)}")
    if found.live:
        shown = [_live_row(line, currency) for line in found.live]
        click.echo(f"\n{table_text(shown, list(shown[0]))}")
    if found.settled:
        rows = [
            {"settled by": kind, "amount": _money(amount, currency), "reference": reference}
            for kind, amount, reference in found.settled
        ]
        click.echo(f"\n{table_text(rows, ('settled by', 'amount', 'reference'))}")


def _of_kind(found: IssuedDocument) -> dict[str, object]:
    """What a credit note says of itself, or when an invoice is payable."""
    import json

    document = found.document
    if document.kind != "credit note":
        return {"payable by": "" if document.payable_by is None else document.payable_by.isoformat()}
    said = json.loads(document.statement)
    return {"corrects": said["corrects"], "reason": said["reason"]}


def _live_row(line: LiveDifference, currency: str) -> dict[str, object]:
    return {
        "charged as it happened": line.label,
        "billed": _money(line.billed, currency),
        "taken": _money(line.taken, currency),
        "difference": _money(line.difference, currency),
        "why": line.why,
    }


def _statement(reader: Reader, found: IssuedDocument) -> tuple[Statement, Mapping[str, Source]]:
    """What the document says, with the reasons behind it, and with what settled it when it was issued."""
    from ..billing.issued import explained_statement
    from ..billing.settled_at_issue import with_settlements

    statement, _, sources = explained_statement(reader, found)
    return with_settlements(reader, found.document, statement), sources


def _document(store: Store, found: IssuedDocument, form: str, lang: str, parties: str | None) -> str:
    from ..invoice import InvoiceFormat, InvoiceOptions, build_invoice, find_language, read_parties, render_invoice

    document = found.document
    if document.kind == "credit note" or not found.document.statement.startswith('{"schema": "ratebook.statement/1"'):
        hints = ("--format table and --format json show it",)
        fail(Diagnostic("RB7057", f"{document.number} has no statement of a period", hints=hints))
    language = find_language(lang)
    if isinstance(language, Diagnostic):
        fail(language)
    who, problems = (None, ()) if parties is None else read_parties(Path(parties))
    if problems:
        fail(*problems)
    statement, sources = store.read(lambda reader: _statement(reader, found))
    options = InvoiceOptions(
        language=language, number=document.number, date=document.issued, due_date=document.payable_by
    )
    return render_invoice(build_invoice(statement, who, options, sources), InvoiceFormat(form))


def _show_run(result: Billed, form: str) -> None:
    currency = result.currency
    shown = result.refusals[:_SHOWN_MAX]
    show_findings(shown)
    if len(result.refusals) > len(shown):
        note(f"… and {len(result.refusals) - len(shown):,} more accounts without a bill")
    if form != "table":
        show_one(
            {
                "run": result.run.id,
                "period": result.run.period,
                "invoices": result.invoices,
                "nothing": result.empty,
                "earlier": result.earlier,
                "total": _money(result.total, currency),
                "currency": currency,
                "refused": len(result.refusals),
            },
            form,
        )
        return
    parts = [f"{number_of(result.invoices, 'invoice')} over {_money(result.total, currency)} {currency} issued"]
    parts += [f"{result.empty:,} periods without anything to bill"] if result.empty else []
    parts += [f"{result.earlier:,} documents were there already"] if result.earlier else []
    click.echo(", ".join(parts))


def _money(amount: int, currency: str) -> str:
    from ..billing.amounts import unit_of
    from ..money import MoneyUnit

    unit = unit_of(currency)
    assert isinstance(unit, MoneyUnit)
    return unit.text(amount)


def _range(text: str) -> DateRange:
    from ..api import period_of

    found = period_of(text, place="--period")
    if isinstance(found, Diagnostic):
        fail(found)
    return found
