"""The user's cache folder: what is kept between two runs, where losing it costs only time.

Two things are: the parse tables (`tables`) and the programs of rulesets (`commands/kept.py`).
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def cache_folder() -> Path:
    """Where Ratebook keeps what it can make again."""
    named = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    if named:
        return Path(named) / "ratebook"
    try:
        return Path.home() / ".cache" / "ratebook"
    except RuntimeError:
        return Path(tempfile.gettempdir()) / f"ratebook-{os.getpid()}"


def keep(path: Path, data: bytes) -> None:
    """Write a file of the cache, whole or not at all; where that does not work, nothing is kept."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.NamedTemporaryFile("wb", dir=path.parent, delete=False) as file:
            file.write(data)
        Path(file.name).replace(path)
    except OSError:
        return
