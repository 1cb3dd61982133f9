"""Keys of a log in files: the secret one that signs, which only its owner reads, and public ones that auditors keep."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from ...diagnostics import Diagnostic
from ...ledger.note import SEED_LENGTH, PublicKey, SecretKey, new_key, read_public_key, read_secret_key

_MODE = 0o600


def make_key(name: str, path: Path) -> SecretKey | Diagnostic:
    """A new key in a new file that nobody else can read. A file that is there stays as it is."""
    key = new_key(name, os.urandom(SEED_LENGTH))
    if isinstance(key, Diagnostic):
        return key
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE), "w", encoding="utf-8") as out:
            out.write(key.text() + "\n")
    except FileExistsError:
        hints = ("choose another file; a key is never written over",)
        return Diagnostic("RB9007", "the file is there already", hints=hints, place=str(path))
    except OSError as error:
        return Diagnostic("RB9007", f"the file cannot be written: {error.strerror or error}", place=str(path))
    return key


def secret_key(path: Path | None, text: str | None) -> SecretKey | Diagnostic:
    """The key of a file, or of a text that the environment gave."""
    if path is not None:
        read = _read(path)
        return read if isinstance(read, Diagnostic) else read_secret_key(read)
    if text is None:
        hints = ("`ratebook audit key NAME -o FILE` makes one", "--key names its file")
        return Diagnostic("RB7116", "no key to sign with was given", hints=hints)
    return read_secret_key(text)


def public_keys(given: Sequence[str]) -> list[PublicKey | Diagnostic]:
    """The keys of texts, and of files that hold one in each line."""
    found: list[PublicKey | Diagnostic] = []
    for text in given:
        if "+" in text and not Path(text).is_file():
            found.append(read_public_key(text))
            continue
        read = _read(Path(text))
        if isinstance(read, Diagnostic):
            found.append(read)
        else:
            found.extend(read_public_key(line) for line in read.splitlines() if line.strip())
    return found


def _read(path: Path) -> str | Diagnostic:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        return Diagnostic("RB9001", f"the file cannot be read: {reason}", place=str(path))
