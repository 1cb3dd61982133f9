"""`ratebook watch …`: what to be told of, and telling it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .books import NounGroup, acting_options, database_option, format_option, opened, succeeded
from .console import note, number_of
from .listing import show_rows

if TYPE_CHECKING:
    from ..billing.acting import Acting

COLUMNS = ("name", "account", "rule", "destination")
FIRED = ("time", "name", "account", "occasion", "value", "message")


@click.group("watch", cls=NounGroup, short_help="Rules on balances, spend and usage that tell once.")
def watch_command() -> None:
    """Be told when a balance, the spend or the usage of an account passes a mark."""


@watch_command.command("add")
@click.argument("name")
@click.argument("phrase", metavar="RULE")
@click.option("--to", "destination", required=True, metavar="URL", help="file:PATH or https://…")
@click.option("--account", default="", metavar="ID", help="Only this account; all otherwise.")
@acting_options
@database_option
@format_option
def add(name: str, phrase: str, destination: str, account: str, acting: Acting, database: str, form: str) -> None:
    """Watch for RULE from now on, under NAME.

    RULE is “balance below ¥50”, “spend above ¥1,000”, “spend above 80% of cap” or “usage of compute.used.units above
    3 times last week”.
    """
    from ..billing.watches import add_watch

    with opened(database) as store:
        answer = succeeded(add_watch(store, acting, name, phrase, destination, account=account))
    if answer["replaced"]:
        note(f"{name} watched for “{answer['replaced']}” until now.")
    _list(database, form)


@watch_command.command("remove")
@click.argument("name")
@acting_options
@database_option
@format_option
def remove(name: str, acting: Acting, database: str, form: str) -> None:
    """Stop watching NAME."""
    from ..billing.watches import remove_watch

    with opened(database) as store:
        succeeded(remove_watch(store, acting, name))
    _list(database, form)


@watch_command.command("list")
@database_option
@format_option
def list_(database: str, form: str) -> None:
    """List what is watched."""
    _list(database, form)


@watch_command.command("run")
@acting_options
@database_option
@format_option
def run(acting: Acting, database: str, form: str) -> None:
    """Hold every rule against its accounts now; what holds for the first time goes to the outbox."""
    from ..billing.spending import spend_of
    from ..billing.watches import watch_all
    from ..billing.watching import rule_text

    with opened(database) as store:
        found = watch_all(store, acting, spend_of)
    rows = [
        {
            "name": watch.name,
            "account": firing.account,
            "rule": rule_text(watch.rule),
            "occasion": firing.occasion,
            "value": firing.value,
        }
        for watch, firing in found
    ]
    show_rows(rows, form, ("name", "account", "rule", "value", "occasion"), empty="Nothing new to tell.")
    if found:
        note(f"{number_of(len(found), 'message')} in the outbox; `ratebook outbox deliver` sends them")


@watch_command.command("fired")
@click.option("--name", metavar="NAME", help="Only this rule.")
@click.option("--account", metavar="ID", help="Only this account.")
@database_option
@format_option
def fired(name: str | None, account: str | None, database: str, form: str) -> None:
    """List what has fired."""
    from ..billing.acting import instant
    from ..billing.reports.report import whole
    from ..billing.watches import firings

    with opened(database) as store:
        found = store.read(lambda reader: firings(reader, name=name, account=account))
    rows = [{**item, "time": instant(whole(item["time"])).isoformat(timespec="seconds")} for item in found]
    show_rows(rows, form, FIRED, empty="Nothing has fired.")


def _list(database: str, form: str) -> None:
    from ..billing.watches import watches
    from ..billing.watching import rule_text

    with opened(database) as store:
        found = store.read(watches)
    rows = [
        {
            "name": item.name,
            "account": item.account or "all",
            "rule": rule_text(item.rule),
            "destination": item.destination,
        }
        for item in found
    ]
    show_rows(rows, form, COLUMNS, empty="Nothing is watched: `ratebook watch add` begins.")
