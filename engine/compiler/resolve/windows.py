"""Windows: written sets of local time to the window algebra."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, timedelta
from typing import assert_never

from ....grammar import syntax
from ...holiday import holidays_of_year, is_holiday_country
from ...window import (
    DAY_SECONDS,
    EVERY_DAY,
    Dates,
    Days,
    Difference,
    Holidays,
    Intersection,
    MonthDay,
    MonthDays,
    Months,
    Union,
    Weekday,
    Window,
)
from .scope import Scope, near_names


def resolve_windows(scope: Scope, declarations: list[syntax.WindowDeclaration]) -> None:
    """All windows; one may name another wherever it stands, but not in a circle."""
    written: dict[str, syntax.WindowDeclaration] = {}
    for declaration in declarations:
        name = declaration.name.text
        if name in written:
            scope.declared_before(declaration.name, name, "window", scope.window_spans[name])
            continue
        written[name] = declaration
        scope.window_spans[name] = declaration.name.span
    for name in written:
        _resolve(scope, name, written, ())


def _resolve(
    scope: Scope, name: str, written: Mapping[str, syntax.WindowDeclaration], path: tuple[str, ...]
) -> Window | None:
    if name in scope.windows:
        return scope.windows[name]
    if name in scope.broken:
        return None
    declaration = written[name]
    found = _expression(scope, declaration.expression, written, (*path, name))
    if found is None:
        scope.lose(declaration, name)
    else:
        scope.windows[name] = found
    return found


def _expression(
    scope: Scope,
    node: syntax.WindowExpression,
    written: Mapping[str, syntax.WindowDeclaration],
    path: tuple[str, ...],
) -> Window | None:
    match node:
        case syntax.DaySpan():
            return _days(scope, node)
        case syntax.HolidaySpan():
            return _holidays(scope, node)
        case syntax.MonthSpan(first, last):
            return Months(first, last)
        case syntax.MonthDaySpan(first_day, last_day):
            return MonthDays(MonthDay(*first_day), MonthDay(*last_day))
        case syntax.DateSpan():
            return _dates(scope, node)
        case syntax.WindowName(name):
            if name.text in path:
                circle = path[path.index(name.text) :]
                own = "a window refers to itself" if len(circle) == 1 else "windows refer to each other in a circle"
                scope.report(
                    "RB2013",
                    own,
                    name,
                    " → ".join((*circle, name.text)),
                    "write the days and times of one of them out",
                )
                return None
            if name.text not in written:
                scope.unknown(name, name.text, "window", written)
                return None
            return _resolve(scope, name.text, written, path)
        case syntax.WindowUnion(parts):
            known = _all(scope, parts, written, path)
            return None if known is None else Union(known)
        case syntax.WindowIntersection(parts):
            known = _all(scope, parts, written, path)
            return None if known is None else Intersection(known)
        case syntax.WindowDifference(whole, removed):
            base = _expression(scope, whole, written, path)
            less = _expression(scope, removed, written, path)
            return None if base is None or less is None else Difference(base, less)
        case _:
            assert_never(node)


def _all(
    scope: Scope,
    parts: tuple[syntax.WindowExpression, ...],
    written: Mapping[str, syntax.WindowDeclaration],
    path: tuple[str, ...],
) -> tuple[Window, ...] | None:
    found = [_expression(scope, part, written, path) for part in parts]
    known = tuple(part for part in found if part is not None)
    return known if len(known) == len(found) else None


def _days(scope: Scope, node: syntax.DaySpan) -> Window | None:
    days: set[Weekday] = set()
    for first, last in node.ranges:
        day = first
        days.add(Weekday(day))
        while day != last:
            day = (day + 1) % 7
            days.add(Weekday(day))
    start = 0 if node.start is None else node.start.seconds
    end = DAY_SECONDS if node.end is None else node.end.seconds
    if node.start is not None and node.end is not None and start == end:
        scope.report(
            "RB1106",
            "this span of time begins and ends at the same time",
            node,
            "empty, or a whole day?",
            "leave the times out for whole days",
        )
        return None
    return Days(frozenset(days) if node.ranges else EVERY_DAY, start, end)


def _holidays(scope: Scope, node: syntax.HolidaySpan) -> Window | None:
    country, _, subdivision = node.country.text.partition("-")
    if not is_holiday_country(country, subdivision or None):
        scope.report(
            "RB2007",
            f"no holidays are known for `{node.country.text}`",
            node.country,
            "unknown country",
            "use a code of ISO 3166, such as CN, DE or US, or one with its region, such as DE-BY",
        )
        return None
    year = 2024
    for name in node.names:
        if not any(holidays_of_year(country, (name.text,), subdivision or None, item) for item in (year, year + 1)):
            own = set(holidays_of_year(country, (), subdivision or None, year).values())
            # “Chinese New Year (Spring Festival)” has two names; days off in exchange have none.
            parts = (part.strip() for each in own for part in re.split(r"[();]", each) if "substituted" not in each)
            known = sorted({part for part in parts if len(part) > 2 and part != "observed"})
            near = near_names(name.text, known)
            hint = f"did you mean “{near[0]}”?" if near else f"known: {', '.join(known[:8])}"
            scope.report(
                "RB2007",
                f"no holiday of {node.country.text} is called “{name.text}”",
                name,
                "unknown holiday",
                hint,
            )
            return None
    return Holidays(country, tuple(name.text for name in node.names), subdivision or None)


def _dates(scope: Scope, node: syntax.DateSpan) -> Window | None:
    start = date.fromisoformat(node.start.iso)
    if node.before is not None:
        end = date.fromisoformat(node.before.iso)
    elif node.through is not None:
        end = date.fromisoformat(node.through.iso) + timedelta(days=1)
    else:
        end = start + timedelta(days=1)
    if end <= start:
        scope.report(
            "RB2303", "these dates end before they begin", node, "no day lies between them", "swap the two dates"
        )
        return None
    return Dates(start, end)
