"""What commands over a database share: which database, who acts and when, and how mistakes end a command."""

from __future__ import annotations

import getpass
import os
import sys
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from functools import wraps
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, cast

import click

from ..cli import EXIT_USE
from ..diagnostics import Diagnostic
from .console import note, show_findings
from .listing import FORMATS

if TYPE_CHECKING:
    from ..ledger.store import Store

F = TypeVar("F", bound=Callable[..., Any])

DEFAULT_DATABASE = "ratebook.db"

database_option = click.option(
    "--database",
    "database",
    envvar="RATEBOOK_DATABASE",
    default=DEFAULT_DATABASE,
    show_default=True,
    metavar="URL",
    help="A file, or postgresql://…; also RATEBOOK_DATABASE.",
)
format_option = click.option(
    "--format", "form", type=click.Choice(FORMATS), default="table", show_default=True, help="How to print."
)


def acting_options(function: F) -> F:
    """Options of commands that change something; the command gets them as one argument `acting`."""
    options = [
        click.option("--key", metavar="TEXT", help="Names this wish: given again, it has no second effect."),
        click.option("--actor", metavar="NAME", help="Who does it, for the log; the user of the system otherwise."),
        click.option("--reason", default="", metavar="TEXT", help="Why, for the log."),
        click.option("--at", "at", metavar="TIME", help="When it takes effect, RFC 3339; now otherwise."),
    ]

    @wraps(function)
    def command(key: str | None, actor: str | None, reason: str, at: str | None, **own: Any) -> None:
        from ..billing.acting import Acting

        acting = Acting(actor or _user(), _time(at), key or str(uuid.uuid4()), reason)
        function(acting=acting, **own)

    for option in reversed(options):
        command = option(command)
    return cast(F, command)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"user {os.getuid()}" if hasattr(os, "getuid") else "unknown"


def _time(text: str | None) -> datetime:
    return datetime.now(UTC) if text is None else parsed_time(text, "--at")


def parsed_time(text: str, option: str) -> datetime:
    """An instant from the call; ends the command where it is none."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        hints = ("write it as 2026-03-01T12:00:00+08:00",)
        fail(Diagnostic("RB9003", f"“{text}” is no time", hints=hints, place=option))
    if found.tzinfo is None:
        hint = f"write {found.isoformat()}Z for UTC"
        fail(Diagnostic("RB9003", f"“{text}” has no offset", hints=(hint,), place=option))
    return found


def parsed_day(text: str, option: str) -> date:
    """A day from the call; ends the command where it is none."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        fail(Diagnostic("RB9003", f"“{text}” is no date", hints=("write it as 2026-04-01",), place=option))


@contextmanager
def opened(database: str, *, create: bool = False) -> Iterator[Store]:
    """The store of the call; what it cannot do ends the command with its finding.

    RATEBOOK_USAGE_FOLDER says where its files of usage are, beside an SQLite file otherwise.
    """
    from ..ledger.store import StoreError, open_store

    folder = os.environ.get("RATEBOOK_USAGE_FOLDER")
    try:
        store = open_store(database, create=create, folder=Path(folder) if folder else None)
        try:
            yield store
        finally:
            store.close()
    except StoreError as error:
        fail(error.finding)


def fail(*findings: Diagnostic) -> NoReturn:
    """End the command with findings; nothing has happened."""
    show_findings(findings)
    sys.exit(EXIT_USE)


def succeeded(answer: Any) -> Any:
    """The answer of an operation; ends the command where it was refused."""
    if isinstance(answer, Diagnostic):
        fail(answer)
    return answer


def known_account(store: Store, account: str | None) -> None:
    """End the command where an account is named that there is not."""
    from ..billing.customers import find_customer

    if account is not None:
        succeeded(store.read(lambda reader: find_customer(reader, account)))


def write_file(path: Path, parts: Iterable[str]) -> None:
    """Write a text file whole or not at all, and say so; ends the command where that fails."""
    from ..intake.outputs import written_aside

    try:
        with written_aside(path) as aside, aside.open("w", encoding="utf-8", newline="\n") as out:
            out.writelines(parts)
    except OSError as error:
        reason = error.strerror or str(error)
        hints = ("choose another folder",)
        fail(Diagnostic("RB9007", f"the file cannot be written: {reason}", hints=hints, place=str(path)))
    note(f"written to {path}")


class Verb(click.Command):
    """A command of a group. An argument such as `-5` is an amount below zero and no option."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """The arguments, amounts below zero with a sign that begins no option."""
        with_value = {
            name
            for parameter in self.params
            if isinstance(parameter, click.Option) and not parameter.is_flag
            for name in (*parameter.opts, *parameter.secondary_opts)
        }
        found = [
            arg if arg[:1] != "-" or not arg[1:2].isdigit() or before in with_value else f"\N{MINUS SIGN}{arg[1:]}"
            for before, arg in pairwise(["", *args])
        ]
        return super().parse_args(ctx, found)


class NounGroup(click.Group):
    """A group of verbs over one noun: `ratebook account create`. Verbs in the order in which they were added."""

    command_class = Verb

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(self.commands)
