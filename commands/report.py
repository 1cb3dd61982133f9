"""`ratebook report …`: what the books say, as a table, CSV, JSON, Parquet, or a page with charts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from ..diagnostics import Diagnostic
from .books import NounGroup, database_option, fail, opened, parsed_day, succeeded, write_file
from .console import note
from .listing import csv_text, show_rows, table_text

if TYPE_CHECKING:
    from ..billing.reports import Report
    from ..engine.period import DateRange
    from ..ledger.store import Reader

F = TypeVar("F", bound=Callable[..., Any])
FORMATS = ("table", "json", "csv", "parquet", "html")


@click.group("report", cls=NounGroup, short_help="Revenue, receivables, prepaid money, usage: tables and charts.")
def report_command() -> None:
    """What was billed, what is owed, what is held, what was used."""


def output_options(function: F) -> F:
    """Where a report goes and in which form."""
    options = [
        database_option,
        click.option("--format", "form", type=click.Choice(FORMATS), default="table", show_default=True),
        click.option("-o", "--output", metavar="FILE", help="Write to this file; Parquet needs one."),
    ]
    for option in reversed(options):
        function = option(function)
    return function


def period_option(function: F) -> F:
    """The billing periods that a report is about; the command gets their days as `days`."""

    @wraps(function)
    def command(period: str, **own: Any) -> None:
        from .rating import parsed_period

        function(days=parsed_period(period), **own)

    option = click.option("--period", required=True, metavar="P", help="2026, 2026-Q2, 2026-03 or FIRST..LAST.")
    return cast(F, option(command))


@report_command.command("account")
@click.argument("account")
@period_option
@output_options
def account_(account: str, days: DateRange, database: str, form: str, output: str | None) -> None:
    """Every movement of the money of ACCOUNT."""
    from ..billing.customers import find_customer
    from ..billing.reports.balances import account_movements

    def read(reader: Reader) -> Report | Diagnostic:
        found = find_customer(reader, account)
        return found if isinstance(found, Diagnostic) else account_movements(reader, account, days)

    with opened(database) as store:
        report = succeeded(store.read(read))
    publish_reports([report], form, output)


@report_command.command("billing")
@period_option
@output_options
def billing_(days: DateRange, database: str, form: str, output: str | None) -> None:
    """Every document that was issued for these periods, and what is open on it."""
    from ..billing.reports.revenue import billing

    _run(database, form, output, lambda reader: [billing(reader, days)])


@report_command.command("revenue")
@click.option(
    "--by", type=click.Choice(["plan", "meter", "line", "policy", "account"]), default="plan", show_default=True
)
@period_option
@output_options
def revenue_(by: str, days: DateRange, database: str, form: str, output: str | None) -> None:
    """What was billed, by plan, by meter, by charge and fee, by policy, or by account."""
    from ..billing.reports import revenue
    from ..billing.reports.meters import revenue_by_meter

    functions = {
        "plan": revenue.revenue_by_plan,
        "meter": revenue_by_meter,
        "line": revenue.revenue_by_line,
        "policy": revenue.policies,
        "account": revenue.revenue_by_account,
    }
    _run(database, form, output, lambda reader: [functions[by](reader, days)])


@report_command.command("receivables")
@click.option("--on", "day", metavar="DATE", help="The day that ages are counted to; today otherwise.")
@output_options
def receivables_(day: str | None, database: str, form: str, output: str | None) -> None:
    """What customers owe, by how long it has been payable."""
    from ..billing.reports.balances import receivables

    on = _day(day)
    _run(database, form, output, lambda reader: [receivables(reader, on)])


@report_command.command("prepaid")
@output_options
def prepaid_(database: str, form: str, output: str | None) -> None:
    """Customers' money in wallets and on cards: what the platform owes."""
    from ..billing.reports.balances import prepaid

    _run(database, form, output, lambda reader: [prepaid(reader)])


@report_command.command("ledger")
@output_options
def ledger_(database: str, form: str, output: str | None) -> None:
    """The trial balance: debits and credits of every kind of account."""
    from ..billing.reports.balances import ledger_balances

    _run(database, form, output, lambda reader: [ledger_balances(reader)])


