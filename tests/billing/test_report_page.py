"""The page of a report: what its charts show, and that they show no less and nothing else than its table."""

from __future__ import annotations

import re
from decimal import Decimal

from ratebook.billing.reports import Bars, Cell, Report, Trend
from ratebook.billing.reports.charts import BARS_MAX, DAYS_MAX
from ratebook.billing.reports.files import html_page
from ratebook.billing.reports.report import amounts, texts

BAR = re.compile(
    r'<span class="label">(.*?)</span><span class="track"><i( class="below")? style="left:([\d.]+)%;width:([\d.]+)%">'
    r'</i>(<b style="left:([\d.]+)%"></b>)?</span><span class="value">(.*?)</span>'
)
COLUMN = re.compile(r'<i style="left:([\d.]+)%;width:([\d.]+)%;height:([\d.]+)%" title="(.*?): (.*?)"></i>')


def page(*rows: tuple[Cell, ...], labels: tuple[str, ...] = ("plan", "line")) -> str:
    columns = (*texts("plan", "line", "currency"), *amounts("amount"))
    report = Report("lines", "Lines & more", columns, rows, charts=(Bars(labels, "amount", "currency"),))
    return html_page([report], title="A report", made="Exact.")


def bars(text: str) -> list[tuple[str, str]]:
    return [(found[0], found[6]) for found in BAR.findall(text)]


def trend(*rows: tuple[str, str]) -> str:
    columns = (*texts("day", "event"), *amounts("sum"))
    given = tuple((day, "call.made", Decimal(value)) for day, value in rows)
    report = Report("usage", "Usage", columns, given, charts=(Trend("day", "sum", ("event",)),))
    return html_page([report], title="A report", made="Exact.")


def test_rows_of_the_same_name_in_two_plans_have_a_bar_each() -> None:
    text = page(
        ("payg", "calls", "CNY", Decimal("300.00")),
        ("pro", "calls", "CNY", Decimal("1200.00")),
        ("total", "", "CNY", Decimal("1500.00")),
    )
    assert bars(text) == [("payg calls", "300.00"), ("pro calls", "1,200.00")]
    assert [found[3] for found in BAR.findall(text)] == ["25.00", "100.00"]
    # Where the label does not tell them apart they are one bar, with their sum.
    rows: tuple[tuple[Cell, ...], ...] = (("payg", "calls", "CNY", Decimal(1)), ("pro", "calls", "CNY", Decimal(2)))
    assert bars(page(*rows, labels=("line",))) == [("calls", "3")]


def test_each_currency_has_a_chart_of_its_own() -> None:
    text = page(("payg", "calls", "CNY", Decimal(1)), ("payg", "calls", "USD", Decimal(2)))
    assert re.findall("<figcaption>(.*?)</figcaption>", text) == ["amount in CNY", "amount in USD"]
    assert bars(text) == [("payg calls", "1"), ("payg calls", "2")]


def test_what_is_below_zero_goes_to_the_other_side_of_a_line() -> None:
    text = page(("payg", "gold", "CNY", Decimal(-25)), ("payg", "late", "CNY", Decimal(75)))
    assert [(found[1], found[2], found[3], found[5]) for found in BAR.findall(text)] == [
        (' class="below"', "0.00", "25.00", "25.00"),
        ("", "25.00", "75.00", "25.00"),
    ]


def test_where_all_is_zero_there_is_no_chart() -> None:
    text = page(("payg", "calls", "CNY", Decimal("0.00")))
    assert "<figure" not in text and "<td>payg</td>" in text
    assert "<figure" not in page()
    assert "nothing" in page()


def test_of_many_bars_the_largest_are_shown_and_the_table_has_all() -> None:
    count = BARS_MAX + 5
    text = page(*(("payg", f"line-{n:02}", "CNY", Decimal(n + 1)) for n in range(count)))
    assert [label for label, _ in bars(text)] == [f"payg line-{n:02}" for n in range(5, count)]
    assert f"the {BARS_MAX} largest of {count}" in text
    assert text.count("<td>payg</td>") == count


def test_texts_are_escaped() -> None:
    text = page(("<b>", "账户 & co", "CNY", Decimal(1)))
    assert bars(text) == [("&lt;b&gt; 账户 &amp; co", "1")]
    assert "<b>" not in text.replace("<body>", "")


def test_a_trend_has_its_days_in_their_places() -> None:
    text = trend(("2026-02-27", "50"), ("2026-03-02", "100"))
    # Four days, of which two had no usage.
    assert [(found[0], found[2], found[3], found[4]) for found in COLUMN.findall(text)] == [
        ("0.00", "50.00", "2026-02-27", "50"),
        ("75.00", "100.00", "2026-03-02", "100"),
    ]
    assert "call.made by day; the dotted line is 100" in text


def test_a_trend_by_month_and_a_long_one() -> None:
    months = COLUMN.findall(trend(("2025-11", "1"), ("2026-02", "4")))
    assert [(found[0], found[3]) for found in months] == [("0.00", "2025-11"), ("75.00", "2026-02")]
    long = trend(("2024-01-01", "9"), ("2026-03-02", "100"))
    assert [found[3] for found in COLUMN.findall(long)] == ["2026-03-02"]
    assert f"the last {DAYS_MAX} of 792" in long
