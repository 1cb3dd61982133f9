"""A derivation as rows that a reader can follow: parts first, then what they come to.

Rows hold finished text. Shapes that the evaluator is known to make are put in the words of an accountant; any other
step is shown by its operation and its parts, so that nothing is ever left out.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction

from ..engine.derivation import Op, Role, Step
from ..money import MoneyUnit, decimal_text
from .columns import printable
from .language import Language


class RowKind(enum.StrEnum):
    """What a row is, so that a printer can set sums and roundings apart."""

    QUANTITY = "quantity"
    PART = "part"
    SUM = "sum"
    ROUNDED = "rounded"


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """`next 80 | 80 | × $0.010 each | 0.80`; `trail` is the blank that aligns the decimal marks of a block."""

    kind: RowKind
    label: str
    quantity: str = ""
    rate: str = ""
    amount: str = ""
    trail: str = ""
    note: str = ""


_MONEY_ROLES = frozenset(
    {Role.AMOUNT, Role.BAND, Role.ONCE, Role.TARGET, Role.BASE, Role.BOUND, Role.LIMIT, Role.EVENT}
)


@dataclass(frozen=True, slots=True)
class Breakdown:
    """How steps are written: in which language and money, and what the lines that they name are called."""

    language: Language
    unit: MoneyUnit
    names: Mapping[str, str] = field(default_factory=dict)

    def rows(self, step: Step) -> tuple[Row, ...]:
        """The rows of an amount, its rounding last if it changed anything."""
        return aligned(tuple(self._rows(step)), self.language.decimal_mark)

    def quantity_rows(self, step: Step | None) -> tuple[Row, ...]:
        """The rows of a metered quantity, without amounts."""
        return () if step is None else tuple(self._quantity_rows(step))

    def bands(self, step: Step) -> tuple[Row, ...]:
        """The priced parts of a charge or fee alone: bands, what is charged once, and a bound that sets the amount."""
        return aligned(tuple(self._bands(step)), self.language.decimal_mark)

    def _bands(self, step: Step) -> Iterator[Row]:
        match step.op:
            case Op.SUM | Op.ROUND | Op.NEGATIVE if step.parts:
                for part in step.parts:
                    yield from self._bands(part)
            case Op.LESSER | Op.GREATER if step.parts:
                for part in step.parts:
                    if not _is_leaf(part):
                        yield from self._bands(part)
                    elif part.value == step.value and any(other.value != step.value for other in step.parts):
                        yield from self._rows(part)
            case Op.DIFFERENCE:
                # What two statements have come to is for the workings.
                return
            case Op.PRODUCT | Op.QUOTIENT | Op.SHARE if step.parts:
                # Where its factors come from is for the workings, but for bands of whose price this is a share.
                first = step.parts[0]
                if len(first.parts) > 1 and all(part.role is Role.BAND for part in first.parts):
                    yield from self._bands(first)
                *_, last = self._factors(step)
                yield last
            case _:
                yield from (row for row in self._rows(step) if row.kind is RowKind.PART)

    def rounding(self, step: Step) -> str:
        """`2.328, rounded half even to 0.01`, or nothing where rounding changed nothing."""
        if step.op is not Op.ROUND or step.value == step.parts[0].value:
            return ""
        return self.language.words.unrounded.format(
            before=self._value(step.parts[0]), mode=self._mode(step), size=self._size(step)
        )

    def limit(self, step: Step) -> str:
        """`at most $4`, where the ceiling of a policy's effect sets its amount."""
        if step.op is Op.LESSER and any(part.role is Role.LIMIT and part.value == step.value for part in step.parts):
            return self._label(step) if any(part.value != step.value for part in step.parts) else ""
        if step.op in (Op.SUM, Op.ROUND, Op.NEGATIVE):
            return next(filter(None, map(self.limit, step.parts)), "")
        return ""

    def _rows(self, step: Step) -> Iterator[Row]:
        words = self.language.words
        match step.op if step.parts else Op.GIVEN:
            case Op.GIVEN:
                row = self._row(RowKind.PART, step, self._name(step))
                # The note of a target says which of several rows it is, and stands in its name.
                yield replace(row, note="") if step.role in (Role.TARGET, Role.BASE) and step.label else row
            case Op.SUM:
                for part in step.parts:
                    yield from self._rows(part)
                if len(step.parts) != 1:
                    yield self._row(RowKind.SUM, step, self._label(step) or words.sum)
            case Op.ROUND:
                yield from self._rows(step.parts[0])
                if step.value != step.parts[0].value:
                    yield self._row(RowKind.ROUNDED, step, self._rounded(step))
            case Op.NEGATIVE:
                yield from self._rows(step.parts[0])
                yield self._row(RowKind.SUM, step, self._label(step) or words.taken_off)
            case Op.DIFFERENCE:
                yield from self._rows(step.parts[0])
                for part in step.parts[1:]:
                    yield from self._subtracted(part)
                yield self._row(RowKind.SUM, step, self._label(step) or words.difference)
            case Op.LESSER | Op.GREATER:
                for part in step.parts:
                    yield from self._rows(part)
                of = words.lesser if step.op is Op.LESSER else words.greater
                chosen = of.format(values=words.comma.join(self._value(part) for part in step.parts))
                yield self._row(RowKind.SUM, step, self._label(step) or chosen)
            case Op.PRODUCT | Op.QUOTIENT | Op.SHARE:
                yield from self._factors(step)

    def _subtracted(self, part: Step) -> Iterator[Row]:
        if _is_leaf(part):
            yield replace(self._row(RowKind.PART, part, self._name(part)), amount=self._shown(-part.value))
            return
        if part.op is Op.SUM and part.role is Role.AMOUNT and len(part.parts) == 1:
            yield from self._rows(part.parts[0])
            yield replace(self._row(RowKind.SUM, part, self._label(part)), amount=self._shown(-part.value))
            return
        yield from self._rows(part)

    def _factors(self, step: Step) -> Iterator[Row]:
        """`label | first factor | × the others | value`, after the rows of factors that have parts of their own."""
        for part in step.parts:
            yield from self._details(part)
        first, *others = step.parts
        sign = {Op.PRODUCT: "×", Op.QUOTIENT: "÷"}.get(step.op)
        label = self._label(step) or self._label_of_factor(first)
        if sign is None:
            label = label or self.language.words.share
            yield self._row(RowKind.PART, step, label, self._inline(first), "")
            return
        if first.role is Role.PERCENT:
            quantity = self._inline(first)
            # A percentage reads as "10% of 1,000.00 (Compute)".
            rest = " × ".join(self._base(other) for other in others)
            yield self._row(RowKind.PART, step, label if label != quantity else "", quantity, rest)
            return
        if first.role is Role.RATE and others:
            first, others = others[0], [first, *others[1:]]
            label = self._label(step)
        quantity = self._inline(first)
        rate = "".join(f" {sign} {self._inline(other)}" for other in others).lstrip()
        yield self._row(RowKind.PART, step, label if label != quantity else "", quantity, rate)

    def _details(self, part: Step) -> Iterator[Row]:
        """Rows that say where a factor comes from, unless it says so itself."""
        if _is_leaf(part) or (part.role is Role.BASE and len(part.parts) == 1 and _is_leaf(part.parts[0])):
            return
        if self._is_money(part):
            yield from self._rows(part)
        else:
            yield from self._quantity_rows(part)

    def _quantity_rows(self, step: Step) -> Iterator[Row]:
        words = self.language.words
        shown = self.language.quantity(step.value, self._unit(step))
        match step.op if step.parts else Op.GIVEN:
            case Op.GIVEN:
                default = words.included if step.role is Role.INCLUDED else words.counted
                yield Row(RowKind.QUANTITY, self._label(step) or default, shown, note=self._note(step))
            case Op.ROUND if step.parts[0].op is Op.QUOTIENT and all(map(_is_leaf, step.parts[0].parts)):
                working = " ÷ ".join(self._inline(part) for part in step.parts[0].parts)
                yield Row(RowKind.QUANTITY, self._rounded(step), shown, f"= {working}")
            case Op.ROUND:
                yield from self._quantity_rows(step.parts[0])
                if step.value != step.parts[0].value:
                    yield Row(RowKind.QUANTITY, self._rounded(step), shown)
            case Op.DIFFERENCE:
                yield from self._quantity_rows(step.parts[0])
                for part in step.parts[1:]:
                    label = self._label(part) or (words.included if part.role is Role.INCLUDED else words.difference)
                    yield Row(RowKind.QUANTITY, label, self.language.quantity(-part.value, self._unit(part)))
                yield Row(RowKind.SUM, self._label(step) or words.left, shown)
            case Op.SUM | Op.LESSER | Op.GREATER:
                for part in step.parts:
                    yield from self._quantity_rows(part)
                names = {Op.SUM: words.sum, Op.LESSER: words.lesser, Op.GREATER: words.greater}
                values = words.comma.join(self.language.quantity(part.value, self._unit(part)) for part in step.parts)
                yield Row(RowKind.SUM, self._label(step) or names[step.op].format(values=values), shown)
            case Op.NEGATIVE:
                yield from self._quantity_rows(step.parts[0])
                yield Row(RowKind.SUM, self._label(step) or words.taken_off, shown)
            case Op.PRODUCT | Op.QUOTIENT | Op.SHARE:
                for part in step.parts:
                    if not _is_leaf(part):
                        yield from self._quantity_rows(part)
                sign = " ÷ " if step.op is Op.QUOTIENT else " × "
                working = sign.join(self._inline(part) for part in step.parts)
                yield Row(RowKind.QUANTITY, self._label(step), shown, f"= {working}" if working else "")

    def _row(self, kind: RowKind, step: Step, label: str, quantity: str = "", rate: str = "") -> Row:
        return Row(kind, label, quantity, rate, self._shown(step.value), note=self._note(step))

    def _inline(self, step: Step) -> str:
        """A factor in one stretch of text."""
        if step.role is Role.RATE and step.label:
            return self.language.phrase(printable(step.label))
        if step.role is Role.PERCENT:
            return self.language.percent(step.value)
        if step.op is Op.QUOTIENT and step.parts[0].role is Role.PERCENT:
            # The share of a tax that prices hold reads as "19% ÷ 119%", which no decimal says exactly.
            return " ÷ ".join(self.language.percent(part.value) for part in step.parts)
        if step.role is Role.TERM and step.label and step.value != 1:
            return self.language.phrase(printable(step.label))
        if self._is_money(step):
            return self._value(step)
        shown = self.language.quantity(step.value, self._unit(step))
        # What lies in a window is a share that only its quantities explain: "0.5 (500 of 1,000 in festival)".
        return f"{shown} ({self._label(step)})" if step.role is Role.WINDOW and step.label else shown

    def _base(self, step: Step) -> str:
        names = [self._name(part) for part in step.parts if part.role is Role.TARGET] or (
            [self._name(step)] if step.role is Role.TARGET else []
        )
        shown = self.language.words.of.format(value=self._inline(step))
        return f"{shown} ({names[0]})" if len(names) == 1 and names[0] else shown

    def _name(self, step: Step) -> str:
        if step.role in (Role.TARGET, Role.BASE) and step.label:
            name = self.names.get(step.label) or (
                self._label(step) if step.role is Role.BASE else printable(step.label)
            )
            return f"{name} ({self._note(step)})" if step.note else name
        words = self.language.words
        by_role = {Role.ONCE: words.once, Role.LIMIT: words.limit, Role.BASE: words.base}
        return self._label(step) or by_role.get(step.role, "")

    def _label_of_factor(self, step: Step) -> str:
        if step.role is Role.TARGET:
            return self._name(step)
        return "" if step.role in (Role.RATE, Role.PERCENT) else self._label(step)

    def _label(self, step: Step) -> str:
        return self.language.phrase(printable(step.label)) if step.label else ""

    def _note(self, step: Step) -> str:
        return printable(step.note)

    def _unit(self, step: Step) -> str:
        return printable(step.unit)

    def _is_money(self, step: Step) -> bool:
        return step.unit == self.unit.currency.code or (not step.unit and step.role in _MONEY_ROLES)

    def _value(self, step: Step) -> str:
        return self._shown(step.value)

    def _shown(self, value: Fraction) -> str:
        return self.language.value(value, self.unit)

    def _rounded(self, step: Step) -> str:
        return self.language.words.rounded.format(mode=self._mode(step), size=self._size(step))

    def _mode(self, step: Step) -> str:
        return self.language.words.modes[step.mode]

    def _size(self, step: Step) -> str:
        if step.unit == self.unit.currency.code or step.role is Role.ROUNDING:
            return self.language.value(step.size, self.unit)
        return self.language.quantity(step.size, self._unit(step))


