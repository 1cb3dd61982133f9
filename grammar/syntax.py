"""The tree of a ruleset's text: one frozen node per form of the language, and `walk`.

Nodes say what was written and where; they know no prices, no units and no names of others. Numbers keep the digits as
written (without thousands commas), so that formatting gives them back. Spans don't take part in equality: two texts
with one meaning and another layout have equal trees.

The module is long because the forms of the language are a closed set that is read as one page.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from fractions import Fraction
from functools import cache
from typing import TypeAlias

from ..diagnostics import Span
from ..records import Record, field


class Node(Record):
    """Everything that stands somewhere in the text."""

    span: Span = field(compare=False, repr=False, kw_only=True)


# Leaves


class Name(Node):
    """`compute`, `出网流量`; a name as written, normalised to NFC."""

    text: str


class EventName(Node):
    """`compute.used`; the dotted name of an event."""

    text: str


class Text(Node):
    """`"Pay as you go"`; without its quotes."""

    text: str


class Number(Node):
    """`1,000` or `-0.085`; `digits` is the plain decimal, without commas."""

    digits: str

    @property
    def value(self) -> Fraction:
        return Fraction(self.digits)


class Money(Node):
    """`$0.40` (`symbol`) or `0.40 USD` (`code`): exactly one of the two is not empty."""

    digits: str
    symbol: str = ""
    code: str = ""

    @property
    def value(self) -> Fraction:
        return Fraction(self.digits)


class Percent(Node):
    """`10%`."""

    digits: str

    @property
    def value(self) -> Fraction:
        """The share: `10%` is 1/10."""
        return Fraction(self.digits) / 100


class Quantity(Node):
    """`12 TB`, `1,000`: a number with a unit or none."""

    number: Number
    unit: Name | None = None


class Date(Node):
    """`2026-03-01`; ISO text, checked to exist."""

    iso: str


class Period(Node):
    """`2026`, `2026-03` or `2026-03-01` where a period stands."""

    iso: str


class Time(Node):
    """`08:00`, `19:58:30`, `24:00`; seconds after midnight."""

    seconds: int


class Boolean(Node):
    """`yes` or `no` (or `true`, `false`) as a value."""

    value: bool


Value: TypeAlias = Name | Text | Number | Money | Percent | Quantity | Date | Boolean


class AccountField(Node):
    """`account.tier`."""

    name: Name


class LocalLabel(Node):
    """`label zh "流量费"`."""

    language: str
    text: Text


class Annotations(Node):
    """What may stand indented below a declaration: labels, `because`, `source`."""

    labels: tuple[LocalLabel, ...] = ()
    because: Text | None = None
    source: Text | None = None


class Dating(Node):
    """`from D before D` or `from D through D`; every part may be missing."""

    start: Date | None = None
    before: Date | None = None
    through: Date | None = None


# The header


class RoundingMode(enum.Enum):
    """The five ways to round, of the size and not the sign."""

    HALF_EVEN = "half even"
    HALF_UP = "half up"
    HALF_DOWN = "half down"
    UP = "up"
    DOWN = "down"


class RoundMoney(Node):
    """`round each line to ¥0.0001 half up`, `round total to ¥0.05`: unit and mode, each may be missing."""

    unit: Money | None = None
    mode: RoundingMode | None = None


class Header(Node):
    """`ruleset platform "Open Platform":` with its settings."""

    name: Name
    label: Text | None = None
    currency: Name | None = None
    time_zone: Text | None = None
    round_line: RoundMoney | None = None
    round_total: RoundMoney | None = None
    annotations: Annotations | None = None


class Import(Node):
    """`import "common.rates"`."""

    path: Text


# Facts: units, accounts, events


class UnitDeclaration(Node):
    """`unit unit`, `unit crate = 100 unit`."""

    name: Name
    multiple: Quantity | None = None
    annotations: Annotations | None = None


class NumberType(Node):
    """`number`, `number of GB`."""

    unit: Name | None = None


class MoneyType(Node):
    """`money`."""


class TextType(Node):
    """`text`."""


class DateType(Node):
    """`date`."""


class YesNoType(Node):
    """`yes or no`."""


class OneOfType(Node):
    """`one of standard, gold, "us-east-1"`."""

    values: tuple[Name | Text, ...]


FieldType: TypeAlias = NumberType | MoneyType | TextType | DateType | YesNoType | OneOfType


class Field(Node):
    """`tier: one of standard, gold, default standard`."""

    name: Name
    type: FieldType
    optional: bool = False
    default: Value | None = None
    annotations: Annotations | None = None


class AccountDeclaration(Node):
    """`account:` with its attributes."""

    fields: tuple[Field, ...]


class EventDeclaration(Node):
    """`event call lasting duration:` with its fields."""

    name: EventName
    lasting: Name | None
    fields: tuple[Field, ...]
    annotations: Annotations | None = None


# Conditions


class Comparison(enum.Enum):
    """Signs and words that compare two values."""

    IS = "is"
    IS_NOT = "is not"
    LESS = "<"
    LESS_OR_EQUAL = "<="
    GREATER = ">"
    GREATER_OR_EQUAL = ">="


class UsageOf(Node):
    """`usage of requests`: the metered quantity of the period."""

    meter: Name


class AmountOfLine(Node):
    """`amount of compute`: what a line costs, in a condition."""

    line: Name


class Month(Node):
    """`month`, as in `month is jan` or `month is one of jun, jul`."""


Operand: TypeAlias = (
    AccountField | UsageOf | AmountOfLine | Month | Name | Text | Number | Money | Percent | Quantity | Date | Boolean
)


class Compare(Node):
    """`account.tier is gold`, `usage of requests > 5,000,000`, `status < 500`."""

    left: Operand
    comparison: Comparison
    right: Operand


class IsOneOf(Node):
    """`account.country is one of "GB", "FR"`; with `negated`, `is not one of`."""

    left: Operand
    values: tuple[Operand, ...]
    negated: bool = False


class IsKnown(Node):
    """`account.country is known`; with `negated`, `is not known`."""

    left: Operand
    negated: bool = False


class PeriodStartsIn(Node):
    """`period starts in summer`."""

    window: Name


class Holds(Node):
    """A `yes or no` field or attribute alone: `account.exempt`."""

    operand: AccountField | Name


class And(Node):
    """`a and b and c`."""

    parts: tuple[Condition, ...]


class Or(Node):
    """`a or b or c`."""

    parts: tuple[Condition, ...]


class Not(Node):
    """`not a`."""

    part: Condition


Condition: TypeAlias = Compare | IsOneOf | IsKnown | PeriodStartsIn | Holds | And | Or | Not


# Meters


class AggregationKind(enum.Enum):
    """How many values become one."""

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


class Aggregation(Node):
    """`sum`, `95th percentile` (`rank` is 95)."""

    kind: AggregationKind
    rank: str = ""


class LevelKind(enum.Enum):
    """How events give a level."""

    LEVEL = "level of"
    RUNNING_SUM = "running sum of"


class Level(Node):
    """`level of size`, `running sum of change`, with `per FIELD` one level per value."""

    kind: LevelKind
    field: Name
    per: Name | None = None


class InnerAggregation(Node):
    """`sum of energy of reading per 15 min [of days with usage]`: what happens inside each interval."""

    aggregation: Aggregation
    field: Name | None
    interval: Quantity
    days_with_usage: bool = False
    level: Level | None = None
    """`maximum of maximum of level of size of sample per 5 min`; then `field` is None."""


class ByDay(enum.Enum):
    """How a level counts a local day."""

    LAST = "by day"
    HIGHEST = "by day at its highest"


class RoundQuantity(Node):
    """`rounded up to 1 GB`, `rounded half even to 0.1 h`."""

    mode: RoundingMode
    unit: Quantity


class Meter(Node):
    """`meter egress "Data out": sum of bytes of net.egress where … in GB rounded up to 1 GB`.

    `value` is the field, the level, or the inner aggregation of a two-level meter; None for `count of EVENT`.
    """

    name: Name
    label: Text | None
    aggregation: Aggregation
    value: Name | Level | InnerAggregation | None
    event: EventName
    where: Condition | None = None
    unit: tuple[Name, ...] = ()
    """`in GB` is one name, `in GB h` two (their product)."""
    by_day: ByDay | None = None
    rounding: RoundQuantity | None = None
    each_rounding: RoundQuantity | None = None
    each_minimum: Quantity | None = None
    annotations: Annotations | None = None


# Windows


WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


class DaySpan(Node):
    """`mon to fri 08:00 to 22:00`, `sat, sun`, `daily 22:00 to 06:00`: weekdays (0 is Monday) and a time of day.

    `ranges` are pairs of weekday numbers, both included; `daily` is empty `ranges`.
    """

    ranges: tuple[tuple[int, int], ...]
    start: Time | None = None
    end: Time | None = None


class HolidaySpan(Node):
    """`holidays of CN named "Spring Festival", "National Day"`; `country` may be `DE-BY`."""

    country: Name | Text
    names: tuple[Text, ...] = ()


class MonthSpan(Node):
    """`jun to sep`, `dec`: months from 1, both included, may wrap the year."""

    first: int
    last: int


class MonthDaySpan(Node):
    """`may 16 to oct 15`: (month, day) pairs, both included, may wrap the year."""

    first: tuple[int, int]
    last: tuple[int, int]


class DateSpan(Node):
    """`2026-11-11 through 2026-11-12`, `from 2026-11-11 before 2026-11-13`, a single date."""

    start: Date
    before: Date | None = None
    through: Date | None = None


class WindowName(Node):
    """Another window by its name."""

    name: Name


class WindowUnion(Node):
    """`a, b`."""

    parts: tuple[WindowExpression, ...]


class WindowIntersection(Node):
    """`a and b`."""

    parts: tuple[WindowExpression, ...]


class WindowDifference(Node):
    """`a except b`."""

    whole: WindowExpression
    removed: WindowExpression


WindowExpression: TypeAlias = (
    DaySpan
    | HolidaySpan
    | MonthSpan
    | MonthDaySpan
    | DateSpan
    | WindowName
    | WindowUnion
    | WindowIntersection
    | WindowDifference
)


class WindowDeclaration(Node):
    """`window peak "Peak hours": mon to fri 08:00 to 22:00 except holidays of CN`."""

    name: Name
    label: Text | None
    expression: WindowExpression
    annotations: Annotations | None = None


# Prices


class Rate(Node):
    """`$0.40 per 1,000`, `$12 per seat`, `$0.01 each`, `€0.20 per started 60 s`, `$6 per 60 s in steps of 6 s`, `2.9%`.

    `price` is money or a percent. `per` is None for a percent; `each` is `per 1` and keeps the word. `per_number`
    and `per_unit` are what stands after `per`; either may be missing, not both.
    """

    price: Money | Percent
    each: bool = False
    started: bool = False
    per_number: Number | None = None
    per_unit: Name | None = None
    steps: Quantity | None = None


class AtPrice(Node):
    """`at RATE [plus MONEY once [if used]]`."""

    rate: Rate
    once: Money | None = None
    if_used: bool = False


class ForPrice(Node):
    """`for MONEY [if used]`: a price that does not depend on how much."""

    money: Money
    if_used: bool = False


class FreePrice(Node):
    """`free`."""


class RefusedPrice(Node):
    """`refused`: such usage is an error."""


Price: TypeAlias = AtPrice | ForPrice | FreePrice | RefusedPrice


class BandMode(enum.Enum):
    """How bands are read; always written."""

    GRADUATED = "graduated"
    VOLUME = "volume"
    STAIRSTEP = "stairstep"


class BandWord(enum.Enum):
    """The word that begins a band."""

    FIRST = "first"
    NEXT = "next"
    UP_TO = "up to"
    BELOW = "below"
    ABOVE = "above"


class Width(Node):
    """What stands after a band's word: `40 TB`, `$10,000`, `12 kWh per day`, `200 kWh per kW of demand`,
    `100 kWh per account.persons`.

    `per_days` is the count of days (`per day` is 1); `per_meter` is a quantity and a meter; `per_attribute` an
    attribute; at most one of the three. `prorated` is `prorated by day`.
    """

    amount: Quantity | Money
    per_days: Number | None = None
    per_meter: tuple[Quantity, Name] | None = None
    per_attribute: AccountField | None = None
    prorated: bool = False


class BandHead(Node):
    """`first 10 TB`, `up to 100`, `above`; `width` is None for `above`."""

    word: BandWord
    width: Width | None = None


class Band(Node):
    """`first 10 TB at $0.09 per GB`: one line of a band list."""

    head: BandHead
    price: Price
    annotations: Annotations | None = None


class BandList(Node):
    """The bands of a charge, a line each."""

    bands: tuple[Band, ...]


# Tables


class KeyColumn(Node):
    """`region`, `dialled prefix`, `account.country`, `time`: the text of the field and whether prefixes stand in it."""

    field: Name | AccountField
    prefix: bool = False


class PriceColumn(Node):
    """`price`."""


class BandColumn(Node):
    """`first 10 TB`, `above` as the head of a column."""

    head: BandHead


class AmountColumnKind(enum.Enum):
    """Columns that hold money of their own."""

    ONCE = "once"
    MINIMUM = "minimum"
    CAP = "cap"


class AmountColumn(Node):
    """`once`, `minimum` or `cap` as the head of a column."""

    kind: AmountColumnKind


Column: TypeAlias = KeyColumn | PriceColumn | BandColumn | AmountColumn


class RangeKey(Node):
    """`from 10 below 20`, `from 10`, `below 20`, `from 10 up to 20`, `above 20` in a key cell.

    `low_included` and `high_included` say which ends belong to it; a missing end is open.
    """

    low: Quantity | Money | Date | None = None
    high: Quantity | Money | Date | None = None
    low_included: bool = True
    high_included: bool = False


class ValuesKey(Node):
    """`us, eu`."""

    values: tuple[Value, ...]


class AnyKey(Node):
    """`any`."""


class OtherwiseKey(Node):
    """`otherwise`."""


Key: TypeAlias = ValuesKey | RangeKey | AnyKey | OtherwiseKey


class Row(Node):
    """One row: a key per key column, a price per price or band column, money per amount column; in column order."""

    cells: tuple[Key | Price | Money | None, ...]


class Table(Node):
    """`| region | price |` and its rows."""

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]


class PricesFrom(Node):
    """`prices from "egress.csv" then "other.csv"`."""

    paths: tuple[Text, ...]


# Charges and what belongs to a plan


class MeterSource(Node):
    """`of METER`."""

    meter: Name


class AttributeSource(Node):
    """`of account.seats`."""

    attribute: AccountField


class AmountSource(Node):
    """`of amount of requests, egress`."""

    lines: tuple[Name, ...]


class EachSource(Node):
    """`of each call.duration where …`; `field` is None for `of each EVENT`.

    The dotted text is kept whole in `event`, because only the declared events tell where the field begins.
    """

    event: EventName
    where: Condition | None = None


ChargeSource: TypeAlias = MeterSource | AttributeSource | AmountSource | EachSource


class Pooling(enum.Enum):
    """How combinations of `by` values share one ladder."""

    ROW_ORDER = "pooled in row order"
    SHARE = "pooled by share"
    TIME_ORDER = "pooled in time order"


class CountedPer(enum.Enum):
    """Over what a ladder keeps running."""

    YEAR_FROM_START = "counted per year from start"
    CALENDAR_YEAR = "counted per calendar year"


class BoundScope(enum.Enum):
    """What a floor or ceiling inside a charge bounds."""

    WHOLE = ""
    PER_ROW = "per row"
    PER_PERIOD = "per period"


class BoundKind(enum.Enum):
    """Floor or ceiling."""

    MINIMUM = "minimum"
    CAP = "cap"


class ChargeBound(Node):
    """`minimum $0.50`, `cap $10 per row`, `minimum ¥10 per period` inside a charge."""

    kind: BoundKind
    money: Money
    scope: BoundScope = BoundScope.WHOLE
    prorated: bool = False
    annotations: Annotations | None = None


class ChargeInclude(Node):
    """`include 3 events`, `include $250` inside an `each` charge; `events` when the word stands there."""

    amount: Number | Money
    annotations: Annotations | None = None


class RoundEachEvent(Node):
    """`round each event to ¥0.01 half up` inside an `each` charge."""

    rounding: RoundMoney


class When(Node):
    """`when account.tier is gold`."""

    condition: Condition


class Charge(Node):
    """`charge METER ["Label"] [by FIELDS [first match]] [MODE …]: prices`.

    `by` holds event fields (`Name`, also `time`) and attributes. `prices` is one price, a band list, a table or files.
    """

    name: Name
    label: Text | None = None
    source: ChargeSource | None = None
    by: tuple[Name | AccountField, ...] = ()
    first_match: bool = False
    mode: BandMode | None = None
    pooling: Pooling | None = None
    counted: CountedPer | None = None
    prorated: bool = False
    prices: Price | BandList | Table | PricesFrom | None = None
    bounds: tuple[ChargeBound, ...] = ()
    includes: tuple[ChargeInclude, ...] = ()
    round_event: RoundEachEvent | None = None
    when: tuple[When, ...] = ()
    annotations: Annotations | None = None


class TermUnit(enum.Enum):
    """What a fee or an included quantity renews by."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"