@report_command.command("usage")
@click.option("--by", type=click.Choice(["day", "month"]), default="day", show_default=True)
@period_option
@output_options
def usage_(by: str, days: DateRange, database: str, form: str, output: str | None) -> None:
    """How usage develops, by day or by month."""
    from ..billing.reports.usage import usage_trend

    _run(database, form, output, lambda reader: [usage_trend(reader, days, by_month=by == "month")])


@report_command.command("platform")
@click.option("--on", "day", metavar="DATE", help="The day that ages are counted to; today otherwise.")
@period_option
@output_options
def platform_(day: str | None, days: DateRange, database: str, form: str, output: str | None) -> None:
    """Everything about the platform: revenue, policies, receivables, prepaid money, usage."""
    from ..billing.reports import balances, revenue
    from ..billing.reports.meters import revenue_by_meter
    from ..billing.reports.usage import usage_trend

    on = _day(day)

    def read(reader: Reader) -> list[Report]:
        return [
            revenue.revenue_by_plan(reader, days),
            revenue_by_meter(reader, days),
            revenue.revenue_by_line(reader, days),
            revenue.policies(reader, days),
            balances.receivables(reader, on),
            balances.prepaid(reader),
            balances.ledger_balances(reader),
            usage_trend(reader, days, by_month=False),
        ]

    _run(database, form, output, read)


def _day(text: str | None) -> Any:
    from datetime import UTC, datetime

    return datetime.now(UTC).date() if text is None else parsed_day(text, "--on")


def _run(database: str, form: str, output: str | None, read: Callable[[Reader], list[Report]]) -> None:
    with opened(database) as store:
        reports = store.read(read)
    publish_reports(reports, form, output)


def publish_reports(reports: Sequence[Report], form: str, output: str | None) -> None:
    """Print reports, or write them to a file whole or not at all."""
    if form == "parquet":
        _write_parquet(reports, output)
        return
    if output is None and form == "json":
        show_rows(_objects(reports), form, _columns(reports), empty="")
        return
    text = _text(reports, form)
    if output is None:
        click.echo(text, nl=False)
        return
    write_file(Path(output), [text])


def _text(reports: Sequence[Report], form: str) -> str:
    match form:
        case "html":
            from ..billing.reports.files import html_page

            title = reports[0].title if len(reports) == 1 else "Platform report"
            return html_page(reports, title=title, made="Amounts in whole currency, exact.")
        case "csv":
            return csv_text(_objects(reports), _columns(reports))
        case "json":
            import json

            return json.dumps(_objects(reports), ensure_ascii=False) + "\n"
        case _:
            return "\n".join(_table(report) for report in reports)


def _table(report: Report) -> str:
    rows = report.objects()
    shown = table_text(rows, [column.name for column in report.columns]) if rows else "(nothing)"
    notes = "".join(f"({text})\n" for text in report.notes)
    return f"{report.title}\n\n{shown}\n{notes}"


def _objects(reports: Sequence[Report]) -> list[dict[str, object]]:
    """Rows of all reports; where there are several, each says its own."""
    several = len(reports) > 1
    return [{**({"report": report.name} if several else {}), **row} for report in reports for row in report.objects()]


def _columns(reports: Sequence[Report]) -> list[str]:
    names = dict.fromkeys(column.name for report in reports for column in report.columns)
    return [*(["report"] if len(reports) > 1 else []), *names]


def _write_parquet(reports: Sequence[Report], output: str | None) -> None:
    from ..billing.reports.files import write_parquet
    from ..intake.outputs import written_aside

    if output is None:
        raise click.UsageError("--format parquet needs --output FILE.")
    target = Path(output)
    for report in reports:
        path = target if len(reports) == 1 else target.with_name(f"{target.stem}-{report.name}{target.suffix}")
        try:
            with written_aside(path) as aside:
                write_parquet(report, aside)
        except OSError as error:
            hints = ("choose another folder",)
            fail(Diagnostic("RB9007", f"the file cannot be written: {error}", hints=hints, place=str(path)))
        note(f"written to {path}")
