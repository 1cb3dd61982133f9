"""The facts that are rated: usage events, metered quantities, subscriptions; and the schema that rows are held to.

The schema is made by the compiler from the ruleset's declarations; intake checks rows against it. Everything here is
already valid: numbers are exact `Decimal`s, times are UTC.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType
from typing import TypeAlias

from ..records import Record
from .quantity import Unit, UnitTable

Value: TypeAlias = Decimal | str | date | bool
"""A field of an event or an attribute of an account: a number or money, a text, a date, yes or no."""

NOTHING: Mapping[str, Value] = MappingProxyType({})


class FieldKind(enum.Enum):
    """The type of a field or attribute, in the words of the language."""

    NUMBER = "number"
    MONEY = "money"
    TEXT = "text"
    DATE = "date"
    YES_NO = "yes or no"
    ONE_OF = "one of"


class FieldSchema(Record):
    """A declared field: `values` are the words of `one of`; a field that is not `required` may have a `default`."""

    name: str
    kind: FieldKind
    values: tuple[str, ...] = ()
    unit: Unit | None = None
    required: bool = True
    default: Value | None = None


class EventSchema(Record):
    """A declared event; `lasting` names the field that holds its length."""

    name: str
    fields: tuple[FieldSchema, ...]
    lasting: str | None = None


class MeterSchema(Record):
    """A meter as rows of metered quantities see it: its unit and the fields that charges ask of it."""

    name: str
    unit: Unit
    fields: tuple[FieldSchema, ...]


class FactSchema(Record):
    """What a ruleset declares of the rows that it can rate."""

    currency: str
    zone: str
    units: UnitTable
    events: Mapping[str, EventSchema]
    meters: Mapping[str, MeterSchema]
    attributes: Mapping[str, FieldSchema]
    plans: tuple[str, ...]
    cards: tuple[str, ...]
    worths: Mapping[str, Fraction] = field(default_factory=dict)
    """What each card is worth when it is new."""


@dataclass(frozen=True, slots=True)
class UsageEvent:
    """One usage event. `source` belongs to the identity: the same `id` of another source is another event."""

    account: str
    event: str
    time: datetime
    fields: Mapping[str, Value]
    id: str | None = None
    source: str | None = None


@dataclass(frozen=True, slots=True)
class MeteredQuantity:
    """A quantity that was metered elsewhere, in the meter's unit, with the values of `by` fields.

    Without a time it belongs to the period that is rated, or to `period_start`'s (an example's earlier period).
    """

    account: str
    meter: str
    quantity: Fraction
    fields: Mapping[str, Value] = field(default_factory=lambda: NOTHING)
    time: datetime | None = None
    period_start: date | None = None
    window: str | None = None
    """The name of a window that the quantity was used in, where no time is known."""


class CardHolding(Record):
    """A prepaid card of an account; `left` in money, None for its whole worth."""

    card: str
    bought: date
    left: Fraction | None = None


class Subscription(Record):
    """An account on a plan or contract: it covers its start day and not its end day."""

    account: str
    plan: str
    start: date
    end: date | None = None
    attributes: Mapping[str, Value] = field(default_factory=lambda: NOTHING)
    cards: tuple[CardHolding, ...] = ()


class AccountUsage(Record):
    """All usage of one account, in no particular order."""

    events: tuple[UsageEvent, ...] = ()
    quantities: tuple[MeteredQuantity, ...] = ()
