"""Usage is kept once for ever, in any order, and nothing of it disappears in silence."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

import ratebook
from ratebook.api import compile_file
from ratebook.billing.acting import Acting
from ratebook.billing.customers import create_customer
from ratebook.billing.rulesets import publish
from ratebook.billing.subscriptions import add_subscription
from ratebook.billing.usage import UsageAdded, add_usage, find_usage
from ratebook.diagnostics import Diagnostic
from ratebook.ledger.store import Store

pytestmark = pytest.mark.usefixtures("rows_or_files")

PLATFORM = Path(__file__).parents[2] / "rulesets" / "platform" / "platform.rates"


@pytest.fixture
def subscribed(store: Store, acting: Callable[..., Acting]) -> Store:
    """A database with the platform's ruleset and one account on it."""
    compiled = compile_file(PLATFORM, name=PLATFORM.name)
    assert not isinstance(compiled, Diagnostic)
    assert not isinstance(publish(store, acting(), compiled), tuple)
    assert not isinstance(create_customer(store, acting(), "ann", "CNY"), Diagnostic)
    taken = add_subscription(store, acting(), "ann", "platform", "payg", date(2026, 1, 1))
    assert not isinstance(taken, Diagnostic), taken
    return store


def event(name: str, units: int = 5, **other: object) -> dict[str, object]:
    return {
        "id": name,
        "account": "ann",
        "event": "compute.used",
        "time": "2026-03-02T09:00:00Z",
        "units": units,
        **other,
    }


def added(answer: UsageAdded | Diagnostic) -> UsageAdded:
    assert isinstance(answer, UsageAdded), answer
    return answer


def test_an_event_counts_once_for_ever(subscribed: Store, acting: Callable[..., Acting]) -> None:
    first = added(add_usage(subscribed, acting(), [event("1"), event("2"), event("1")]))
    assert (first.read, first.added, first.repeated) == (3, 2, 1)
    again = added(add_usage(subscribed, acting(), [event("2"), event("3"), event("1", source="other")]))
    assert (again.added, again.repeated) == (2, 1)
    stored = subscribed.read(lambda reader: list(find_usage(reader, account="ann")))
    assert sorted((item.source, item.id) for item in stored) == [("", "1"), ("", "2"), ("", "3"), ("other", "1")]


def test_the_same_number_written_otherwise_is_the_same_content(
    subscribed: Store, acting: Callable[..., Acting]
) -> None:
    added(add_usage(subscribed, acting(), [event("1") | {"units": "5"}]))
    again = added(
        add_usage(subscribed, acting(), [event("1") | {"units": "5.00", "time": "2026-03-02T17:00:00+08:00"}])
    )
    assert (again.added, again.repeated) == (0, 1)


def test_another_content_under_the_same_name_is_refused_without_effect(
    subscribed: Store, acting: Callable[..., Acting]
) -> None:
    added(add_usage(subscribed, acting(), [event("1", 5)]))
    refused = added(add_usage(subscribed, acting(), [event("2"), event("1", 6)]))
    assert [item.code for item in refused.rejects] == ["RB3009"]
    assert (refused.added, refused.is_sound) == (0, False)
    assert len(subscribed.read(lambda reader: list(find_usage(reader)))) == 1
    skipped = added(add_usage(subscribed, acting(), [event("2"), event("1", 6)], skip_bad_rows=True))
    assert (skipped.added, skipped.rejected) == (1, 1)


def test_rows_of_files_without_ids_count_once_a_file(
    subscribed: Store, acting: Callable[..., Acting], tmp_path: Path
) -> None:
    rows = [{name: value for name, value in event("").items() if name != "id"}] * 3
    one, other = tmp_path / "one.jsonl", tmp_path / "other.jsonl"
    one.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    other.write_text("".join(f"{json.dumps(row)}\n" for row in rows[:2]))
    assert added(add_usage(subscribed, acting(), [one])).added == 3
    assert added(add_usage(subscribed, acting(), [one])).repeated == 3
    assert added(add_usage(subscribed, acting(), [other])).added == 2


def test_rows_of_a_program_need_ids_and_quantities_times(subscribed: Store, acting: Callable[..., Acting]) -> None:
    nameless = {name: value for name, value in event("").items() if name != "id"}
    timeless = {"id": "q", "account": "ann", "meter": "compute", "quantity": "7"}
    refused = added(add_usage(subscribed, acting(), [nameless, timeless]))
    assert [item.code for item in refused.rejects] == ["RB7048", "RB7049"]


def test_mistakes_in_rows_have_the_codes_of_intake(subscribed: Store, acting: Callable[..., Acting]) -> None:
    bad = [event("1") | {"account": "bob"}, event("2") | {"event": "compute.use"}, event("3") | {"units": "many"}]
    refused = added(add_usage(subscribed, acting(), [*bad, event("4")]))
    assert [item.code for item in refused.rejects] == ["RB3008", "RB3007", "RB3003"]
    assert (refused.read, refused.rejected, refused.added) == (4, 3, 0)


def test_usage_is_found_by_account_meter_and_time(subscribed: Store, acting: Callable[..., Acting]) -> None:
    quantity = {"id": "q", "account": "ann", "meter": "compute", "quantity": "7.5", "time": "2026-03-05T00:00:00Z"}
    later = event("2") | {"time": "2026-03-09T00:00:00Z"}
    added(add_usage(subscribed, acting(), [later, event("1"), quantity]))

    def ids(**asked: object) -> list[str]:
        return subscribed.read(lambda reader: [item.id for item in find_usage(reader, **asked)])  # type: ignore[arg-type]

    assert ids(account="ann") == ["1", "q", "2"]
    assert ids(account="bob") == []
    assert ids(meter="compute") == ["1", "q", "2"]
    assert ids(event="compute.used") == ["1", "2"]
    assert ids(since=datetime(2026, 3, 5, tzinfo=UTC), until=datetime(2026, 3, 9, tzinfo=UTC)) == ["q"]
    (found,) = subscribed.read(lambda reader: list(find_usage(reader, id_="q")))
    assert (found.meter, found.fields) == ("compute", {"quantity": "7.5"})


def test_usage_needs_a_subscription(store: Store, acting: Callable[..., Acting]) -> None:
    refused = add_usage(store, acting(), [event("1")])
    assert isinstance(refused, Diagnostic)
    assert refused.code == "RB7054"


def test_the_function_for_programs(subscribed: Store, url: str) -> None:
    subscribed.close()
    assert ratebook.add_usage(url, [event("1"), event("2")]).added == 2
    assert ratebook.add_usage(url, [event("2"), event("3")]).added == 1
    with pytest.raises(ratebook.RatebookError) as caught:
        ratebook.add_usage(url, [event("4"), event("3", 9)])
    assert [item.code for item in caught.value.findings] == ["RB3009"]
    assert ratebook.add_usage(url, [event("4"), event("3", 9)], skip_bad_rows=True).added == 1
    with pytest.raises(ratebook.RatebookError) as caught:
        ratebook.add_usage("nowhere.db", [])
    assert [item.code for item in caught.value.findings] == ["RB7031"]
