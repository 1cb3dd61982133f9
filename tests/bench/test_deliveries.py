"""bench/deliveries.py on few events: its parts are what they say, and a lost or doubled event would be seen."""

from __future__ import annotations

import importlib
import random
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

BENCH = Path(__file__).resolve().parents[2] / "bench"
ACCOUNTS = 6


@pytest.fixture
def deliveries(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(BENCH))
    return importlib.import_module("deliveries")


@pytest.fixture
def given(deliveries: Any) -> Any:
    return deliveries.events(400, ACCOUNTS, random.Random(3))


def test_every_event_comes_one_to_five_times_and_first_in_its_part(deliveries: Any, given: Any) -> None:
    parts = deliveries.mixed(given, 1_500, random.Random(4))
    times = Counter(event.line for part in parts for event in part)
    assert times.total() == 1_500
    assert set(times) == {event.line for event in given}
    assert set(times.values()) == {1, 2, 3, 4, 5}
    first = {event.line: number for number in (4, 3, 2, 1) for event in parts[number - 1]}
    assert all(event.part <= first[event.line] for event in given)
    assert {event.part for event in given} == {1, 2, 3, 4}
    # Repeats of what was billed come after the bill.
    assert any(event.part == 1 for event in parts[2])
    assert 5 < sum(event.is_late for event in given) < 40


def test_the_mixed_run_is_the_clean_one_and_a_wrong_one_is_not(deliveries: Any, given: Any) -> None:
    clean = deliveries.on("sqlite", deliveries.clean(given), ACCOUNTS)
    parts = deliveries.mixed(given, 1_500, random.Random(4))
    mixed = deliveries.on("sqlite", parts, ACCOUNTS)
    assert mixed.content == clean.content
    assert (mixed.added, mixed.repeated, mixed.late) == (400, 1_100, sum(event.is_late for event in given))
    assert clean.adjustments > 0
    in_time = deliveries.on("sqlite", deliveries.in_time(given), ACCOUNTS)
    assert (in_time.adjustments, in_time.accounts) == (0, clean.accounts)
    lost = next(event for event in parts[2] if event.is_late)
    less = [[event for event in part if event.line != lost.line] for part in parts]
    assert deliveries.on("sqlite", less, ACCOUNTS).content != clean.content
    twice = replace(lost, line=lost.line.replace('"id": "e-', '"id": "again-'))
    assert deliveries.on("sqlite", [*parts[:3], [*parts[3], twice]], ACCOUNTS).content != clean.content
