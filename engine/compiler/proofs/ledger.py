"""A plan's lines in groups, as policies, bounds and taxes fall on them.

A group's sum is known exactly, what each line of it has left may not be. Where a rule asks for less than a group, the
total is not followed.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from ...plan import MoneyOf, NumberOf, OfMeter, Plan, Policy, Targets, Tax
from .form import NOTHING, Form
from .known import Unmodelled
from .scene import View

ZERO = Fraction(0)
ONE = Fraction(1)


@dataclass(slots=True)
class Group:
    """Lines whose sum is followed as one: what they have left, and what they had before policies of this kind."""

    names: frozenset[str]
    left: Form
    base: Form
    uniform: bool = True
    """Whether every line of it has the same share of its price left."""


class Ledger:
    """What the lines of one plan have left, in one box. Mutable, and only while one total is made."""

    def __init__(self, plan: Plan, view: View) -> None:
        self.plan = plan
        self.view = view
        self.arena = view.scene.arena
        self.unit = view.unit
        self.lines: dict[str, Form] = {}
        """The rounded charges and fees by name."""
        self.groups: list[Group] = []
        self.total = NOTHING
        self.below_zero: frozenset[str] = frozenset()
        """Charges and fees of which a line may be below zero."""
        self.apart: frozenset[str] = frozenset()
        """Lines that are asked for by themselves."""
        self.loose = ""
        """Why the lines can no longer be told apart, where they cannot."""

    def put(self, name: str, amount: Form) -> None:
        """A new line."""
        self.lines[name] = amount
        self.groups.append(Group(frozenset({name}), amount, amount))
        self.total += amount

    def names(self, targets: Targets) -> frozenset[str]:
        """The lines that a rule is about."""
        return frozenset(self.lines) if targets.everything else frozenset(targets.names) & frozenset(self.lines)

    def touched(self, names: frozenset[str]) -> list[Group]:
        """The groups that these lines make up. Raises `Unmodelled` where they make up a part of one."""
        if self.loose:
            raise Unmodelled(self.loose)
        touched = [group for group in self.groups if group.names & names]
        for group in touched:
            if not group.names <= names:
                raise Unmodelled(
                    f"a rule takes one amount off {listed(group.names)}, and another is about a part of them"
                )
        return touched

    def merged(self, groups: list[Group]) -> Group:
        """The groups as one."""
        if len(groups) == 1:
            return groups[0]
        left = base = NOTHING
        for group in groups:
            left += group.left
            base += group.base
        names = frozenset[str]().union(*(group.names for group in groups))
        made = Group(names, left, base, all(group.uniform for group in groups))
        self.groups = [group for group in self.groups if group not in groups] + [made]
        return made

    def put_left(self, group: Group, left: Form, *, uniform: bool) -> None:
        """What a group has left from now on."""
        self.total = self.total - group.left + left
        group.left = left
        group.uniform = group.uniform and uniform

    def lines_of(self, group: Group) -> int:
        """How many lines a group may have at most. Raises `Unmodelled` where any number."""
        charges = [charge for charge in self.plan.charges if charge.name in group.names and charge.columns]
        count = len(group.names)
        for charge in charges:
            axes = self.view.scene.by_meter[charge.source.meter] if isinstance(charge.source, OfMeter) else []
            if self.view.scene.endless & set(axes):
                raise Unmodelled(f"{charge.name} may have any number of lines, each rounded by itself")
            # A floor and a ceiling on several rows are lines too.
            count += len(axes) + 1
        return count

    def in_force(self, rule: Policy | Tax) -> bool:
        """Whether a rule's dates hold for the period."""
        day = self.view.scene.world.period.start
        return (rule.start is None or rule.start <= day) and (rule.end is None or day < rule.end)

    def money(self, money: MoneyOf) -> Form:
        """Money of a rule, or of the account, not below zero."""
        if money.amount is not None:
            return Form(max(money.amount, ZERO))
        return self.view.number(money.attribute or "")

    def past(self, quantity: Form, bound: NumberOf | None, *, above: bool) -> Form:
        """How much of a quantity lies past a mark, not below zero."""
        if bound is None:
            return self.arena.positive(quantity)
        if bound.number is not None:
            mark = Form(bound.number)
        else:
            mark = self.view.number(bound.attribute or "").times(bound.factor)
        return self.arena.positive(quantity - mark if above else mark - quantity)


def listed(names: frozenset[str]) -> str:
    """`compute, egress, storage and others`"""
    ordered = sorted(names)
    return ", ".join(ordered[:3]) + (" and others" if len(ordered) > 3 else "")
