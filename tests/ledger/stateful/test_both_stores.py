"""Both real databases and the model answer the same to every stream of operations, and stay sound.

Short here. `scripts/stateful` runs it long and writes what came out to docs/reliability.md; the environment variable
RATEBOOK_STATEFUL, as in `2000x100`, says how many sequences of how many steps.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from ratebook.tests.ledger.stateful.machine import FIGURES, BothStores

CHOICES_SIZE_MAX = 1_000_000
"""Hypothesis ends a sequence early once its choices take 8 KiB, which those with many calls of twenty requests do."""


def test_both_stores_and_the_model_agree(
    new_sqlite: Callable[[], str], recycled_postgresql: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("hypothesis.internal.conjecture.engine", "hypothesis.stateful"):
        monkeypatch.setattr(f"{module}.BUFFER_SIZE", CHOICES_SIZE_MAX)
    sequences, _, steps = os.environ.get("RATEBOOK_STATEFUL", "12x30").partition("x")
    seed = os.environ.get("RATEBOOK_STATEFUL_SEED")

    class Machine(BothStores):
        """The machine on databases of this test."""

        steps_max = int(steps)

        @staticmethod
        def databases() -> tuple[str, str]:
            return new_sqlite(), recycled_postgresql()

    machine: Any = Machine
    if seed is not None:
        from hypothesis import seed as with_seed

        machine = with_seed(int(seed))(machine)
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        machine,
        settings=settings(
            max_examples=int(sequences),
            stateful_step_count=int(steps),
            deadline=None,
            derandomize=seed is None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert FIGURES["sequences"] >= int(sequences) // 2 and FIGURES["posted"] > 0
    if told := os.environ.get("RATEBOOK_STATEFUL_FIGURES"):
        Path(told).write_text(json.dumps(FIGURES), encoding="utf-8")
