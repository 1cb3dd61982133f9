"""`ratebook usage …`: usage events, added once for ever, and found again."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..cli import EXIT_USE
from ..diagnostics import Diagnostic
from .books import NounGroup, acting_options, database_option, fail, format_option, known_account, opened, succeeded
from .console import note, number_of, show_findings
from .listing import show_one, show_rows
from .live import mount
from .many_files import ManyFiles

if TYPE_CHECKING:
    from ..billing.acting import Acting
    from ..billing.usage import StoredEvent, UsageAdded

_SHOWN_MAX = 20
_COLUMNS = ("time", "account", "event", "meter", "fields", "id", "source")


@click.group("usage", cls=NounGroup, short_help="Usage events.")
def usage_command() -> None:
    """Add usage events, each of which counts once, and find them again."""


@usage_command.command("add", cls=ManyFiles)
@click.argument("files", nargs=-1, required=True, metavar="FILE…")
@click.option("--rejects", metavar="FILE", help="Write rows with mistakes to this file (CSV or .jsonl).")
@click.option("--skip-bad-rows", is_flag=True, help="Go on without rows that have mistakes; they are counted.")
@acting_options
@database_option
@format_option
def add(
    files: tuple[str, ...], rejects: str | None, skip_bad_rows: bool, acting: Acting, database: str, form: str
) -> None:
    """Add the events in FILEs of JSON Lines, CSV or Parquet; `-` is JSON Lines from standard input.

    An event that is there already, by source and id, has no second effect. Rows without an id count once a file.
    From 100,000 rows on they are kept in files beside the database; RATEBOOK_USAGE_FOLDER says where.
    """
    from ..billing.usage import add_usage
    from ..intake import first_rejects, write_rejects

    with opened(database) as store:
        added: UsageAdded = succeeded(add_usage(store, acting, list(files), skip_bad_rows=skip_bad_rows))
    if rejects is not None:
        show_findings(write_rejects(added.rejects, Path(rejects)))
    shown, more = first_rejects(added.rejects, _SHOWN_MAX)
    show_findings((*added.findings, *shown))
    if more:
        note(f"… and {more:,} more mistakes; --rejects FILE writes them all")
    if not added.is_sound and not skip_bad_rows:
        note("Nothing was added.")
        sys.exit(EXIT_USE)
    if form != "table":
        counts = {"read": added.read, "added": added.added, "repeated": added.repeated}
        show_one({**counts, "late": added.late, "rejected": added.rejected}, form)
        return
    parts = [f"{number_of(added.added, 'event')} added"]
    parts += [f"{added.repeated:,} there already"] if added.repeated else []
    parts += [f"{added.rejected:,} left out for mistakes"] if added.rejected else []
    click.echo(", ".join(parts))
    if added.late:
        click.echo(f"{number_of(added.late, 'event')} for billed periods: the next bill run adjusts these")


@usage_command.command("list")
@click.option("--account", metavar="ID", help="Only of this account.")
@click.option("--event", metavar="NAME", help="Only events of this name.")
@click.option("--meter", metavar="NAME", help="Only what this meter counts.")
@click.option("--from", "since", metavar="TIME", help="Not before this time, RFC 3339 or a day in UTC.")
@click.option("--to", "until", metavar="TIME", help="Before this time.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="At most so many, the earliest.")
@database_option
@format_option
def list_(
    account: str | None,
    event: str | None,
    meter: str | None,
    since: str | None,
    until: str | None,
    limit: int | None,
    database: str,
    form: str,
) -> None:
    """List events in the order of their time."""
    from ..billing.usage import find_usage

    first, last = _moment(since, "--from"), _moment(until, "--to")
    with opened(database) as store:
        known_account(store, account)
        found = store.read(
            lambda reader: list(
                find_usage(reader, account=account, event=event, meter=meter, since=first, until=last, count_max=limit)
            )
        )
    show_rows([_row(item) for item in found], form, _COLUMNS, empty="No usage is found.")


@usage_command.command("show")
@click.argument("event_id", metavar="ID")
@click.option("--source", default="", metavar="TEXT", help="The source that the id belongs to.")
@database_option
@format_option
def show(event_id: str, source: str, database: str, form: str) -> None:
    """Show the event ID."""
    from ..billing.usage import find_usage

    with opened(database) as store:
        found = store.read(lambda reader: list(find_usage(reader, source=source, id_=event_id)))
    if not found:
        hints = ("--source names its source", "`ratebook usage list` finds events by account and time")
        fail(Diagnostic("RB7056", f"there is no event {event_id}", hints=hints))
    received = found[0].received.isoformat(timespec="seconds")
    show_one(_row(found[0]) | {"received": received}, form)


def _moment(text: str | None, option: str) -> datetime | None:
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        fail(Diagnostic("RB9003", f"“{text}” is no time", hints=("write it as 2026-03-01T12:00:00Z",), place=option))
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found


def _row(item: StoredEvent) -> dict[str, object]:
    return {
        "time": item.time.isoformat().replace("+00:00", "Z"),
        "account": item.account,
        "event": item.event,
        "meter": item.meter,
        "fields": dict(item.fields),
        "id": item.id,
        "source": item.source,
    }


mount(usage_command)
