"""Writes docs/cli.md from the commands themselves: `python docs/generate.py`; with `--check`, says whether it is true.

A script of the project, outside the package: nothing imports it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import click

from ratebook.cli import COMMANDS, ratebook

PAGE = Path(__file__).parent / "cli.md"

HEAD = """\
# The commands

This page is written by `python docs/generate.py` from the commands themselves; change them, not it.

`RULESET` is a file or a folder with one ruleset in it. `PATH…` are any number of files and folders; of a folder, every
`.rates` file below it is taken. What is read and written is described in [files and outputs](interfaces.md).

Results go to standard output, everything else to standard error. Progress bars and colour appear only on a terminal,
and colour not where `NO_COLOR` is set.

| exit code | meaning |
|---|---|
| 0 | done; warnings may stand |
| 1 | findings at or above `--fail-on`, or an example that failed |
| 2 | wrong use, or input that cannot be read or rated |
| 3 | a promise is not decided, under `check --require-proof` |
| 70 | an unexpected failure of Ratebook itself; a report file is named |

"""


SHARED = frozenset({"--database", "--key", "--actor", "--reason", "--at"})
"""Options of commands over a database, which stand in a table of their own."""


def page() -> str:
    """The whole page."""
    return HEAD + "\n".join([*_overview(), *_shared(), *(line for name in COMMANDS for line in _command(name))])


def _shared() -> Iterator[str]:
    """The options that verbs of groups share, as `publish` has them."""
    yield "Commands over a database have these options too, all but the first where they change something."
    yield ""
    yield from _table(sorted(_shared_options(), key=lambda option: "--database" not in option.opts))


def _shared_options() -> list[click.Option]:
    command = ratebook.get_command(click.Context(ratebook, info_name="ratebook"), "publish")
    assert command is not None
    return [item for item in command.params if isinstance(item, click.Option) and SHARED.intersection(item.opts)]


def _table(options: Iterable[click.Option]) -> Iterator[str]:
    yield "| option | |"
    yield "|---|---|"
    for option in options:
        yield f"| `{_cell(_words(option))}` | {_cell(_meaning(option))} |"
    yield ""


def _overview() -> Iterator[str]:
    yield "| command | what it does |"
    yield "|---|---|"
    for name, help_ in COMMANDS.items():
        yield f"| [`ratebook {name}`](#ratebook-{name}) | {_cell(help_)} |"
    yield ""


def _command(name: str) -> Iterator[str]:
    context = click.Context(ratebook, info_name="ratebook")
    command = ratebook.get_command(context, name)
    assert command is not None
    own = click.Context(command, info_name=name, parent=context)
    yield f"## ratebook {name}"
    yield ""
    yield from _described(command, own)
    shared = frozenset(option.help for option in _shared_options())
    if isinstance(command, click.Group):
        for verb in command.list_commands(own):
            found = command.get_command(own, verb)
            assert found is not None
            yield f"### ratebook {name} {verb}"
            yield ""
            yield from _described(found, click.Context(found, info_name=verb, parent=own), shared=shared)


def _described(
    command: click.Command, own: click.Context, *, shared: frozenset[str | None] = frozenset()
) -> Iterator[str]:
    """A command, its options but for those that are `shared` by many, with these meanings, and described once."""
    yield f"`{' '.join([own.command_path, *command.collect_usage_pieces(own)])}`"
    yield ""
    yield from _paragraphs(command.help or "")
    options = [item for item in command.params if isinstance(item, click.Option) and not item.hidden]
    options = [item for item in options if item.help not in shared]
    if options:
        yield from _table(options)


def _paragraphs(text: str) -> Iterator[str]:
    for paragraph in text.split("\n\n"):
        words, line = paragraph.split(), ""
        for word in words:
            if len(line) + 1 + len(word) > 120:
                yield line
                line = word
            else:
                line = f"{line} {word}".strip()
        yield line
        yield ""


def _words(option: click.Option) -> str:
    words = ", ".join(option.opts)
    if option.is_flag:
        return words
    if isinstance(option.type, click.Choice):
        return f"{words} {'|'.join(str(choice) for choice in option.type.choices)}"
    return f"{words} {option.metavar or option.type.name.upper()}"


def _meaning(option: click.Option) -> str:
    parts = [option.help or ""]
    if option.required:
        parts.append("Required.")
    elif option.show_default and not option.is_flag:
        parts.append(f"`{option.default}` by default.")
    return " ".join(part if part.endswith((".", "…")) else f"{part}." for part in parts if part)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main() -> int:
    """Write the page, or compare it."""
    text = page()
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(text, encoding="utf-8")
        return 0
    if PAGE.exists() and PAGE.read_text(encoding="utf-8") == text:
        return 0
    sys.stderr.write(f"{PAGE.name} is not what the commands say: run `python docs/generate.py`\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