class Term(Node):
    """`12 months`, `month` (count 1), `week`, `day`."""

    count: int
    unit: TermUnit


class FeeProration(enum.Enum):
    """What a term that is covered in part pays."""

    BY_DAY = ""
    BY_SECOND = "prorated by second"
    NONE = "not prorated"


class Fee(Node):
    """`fee seats "Seats" $12 per seat per month for account.seats in advance after 15 days`.

    `per_unit` is `seat` above and `multiplier` is `account.seats`; `trial` is `after 15 days`.
    """

    name: Name
    label: Text | None
    money: Money
    term: Term
    per_unit: Name | None = None
    multiplier: AccountField | None = None
    in_advance: bool = False
    proration: FeeProration = FeeProration.BY_DAY
    trial: Term | None = None
    when: tuple[When, ...] = ()
    annotations: Annotations | None = None


class Include(Node):
    """`include 12,000 unit of compute per 12 months` in a plan; `term` is None for every billing period."""

    quantity: Quantity
    meter: Name
    term: Term | None = None
    prorated: bool = False
    annotations: Annotations | None = None


class PlanBound(Node):
    """`minimum $20`, `cap $100 of compute, egress` in a plan; no lines means all charges and fees."""

    kind: BoundKind
    money: Money
    lines: tuple[Name, ...] = ()
    prorated: bool = False
    annotations: Annotations | None = None


