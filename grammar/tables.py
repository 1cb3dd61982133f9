"""From `ratebook.lark` to parse tables: Lark reads the grammar and computes them, once a grammar and machine.

The tables are plain data (JSON, never pickled code) in the user's cache folder, under a name that is the hash of the
grammar and of all versions that matter. Whatever goes wrong with the cache, the tables are computed again; Lark is
imported only then.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from .cache import cache_folder, keep

START = "declaration"
_FORMAT = "4"

# Spelled out where the grammar says \p{M} (marks that belong to a letter) and \p{Sc} (signs of currencies).
_CLASSES = {
    r"\p{M}": "\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u05bf\u05c1-\u05c2\u05c4-\u05c5\u0610-\u061a\u064b-\u065f\u0670"
    "\u06d6-\u06dc\u06df-\u06e4\u06e7-\u06e8\u06ea-\u06ed\u0711\u0730-\u074a\u0900-\u0903\u093a-\u094f\u0951-\u0957"
    "\u0962-\u0963\u0981-\u0983\u09bc-\u09cd\u0a01-\u0a03\u0a3c-\u0a51\u0a70-\u0a75\u0a81-\u0a83\u0abc-\u0acd"
    "\u0b01-\u0b03\u0b3c-\u0b57\u0b82\u0bbe-\u0bd7\u0c00-\u0c04\u0c3c-\u0c56\u0c81-\u0c83\u0cbc-\u0cd6\u0d00-\u0d03"
    "\u0d3b-\u0d4d\u0d81-\u0d83\u0dca-\u0ddf\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u0eb1\u0eb4-\u0ebc\u0ec8-\u0ece"
    "\u0f18-\u0f19\u0f35\u0f37\u0f39\u0f71-\u0f84\u102b-\u103e\u1056-\u1059\u17b4-\u17d3\u1ab0-\u1ace\u1dc0-\u1dff"
    "\u20d0-\u20f0\u302a-\u302f\u3099-\u309a\ufe20-\ufe2f",
    r"\p{Sc}": "$\u00a2-\u00a5\u058f\u060b\u07fe-\u07ff\u09f2-\u09f3\u09fb\u0af1\u0bf9\u0e3f\u17db\u20a0-\u20cf\ua838"
    "\ufdfc\ufe69",
}


@dataclass(frozen=True, slots=True)
class Rule:
    """A production: how many symbols it takes, which of them it keeps, and what to make of them.

    `kept` are positions, with True where what stands there is a list to splice in. `action` is the name of the
    builder's function; empty where the kept parts are just handed on, None where the single part is (`?rule`).
    """

    origin: str
    size: int
    kept: tuple[tuple[int, bool], ...]
    action: str | None


@dataclass(frozen=True, slots=True)
class Tables:
    """What the machine runs on. In `states` a number from 0 is the next state, `~n` means: reduce by rule `n`."""

    token_pattern: str
    keywords: dict[str, tuple[str, ...]]
    signs: dict[str, str]
    states: tuple[dict[str, int], ...]
    rules: tuple[Rule, ...]
    start: int
    end: int


def grammar_text() -> str:
    """The grammar as Lark reads it."""
    text = Path(__file__).with_name("ratebook.lark").read_text(encoding="utf-8")
    for written, ranges in _CLASSES.items():
        text = text.replace(f"[{written}]", f"[{ranges}]").replace(written, ranges)
    return text


@cache
def load_tables() -> Tables:
    """The tables of the grammar, from the cache where it has them."""
    text = grammar_text()
    versions = (_FORMAT, _lark_as_installed(), sys.version.split()[0])
    key = hashlib.sha256("\0".join((text, *versions)).encode()).hexdigest()
    path = cache_folder() / f"grammar-{key[:32]}.json"
    try:
        return _from_json(json.loads(path.read_bytes()))
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        tables = compute_tables(text)
        keep(path, json.dumps(_to_json(tables), separators=(",", ":")).encode())
        return tables


def _lark_as_installed() -> str:
    """Where Lark stands and since when, which changes with its version; asking for the version itself is slow."""
    found = importlib.util.find_spec("lark")
    if found is None or found.origin is None:
        return ""
    return f"{found.origin} {Path(found.origin).stat().st_mtime_ns}"


def _to_json(tables: Tables) -> dict[str, Any]:
    return {
        "token_pattern": tables.token_pattern,
        "keywords": tables.keywords,
        "signs": tables.signs,
        "states": tables.states,
        "rules": [(rule.origin, rule.size, rule.kept, rule.action) for rule in tables.rules],
        "start": tables.start,
        "end": tables.end,
    }


def _from_json(data: dict[str, Any]) -> Tables:
    return Tables(
        data["token_pattern"],
        {word: tuple(names) for word, names in data["keywords"].items()},
        data["signs"],
        tuple(data["states"]),
        tuple(
            Rule(origin, size, tuple((index, splice) for index, splice in kept), action)
            for origin, size, kept, action in data["rules"]
        ),
        data["start"],
        data["end"],
    )


def compute_tables(text: str) -> Tables:
    """Build the tables with Lark, strictly: a grammar with a conflict raises."""
    import lark
    from lark.lexer import Lexer

    class NoLexer(Lexer):
        """Lark only computes the tables; `machine.py` reads the tokens."""

        __future_interface__ = 2

        def __init__(self, conf: object) -> None:
            pass

        def lex(self, lexer_state: object, parser_state: object) -> Iterator[Any]:
            raise NotImplementedError

    built = lark.Lark(text, parser="lalr", lexer=NoLexer, strict=True, start=START, maybe_placeholders=False)
    table = built.parser.parser._parse_table
    numbers = {rule: index for index, rule in enumerate(built.rules)}
    # Lark numbers the states differently in every run; here they count from the start, so that tables compare.
    order = {table.start_states[START]: 0}
    states: list[dict[str, int]] = []
    for state in _as_it_grows(order):
        row: dict[str, int] = {}
        for symbol, (action, argument) in sorted(table.states[state].items()):
            shifts = str(action) == "Shift"
            row[symbol] = order.setdefault(argument, len(order)) if shifts else ~numbers[argument]
        states.append(row)
    keywords, signs, patterns = _terminals(built.terminals)
    return Tables(
        token_pattern=" *(?:" + "|".join(f"(?P<{name}>{pattern})" for name, pattern in patterns) + ")",
        keywords=keywords,
        signs=signs,
        states=tuple(states),
        rules=tuple(_rule(rule) for rule in built.rules),
        start=0,
        end=order[table.end_states[START]],
    )


def _as_it_grows(order: dict[int, int]) -> Iterator[int]:
    """The keys in order, those too that are added meanwhile."""
    done = 0
    while done < len(order):
        fresh = list(order)[done:]
        done = len(order)
        yield from fresh


def _rule(rule: Any) -> Rule:
    kept = tuple(
        (index, not symbol.is_term and symbol.name.startswith("_"))
        for index, symbol in enumerate(rule.expansion)
        if not (symbol.is_term and symbol.filter_out)
    )
    origin = str(rule.origin.name)
    action: str | None = rule.alias or origin
    if not rule.alias and origin.startswith("_"):
        action = ""
    elif not rule.alias and rule.options.expand1:
        action = None
        if len(kept) != 1 or kept[0][1]:
            raise ValueError(f"`?{origin}` has an alternative with several parts and without a name: {rule}")
    return Rule(origin, len(rule.expansion), kept, action)


def _terminals(terminals: Any) -> tuple[dict[str, tuple[str, ...]], dict[str, str], list[tuple[str, str]]]:
    keywords: dict[str, tuple[str, ...]] = {}
    signs: dict[str, str] = {}
    patterns: list[tuple[int, str, str]] = []
    for terminal in terminals:
        pattern = terminal.pattern
        alternatives = re.fullmatch(r"\(\?:([^()\[\]]+)\)", pattern.value)
        words = [pattern.value] if pattern.type == "str" else alternatives.group(1).split("|") if alternatives else []
        if not words:
            patterns.append((-terminal.priority, terminal.name, pattern.to_regexp()))
        for word in words:
            if re.match(r"\w", word):
                keywords[word] = (*keywords.get(word, ()), terminal.name)
            else:
                signs[word] = terminal.name
    ordered = [(name, pattern) for _, name, pattern in sorted(patterns)]
    longest_first = sorted(signs, key=lambda sign: (-len(sign), sign))
    ordered.append(("SIGN", "|".join(map(re.escape, longest_first))))
    return dict(sorted(keywords.items())), dict(sorted(signs.items())), ordered
