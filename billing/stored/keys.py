"""Whether a file of usage has an event, without reading the file: its events' keys, sorted, beside it.

A key is eight bytes of a hash of source and id. A key that is not there says that the event is not; one that is there
says that it may be, and the file itself has to be asked. The keys follow from the file: where they are missing, or of
another number than its events, they are made anew.
"""

from __future__ import annotations

import mmap
import os
import sys
from array import array
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from hashlib import blake2b
from pathlib import Path

from .parts import Part, engine

_BYTES = 8
_BATCH = 50_000
_PROBES_MAX = 32
"""To look a key up costs about as much as to pass so many; from there on all keys of a file are read in a row."""


def key_of(source: str, event_id: str) -> int:
    """The key of an event."""
    named = f"{len(source)}:{source}{event_id}".encode()
    return int.from_bytes(blake2b(named, digest_size=_BYTES).digest(), "big")


def keys_path(path: Path) -> Path:
    """Where the keys of a file are."""
    return path.with_suffix(".keys")


def write_keys(keys: Iterable[int], path: Path) -> None:
    """Write sorted keys, each as eight bytes, the least significant first."""
    made = array("Q", sorted(keys))
    if sys.byteorder == "big":
        made.byteswap()
    with path.open("wb") as out:
        made.tofile(out)
        out.flush()
        os.fsync(out.fileno())


def possible(part: Part, keys: Collection[int]) -> set[int]:
    """Those of the keys that the file has."""
    with _keys_of(part) as found:
        if len(keys) * _PROBES_MAX < len(found):
            return {key for key in keys if _has(found, key)}
        return set(keys).intersection(found)


def may_share(one: Part, other: Part) -> bool:
    """Whether two files have a key in common."""
    with _keys_of(other) as keys:
        return any(possible(one, keys[first : first + _BATCH]) for first in range(0, len(keys), _BATCH))


def are_of(part: Part) -> bool:
    """Whether the keys beside a file, if there are any, are those of its events."""
    if not keys_path(part.path).is_file():
        return True
    with _keys_of(part) as found:
        return array("Q", found) == _read_keys(part)


def _has(found: memoryview | array[int], key: int) -> bool:
    place = bisect_left(found, key)
    return place < len(found) and found[place] == key


@contextmanager
def _keys_of(part: Part) -> Iterator[memoryview | array[int]]:
    path = keys_path(part.path)
    if not path.is_file() or path.stat().st_size != part.events * _BYTES:
        yield _made_anew(part, path)
        return
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        if sys.byteorder == "big":
            swapped = array("Q", content.read())
            swapped.byteswap()
            yield swapped
            return
        with memoryview(content) as whole, whole.cast("Q") as found:
            yield found


def _made_anew(part: Part, path: Path) -> array[int]:
    keys = _read_keys(part)
    # Who may only read the folder asks the file itself each time.
    with suppress(OSError):
        aside = path.with_name(f"{path.name}.{os.getpid()}")
        write_keys(keys, aside)
        aside.replace(path)
    return keys


def _read_keys(part: Part) -> array[int]:
    keys = array("Q")
    with engine([part]) as cursor:
        cursor.execute("SELECT source, event_id FROM read_parquet(?)", [part.pattern])
        while some := cursor.fetchmany(_BATCH):
            keys.extend(key_of(source, event_id) for source, event_id in some)
    return array("Q", sorted(keys))
