"""The lines of all plans by name, gathered once: each of many policies asks for them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ....diagnostics import Span
from ..model import Plan


class PlanLines:
    """What the plans of a ruleset call their lines. The names of charges and of fees keep the order of the plans."""

    def __init__(self, plans: tuple[Plan, ...]) -> None:
        self.plans = plans
        self.charges = dict.fromkeys(charge.name for plan in plans for charge in plan.charges)
        self.fees = dict.fromkeys(fee.name for plan in plans for fee in plan.fees)
        self.names = frozenset((*self.charges, *self.fees))
        self._by_plan: dict[str, list[Plan]] = {}
        for plan in plans:
            for name in dict.fromkeys(plan.lineage):
                self._by_plan.setdefault(name, []).append(plan)
        self._called: dict[str, list[tuple[Plan, str, Span]]] = {}
        for plan in plans:
            for charge in plan.charges:
                self._called.setdefault(charge.name, []).append((plan, "charge", charge.span))
            for fee in plan.fees:
                span = Span(fee.place.file, fee.place.start, fee.place.start)
                self._called.setdefault(fee.name, []).append((plan, "fee", span))

    def of(self, names: Iterable[str]) -> list[Plan]:
        """The plans of these names and what extends them; all plans for no name."""
        meant = tuple(names)
        if not meant:
            return list(self.plans)
        return list({id(plan): plan for name in meant for plan in self._by_plan.get(name, ())}.values())

    def called(self, name: str, meant: tuple[str, ...]) -> Iterator[tuple[str, Span]]:
        """What is called so in the plans that are meant (none means all): a charge or a fee, and where."""
        for plan, what, span in self._called.get(name, ()):
            if not meant or any(each in meant for each in plan.lineage):
                yield what, span
