"""Examples of a plan on a day on which it is not in force."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from ....diagnostics import Diagnostic, Label
from ..model import ExpectedError, Ruleset


def check_examples(ruleset: Ruleset) -> Iterator[Diagnostic]:
    """Examples that no version of their plan can rate, where that is not what they expect."""
    for example in ruleset.examples:
        day = max(example.period.start, example.start)
        versions = [plan for plan in ruleset.plans if plan.name == example.plan]
        in_force = any(
            (plan.start is None or plan.start <= day) and (plan.end is None or day < plan.end) for plan in versions
        )
        refused = any(isinstance(item, ExpectedError) and item.code == "RB4004" for item in example.expectations)
        # A version that has a finding of its own may be the one that is missing.
        if in_force or refused or example.plan in ruleset.mentioned:
            continue
        starts = [plan.start for plan in versions if plan.start is not None and plan.start > day]
        ends = [plan.end for plan in versions if plan.end is not None and plan.end <= day]
        near = min(starts) if starts else max(ends) - timedelta(days=1)
        yield Diagnostic(
            "RB2503",
            f"no version of `{example.plan}` is in force on {day}, so that this example has no amount",
            example.span,
            "priced by what?",
            tuple(Label(plan.span, f"in force {_dates(plan.start, plan.end)}") for plan in versions[:2]),
            (
                f"write `in {near:%Y-%m}`, a period that the plan prices",
                "give the plan dates that hold the example's period",
                "write `expect error RB4004`, if the refusal is what the example shows",
            ),
            (f"witness: a bill for {day:%Y-%m} is refused with RB4004",),
        )


def _dates(start: object, end: object) -> str:
    return " ".join([*([f"from {start}"] if start else []), *([f"before {end}"] if end else [])]) or "always"
