"""Short runs of the faults; `scripts/reliability` has the long ones. Controls show that a loss would be seen."""

from __future__ import annotations

from typing import Any

import pytest

from ratebook.tests.ledger.faults import kills
from ratebook.tests.ledger.faults.recorder import NoCompilerError, library, recorded


@pytest.fixture(scope="module")
def recorder() -> None:
    """Skips where the recorder cannot be made."""
    try:
        library()
    except NoCompilerError as error:
        pytest.skip(f"the recorder {error}")


def test_a_killed_writer_loses_and_repeats_nothing() -> None:
    figures = kills.run(60, "1", rows_max=80)
    assert figures.found == []
    assert figures.times == 60
    assert figures.acknowledged > 20
    assert figures.views > 10


@pytest.mark.usefixtures("recorder")
def test_power_cuts_lose_and_repeat_nothing() -> None:
    figures = _cuts(200)
    assert figures["found"] == []
    assert figures["cuts"] == 200
    assert 50 < figures["states"] < 200
    assert figures["acknowledged"] > 50


@pytest.mark.usefixtures("recorder")
@pytest.mark.parametrize("synchronous", ["NORMAL", "OFF"])
def test_power_cuts_find_what_a_weaker_store_loses(synchronous: str) -> None:
    figures = _cuts(100, "--synchronous", synchronous)
    assert figures["kinds"]["lost"] >= 1


@pytest.mark.usefixtures("recorder")
def test_what_is_answered_after_a_death_is_not_lost_with_the_power() -> None:
    figures = _cuts(60, "--cuts-a-trace", "4", "--after-deaths")
    assert figures["found"] == []
    # Without the sync of what the dead process left, the answers of retries are.
    figures = _cuts(60, "--cuts-a-trace", "4", "--after-deaths", "--synchronous", "UNSETTLED")
    assert figures["kinds"]["lost"] >= 1


def _cuts(times: int, *arguments: str) -> dict[str, Any]:
    return recorded("power_cuts", ["--times", f"{times}", "--seed", "1", "--cuts-a-trace", "10", *arguments])


@pytest.mark.usefixtures("recorder")
@pytest.mark.parametrize("failing", ["writes", "syncs"])
def test_a_full_disk_is_refused_and_recovered_from(failing: str) -> None:
    figures = recorded("disk_full", ["--points", "16", "--seed", "1", "--failing", failing])
    assert figures["found"] == []
    assert figures["points"] == 16
    assert figures["refused"] + figures["unknown"] >= 16
    assert figures["unopened"] >= 2
    # A commit whose sync failed may have happened; what did not fit has not.
    assert (figures["unknown"] > 0) == (failing == "syncs")


@pytest.mark.usefixtures("recorder")
def test_clocks_that_jump_change_nothing_but_effective_times() -> None:
    figures = recorded("clock_jumps", ["--times", "3", "--seed", "1"])
    assert figures["found"] == []
    assert figures["jumps"] > 20
