"""Names, numbers, money, dates and what else is one word; and the annotations below a declaration."""

from __future__ import annotations

import datetime
import re
import unicodedata
from collections.abc import Sequence
from typing import Any

from ...diagnostics import Diagnostic, Span
from .. import syntax as s
from .build import Action, Build, constant, every, first, named, part, refuse_repeats

DIGITS_MAX = 38
_GROUPED = re.compile(r"[0-9]{1,3}(?:,[0-9]{3})+")
_MONEY = re.compile(r"(-?)([^0-9,.\s-]*) ?(-?)([0-9][0-9,]*(?:\.[0-9]+)?)(?: ?([A-Z]{3}))?")


def _nfc(text: str) -> str:
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def name(_: Build, parts: list[Any], span: Span) -> s.Name:
    if isinstance(parts[0], s.Name):
        return parts[0]
    return s.Name(span=span, text=_nfc(parts[0]))


def _event_name(_: Build, parts: list[Any], span: Span) -> s.EventName:
    return s.EventName(span=span, text=_nfc(parts[0]))


def text_of(span: Span, quoted: str) -> s.Text:
    """The text between quotes."""
    return s.Text(span=span, text=_nfc(quoted[1:-1]))


def _text(_: Build, parts: list[Any], span: Span) -> s.Text:
    return text_of(span, parts[0])


def digits_of(build: Build, written: str, span: Span) -> str:
    """The digits without commas; reports misplaced commas and numbers that are too long."""
    whole = written.lstrip("-").partition(".")[0]
    if "," in whole and not _GROUPED.fullmatch(whole):
        spaced = whole.replace(",", ", ")
        before, _, after = whole.partition(",")
        decimal = f"{before}.{after}" if len(after) < 3 or before == "0" else ""
        grouped = f"{int(whole.replace(',', '')[:DIGITS_MAX]):,}"
        build.report(
            Diagnostic(
                "RB1011",
                f"the commas of `{written}` don't group the digits by three",
                span,
                hints=(f"write `{decimal}`: decimals follow a point",)
                if decimal and "," not in after and "." not in written
                else (f"write `{grouped}`, or `{spaced}` for a list",),
            )
        )
    plain = written.replace(",", "")
    count = sum(character.isdigit() for character in plain)
    if count > DIGITS_MAX:
        build.report(Diagnostic("RB1010", f"this number has {count} digits; {DIGITS_MAX} are the most", span))
        return "0"
    return plain


def _number(build: Build, parts: list[Any], span: Span) -> s.Number:
    return s.Number(span=span, digits=digits_of(build, parts[0], span))


def _money(build: Build, parts: list[Any], span: Span) -> s.Money:
    found = _MONEY.fullmatch(parts[0])
    if found is None:
        raise AssertionError(f"the lexer took {parts[0]!r} for money")
    before, symbol, after, number, code = found.groups()
    digits = digits_of(build, number, span)
    return s.Money(span=span, digits=("-" if before or after else "") + digits, symbol=symbol, code=code or "")


def _percent(build: Build, parts: list[Any], span: Span) -> s.Percent:
    return s.Percent(span=span, digits=digits_of(build, parts[0][:-1], span))


def date_of(build: Build, written: str, span: Span) -> s.Date:
    """The date; reports one that is not in the calendar."""
    year, month, day = (int(number) for number in written.split("-"))
    try:
        return s.Date(span=span, iso=datetime.date(year, month, day).isoformat())
    except ValueError:
        build.report(Diagnostic("RB1105", f"there is no day {written}", span, hints=("check the month and the day",)))
        return s.Date(span=span, iso="2000-01-01")


def _date(build: Build, parts: list[Any], span: Span) -> s.Date:
    return date_of(build, parts[0], span)


def _period(build: Build, parts: list[Any], span: Span) -> s.Period:
    written = parts[0]
    numbers = written.split("-")
    if len(numbers) == 3:
        return s.Period(span=span, iso=date_of(build, written, span).iso)
    if not re.fullmatch(r"[0-9]{4}(?:-[0-9]{1,2})?", written) or int(numbers[0]) == 0:
        build.report(
            Diagnostic("RB1105", f"`{written}` is not a period", span, hints=("periods are `2026-03` or `2026`",))
        )
        return s.Period(span=span, iso="2000")
    if len(numbers) == 2 and not 1 <= int(numbers[1]) <= 12:
        build.report(Diagnostic("RB1105", f"there is no month {numbers[1]}", span, hints=("months are 01 to 12",)))
        return s.Period(span=span, iso=numbers[0])
    return s.Period(span=span, iso=numbers[0] if len(numbers) == 1 else f"{numbers[0]}-{int(numbers[1]):02}")


