"""`--usage A B C`: an option that takes all the files that follow it."""

from __future__ import annotations

from collections.abc import Sequence

import click


class ManyFiles(click.Command):
    """A command whose `--usage` takes all the files that follow it, as a shell's own globs give them."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, _repeated(args))


def _repeated(args: Sequence[str]) -> list[str]:
    """`--usage A B` as `--usage A --usage B`, once RULESET has been given; before it, one file an option."""
    found: list[str] = []
    ruleset_given = False
    position = 0
    while position < len(args):
        argument = args[position]
        position += 1
        found.append(argument)
        if not argument.startswith("-"):
            ruleset_given = True
            continue
        if argument in _FLAGS or "=" in argument or position == len(args):
            continue
        found.append(args[position])
        position += 1
        while argument == "--usage" and ruleset_given and position < len(args) and not _is_option(args[position]):
            found += ["--usage", args[position]]
            position += 1
    return found


_FLAGS = ("--skip-bad-rows", "--part", "--help", "-h")


def _is_option(argument: str) -> bool:
    return argument.startswith("-") and argument != "-"
