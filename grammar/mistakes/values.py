"""Slips of values: ends of ranges, percents, money, dates, and what needs quotes."""

from __future__ import annotations

import re
from fractions import Fraction

from ..builder.prices import as_money
from .case import STRUCTURE, Case, Slip
from .characters import joined_percent


def _open_end(case: Case) -> Slip | None:
    if case.token.text not in ("until", "till", "to") or not {"BEFORE", "THROUGH"} & case.expected:
        return None
    date = re.match(r"\w+ +([0-9]{4}-[0-9]{1,2}-[0-9]{1,2})", case.text[case.token.start : case.line.end])
    day = date.group(1) if date else "D"
    span = case.span(case.token.start, case.token.end)
    return case.slip(
        "RB1101",
        f"`{case.token.text}` does not say whether the last day is included",
        span,
        f"`before {day}` if that day is not included",
        f"`through {day}` if it is",
        tokens=(("NAME", "before" if "BEFORE" in case.expected else "through"),) if date else None,
    )


def _plain(value: Fraction) -> str:
    """The decimal text of a number that was written as one, so that it terminates."""
    places = 0
    while value * 10**places % 1:
        places += 1
    digits = str(int(value * 10**places)).rjust(places + 1, "0")
    return f"{digits[:-places]}.{digits[-places:]}" if places else digits


def _percent_as_number(case: Case) -> Slip | None:
    """`0.1 off`, `10 percent`, and a number where only a percent fits."""
    for pattern, scaled in (
        (r"(?<![\w.$€£¥-])([0-9]+(?:\.[0-9]+)?) ?(?:percent|per ?cent|pct)\b", False),
        (r"(?<![\w.$€£¥-])([0-9]+(?:\.[0-9]+)?)(?= +off\b)", True),
    ):
        found = re.search(pattern, case.code)
        if found is not None:
            return _as_percent(case, found.group(1), case.line.start + found.start(), found.group(), scaled)
    apart = re.compile(r"([0-9][0-9,.]*)\s+%").match(case.text, case.token.start, case.line.end)
    if case.token.kind == "NUMBER" and apart is not None:
        return joined_percent(case, apart.group(1), apart.start(), apart.end())
    if case.token.kind == "NUMBER" and "PERCENT" in case.expected and not {"MONEY", "NUMBER"} & case.expected:
        return _as_percent(case, case.token.text, case.token.start, case.token.text, True)
    return None


def _as_percent(case: Case, digits: str, start: int, written: str, scaled: bool) -> Slip | None:
    plain = digits.replace(",", "").lstrip("-")
    if len(plain) > 38:
        return None
    value = Fraction(plain)
    percent = f"{_plain(value * 100) if scaled and value < 1 else plain}%"
    return case.slip(
        "RB1103",
        f"a percent belongs here, and `{written}` is none",
        case.span(start, start + len(written)),
        f"write `{percent}`",
        replace=percent,
        tokens=(("PERCENT", percent),),
    )


def _number_for_money(case: Case) -> Slip | None:
    if case.token.kind != "NUMBER" or "MONEY" not in case.expected or "NUMBER" in case.expected:
        return None
    if len(case.token.text) > 38:
        return None
    written = as_money(case.build, case.token.text)
    hints = [f"write `{written}`"]
    if "PERCENT" in case.expected:
        hints.append(f"or `{case.token.text}%` for a part of an amount")
    return case.slip(
        "RB1104",
        "a bare number is never money",
        case.span(case.token.start, case.token.end),
        *hints,
        replace=written if case.build.currency else None,
        tokens=(("MONEY", written),),
    )


def _date_misshaped(case: Case) -> Slip | None:
    if "DATE" not in case.expected or {"NUMBER", "PERIOD"} & case.expected:
        return None
    span = case.span(case.token.start, case.token.end)
    if case.token.kind == "PERIOD":
        return case.slip(
            "RB1105",
            "a day belongs here, not a month",
            span,
            f"write `{case.token.text}-01`",
            tokens=(("DATE", f"{case.token.text}-01"),),
        )
    if case.token.kind == "NUMBER":
        return case.slip("RB1105", "this is not a date", span, "dates are written `2026-03-01`: year, month, day")
    return None


def _needs_quotes(case: Case) -> Slip | None:
    """`us-east-1`, `3xl` where a name or a text may stand; words after `because` and the like."""
    if "STRING" not in case.expected:
        return None
    token = case.token
    found = re.match(r"[\w.+/-]+", case.text[token.start : case.line.end])
    if token.kind in STRUCTURE or found is None:
        return None
    keyword = re.fullmatch(r"(because|source|import|label(?: \w+)?)\s+", case.text[case.line.start : token.start])
    if keyword is not None:
        start, end = token.start, case.line.end
        what = "a text stands in quotes"
    elif "NAME" in case.expected and token.kind in (
        "COMPOUND",
        "NUMBER",
        "DOTTED",
        "PERIOD",
        "DATE",
        "ORDINAL",
        "TIME",
    ):
        start, end = token.start, token.start + len(found.group())
        what = f"`{found.group()}` is no name, so it stands in quotes"
    elif token.kind == "COMPOUND":
        start, end = token.start, token.end
        what = f"`{token.text}` is no name, so it stands in quotes"
    else:
        return None
    written = f'"{case.source.text[start:end]}"'
    if written.count('"') != 2:
        return None
    return case.slip(
        "RB1110", what, case.span(start, end), f"write `{written}`", replace=written, tokens=(("STRING", written),)
    )


OPEN_ENDS = (_open_end,)
RULES = (_percent_as_number, _number_for_money, _date_misshaped)
QUOTES = (_needs_quotes,)
