"""Tables that are asked one after another: what none of them prices.

The columns are gone through from left to right. At each, one value stands for all that every table treats alike, and
the real look-up says what each table makes of it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from fractions import Fraction
from itertools import islice, pairwise

from ..condition import Scalar
from ..dispatch import Branch, Chain, Leaf, RangeCase, Tree, step, value_text
from ..period import Period
from ..plan import ColumnKind
from .model import Charge
from .times import Times

_SHOWN = 3
_NO_TEXT = "\x00"
"""Not in any cell, so that it stands for any other text."""


def unpriced(chain: Chain, charge: Charge, times: Times) -> list[str]:
    """Some combinations that no table prices, in words; none where together they price everything."""
    return list(islice(_Search(charge, times).holes(chain.trees, 0, ()), _SHOWN))


class _Search:
    def __init__(self, charge: Charge, times: Times) -> None:
        self._charge, self._times = charge, times
        self._whole: dict[int, bool] = {}

    def holes(self, trees: Sequence[Tree], column: int, path: tuple[str, ...]) -> Iterator[str]:
        """What these trees, asked one after another from a column on, have no row for."""
        if any(self._is_whole(tree) for tree in trees):
            return
        if not trees:
            columns = self._charge.columns
            yield ", ".join(f"{at.name} {text}" for at, text in zip(columns, path, strict=False))
            return
        branches = [tree for tree in trees if isinstance(tree, Branch)]
        for text, below in self._pieces(branches, column):
            yield from self.holes(below, column + 1, (*path, text))

    def _is_whole(self, tree: Tree) -> bool:
        """Whether a tree certainly has a row for everything: a quick answer for most of them."""
        known = self._whole.get(id(tree))
        if known is None:
            match tree:
                case Leaf():
                    known = True
                case Branch(otherwise=None):
                    known = False
                case Branch() as branch:
                    below = [*branch.values.values(), *branch.prefixes.values()]
                    below += [case.tree for case in branch.ranges] + [each for _, each in branch.windows]
                    known = all(self._is_whole(each) for each in [*below, branch.otherwise] if each is not None)
                case _:
                    known = False
            self._whole[id(tree)] = known
        return known

    def _pieces(self, branches: Sequence[Branch], column: int) -> Iterator[tuple[str, list[Tree]]]:
        """The values of a column by what the tables make of them: words for each piece, and the trees below."""
        if self._charge.columns[column].kind is ColumnKind.TIME:
            yield from self._times_of(branches)
            return
        declared = self._charge.declared[column]
        shown = None if declared is None else [(value, value_text(value)) for value in declared]
        for value, text in _open_values(branches) if shown is None else shown:
            found = [step(branch, value, lambda _window: False) for branch in branches]
            yield text, [item[1] for item in found if item is not None]

    def _times_of(self, branches: Sequence[Branch]) -> Iterator[tuple[str, list[Tree]]]:
        named = list(dict.fromkeys(name for branch in branches for name, _ in branch.windows))
        seen: set[frozenset[str]] = set()
        for span in self._times.spans(named):
            held = {name: self._times.intervals(name, span) for name in named}
            edges = {edge for parts in held.values() for part in parts for edge in (part.start, part.end)}
            for instant in sorted(edge for edge in {span.start, *edges} if edge < span.end):
                inside = frozenset(name for name, parts in held.items() if _holds(parts, instant))
                if inside not in seen:
                    seen.add(inside)
                    found = [step(branch, None, inside.__contains__) for branch in branches]
                    local = instant.astimezone(self._times.zone)
                    yield f"{local:%Y-%m-%d %H:%M}", [item[1] for item in found if item is not None]


def _holds(parts: Sequence[Period], instant: datetime) -> bool:
    """Whether one of rising intervals holds an instant."""
    after = bisect_right(parts, instant, key=lambda part: part.start)
    return after > 0 and instant < parts[after - 1].end


def _open_values(branches: Sequence[Branch]) -> Iterator[tuple[Scalar, str]]:
    """A value for each piece of an open column, with words for it."""
    named = dict.fromkeys(value for branch in branches for value in branch.values)
    yield from ((value, value_text(value)) for value in named)
    prefixes = dict.fromkeys(text for branch in branches for text in branch.prefixes)
    yield from ((f"{text}{_NO_TEXT}", f"{text}…") for text in prefixes)
    ranges = [case for branch in branches for case in branch.ranges]
    if ranges:
        yield from _between(ranges, named)
        return
    if any(isinstance(value, Fraction) for value in named):
        yield max(value for value in named if isinstance(value, Fraction)) + 1, "of any other size"
    elif any(isinstance(value, date) for value in named):
        yield max(value for value in named if isinstance(value, date)) + timedelta(days=1), "of any other day"
    else:
        yield _NO_TEXT, "any other"


def _between(ranges: Sequence[RangeCase], named: Iterable[Scalar]) -> Iterator[tuple[Scalar, str]]:
    """The ends of ranges from zero up, and a value between each two of them and above the last."""
    ends = {end for case in ranges for end in (case.low, case.high) if end is not None}
    if any(isinstance(end, Fraction) for end in ends):
        numbers = sorted({end for end in (*ends, *named) if isinstance(end, Fraction) and end >= 0} | {Fraction(0)})
        yield from ((end, value_text(end)) for end in numbers)
        for low, high in pairwise(numbers):
            yield (low + high) / 2, f"between {value_text(low)} and {value_text(high)}"
        yield numbers[-1] + 1, f"above {value_text(numbers[-1])}"
        return
    days = sorted({end for end in (*ends, *named) if isinstance(end, date)})
    one = timedelta(days=1)
    yield days[0] - one, f"before {value_text(days[0])}"
    yield from ((day, value_text(day)) for day in days)
    for first, second in pairwise(days):
        if first + one < second:
            yield first + one, value_text(first + one)
    yield days[-1] + one, f"after {value_text(days[-1])}"
