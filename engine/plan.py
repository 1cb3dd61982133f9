"""The compiled plan of a ruleset: a small closed set of operations that every evaluator runs.

`Program` is the whole, `Plan` one version of one billing plan. Prices are schedules over integers; names are settled;
nothing here needs the ruleset's text. `verify()` states what must be true of a program, a sentence each.

The module is long because the operations are a closed set that is read as one page, with what must be true of them.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from datetime import date
from fractions import Fraction
from itertools import pairwise
from typing import TypeAlias

from ..money import MoneyUnit, Rounding
from ..records import Record, field
from .condition import Condition
from .derivation import Place
from .dispatch import Branch, Chain, Leaf, Tree, below
from .period import Billing, Every
from .quantity import Unit
from .schedule import Mode, Schedule
from .statement import Labels
from .usage import FactSchema
from .window import Window

# Meters


class Aggregation(enum.Enum):
    """How many values become one quantity."""

    COUNT = "count"
    SUM = "sum"
    AVERAGE = "average"
    MINIMUM = "minimum"
    MAXIMUM = "maximum"
    LATEST = "latest"
    UNIQUE = "unique"
    PERCENTILE = "percentile"
    TIME_WEIGHTED_AVERAGE = "time-weighted average"
    TIME_INTEGRAL = "time integral"


class LevelKind(enum.Enum):
    """How events give a level that holds until the next one."""

    LEVEL = "level of"
    RUNNING_SUM = "running sum of"


class ByDay(enum.Enum):
    """How a level counts a local day."""

    LAST = "by day"
    HIGHEST = "by day at its highest"


class Interval(Record):
    """The inner level of a two-level meter: what happens inside each interval of so many seconds."""

    aggregation: Aggregation
    seconds: int
    days_with_usage: bool = False


class QuantityRounding(Record):
    """`rounded up to 1 GB`, in the unit of what is rounded."""

    size: Fraction
    mode: Rounding


class Meter(Record):
    """Events to one quantity per account, period and combination of `by` values.

    `factor` turns a value of the field into the meter's unit (for a time integral: value × seconds). `each_rounding`
    and `each_minimum` act on a value of the field, in the field's unit.
    """

    name: str
    labels: Labels
    unit: Unit
    event: str
    aggregation: Aggregation
    place: Place
    text: str
    field: str | None = None
    factor: Fraction = Fraction(1)
    rank: Fraction | None = None
    where: Condition | None = None
    level: LevelKind | None = None
    per: str | None = None
    interval: Interval | None = None
    by_day: ByDay | None = None
    rounding: QuantityRounding | None = None
    each_rounding: QuantityRounding | None = None
    each_minimum: Fraction | None = None

    @property
    def needs_history(self) -> bool:
        """Whether events before the period count: a level holds until the next event."""
        return self.level is not None

    @property
    def is_averaged_over_time(self) -> bool:
        """Whether the quantity is the average of a level, of which each part of a period has its share."""
        return self.level is not None and self.aggregation is Aggregation.TIME_WEIGHTED_AVERAGE

    @property
    def is_divisible(self) -> bool:
        """Whether the parts of a period have quantities of their own that add up to the period's."""
        if self.level is not None:
            return self.aggregation in (Aggregation.TIME_WEIGHTED_AVERAGE, Aggregation.TIME_INTEGRAL)
        return self.adds_up

    @property
    def adds_up(self) -> bool:
        """Whether the quantity of a whole is the sum of its parts, so that a share of it makes sense."""
        return self.level is None and self.interval is None and self.aggregation in (Aggregation.COUNT, Aggregation.SUM)


# Charges


class OfMeter(Record):
    """The quantity of a meter."""

    meter: str


class OfAttribute(Record):
    """An attribute of the account, times `factor` in the charge's unit."""

    attribute: str
    factor: Fraction = Fraction(1)


class OfAmount(Record):
    """The rounded lines of other charges, as a quantity of money."""

    lines: tuple[str, ...]


class OfEach(Record):
    """Every event on its own: a field of it times `factor`, or 1 each. `lasting` events may be cut at windows."""

    event: str
    field: str | None = None
    factor: Fraction = Fraction(1)
    where: Condition | None = None
    lasting: bool = False
    length: str | None = None
    """The field that holds how long an event lasts; one of length zero is not priced."""
    seconds: Fraction = Fraction(1)
    """How many seconds one unit of the charge's quantity lasts, where the event is `lasting`."""


