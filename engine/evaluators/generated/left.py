"""What lines have left, in generated code: as sums where only sums matter, otherwise line by line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from .charges import PricedLine
from .source import Source, added

Lines: TypeAlias = tuple[int, ...]
"""Numbers of lines, in their order."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A rule in the order of application: whether it reads what its lines have left, and whether it changes that.

    It is `sure` where nothing falls below zero by it.
    """

    targets: Lines
    reads: bool
    changes: bool
    sure: bool = True


def only_sums_matter(lines: Sequence[PricedLine], readings: Sequence[Reading]) -> bool:
    """Whether each later rule reads the lines of each earlier one together or not at all.

    Lines that may be below zero are followed singly, for nothing is taken from those.
    """
    needed: list[set[int]] = []
    for reading in reversed(readings):
        own = set(reading.targets)
        matters = reading.reads
        if reading.changes:
            for later in needed:
                if later & own:
                    matters = True
                    if not own <= later or not reading.sure:
                        return False
        if matters:
            if not all(lines[index].nonnegative for index in own):
                return False
            needed.append(own)
    return True


def read_later(readings: Sequence[Reading]) -> list[bool]:
    """For each rule whether a later one reads what lines have left."""
    return [any(later.reads for later in readings[position + 1 :]) for position in range(len(readings))]


class Left(Protocol):
    """What lines have left while code for the rules is written."""

    @property
    def is_frozen(self) -> bool:
        """Whether `base` is what lines had before the policies of one kind."""

    def freeze(self) -> None:
        """Until `thaw`, `base` is what lines have now, whatever falls on them."""

    def thaw(self) -> None:
        """`base` is again what lines have left."""

    def base(self, targets: Lines) -> str:
        """What lines have together: a name, a number, or in brackets."""

    def available(self, targets: Lines) -> str:
        """What can be taken from lines."""

    def is_nonnegative(self, targets: Lines) -> bool:
        """Whether `base` is certainly not below zero."""

    def fall(self, targets: Lines, size: str, *, takes: bool) -> None:
        """Let the amount named `size` fall on lines, in proportion to their `base`."""

    def spread(self, targets: Lines, size: str) -> None:
        """Let what a bound adds or takes fall on lines; no more is taken than they have."""


class Sums:
    """Lines that rules read together: what falls on them changes their sum by as much."""

    def __init__(self, lines: Sequence[PricedLine], source: Source) -> None:
        self._lines = lines
        self._source = source
        self._fallen: list[tuple[frozenset[int], str]] = []
        self._frozen: int | None = None

    @property
    def is_frozen(self) -> bool:
        return self._frozen is not None

    def freeze(self) -> None:
        self._frozen = len(self._fallen)

    def thaw(self) -> None:
        self._frozen = None

    def base(self, targets: Lines) -> str:
        return self._sum(targets, self._fallen[: self._frozen])

    def available(self, targets: Lines) -> str:
        return self._sum(targets, self._fallen)

    def is_nonnegative(self, targets: Lines) -> bool:
        return all(self._lines[index].nonnegative for index in targets)

    def fall(self, targets: Lines, size: str, *, takes: bool) -> None:
        if takes:
            self._fallen.append((frozenset(targets), f"-{size}"))
            return
        # What is added falls nowhere where no line has anything.
        name = self._source.name("e")
        self._source.put(f"{name} = {size} if {self.base(targets)} > 0 else 0")
        self._fallen.append((frozenset(targets), name))

    def spread(self, targets: Lines, size: str) -> None:
        name, base = self._source.name("e"), self.base(targets)
        self._source.put(f"{name} = ({size} if {size} > -{base} else -{base}) if {base} > 0 else 0")
        self._fallen.append((frozenset(targets), name))

    def _sum(self, targets: Lines, fallen: Sequence[tuple[frozenset[int], str]]) -> str:
        texts = [self._lines[index].text for index in targets]
        texts += [text for lines, text in fallen if lines <= set(targets)]
        whole = added(texts)
        return whole if whole.isidentifier() or whole.isdecimal() else f"({whole})"


class Singly:
    """Every line on its own, as the interpreter has it."""

    def __init__(self, lines: Sequence[PricedLine], source: Source) -> None:
        self._nonnegative = [line.nonnegative for line in lines]
        self._source = source
        self._now = [source.name("l") for _ in lines]
        self._base = self._now
        source.put(*(f"{name} = {line.text}" for name, line in zip(self._now, lines, strict=True)))

    @property
    def is_frozen(self) -> bool:
        return self._base is not self._now

    def freeze(self) -> None:
        self._base = [self._source.name("h") for _ in self._now]
        self._source.put(*(f"{old} = {now}" for old, now in zip(self._base, self._now, strict=True)))

    def thaw(self) -> None:
        self._base = self._now

    def names(self) -> str:
        """All lines, as the inside of a tuple."""
        return self._listed(range(len(self._now)), self._now)

    def base(self, targets: Lines) -> str:
        return f"({added([self._base[index] for index in targets])})"

    def available(self, targets: Lines) -> str:
        own = [(self._now[index], self._nonnegative[index]) for index in targets]
        return f"({added([name if sure else f'({name} if {name} > 0 else 0)' for name, sure in own])})"

    def is_nonnegative(self, targets: Lines) -> bool:
        return all(self._nonnegative[index] for index in targets)

    def fall(self, targets: Lines, size: str, *, takes: bool) -> None:
        if not targets:
            return
        if not takes:
            # An amount that is added may be a negative one.
            self._nonnegative = [sure and index not in targets for index, sure in enumerate(self._nonnegative)]
        now, base = self._listed(targets, self._now), self._listed(targets, self._base)
        self._source.put(f"if {size}: ({now}) = {'take' if takes else 'add'}({size}, ({base}), ({now}))")

    def spread(self, targets: Lines, size: str) -> None:
        if targets:
            now = self._listed(targets, self._now)
            self._source.put(f"if {size}: ({now}) = spread({size}, ({now}))")

    def _listed(self, lines: Sequence[int], names: Sequence[str]) -> str:
        return ", ".join(names[index] for index in lines) + ","
