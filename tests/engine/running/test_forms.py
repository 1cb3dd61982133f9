"""Every form of the language, charged event by event: the price of each is what the statement has more than before.

The rulesets are those of the worked cases and samples. Their examples are charged in the order of time and backwards,
and random events of what they declare late and in any order.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from ratebook.diagnostics import Diagnostic, Source
from ratebook.engine.compiler.compile import Compiled, compile_ruleset
from ratebook.engine.compiler.model import ExpectedError
from ratebook.engine.evaluators.in_force import plan_on
from ratebook.engine.evaluators.running.ground import ground_of
from ratebook.engine.examples import subscription_of, usage_of
from ratebook.engine.period import DateRange, billing_period
from ratebook.engine.plan import Program
from ratebook.engine.usage import AccountUsage, EventSchema, FieldKind, FieldSchema, Subscription, UsageEvent, Value

_spec = spec_from_file_location("meaning", Path(__file__).parent / "meaning.py")
assert _spec is not None and _spec.loader is not None
meaning = module_from_spec(_spec)
_spec.loader.exec_module(meaning)

CASES = Path(__file__).parents[2] / "cases"
RULESETS = sorted([*CASES.glob("worked/*.rates"), *CASES.glob("samples/*.rates"), *CASES.glob("trade/*.rates")])
TEXTS = ["44", "4479", "441", "1", "de", "x", "small", "large"]
NUMBERS = ["0", "1", "2", "3", "7", "9.5", "10", "11", "59", "60", "61", "100", "1000", "0.333", "-1", "250000"]


@cache
def compiled(path: Path) -> Compiled:
    def read(name: str) -> str | None:
        file = path.parent / name
        return file.read_text(encoding="utf-8") if file.is_file() else None

    return compile_ruleset(Source(path.name, path.read_text(encoding="utf-8")), read)


def _with_events() -> Iterator[object]:
    for path in RULESETS:
        ruleset = compiled(path).ruleset
        for number, example in enumerate(() if ruleset is None else ruleset.examples):
            if example.events:
                yield pytest.param(path, number, id=f"{path.stem}: {example.title}")


@pytest.mark.parametrize(("path", "number"), list(_with_events()))
def test_examples_are_charged_as_they_are_rated(path: Path, number: int) -> None:
    found = compiled(path)
    assert found.ruleset is not None and found.program is not None
    example = found.ruleset.examples[number]
    subscription, usage = subscription_of(example), usage_of(example)
    ground = ground_of(found.program, subscription, example.period)
    if isinstance(ground, Diagnostic):
        assert [item.code for item in example.expectations if isinstance(item, ExpectedError)] == [ground.code]
        return
    covered = ground.situation.covered
    usage = replace(usage, events=tuple(replace(event, account="example") for event in usage.events))
    earlier = replace(usage, events=tuple(event for event in usage.events if event.time < covered.start))
    rest = [event for event in usage.events if covered.contains(event.time)]
    for order in (rest, rest[::-1]):
        meaning.assert_charged_as_meant(found.program, subscription, example.period, earlier, order)


def _value(schema: FieldSchema, draw: random.Random) -> Value | None:
    if not schema.required and draw.random() < 0.3:
        return schema.default
    match schema.kind:
        case FieldKind.NUMBER | FieldKind.MONEY:
            return Decimal(draw.choice(NUMBERS))
        case FieldKind.ONE_OF:
            return draw.choice(schema.values)
        case FieldKind.TEXT:
            return draw.choice(TEXTS)
        case FieldKind.YES_NO:
            return draw.random() < 0.5
        case FieldKind.DATE:
            return date(2026, 3, draw.randint(1, 28))


def _event(number: int, schema: EventSchema, start: date, days: int, draw: random.Random) -> UsageEvent:
    fields = {item.name: _value(item, draw) for item in schema.fields}
    said = {name: value for name, value in fields.items() if value is not None}
    at = datetime(start.year, start.month, start.day, tzinfo=UTC) + timedelta(minutes=draw.randrange(days * 1440))
    return UsageEvent("a", schema.name, at, said, f"e{number}" if draw.random() < 0.9 else None)


def _drawn(program: Program, plan: str, draw: random.Random) -> tuple[Subscription, DateRange] | None:
    attributes = {name: _value(schema, draw) for name, schema in program.schema.attributes.items()}
    known = {name: value for name, value in attributes.items() if value is not None}
    start = date(2025, 11, 1) + timedelta(days=draw.choice([0, 61, 70, 89, 130]))
    day = date(2026, draw.choice([3, 3, 4, 5, 7, 10]), draw.choice([1, 15]))
    day = max(day, start)
    version = plan_on(program, plan, day)
    if version is None:
        return None
    days = billing_period(version.billing, day, start)
    if days.day_count > 100:
        return None
    end = draw.choice([None, None, None, days.end - timedelta(days=1)])
    if end is not None and end <= max(start, days.start):
        end = None
    return Subscription("a", plan, start, end, known), days


def charged(path: Path, seed: str, count: int) -> int:
    """How many periods of random events were charged."""
    program = compiled(path).program
    assert program is not None
    draw = random.Random(seed)
    done = 0
    for plan in program.plans:
        for _ in range(count):
            found = _drawn(program, plan, draw)
            if found is None:
                continue
            subscription, days = found
            schemas = list(program.schema.events.values())
            before = [
                _event(number, draw.choice(schemas), days.start - timedelta(days=90), 90, draw)
                for number in range(draw.choice([0, 0, 4]))
            ]
            events = [
                _event(100 + number, draw.choice(schemas), days.start, days.day_count, draw)
                for number in range(draw.choice([2, 5, 8]))
            ]
            ground = ground_of(program, subscription, days)
            assert not isinstance(ground, Diagnostic)
            events = [event for event in events if ground.situation.covered.contains(event.time)]
            meaning.assert_charged_as_meant(program, subscription, days, AccountUsage(tuple(before)), events)
            done += 1
    return done


@pytest.mark.parametrize("path", RULESETS, ids=lambda path: path.stem)
def test_random_events_are_charged_as_they_are_rated(path: Path) -> None:
    program = compiled(path).program
    if program is None or not program.schema.events:
        pytest.skip("nothing to charge")
    assert charged(path, path.stem, 2) >= 0
