"""What is different between a ruleset and an earlier version of it, in business words; pure, as the compiler is."""

from __future__ import annotations

from .compare import compare
from .comparison import Change, Comparison, Effect, ExampleChange, Kind, UsageRange, Verdict

__all__ = ["Change", "Comparison", "Effect", "ExampleChange", "Kind", "UsageRange", "Verdict", "compare"]
