"""What the rulesets of one account declare of an event: for calls that name fields one by one."""

from __future__ import annotations

from ..diagnostics import Diagnostic
from ..engine.usage import FieldKind
from ..ledger.store import Reader
from .rulesets import ruleset_in_force
from .subscriptions import subscription_rows


def declared_fields(reader: Reader, account: str, event: str) -> dict[str, FieldKind] | None:
    """The fields of an event with their types, in the rulesets that the account is subscribed to; None for no event."""
    found: dict[str, FieldKind] | None = None
    for name in dict.fromkeys(row.ruleset for row in subscription_rows(reader, account)):
        published = ruleset_in_force(reader, name)
        if isinstance(published, Diagnostic) or event not in published.program.schema.events:
            continue
        fields = {field.name: field.kind for field in published.program.schema.events[event].fields}
        found = {**fields, **(found or {})}
    return found


def refuse_field(reader: Reader, account: str, event: str, field: str) -> Diagnostic | None:
    """Why units of a field cannot be asked for: it is no number of the event. Nothing is said of an unknown event."""
    declared = declared_fields(reader, account, event)
    if declared is None or declared.get(field) is FieldKind.NUMBER:
        return None
    numbers = ", ".join(name for name, kind in declared.items() if kind is FieldKind.NUMBER)
    hint = f"its numbers are {numbers}" if numbers else "it has no numbers"
    return Diagnostic("RB7084", f"{field} is no number of event {event}", hints=(hint,))


def ignored_fields(reader: Reader, account: str, event: str, given: list[str]) -> list[Diagnostic]:
    """A warning for each field that the event does not have: no price depends on it, and it is not kept."""
    declared = declared_fields(reader, account, event)
    hint = "declare it in the ruleset if a price depends on it, else leave it out"
    return [
        Diagnostic("RB3020", f"`{name}` is no field of {event}, so it is not read", hints=(hint,))
        for name in given
        if declared is not None and name not in declared
    ]
