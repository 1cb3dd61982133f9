"""The two rulesets that are compared, and which of their plans' versions belong together."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property

from ....diagnostics import Source, Span
from ....grammar import syntax
from ... import plan as operations
from ...derivation import Place
from ...plan import Program
from ..compile import Compiled
from ..model import Charge, Plan, Ruleset
from .rows import Table
from .wording import shortened

_TEXT_MAX = 300


@dataclass(frozen=True)
class Version:
    """One version of a plan or contract, as model and as plan."""

    model: Plan
    plan: operations.Plan

    def table(self, name: str) -> Table:
        """A charge of it with its decision tree."""
        charge = next(item for item in self.model.charges if item.name == name)
        return Table(charge, self.priced(name).tree)

    def priced(self, name: str) -> operations.Charge:
        """A charge of it in the plan."""
        return next(item for item in self.plan.charges if item.name == name)

    def charge(self, name: str) -> Charge | None:
        """A charge of it in the model, or None."""
        return next((item for item in self.model.charges if item.name == name), None)


@dataclass(frozen=True)
class Side:
    """One of the two rulesets, without errors."""

    ruleset: Ruleset
    program: Program
    sources: Mapping[str, Source]
    trees: tuple[syntax.Ruleset, ...] = field(default=(), repr=False)

    @cached_property
    def versions(self) -> Mapping[str, tuple[Version, ...]]:
        """The versions of each plan, in the order of their dates."""
        found: dict[str, list[Version]] = {}
        for model in self.ruleset.plans:
            own = found.setdefault(model.name, [])
            own.append(Version(model, self.program.plans[model.name][len(own)]))
        return {name: tuple(versions) for name, versions in found.items()}

    def text(self, place: Place | Span) -> str:
        """What stands at a place, on one line."""
        return shortened(self.sources[place.file].text[place.start : place.end], _TEXT_MAX)

    def cited(self, span: Span) -> str:
        """`old/prices.rates:12`."""
        return self.sources[span.file].place(span)

    def declarations(self) -> Iterator[syntax.Node]:
        """Every declaration of every file."""
        for tree in self.trees:
            yield from tree.declarations


def side_of(compiled: Compiled) -> Side | None:
    """A side, or None for a ruleset with errors."""
    if compiled.ruleset is None or compiled.program is None:
        return None
    return Side(compiled.ruleset, compiled.program, compiled.sources, compiled.trees)


class Pairing(enum.Enum):
    """Why two versions are compared."""

    SAME = "the same version"
    MOVED = "the same version with another beginning"
    SUCCESSOR = "a version that is new, beside the one in force before it"


@dataclass(frozen=True)
class VersionPair:
    """An older and a newer version; one of them is None where there is nothing to compare with."""

    old: Version | None
    new: Version | None
    pairing: Pairing = Pairing.SAME


def pair_versions(old: Sequence[Version], new: Sequence[Version]) -> tuple[VersionPair, ...]:
    """Versions of one plan by the day on which they begin.

    A version that is new is compared with the one that was in force on its first day, which is what its prices change.
    Where one version is left on either side, it has been moved.
    """
    by_start = {version.model.start: version for version in old}
    starts = {version.model.start for version in new}
    gone = [version for version in old if version.model.start not in starts]
    fresh = [version for version in new if version.model.start not in by_start]
    moved = len(gone) == len(fresh) == 1 and len(new) == len(old)
    pairs: list[VersionPair] = []
    for version in new:
        same = by_start.get(version.model.start)
        if same is not None:
            pairs.append(VersionPair(same, version))
        elif moved:
            pairs.append(VersionPair(gone[0], version, Pairing.MOVED))
        else:
            pairs.append(VersionPair(_before(old, version.model.start), version, Pairing.SUCCESSOR))
    if not moved:
        pairs.extend(VersionPair(version, None) for version in gone)
    return tuple(pairs)


def _before(versions: Sequence[Version], day: date | None) -> Version | None:
    """The version in force on a day, or else the last that began before it, or else the first."""
    if not versions:
        return None
    if day is None:
        return versions[0]
    begun = [version for version in versions if (version.model.start or date.min) <= day]
    return begun[-1] if begun else versions[0]