Source: TypeAlias = OfMeter | OfAttribute | OfAmount | OfEach


class ColumnKind(enum.Enum):
    """Where the value of a key column comes from."""

    FIELD = "field"
    ATTRIBUTE = "attribute"
    TIME = "time"


class Column(Record):
    """A key column: `values` are the declared ones in their order, empty where any text or number may stand."""

    kind: ColumnKind
    name: str
    values: tuple[str, ...] = ()


class Bound(Record):
    """A floor or ceiling in money. `text` and `place` are the ruleset's. `prorated` ones are for the covered days."""

    amount: Fraction
    text: str
    place: Place
    because: str = ""
    source: str = ""
    prorated: bool = False


class Row(Record):
    """A row of prices: its schedule, and the bounds of its own."""

    schedule: Schedule
    place: Place
    minimum: Bound | None = None
    cap: Bound | None = None


class LineRounding(Record):
    """To a multiple of `size` money, by a mode."""

    size: Fraction
    mode: Rounding


class Pooling(enum.Enum):
    """How all combinations of a charge's `by` values share one ladder."""

    ROW_ORDER = "pooled in row order"
    SHARE = "pooled by share"
    TIME_ORDER = "pooled in time order"


class CountedPer(enum.Enum):
    """The year over which a ladder runs, where it runs over several bills."""

    YEAR_FROM_START = "counted per year from start"
    CALENDAR_YEAR = "counted per calendar year"


class Charge(Record):
    """A priced quantity. Without columns there is one row and always one line.

    A charge that is `prorated` prices each local day's level on the whole ladder, for that day's share.

    Under `OfEach` the bounds `minimum` and `cap` are per event; `period_minimum` and `period_cap` bound the sum.
    """

    name: str
    labels: Labels
    place: Place
    text: str
    source: Source
    unit: str
    columns: tuple[Column, ...]
    tree: Tree
    rows: tuple[Row, ...]
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


# What else a plan holds


class Proration(enum.Enum):
    """What a term that is covered in part pays."""

    BY_DAY = "by day"
    BY_SECOND = "by second"
    NONE = "none"


class Fee(Record):
    """A fee for terms of `every`; `calendar` terms are those of the calendar, others count from the start."""

    name: str
    labels: Labels
    place: Place
    text: str
    amount: Fraction
    every: Every
    calendar: bool
    in_advance: bool
    proration: Proration
    per: str = ""
    multiplier: str | None = None
    trial: Every | None = None
    trial_steps: int = 0
    when: tuple[Condition, ...] = ()
    because: str = ""
    citation: str = ""


class Include(Record):
    """Included units of a meter, in the meter's unit; `every` is None for each billing period.

    `prorated` ones are the covered days' share of the period, or of the term of `every`.
    """

    meter: str
    quantity: Fraction
    text: str
    place: Place
    every: Every | None = None
    prorated: bool = False
    because: str = ""
    citation: str = ""


class BoundKind(enum.Enum):
    """Floor or ceiling."""

    MINIMUM = "minimum"
    CAP = "cap"


class PlanBound(Record):
    """The floor or ceiling of a plan; without `lines` it bounds all charges and fees after policies."""

    kind: BoundKind
    bound: Bound
    labels: Labels
    lines: tuple[str, ...] = ()


# Policies


class MoneyOf(Record):
    """Money that stands in the ruleset, or an attribute of the account."""

    amount: Fraction | None
    attribute: str | None
    text: str


class NumberOf(Record):
    """A number in the ruleset, or an attribute of the account times `factor`."""

    number: Fraction | None
    attribute: str | None
    factor: Fraction
    text: str


class PercentOff(Record):
    """`10% off compute during festival`."""

    percent: Fraction
    text: str
    during: str | None = None


class MoneyOff(Record):
    """`$50 off total`."""

    money: MoneyOf


class UnitsFree(Record):
    """`100 GB of egress free`."""

    meter: str
    quantity: Fraction
    text: str


class AddMoney(Record):
    """`¥100`."""

    money: MoneyOf


class PerAttribute(Record):
    """`per day of account.days_overdue`: so many steps of an attribute, past a mark where there is one."""

    attribute: str
    step: Fraction
    text: str
    bound: NumberOf | None = None
    above: bool = True


class AddPercent(Record):
    """`20% of total`; `base` is an attribute of money instead of the policy's targets where it is not None."""

    percent: Fraction
    text: str
    base: MoneyOf | None = None
    per: PerAttribute | None = None


