"""Attributes that billing fills from open invoices, so that nobody is asked for them: `overdue` and `days_overdue`.

They are filled where a ruleset declares them with the types that they have here; an attribute of the same name and
another type is one like any other.
"""

from __future__ import annotations

from ..engine.usage import FactSchema, FieldKind

OVERDUE, DAYS_OVERDUE = "overdue", "days_overdue"


def filled_attributes(schema: FactSchema) -> frozenset[str]:
    """The names of the attributes of a ruleset that billing fills: money that is overdue, and a number of days."""
    found = set()
    money, days = schema.attributes.get(OVERDUE), schema.attributes.get(DAYS_OVERDUE)
    if money is not None and money.kind is FieldKind.MONEY:
        found.add(OVERDUE)
    if days is not None and days.kind is FieldKind.NUMBER and (days.unit is None or days.unit.name == "day"):
        found.add(DAYS_OVERDUE)
    return frozenset(found)
