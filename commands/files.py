"""Ruleset files: finding, reading and compiling them, for every command that takes RULESET or PATH."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..diagnostics import Diagnostic, Source

if TYPE_CHECKING:
    from ..engine.compiler.compile import Compiled

SUFFIX = ".rates"


@dataclass(frozen=True, slots=True)
class Found:
    """The ruleset files that paths name, and what is wrong with the paths."""

    files: tuple[Path, ...]
    findings: tuple[Diagnostic, ...]


def find_rulesets(paths: Sequence[str]) -> Found:
    """The files of PATH…; of folders every `.rates` file below them. Each once, in order."""
    files: dict[Path, None] = {}
    findings: list[Diagnostic] = []
    for text in paths:
        path = Path(text)
        if path.is_dir():
            below = sorted(item for item in path.rglob(f"*{SUFFIX}") if item.is_file())
            if not below:
                hint = f"write a ruleset into a file that ends in {SUFFIX}, or begin with `ratebook init`"
                findings.append(
                    Diagnostic("RB9008", f"there is no {SUFFIX} file in the folder", hints=(hint,), place=text)
                )
            files.update(dict.fromkeys(below))
        else:
            files[path] = None
    return Found(tuple(files), tuple(findings))


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


def read_text(path: Path) -> str | Diagnostic:
    """A file's text, or why it cannot be read."""
    try:
        data = path.read_bytes()
    except OSError as error:
        reason = error.strerror or str(error)
        return Diagnostic("RB9001", f"the file cannot be read: {reason}", hints=("check the path",), place=str(path))
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        return Diagnostic(
            "RB1012",
            f"line {line} is not UTF-8: byte {data[error.start]:#04x}",
            hints=("save the file as UTF-8",),
            place=str(path),
        )


def compile_file(path: Path, *, name: str | None = None, max_bytes: int | None = None) -> Compiled | Diagnostic:
    """A ruleset compiled from its file and those it imports. `name` is how messages and statements cite it."""
    from ..engine.compiler.compile import MAX_BYTES, compile_ruleset

    text = read_text(path)
    if isinstance(text, Diagnostic):
        return text
    return compile_ruleset(
        Source(name or str(path), text), _reader(path.parent), max_bytes=MAX_BYTES if max_bytes is None else max_bytes
    )


def _reader(folder: Path) -> Callable[[str], str | None]:
    """Reads imported files below a folder; links that lead out of it are not followed."""
    root = folder.resolve()

    def read(relative: str) -> str | None:
        target = (folder / relative).resolve()
        if not target.is_relative_to(root):
            return None
        found = read_text(target)
        return found if isinstance(found, str) else None

    return read