class AddPerUnit(Record):
    """`¥0.50 per unit of compute above account.limit`: money for each `per` of a meter or attribute past a bound.

    With `started` every started `per` counts whole.
    """

    price: Fraction
    per: Fraction
    text: str
    meter: str | None = None
    attribute: str | None = None
    attribute_factor: Fraction = Fraction(1)
    bound: NumberOf | None = None
    above: bool = True
    started: bool = False
    unit: str = ""


Effect: TypeAlias = PercentOff | MoneyOff | UnitsFree | AddMoney | AddPercent | AddPerUnit


class PolicyKind(enum.Enum):
    """The three kinds of policy, in the order in which they apply."""

    DISCOUNT = "discount"
    OFFER = "offer"
    PENALTY = "penalty"


class Combination(enum.Enum):
    """How policies of one kind combine on a line."""

    BEST_ONE = "best one"
    ADD_UP = "add up"
    ONE_AFTER_ANOTHER = "one after another"


class Targets(Record):
    """Which lines a policy or tax is about. `names` are charges and fees of the plan; `everything` is `total`."""

    names: tuple[str, ...]
    everything: bool
    text: str


class Policy(Record):
    """One discount, offer or penalty as it stands for one plan. It holds for periods that begin in `[start, end)`."""

    kind: PolicyKind
    name: str
    labels: Labels
    place: Place
    text: str
    effect: Effect
    targets: Targets
    at_most: MoneyOf | None = None
    when: tuple[Condition, ...] = ()
    start: date | None = None
    end: date | None = None
    because: str = ""
    citation: str = ""


class Tax(Record):
    """`tax vat "VAT": 20% of total`."""

    name: str
    labels: Labels
    place: Place
    text: str
    percent: Fraction
    targets: Targets
    included: bool = False
    when: tuple[Condition, ...] = ()
    start: date | None = None
    end: date | None = None
    because: str = ""
    citation: str = ""


class Card(Record):
    """A prepaid card; `pays` is empty for everything. `price` is what it sells for, None for its worth."""

    name: str
    labels: Labels
    place: Place
    worth: Fraction
    valid_months: int | None
    valid_days: int | None
    pays: tuple[str, ...] = ()
    because: str = ""
    citation: str = ""
    price: Fraction | None = None


class Plan(Record):
    """One version of a billing plan or contract, in force in `[start, end)`, with the policies that may apply to it.

    With `dated_by_usage` a version that begins inside a billing period prices the usage from its start on.
    """

    name: str
    labels: Labels
    place: Place
    start: date | None
    end: date | None
    billing: Billing
    charges: tuple[Charge, ...]
    fees: tuple[Fee, ...]
    includes: tuple[Include, ...]
    bounds: tuple[PlanBound, ...]
    policies: tuple[Policy, ...]
    taxes: tuple[Tax, ...]
    dated_by_usage: bool = False

    def in_force(self, day: date) -> bool:
        """Whether this version is in force on a day."""
        return (self.start is None or self.start <= day) and (self.end is None or day < self.end)


class Program(Record):
    """A ruleset, compiled. `plans` maps a name to its versions in the order of their dates."""

    name: str
    labels: Labels
    hash: str
    zone: str
    money: MoneyUnit
    line_rounding: Rounding
    total_rounding: LineRounding | None
    total_rounding_place: Place | None
    schema: FactSchema
    meters: Mapping[str, Meter]
    windows: Mapping[str, Window]
    plans: Mapping[str, tuple[Plan, ...]]
    cards: Mapping[str, Card]
    combinations: Mapping[PolicyKind, Combination] = field(default_factory=dict)


def verify(program: Program) -> None:
    """Raise `AssertionError` with a sentence if the program breaks an invariant that evaluators rely on."""
    for problem in violations(program):
        raise AssertionError(problem)


def violations(program: Program) -> Iterator[str]:
    """Every invariant that a program breaks, a sentence each."""
    for name, versions in program.plans.items():
        for earlier, later in pairwise(versions):
            if earlier.end is None or later.start is None or later.start < earlier.end:
                yield f"versions of {name} must follow one another in time"
        for plan in versions:
            yield from _violations_of_plan(program, plan)
    for meter in program.meters.values():
        if meter.event not in program.schema.events:
            yield f"meter {meter.name} must count a declared event"
        if (meter.rank is None) != (meter.aggregation is not Aggregation.PERCENTILE):
            yield f"meter {meter.name} must have a rank if and only if it is a percentile"


