"""How commands that load files of accounts or subscriptions say what became of the rows."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ..cli import EXIT_USE
from .console import note, number_of, show_findings
from .listing import show_one

if TYPE_CHECKING:
    from ..billing.loading import Loaded

F = TypeVar("F", bound=Callable[..., Any])

_SHOWN_MAX = 20


def file_options(function: F) -> F:
    """The options `--from FILE` and `--rejects FILE`; the command gets them as `source` and `rejects`."""
    options = [
        click.option("--from", "source", metavar="FILE", help="Many at once: .csv, .jsonl, .json, .parquet or `-`."),
        click.option("--rejects", metavar="FILE", help="With --from, write the mistakes to this file (CSV or .jsonl)."),
    ]
    for option in reversed(options):
        function = option(function)
    return function


def one_or_many(single: Mapping[str, object], source: str | None) -> None:
    """End the command where it names neither one thing nor a file of many, or parts of both.

    `single` are the arguments and options of one thing by the names that people know.
    """
    given = [name for name, value in single.items() if value]
    if source is not None and given:
        raise click.UsageError(f"With --from the rows say it: leave out {', '.join(given)}.")
    missing = [name for name, value in single.items() if not value]
    if source is None and missing:
        raise click.UsageError(f"Give {' and '.join(missing)}, or many at once with --from FILE.")


def show_loaded(loaded: Loaded, noun: str, form: str, rejects: str | None) -> None:
    """Say what was added; where rows were wrong, which, and end the command, for nothing was."""
    from ..intake import first_rejects, write_rejects

    if rejects is not None:
        show_findings(write_rejects(loaded.rejects, Path(rejects)))
    shown, more = first_rejects(loaded.rejects, _SHOWN_MAX)
    show_findings((*loaded.findings, *shown))
    if more:
        note(f"… and {more:,} more mistakes; --rejects FILE writes them all")
    if not loaded.is_sound:
        note("Nothing was added.")
        sys.exit(EXIT_USE)
    if form != "table":
        show_one({"read": loaded.read, "added": loaded.added, "repeated": loaded.repeated}, form)
        return
    again = f", {loaded.repeated:,} there already" if loaded.repeated else ""
    click.echo(f"{number_of(loaded.added, noun)} added{again}")
