"""Slips of prices and tables."""

from __future__ import annotations

import re
from dataclasses import replace
from difflib import get_close_matches

from ..machine import Patch
from .case import STRUCTURE, Case, Slip


def _price_without_unit(case: Case) -> Slip | None:
    if not {"PER", "EACH"} <= case.expected or case.token.kind == "NUMBER":
        return None
    found = re.search(r"(\S+)\s*$", case.text[case.line.start : case.token.start])
    if found is None or case.token.text in ("per", "each"):
        return None
    if case.token.kind == "NAME" and get_close_matches(case.token.text, ("per", "each"), 1, 0.6):
        return None
    money = found.group(1)
    start = case.line.start + found.start(1)
    slip = case.slip(
        "RB1114",
        f"the price {money} does not say what it is for",
        case.span(start, start + len(money)),
        f"write `{money} per …` with a unit, or `{money} each`",
        f"or `for {money}` if it does not depend on how much is used",
    )
    if case.token.kind in STRUCTURE or case.token.text == "|":
        return Slip(slip.finding, slip.line, slip.end, Patch(case.token.start, case.token.start, (("NAME", "each"),)))
    return slip


_PER_UNIT = re.compile(r"\bper (?:started )?(?:[\d,.]+ )?([^\W\d]\w*) +$")
_OF_TIME = frozenset({"s", "min", "h", "day"})


def _unit_of_two(case: Case) -> Slip | None:
    """`$0.02 per GB h`: a time integral counts a unit of two words, and a price has no name for that."""
    if case.token.text not in _OF_TIME:
        return None
    found = _PER_UNIT.search(case.text[case.line.start : case.token.start])
    if found is None:
        return None
    start, unit = case.line.start + found.start(1), f"{found.group(1)} {case.token.text}"
    slip = case.slip(
        "RB1001",
        f"a price is per one unit, and `{unit}` is two",
        case.span(start, case.token.end),
        f"write `each`: a meter `in {unit}` counts {unit}, so that each of it is one {unit}",
        here="two units",
    )
    # Read on as `each`: half of the unit would fit no meter, and that is no second mistake.
    return replace(slip, patch=Patch(case.line.start + found.start(), case.token.end, (("NAME", "each"),)))


def _missing_at(case: Case) -> Slip | None:
    start = case.token.start
    if case.token.kind in ("MONEY", "PERCENT") and "AT" in case.expected and case.token.kind not in case.expected:
        return case.slip(
            "RB1001",
            "the word `at` is missing before the price",
            case.span(start, case.token.end),
            f"write `at {case.token.text} …`",
            tokens=(("NAME", "at"), (case.token.kind, case.token.text)),
        )
    at = re.search(r"\| *(at) +$", case.text[case.line.start : start])
    if at is not None:
        span = case.span(case.line.start + at.start(1), start)
        return case.slip("RB1001", "a cell of a table leaves out the word `at`", span, "delete `at`", replace="")
    return None


def _table(case: Case) -> Slip | None:
    if not case.code.startswith("|"):
        return None
    if case.token.kind == "_NL" and not case.code.endswith("|"):
        end = case.line.end
        return (
            case.slip(
                "RB1107",
                "a row of a table ends in a bar",
                case.span(case.line.start, end),
                "write ` |` at the end of the row",
                tokens=None,
            )
            if "VBAR" not in case.expected
            else _closing_bar(case)
        )
    above = case.lines[case.index - 1] if case.index else None
    is_head = above is None or not case.text.startswith("|", above.start)
    if is_head and case.token.kind in ("MONEY", "PERCENT", "STRING", "NUMBER"):
        return case.slip(
            "RB1108",
            "the first row of a table names its columns",
            case.span(case.line.start, case.line.end),
            "write a header row above it, such as `| region | price |`",
        )
    if is_head and case.is_first:
        return case.slip(
            "RB1113", "a charge has one table", case.span(case.line.start, case.line.end), "put all rows into one table"
        )
    return None


def _closing_bar(case: Case) -> Slip:
    end = case.line.end
    return case.slip(
        "RB1107",
        "a row of a table ends in a bar",
        case.span(end, end),
        "write ` |` at the end of the row",
        replace=" |",
        tokens=(("NAME", "|"),),
    )


RULES = (_unit_of_two, _price_without_unit, _missing_at, _table)