class BillingUnit(enum.Enum):
    """The length of a billing period."""

    DAY = "daily"
    WEEK = "weekly"
    MONTH = "monthly"
    QUARTER = "quarterly"
    YEAR = "yearly"


class Billing(Node):
    """`billed monthly`, `billed every 6 months from start` (`months` is 6, `unit` MONTH)."""

    unit: BillingUnit
    months: int | None = None
    from_start: bool = False


class DatedBy(enum.Enum):
    """Which version of a plan prices what."""

    PERIOD = "dated by period"
    USAGE = "dated by usage"


class DatedByLine(Node):
    """`dated by usage`."""

    dated_by: DatedBy


PlanItem: TypeAlias = Billing | DatedByLine | Charge | Fee | Include | PlanBound


class Plan(Node):
    """`plan payg "Pay as you go" from 2026-01-01:` with its items in written order."""

    name: Name
    label: Text | None
    dating: Dating
    items: tuple[PlanItem, ...]
    annotations: Annotations | None = None


class Remove(Node):
    """`remove support`."""

    name: Name


class Replace(Node):
    """`replace charge requests: at $0.25 per 1,000`; also `replace fee …`, `replace minimum …`, `replace include …`."""

    item: PlanItem


class Add(Node):
    """`add charge …`, `add fee …`, `add include …`, `add minimum …`, `add discount …` in a contract."""

    item: PlanItem | Policy


