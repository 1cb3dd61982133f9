"""Python source while it is written: statements, fresh names, exact integers over a fixed denominator, rounding.

Nothing of the ruleset's text gets into a source: names are made here, numbers are integers, and any other value is a
constant beside it. What a price means is not known here.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from typing import assert_never

from ....money import Rounding, round_ratio


class Obstacle(enum.Enum):
    """Why a plan, as it stands in a period, is left to the interpreter. The list is closed."""

    NO_VERSION = "no version of the plan is in force"
    CHANGES_INSIDE = "another version of the plan begins inside the period and prices the usage from then on"
    UNKNOWN_FORM = "the plan has a part that generated code knows nothing of"
    EACH = "a charge rates every event on its own"
    BY_TIME = "a table asks for the time of usage"
    OPEN_KEYS = "a table asks for a field with open values, and its keys were not told"
    OPEN_ATTRIBUTE = "a table asks for an attribute with open values"
    MANY_KEYS = "a table has too many combinations of values"
    DEPENDENT_WIDTH = "the width of a band depends on a meter or an attribute"
    RUNNING_LADDER = "a ladder is shared by combinations, or runs over several bills"
    PRORATED = "a price or bound is prorated by day"
    DURING = "a policy takes the share that lies in a window which the period touches"
    UNITS_FREE = "a policy frees the dearest units"
    BEST_ONE = "the best of several policies on a line is neither a percentage nor money off"


class NotGenerated(Exception):  # noqa: N818 - it is an answer that the front door turns into a fallback
    """The plan cannot be generated; `obstacle` says why."""

    def __init__(self, obstacle: Obstacle) -> None:
        super().__init__(obstacle.value)
        self.obstacle = obstacle


class Unquotable(Exception):  # noqa: N818 - likewise
    """Generated code was given what it does not price (a refused band, an unknown attribute): ask the interpreter."""


@dataclass(frozen=True, slots=True)
class Term:
    """A number in generated code: what `text` gives, an integer, times `unit`. `text` is a name, a number or in
    brackets; `nonnegative` only where that is certain."""

    text: str
    unit: Fraction = Fraction(1)
    nonnegative: bool = False

    @classmethod
    def constant(cls, value: Fraction) -> Term:
        return cls(str(value.numerator), Fraction(1, value.denominator), value >= 0)

    @property
    def number(self) -> int | None:
        """The integer, where it is known."""
        return int(self.text) if self.text.lstrip("-").isdecimal() else None


def times(text: str, factor: int) -> str:
    """A text times a factor, without one where that is 1."""
    if factor == 1:
        return text
    if text.lstrip("-").isdecimal():
        return str(int(text) * factor)
    return f"{text} * {factor}"


def together(left: Term, right: Term) -> tuple[str, str, Fraction]:
    """Both terms over one unit, so that their texts can be compared and subtracted."""
    ratio = left.unit / right.unit
    return times(left.text, ratio.numerator), times(right.text, ratio.denominator), right.unit / ratio.denominator


def added(texts: list[str]) -> str:
    """The sum of signed texts (`-s1` is taken off); `0` for none."""
    kept = [text for text in texts if text not in ("0", "-0")]
    if not kept:
        return "0"
    first, *others = kept
    return " ".join([first, *(f"- {text[1:]}" if text.startswith("-") else f"+ {text}" for text in others)])


class Source:
    """The body of one function while it grows."""

    def __init__(self) -> None:
        self.prologue: list[str] = []
        self.body: list[str] = []
        self.constants: dict[str, object] = {}
        self._depth = 1
        self._names: dict[str, int] = {}

    def put(self, *statements: str) -> None:
        self.body.extend(f"{'    ' * self._depth}{statement}" for statement in statements)

    def before(self, statement: str) -> None:
        """A statement that stands before all others, outside of every block."""
        self.prologue.append(f"    {statement}")

    @contextmanager
    def block(self, header: str) -> Iterator[None]:
        self.put(header)
        self._depth += 1
        begun = len(self.body)
        yield
        if len(self.body) == begun:
            self.put("pass")
        self._depth -= 1

    def name(self, stem: str) -> str:
        """A name of its own: s1, s2, …"""
        self._names[stem] = self._names.get(stem, 0) + 1
        return f"{stem}{self._names[stem]}"

    def constant(self, value: object) -> str:
        """The name of a value that is no integer."""
        for name, known in self.constants.items():
            if known == value and type(known) is type(value):
                return name
        name = f"K{len(self.constants)}"
        self.constants[name] = value
        return name

    def text(self, function: str, arguments: list[str], support: Mapping[str, object]) -> tuple[str, dict[str, object]]:
        """The whole source, and the names that it needs."""
        lines = [f"def {function}({', '.join(arguments)}):", *self.prologue, *self.body]
        return "\n".join(lines) + "\n", {**support, **self.constants}

    def atom(self, text: str) -> str:
        """A name for what a text gives."""
        if text.isidentifier() or text.lstrip("-").isdecimal():
            return text
        name = self.name("v")
        self.put(f"{name} = {text}")
        return name

    def rounded(self, text: str, divisor: int, mode: Rounding, *, nonnegative: bool, target: str = "") -> str:
        """A name or number for `text / divisor` rounded to an integer: the arithmetic of `money.round_ratio`, inlined.

        With a `target`, that is the name. Half even is the same on both sides of zero under floor division; the other
        modes mirror what is below it.
        """
        if text.lstrip("-").isdecimal():
            return self._given(str(round_ratio(int(text), divisor, mode)), target)
        if divisor == 1:
            return self._given(text, target) if target else self.atom(text)
        value = self.atom(text)
        found = target or self.name("r")
        if mode is Rounding.HALF_EVEN and divisor % 2 == 0:
            half = divisor // 2
            self.put(f"{found} = ({value} + {half}) // {divisor}")
            self.put(f"if {found} & 1 and {found} * {divisor} - {half} == {value}: {found} -= 1")
            return found
        up, down = _floored(value, divisor, mode), _floored(f"-{value}", divisor, mode)
        # An odd divisor has no ties, so that half even is the nearest on both sides.
        symmetric = nonnegative or mode is Rounding.HALF_EVEN
        self.put(f"{found} = {up}" if symmetric else f"{found} = {up} if {value} >= 0 else -({down})")
        return found

    def _given(self, text: str, target: str) -> str:
        if target and text != target:
            self.put(f"{target} = {text}")
        return target or text


def _floored(value: str, divisor: int, mode: Rounding) -> str:
    """The rounding of a value that is not below zero, by one floor division."""
    match mode:
        case Rounding.HALF_EVEN | Rounding.HALF_UP:
            return f"({value} + {divisor // 2}) // {divisor}"
        case Rounding.HALF_DOWN:
            return f"({value} + {(divisor - 1) // 2}) // {divisor}"
        case Rounding.UP:
            return f"({value} + {divisor - 1}) // {divisor}"
        case Rounding.DOWN:
            return f"({value}) // {divisor}"
        case _:
            assert_never(mode)
