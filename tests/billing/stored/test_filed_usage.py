"""Large intakes become files, and nobody who asks for usage can tell."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from ratebook.billing import rating
from ratebook.billing.stored import intake
from ratebook.billing.stored.events import Asked, count_events, event_names, events_by_time, stored_events
from ratebook.billing.stored.keys import key_of, keys_path, possible
from ratebook.billing.stored.lookup import kept
from ratebook.billing.stored.parts import parts_of
from ratebook.billing.usage import UsageAdded, add_usage, find_usage
from ratebook.ledger.store import Store, StoreError, open_store

MIXED = """
ruleset shop "Shop":
  currency CNY
  time zone Asia/Shanghai

unit call

event call.made:
  calls: number of call
  region: one of east, west, default east
  urgent: yes or no, default no
  label: text, default "none"

meter calls: sum of calls of call.made
meter labels: unique label of call.made
meter hours: sum of calls of call.made where urgent

plan basic "Basic" from 2026-01-01:
  charge calls "Calls" by region:
    | region | price          |
    | east   | ¥1.25 per call |
    | west   | ¥0.75 per call |
  charge labels: at ¥2.00 each
  charge hours: at ¥3.00 per call
"""


def call(name: str, day: str, calls: object = 1, account: str = "ann", **other: object) -> dict[str, object]:
    time = f"2026-{day}T09:00:00+08:00"
    return {"id": name, "account": account, "event": "call.made", "time": time, "calls": calls, **other}


def some_calls(accounts: int, each: int, seed: int = 1) -> list[dict[str, object]]:
    chance = random.Random(seed)
    rows = []
    for number in range(accounts * each):
        row = call(
            f"e-{number}", f"0{chance.randint(1, 3)}-{chance.randint(1, 28):02}", account=f"a-{number % accounts}"
        )
        row["calls"] = chance.choice([1, "0.5", "2.125", 7])
        if chance.random() < 0.5:
            row["region"] = chance.choice(["east", "west"])
        if chance.random() < 0.5:
            row["urgent"] = chance.random() < 0.5
        if chance.random() < 0.5:
            row["label"] = chance.choice(["x", 'a "b", c', "line\nbreak", "语", "null", ""])
        if chance.random() < 0.1:
            row["source"] = "eu"
        rows.append(row)
    chance.shuffle(rows)
    return rows


def added(books: Any, rows: list[dict[str, object]] | list[Path], filed_from: int = 1) -> UsageAdded:
    found = add_usage(books.store, books.acting(), rows, filed_from=filed_from)
    assert isinstance(found, UsageAdded)
    return found


@pytest.fixture
def shop(books: Any) -> Any:
    books.publish(MIXED)
    for name in ("ann", *(f"a-{number}" for number in range(20))):
        books.subscribe(name, "shop", "basic", "2026-01-01")
    return books


def everything(books: Any) -> list[tuple[object, ...]]:
    found = books.store.read(lambda reader: list(stored_events(reader, Asked())))
    return sorted((row.source, row.event_id, row.account, row.event, row.time, row.fields) for row in found)


@pytest.mark.parametrize("one_by_one", [0, 500])
def test_bills_are_the_same_as_of_rows(shop: Any, one_by_one: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rating, "ONE_BY_ONE_MAX", one_by_one)
    rows = some_calls(20, 30)
    assert added(shop, rows[:100], filed_from=1_000).added == 100
    assert added(shop, rows[100:400]).added == 300
    assert added(shop, rows[350:]).repeated == 50
    assert [count for (count,) in shop.rows("SELECT count(*) FROM usage_events")] == [100]
    assert shop.rows("SELECT count(*) FROM usage_files") == [(6,)], "a file for each month of each of two intakes"
    for month in ("2026-01", "2026-02"):
        shop.bill("shop", month, "2026-04-01")
    # The same as one event after the other comes to.
    own: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        own.setdefault((str(row["account"]), str(row["time"])[:7]), []).append(row)
    totals = {(account, start[:7]): total for account, _, start, _, _, total in shop.invoices()}
    assert len(totals) >= 40
    for key, events in own.items():
        if key[1] == "2026-03":
            continue
        east = sum(float(row["calls"]) for row in events if row.get("region", "east") == "east")
        west = sum(float(row["calls"]) for row in events if row.get("region") == "west")
        urgent = sum(float(row["calls"]) for row in events if row.get("urgent"))
        labels = len({row.get("label", "none") for row in events})
        # Multiples of an eighth: 1.25 and 0.75 times them are exact in thirty-seconds, and each line is rounded once.
        assert totals[key] == sum(map(cents, (east * 1.25, west * 0.75, urgent * 3.0, labels * 2.0))), key
    assert shop.problems() == []


def cents(amount: float) -> int:
    return round(amount * 100)  # half to even, as the ruleset rounds


def test_an_event_counts_once_wherever_it_is(shop: Any) -> None:
    first = added(shop, [call("1", "01-05"), call("2", "01-06"), call("1", "01-05")])
    assert (first.read, first.added, first.repeated) == (3, 2, 1)
    again = added(shop, [call("2", "01-06"), call("3", "02-06"), call("1", "01-05", source="other")])
    assert (again.added, again.repeated) == (2, 1)
    in_rows = added(shop, [call("3", "02-06"), call("4", "01-06"), call("1", "01-05")], filed_from=100)
    assert (in_rows.added, in_rows.repeated) == (1, 2)
    third = added(shop, [call("4", "01-06"), call("5", "01-06")])
    assert (third.added, third.repeated) == (1, 1)
    assert [row[:2] for row in everything(shop)] == [
        ("", "1"),
        ("", "2"),
        ("", "3"),
        ("", "4"),
        ("", "5"),
        ("other", "1"),
    ]
    names = [("", "1"), ("", "9"), ("other", "1"), ("", "4")]
    assert set(shop.store.read(lambda reader: kept(reader, names))) == {("", "1"), ("other", "1"), ("", "4")}


def test_other_content_under_the_same_name_is_refused_wherever_it_is(shop: Any) -> None:
    added(shop, [call("filed", "01-05")])
    added(shop, [call("row", "01-05")], filed_from=100)
    before = everything(shop)
    for filed_from in (1, 100):
        wrong = [call("new", "01-07"), call("filed", "01-05", 2), call("row", "01-06"), call("new", "01-08")]
        found = added(shop, wrong, filed_from=filed_from)
        assert not found.is_sound and found.added == 0 and found.rejected == 3
        assert sorted((item.code, item.value) for item in found.rejects) == [
            ("RB3009", "filed"),
            ("RB3009", "new"),
            ("RB3009", "row"),
        ]
        assert everything(shop) == before
    skipped = add_usage(
        shop.store, shop.acting(), [call("filed", "01-05", 2), call("new", "01-07")], skip_bad_rows=True, filed_from=1
    )
    assert isinstance(skipped, UsageAdded) and (skipped.added, skipped.rejected) == (1, 1)


def test_mistakes_are_found_before_anything_is_written(shop: Any, folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "usage.jsonl"
    rows = [call(f"{number}", "01-05") for number in range(50)]
    rows[20]["calls"] = "many"
    rows[40]["account"] = "nobody"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = added(shop, [file])
    assert not found.is_sound and found.added == 0
    assert [(item.row, item.code) for item in found.rejects] == [(21, "RB3007"), (41, "RB3010")] or found.rejected == 2
    assert everything(shop) == [] and list(folder.rglob("*.parquet")) == [] and list(folder.glob(".*")) == []


def test_names_and_texts_of_every_kind(shop: Any) -> None:
    names = ["a,b", 'quote"quote', "line\nbreak", "\\N", "NULL", " space ", "语言", "'", "%*?[x]", "\r", "\t", "a\\"]
    rows = [call(name, "01-05", label=name, source=name) for name in names]
    assert added(shop, rows).added == len(names)
    assert {
        (row.id, row.source, row.fields["label"]) for row in shop.store.read(lambda reader: list(find_usage(reader)))
    } == {(name, name, name) for name in names}
    assert added(shop, rows).repeated == len(names)


def test_questions(shop: Any) -> None:
    rows = some_calls(5, 20)
    added(shop, rows[:40])
    added(shop, rows[40:60], filed_from=1_000)
    added(shop, rows[60:])

    def asked(**options: Any) -> list[str]:
        return shop.store.read(lambda reader: [row.event_id for row in events_by_time(reader, Asked(**options))])

    assert len(asked()) == 100
    own = [row for row in rows if row["account"] == "a-3"]
    assert sorted(asked(account="a-3")) == sorted(str(row["id"]) for row in own)
    assert asked(event_id="e-7") == ["e-7"]
    times = shop.store.read(lambda reader: [row.time for row in events_by_time(reader, Asked())])
    assert times == sorted(times)
    middle = times[50]
    assert len(asked(since=middle)) + len(asked(until=middle)) == 100
    assert shop.store.read(lambda reader: [r.time for r in events_by_time(reader, Asked(), count_max=7)]) == times[:7]
    places = [part.id for part in shop.store.read(parts_of)]
    assert len(asked(through=places[0])) + len(asked(after=places[0])) == 100
    by_place = shop.store.read(lambda reader: [row.place for row in stored_events(reader, Asked())])
    assert by_place == sorted(by_place)
    assert shop.store.read(lambda reader: count_events(reader, Asked(account="a-3"))) == len(own)
    assert shop.store.read(lambda reader: event_names(reader, Asked())) == ["call.made"]
    assert asked(events=()) == []


def test_a_file_that_is_missing_or_was_changed_is_named(shop: Any) -> None:
    added(shop, some_calls(5, 20))
    (part, *_) = shop.store.read(parts_of)
    content = part.path.read_bytes()
    for wrong in (
        None,
        b"",
        content[:-200],
        content[: len(content) // 2] + bytes(64) + content[len(content) // 2 + 64 :],
    ):
        part.path.unlink()
        if wrong is not None:
            part.path.write_bytes(wrong)
        with pytest.raises(StoreError) as raised:
            everything(shop)
        assert raised.value.finding.code == "RB7130" and raised.value.finding.hints
        part.path.write_bytes(content)
    assert len(everything(shop)) == 100


def test_keys_are_made_anew(shop: Any) -> None:
    added(shop, some_calls(5, 20))
    (part, *_) = shop.store.read(parts_of)
    path = keys_path(part.path)
    whole = path.read_bytes()
    some = {key_of("", f"e-{number}") for number in range(100)} | {key_of("", f"f-{number}") for number in range(5)}
    there = possible(part, some)
    assert len(there) == part.events - sum(row[0] == "eu" for row in everything(shop) if in_part(row, part))
    for wrong in (None, whole[:-8], b""):
        path.unlink()
        if wrong is not None:
            path.write_bytes(wrong)
        assert possible(part, some) == there and possible(part, list(some)[:1]) == there & set(list(some)[:1])
        assert path.read_bytes() == whole


def in_part(row: tuple[object, ...], part: Any) -> bool:
    return part.first <= row[4] <= part.last


def test_what_others_add_meanwhile_is_not_added_again(shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [call(f"{number}", "01-05") for number in range(20)]
    commit, tries = intake._commit, []

    def later(*given: Any) -> Any:
        tries.append(len(tries))
        return commit(*given)

    write = intake._file
    others = iter([(rows[:3], 100), (rows[5:9], 1)])

    def meanwhile(*given: Any) -> Any:
        made = write(*given)
        other, filed_from = next(others, ([], 0))
        if other:
            monkeypatch.setattr(intake, "_file", write)
            found = add_usage(shop.store, shop.acting(), other, filed_from=filed_from)
            assert isinstance(found, UsageAdded) and found.added == len(other)
            monkeypatch.setattr(intake, "_file", meanwhile)
        return made

    monkeypatch.setattr(intake, "_commit", later)
    monkeypatch.setattr(intake, "_file", meanwhile)
    assert added(shop, rows).added == 20 - 3 - 4
    assert len(tries) > 2
    assert [row[1] for row in everything(shop)] == sorted(str(row["id"]) for row in rows)


def test_a_database_without_a_folder_keeps_rows(url: str, acting: Any, shop: Any) -> None:
    if not url.startswith("postgresql"):
        pytest.skip("beside a file there is always room")
    alone = open_store(url)
    try:
        found = add_usage(alone, acting(), [call("1", "01-05")], filed_from=1)
        assert isinstance(found, UsageAdded) and found.added == 1
        assert alone.read(lambda reader: reader.rows("SELECT count(*) FROM usage_files")) == [(0,)]
        added(shop, [call("2", "01-05")])
        with pytest.raises(StoreError) as raised:
            alone.read(lambda reader: list(stored_events(reader, Asked())))
        assert raised.value.finding.code == "RB7130"
    finally:
        alone.close()


INTAKE = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from ratebook.billing.acting import Acting
from ratebook.billing.usage import add_usage
from ratebook.ledger.store import open_store

store = open_store(sys.argv[1], folder=Path(sys.argv[2]))
print("begun", flush=True)
found = add_usage(store, Acting("tester", datetime(2026, 4, 1, tzinfo=UTC), sys.argv[4]), [sys.argv[3]], filed_from=1)
store.close()
print(found.added, found.repeated, flush=True)
"""


