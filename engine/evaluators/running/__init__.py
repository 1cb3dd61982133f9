"""Charging as it happens: running counters of one subscription in one billing period, and prices at the margin."""

from .charging import Marginal, MarginalLine, Running, debit, open_period, provisional
from .wire import from_json, to_json

__all__ = [
    "Marginal",
    "MarginalLine",
    "Running",
    "debit",
    "from_json",
    "open_period",
    "provisional",
    "to_json",
]
