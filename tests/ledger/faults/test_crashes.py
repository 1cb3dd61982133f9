"""Short runs of the crashes of PostgreSQL, on a server of their own."""

from __future__ import annotations

import pytest

from ratebook.tests.ledger.faults import cluster, crashes


@pytest.fixture(autouse=True)
def installed() -> None:
    """Skips where PostgreSQL's programs are missing."""
    try:
        cluster.program("initdb")
    except cluster.NoServerError as error:
        pytest.skip(str(error))


def test_a_crashed_server_loses_and_repeats_nothing() -> None:
    figures = crashes.run(5, 20_261_123)
    assert figures.found == []
    assert figures.times == 5
    assert figures.acknowledged > 5


def test_crashes_find_what_a_server_loses_that_does_not_wait_for_its_disk() -> None:
    figures = crashes.run(4, 1, durable=False)
    assert figures.with_loss >= 1
