"""Checks on a resolved ruleset: what costs money before it costs money. Each finding carries a witness.

`CHECKS` lists them, one concern a file, each a function from the model to findings. Gaps, overlaps and unreachable rows
of tables are found where their trees are built.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ....diagnostics import Diagnostic
from ..model import Ruleset
from .bounds import check_bounds, check_hidden_bands
from .conditions import check_never
from .dates import check_dates
from .given import check_examples
from .idle import check_idle
from .ladders import check_counted, check_pooled, check_prorated, check_shares
from .meters import check_included, check_unpriced
from .missing import check_missing_dates
from .names import check_look_alikes
from .policies import check_best_one, check_combinations, check_stacking
from .prices import check_cliffs
from .rounding import check_small_rates
from .versions import check_versions
from .windows import check_holidays, check_windows

__all__ = ["CHECKS", "ONLY_WARN", "check"]

CHECKS: tuple[Callable[[Ruleset], Iterator[Diagnostic]], ...] = (
    check_combinations,
    check_stacking,
    check_best_one,
    check_never,
    check_idle,
    check_unpriced,
    check_included,
    check_cliffs,
    check_pooled,
    check_counted,
    check_prorated,
    check_shares,
    check_small_rates,
    check_bounds,
    check_hidden_bands,
    check_dates,
    check_versions,
    check_missing_dates,
    check_windows,
    check_holidays,
    check_look_alikes,
    check_examples,
)

ONLY_WARN: frozenset[Callable[[Ruleset], Iterator[Diagnostic]]] = frozenset(
    (
        check_idle,
        check_unpriced,
        check_included,
        check_cliffs,
        check_small_rates,
        check_missing_dates,
        check_look_alikes,
    )
)
"""The checks that find no errors: who rates does not wait for them."""


def check(ruleset: Ruleset, *, warn: bool = True) -> tuple[Diagnostic, ...]:
    """All findings of all checks, each once; without `warn` only of those that may find errors."""
    found: dict[Diagnostic, None] = {}
    for one in CHECKS:
        if not warn and one in ONLY_WARN:
            continue
        found.update(dict.fromkeys(one(ruleset)))
    return tuple(found)
