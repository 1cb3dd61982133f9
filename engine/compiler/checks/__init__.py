"""Checks on a resolved ruleset: what costs money before it costs money. Each finding carries a witness.

`CHECKS` lists them, one concern a file, each a function from the model to findings. Gaps, overlaps and unreachable rows
of tables are found where their trees are built.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ....diagnostics import Diagnostic
from ..model import Ruleset
from .conditions import check_never
from .dates import check_dates
from .ladders import check_counted, check_pooled, check_prorated, check_shares
from .meters import check_unpriced
from .policies import check_best_one, check_combinations, check_stacking
from .prices import check_cliffs
from .versions import check_versions

__all__ = ["CHECKS", "check"]

CHECKS: tuple[Callable[[Ruleset], Iterator[Diagnostic]], ...] = (
    check_combinations,
    check_stacking,
    check_best_one,
    check_never,
    check_unpriced,
    check_cliffs,
    check_pooled,
    check_counted,
    check_prorated,
    check_shares,
    check_dates,
    check_versions,
)


def check(ruleset: Ruleset) -> tuple[Diagnostic, ...]:
    """All findings of all checks, each once."""
    found: dict[Diagnostic, None] = {}
    for one in CHECKS:
        found.update(dict.fromkeys(one(ruleset)))
    return tuple(found)
