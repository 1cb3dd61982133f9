"""recorder.c for Python: compiled once a machine, preloaded into a process of its own, and spoken to from there."""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).with_name("recorder.c")


class NoCompilerError(Exception):
    """There is nothing to compile the recorder with, or nothing to preload it."""


def library() -> Path:
    """The compiled recorder. Raises `NoCompilerError`."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if sys.platform != "linux" or compiler is None:
        raise NoCompilerError("needs Linux and a compiler of C")
    version = hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:16]
    built = Path(tempfile.gettempdir()) / f"ratebook-recorder-{os.getuid()}-{version}.so"
    if not built.exists():
        part = built.with_suffix(f".{os.getpid()}")
        subprocess.run(
            [compiler, "-O2", "-shared", "-fPIC", "-o", str(part), str(SOURCE), "-ldl", "-lpthread"], check=True
        )
        part.replace(built)
    return built


def recorded(module: str, arguments: Sequence[str]) -> dict[str, Any]:
    """What a module of this folder prints as JSON on its last line, run as a program under the recorder."""
    return program(module, arguments, {"LD_PRELOAD": str(library())})


def program(module: str, arguments: Sequence[str], environment: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The same without the recorder. What it says on standard error is shown; CalledProcessError where it fails."""
    command = [sys.executable, "-m", f"{__package__}.{module}", *arguments]
    together = {**os.environ, **(environment or {})}
    done = subprocess.run(command, env=together, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


class Recorder:
    """The recorder of this process, which was started under it."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(None)
        self._library.ratebook_clock.argtypes = (ctypes.c_int64,)
        self._library.ratebook_fail.argtypes = (ctypes.c_long, ctypes.c_long)
        self._library.ratebook_die.argtypes = (ctypes.c_long,)
        self._library.ratebook_writes.restype = ctypes.c_long
        self._library.ratebook_syncs.restype = ctypes.c_long

    def record(self, folder: Path, trace: Path | None) -> None:
        """Record what is written in a folder from now on; without a trace only failures are made there."""
        failed = self._library.ratebook_record(os.fsencode(folder), os.fsencode(trace) if trace else b"")
        if failed:
            raise OSError(failed, os.strerror(failed), str(trace))

    def fail(self, *, writes: int = -1, syncs: int = -1) -> None:
        """Let so many pass, then fail all; -1 for none."""
        self._library.ratebook_fail(writes, syncs)

    def die(self, *, syncs: int) -> None:
        """Be killed in the place of the sync after so many: what was written is there, and not yet on the disk."""
        self._library.ratebook_die(syncs)

    def clock(self, seconds: int) -> None:
        """Set the wall clock off by so many seconds."""
        self._library.ratebook_clock(seconds)

    @property
    def writes(self) -> int:
        """Writes since `fail` was called."""
        return int(self._library.ratebook_writes())

    @property
    def syncs(self) -> int:
        """Syncs since `fail` was called."""
        return int(self._library.ratebook_syncs())
