"""What is rated in a proof: a world, its axes, and the questions that a box may leave open.

`View` is a scene seen through one box: quantities as forms, and conditions decided, or forked where the box does not
decide them.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import assert_never

from ....money import Rounding
from ...condition import (
    AmountOf,
    And,
    Attribute,
    Compare,
    Comparison,
    Condition,
    FieldOf,
    Known,
    Literal,
    Month,
    Not,
    OneOf,
    Operand,
    Or,
    Scalar,
    StartsIn,
    UsageOf,
)
from .axes import NumberAxis, UsageAxis, usage_axes
from .bounds import Bounds
from .box import Box, Fork, Range, split_at
from .curve import ABSENT, IDENTITY, START, At, Curve
from .form import NOTHING, Along, Arena, Form, Rounded
from .known import Unmodelled, Unrated
from .worlds import World, attribute_of

ZERO = Fraction(0)


class Scene:
    """A world with its axes; forms of all plans that are compared share its arena."""

    def __init__(self, world: World, meters: Sequence[str]) -> None:
        self.world = world
        self.arena = Arena()
        usage = tuple(usage_axes(world.program, world.plans, meters, world.attributes))
        self.axes: tuple[UsageAxis | NumberAxis, ...] = (*usage, *(NumberAxis(name) for name in world.numbers))
        self.endless = frozenset(number for number, axis in enumerate(usage) if axis.endless)
        self.by_meter: dict[str, list[int]] = {meter: [] for meter in meters}
        for number, axis in enumerate(usage):
            self.by_meter[axis.meter].append(number)
        self.by_attribute = {
            axis.attribute: number for number, axis in enumerate(self.axes) if isinstance(axis, NumberAxis)
        }

    def whole(self) -> Box:
        """The box of every usage and every account of this world."""
        return Box(
            tuple(
                Range(ABSENT if isinstance(axis, UsageAxis) and axis.may_be_absent else START, None)
                for axis in self.axes
            )
        )

    def bounds(self, box: Box) -> Bounds:
        return Bounds(self.arena, box, self.endless)


class View:
    """A scene through one box. `amounts` are the lines that are priced already, by name.

    Axes that are `fixed` stand at one place, which may be a limit: what depends on them alone is a number.
    """

    def __init__(self, scene: Scene, box: Box, fixed: frozenset[int] = frozenset()) -> None:
        self.scene = scene
        self.box = box
        self.fixed = fixed
        self.bounds = scene.bounds(box)
        self.amounts: dict[str, Form] = {}
        program = scene.world.program
        self.unit = program.money.size
        self.mode = program.line_rounding

    # Forms

    def along(self, axis: int, curve: Curve) -> Form:
        """A curve over an axis."""
        if axis in self.fixed:
            return Form(curve.value(self.box.ranges[axis].low))
        return self.scene.arena.form(Along(axis, curve))

    def quantity_on(self, axis: int) -> Form:
        """The quantity of one axis."""
        return self.along(axis, IDENTITY)

    def quantity(self, meter: str) -> Form:
        """The quantity of a meter over all combinations."""
        total = NOTHING
        for axis in self.scene.by_meter[meter]:
            total += self.along(axis, IDENTITY)
        return total

    def number(self, name: str) -> Form:
        """A number or an amount of money of the account. Raises `Unrated` where it is not known."""
        if name in self.scene.by_attribute:
            return self.along(self.scene.by_attribute[name], IDENTITY)
        if attribute_of(self.scene.world, name) is None:
            raise Unrated
        raise Unmodelled(f"account.{name} chooses a row of a table, and is reckoned with besides")

    def rounded(self, form: Form, *, size: Fraction | None = None, mode: Rounding | None = None) -> Form:
        """A form rounded to the money unit, or to another size."""
        unit, mode = size or self.unit, mode or self.mode
        if form.is_constant:
            from ....money import round_to

            return Form(round_to(form.constant, unit, mode) * unit)
        if self.is_whole(form) and size is None:
            return form
        low, high = self.noise(form, unit, mode)
        return self.scene.arena.form(Rounded(form, low, high))

    def is_whole(self, form: Form) -> bool:
        """Whether a form surely is a whole number of money units: a sum of what was rounded."""
        atoms = (self.scene.arena.atoms[atom] for atom in form.terms)
        return (
            (form.constant / self.unit).denominator == 1
            and all(factor.denominator == 1 for factor in form.terms.values())
            and all(
                isinstance(atom, Rounded) and (atom.high - atom.low) in (self.unit, 2 * self.unit) for atom in atoms
            )
        )

    def noise(self, form: Form, unit: Fraction, mode: Rounding) -> tuple[Fraction, Fraction]:
        """How far rounding may take a form down and up."""
        if mode in (Rounding.HALF_EVEN, Rounding.HALF_UP, Rounding.HALF_DOWN):
            return -unit / 2, unit / 2
        low, _ = self.bounds.range(form)
        if low is None or low < 0:
            return -unit, unit
        return (ZERO, unit) if mode is Rounding.UP else (-unit, ZERO)

    # Conditions

    def all_hold(self, conditions: Sequence[Condition]) -> bool:
        """Whether all conditions hold, read from the top. Raises `Fork`."""
        return all(self.holds(condition) for condition in conditions)

    def holds(self, condition: Condition) -> bool:
        """Whether a condition holds everywhere in the box, or nowhere. Raises `Fork`, and `Unrated` as rating does."""
        match condition:
            case Compare(left, comparison, right):
                return self._compare(self._operand(left), comparison, self._operand(right))
            case OneOf(operand, values, negated):
                own = self._operand(operand)
                return any(self._compare(own, Comparison.IS, Form(item.value) if isinstance(item.value, Fraction)
                                         else item.value) for item in values) != negated  # fmt: skip
            case Known(operand, negated):
                return self._is_known(operand.name) != negated
            case StartsIn(window):
                return self.scene.world.starts_in[window]
            case And(parts):
                return all(self.holds(part) for part in parts)
            case Or(parts):
                return any(self.holds(part) for part in parts)
            case Not(part):
                return not self.holds(part)
            case _:
                assert_never(condition)

    def _is_known(self, name: str) -> bool:
        attributes = self.scene.world.attributes
        if name in attributes:
            return attributes[name] is not None
        return bool(attributes.get(f"{name}?", True))

    def _operand(self, operand: Operand) -> Form | Scalar:
        match operand:
            case Literal(value):
                return Form(value) if isinstance(value, Fraction) else value
            case Attribute(name):
                if name in self.scene.by_attribute:
                    return self.number(name)
                found = attribute_of(self.scene.world, name)
                if found is None:
                    raise Unrated
                return Form(found) if isinstance(found, Fraction) else found
            case UsageOf(meter):
                return self._usage(meter)
            case AmountOf(line):
                return self.amounts.get(line, NOTHING)
            case Month():
                return Form(Fraction(self.scene.world.period.start.month))
            case FieldOf():
                raise Unrated
            case _:
                assert_never(operand)

    def _usage(self, meter: str) -> Form:
        """The quantity of a meter as conditions ask for it: at a fixed place its side counts too."""
        total = NOTHING
        for axis in self.scene.by_meter[meter]:
            total += self.scene.arena.form(Along(axis, IDENTITY))
        return total

    def _compare(self, left: Form | Scalar, comparison: Comparison, right: Form | Scalar) -> bool:
        if not isinstance(left, Form) or not isinstance(right, Form):
            return _of_words(left, comparison, right)
        gap = left - right
        match comparison:
            case Comparison.GREATER_OR_EQUAL:
                return self.reaches(gap)
            case Comparison.GREATER:
                return self.exceeds(gap)
            case Comparison.LESS:
                return not self.reaches(gap)
            case Comparison.LESS_OR_EQUAL:
                return not self.exceeds(gap)
            case Comparison.IS:
                return self.reaches(gap) and not self.exceeds(gap)
            case Comparison.IS_NOT:
                return not self.reaches(gap) or self.exceeds(gap)
            case _:
                assert_never(comparison)

    def reaches(self, gap: Form) -> bool:
        """Whether a form is not below zero. Raises `Fork`."""
        return self._decided(gap, beyond=False)

    def exceeds(self, gap: Form) -> bool:
        """Whether a form is above zero. Raises `Fork`."""
        return self._decided(gap, beyond=True)

    def _decided(self, gap: Form, *, beyond: bool) -> bool:
        if gap.is_constant:
            return gap.constant > 0 if beyond else gap.constant >= 0
        single = self._single(gap)
        if single is not None:
            return self._past(*single, beyond=beyond)
        low, high = self.bounds.range(gap)
        if low is not None and (low > 0 if beyond else low >= 0):
            return True
        if high is not None and (high <= 0 if beyond else high < 0):
            return False
        question = ("gap", beyond, *gap.key)
        if question in self.box.answers:
            return self.box.answers[question]
        fork = Fork(
            (self.box.assuming(question, True, gap), self.box.assuming(question, False, gap.times(-Fraction(1))))
        )
        fork.question, fork.form = question, gap
        raise fork

    def _single(self, gap: Form) -> tuple[int, Fraction, bool] | None:
        """The axis, the number and whether more makes the gap greater, where one plain quantity decides it."""
        if len(gap.terms) != 1:
            return None
        ((number, factor),) = gap.terms.items()
        atom = self.scene.arena.atoms[number]
        if not isinstance(atom, Along) or atom.curve is not IDENTITY or atom.axis in self.scene.endless:
            return None
        return atom.axis, -gap.constant / factor, factor > 0

    def _past(self, axis: int, mark: Fraction, rising: bool, *, beyond: bool) -> bool:
        """`quantity ≥ mark` or `> mark` where the gap rises with it, `≤` or `<` where it falls."""
        edge = At(mark, 1 if beyond == rising else 0)
        own = self.box.ranges[axis]
        if mark < 0 or (mark == 0 and edge.side == 0) or own.low >= edge:
            above = True
        elif own.high is not None and own.high < edge:
            above = False
        else:
            raise Fork(split_at(self.box, axis, edge), axis=axis, at=edge)
        return above == rising


def _of_words(left: Form | Scalar, comparison: Comparison, right: Form | Scalar) -> bool:
    match comparison:
        case Comparison.IS:
            return left == right
        case Comparison.IS_NOT:
            return left != right
        case Comparison.LESS:
            return left < right  # type: ignore[operator]
        case Comparison.LESS_OR_EQUAL:
            return left <= right  # type: ignore[operator]
        case Comparison.GREATER:
            return left > right  # type: ignore[operator]
        case Comparison.GREATER_OR_EQUAL:
            return left >= right  # type: ignore[operator]
        case _:
            assert_never(comparison)
