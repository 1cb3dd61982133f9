"""Windows: from productions to sets of local time. Commas also separate days of one span, and names of holidays."""

from __future__ import annotations

from typing import Any

from ...diagnostics import Diagnostic, Span
from .. import syntax as s
from ..layout import NESTING_MAX
from .build import STAND_IN, Action, Build, every
from .leaves import annotations_of, text_of


def _weekdays(_: Build, parts: list[Any], span: Span) -> s.DaySpan:
    days = [s.WEEKDAYS.index(day) for day in parts]
    return s.DaySpan(span=span, ranges=((days[0], days[-1]),))


def _weekdays_timed(_: Build, parts: list[Any], span: Span) -> s.DaySpan:
    return s.DaySpan(span=span, ranges=parts[0].ranges, start=parts[1], end=parts[2])


def _daily(_: Build, parts: list[Any], span: Span) -> s.DaySpan:
    start, end = parts or (None, None)
    return s.DaySpan(span=span, ranges=(), start=start, end=end)


def _holidays(_: Build, parts: list[Any], span: Span) -> s.HolidaySpan:
    written: str = parts[0]
    place = Span(span.file, span.start + len("holidays of "), span.start + len("holidays of ") + len(written))
    country = s.Name(span=place, text=written) if written.isidentifier() else text_of(place, _quoted(written))
    return s.HolidaySpan(span=span, country=country, names=every(parts, s.Text))


def _quoted(written: str) -> str:
    return written if written[0] in '"＂' else f'"{written}"'


def _months(_: Build, parts: list[Any], span: Span) -> s.MonthSpan:
    months = [s.MONTHS.index(month) + 1 for month in parts]
    return s.MonthSpan(span=span, first=months[0], last=months[-1])


def _month_days(build: Build, parts: list[Any], span: Span) -> s.MonthDaySpan:
    pairs = []
    for month, day in zip(parts[::2], parts[1::2], strict=True):
        number, last = s.MONTHS.index(month) + 1, 31 if month not in ("apr", "jun", "sep", "nov", "feb") else 30
        if month == "feb":
            last = 29
        if not day.isdigit() or not 1 <= int(day[:9]) <= last:
            build.report(Diagnostic("RB1105", f"there is no day {month} {day}", span))
            day = "1"
        pairs.append((number, int(day)))
    return s.MonthDaySpan(span=span, first=pairs[0], last=pairs[-1])


def _joined_and(build: Build, parts: list[Any], span: Span) -> Any:
    for text in every(parts[1:], s.Text):
        _add_holiday(build, [], text, text)
        parts.remove(text)
    return parts[0] if len(parts) == 1 else s.WindowIntersection(span=span, parts=tuple(parts))


def _union(build: Build, parts: list[Any], span: Span) -> Any:
    """Commas join; a list of days before one time is one span, and texts go on naming holidays."""
    joined: list[Any] = []
    for item in parts:
        head = item.parts[0] if isinstance(item, s.WindowIntersection) else item
        before = joined[-1] if joined else None
        if isinstance(head, s.Text):
            _add_holiday(build, joined, item, head)
        elif isinstance(head, s.DaySpan) and isinstance(before, s.DaySpan) and _open_list(before) and head.ranges:
            if item is not head and head.start is None:
                _refuse_mixed_days(build, before, item)
            merged = s.DaySpan(
                span=before.span.to(head.span), ranges=before.ranges + head.ranges, start=head.start, end=head.end
            )
            joined[-1] = merged if item is head else _with_head(item, merged)
        else:
            joined.append(item)
    if not joined:
        return s.WindowName(span=span, name=s.Name(span=span, text=STAND_IN))
    return joined[0] if len(joined) == 1 else s.WindowUnion(span=span, parts=tuple(joined))


def _open_list(days: s.DaySpan) -> bool:
    return bool(days.ranges) and days.start is None


def _with_head(item: s.WindowIntersection, head: s.WindowExpression) -> s.WindowIntersection:
    return s.WindowIntersection(span=head.span.to(item.span), parts=(head, *item.parts[1:]))


def _add_holiday(build: Build, joined: list[Any], item: Any, text: s.Text) -> None:
    before = joined[-1] if joined else None
    last = before.parts[-1] if isinstance(before, s.WindowIntersection) else before
    if not isinstance(last, s.HolidaySpan) or not last.names:
        build.report(
            Diagnostic(
                "RB1001",
                "a text is no window",
                text.span,
                hints=('name holidays so: `holidays of CN named "Spring Festival"`',),
            )
        )
        return
    longer = s.HolidaySpan(span=last.span.to(text.span), country=last.country, names=(*last.names, text))
    if isinstance(before, s.WindowIntersection):
        parts: tuple[Any, ...] = (*before.parts[:-1], longer)
    else:
        parts = (longer,)
    if item is not text:
        parts += item.parts[1:]
    span = parts[0].span.to(parts[-1].span)
    joined[-1] = parts[0] if len(parts) == 1 else s.WindowIntersection(span=span, parts=parts)


def _refuse_mixed_days(build: Build, before: s.DaySpan, item: s.WindowIntersection) -> None:
    build.report(
        Diagnostic(
            "RB1001",
            "it is not clear whether `and` is meant for all of these days or only for the last",
            before.span.to(item.span),
            hints=(
                "for all of them: declare the days as a window of their own and name it here",
                "for the last only: write it first",
            ),
        )
    )


def _except(build: Build, parts: list[Any], span: Span) -> Any:
    """`a except b except c` takes away from what the words before left."""
    if len(parts) > NESTING_MAX:
        build.report(Diagnostic("RB1009", f"a window has at most {NESTING_MAX} parts with `except`", span))
    whole = parts[0]
    for removed in parts[1:NESTING_MAX]:
        whole = s.WindowDifference(span=whole.span.to(removed.span), whole=whole, removed=removed)
    return whole


def _window(build: Build, parts: list[Any], span: Span) -> s.WindowDeclaration:
    label = parts[1] if isinstance(parts[1], s.Text) else None
    expression = parts[2] if label else parts[1]
    return s.WindowDeclaration(
        span=span, name=parts[0], label=label, expression=expression, annotations=annotations_of(build, parts)
    )


ACTIONS: dict[str, Action] = {
    "weekdays": _weekdays,
    "weekdays_timed": _weekdays_timed,
    "daily": _daily,
    "holidays": _holidays,
    "months": _months,
    "month_days": _month_days,
    "single_date": lambda _, parts, span: s.DateSpan(span=span, start=parts[0]),
    "dates_through": lambda _, parts, span: s.DateSpan(span=span, start=parts[0], through=parts[1]),
    "dates_before": lambda _, parts, span: s.DateSpan(span=span, start=parts[0], before=parts[1]),
    "window_name": lambda _, parts, span: s.WindowName(span=span, name=s.Name(span=span, text=parts[0])),
    "window_and": _joined_and,
    "window_union": _union,
    "window_except": _except,
    "window": _window,
}
