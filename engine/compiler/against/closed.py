"""Changed prices of closed periods: days whose bills have been made.

For each day before the day that closes them, the version in force then has to price as the version in force before.
How a plan is cut into versions does not matter. A plan without dates is in force at all times; that its price changes
is no mistake of this change, so it is a note.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import TypeVar

from ....diagnostics import Diagnostic, Label, Span
from ...period import DateRange
from ...plan import Policy, Tax
from ..model import Plan
from .meaning import meaning, same
from .rules import span_of
from .sides import Side, Version
from .witness import then_and_now
from .wording import dates_text

_LABELS_MAX = 3
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ClosedChange:
    """Closed days `[start, end)` whose price is another one now; `end` is at most the day that closes them."""

    old: Version
    new: Version | None
    start: date | None
    end: date


def closed_changes(old: Side, new: Side, closed_before: date) -> Iterator[ClosedChange]:
    """For each version of an older plan that still exists, the first closed days on which its price is another one."""
    for name, versions in old.versions.items():
        if name not in new.versions:
            continue  # that the plan is gone is said once
        seen: set[date | None] = set()
        for start, end in _segments(versions, new.versions[name], closed_before):
            day = start or _before(end)
            before, after = _in_force(versions, day), _in_force(new.versions[name], day)
            if before is None or before.model.start in seen:
                continue
            if after is None or not _costs_same(old, new, before, after, DateRange(day, end)):
                seen.add(before.model.start)
                yield ClosedChange(before, after, start, end)


def _segments(
    old: Sequence[Version], new: Sequence[Version], closed_before: date
) -> Iterator[tuple[date | None, date]]:
    """The closed days, cut where a version begins or ends; the first has no beginning."""
    marks = {mark for version in (*old, *new) for mark in (version.model.start, version.model.end) if mark is not None}
    rising = sorted({mark for mark in marks if mark < closed_before} | {closed_before})
    yield None, rising[0]
    yield from pairwise(rising)


def _before(day: date) -> date:
    return day.replace(year=max(day.year - 1, 1))


def _in_force(versions: Sequence[Version], day: date) -> Version | None:
    return next((version for version in versions if version.plan.in_force(day)), None)


def _costs_same(old: Side, new: Side, before: Version, after: Version, days: DateRange) -> bool:
    return not _differing(before.model, after.model) and _rules(old, before, days) == _rules(new, after, days)


def _differing(old: Plan, new: Plan) -> list[Span]:
    """What of two versions does not mean the same, as places in the newer one."""
    found: list[Span] = []
    if (old.billing, old.dated_by_usage) != (new.billing, new.dated_by_usage):
        found.append(new.span)
    olds = {charge.name: charge for charge in old.charges}
    for charge in new.charges:
        if charge.name not in olds or not same(olds.pop(charge.name), charge):
            olds.pop(charge.name, None)
            found.append(charge.span)
    fees = {fee.name: fee for fee in old.fees}
    for fee in new.fees:
        before = fees.pop(fee.name, None)
        if before is None or not same(before, fee):
            found.append(span_of(fee.place))
    changed = [item.place for item in _unlike(old.includes, new.includes)]
    changed += [item.bound.place for item in _unlike(old.bounds, new.bounds)]
    found.extend(map(span_of, changed))
    gone = len(_unlike(new.includes, old.includes)) + len(_unlike(new.bounds, old.bounds))
    if gone and not changed:
        found.append(new.span)
    if olds or fees:
        found.append(new.span)
    return found


def _unlike(old: Sequence[T], new: Sequence[T]) -> list[T]:
    """What of the newer items the older ones do not hold."""
    known = [meaning(item) for item in old]
    return [item for item in new if meaning(item) not in known]


def _all_rules(version: Version) -> list[Policy | Tax]:
    return [*version.plan.policies, *version.plan.taxes]


def _rules(side: Side, version: Version, days: DateRange) -> list[str]:
    """What the policies and taxes in force on some days mean, and how they combine."""
    rules = _all_rules(version)
    standing = [
        rule
        for rule in rules
        if (rule.start is None or rule.start < days.end) and (rule.end is None or rule.end > days.start)
    ]
    combinations = sorted((kind.value, way.value) for kind, way in side.program.combinations.items())
    return [*sorted(str(meaning(rule, frozenset({"start", "end"}))) for rule in standing), str(combinations)]


def check_closed(old: Side, new: Side, closed_before: date) -> Iterator[Diagnostic]:
    """A finding for each dated version whose closed days cost something else; one for what contracts share."""
    said: set[Span] = set()
    for change in closed_changes(old, new, closed_before):
        if is_undated(change.old):
            continue
        spans = [] if change.new is None else _differing(change.old.model, change.new.model)
        spans = spans or _changed_rules(change)
        if spans and set(spans) <= said:
            continue
        said.update(spans)
        yield _finding(old, new, change, spans, closed_before)


def is_undated(version: Version) -> bool:
    """Whether a version is in force at all times."""
    return version.model.start is None and version.model.end is None


def _changed_rules(change: ClosedChange) -> list[Span]:
    if change.new is None:
        return []
    before = {str(meaning(rule)) for rule in _all_rules(change.old)}
    after = _all_rules(change.new)
    return [span_of(rule.place) for rule in after if str(meaning(rule)) not in before]


def _finding(old: Side, new: Side, change: ClosedChange, spans: Sequence[Span], closed_before: date) -> Diagnostic:
    name = change.old.model.name
    since = "" if change.start is None else f" from {change.start}"
    if change.new is None:
        head = new.versions[name][0].model.span
        return Diagnostic(
            "RB2702",
            f"no version of `{name}` is in force{since} before {change.end} any more, and bills were made then",
            head,
            f"was in force {dates_text(change.old.model)}",
            hints=(f"give the version that was in force its dates back: `{dates_text(change.old.model)}`",),
            notes=(f"witness: {_witness(old, new, change)}", _closed_words(closed_before)),
        )
    places = list(dict.fromkeys(spans)) or [change.new.model.span]
    return Diagnostic(
        "RB2702",
        f"the price of `{name}` changed for bills{since} before {change.end}, which have been made",
        places[0],
        "changed",
        tuple(Label(span, "changed too") for span in places[1 : 1 + _LABELS_MAX]),
        _ways_out(change, closed_before),
        (f"witness: {_witness(old, new, change)}", _closed_words(closed_before)),
    )


def _witness(old: Side, new: Side, change: ClosedChange) -> str:
    return then_and_now(old, new, change.old, change.new, change.start or _before(change.end))


def _closed_words(closed_before: date) -> str:
    return f"periods before {closed_before} are closed; `--closed-before DATE` says another day"


def _ways_out(change: ClosedChange, closed_before: date) -> tuple[str, ...]:
    assert change.new is not None, "a version that is gone has a way out of its own"
    restore = "put the old price back for the closed periods"
    if change.old.model.end is not None and change.old.model.end <= closed_before:
        return (restore, "correct bills that were wrong with a credit, not with another price for the past")
    split = f"end what was in force with `before {closed_before}`, and write the new one `from {closed_before}`"
    return (split, restore)