def _time(build: Build, parts: list[Any], span: Span) -> s.Time:
    hour, minute, second = (int(number) for number in (parts[0] + ":00").split(":")[:3])
    seconds = hour * 3600 + minute * 60 + second
    if minute > 59 or second > 59 or seconds > 86400:
        build.report(Diagnostic("RB1106", f"there is no time {parts[0]}", span, hints=("times are 00:00 to 24:00",)))
        seconds = 0
    return s.Time(span=span, seconds=seconds)


def _boolean(_: Build, parts: list[Any], span: Span) -> s.Boolean:
    return s.Boolean(span=span, value=parts[0] in ("yes", "true"))


def _account_field(_: Build, parts: list[Any], span: Span) -> s.AccountField:
    written = parts[0].partition(".")[2]
    return s.AccountField(
        span=span, name=s.Name(span=Span(span.file, span.end - len(written), span.end), text=_nfc(written))
    )


def _quantity(_: Build, parts: list[Any], span: Span) -> s.Quantity:
    return s.Quantity(span=span, number=parts[0], unit=parts[1] if len(parts) > 1 else None)


def whole_number(build: Build, number: s.Number) -> int:
    """The number as a count of something; reports one that is not whole or not above zero."""
    if number.value.denominator != 1 or not 0 < number.value < 10**6:
        build.report(Diagnostic("RB1001", "a whole number above zero has to stand here", number.span))
        return 1
    return int(number.value)


def _term(build: Build, parts: list[Any], span: Span) -> s.Term:
    count = whole_number(build, parts[0]) if len(parts) > 1 else 1
    return s.Term(span=span, count=count, unit=s.TermUnit(parts[-1].removesuffix("s")))


def _dating(**fields: int) -> Action:
    def make(_: Build, parts: list[Any], span: Span) -> s.Dating:
        return s.Dating(span=span, **{field: parts[index] for field, index in fields.items()})

    return make


def dating_of(parts: Sequence[Any], at: Span) -> s.Dating:
    """The dates of a declaration, which may have none."""
    return first(parts, s.Dating) or s.Dating(span=Span(at.file, at.end, at.end))


def _local_label(_: Build, parts: list[Any], span: Span) -> s.LocalLabel:
    language, text = parts if len(parts) == 2 else ("", parts[0])
    return s.LocalLabel(span=span, language=language, text=text)


def annotations_of(build: Build, parts: Sequence[Any]) -> s.Annotations | None:
    """The labels, `because` and `source` among the parts; None where there are none."""
    labels = every(parts, s.LocalLabel)
    because, source = named(parts, "because"), named(parts, "source")
    spans = [item.span for item in (*labels, because, source) if item is not None]
    if not spans:
        return None
    refuse_repeats(build, parts, "because", "`because`")
    refuse_repeats(build, parts, "source", "`source`")
    seen: dict[str, s.LocalLabel] = {}
    for label in labels:
        if seen.setdefault(label.language, label) is not label:
            refuse_repeats(build, [seen[label.language], label], s.LocalLabel, "the label in this language")
    whole = min(spans).to(max(spans, key=lambda span: span.end))
    return s.Annotations(
        span=whole,
        labels=labels,
        because=because.value if because else None,
        source=source.value if source else None,
    )


_WORDS = "name field_word choice_word measured_word operand_word source_word unit_word column_word cell_word"

ACTIONS: dict[str, Action] = {
    **dict.fromkeys((*_WORDS.split(), "fee_unit_word", "given_word", "line_word", "plan_word"), name),
    "event_name": _event_name,
    "text": _text,
    "number": _number,
    "money": _money,
    "percent": _percent,
    "date": _date,
    "period": _period,
    "time": _time,
    "boolean": _boolean,
    "account_field": _account_field,
    "quantity": _quantity,
    "term": _term,
    "dating_from": _dating(start=0),
    "dating_before": _dating(start=0, before=1),
    "dating_through": _dating(start=0, through=1),
    "dating_only_before": _dating(before=0),
    "dating_only_through": _dating(through=0),
    "local_label": _local_label,
    "default_label": _local_label,
    "because": part("because"),
    "origin": part("source"),
    "half_even": constant(s.RoundingMode.HALF_EVEN),
    "half_up": constant(s.RoundingMode.HALF_UP),
    "half_down": constant(s.RoundingMode.HALF_DOWN),
    "up": constant(s.RoundingMode.UP),
    "down": constant(s.RoundingMode.DOWN),
}
