"""Which evaluator rates a run: asked for, or chosen by the size of the files."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from .rating import Inputs

ENGINES: Final = ("auto", "scalar", "batch", "spark")
BATCH_BYTES: Final = 4_000_000
"""From so many bytes of usage and accounts on the columnar evaluator is faster, its start included."""


def chosen_engine(asked: str, inputs: Inputs) -> str:
    """The engine of a run. Standard input and bills for a part of a period are the scalar evaluator's."""
    only_scalar = _only_scalar(inputs)
    if asked == "auto":
        return "scalar" if only_scalar or _size(inputs) < BATCH_BYTES else "batch"
    if asked != "scalar" and only_scalar:
        raise click.UsageError(f"{only_scalar} is rated by --engine scalar.")
    return asked


def _only_scalar(inputs: Inputs) -> str:
    if inputs.part:
        return "A part of a billing period (--part)"
    return "Usage from standard input" if "-" in inputs.usage else ""


def _size(inputs: Inputs) -> int:
    """The bytes of all files that the call names, as they lie there."""
    from ..intake.files import expand_paths

    files, _ = expand_paths([*inputs.usage, inputs.accounts])
    paths = [file.path for file in files if isinstance(file.path, Path)]
    return sum(path.stat().st_size for path in paths if path.is_file())
