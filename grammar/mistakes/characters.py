"""Slips of single signs: quotes, signs of comparison, percent and currency signs in the wrong place."""

from __future__ import annotations

import re

from .case import Case, Slip, may_stand

_SIGNS = {
    "==": "is",
    "=": "is",
    "!=": "is not",
    "<>": "is not",
    "≠": "is not",
    "≥": ">=",
    "≤": "<=",
    "=>": ">=",
    "=<": "<=",
}
_QUOTES = {"“": "”", "”": "”", "„": "“", "「": "」", "‘": "’", "'": "'", "«": "»"}


def _strange_character(case: Case) -> Slip | None:
    if case.token.kind:
        return None
    character, at = case.token.text, case.token.start
    for rule in (_percent_apart, _money_behind, _wrong_sign, _wrong_quotes):
        slip = rule(case)
        if slip is not None:
            return slip
    if character == ")" or character == "(":
        return None
    twin = {"、": ", ", "。": ".", ";": ",", "；": ","}.get(case.source.text[at : at + 1])
    if twin is not None and not case.text[at + 1 : case.line.end].strip():
        return case.slip(
            "RB1015",
            f"`{case.source.text[at]}` does not end a line here",
            case.span(at, at + 1),
            "leave it out: a line ends where it ends",
            replace="",
            tokens=(),
        )
    if twin is not None:
        return case.slip(
            "RB1015",
            f"`{character}` is no sign of the language",
            case.span(at, at + 1),
            f"write `{twin.strip()}`",
            replace=twin,
            tokens=() if twin == "." else (("NAME", twin.strip()),),
        )
    return case.slip("RB1015", f"`{character}` is no sign of the language", case.span(at, at + 1), may_stand(case))


def _percent_apart(case: Case) -> Slip | None:
    found = re.search(r"(-?[0-9][0-9,.]*)(\s+)%$", case.text[case.line.start : case.token.end])
    if found is None or case.token.text != "%":
        return None
    return joined_percent(case, found.group(1), case.line.start + found.start(), case.token.end)


def joined_percent(case: Case, digits: str, start: int, end: int) -> Slip:
    written, span = f"{digits}%", case.span(start, end)
    return case.slip(
        "RB1103",
        "the percent sign stands right after its number",
        span,
        f"write `{written}`",
        replace=written,
        tokens=(("PERCENT", written),),
    )


def _money_behind(case: Case) -> Slip | None:
    found = re.search(r"(-?)([0-9][0-9,]*(?:\.[0-9]+)?) ?([^\w\s.,:|])$", case.text[case.line.start : case.token.end])
    if found is None or found.group(3) not in "$€£¥₹₽₩₺₫₴₦฿":
        return None
    written = found.group(1) + found.group(3) + found.group(2)
    span = case.span(case.line.start + found.start(), case.token.end)
    return case.slip(
        "RB1001",
        "the currency sign stands before its number",
        span,
        f"write `{written}`",
        replace=written,
        tokens=(("MONEY", written),),
    )


def _wrong_quotes(case: Case) -> Slip | None:
    opening, start = case.token.text, case.token.start
    if opening not in _QUOTES:
        return None
    close = case.text.find(_QUOTES[opening], start + 1, case.line.end)
    if close < 0:
        return case.slip(
            "RB1006", 'a text stands between two `"`', case.span(start, case.line.end), 'write it as `"…"`'
        )
    written = f'"{case.source.text[start + 1 : close]}"'
    return case.slip(
        "RB1015",
        'texts stand between straight quotes `"`',
        case.span(start, close + 1),
        f"write `{written}`",
        replace=written,
        tokens=(("STRING", written),),
    )


def _wrong_sign(case: Case) -> Slip | None:
    rest = case.text[case.token.start : case.line.end]
    sign = next((sign for sign in sorted(_SIGNS, key=len, reverse=True) if rest.startswith(sign)), None)
    before = case.text[case.token.start - 1 : case.token.start]
    start = case.token.start
    if sign is None and before + rest[:1] in _SIGNS:
        sign, start = before + rest[:1], start - 1
    if sign is None or not ({"IS", "COMPARISON", "NAME", "NUMBER", "MONEY"} & case.expected):
        return None
    right = _SIGNS[sign]
    tokens = [("COMPARISON", right)] if right in (">=", "<=") else [("NAME", word) for word in right.split()]
    return case.slip(
        "RB1111",
        f"conditions are written in words: `{right}` and not `{sign}`",
        case.span(start, start + len(sign)),
        f"write `{right}`",
        replace=right,
        tokens=tokens,
    )


RULES = (_strange_character, _wrong_sign)
