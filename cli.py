"""The command line: `ratebook COMMAND …`.

This module only knows which commands there are; each lives in `commands/` and is imported when it is called, so that
`--help` starts at once. It also keeps tracebacks from users: an unexpected failure names a report file and exits 70.
"""

from __future__ import annotations

import gc
import importlib
import os
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

import click

VERSION = "0.1.0"

COMMANDS = {
    "check": "Check rulesets: grammar, names, units, and what costs money by mistake.",
    "fmt": "Bring rulesets into their one canonical form.",
    "test": "Run the worked examples that live in rulesets.",
    "rate": "Rate usage against accounts into statements.",
    "explain": "Explain every cent of one account's statement.",
    "invoice": "Write invoices for people, with the reasons behind each line.",
    "quote": "Price some usage on a plan, without any files.",
    "account": "Customers' accounts: open, look at, deposit, withdraw, close.",
    "payment": "Payments, refunds, and payments that bounced.",
    "card": "Prepaid cards: make, sell, redeem, expire.",
    "outbox": "What leaves the system, and what became of it.",
    "report": "Revenue, receivables, prepaid money and usage as tables, files and charts.",
    "export": "The ledger as Beancount or hledger text, billed lines as FOCUS.",
    "audit": "Show that nothing posted was changed, and why a line is what it is.",
    "watch": "Rules on balances, spend and usage that tell once.",
    "log": "Operations on accounts and fees: who, what, when, before, after, why.",
    "publish": "Bring a ruleset into force, and say for whom it changes what.",
    "subscription": "Which account has which plan: add, change, end.",
    "usage": "Usage events: add, each once for ever, and find again.",
    "bill": "The billing run, and the invoices that it issued.",
    "init": "Write a starter ruleset with usage and accounts that can be rated at once.",
    "order": "Print the order in which charges, policies, bounds and taxes apply.",
    "errors": "Print the page of a diagnostic, or the list of all.",
}
MODULES = {"fmt": "format", "init": "starter", "order": "pages", "errors": "pages"}
EXIT_FINDINGS, EXIT_USE, EXIT_NOT_DECIDED, EXIT_BUG = 1, 2, 3, 70


class LazyGroup(click.Group):
    """A group whose commands are imported when they are used; their help lines stand here."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f".commands.{MODULES.get(cmd_name, cmd_name)}", __package__)
        command = getattr(module, f"{cmd_name}_command")
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0] if args else ""
        if name and name not in COMMANDS and not name.startswith("-"):
            import difflib

            near = difflib.get_close_matches(name, COMMANDS, n=1, cutoff=0.5)
            hint = f" Did you mean '{near[0]}'?" if near else ""
            ctx.fail(f"No such command '{name}'.{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(VERSION, prog_name="ratebook")
def ratebook() -> None:
    """Turn price lists written as text into exact, explained invoices.

    A ruleset is a price list that an analyst can read aloud: check it, test it, rate usage against accounts, and
    explain every cent. Begin with `ratebook init my-prices`.
    """


def main() -> None:
    """Run the command line and exit; a user never sees a traceback."""
    # A short run makes a hundred thousand objects that live to its end; looking through them takes a fifth of its time.
    gc.set_threshold(100_000, 20, 50)
    try:
        code: Any = ratebook.main(standalone_mode=False)
    except click.exceptions.Abort:
        click.echo("Stopped.", err=True)
        code = 130
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except BrokenPipeError:
        # The reader of a pipe has gone, as `head` does; nothing more can be said to it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except Exception:
        code = _report_bug(traceback.format_exc())
    sys.exit(code if isinstance(code, int) else 0)


def _report_bug(trace: str) -> int:
    with tempfile.NamedTemporaryFile(
        "w", prefix="ratebook-report-", suffix=".txt", delete=False, encoding="utf-8"
    ) as report:
        report.write(f"ratebook {VERSION}\n{' '.join(sys.argv)}\n\n{trace}")
    click.echo(
        f"ratebook failed in a way that it should not: nothing is wrong with your input as far as is known.\n"
        f"A report is in {Path(report.name)}; please send it to the maintainers.",
        err=True,
    )
    return EXIT_BUG
