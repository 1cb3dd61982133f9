"""Named expressions over one another as nested projections, each as deep as it must be and no wider than is needed.

What is used once stands where it is used; what nothing uses is left out; a layer carries only what later ones ask for.
The engine's planner takes time for every column of every layer, so that this decides how long a query takes to begin.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

_TOKEN: Final = re.compile(
    r"""'(?:[^']|'')*'                      # a text
    | \bAS\s+[^\W\d]\w*                     # a name that is given
    | (?P<word>"(?:[^"]|"")*"|[^\W\d]\w*)   # a name or a keyword
    | \d[\w.]*                              # a number
    | ::\s*[^\W\d]\w*                       # a type
    | \.[^\W\d]\w*                          # a part of a struct
    """,
    re.VERBOSE,
)
_KEYWORDS: Final = frozenset(
    "CASE WHEN THEN ELSE END AND OR NOT IS NULL IN AS DISTINCT FROM DATE BETWEEN LIKE".split()  # noqa: SIM905
) | {"TRUE", "FALSE", "true", "false", "null"}
_SHORT: Final = 120
"""An expression of so few characters is repeated rather than named."""
_LONG: Final = 4_000
"""An expression does not grow longer than this by taking others in."""


def nested(source: str, named: Mapping[str, str], columns: Sequence[str]) -> str:
    """A query of `columns` from `source`.

    `named` are expressions by name, each over those before it and the columns of `source`.
    """
    used = _needed(named, columns)
    uses = Counter(word for text in (*(named[name] for name in used), *columns) for word in words_of(text))
    kept: dict[str, str] = {}
    inlined: dict[str, str] = {}
    for name in used:
        text = _replaced(named[name], inlined)
        if (uses[name] == 1 and len(text) <= _LONG) or len(text) <= _SHORT:
            inlined[name] = text
        else:
            kept[name] = text
    outer = [_replaced(column, inlined) for column in columns]
    return _layered(source, kept, outer)


def words_of(text: str) -> Iterator[str]:
    """The columns that an expression names, as often as it does."""
    for match in _TOKEN.finditer(text):
        if _is_column(match, text):
            yield match.group()


def _is_column(match: re.Match[str], text: str) -> bool:
    word = match.group("word")
    if word is None or word in _KEYWORDS:
        return False
    after = text[match.end() : match.end() + 2]
    # A function, or a key of a struct.
    return not after.startswith("(") and not (after.startswith(":") and after != "::")


def _replaced(text: str, inlined: Mapping[str, str]) -> str:
    if not inlined:
        return text

    def replacement(match: re.Match[str]) -> str:
        found = inlined.get(match.group())
        return match.group() if found is None or not _is_column(match, text) else f"({found})"

    return _TOKEN.sub(replacement, text)


def _needed(named: Mapping[str, str], columns: Sequence[str]) -> list[str]:
    """The names that columns ask for, themselves or through others, in their order."""
    wanted = {word for column in columns for word in words_of(column)}
    for name in reversed(list(named)):
        if name in wanted:
            wanted.update(words_of(named[name]))
    return [name for name in named if name in wanted]


def _layered(source: str, named: Mapping[str, str], columns: Sequence[str]) -> str:
    words = {name: set(words_of(text)) for name, text in named.items()}
    depths: dict[str, int] = {}
    for name, own in words.items():
        depths[name] = 1 + max((depths[word] for word in own if word in depths), default=0)
    top = max(depths.values(), default=0)
    asked: list[set[str]] = [set() for _ in range(top + 2)]
    for name, own in words.items():
        asked[depths[name]] |= own
    asked[top + 1] = {word for column in columns for word in words_of(column)}
    sql = source
    for depth in range(1, top + 1):
        later: set[str] = set().union(*asked[depth + 1 :])
        carried = sorted(word for word in later if depths.get(word, 0) < depth)
        made = [f"{named[name]} AS {name}" for name in named if depths[name] == depth]
        sql = f"(SELECT {', '.join([*carried, *made])} FROM {sql})"
    return f"SELECT {', '.join(columns)} FROM {sql}"
