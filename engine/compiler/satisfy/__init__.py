"""Whether conditions can hold together, decided exactly, with facts for which they do.

A condition is followed as evaluation follows it, from the top and no further than needed, which leaves simple demands
on what it asks for. Those are then met exactly: words by sets, numbers and dates by their order (`values`, `orders`),
the period's first day by trying each day on which one may begin (`calendar`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ...condition import And, Condition, Not, Or, Scalar, StartsIn
from ...usage import FieldSchema
from .calendar import ANY_DAY, Begins
from .demands import Simple, Subject, ways
from .values import Domains, solve

__all__ = ["ANY_DAY", "Begins", "Subject", "witness"]

_STEPS_MAX = 20_000
_NO_FIELDS: Mapping[str, FieldSchema] = {}


def witness(
    conditions: Sequence[Condition],
    attributes: Mapping[str, FieldSchema],
    begins: Begins = ANY_DAY,
    fields: Mapping[str, FieldSchema] = _NO_FIELDS,
) -> Mapping[Subject, Scalar] | None:
    """Facts for which all conditions hold, or None where there are none. Subjects left out may be anything.

    `attributes` are those of an account, `fields` those of the event at hand, `begins` the days on which the period may
    begin. Conditions with more alternatives than can be tried are taken as possible, with no facts to show for it.
    """
    search = _Search(Domains(attributes, fields), begins)
    found = search.from_here([(condition, False) for condition in reversed(conditions)], (), ())
    return {} if search.steps_left <= 0 else found


@dataclass(slots=True)
class _Search:
    """Conditions taken one after the other; what contradicts the demands made so far is left at once."""

    domains: Domains
    begins: Begins
    steps_left: int = _STEPS_MAX

    def from_here(
        self,
        waiting: Sequence[tuple[Condition, bool]],
        demands: tuple[Simple, ...],
        days: tuple[tuple[StartsIn, bool], ...],
    ) -> Mapping[Subject, Scalar] | None:
        """Facts that meet the demands and the waiting conditions, the last one first; True beside one negates it."""
        self.steps_left -= 1
        if self.steps_left <= 0:
            return None
        facts = solve(demands, days, self.domains, self.begins)
        if facts is None or not waiting:
            return facts
        (condition, negated), rest = waiting[-1], waiting[:-1]
        match condition:
            case Not(part):
                return self.from_here([*rest, (part, not negated)], demands, days)
            case And(parts) | Or(parts) if isinstance(condition, And) != negated:
                return self.from_here([*rest, *((part, negated) for part in reversed(parts))], demands, days)
            case And(parts) | Or(parts):
                # A part decides only after those before it did not, and they had to be known for that.
                for index, part in enumerate(parts):
                    passed = [(other, not negated) for other in reversed(parts[:index])]
                    found = self.from_here([*rest, (part, negated), *passed], demands, days)
                    if found is not None or self.steps_left <= 0:
                        return found
                return None
            case StartsIn():
                return self.from_here(rest, demands, (*days, (condition, negated)))
            case _:
                for way in ways(condition, negated=negated):
                    found = self.from_here(rest, (*demands, *way), days)
                    if found is not None or self.steps_left <= 0:
                        return found
                return None
