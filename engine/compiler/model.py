"""The resolved, typed ruleset: names settled, units converted, prices as exact fractions, and where each thing stands.

What needs no lowering is already an operation of the plan; the model adds prices and tables in the form that checks
reason about.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from fractions import Fraction
from typing import TypeAlias

from ...diagnostics import Span
from ...money import MoneyUnit, Rounding
from ...records import Record, field
from ..condition import Condition, Scalar
from ..derivation import Place
from ..period import Billing, DateRange
from ..plan import (
    Bound,
    Card,
    Column,
    Combination,
    CountedPer,
    Fee,
    Include,
    LineRounding,
    Meter,
    PlanBound,
    Policy,
    PolicyKind,
    Pooling,
    Source,
    Tax,
)
from ..quantity import Unit
from ..schedule import DependsOn, Mode
from ..statement import Labels
from ..usage import CardHolding, FactSchema, MeteredQuantity, UsageEvent, Value
from ..window import Window

# Keys of tables


class KeyValues(Record):
    """`us, eu`; with `prefix`, texts that begin with one of them."""

    values: tuple[Scalar, ...]
    prefix: bool = False


class KeyRange(Record):
    """`from 10 below 20`; an end that is None is open."""

    low: Fraction | date | None
    low_included: bool
    high: Fraction | date | None
    high_included: bool
    text: str


class KeyWindows(Record):
    """Names of windows in a `time` column."""

    names: tuple[str, ...]


class KeyAny(Record):
    """`any`."""


class KeyOtherwise(Record):
    """`otherwise`."""


Key: TypeAlias = KeyValues | KeyRange | KeyWindows | KeyAny | KeyOtherwise


# Prices


class Price(Record):
    """A price in money of the ruleset's currency.

    `rate` is for one unit of the charge's quantity, or for each started `step` of units. `text` is the rate as written,
    `once_text` the amount that is added once, `block` how many units the written amount is for.
    """

    span: Span
    rate: Fraction = Fraction(0)
    step: Fraction | None = None
    once: Fraction = Fraction(0)
    if_used: bool = False
    refused: bool = False
    text: str = ""
    once_text: str = ""
    block: Fraction = Fraction(1)


class Band(Record):
    """A band up to `upper` in the charge's unit, None for the last."""

    span: Span
    head: str
    upper: Fraction | None
    price: Price
    inclusive: bool = True
    width_per: DependsOn | None = None
    prorated: bool = False


class Row(Record):
    """A row of a table, or the only row of a charge without one."""

    span: Span
    keys: tuple[Key, ...]
    bands: tuple[Band, ...]
    minimum: Bound | None = None
    cap: Bound | None = None


class PriceFile(Record):
    """A file that rows come from: where the ruleset names it, and the first of its rows."""

    span: Span
    first: int


class Charge(Record):
    """A charge with its prices; `unit` is None where the quantity is money or a bare number."""

    name: str
    labels: Labels
    span: Span
    place: Place
    text: str
    source: Source
    unit: Unit | None
    unit_text: str
    mode: Mode
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    files: tuple[PriceFile, ...] = ()
    """The files that the rows come from, in the order in which they are asked; none for a table in the ruleset."""
    first_match: bool = False
    declared: tuple[tuple[Scalar, ...] | None, ...] = ()
    """For each column every value that its field may have, or None where any text or number may stand."""
    may_lack: tuple[bool, ...] = ()
    """For each column whether an event may come without its field."""
    pooling: Pooling | None = None
    counted: CountedPer | None = None
    prorated: bool = False
    bounds_per_row: bool = False
    minimum: Bound | None = None
    cap: Bound | None = None
    period_minimum: Bound | None = None
    period_cap: Bound | None = None
    free_events: int = 0
    free_quantity: Fraction = Fraction(0)
    free_text: str = ""
    round_event: LineRounding | None = None
    when: tuple[Condition, ...] = ()
    because: str = ""
    citation: str = ""


class Plan(Record):
    """One version of a plan or contract. `lineage` is its own name and those of the plans that it extends."""

    name: str
    labels: Labels
    span: Span
    place: Place
    start: date | None
    end: date | None
    billing: Billing
    clock_declared: bool
    charges: tuple[Charge, ...]
    fees: tuple[Fee, ...]
    includes: tuple[Include, ...]
    bounds: tuple[PlanBound, ...]
    lineage: tuple[str, ...]
    is_contract: bool = False
    dated_by_usage: bool = False

    @property
    def line_names(self) -> tuple[str, ...]:
        return tuple(charge.name for charge in self.charges) + tuple(fee.name for fee in self.fees)


class PolicyModel(Record):
    """A policy with the plans that it is for (empty for all), before its targets are settled for each plan."""

    policy: Policy
    span: Span
    plans: tuple[str, ...]
    dating: Span | None = None


class TaxModel(Record):
    """A tax with the plans that it is for (empty for all)."""

    tax: Tax
    span: Span
    plans: tuple[str, ...]
    dating: Span | None = None


# Examples and promises


class Expected(Record):
    """`expect compute ¥100.00`; `where` narrows to one row; `amount` None means absent or zero."""

    line: str
    amount: Fraction | None
    where: tuple[tuple[str, str], ...]
    span: Span


class ExpectedError(Record):
    """`expect error RB4002`."""

    code: str
    span: Span


class Example(Record):
    """A worked example: the facts given and what is expected of them."""

    title: str
    span: Span
    plan: str
    start: date
    period: DateRange
    unreviewed: bool
    attributes: Mapping[str, Value]
    events: tuple[UsageEvent, ...]
    quantities: tuple[MeteredQuantity, ...]
    cards: tuple[CardHolding, ...]
    expectations: tuple[Expected | ExpectedError, ...]


class MoreNeverCostsLess(Record):
    """`promise more egress never costs less`."""

    meter: str
    span: Span


class NeverCostsMore(Record):
    """`promise gold never costs more than payg`."""

    cheaper: str
    dearer: str
    span: Span


class MarginAtLeast(Record):
    """`promise margin on egress is at least 15%`."""

    meter: str
    share: Fraction
    span: Span


Promise: TypeAlias = MoreNeverCostsLess | NeverCostsMore | MarginAtLeast


class Allow(Record):
    """`allow RB2209 because "…"`."""

    code: str
    because: str
    span: Span


class Ruleset(Record):
    """A whole ruleset, resolved."""

    name: str
    labels: Labels
    span: Span
    zone: str
    money: MoneyUnit
    line_rounding: Rounding
    total_rounding: LineRounding | None
    total_rounding_place: Place | None
    schema: FactSchema
    meters: Mapping[str, Meter]
    meter_spans: Mapping[str, Span]
    windows: Mapping[str, Window]
    plans: tuple[Plan, ...]
    policies: tuple[PolicyModel, ...]
    taxes: tuple[TaxModel, ...]
    cards: Mapping[str, Card]
    combinations: Mapping[PolicyKind, Combination]
    examples: tuple[Example, ...]
    promises: tuple[Promise, ...]
    allows: tuple[Allow, ...]
    costs: Mapping[str, Price] = field(default_factory=dict)
    window_spans: Mapping[str, Span] = field(default_factory=dict)
    mentioned: frozenset[str] = frozenset()
    """Every name inside a declaration that has a finding and was left out."""
    removed: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """The policies that a contract removes, by the contract's name."""
