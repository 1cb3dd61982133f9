"""Python's garbage collector, kept still while trees are made: a module of its own, for whoever needs no parser."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_garbage_collector() -> Iterator[None]:
    """Work that makes many values and no circles of them takes half the time without looking for such."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