ContractItem: TypeAlias = Remove | Replace | Add


class Contract(Node):
    """`contract acme "Acme contract" extends payg from 2026-03-01 before 2027-03-01:`."""

    name: Name
    label: Text | None
    extends: Name
    dating: Dating
    items: tuple[ContractItem, ...]
    annotations: Annotations | None = None


class Card(Node):
    """`card starter "¥100 card":`; `pays` is empty for `pays everything`."""

    name: Name
    label: Text | None
    worth: Money | None
    price: Money | None
    valid: Term | None
    pays: tuple[Name, ...] = ()
    annotations: Annotations | None = None
    pays_span: Span | None = field(default=None, compare=False, repr=False)
    """Where the `pays` line stands; None where there is none."""


# Policies


class PolicyKind(enum.Enum):
    """The three kinds of billing policy."""

    DISCOUNT = "discount"
    OFFER = "offer"
    PENALTY = "penalty"


class Targets(Node):
    """`compute, egress`, `charges`, `fees`, `total`: names as written."""

    names: tuple[Name, ...]


MoneyOperand: TypeAlias = Money | AccountField


class PercentOff(Node):
    """`10% off compute, egress [during festival]`."""

    percent: Percent
    targets: Targets
    during: Name | None = None


class MoneyOff(Node):
    """`$50 off total`."""

    money: MoneyOperand
    targets: Targets


