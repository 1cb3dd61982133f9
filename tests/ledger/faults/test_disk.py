"""The disk that loses what was not synced, on operations written by hand."""

from __future__ import annotations

import random

import pytest

from ratebook.tests.ledger.faults.disk import CREATE, OPEN, SYNC, SYNC_FOLDER, TRUNCATE, UNLINK, WRITE, Disk, Op

FILE = 7
CREATED = Op(CREATE, 0, FILE, b"a")
SYNCED = Op(SYNC, 0, FILE, b"")
NAMED = Op(SYNC_FOLDER, 0, 1, b"")
OLD, NEW = b"o" * 1024, b"n" * 1024


def _after(*ops: Op, given: dict[str, bytes] | None = None) -> list[dict[str, bytes]]:
    """What 400 cuts leave after these operations."""
    disk = Disk.holding(given or {})
    for op in ops:
        disk.take(op)
    return [disk.after_cut(random.Random(seed)) for seed in range(400)]


def test_what_was_synced_is_there_after_every_cut() -> None:
    states = _after(CREATED, Op(WRITE, 0, FILE, OLD), SYNCED, NAMED)
    assert all(state == {"a": OLD} for state in states)


def test_what_was_not_synced_may_be_lost_kept_or_torn_sector_by_sector() -> None:
    contents = {
        state["a"] for state in _after(CREATED, Op(WRITE, 0, FILE, OLD), SYNCED, NAMED, Op(WRITE, 0, FILE, NEW))
    }
    # Two sectors of 512 bytes: each old or new by itself, the second before the first too.
    assert {OLD, NEW, OLD[:512] + NEW[512:], NEW[:512] + OLD[512:]} <= contents
    torn = [one for one in contents if set(one[:512]) == set(b"on")]
    assert any(one[:512].rstrip(b"o").strip(b"n") == b"" for one in torn)  # new at its beginning, old after it
    assert any(set(one) - set(b"on") for one in contents)  # bytes that nobody wrote


def test_what_a_write_did_not_touch_stays_within_its_sector() -> None:
    states = _after(CREATED, Op(WRITE, 0, FILE, OLD), SYNCED, NAMED, Op(WRITE, 100, FILE, b"x" * 10))
    assert all(state["a"][:100] == OLD[:100] and state["a"][110:] == OLD[110:] for state in states)


def test_a_name_needs_a_sync_of_the_folder() -> None:
    states = _after(CREATED, Op(WRITE, 0, FILE, OLD), SYNCED)
    assert {} in states
    assert {"a": OLD} in states


def test_a_file_that_was_deleted_may_come_back_until_the_folder_is_synced() -> None:
    gone = Op(UNLINK, 0, 0, b"a")
    states = _after(gone, given={"a": OLD})
    assert {} in states
    assert {"a": OLD} in states
    assert all(state == {} for state in _after(gone, NAMED, given={"a": OLD}))


def test_a_truncation_needs_a_sync_as_well() -> None:
    opened, cut_short = Op(OPEN, 0, FILE, b"a"), Op(TRUNCATE, 10, FILE, b"")
    assert {len(state["a"]) for state in _after(opened, cut_short, given={"a": OLD})} == {10, 1024}
    assert {len(state["a"]) for state in _after(opened, cut_short, SYNCED, given={"a": OLD})} == {10}


def test_a_size_may_grow_without_the_content() -> None:
    contents = {state["a"] for state in _after(CREATED, SYNCED, NAMED, Op(WRITE, 0, FILE, NEW))}
    assert {b"", bytes(1024), NEW} <= contents


@pytest.mark.parametrize("order", [(OLD, NEW), (NEW, OLD)])
def test_of_two_writes_to_one_place_each_may_be_the_last_that_arrived(order: tuple[bytes, bytes]) -> None:
    writes = [Op(WRITE, 0, FILE, content) for content in order]
    contents = {state["a"] for state in _after(CREATED, SYNCED, NAMED, *writes)}
    assert {OLD, NEW} <= contents
