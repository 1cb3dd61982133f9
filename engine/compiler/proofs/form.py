"""Totals as sums: a constant, and atoms each times a number.

Atoms are interned in an `Arena`, so that the same part of two totals is one atom and cancels. An atom refers only to
atoms made before it: bounds substitute from the last to the first.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TypeAlias, TypeVar

from .curve import At, Curve, Highest, combined, highest

ZERO = Fraction(0)
ONE = Fraction(1)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Form:
    """`constant + Σ terms[atom] × atom`."""

    constant: Fraction = ZERO
    terms: Mapping[int, Fraction] = field(default_factory=dict)

    def __add__(self, other: Form) -> Form:
        terms = dict(self.terms)
        for atom, factor in other.terms.items():
            factor += terms.pop(atom, ZERO)
            if factor:
                terms[atom] = factor
        return Form(self.constant + other.constant, terms)

    def __sub__(self, other: Form) -> Form:
        return self + other.times(-ONE)

    def times(self, factor: Fraction) -> Form:
        if not factor:
            return Form()
        return Form(self.constant * factor, {atom: own * factor for atom, own in self.terms.items()})

    def plus(self, constant: Fraction) -> Form:
        return Form(self.constant + constant, self.terms)

    @property
    def key(self) -> tuple[Fraction, frozenset[tuple[int, Fraction]]]:
        return self.constant, frozenset(self.terms.items())

    @property
    def is_constant(self) -> bool:
        return not self.terms


NOTHING = Form()


@dataclass(frozen=True, slots=True)
class Along:
    """A curve over one axis: the price of a quantity, or the quantity itself."""

    axis: int
    curve: Curve


@dataclass(frozen=True, slots=True)
class Positive:
    """The form, not below zero."""

    of: Form


@dataclass(frozen=True, slots=True)
class Rounded:
    """The form rounded: it never falls where the form does not, and lies from `low` to `high` off it."""

    of: Form
    low: Fraction
    high: Fraction


@dataclass(frozen=True, slots=True)
class Kept:
    """What is left of whole units after a rounded percentage below 100%: it never falls where the form does not."""

    of: Form
    share: Fraction
    low: Fraction
    high: Fraction


@dataclass(frozen=True, slots=True)
class Through:
    """A curve over a form that several quantities make up."""

    of: Form
    curve: Curve


@dataclass(frozen=True, slots=True)
class Rising:
    """Something that is known only never to fall where the form does not, but for rounding by `noise`.

    It lies between `lower` and `upper`; None is no bound. `rises` is False where not even that is known. `also` are
    further axes that it depends on, in a way that is not known; the first word of `name` says why, to a reader.
    """

    of: Form
    name: tuple[object, ...]
    lower: Form | None
    upper: Form | None
    noise: Fraction = ZERO
    rises: bool = True
    also: frozenset[int] = frozenset()


Atom: TypeAlias = Along | Positive | Rounded | Kept | Through | Rising


class Arena:
    """The atoms of one proof. Mutable: it grows while totals are made."""

    def __init__(self) -> None:
        self.atoms: list[Atom] = []
        self.axes: list[frozenset[int]] = []
        """For each atom the axes that it depends on."""
        self._known: dict[object, int] = {}
        self._digests: dict[tuple[int, object], tuple[object, str]] = {}
        """By the identity of a thing, which is kept so that the identity stays its own, and what of it counts."""
        self._sums: dict[tuple[tuple[int, Fraction], ...], Curve] = {}
        self._highest: dict[tuple[tuple[tuple[int, Fraction], ...], At, At | None], Highest] = {}

    def digest(self, thing: T, content: Callable[[T], object]) -> str:
        """A short key for the content of a thing, worked out once: long tables are not hashed for every box."""
        key = (id(thing), content)
        if key not in self._digests:
            self._digests[key] = (thing, hashlib.sha256(repr(content(thing)).encode()).hexdigest())
        return self._digests[key][1]

    def form(self, atom: Atom) -> Form:
        """The atom as a form, made once."""
        key = self._key(atom)
        number = self._known.get(key)
        if number is None:
            number = self._known[key] = len(self.atoms)
            self.atoms.append(atom)
            own = frozenset({atom.axis}) if isinstance(atom, Along) else self.axes_of(atom.of)
            self.axes.append(own | atom.also if isinstance(atom, Rising) else own)
        return Form(ZERO, {number: ONE})

    def highest(self, parts: tuple[tuple[int, Fraction], ...], low: At, high: At | None) -> Highest:
        """The least upper bound of a sum of curves over one axis: atoms, each times a number."""
        key = (parts, low, high)
        found = self._highest.get(key)
        if found is None:
            curve = self._sums.get(parts)
            if curve is None:
                curve = self._sums[parts] = combined([(factor, self._curve(number)) for number, factor in parts])
            found = self._highest[key] = highest(curve, low, high)
        return found

    def _curve(self, number: int) -> Curve:
        atom = self.atoms[number]
        assert isinstance(atom, Along)
        return atom.curve

    def axes_of(self, form: Form) -> frozenset[int]:
        """The axes that a form depends on."""
        return frozenset[int]().union(*(self.axes[atom] for atom in form.terms))

    def _key(self, atom: Atom) -> object:
        match atom:
            case Along(axis, curve):
                return ("along", axis, curve.points, curve.values, curve.pieces, curve.absent)
            case Positive(of):
                return ("positive", of.key)
            case Rounded(of, low, high):
                return ("rounded", of.key, low, high)
            case Kept(of, share, low, high):
                return ("kept", of.key, share, low, high)
            case Through(of, curve):
                return ("through", of.key, curve.points, curve.values, curve.pieces, curve.absent)
            case Rising(of, name):
                return ("rising", of.key, name)

    def positive(self, form: Form) -> Form:
        """The form, not below zero."""
        if form.is_constant:
            return Form(max(form.constant, ZERO))
        return self.form(Positive(form))

    def greater(self, left: Form, right: Form) -> Form:
        """The greater of two forms."""
        return right + self.positive(left - right)

    def lesser(self, left: Form, right: Form) -> Form:
        """The lesser of two forms."""
        return left - self.positive(left - right)