class UnitsFree(Node):
    """`100 GB of egress free`."""

    quantity: Quantity
    meter: Name


class AddMoney(Node):
    """`¥100` in a penalty."""

    money: MoneyOperand


class PerAttribute(Node):
    """`per day of account.days_overdue`, `per 1 of account.power_factor below 80`.

    `step` is the number and unit after `per`; `bound` and `above` (else below) the mark past which units count.
    """

    step: Quantity
    attribute: AccountField
    bound: Quantity | AccountField | None = None
    above: bool = True


class AddPercent(Node):
    """`20% of total`, `0.05% of account.overdue per day of account.days_overdue`."""

    percent: Percent
    of: Targets | AccountField
    per: PerAttribute | None = None


class AddPerUnit(Node):
    """`¥0.50 per unit of compute above account.limit`, `$0.004 each of egress above 2,000`,
    `¥5 per 1 of account.devices above 3` (`of` an attribute)."""

    rate: Rate
    of: Name | AccountField
    bound: Quantity | AccountField | None = None
    above: bool = True


Effect: TypeAlias = PercentOff | MoneyOff | UnitsFree | AddMoney | AddPercent | AddPerUnit


class Policy(Node):
    """`discount gold "Gold members" from … for payg, yearly:` with one effect, its limit and its conditions."""

    kind: PolicyKind
    name: Name
    label: Text | None
    dating: Dating
    plans: tuple[Name, ...]
    effect: Effect
    at_most: MoneyOperand | None = None
    when: tuple[When, ...] = ()
    annotations: Annotations | None = None


