"""Charts of a report as HTML that needs no script and no picture: bars for parts, columns for days.

Every bar has its value beside it as an exact text, so that its length is never all that one has.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from html import escape
from typing import assert_never

from .report import Bars, Cell, Report, Trend

BARS_MAX = 30
"""A chart shows no more bars, the largest: all of them are in the table."""
DAYS_MAX = 366
"""A trend shows no more columns, the latest."""

STYLE = (
    ".chart{margin:1rem 0;max-width:52rem}.chart figcaption{font-size:.9rem;color:var(--quiet);margin-bottom:.4rem}"
    ".bars{display:grid;grid-template-columns:fit-content(40%) 1fr max-content;gap:.25rem .7rem;align-items:center}"
    ".bars .label{text-align:right;overflow-wrap:anywhere}.bars .value{font-variant-numeric:tabular-nums;"
    "text-align:right}.track{position:relative;height:1.1rem}.track i,.days i{position:absolute;"
    "background:var(--bar);print-color-adjust:exact}.track i{top:0;bottom:0}.track i.below{background:var(--below)}"
    ".track b{position:absolute;top:-.15rem;bottom:-.15rem;width:1px;background:var(--quiet)}"
    ".days{position:relative;height:9rem;border-bottom:1px solid var(--quiet);border-top:1px dotted var(--line)}"
    ".days i{bottom:0;min-width:1px}.span{display:flex;justify-content:space-between;font-size:.8rem;"
    "color:var(--quiet)}"
)
"""What charts look like; the page says which colours `--bar`, `--below`, `--line` and `--quiet` are."""


def charts_of(report: Report) -> Iterator[str]:
    """The charts of a report; one of which all values are zero is left out."""
    for chart in report.charts:
        match chart:
            case Bars():
                for group, bars in _grouped(report, chart.labels, chart.value, (chart.series,)).items():
                    yield from _bars(chart, group, bars)
            case Trend():
                for group, bars in _grouped(report, (chart.when,), chart.value, chart.series).items():
                    yield from _trend(chart, group, bars)
            case _:
                assert_never(chart)


def shown(cell: Cell) -> str:
    """A cell as people read it."""
    if cell is None:
        return ""
    return f"{cell:,f}" if isinstance(cell, Decimal) else f"{cell:,}" if isinstance(cell, int) else cell


def _grouped(
    report: Report, labels: Sequence[str], value: str, series: Sequence[str]
) -> Mapping[str, dict[str, Decimal]]:
    """The values by label, for each series; what has the same label is added up."""
    names = [column.name for column in report.columns]
    groups: dict[str, dict[str, Decimal]] = {}
    for row in report.rows:
        cell = row[names.index(value)]
        if row[0] == "total" or not isinstance(cell, int | Decimal):
            continue
        group, label = (" ".join(str(row[names.index(name)]) for name in words).strip() for words in (series, labels))
        own = groups.setdefault(group, {})
        own[label] = own.get(label, Decimal(0)) + Decimal(cell)
    return groups


def _bars(chart: Bars, group: str, values: Mapping[str, Decimal]) -> Iterator[str]:
    if not any(values.values()):
        return
    largest = sorted(values, key=lambda label: abs(values[label]), reverse=True)[:BARS_MAX]
    kept = {label: value for label, value in values.items() if label in set(largest)}
    most, least = max(*kept.values(), Decimal(0)), min(*kept.values(), Decimal(0))
    title = f"{chart.value} in {group}" if group else chart.value
    if len(kept) < len(values):
        title += f", the {len(kept)} largest of {len(values):,}"
    yield f'<figure class="chart"><figcaption>{escape(title)}</figcaption><div class="bars">'
    for label, value in kept.items():
        left, width = _share(min(value, Decimal(0)) - least, most - least), _share(abs(value), most - least)
        below = ' class="below"' if value < 0 else ""
        zero = f'<b style="left:{_share(-least, most - least)}%"></b>' if least else ""
        yield (
            f'<span class="label">{escape(label)}</span><span class="track">'
            f'<i{below} style="left:{left}%;width:{width}%"></i>{zero}</span>'
            f'<span class="value">{shown(value)}</span>'
        )
    yield "</div></figure>"


def _trend(chart: Trend, group: str, values: Mapping[str, Decimal]) -> Iterator[str]:
    if not any(values.values()):
        return
    every = list(_every(min(values), max(values)))
    times = every[-DAYS_MAX:]
    most = max(values.get(time, Decimal(0)) for time in times)
    cut = f", the last {len(times)} of {len(every):,}" if len(times) < len(every) else ""
    yield (
        f'<figure class="chart"><figcaption>{escape(group)} by {chart.when}{cut}; '
        f"the dotted line is {shown(most)}</figcaption>"
        '<div class="days">'
    )
    if most > 0:
        step = Decimal(100) / len(times)
        for place, time in enumerate(times):
            value = values.get(time, Decimal(0))
            if value > 0:
                yield (
                    f'<i style="left:{_rounded(step * place)}%;width:{_rounded(step * 9 / 10)}%;'
                    f'height:{_share(value, most)}%" title="{time}: {shown(value)}"></i>'
                )
    marks = dict.fromkeys((times[0], times[len(times) // 2], times[-1]))
    yield f'</div><div class="span">{"".join(f"<span>{mark}</span>" for mark in marks)}</div></figure>'


def _every(first: str, last: str) -> Iterator[str]:
    """Every day, or every month, from the first to the last."""
    if len(first) == len("2026-03"):
        year, month = (int(part) for part in first.split("-"))
        while f"{year:04}-{month:02}" <= last:
            yield f"{year:04}-{month:02}"
            year, month = (year + 1, 1) if month == 12 else (year, month + 1)
        return
    day, end = date.fromisoformat(first), date.fromisoformat(last)
    while day <= end:
        yield day.isoformat()
        day += timedelta(days=1)


def _share(part: Decimal, whole: Decimal) -> Decimal:
    """A part in per cent of the whole."""
    return _rounded(part * 100 / whole)


def _rounded(value: Decimal) -> Decimal:
    return value.quantize(Decimal("0.01"), ROUND_HALF_EVEN)
