"""Units and their exact conversion.

A unit is a scale over a product of base dimensions, so that a time integral gives `GB h`, energy per interval converts
to power, and bytes per interval to a bit rate. Declared counts have a dimension each and convert only as declared.
A month is no unit of time: it has no fixed length.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from types import MappingProxyType
from typing import Final, TypeAlias

# Base dimensions with their exponents, sorted by name, without zero exponents: equal dimensions are equal tuples.
Dimension: TypeAlias = tuple[tuple[str, int], ...]

NUMBER: Final[Dimension] = ()
DATA: Final[Dimension] = (("data", 1),)
TIME: Final[Dimension] = (("time", 1),)
POWER: Final[Dimension] = (("power", 1),)
ENERGY: Final[Dimension] = (("power", 1), ("time", 1))
DATA_RATE: Final[Dimension] = (("data", 1), ("time", -1))


@dataclass(frozen=True, slots=True)
class Unit:
    """`GB`: one of it is `scale` of the base units (byte, second, watt, or the declared count)."""

    name: str
    dimension: Dimension
    scale: Fraction


def product(left: Unit, right: Unit) -> Unit:
    """`GB h`: the unit of a quantity of `left` held for a quantity of `right`."""
    return Unit(
        f"{left.name} {right.name}",
        _combined(left.dimension, right.dimension, sign=1),
        left.scale * right.scale,
    )


def quotient(left: Unit, right: Unit) -> Unit:
    """`kWh per day`: the unit of a quantity of `left` for each one of `right`."""
    return Unit(
        f"{left.name} per {right.name}",
        _combined(left.dimension, right.dimension, sign=-1),
        left.scale / right.scale,
    )


def per_interval(unit: Unit, interval_seconds: int) -> Unit:
    """`kWh per 900 s`: the unit of what is summed over each interval; of energy it converts to power."""
    interval = Unit(f"{interval_seconds} s", TIME, Fraction(interval_seconds))
    return quotient(unit, interval)


def _combined(left: Dimension, right: Dimension, *, sign: int) -> Dimension:
    exponents = Counter(dict(left))
    for name, exponent in right:
        exponents[name] += sign * exponent
    return tuple(sorted((name, exponent) for name, exponent in exponents.items() if exponent))


def convertible(left: Unit, right: Unit) -> bool:
    """Whether quantities of the one are also quantities of the other."""
    return left.dimension == right.dimension


def convert(value: Fraction, from_: Unit, to: Unit) -> Fraction:
    """The same quantity in another unit, exactly; there and back is the value itself."""
    if not convertible(from_, to):
        raise ValueError(f"{from_.name} does not convert to {to.name}")
    if from_.scale == to.scale:
        return value
    return value * (from_.scale / to.scale)


_DECIMAL_BYTES: Final = ("kB", "MB", "GB", "TB", "PB")
_BINARY_BYTES: Final = ("KiB", "MiB", "GiB", "TiB", "PiB")


def binary_and_decimal_mixed(units: Iterable[Unit]) -> bool:
    """Whether the units hold both a multiple of 1000 bytes and a multiple of 1024 bytes, also inside products."""
    words = {word for unit in units for word in unit.name.split()}
    return not words.isdisjoint(_DECIMAL_BYTES) and not words.isdisjoint(_BINARY_BYTES)


def _built_in() -> Iterator[Unit]:
    yield Unit("B", DATA, Fraction(1))
    for power, (decimal, binary) in enumerate(zip(_DECIMAL_BYTES, _BINARY_BYTES, strict=True), start=1):
        yield Unit(decimal, DATA, Fraction(1000**power))
        yield Unit(binary, DATA, Fraction(1024**power))
    hour = 3600
    for name, seconds in (("s", 1), ("min", 60), ("h", hour), ("day", 24 * hour)):
        yield Unit(name, TIME, Fraction(seconds))
    for prefix, factor in (("", 1), ("k", 1000), ("M", 1_000_000)):
        yield Unit(f"{prefix}W", POWER, Fraction(factor))
        yield Unit(f"{prefix}Wh", ENERGY, Fraction(factor * hour))
    for name, bits_per_second in (("Mbps", 10**6), ("Gbps", 10**9)):
        yield Unit(name, DATA_RATE, Fraction(bits_per_second, 8))


BUILT_IN: Final[Mapping[str, Unit]] = MappingProxyType({unit.name: unit for unit in _built_in()})


@dataclass(frozen=True, slots=True)
class UnitTable:
    """The units that a ruleset may use: the built-in ones and its declared counts, by name."""

    units: Mapping[str, Unit] = field(default_factory=lambda: BUILT_IN, hash=False)

    def find(self, name: str) -> Unit | None:
        """The unit of that name, or the product of units whose names stand side by side (`GB h`)."""
        found = self.units.get(name)
        if found is not None or " " not in name:
            return found
        left, _, right = name.rpartition(" ")
        first, second = self.find(left), self.units.get(right)
        return None if first is None or second is None else product(first, second)

    def with_count(self, name: str) -> UnitTable:
        """`unit seat`: a table that also knows a count which converts to nothing declared before it."""
        # A space keeps the dimension of a count named `time` apart from time's own: no name has one.
        return self._with(Unit(name, ((f"count {name}", 1),), Fraction(1)))

    def with_multiple(self, name: str, factor: Fraction, of: Unit) -> UnitTable:
        """`unit crate = 100 unit`: a table that also knows a multiple of one of its units."""
        if factor <= 0:
            raise ValueError(f"a unit is a positive multiple, not {factor}")
        return self._with(Unit(name, of.dimension, factor * of.scale))

    def _with(self, unit: Unit) -> UnitTable:
        if unit.name in self.units:
            raise ValueError(f"unit {unit.name} is already declared")
        return UnitTable(MappingProxyType({**self.units, unit.name: unit}))
