"""What a thing of the model means, apart from how and where it is written: two that mean the same cost the same."""

from __future__ import annotations

from collections.abc import Mapping

from ....records import Record
from ...plan import Bound, Targets

_WORDS = frozenset(
    {"place", "span", "text", "once_text", "free_text", "unit_text", "head", "labels", "because", "citation", "dating"}
)
"""Fields that say how a thing is called, written and explained; no amount depends on them."""


def meaning(value: object, without: frozenset[str] = frozenset()) -> object:
    """A value that is equal for two things if and only if they mean the same.

    Places, labels, reasons and texts take no part, nor do fields named in `without`, at any depth. It is hashable where
    the thing holds no mapping.
    """
    match value:
        case Targets():
            return (value.everything, tuple(sorted(value.names)))
        case Bound():
            return (value.amount, value.prorated)
        case Record():
            left_out = _WORDS | without
            return (
                type(value).__name__,
                *(meaning(getattr(value, name), without) for name in value._names if name not in left_out),
            )
        case tuple():
            return tuple(meaning(item, without) for item in value)
        case Mapping():
            return {key: meaning(item, without) for key, item in value.items()}
        case _:
            return value


def same(old: object, new: object, without: frozenset[str] = frozenset()) -> bool:
    """Whether two things mean the same; tables of many rows are left at the first difference."""
    if old is new:
        return True
    if isinstance(old, tuple) and isinstance(new, tuple):
        return len(old) == len(new) and all(same(left, right, without) for left, right in zip(old, new, strict=True))
    if type(old) is type(new) and isinstance(old, Record) and not isinstance(old, Targets | Bound):
        left_out = _WORDS | without
        return all(same(getattr(old, name), getattr(new, name), without) for name in old._names if name not in left_out)
    return meaning(old, without) == meaning(new, without)
