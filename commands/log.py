"""`ratebook log`: what was done to accounts and fees, by whom, and why."""

from __future__ import annotations

import click

from .books import database_option, format_option, opened, parsed_day
from .listing import show_rows

COLUMNS = ("number", "time", "actor", "what", "account", "subject", "before", "after", "reason")


@click.command("log", short_help="Operations on accounts and fees: who, what, when, before, after, why.")
@click.option("--account", metavar="ID", help="Only of this account.")
@click.option("--actor", metavar="NAME", help="Only by this one.")
@click.option("--what", metavar="OPERATION", help="Only this operation, such as “deposit”.")
@click.option("--from", "begin", metavar="DATE", help="Only from this day on, in UTC.")
@click.option("--before", "end", metavar="DATE", help="Only before this day, in UTC.")
@click.option(
    "--after", "after_number", type=click.IntRange(0), default=0, metavar="N", help="Only after this operation."
)
@click.option("--limit", type=click.IntRange(1), default=1000, show_default=True, metavar="N", help="At most so many.")
@database_option
@format_option
def log_command(
    account: str | None,
    actor: str | None,
    what: str | None,
    begin: str | None,
    end: str | None,
    after_number: int,
    limit: int,
    database: str,
    form: str,
) -> None:
    """Print the log of operations."""
    from datetime import UTC, datetime, time

    from ..billing.operations import Asked, operations

    def midnight(text: str | None, option: str) -> datetime | None:
        return None if text is None else datetime.combine(parsed_day(text, option), time(), UTC)

    asked = Asked(account, actor, what, midnight(begin, "--from"), midnight(end, "--before"), after_number, limit)
    with opened(database) as store:
        found = store.read(lambda reader: list(operations(reader, asked)))
    rows = [
        {name: getattr(item, name) for name in COLUMNS} | {"time": item.time.isoformat(timespec="seconds")}
        for item in found
    ]
    show_rows(rows, form, COLUMNS, empty="Nothing was done.")
