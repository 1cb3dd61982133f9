"""Tampering with a log in memory, in every way that is known: all of it is found, and named for what it is."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratebook.ledger.leaf import Field, heading, leaf
from ratebook.ledger.merkle import Frontier, leaf_hash, root
from ratebook.ledger.note import Checkpoint, SecretKey, new_key, open_note, sign
from ratebook.ledger.verify import Audit, LogRow, LogState, verify_log

COLUMNS = ("id", "key", "debit", "credit", "amount", "currency", "kind", "reference", "effective", "hold", "digest")
TABLE = heading("transfers", COLUMNS)
SIZE = 1_000
SIGNED = (1, 100, 512, 700, SIZE)


def fields_of(place: int) -> tuple[Field, ...]:
    hold = place // 2 if place % 7 == 0 else None
    return (place + 1, f"march/a-{place}", place % 9, 10 + place % 5, 100 + place, "CNY", "charge", f"INV-{place}/1",
            1_767_225_600_000_000 + place, hold, bytes([place % 256]) * 4)  # fmt: skip


def written(place: int, fields: Sequence[Field], table: str = TABLE) -> LogRow:
    return place, table, tuple(fields), leaf_hash(leaf(table, fields))


def state_of(rows: Sequence[LogRow]) -> LogState:
    return LogState(len(rows), Frontier().append(row[3] for row in rows).to_bytes())


def checkpoints_of(rows: Sequence[LogRow]) -> list[Checkpoint]:
    """Signed, written outside, and read again."""
    key = new_key("ledger.example.com/test", b"\x05" * 32)
    assert isinstance(key, SecretKey)
    opened = [
        open_note(sign(Checkpoint(key.name, size, root(row[3] for row in rows[:size])), key), [key.public_key])
        for size in SIGNED
    ]
    return [one for one in opened if isinstance(one, Checkpoint)]


ROWS = [written(place, fields_of(place)) for place in range(SIZE)]
STATE = state_of(ROWS)
CHECKPOINTS = checkpoints_of(ROWS)


def codes(audit: Audit) -> dict[str, int]:
    assert {finding.code for finding in audit.findings} == set(audit.counts)
    return dict(audit.counts)


def without_hash(row: LogRow, **changes: Field) -> LogRow:
    """The row with other fields and the hash that it had."""
    fields = [changes.get(name, value) for name, value in zip(COLUMNS, row[2], strict=True)]
    return row[0], row[1], fields, row[3]


def flipped(value: Field) -> Field:
    match value:
        case None:
            return 0
        case int():
            return value ^ 1
        case str():
            return value[:-1] + chr(ord(value[-1]) ^ 1)
        case bytes():
            return value[:-1] + bytes([value[-1] ^ 1])


def test_a_log_that_nobody_touched() -> None:
    audit = verify_log(iter(ROWS), STATE, CHECKPOINTS)
    assert audit == Audit(SIZE, root(row[3] for row in ROWS), SIZE, ())
    assert len(CHECKPOINTS) == len(SIGNED)


def test_an_empty_log() -> None:
    assert verify_log([], state_of([])).findings == ()


@pytest.mark.parametrize("column", range(len(COLUMNS)), ids=COLUMNS)
def test_every_column_of_every_row_flipped_one_row_at_a_time(column: int) -> None:
    # The tree is the same for all: what is asked is whether the row is found, and no other.
    for place, row in enumerate(ROWS):
        fields = list(row[2])
        fields[column] = flipped(fields[column])
        around = [*ROWS[max(0, place - 1) : place], (place, TABLE, fields, row[3]), *ROWS[place + 1 : place + 2]]
        shifted = [(number, *one[1:]) for number, one in enumerate(around)]
        kept = state_of([ROWS[one] for one in range(max(0, place - 1), min(SIZE, place + 2))])
        assert codes(verify_log(shifted, kept)) == {"RB7101": 1}


@pytest.mark.parametrize("column", range(len(COLUMNS)), ids=COLUMNS)
def test_a_column_flipped_in_all_rows_at_once(column: int) -> None:
    rows: list[LogRow] = []
    for place, table, fields, stored in ROWS:
        changed = list(fields)
        changed[column] = flipped(changed[column])
        rows.append((place, table, changed, stored))
    audit = verify_log(rows, STATE, CHECKPOINTS)
    assert codes(audit) == {"RB7101": SIZE}
    (finding,) = audit.findings
    assert "1000 rows" in finding.message
    assert finding.notes[0].startswith("row 1 in transfers; row 2 in transfers;") and finding.notes[0].endswith(", …")


@pytest.mark.parametrize("place", [0, 1, 511, 512, SIZE - 1])
def test_a_changed_row_is_named(place: int) -> None:
    rows = [*ROWS]
    rows[place] = without_hash(ROWS[place], amount=1)
    audit = verify_log(rows, STATE, CHECKPOINTS)
    assert codes(audit) == {"RB7101": 1}
    assert audit.findings[0].message == f"a row was changed: row {place + 1} in transfers"


def test_another_table_or_other_names_of_columns() -> None:
    other = heading("transfers", ["id", "key", "credit", "debit", *COLUMNS[4:]])
    for table in (other, TABLE.replace("transfers", "refusals"), "transfers"):
        rows = [*ROWS[:5], (5, table, ROWS[5][2], ROWS[5][3]), *ROWS[6:]]
        assert codes(verify_log(rows, STATE)) == {"RB7101": 1}


@pytest.mark.parametrize("value", [1.0, True, "\ud800", bytearray(b"x"), object()])
def test_what_no_field_can_hold_is_a_changed_row(value: object) -> None:
    rows = [*ROWS[:5], without_hash(ROWS[5], amount=value), *ROWS[6:]]  # type: ignore[arg-type]
    assert codes(verify_log(rows, STATE)) == {"RB7101": 1}


@pytest.mark.parametrize("stored", [b"", b"\x00" * 32, None, "x" * 32, 5])
def test_a_damaged_hash_is_found_and_the_rows_are_as_signed(stored: object) -> None:
    rows = [*ROWS[:5], (*ROWS[5][:3], stored), *ROWS[6:]]
    audit = verify_log(rows, STATE, CHECKPOINTS)  # type: ignore[arg-type]
    assert codes(audit) == {"RB7101": 1}
    assert audit.fits == SIZE


def test_the_tail_deleted() -> None:
    audit = verify_log(ROWS[:950], STATE, CHECKPOINTS)
    assert codes(audit) == {"RB7103": 50, "RB7109": 1}
    assert audit.findings[0].notes == ("rows 951 to 1000",)
    assert audit.fits == 700


def test_the_tail_deleted_and_the_state_with_it() -> None:
    rows = ROWS[:650]
    assert codes(verify_log(rows, state_of(rows))) == {}
    audit = verify_log(rows, state_of(rows), CHECKPOINTS)
    assert codes(audit) == {"RB7109": 2}
    assert audit.fits == 512


def test_rows_deleted_inside() -> None:
    audit = verify_log([*ROWS[:200], *ROWS[203:600], *ROWS[601:]], STATE, CHECKPOINTS)
    assert codes(audit) == {"RB7102": 4}
    assert audit.findings[0].notes == ("rows 201 to 203; row 601",)
    assert audit.root is None and audit.fits == 100


def test_every_other_row_deleted() -> None:
    many = [written(place, fields_of(place)) for place in range(6_000)]
    audit = verify_log(many[1::2], state_of(many))
    assert codes(audit) == {"RB7102": 3_000}


def test_rows_deleted_and_the_rest_moved_up() -> None:
    rest = [*ROWS[:200], *ROWS[210:]]
    rows = [(place, *row[1:]) for place, row in enumerate(rest)]
    audit = verify_log(rows, state_of(rows), CHECKPOINTS)
    assert codes(audit) == {"RB7108": 2, "RB7109": 1}
    assert audit.fits == 100


def test_rows_that_changed_places_without_their_hashes() -> None:
    rows = [*ROWS]
    for one, other in ((10, 20), (30, 40)):
        rows[one] = (one, TABLE, ROWS[other][2], ROWS[one][3])
        rows[other] = (other, TABLE, ROWS[one][2], ROWS[other][3])
    audit = verify_log(rows, STATE, CHECKPOINTS)
    assert codes(audit) == {"RB7104": 4}
    assert audit.findings[0].notes[0].startswith("row 11 in transfers, written as row 21; ")


def test_rows_that_changed_places_with_their_hashes() -> None:
    rows = [*ROWS]
    rows[600], rows[601] = (600, *ROWS[601][1:]), (601, *ROWS[600][1:])
    audit = verify_log(rows, STATE, CHECKPOINTS)
    assert codes(audit) == {"RB7107": 1, "RB7108": 2}
    assert audit.fits == 512
    assert "the first 512 rows are as they were signed" in audit.findings[1].notes[-1]


def test_rows_that_come_in_another_order() -> None:
    rows = [*ROWS[:10], ROWS[12], ROWS[11], ROWS[10], *ROWS[13:]]
    assert codes(verify_log(rows, STATE)) == {"RB7104": 2}


def test_a_row_that_stands_twice() -> None:
    rows = [*ROWS[:11], ROWS[10], *ROWS[11:]]
    audit = verify_log(rows, STATE, CHECKPOINTS)
    assert codes(audit) == {"RB7105": 1}
    assert audit.findings[0].message == "a place has two rows: row 11 in transfers"


@pytest.mark.parametrize("place", [-1, -(10**30)])
def test_a_row_before_the_log(place: int) -> None:
    assert codes(verify_log([written(place, fields_of(5)), *ROWS], STATE)) == {"RB7106": 1}


def test_rows_after_the_log() -> None:
    more = [written(place, fields_of(place)) for place in range(SIZE, SIZE + 3)]
    audit = verify_log([*ROWS, *more], STATE, CHECKPOINTS)
    assert codes(audit) == {"RB7106": 3}
    assert codes(verify_log([*ROWS, written(10**30, fields_of(5))], STATE)) == {
        "RB7102": 10**30 - SIZE,
        "RB7106": 10**30 + 1 - SIZE,
    }


def test_a_row_rewritten_with_its_hash() -> None:
    changed = list(fields_of(600))
    changed[4] = 1
    rows = [*ROWS[:600], written(600, changed), *ROWS[601:]]
    assert codes(verify_log(rows, STATE)) == {"RB7107": 1}
    audit = verify_log(rows, STATE, CHECKPOINTS)
    assert codes(audit) == {"RB7107": 1, "RB7108": 2}
    assert audit.fits == 512


@pytest.mark.parametrize("place", [0, 99, 100, 511, 512, 999])
def test_the_whole_chain_recomputed_is_found_by_a_checkpoint_outside(place: int) -> None:
    changed = list(fields_of(place))
    changed[4] = 1
    rows = [*ROWS[:place], written(place, changed), *ROWS[place + 1 :]]
    state = state_of(rows)
    assert codes(verify_log(rows, state)) == {}
    audit = verify_log(rows, state, CHECKPOINTS)
    assert codes(audit) == {"RB7108": sum(size > place for size in SIGNED)}
    assert audit.fits == max((size for size in SIGNED if size <= place), default=0)


@pytest.mark.parametrize(
    "state",
    [
        replace(STATE, frontier=b""),
        replace(STATE, frontier=STATE.frontier[:-1]),
        replace(STATE, frontier=STATE.frontier[:-1] + b"\x00"),
        replace(STATE, frontier=state_of(ROWS[:10]).frontier),
        LogState(SIZE, None),  # type: ignore[arg-type]
    ],
)
def test_a_damaged_state(state: LogState) -> None:
    assert codes(verify_log(ROWS, state, CHECKPOINTS)) == {"RB7107": 1}


def test_a_state_that_was_set_back() -> None:
    assert codes(verify_log(ROWS, state_of(ROWS[:10]), CHECKPOINTS)) == {"RB7106": SIZE - 10}
    assert codes(verify_log(ROWS, replace(STATE, size=10))) == {"RB7106": SIZE - 10, "RB7107": 1}


@given(st.data())
def test_whatever_is_done_to_the_rows_is_found(data: st.DataObject) -> None:
    rows = [*ROWS[:40]]
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(rows) - 1))
        match data.draw(st.sampled_from(["delete", "repeat", "swap", "flip", "rewrite"])):
            case "delete":
                rows.pop(place)
            case "repeat":
                rows.insert(place, rows[data.draw(st.integers(0, len(rows) - 1))])
            case "swap":
                rows[place], rows[-1] = rows[-1], rows[place]
            case "flip":
                fields = list(rows[place][2])
                column = data.draw(st.integers(0, len(fields) - 1))
                fields[column] = flipped(fields[column])
                rows[place] = (rows[place][0], TABLE, tuple(fields), rows[place][3])
            case "rewrite":
                rows[place] = written(rows[place][0], (0, *rows[place][2][1:]))
    assert (verify_log(rows, state_of(ROWS[:40])).findings == ()) == (rows == ROWS[:40])


def test_memory_does_not_grow_with_the_log() -> None:
    def many(size: int) -> Iterator[LogRow]:
        for place in range(size):
            fields = (place + 1, "key", 100)
            yield place, "t(id,key,amount)", fields, b"\x00" * 32 if place % 3 else leaf_hash(leaf("t", fields))

    def peak(size: int) -> int:
        tracemalloc.start()
        verify_log(many(size), LogState(size, b""))
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return used

    peak(10)
    # Both sizes are of several batches, so that what a batch holds is in both.
    assert peak(80_000) < 1.2 * peak(20_000)
