"""Keys that commands need: from a file or the environment, never from an argument, which others could see."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from ..diagnostics import Diagnostic
from .books import fail, succeeded

F = TypeVar("F", bound=Callable[..., Any])


def key_file_option(variable: str) -> Callable[[F], F]:
    """`--key-file FILE`; without it the key is read from an environment variable."""
    return click.option("--key-file", metavar="FILE", help=f"The file with the key; else {variable} has the key.")


def read_key(key_file: str | None, variable: str) -> bytes:
    """The key of the call; ends the command where there is none."""
    found = read_key_if_given(key_file, variable)
    if found is None:
        hints = (f"give --key-file, or put the key into {variable}", "`ratebook card key FILE` makes a key")
        fail(Diagnostic("RB7070", "a key is needed", hints=hints))
    return found


def read_key_if_given(key_file: str | None, variable: str) -> bytes | None:
    """The key of the call, None where none was given; ends the command where it is no key."""
    from ..billing.keys import parse_key

    if key_file is None:
        text, place = os.environ.get(variable, ""), variable
        if not text:
            return None
    else:
        place = key_file
        try:
            text = Path(key_file).read_text(encoding="ascii", errors="replace")
        except OSError as error:
            hints = ("check the path",)
            fail(Diagnostic("RB9001", f"the key cannot be read: {error.strerror}", hints=hints, place=key_file))
    key: bytes = succeeded(parse_key(text, place=place))
    return key


def write_secret(path: str, text: str) -> None:
    """Write a new file that only its owner may read, on the disk before this returns; ends the command otherwise."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        there = isinstance(error, FileExistsError)
        hint = "name a new file; what is there is not written over" if there else "choose another folder"
        fail(Diagnostic("RB9007", f"the file cannot be written: {error.strerror}", hints=(hint,), place=path))
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
