"""Windows without any time, windows that are over before what names them begins, and holidays not yet published."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import TypeAlias
from zoneinfo import ZoneInfo

from ....diagnostics import Diagnostic, Label, Span
from ...condition import And, Condition, Not, Or, StartsIn
from ...holiday import published_until
from ...plan import PercentOff
from ...window import Dates, Difference, Holidays, Intersection, Union, Window
from ..lower import plans_of, policies_of
from ..model import KeyWindows, Plan, PolicyModel, Ruleset
from ..satisfy.calendar import holidays_in
from .calendars import dates_of, is_empty, last_day, reach

_Days: TypeAlias = tuple[date | None, date | None]
_Use: TypeAlias = tuple[str, Span, str, _Days, Plan]
"""A window that is named: where, in what, on which days that counts, and in which plan."""


def check_windows(ruleset: Ruleset) -> Iterator[Diagnostic]:
    """Windows that hold no time at all, and those that are over, or not begun, for whatever names them."""
    zone = ZoneInfo(ruleset.zone)
    empty = {name for name, window in ruleset.windows.items() if is_empty(window, zone)}
    for name in sorted(empty):
        yield _without_time(name, ruleset)
    reported: set[Span] = set()
    for name, span, what, covered, plan in (*_rows(ruleset), *_shares(ruleset)):
        extent = None if name in empty else _extent(ruleset.windows[name])
        if extent is None or span in reported:
            continue
        start, end = covered
        over = start is not None and extent[1] <= start
        if over or (end is not None and end <= extent[0]):
            reported.add(span)
            yield _out_of_time(ruleset, plan, name, span, what, extent, is_over=over)


def _without_time(name: str, ruleset: Ruleset) -> Diagnostic:
    window = ruleset.windows[name]
    both = isinstance(window, Intersection)
    hints = ("write `,` between them where one of them is enough",) if both else ()
    return Diagnostic(
        "RB2231",
        f"no time lies in window `{name}`",
        ruleset.window_spans[name],
        "never",
        hints=(*hints, "change its days or times", "remove it"),
        notes=(
            "witness: there is no time that lies in all that `and` joins"
            if both
            else "witness: what comes after `except` takes everything away",
        ),
    )


def _covered(plan: Plan, *dated: PolicyModel) -> _Days:
    """The days that bills of a plan can cover which begin while it and a policy are in force."""
    dates = [reach(plan), *(dates_of(item) for item in dated)]
    start = max((first for first, _ in dates if first is not None), default=None)
    end = min((last for _, last in dates if last is not None), default=None)
    # A bill that begins on the last day covers its whole period.
    return start, None if end is None else plan.billing.every.after(last_day(end), 1)


def _rows(ruleset: Ruleset) -> Iterator[_Use]:
    for plan in ruleset.plans:
        for charge in plan.charges:
            for row in charge.rows:
                for key in row.keys:
                    if isinstance(key, KeyWindows) and len(key.names) == 1:
                        yield key.names[0], row.span, f"charge `{charge.name}`", _covered(plan), plan


def _shares(ruleset: Ruleset) -> Iterator[_Use]:
    for item in ruleset.policies:
        effect = item.policy.effect
        plans = plans_of(ruleset, item)
        if not isinstance(effect, PercentOff) or effect.during is None or not plans:
            continue
        covered = [_covered(plan, item) for plan in plans]
        starts = [start for start, _ in covered]
        ends = [end for _, end in covered]
        start = None if None in starts else min(day for day in starts if day is not None)
        end = None if None in ends else max(day for day in ends if day is not None)
        yield effect.during, item.span, f"{item.policy.kind.value} `{item.policy.name}`", (start, end), plans[0]


def _extent(window: Window) -> tuple[date, date] | None:
    """The days that a window lies in; None where it comes back every year or week."""
    match window:
        case Dates(start, end):
            return start, end
        case Union(parts):
            found = [_extent(part) for part in parts]
            ends = [each for each in found if each is not None]
            if len(ends) < len(found):
                return None
            return min(start for start, _ in ends), max(end for _, end in ends)
        case Intersection(parts):
            ends = [each for each in map(_extent, parts) if each is not None]
            return (max(start for start, _ in ends), min(end for _, end in ends)) if ends else None
        case Difference(base, _):
            return _extent(base)
        case _:
            return None


def _out_of_time(
    ruleset: Ruleset, plan: Plan, name: str, span: Span, what: str, extent: tuple[date, date], *, is_over: bool
) -> Diagnostic:
    when = f"is over on {last_day(extent[1])}" if is_over else f"begins on {extent[0]}"
    other = "before" if is_over else "after"
    verb = "begins" if is_over else "ends"
    is_row = what.startswith("charge")
    lead = f"this row of {what} can never be reached" if is_row else f"{what} can never apply"
    return Diagnostic(
        "RB2205" if is_row else "RB2406",
        f"{lead}: window `{name}` {when}, {other} `{plan.name}` {verb}",
        span,
        "no usage lies in it",
        (Label(ruleset.window_spans[name], "these days"), Label(plan.span, "the plan")),
        ("correct the dates of the window", "remove it, if it is over"),
        (f"witness: no bill of `{plan.name}` covers {extent[0]} to {last_day(extent[1])}",),
    )


# Holidays


def check_holidays(ruleset: Ruleset) -> Iterator[Diagnostic]:
    """Windows whose holidays were not yet published for years that a dated plan or policy speaks of.

    Where something has no end only the year in which it begins is meant, for nobody could write it otherwise.
    """
    years: dict[str, set[int]] = {}
    for plan in ruleset.plans:
        own = _years(plan.start, plan.end)
        for charge in plan.charges:
            keys = [key for row in charge.rows for key in row.keys if isinstance(key, KeyWindows)]
            for name in [*(name for key in keys for name in key.names), *_started(charge.when)]:
                years.setdefault(name, set()).update(own)
        for item in policies_of(ruleset, plan):
            effect = item.policy.effect
            named = list(_started(item.policy.when))
            if isinstance(effect, PercentOff) and effect.during is not None:
                named.append(effect.during)
            start, end = dates_of(item)
            for name in named:
                years.setdefault(name, set()).update(_years(start, end) if start or end else own)
    for name, asked in years.items():
        yield from _unpublished(ruleset, name, sorted(asked))


def _years(start: date | None, end: date | None) -> set[int]:
    first = start or end
    if first is None:
        return set()
    last = first if start is None or end is None else last_day(end)
    return set(range(first.year, last.year + 1))


def _started(conditions: tuple[Condition, ...]) -> Iterator[str]:
    for condition in conditions:
        match condition:
            case StartsIn(window):
                yield window
            case And(parts) | Or(parts):
                yield from _started(parts)
            case Not(part):
                yield from _started((part,))
            case _:
                pass


def _unpublished(ruleset: Ruleset, name: str, years: list[int]) -> Iterator[Diagnostic]:
    for holidays in holidays_in(ruleset.windows[name]):
        until = published_until(holidays.country, holidays.subdivision)
        missing = [year for year in years if until is not None and year > until]
        if not missing:
            continue
        shown = ", ".join(str(year) for year in missing[:3]) + (", …" if len(missing) > 3 else "")
        yield Diagnostic(
            "RB2230",
            f"the holidays of {_place(holidays)} in {shown} are not yet published",
            ruleset.window_spans[name],
            f"known to the end of {until}",
            hints=(
                f"end what names `{name}` before {until}-12-31, and go on when the days are published"
                if until is not None and until >= years[0]
                else "update Ratebook when they are published",
                f"write the days as dates, as in `{missing[0]}-10-01 through {missing[0]}-10-07`",
                'keep it with `allow RB2230 because "…"`',
            ),
            notes=(
                (
                    f"witness: a bill of {missing[0]} would be made with days that are reckoned, not decreed: "
                    "days off that are moved, and days that are worked for them, are not among them"
                ),
            ),
        )
        return


def _place(holidays: Holidays) -> str:
    return holidays.country if holidays.subdivision is None else f"{holidays.country}-{holidays.subdivision}"