def unrounded(step: Step) -> Step:
    """What stands under the rounding of a line."""
    return step.parts[0] if step.op is Op.ROUND and step.parts else step


def aligned(rows: tuple[Row, ...], mark: str) -> tuple[Row, ...]:
    """The rows with blanks after each amount, so that the decimal marks stand in one column."""
    widest = max((decimals(row.amount, mark) for row in rows if row.amount), default=0)
    return tuple(replace(row, trail=_blank(decimals(row.amount, mark), widest)) if row.amount else row for row in rows)


def decimals(amount: str, mark: str) -> int:
    """How many digits an amount has after its decimal mark."""
    return len(amount.rpartition(mark)[2]) if mark in amount else 0


def _blank(digits: int, widest: int) -> str:
    """Figure spaces as wide as the missing decimals, and a punctuation space for a missing mark."""
    if digits == widest:
        return ""
    return ("\N{PUNCTUATION SPACE}" if not digits else "") + "\N{FIGURE SPACE}" * (widest - digits)


def exact(value: Fraction) -> str:
    """The value as an exact string: a decimal where it ends, `n/d` where it does not."""
    text = decimal_text(value)
    return text if text is not None else f"{value.numerator}/{value.denominator}"


def _is_leaf(step: Step) -> bool:
    return not step.parts