class CombinationRule(enum.Enum):
    """How policies of one kind combine on a line."""

    BEST_ONE = "best one"
    ADD_UP = "add up"
    ONE_AFTER_ANOTHER = "one after another"


class Combination(Node):
    """`discounts combine best one`, `offers combine add up`."""

    kind: PolicyKind
    rule: CombinationRule


class Tax(Node):
    """`tax vat "VAT": 20% of total` with `when`; `included` taxes are shown and not added."""

    name: Name
    label: Text | None
    percent: Percent
    of: Targets
    included: bool = False
    dating: Dating | None = None
    plans: tuple[Name, ...] = ()
    when: tuple[When, ...] = ()
    annotations: Annotations | None = None


# Examples and promises


class Given(Node):
    """`tier gold`: a field or attribute and its value."""

    name: Name
    value: Value


class AccountGiven(Node):
    """`account tier gold, limit 800`."""

    values: tuple[Given, ...]


class UsageGiven(Node):
    """`usage egress 12 TB, region eu, time peak in 2026-02`; `time` stands among the values."""

    meter: Name
    quantity: Quantity | Money
    values: tuple[Given, ...] = ()
    period: Period | None = None


class EventGiven(Node):
    """`event 2026-03-03 10:00 call duration 61, dialled "4420123"`."""

    date: Date
    time: Time
    event: EventName
    values: tuple[Given, ...] = ()


