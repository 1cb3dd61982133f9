"""Laws of identity: order and repetition change nothing, other content under an id is always an error."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from ratebook.engine.usage import FactSchema
from ratebook.intake import UsageIntake, read_usage

EVENT = st.fixed_dictionaries(
    {
        "account": st.sampled_from(["a-1", "a-2", "007"]),
        "event": st.just("compute.used"),
        "time": st.sampled_from(["2026-03-01T00:00:00Z", "2026-03-01T08:00:00+08:00", "2026-03-02T00:00:00Z"]),
        "units": st.decimals(-(10**6), 10**6, places=3).map(str),
        "region": st.sampled_from(["cn", "eu"]),
    }
)
EVENTS = st.lists(EVENT, min_size=1, max_size=8).map(
    lambda rows: [{**row, "id": f"e{i}"} for i, row in enumerate(rows)]
)


def read(rows: list[dict[str, str]], schema: FactSchema) -> UsageIntake:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "usage.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return read_usage([path], schema)


def facts(intake: UsageIntake) -> Counter[str]:
    return Counter(
        repr((e.id, e.account, e.time, sorted(e.fields.items()))) for u in intake.by_account.values() for e in u.events
    )


@settings(max_examples=60, deadline=None)
@given(EVENTS, st.data())
def test_order_and_repetition_change_nothing(
    schema: FactSchema, rows: list[dict[str, str]], data: st.DataObject
) -> None:
    repeated = data.draw(st.lists(st.sampled_from(rows), max_size=8))
    shuffled = data.draw(st.permutations([*rows, *repeated]))
    intake, plain = read(shuffled, schema), read(rows, schema)
    assert facts(intake) == facts(plain)
    assert not intake.rejects
    assert (intake.counted, intake.repeated) == (len(rows), len(repeated))


@settings(max_examples=60, deadline=None)
@given(EVENTS, st.data())
def test_other_content_under_an_id_is_an_error_in_any_order(
    schema: FactSchema, rows: list[dict[str, str]], data: st.DataObject
) -> None:
    victim = data.draw(st.sampled_from(rows))
    other = {**victim, "units": str(int(float(victim["units"])) + 10**7)}
    intake = read(data.draw(st.permutations([*rows, other])), schema)
    assert [reject.code for reject in intake.rejects] == ["RB3009"]
    assert intake.rejects[0].value == victim["id"]
    assert (intake.counted, intake.rejected) == (len(rows), 1)


@settings(max_examples=60, deadline=None)
@given(st.lists(EVENT, min_size=1, max_size=8), st.integers(1, 3))
def test_rows_without_an_id_are_never_repeats(schema: FactSchema, rows: list[dict[str, str]], times: int) -> None:
    assert read(rows * times, schema).counted == len(rows) * times


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(max_size=40), max_size=6))
def test_no_text_raises(schema: FactSchema, texts: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name in ("usage.jsonl", "usage.csv", "usage.json"):
            path = Path(folder) / name
            path.write_bytes("\n".join(texts).encode("utf-8", "surrogatepass"))
            intake = read_usage([path], schema)
            assert intake.read == intake.counted + intake.repeated + intake.rejected