def test_an_intake_that_is_killed_is_done_again(shop: Any, url: str, folder: Path, tmp_path: Path) -> None:
    file, script = tmp_path / "usage.jsonl", tmp_path / "intake.py"
    rows = some_calls(20, 100)
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    script.write_text(INTAKE)
    shop.store.close()
    for attempt in range(6):
        process = subprocess.Popen(
            [sys.executable, str(script), url, str(folder), str(file), f"{attempt}"],
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ,
        )
        assert process.stdout is not None and process.stdout.readline() == "begun\n"
        if attempt < 5:
            time.sleep(0.1 * attempt)
            process.send_signal(signal.SIGKILL)
        told, _ = process.communicate()
    assert sum(map(int, told.split())) == len(rows)
    again = type(shop)(open_store(url, folder=folder), shop.acting)
    try:
        found = added(again, [file])
        assert (found.added, found.repeated) == (0, len(rows))
        assert len(everything(again)) == len(rows)
        assert again.store.read(lambda reader: sum(part.events for part in parts_of(reader))) == len(rows)
    finally:
        again.store.close()


def test_usage_of_a_billed_period_is_late_in_a_file_too(shop: Any) -> None:
    shop.bill("shop", "2026-01", "2026-02-01")
    found = added(shop, [call("late", "01-05", 2), call("in time", "02-05")])
    assert (found.added, found.late) == (2, 1)
    shop.bill("shop", "2026-02", "2026-03-01")
    adjusted = shop.rows("SELECT name, amount FROM invoice_lines WHERE kind = 'adjustment' ORDER BY id")
    assert adjusted == [("calls", 250), ("labels", 200)]
    assert shop.problems() == []


def test_the_store_says_where_files_are(store: Store, folder: Path, tmp_path: Path) -> None:
    assert store.read(lambda reader: reader.folder) == folder
    assert store.write(lambda transaction: transaction.folder) == folder
    beside = open_store(str(tmp_path / "own.db"), create=True)
    try:
        assert beside.read(lambda reader: reader.folder) == tmp_path / "own.db.usage"
    finally:
        beside.close()
