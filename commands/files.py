"""Which ruleset files a command is about: RULESET is one, PATH… are many."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..api import compile_file, read_text
from ..diagnostics import Diagnostic

__all__ = ["Found", "compile_file", "find_one", "find_rulesets", "read_text", "replace_file"]

SUFFIX = ".rates"


@dataclass(frozen=True, slots=True)
class Found:
    """The ruleset files that paths name, and what is wrong with the paths."""

    files: tuple[Path, ...]
    findings: tuple[Diagnostic, ...]


def find_rulesets(paths: Sequence[str]) -> Found:
    """The files of PATH…; of folders every `.rates` file below them, hidden folders left out. Each once, in order."""
    files: dict[Path, None] = {}
    findings: list[Diagnostic] = []
    for text in paths:
        path = Path(text)
        if path.is_dir():
            below = sorted(item for item in path.rglob(f"*{SUFFIX}") if item.is_file() and not _hidden(item, path))
            if not below:
                hint = f"write a ruleset into a file that ends in {SUFFIX}, or begin with `ratebook init`"
                findings.append(
                    Diagnostic("RB9008", f"there is no {SUFFIX} file in the folder", hints=(hint,), place=text)
                )
            files.update(dict.fromkeys(below))
        else:
            files[path] = None
    return Found(tuple(files), tuple(findings))


def _hidden(file: Path, folder: Path) -> bool:
    """Whether a file lies in a hidden folder below another, as those of an environment in `.venv` do."""
    return any(part.startswith(".") for part in file.relative_to(folder).parts)


def find_one(text: str) -> Path | Diagnostic:
    """The one ruleset that RULESET names: a file, or the only one directly in a folder."""
    path = Path(text)
    if not path.is_dir():
        return path
    below = sorted(item for item in path.glob(f"*{SUFFIX}") if item.is_file())
    if len(below) == 1:
        return below[0]
    if not below:
        return Diagnostic("RB9008", f"there is no {SUFFIX} file in the folder", hints=("name a file",), place=text)
    with_header = [item for item in below if _has_header(item)]
    if len(with_header) == 1:
        return with_header[0]
    names = ", ".join(item.name for item in below[:5])
    return Diagnostic("RB9009", f"the folder has several rulesets: {names}", hints=("name one of them",), place=text)


def _has_header(path: Path) -> bool:
    read = read_text(path)
    return isinstance(read, str) and any(line.startswith("ruleset ") for line in read.splitlines())


def replace_file(path: Path, text: str, *hints: str) -> Diagnostic | None:
    """Write a file whole or not at all: beside it first, then in its place. Says why where it cannot be written."""
    import tempfile

    try:
        mode = path.stat().st_mode
        with tempfile.NamedTemporaryFile(
            "w", dir=path.parent, prefix=f".{path.name}.", delete=False, encoding="utf-8", newline=""
        ) as file:
            file.write(text)
        try:
            Path(file.name).chmod(mode)
            Path(file.name).replace(path.resolve())
        except OSError:
            Path(file.name).unlink(missing_ok=True)
            raise
    except OSError as error:
        reason = error.strerror or os.strerror(error.errno or 0)
        return Diagnostic("RB9007", f"the file cannot be written: {reason}", hints=hints, place=str(path))
    return None
