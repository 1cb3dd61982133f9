"""The earlier version that `--against` names: a file, a folder, or a revision of git."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..diagnostics import Diagnostic, Source
from .files import SUFFIX, compile_file

if TYPE_CHECKING:
    from ..engine.compiler.compile import Compiled

_GIT = "git:"


@dataclass(frozen=True, slots=True)
class Earlier:
    """A ruleset of now with its earlier version: compiled, or why there is none. `name` is how it is cited."""

    path: Path
    name: str
    compiled: Compiled | Diagnostic | None


def is_revision(against: str) -> bool:
    """Whether OLD is `git:REV`."""
    return against.startswith(_GIT)


def earlier_versions(
    against: str, paths: Sequence[str], files: Sequence[Path], *, max_bytes: int | None
) -> Iterator[Earlier]:
    """The earlier version of each file; a `compiled` of None where the file is new."""
    for path in files:
        if is_revision(against):
            yield _at_revision(path, against.removeprefix(_GIT), max_bytes=max_bytes)
            continue
        target = _beside(path, Path(against), [Path(text) for text in paths])
        if target is None or (Path(against).is_dir() and not target.is_file()):
            yield Earlier(path, against, None)
        else:
            yield Earlier(path, str(target), compile_file(target, max_bytes=max_bytes))


def removed_files(against: str, paths: Sequence[str]) -> list[str]:
    """The rulesets of an older folder that have no file of their name in the newer one."""
    old = Path(against)
    if is_revision(against) or not old.is_dir() or len(paths) != 1 or not Path(paths[0]).is_dir():
        return []
    new = Path(paths[0])
    return [
        str(item)
        for item in sorted(old.rglob(f"*{SUFFIX}"))
        if item.is_file() and not (new / item.relative_to(old)).is_file()
    ]


def _beside(path: Path, old: Path, given: Sequence[Path]) -> Path | None:
    """The file in an older place that belongs to one of now; None where there can be none."""
    if not old.is_dir():
        return old
    for folder in given:
        if folder.is_dir() and path.is_relative_to(folder):
            return old / path.relative_to(folder)
    return old / path.name


def _at_revision(path: Path, revision: str, *, max_bytes: int | None) -> Earlier:
    from ..engine.compiler.compile import MAX_BYTES, compile_ruleset

    name = f"{revision}:{path}"
    text = _show(path.parent, revision, path.name)
    if isinstance(text, Diagnostic):
        return Earlier(path, name, text)
    if text is None:
        return Earlier(path, name, None)

    def read(relative: str) -> str | None:
        found = _show(path.parent, revision, relative)
        return found if isinstance(found, str) else None

    limit = MAX_BYTES if max_bytes is None else max_bytes
    return Earlier(path, name, compile_ruleset(Source(name, text), read, max_bytes=limit))


def _show(folder: Path, revision: str, relative: str) -> str | Diagnostic | None:
    """A file as it stood at a revision; None where it was not there; a finding where git cannot say."""
    known = _git(folder, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    if known is None:
        return Diagnostic(
            "RB9010", "git is not installed", hints=("name a file or a folder instead",), place=f"{_GIT}{revision}"
        )
    if known.returncode:
        return Diagnostic(
            "RB9010",
            f"git knows no revision `{revision}` here",
            hints=(
                "check the name, and that the ruleset lies in a repository",
                "on a CI server, fetch the history: `fetch-depth: 0` of actions/checkout",
            ),
            place=f"{_GIT}{revision}",
        )
    found = _git(folder, "show", f"{known.stdout.decode().strip()}:./{relative}")
    if found is None or found.returncode:
        return None
    return found.stdout.decode("utf-8-sig", "replace")


def _git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[bytes] | None:
    try:
        return subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, check=False)
    except OSError:
        return None
