"""`ratebook init`: the starter ruleset with usage and accounts, in a folder of the user's own."""

from __future__ import annotations

import os
import shlex
from importlib import resources
from pathlib import Path

import click

from ..diagnostics import Diagnostic
from .rating import stop

RULESET, USAGE, ACCOUNTS = "starter.rates", "usage.jsonl", "accounts.csv"
PERIOD = "2026-03"


@click.command("init", short_help="Write a starter ruleset.")
@click.argument("folder", metavar="FOLDER")
def init_command(folder: str) -> None:
    """Write a starter ruleset, usage and accounts into FOLDER, and say what to try next.

    Files that are there already are never overwritten.
    """
    target = Path(folder)
    contents = {name: _content(name) for name in (RULESET, USAGE, ACCOUNTS)}
    taken = [_refused(target / name) for name in contents if os.path.lexists(target / name)]
    if taken:
        stop(taken)
    try:
        target.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        stop([Diagnostic("RB9007", "it is a file, not a folder", hints=("choose another folder",), place=folder)])
    except OSError as error:
        stop([_failure(target, "the folder cannot be made", error)])
    for name, content in contents.items():
        _write(target / name, content)
    click.echo(f"Wrote {', '.join(contents)} to {target}. Try next:\n")
    click.echo("\n".join(f"  {command}" for command in _next_commands(target)))


def _content(name: str) -> bytes:
    return (resources.files("ratebook.rulesets") / "starter" / name).read_bytes()


def _write(path: Path, content: bytes) -> None:
    try:
        with path.open("xb") as file:
            file.write(content)
    except FileExistsError:
        stop([_refused(path)])
    except OSError as error:
        stop([_failure(path, "the file cannot be written", error)])


def _refused(path: Path) -> Diagnostic:
    hints = ("choose another folder", "move the file away")
    return Diagnostic("RB9007", "the file is there already, and is not overwritten", hints=hints, place=str(path))


def _failure(path: Path, what: str, error: OSError) -> Diagnostic:
    reason = error.strerror or str(error)
    return Diagnostic("RB9007", f"{what}: {reason}", hints=("choose another folder",), place=str(path))


def _next_commands(folder: Path) -> tuple[str, ...]:
    """Three commands to paste into a shell, from where `init` was called."""
    ruleset, usage, accounts = (shlex.quote(str(folder / name)) for name in (RULESET, USAGE, ACCOUNTS))
    return (
        f"ratebook check {ruleset}",
        f"ratebook test {ruleset}",
        f"ratebook rate {ruleset} --usage {usage} --accounts {accounts} --period {PERIOD}",
    )
