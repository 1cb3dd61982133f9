"""Random sentences of the language, derived from the productions of the grammar itself."""

from __future__ import annotations

import random
from functools import cache
from typing import Any

from lark.load_grammar import load_grammar

from ratebook.grammar import tables

NAMES = ("alpha", "beta_2", "出网流量", "gb", "Łódź", "x")
LAYOUT = ("_NL", "_INDENT", "_DEDENT")
SAMPLES = {
    "NAME": NAMES,
    "STRING": ('"a text"', '"流量：（1）#"', '""', '"us-east-1"'),
    "MONEY": ("$5", "-¥1,000.50", "€0.0001", "$12,345,678", "US$3"),
    "PERCENT": ("10%", "2.9%", "-5%", "1,000%"),
    "NUMBER": ("1", "10", "1,000", "0.5", "12,345.678", "3"),
    "DATE": ("2026-01-01", "2024-02-29"),
    "PERIOD": ("2026-03", "2026-12"),
    "TIME": ("08:00", "24:00", "19:58:30"),
    "ORDINAL": ("95th", "99.9th", "1st"),
    "ACCOUNT_FIELD": ("account.tier", "account.国家"),
    "DOTTED": ("net.egress", "a.b.c"),
    "COMPOUND": ("DE-BY", "Europe/Berlin"),
    "COMPARISON": ("<", "<=", ">", ">="),
}


@cache
def _grammar() -> tuple[dict[str, list[Any]], dict[str, list[str]]]:
    computed = tables.load_tables()
    words: dict[str, list[str]] = {}
    for word, kinds in computed.keywords.items():
        for kind in kinds:
            words.setdefault(kind, []).append(word)
    for sign, kind in computed.signs.items():
        words.setdefault(kind, []).append(sign)
    productions: dict[str, list[Any]] = {}
    for rule in _rules():
        productions.setdefault(rule.origin.name, []).append(rule.expansion)
    return productions, words


@cache
def _rules() -> Any:
    grammar, _ = load_grammar(tables.grammar_text(), "ratebook.lark", [], False)
    return grammar.compile([tables.START], set())[1]


@cache
def _depths() -> dict[str, int]:
    """How deep the shallowest derivation of each rule is."""
    productions, _ = _grammar()
    depths: dict[str, int] = {}
    changed = True
    while changed:
        changed = False
        for origin, expansions in productions.items():
            best = min((_height(each, depths) for each in expansions), default=99)
            if best < depths.get(origin, 99):
                depths[origin], changed = best, True
    return depths


def _height(expansion: Any, depths: dict[str, int]) -> int:
    return 1 + max((0 if symbol.is_term else depths.get(symbol.name, 98) for symbol in expansion), default=0)


def sentence(chance: random.Random, start: str = tables.START) -> str:
    """The text of a random declaration."""
    productions, words = _grammar()
    depths = _depths()
    tokens: list[str] = []

    def derive(symbol: Any, budget: int) -> None:
        if symbol.is_term:
            kind = symbol.name
            tokens.append(kind if kind in LAYOUT else chance.choice(SAMPLES.get(kind) or words[kind]))
            return
        expansions = productions[symbol.name]
        fitting = [each for each in expansions if _height(each, depths) <= budget]
        expansion = chance.choice(fitting) if fitting else min(expansions, key=lambda each: _height(each, depths))
        for part in expansion:
            derive(part, budget - 1)

    for part in chance.choice(productions[start]):
        derive(part, 14)
    return _laid_out(tokens)


def _laid_out(tokens: list[str]) -> str:
    lines, level, line = [], 0, []
    for token in tokens:
        if token == "_INDENT":
            level += 1
        elif token == "_DEDENT":
            level -= 1
        elif token == "_NL":
            lines.append("  " * level + " ".join(line).replace(" :", ":").replace(" ,", ","))
            line = []
        else:
            line.append(token)
    return "\n".join(lines) + "\n"
