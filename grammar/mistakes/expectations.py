"""What may stand at a place of the text, in the words of a reader."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import cache

from ..tables import load_tables

ALTERNATIVES_MAX = 6

_VALUES = {
    "NAME": "a name",
    "STRING": "a text in quotes",
    "MONEY": "money such as `$5`",
    "NUMBER": "a number",
    "PERCENT": "a percent such as `10%`",
    "DATE": "a date such as `2026-03-01`",
    "PERIOD": "a month such as `2026-03`",
    "TIME": "a time such as `08:00`",
    "ACCOUNT_FIELD": "an attribute such as `account.tier`",
    "DOTTED": "the name of an event",
    "ORDINAL": "a rank such as `95th`",
    "WEEKDAY": "a weekday such as `mon`",
    "MONTH_NAME": "a month such as `jan`",
    "TERM_UNIT": "`day`, `week`, `month` or `year`",
    "COMPARISON": "a comparison such as `<=`",
    "BOOLEAN": "`yes` or `no`",
    "COLON": "`:`",
    "COMMA": "`,`",
    "VBAR": "`|`",
    "EQUAL": "`=`",
    "RPAR": "`)`",
    "LPAR": "`(`",
    "_NL": "the end of the line",
}
_USUAL = (
    *("charge", "fee", "include", "minimum", "cap", "billed", "first", "next", "up", "above", "at", "free", "for"),
    *("when", "because", "plan", "meter", "event", "account", "unit", "window", "discount", "offer", "penalty"),
    *("tax", "example", "promise", "expect", "usage"),
)


@cache
def _words_of() -> dict[str, tuple[str, ...]]:
    words: dict[str, list[str]] = {}
    for word, kinds in load_tables().keywords.items():
        for kind in kinds:
            words.setdefault(kind, []).append(word)
    return {kind: tuple(each) for kind, each in words.items()}


def keyword_words(expected: Collection[str]) -> list[str]:
    """The words of the language among what may stand."""
    table = _words_of()
    return sorted({word for kind in expected for word in table.get(kind, ())})


def alternatives(expected: Collection[str]) -> list[str]:
    """What may stand, the likeliest first, at most six."""
    values = [words for kind, words in _VALUES.items() if kind in expected]
    table = _words_of()
    keywords = {word for kind in expected if kind not in _VALUES for word in table.get(kind, ())}
    usual = [word for word in _USUAL if word in keywords]
    rest = sorted(keywords.difference(usual))
    return [*values, *(f"`{word}`" for word in (*usual, *rest))][:ALTERNATIVES_MAX]


def listed(words: Sequence[str]) -> str:
    """`a, b or c`."""
    if not words:
        return "nothing more"
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"
