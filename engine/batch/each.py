"""Charges that rate every event on its own, as one query: `evaluators.each` for all accounts at once.

The query reads the rated events once, finds the price of each by its lookup, prices it in integers, and adds up by
statement, before the bounds of the period and the rounding of the line. What integers of the engine cannot hold, what
no row prices, and what depends on an order that the events do not say is flagged: `scalar` is then true, the other
columns mean nothing, and the statement takes the scalar road.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Final, TypeAlias
from zoneinfo import ZoneInfo

from ...records import Record
from ..period import Period
from ..plan import Charge, OfEach
from ..schedule import Band, Mode, Schedule
from ..usage import Value
from ..window import Window
from .columns import EventColumns
from .event_ladder import Price, form_of, price_of
from .events import EachQuery, Rule, Writing, fitting_high, write
from .lookup import Answer, Lookup, Reading, WindowSql, lookup_of
from .number import TooLargeError, UnfitError
from .pieces import cuts_of
from .trees import windows_asked

Combinations: TypeAlias = Iterable[Sequence[Value | int | None]]

_NOTHING: Final = Rule(Price(Schedule(Mode.GRADUATED, (Band(upper=None),), 1, 1)), 0, Fraction(0))
_SMALLER: Final = 1000
"""Where the greatest quantity makes amounts too large, one so many times less is tried."""


class Times(Record):
    """What is known of time: windows by name, the zone, and a `reach` that holds the start of every event.

    An event that lasts past the end of the reach takes the scalar road.
    """

    windows: Mapping[str, Window]
    zone: ZoneInfo
    reach: Period


def shape_of(charge: Charge) -> Hashable:
    """Charges of one shape can be rated by one query, whatever their prices."""
    source = charge.source
    assert isinstance(source, OfEach)
    windows = windows_asked(charge.tree) if source.lasting else frozenset()
    return source, tuple((column.kind, column.name) for column in charge.columns), windows


def each_lookup(charges: Mapping[int, Charge], reading: Reading, window_sql: WindowSql) -> Lookup:
    """The lookup of `each` charges of one shape, by version. Charges with other prices are variants of their own."""
    forms: dict[int, object] = {}

    def apart(charge: Charge) -> Hashable:
        return _form_of_rows(charge, forms), charge.free_events, charge.free_quantity

    return lookup_of(charges, reading, window_sql, shows_keys=False, apart=apart)


def _form_of_rows(charge: Charge, forms: dict[int, object]) -> Hashable:
    """The numbers of a charge's prices. Rows of a long table share their schedules."""
    rounding = charge.round_event
    found: list[Hashable] = [None if rounding is None else (rounding.size, rounding.mode)]
    for row in charge.rows:
        form = forms.get(id(row.schedule))
        if form is None:
            form = forms.setdefault(id(row.schedule), form_of(Price(row.schedule)))
        bounds = (row.minimum or charge.minimum, row.cap or charge.cap)
        found.append((form, *(None if bound is None else (bound.amount, bound.prorated) for bound in bounds)))
    return tuple(found)


def each_query(
    charges: Mapping[int, Charge],
    events: EventColumns,
    times: Times,
    lookup: Lookup,
    combinations: Combinations,
    *,
    name: str,
    shares: Sequence[str] = (),
) -> EachQuery:
    """The query of charges of one shape, by version. `combinations` are rows of `lookup.keys_sql` or `lookup.closed`.

    Tables that it makes begin with `name`; `shares` are windows of which the quantity inside is asked, as SQL. Raises
    `UnfitError` where no statement could be rated this way.
    """
    if len({shape_of(charge) for charge in charges.values()}) > 1:
        raise ValueError("the charges of one query have the same shape")
    source = next(iter(charges.values())).source
    assert isinstance(source, OfEach)
    cuts = None
    if source.lasting and lookup.windows:
        cuts = cuts_of(lookup.windows, times.windows, times.reach, times.zone)
        combinations = lookup.at_windows(combinations, sorted(set(cuts.windows_open)))
    rules, ruled = _rules(charges, lookup, lookup.answers(combinations))
    if not rules and lookup.is_constant:
        raise UnfitError("a charge for each event, whose price depends on more than the event")
    # Events that nothing prices, if there are any, find no rule and take the scalar road.
    rules = rules or (_NOTHING,)
    high = fitting_high(source, events)
    while True:
        try:
            return write(Writing(source, events, lookup, rules, ruled, cuts, high, name, tuple(shares)))
        except TooLargeError:
            if not high:
                raise UnfitError("a charge for each event, whose amounts have more than 38 digits") from None
            high //= _SMALLER


def _rules(
    charges: Mapping[int, Charge], lookup: Lookup, answers: Iterable[Answer]
) -> tuple[tuple[Rule, ...], tuple[tuple[Answer, int], ...]]:
    """The different rules of all rows, and which of them decides each answer that has a price."""
    by_variant: dict[int, Charge] = {}
    for version, charge in charges.items():
        by_variant.setdefault(lookup.variants[version], charge)
    numbers: dict[Hashable, int] = {}
    rules: list[Rule] = []
    found = []
    for answer in answers:
        if answer.row is None:
            continue
        charge = by_variant[answer.variant]
        try:
            price = price_of(charge, charge.rows[answer.row])
        except UnfitError:
            continue
        form = (form_of(price), charge.free_events, charge.free_quantity)
        if form not in numbers:
            numbers[form] = len(rules)
            rules.append(Rule(price, charge.free_events, Fraction(charge.free_quantity)))
        found.append((answer, numbers[form]))
    return tuple(rules), tuple(found)