def _violations_of_plan(program: Program, plan: Plan) -> Iterator[str]:
    names = [charge.name for charge in plan.charges] + [fee.name for fee in plan.fees]
    if len(set(names)) != len(names):
        yield f"lines of {plan.name} must have names of their own"
    known: set[str] = set()
    for charge in plan.charges:
        yield from _violations_of_charge(program, charge, known)
        known.add(charge.name)
    for include in plan.includes:
        if include.meter not in program.meters:
            yield f"what {plan.name} includes must be a declared meter"
        if include.quantity < 0:
            yield f"what {plan.name} includes must not be negative"
    for policy in plan.policies:
        if not set(policy.targets.names) <= set(names):
            yield f"policy {policy.name} must target lines of {plan.name}"


def _violations_of_charge(program: Program, charge: Charge, known: set[str]) -> Iterator[str]:
    match charge.source:
        case OfMeter(meter) if meter not in program.meters:
            yield f"charge {charge.name} must price a declared meter"
        case OfAmount(lines) if not set(lines) <= known:
            yield f"charge {charge.name} must come after the charges that it is a price on"
        case _:
            pass
    if not charge.rows:
        yield f"charge {charge.name} must have a row"
    for index in sorted(_rows_reached(charge.tree)):
        if not 0 <= index < len(charge.rows):
            yield f"the tree of charge {charge.name} must lead to its rows"
    if _depth(charge.tree) > len(charge.columns):
        yield f"the tree of charge {charge.name} must not be deeper than its columns"
    # Rows of a long table share their prices.
    for schedule in {id(row.schedule): row.schedule for row in charge.rows}.values():
        yield from _violations_of_schedule(charge.name, schedule)
    yield from _violations_of_ladder(program, charge)


def _violations_of_ladder(program: Program, charge: Charge) -> Iterator[str]:
    if charge.pooling is None and charge.counted is None and not charge.prorated:
        return
    if not isinstance(charge.source, OfMeter):
        yield f"charge {charge.name} must price a meter to have a ladder of its own kind"
        return
    meter = program.meters[charge.source.meter]
    if charge.pooling is not None and len({_ladder_of(row.schedule, charge.pooling) for row in charge.rows}) > 1:
        yield f"the rows of charge {charge.name}, which share a ladder, must have the same bounds and steps"
    if charge.pooling is Pooling.TIME_ORDER and (not meter.adds_up or meter.rounding is not None):
        yield f"charge {charge.name}, pooled in time order, must price a quantity that events add up to"
    if charge.prorated and (meter.level is None or charge.counted is not None):
        yield f"charge {charge.name}, which is prorated by day, must price a level on the ladder of one bill"


def _ladder_of(schedule: Schedule, pooling: Pooling) -> tuple[object, ...]:
    def exact(number: int | None) -> Fraction | None:
        return None if number is None else Fraction(number, schedule.quantity_scale)

    return schedule.mode, tuple(
        (exact(band.upper), band.inclusive, band.width_per, band.prorated)
        + (() if pooling is Pooling.SHARE else (exact(band.step),))
        for band in schedule.bands
    )


def _violations_of_schedule(name: str, schedule: Schedule) -> Iterator[str]:
    if schedule.quantity_scale <= 0 or schedule.money_scale <= 0:
        yield f"the scales of charge {name} must be positive"
    if not schedule.bands or schedule.bands[-1].upper is not None:
        yield f"the last band of charge {name} must be open"
    bounds = [band.upper for band in schedule.bands[:-1]]
    if any(bound is None for bound in bounds):
        yield f"only the last band of charge {name} may be open"
    low = 0
    for bound in bounds:
        if bound is not None and bound <= low and not schedule.depends:
            yield f"the bounds of charge {name} must rise"
        low = bound if bound is not None else low
    for band in schedule.bands:
        if band.step is not None and band.step <= 0:
            yield f"the steps of charge {name} must be positive"
        if schedule.mode is Mode.STAIRSTEP and band.rate:
            yield f"a stairstep band of charge {name} must have no rate"


def _rows_reached(tree: Tree) -> set[int]:
    match tree:
        case Leaf(row):
            return {row}
        case Branch() | Chain():
            return {row for part in below(tree) for row in _rows_reached(part)}


def _depth(tree: Tree) -> int:
    if isinstance(tree, Leaf):
        return 0
    return int(isinstance(tree, Branch)) + max((_depth(part) for part in below(tree)), default=0)
