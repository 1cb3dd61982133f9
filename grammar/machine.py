"""The walk over the parse tables: from the lines of one declaration to a tree, or to the place where it got stuck.

Lark computes the tables; the walk is ours for three reasons. A word is a keyword only where the parser can really go
on with it, which takes the whole stack to decide. Every node gets its span. And the tables load without Lark.
The walk is a loop over a stack: nesting cannot exhaust Python's own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from ..diagnostics import Span
from .builder.build import Build
from .layout import Line
from .tables import Rule, Tables

Action: TypeAlias = Callable[[Any, list[Any], Span], Any]
"""Makes a node: of what the caller handed in, the parts of a production, and the span that it covers."""

_CURRENCY_CODE = re.compile(r" ?([A-Z]{3})(?![\w.])")
_SPACES = re.compile(" *")
_END = "$END"
_TABLE_HEAD = (("plan p:", True), ("charge c by x:", True))
"""The lines above a table, and whether each opens a block: cells are read as if they stood below."""
_TABLE_ROW = (*_TABLE_HEAD, ("| x |", False))


@dataclass(frozen=True, slots=True)
class Token:
    """One word or sign: its terminal, its text as read, and where it stands."""

    kind: str
    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Patch:
    """Words to read at `[start, end)` instead of what stands there, so that parsing goes on after a clear slip."""

    start: int
    end: int
    tokens: tuple[tuple[str, str], ...]


def _after_spaces(text: str, position: int, end: int) -> int:
    found = _SPACES.match(text, position, end)
    return found.end() if found is not None else position


class StuckError(Exception):
    """Where no rule fits: the token, the index of its line, the tokens before it, and the terminals that would fit."""

    def __init__(self, token: Token, line: int, expected: frozenset[str]) -> None:
        super().__init__(token, line, expected)
        self.token, self.line, self.expected = token, line, expected


class Machine:
    """Parses one declaration after the other with the actions of a builder."""

    def __init__(self, tables: Tables, actions: Mapping[str, Action]) -> None:
        self._start, self._end, self._states = tables.start, tables.end, tables.states
        self._keywords, self._signs = tables.keywords, tables.signs
        self._match = re.compile(tables.token_pattern).match
        self._reductions = [_reduction(rule, actions) for rule in tables.rules]

    def parse(self, build: Build, text: str, lines: Sequence[Line], patches: Mapping[int, Patch]) -> Any:
        """The tree of the declaration on these lines of a text; raises `StuckError`."""
        walk = _Walk(build, self._states, self._reductions, self._start, self._end, lines[0].start)
        currency = build.currency
        level = 0
        for number, line in enumerate(lines):
            walk.line = number
            while level < line.level:
                walk.feed("_INDENT", "", walk.last, walk.last)
                level += 1
            while level > line.level:
                walk.feed("_DEDENT", "", walk.last, walk.last)
                level -= 1
            self._read(text, line, patches, currency, walk)
            walk.feed("_NL", "", walk.last, walk.last)
        for _ in range(level):
            walk.feed("_DEDENT", "", walk.last, walk.last)
        return walk.finish()

    def cells(
        self, build: Build, text: str, places: Iterable[tuple[int, int]], *, head: bool
    ) -> Iterator[Any | StuckError]:
        """What stands at each place of a text, read as a cell of a table (with `head`, of its first row).

        A place is `(start, end)` without the signs that divide cells; where one cannot be read, it gives the error.
        """
        walk = _Walk(build, self._states, self._reductions, self._start, self._end, 0)
        for line, opens in _TABLE_HEAD if head else _TABLE_ROW:
            self._read(line, Line(0, len(line), 0, 0), {}, "", walk)
            walk.feed("_NL", "", 0, 0)
            if opens:
                walk.feed("_INDENT", "", 0, 0)
        bar = self._signs["|"]
        walk.feed(bar, "|", 0, 0)
        before = walk.depth
        begun = walk.state()
        for start, end in places:
            walk.go_back(begun, start)
            try:
                self._read(text, Line(start, end, 0, 0), {}, build.currency, walk)
                walk.feed(bar, "|", end, end)
            except StuckError as stuck:
                yield stuck
                continue
            # A cell and the sign that ends it; a sign inside would have made two of it.
            made = walk.before_last
            one = walk.depth == before + 2
            yield (made[0] if head else made) if one else StuckError(Token("", "|", start, end), 0, frozenset())

    def _read(self, text: str, line: Line, patches: Mapping[int, Patch], currency: str, walk: _Walk) -> None:
        match, keywords, signs, feed = self._match, self._keywords, self._signs, walk.feed
        position, end = line.start, line.end
        while position < end:
            found = match(text, position, end)
            if patches:
                begin = _after_spaces(text, position, end)
                patch = patches.get(begin)
                if patch is not None:
                    self._substitute(patch, walk)
                    position = patch.end
                    if patch.end > patch.start:
                        continue
                    found = match(text, position, end)
            if found is None:
                bad = _after_spaces(text, position, end)
                raise StuckError(Token("", text[bad], bad, bad + 1), walk.line, walk.expected())
            kind = found.lastgroup or ""
            begin, position = found.span(kind)
            value = found.group(kind)
            if kind == "NAME" or kind == "COMPOUND":
                if value in keywords:
                    kind = walk.choose(keywords[value], kind)
            elif kind == "SIGN":
                kind = signs[value]
            elif kind == "NUMBER":
                code = _CURRENCY_CODE.match(text, position, end)
                if code and walk.accepts("MONEY") and (code.group(1) == currency or not walk.accepts("NUMBER")):
                    kind, value, position = "MONEY", text[begin : code.end()], code.end()
            feed(kind, value, begin, position)
        if patches and end in patches:
            self._substitute(patches[end], walk)

    def _substitute(self, patch: Patch, walk: _Walk) -> None:
        for kind, value in patch.tokens:
            chosen = walk.choose(self._keywords.get(value, ()), kind) if kind == "NAME" else kind
            walk.feed(self._signs.get(value, chosen), value, patch.start, patch.end)


class _Reduction(NamedTuple):
    """A production, ready for the walk.

    `same`: one part, handed on unchanged. `plain`: the positions of the kept parts where none is a list to splice in.
    `single`: the one kept part is the value; otherwise the value is the list of them, if there is no action.
    """

    origin: str
    size: int
    same: bool
    plain: tuple[int, ...] | None
    kept: tuple[tuple[int, bool], ...]
    make: Action | None
    single: bool


def _reduction(rule: Rule, actions: Mapping[str, Action]) -> _Reduction:
    single = rule.action is None
    splices = any(splice for _, splice in rule.kept)
    return _Reduction(
        rule.origin,
        rule.size,
        rule.size == 1 and not rule.action and len(rule.kept) == 1 and (single or splices),
        None if splices else tuple(index for index, _ in rule.kept),
        rule.kept,
        actions[rule.action] if rule.action else None,
        single,
    )


def _spliced(parts: list[Any], kept: tuple[tuple[int, bool], ...]) -> list[Any]:
    index, splice = kept[0]
    # A list grows in place: what it was before is on no stack any more.
    made: list[Any] = parts[index] if splice else [parts[index]]
    for index, splice in kept[1:]:
        if splice:
            made.extend(parts[index])
        else:
            made.append(parts[index])
    return made


class _Walk:
    """The stack of one parse."""

    __slots__ = ("_build", "_end", "_ends", "_reductions", "_stack", "_starts", "_states", "_values", "line")

    def __init__(self, build: Build, states: Any, reductions: Any, start: int, end: int, offset: int) -> None:
        self._build, self._states, self._reductions, self._end = build, states, reductions, end
        self._stack, self._values, self._starts, self._ends = [start], [None], [offset], [offset]
        self.line = 0

    @property
    def last(self) -> int:
        """Where the last word ended."""
        return self._ends[-1]

    @property
    def depth(self) -> int:
        """How much stands on the stack."""
        return len(self._stack)

    @property
    def before_last(self) -> Any:
        """The value below the topmost one."""
        return self._values[-2]

    def state(self) -> tuple[list[int], list[Any]]:
        """What stands on the stack, to go back to."""
        return self._stack[:], self._values[:]

    def go_back(self, state: tuple[list[int], list[Any]], offset: int) -> None:
        """Go back to a state, to go on from another place in the text."""
        self._stack[:], self._values[:] = state
        self._starts[:] = self._ends[:] = [offset] * len(self._stack)

    def feed(self, kind: str, value: str, start: int, end: int) -> None:
        stack, values, starts, ends, states = self._stack, self._values, self._starts, self._ends, self._states
        build, reductions = self._build, self._reductions
        file = build.file
        while True:
            action = states[stack[-1]].get(kind)
            if action is None:
                if kind == _END and stack[-1] == self._end:
                    return
                raise StuckError(Token(kind, value, start, end), self.line, self.expected())
            if action >= 0:
                stack.append(action)
                values.append(value)  # type: ignore[arg-type]
                starts.append(start)
                ends.append(end)
                return
            origin, size, same, plain, kept, make, single = reductions[~action]
            if same:
                stack[-1] = states[stack[-2]][origin]
                continue
            begin = finish = ends[-1]
            made: Any
            if not size:
                made = []
            else:
                begin = starts[-size]
                if plain is not None:
                    made = [values[index - size] for index in plain]
                else:
                    made = _spliced(values[-size:], kept)
                del stack[-size:], values[-size:], starts[-size:], ends[-size:]
            if make is not None:
                made = make(build, made, Span(file, begin, finish))
            elif single:
                made = made[0]
            stack.append(states[stack[-1]][origin])
            values.append(made)
            starts.append(begin)
            ends.append(finish)

    def finish(self) -> Any:
        """The tree, when all tokens have been fed."""
        self.feed(_END, "", self.last, self.last)
        return self._values[-1]

    def choose(self, keywords: Sequence[str], otherwise: str) -> str:
        """The first of the keywords that the parser can go on with."""
        for keyword in keywords:
            if self.accepts(keyword):
                return keyword
        return otherwise

    def accepts(self, kind: str) -> bool:
        """Whether the parser can shift this terminal, after whatever reductions it takes."""
        states = self._states
        action = states[self._stack[-1]].get(kind)
        if action is None or action >= 0:
            return action is not None
        stack = self._stack[:]
        while action is not None and action < 0:
            origin, size = self._reductions[~action][:2]
            if size:
                del stack[-size:]
            stack.append(states[stack[-1]][origin])
            action = states[stack[-1]].get(kind)
        return action is not None

    def expected(self) -> frozenset[str]:
        """The terminals that would fit here."""
        kinds = (kind for kind in self._states[self._stack[-1]] if not kind.strip("_").islower())
        return frozenset(kind for kind in kinds if self.accepts(kind))