class CardGiven(Node):
    """`card starter`, with `bought 2026-01-05` and `left ¥20` where they matter."""

    name: Name
    bought: Date | None = None
    left: Money | None = None


class ExpectAmount(Node):
    """`expect compute ¥100.00`, `expect egress where region us ¥5`; `line` is also `total` and `due`."""

    line: Name
    money: Money
    where: tuple[Given, ...] = ()


class ExpectNo(Node):
    """`expect no support`, `expect no egress where region us`."""

    line: Name
    where: tuple[Given, ...] = ()


class ExpectError(Node):
    """`expect error RB4002`."""

    code: Name


Expectation: TypeAlias = ExpectAmount | ExpectNo | ExpectError
ExampleItem: TypeAlias = AccountGiven | UsageGiven | EventGiven | CardGiven | Expectation


class Example(Node):
    """`example "what it shows" on PLAN since DATE in PERIOD [unreviewed]:`."""

    title: Text
    plan: Name
    since: Date | None
    period: Period
    unreviewed: bool
    items: tuple[ExampleItem, ...]


class MoreNeverCostsLess(Node):
    """`promise more egress never costs less`."""

    meter: Name


class NeverCostsMore(Node):
    """`promise gold never costs more than payg`."""

    cheaper: Name
    dearer: Name


class MarginAtLeast(Node):
    """`promise margin on egress is at least 15%`."""

    meter: Name
    percent: Percent


class Promise(Node):
    """A line that begins with `promise`."""

    claim: MoreNeverCostsLess | NeverCostsMore | MarginAtLeast


class CostOf(Node):
    """`cost of egress: ¥0.02 per GB`."""

    meter: Name
    rate: Rate


class Allow(Node):
    """`allow RB2209 because "…"`."""

    code: Name
    because: Text


Declaration: TypeAlias = (
    Import
    | Header
    | UnitDeclaration
    | AccountDeclaration
    | EventDeclaration
    | Meter
    | WindowDeclaration
    | Plan
    | Contract
    | Card
    | Policy
    | Combination
    | Tax
    | Example
    | Promise
    | CostOf
    | Allow
)


class Comment(Node):
    """`# …` without its line end; `own_line` when nothing else stands on the line."""

    text: str
    own_line: bool


class Ruleset(Node):
    """A whole file: its declarations in written order, and its comments for the formatter."""

    declarations: tuple[Declaration, ...]
    comments: tuple[Comment, ...] = field(default=(), compare=False, repr=False)


_PLAIN = frozenset({"Span", "bool", "int", "int | None", "str", "str | None", "Fraction", "Fraction | None"})


def children(node: Node) -> Iterator[Node]:
    """The nodes directly below a node, in the order of its fields."""
    for name in _fields_of_nodes(type(node)):
        yield from _nodes(getattr(node, name))


@cache
def _fields_of_nodes(kind: type[Node]) -> tuple[str, ...]:
    """The fields of a node that may hold other nodes: not those that are plain values by their declaration."""
    return tuple(name for name, declared in kind._types.items() if str(declared) not in _PLAIN)


def _nodes(value: object) -> Iterator[Node]:
    if isinstance(value, Node):
        yield value
    elif isinstance(value, tuple):
        for part in value:
            yield from _nodes(part)


def walk(node: Node) -> Iterator[Node]:
    """The node and everything below it, parents first."""
    stack = [node]
    while stack:
        found = stack.pop()
        yield found
        below = [*children(found)]
        below.reverse()
        stack += below
