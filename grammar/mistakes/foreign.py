"""Slips of people who come from somewhere else: spreadsheets, YAML, SQL, other languages, and Chinese number words."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from .case import Case, Slip


@dataclass(frozen=True, slots=True)
class _Habit:
    """What somebody writes by habit, and what to say; `hint` may name groups of the pattern.

    `fix`, where the meaning is certain, is read in its place; without it the line is left out. `line` habits are
    looked for from the beginning of the line, others where reading stopped.
    """

    pattern: re.Pattern[str]
    message: str
    hint: str
    fix: str | None = None
    code: str = "RB1001"
    line: bool = False


def _at(pattern: str, message: str, hint: str, fix: str | None = None, code: str = "RB1001") -> _Habit:
    return _Habit(re.compile(pattern), message, hint, fix, code)


def _line(pattern: str, message: str, hint: str, code: str = "RB1001") -> _Habit:
    return _Habit(re.compile(pattern), message, hint, None, code, line=True)


_HABITS = (
    _at(r"&&?", "conditions are joined by a word: `and`", "write `and`", "and", "RB1015"),
    _at(r"\|\|", "conditions are joined by a word: `or`", "write `or`", "or", "RB1015"),
    _at(r"in\s*\(([^()]*)\)", "a list of values follows `is one of`", r"write `is one of \1`"),
    _at(r"between\b", "a range is written with two comparisons", "write `>= LOW and … <= HIGH`"),
    _at(r"\[([^\[\]]*)\]", "a choice of values is written in words", r"write `one of \1`", r"one of \1", "RB1015"),
    _at(r"\(\*\)", "events are counted by their name", "write `count of EVENT`", "", "RB1001"),
    _at(r"group\s+by\s+(.+)", "a meter has no groups: the charge says by what it is priced",
        r"write `charge METER by \1` in the plan, and leave this out"),
    _at(r"\{", "a block begins with a colon, and its lines are indented", "write `:` and remove the `}` below", ":",
        "RB1015"),
    _at(r"\}", "a block ends where its lines are no longer indented", "remove it", None, "RB1015"),
    _at(r"(?://|/\*|--)", "a note for readers begins with `#`", "write `#`", None, "RB1015"),
    _at(r"(?:max|min)\s*\(", "a price is not reckoned from others by a formula",
        "write `minimum MONEY` or `cap MONEY` below the charge, for its floor or ceiling"),
    _line(r"(?:charge|fee)\s+\S+\s*=(?!=)", "a price is not a formula: it names a meter and money",
          "write `charge METER: at MONEY each`, say"),
    _at(r"([0-9]{4})年([0-9]{1,2})月([0-9]{1,2})日", "dates are written year, month, day with hyphens",
        r"write `2026-03-01` for 1 March 2026", None, "RB1105"),
    _line(r"-\s+(?=\S)", "the lines of a block have no dashes", "remove the dash", "RB1015"),
    _line(r"if\b.*", "a condition stands on a line of its own, below what it is for",
          "write `when …` on the next line, without `if` and `then`", "RB1112"),
    _line(r"(currency|time zone|round each line|round total|label|because|source)\s*:",
          "a line with one value has no colon", r"write `\1 …`"),
    _line(r"time_?zone\b:?", "the zone is named with two words", "write `time zone Europe/Berlin`, say", "RB1112"),
    _line(r"([0-9][0-9,.]*)\s*(?:-|\u2013|to|~)\s*([0-9][0-9,.]*)\b",
          "a band is not written as a range from one number to another",
          r"write `first N` and `next N`, their widths, below `graduated`, or `up to \2` below `volume`", "RB1115"),
    _line(r"(?:[0-9][0-9,.]*\s*\+|[>≥]=?\s*[0-9][0-9,.]*)", "the last band has a word of its own", "write `above`",
          "RB1115"),
)  # fmt: skip


def _by_habit(case: Case) -> Slip | None:
    at = case.token.start
    for habit in _HABITS:
        start = case.line.start if habit.line else at
        if habit.line and not case.line.start <= at <= case.line.end:
            continue
        found = habit.pattern.match(case.text, start, case.line.end)
        if found is None or (habit.line and found.end() < at and habit.code != "RB1112"):
            continue
        return case.slip(
            habit.code,
            habit.message,
            case.span(found.start(), max(found.end(), found.start() + 1)),
            found.expand(habit.hint),
            replace=None if habit.fix is None else found.expand(habit.fix),
        )
    return None


def _tenths(case: Case) -> Slip | None:
    """`8折`: eight tenths are left to pay."""
    found = re.search(r"([1-9](?:\.[1-9])?|[1-9][1-9])折", case.code)
    if found is None:
        return None
    digits = found.group(1).replace(".", "")
    percent = 100 - int(digits) * (10 if len(digits) == 1 else 1)
    start = case.line.start + found.start()
    return case.slip(
        "RB1103",
        f"`{found.group()}` says what is left, and a discount says what it takes off",
        case.span(start, start + len(found.group())),
        f"write `{percent}% off …`",
    )


_SIGNS = {"元": "¥", "块": "¥", "円": "¥", "€": "€", "£": "£", "$": "$", "¥": "¥", "\uffe5": "¥"}
_BEHIND = re.compile(rf"([0-9][0-9,]*(?:\.[0-9]+)?) ?([{''.join(_SIGNS)}])")


def _money_behind(case: Case) -> Slip | None:
    """`100元`, `0.02€` and `5 $`: the sign stands before the number."""
    if case.token.kind != "NUMBER" or "MONEY" not in case.expected:
        return None
    found = re.compile(r"([0-9][0-9,]*(?:\.[0-9]+)?) ?([元块円€£$¥￥])").match(
        case.text, case.token.start, case.line.end
    )
    if found is None:
        return None
    written = _SIGNS[found.group(2)] + found.group(1)
    return case.slip(
        "RB1001",
        "the currency sign stands before its number",
        case.span(found.start(), found.end()),
        f"write `{written}`",
        replace=written,
        tokens=(("MONEY", written),),
    )


def _decimal_comma(case: Case) -> Slip | None:
    """`€1.000,50`: points between thousands and a comma before the decimals."""
    found = re.search(r"[0-9]{1,3}(?:\.[0-9]{3})+,[0-9]+", case.code)
    if found is None or not found.start() <= case.token.start - case.line.start <= found.end():
        return None
    written = found.group().replace(".", " ").replace(",", ".").replace(" ", ",")
    start = case.line.start + found.start()
    return case.slip(
        "RB1011",
        "thousands have commas, and decimals a point",
        case.span(start, start + len(found.group())),
        f"write `{written}`",
    )


RULES: tuple[Callable[[Case], Slip | None], ...] = (_money_behind, _decimal_comma, _tenths, _by_habit)
