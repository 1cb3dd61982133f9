"""The programs of rulesets, kept in the user's cache folder, so that rating does not compile them in every run.

A kept program counts only while everything that it was made from is as it was: each text that compiling asked for, and
the code that compiled it. Whatever is wrong with it, the ruleset is compiled again ([decision
0016](../docs/decisions/0016-kept-programs.md)).
"""

from __future__ import annotations

import enum
import hashlib
import importlib
import importlib.util
import io
import json
import os
import pickle
import stat
import sys
import zoneinfo
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, is_dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from ..api import read_text, reader_of
from ..cli import VERSION
from ..diagnostics import Diagnostic, Source
from ..engine.plan import Program
from ..grammar.cache import cache_folder, keep
from ..grammar.collector import without_garbage_collector
from ..records import Record

if TYPE_CHECKING:
    from ..engine.compiler.compile import Compiled

_ENTRIES_MAX = 16
_FORMAT = "1"
_ROOT = Path(__file__).parent.parent
_PACKAGE = __name__.partition(".")[0]
_COMPILING = ("diagnostics", "engine", "grammar", "money")
_PLAIN = {
    ("decimal", "Decimal"),
    ("fractions", "Fraction"),
    *(("datetime", name) for name in ("date", "time", "datetime", "timedelta")),
}


@dataclass(frozen=True, slots=True)
class Kept:
    """A program as it was compiled in an earlier run, and the texts that it was made from."""

    program: Program
    sources: Mapping[str, Source]


def kept_program(path: Path) -> Kept | None:
    """The program of a ruleset file, if it is kept and would come out the same now."""
    try:
        entry = _own_bytes(_entry_of(path))
        head, _, data = entry.partition(b"\n")
        made = json.loads(head)
        if made["by"] != _maker() or made["data"] != _digest(data):
            return None
        texts = _texts(path, made["texts"])
        if texts is None:
            return None
        with without_garbage_collector():
            program = _Unpickler(io.BytesIO(data)).load()
        if not isinstance(program, Program):
            return None
        return Kept(program, {name: Source(name, texts[name]) for name in made["sources"]})
    except (OSError, ValueError, LookupError, TypeError, AttributeError, ImportError, EOFError, pickle.PickleError):
        return None


def compile_and_keep(path: Path) -> Compiled | Diagnostic:
    """A ruleset compiled from its file and those it imports, for rating: its findings are its errors.

    The program is kept.
    """
    # Only here: a run that reads a kept program needs no compiler, whose import takes longer than most rulesets.
    from ..engine.compiler.compile import compile_ruleset

    text = read_text(path)
    if isinstance(text, Diagnostic):
        return text
    texts: dict[str, str | None] = {}
    read = reader_of(path.parent)

    def recorded(relative: str) -> str | None:
        texts[relative] = found = read(relative)
        return found

    compiled = compile_ruleset(Source(path.name, text), recorded, warn=False)
    texts[path.name] = text
    if compiled.program is not None:
        _keep(path, compiled.program, compiled.sources, texts)
    return compiled


def _keep(path: Path, program: Program, sources: Mapping[str, Source], texts: Mapping[str, str | None]) -> None:
    maker = _maker()
    if maker is None or any(texts.get(name) != source.text for name, source in sources.items()):
        return
    written = io.BytesIO()
    try:
        _Pickler(written, pickle.HIGHEST_PROTOCOL).dump(program)
    except (pickle.PickleError, TypeError, AttributeError, RecursionError):
        return
    data = written.getvalue()
    head = {
        "by": maker,
        "data": _digest(data),
        "texts": {name: _text_digest(text) for name, text in texts.items()},
        "sources": list(sources),
    }
    keep(_entry_of(path), json.dumps(head).encode() + b"\n" + data)
    _leave_newest(cache_folder())


def _entry_of(path: Path) -> Path:
    """Where the program of a ruleset is kept: one place for each ruleset file, whatever it says."""
    return cache_folder() / f"program-{_digest(os.fsencode(path.absolute()))[:32]}.bin"


def _own_bytes(path: Path) -> bytes:
    """A file's bytes, if it is the user's own and nobody else may write it."""
    with path.open("rb") as file:
        found = os.fstat(file.fileno())
        if hasattr(os, "getuid") and (found.st_uid != os.getuid() or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)):
            raise PermissionError(path)
        return file.read()


def _texts(path: Path, digests: Mapping[str, str | None]) -> Mapping[str, str] | None:
    """Everything that compiling asked for, by its name; None where one of the answers is another one now."""
    found: dict[str, str] = {}
    read = reader_of(path.parent)
    for name, digest in digests.items():
        text = read_text(path) if name == path.name else read(name)
        text = None if isinstance(text, Diagnostic) else text
        if _text_digest(text) != digest:
            return None
        if text is not None:
            found[name] = text
    return found


def _leave_newest(folder: Path) -> None:
    """Leave only the programs that were kept last."""
    try:
        entries = sorted(folder.glob("program-*.bin"), key=lambda entry: entry.stat().st_mtime_ns, reverse=True)
        for entry in entries[_ENTRIES_MAX:]:
            entry.unlink()
    except OSError:
        return


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _text_digest(text: str | None) -> str | None:
    return None if text is None else _digest(text.encode("utf-8", "surrogatepass"))


# What compiles


def _maker() -> str | None:
    """What a program depends on besides its texts: our code, Python, time zones and tables of holidays.

    Code is known by its files' sizes and times, for a version may have several states while it is worked on. None where
    the package is not made of files.
    """
    try:
        ours = [mark for folder in _COMPILING for mark in _marks(str(_ROOT / folder))]
        ours.append(_mark("records.py", (_ROOT / "records.py").stat()))
    except OSError:
        return None
    zones = [_mark(each, os.stat(each)) for each in zoneinfo.TZPATH if os.path.isdir(each)]  # noqa: PTH112, PTH116
    tables = [_version_of(name) for name in ("tzdata", "holidays")]
    said = (_FORMAT, VERSION, sys.version, str(_ROOT), *sorted(ours), *zones, *tables)
    return _digest("\0".join(said).encode())


def _marks(folder: str) -> Iterator[str]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir():
                if entry.name != "__pycache__":
                    yield from _marks(entry.path)
            else:
                yield _mark(entry.path, entry.stat())


def _mark(name: str, found: os.stat_result) -> str:
    return f"{name} {found.st_size} {found.st_mtime_ns} {found.st_ctime_ns}"


def _version_of(package: str) -> str:
    """Where a package stands, and since when."""
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        return ""
    return _mark(found.origin, Path(found.origin).stat())


# Writing and reading programs


def _read_only(values: dict[Any, Any]) -> Mapping[Any, Any]:
    return MappingProxyType(values)


class _Pickler(pickle.Pickler):
    """Writes a program. Mappings that cannot be changed stay so."""

    dispatch_table: Mapping[type, Callable[[Any], Any]] = {
        MappingProxyType: lambda value: (_read_only, (dict(value),)),
    }


class _Unpickler(pickle.Unpickler):
    """Reads a program, which is made of our values and a few of Python's: nothing else is called."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == (__name__, _read_only.__name__):
            return _read_only
        if (module, name) in _PLAIN:
            return getattr(importlib.import_module(module), name)
        if module.partition(".")[0] == _PACKAGE:
            found = getattr(importlib.import_module(module), name)
            if isinstance(found, type) and (issubclass(found, Record | enum.Enum | tuple) or is_dataclass(found)):
                return found
        raise pickle.UnpicklingError(f"{module}.{name} is no part of a program")
