"""What commands say: findings in text or JSON, on standard error or standard output, with colour where it is wanted."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import IO, Any

import click

from ..diagnostics import Diagnostic, Severity, Source


def wants_colour(stream: IO[Any]) -> bool:
    """Whether a stream is a terminal whose user has not asked for `NO_COLOR`."""
    return stream.isatty() and not os.environ.get("NO_COLOR")


def show_findings(
    findings: Sequence[Diagnostic], sources: Mapping[str, Source] | None = None, *, err: bool = True
) -> None:
    """Print findings as text, a blank line between them."""
    if not findings:
        return
    from ..diagnostics.text import render_text

    stream = sys.stderr if err else sys.stdout
    click.echo(render_text(findings, sources or {}, colour=wants_colour(stream)), err=err, color=wants_colour(stream))


def counted(findings: Sequence[Diagnostic]) -> tuple[int, int]:
    """How many errors and how many warnings."""
    errors = sum(finding.severity is Severity.ERROR for finding in findings)
    return errors, len(findings) - errors


def number_of(count: int, noun: str) -> str:
    """`1 error`, `2,000 events`."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def note(text: str) -> None:
    """Say something on standard error."""
    click.echo(text, err=True)
