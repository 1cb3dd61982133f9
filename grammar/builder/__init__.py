"""From productions to nodes: a function for each rule of the grammar, grouped as the language is."""

from __future__ import annotations

from . import conditions, facts, leaves, plans, policies, prices, windows
from .build import STAND_IN, Action, Build

__all__ = ["ACTIONS", "STAND_IN", "Build"]

ACTIONS: dict[str, Action] = {
    **leaves.ACTIONS,
    **facts.ACTIONS,
    **windows.ACTIONS,
    **conditions.ACTIONS,
    **prices.ACTIONS,
    **plans.ACTIONS,
    **policies.ACTIONS,
}
