"""Ratebook: price lists as text with a grammar, checked, rated to the last cent, explained line by line.

    import ratebook

    prices = ratebook.load("web.rates")
    statement = ratebook.quote(prices, "hosting", {"requests": 120, "egress": "12.5"})
    print(ratebook.explain(prices, statement))

The names below are the public ones; they are imported when they are first used, so that importing `ratebook` costs
nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .api import RatebookError, Ruleset, add_usage, compile, explain, load, quote, rate  # noqa: A004
    from .billing.usage import UsageAdded
    from .engine.statement import Line, Statement

__all__ = [
    "Line",
    "RatebookError",
    "Ruleset",
    "Statement",
    "UsageAdded",
    "add_usage",
    "compile",
    "explain",
    "load",
    "quote",
    "rate",
]


def __getattr__(name: str) -> object:
    if name in ("Line", "Statement"):
        from .engine import statement

        return getattr(statement, name)
    if name == "UsageAdded":
        from .billing import usage

        return usage.UsageAdded
    if name in __all__:
        from . import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
