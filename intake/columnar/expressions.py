"""Small pieces of SQL text: names, literals, and conditions that vanish where they are known.

A condition is never NULL. `TRUE` and `FALSE` are known, so that what a file's footer proves costs nothing per row.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Final

from ...engine.usage import Value

TRUE: Final = "true"
FALSE: Final = "false"


def quoted(name: str) -> str:
    """A column's name as SQL writes it."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as SQL writes it."""
    return "'" + text.replace("'", "''") + "'"


def value_literal(value: Value, sql_type: str) -> str:
    """A value of a field as SQL of this type; the type has room for it."""
    if isinstance(value, bool):
        return TRUE if value else FALSE
    written = f"{value:f}" if isinstance(value, Decimal) else value.isoformat() if isinstance(value, date) else value
    return f"CAST({literal(written)} AS {sql_type})"


def enum_type(words: Iterable[str]) -> str:
    """The type whose values are these words."""
    return f"ENUM({', '.join(map(literal, words))})"


def all_of(conditions: Iterable[str]) -> str:
    """Whether all conditions hold; each is said once."""
    found = list(dict.fromkeys(each for each in conditions if each != TRUE))
    if FALSE in found:
        return FALSE
    return found[0] if len(found) == 1 else f"({' AND '.join(found)})" if found else TRUE


def any_of(conditions: Iterable[str]) -> str:
    """Whether one of the conditions holds; each is said once."""
    found = list(dict.fromkeys(each for each in conditions if each != FALSE))
    if TRUE in found:
        return TRUE
    return found[0] if len(found) == 1 else f"({' OR '.join(found)})" if found else FALSE


def one_of_words(expression: str, words: Iterable[str]) -> str:
    """Whether a value that is there is one of the words."""
    return f"{expression} IN ({', '.join(map(literal, words))})"
