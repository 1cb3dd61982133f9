"""`ratebook init`: the starter ruleset with usage, accounts and a database, in a folder of the user's own."""

from __future__ import annotations

import csv
import os
import shlex
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path

import click

from ..diagnostics import Diagnostic
from .books import fail, opened, succeeded
from .rating import stop

RULESET, USAGE, ACCOUNTS = "starter.rates", "usage.jsonl", "accounts.csv"
PERIOD, DATABASE = "2026-03", "ratebook.db"


@click.command("init", short_help="Write a starter ruleset, and a database that runs.")
@click.argument("folder", metavar="FOLDER", required=False)
@click.option(
    "--database",
    "database",
    metavar="URL",
    help="Make this database, or bring one of an earlier schema to this one; with FOLDER, instead of its own.",
)
def init_command(folder: str | None, database: str | None) -> None:
    """Write a starter ruleset, usage and accounts into FOLDER, with a database that can bill them at once.

    Files that are there already are never overwritten. Without a FOLDER only the database is made.
    """
    if folder is None:
        if database is None:
            raise click.UsageError("Name a FOLDER, or give --database URL.")
        with opened(database, create=True) as store:
            succeeded(store.read(lambda reader: reader.rows("SELECT 1")))
        click.echo("The database is ready.")
        return
    target = Path(folder)
    contents = {name: _content(name) for name in (RULESET, USAGE, ACCOUNTS)}
    own = target / DATABASE
    made = [*(target / name for name in contents), *([own] if database is None else [])]
    taken = [_refused(path) for path in made if os.path.lexists(path)]
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
    url = str(own) if database is None else database
    _fill(url, target)
    names = [*contents, *([DATABASE] if database is None else [])]
    click.echo(f"Wrote {', '.join(names)} to {target}. Try next:\n")
    click.echo("\n".join(f"  {command}" for command in _next_commands(target, url)))


def _fill(url: str, folder: Path) -> None:
    """The starter's ruleset in force, its accounts subscribed, its usage added. The keys make it happen once."""
    from ..api import compile_file
    from ..billing.acting import Acting
    from ..billing.customers import create_customer
    from ..billing.rulesets import publish
    from ..billing.subscriptions import add_subscription
    from ..billing.usage import add_usage
    from ..intake import read_accounts

    compiled = compile_file(folder / RULESET, name=RULESET)
    assert not isinstance(compiled, Diagnostic) and compiled.program is not None, "the starter is checked"
    program = compiled.program
    currency = program.money.currency.code
    # Texts as the file has them, not values: they are held to the ruleset again in every period.
    with (folder / ACCOUNTS).open(encoding="utf-8", newline="") as file:
        texts = {(row["account"], row["start"]): row for row in csv.DictReader(file)}

    def acting(key: str) -> Acting:
        return Acting("ratebook init", datetime.now(UTC), f"init {program.hash} {key}", "starter")

    with opened(url, create=True) as store:
        published = publish(store, acting("publish"), compiled, note="starter")
        if isinstance(published, tuple):
            fail(*published)
        for row in read_accounts(folder / ACCOUNTS, program.schema).subscriptions:
            succeeded(create_customer(store, acting(f"account {row.account}"), row.account, currency))
            own = texts[row.account, row.start.isoformat()]
            attributes = {name: own[name] for name in row.attributes if own.get(name)}
            key = acting(f"subscription {row.account} {row.start}")
            succeeded(
                add_subscription(
                    store, key, row.account, program.name, row.plan, row.start, end=row.end, attributes=attributes
                )
            )
        succeeded(add_usage(store, acting("usage"), [folder / USAGE]))


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


def _next_commands(folder: Path, url: str) -> tuple[str, ...]:
    """Commands to paste into a shell, from where `init` was called."""
    database = shlex.quote(url)
    ruleset, usage, accounts = (shlex.quote(str(folder / name)) for name in (RULESET, USAGE, ACCOUNTS))
    return (
        f"ratebook check {ruleset}",
        f"ratebook test {ruleset}",
        f"ratebook rate {ruleset} --usage {usage} --accounts {accounts} --period {PERIOD}",
        f"ratebook bill run --period {PERIOD} --database {database}",
        f"ratebook bill list --database {database}",
    )
