"""Values of the engine on their way to tasks: pickled once by the driver, read once by each Python process of a worker.

What is read was written by the driver of the same run.
"""

from __future__ import annotations

import io
import pickle
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final

_CACHED: Final = 4


class _Pickler(pickle.Pickler):
    """Knows mappings that cannot be written to, which the engine's values hold."""

    def reducer_override(self, value: object) -> Any:
        if isinstance(value, MappingProxyType):
            return _read_only, (dict(value),)
        return NotImplemented


def _read_only(values: dict[Any, Any]) -> MappingProxyType[Any, Any]:
    return MappingProxyType(values)


def packed(value: object) -> bytes:
    """The value as bytes."""
    stream = io.BytesIO()
    _Pickler(stream, protocol=pickle.HIGHEST_PROTOCOL).dump(value)
    return stream.getvalue()


@lru_cache(maxsize=_CACHED)
def unpacked(content: bytes) -> Any:
    """The value that was packed; the last few are kept, for a process runs one task after another."""
    return pickle.loads(content)
