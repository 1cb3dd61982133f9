"""One ladder: what each combination of a charge pays for its part of it, alone or with all others.

In row order and in time order combinations take turns on a ladder, each at the prices of its own row; by share each
pays its share of what the whole costs at its row's prices. Who starts a band or a step pays for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from ..derivation import Role, difference, given, product, total
from ..plan import Charge, OfMeter, Pooling
from ..schedule import Mode, Schedule
from .counting import Section
from .meter import number_of
from .situation import Group, Readings
from .slices import Climb, Parts, Portion, climbed, plain, settle

NOTHING = Fraction(0)


@dataclass(frozen=True, slots=True)
class Turn:
    """A quantity that a combination (its number in the order of lines) puts on a shared ladder next."""

    group: int
    size: Fraction


def priced_section(
    charge: Charge, readings: Readings, groups: Sequence[Group], section: Section, *, sole: bool = True
) -> list[Parts]:
    """For each combination what its part of a section costs. Raises `Refused` for refused usage.

    Where a section is not the `sole` one of its period, a combination without usage in it is not on its ladder.
    """
    if charge.columns and not sole and not any(section.sizes):
        return [Parts() for _ in groups]
    match charge.pooling:
        case None:
            note = "" if sole else section.dates
            return [
                _on_own_ladder(charge, readings, group, size, before, entered=entered, note=note)
                if size or sole or not charge.columns
                else Parts()
                for group, size, before, entered in zip(
                    groups, section.sizes, section.before, section.entered, strict=True
                )
            ]
        case Pooling.SHARE:
            return _by_share(charge, readings, groups, section, note="" if sole else section.dates)
        case Pooling.ROW_ORDER:
            turns = [Turn(number, size) for number, size in enumerate(section.sizes)]
            return _by_turns(charge, readings, groups, section, turns, note="" if sole else section.dates)
        case Pooling.TIME_ORDER:
            turns = list(_turns_in_time(charge, readings, groups, section))
            return _by_turns(charge, readings, groups, section, turns, note="" if sole else section.dates)


def _on_own_ladder(
    charge: Charge,
    readings: Readings,
    group: Group,
    size: Fraction,
    before: Fraction,
    *,
    entered: bool,
    note: str,
) -> Parts:
    schedule = settle(charge.rows[group.row].schedule, readings)
    if not entered or schedule.mode is Mode.GRADUATED:
        note = _noted(note, _on_it_before(charge, before))
        return climbed(
            readings.situation, charge, group.row, schedule, [Climb(before, before + size, entered)], note=note
        )
    return _difference(charge, readings, group.row, schedule, size, before)


def _difference(
    charge: Charge, readings: Readings, row: int, schedule: Schedule, size: Fraction, before: Fraction
) -> Parts:
    """On a ladder whose band is that of the whole: the price of all to date, less that of what went before."""
    money = readings.situation.program.money.currency.code
    prices = []
    for quantity, words in ((before + size, "to date"), (before, "before this bill")):
        # What went before was priced, and heard, on its own bill.
        situation = readings.situation if words == "to date" else replace(readings.situation, observer=None)
        parts = climbed(situation, charge, row, schedule, [Climb(NOTHING, quantity)], note=words)
        label = f"price of {plain(quantity)} {charge.unit}".rstrip() + f" {words}"
        prices.append(total(Role.AMOUNT, parts.steps, label, money))
    step = difference(Role.AMOUNT, (prices[0], prices[1]), unit=money)
    return Parts((step,), (Portion(size, step.value / size),) if size else ())


def _by_share(
    charge: Charge, readings: Readings, groups: Sequence[Group], section: Section, *, note: str
) -> list[Parts]:
    """Each combination's share of what the whole costs at its row's prices; without usage, the first pays it."""
    money = readings.situation.program.money.currency.code
    whole = sum(section.sizes, NOTHING)
    of_row: dict[int, Parts] = {}
    found: list[Parts] = []
    for number, (group, size) in enumerate(zip(groups, section.sizes, strict=True)):
        if size == 0 and (whole or number):
            found.append(Parts())
            continue
        if group.row not in of_row:
            of_row[group.row] = _on_own_ladder(
                charge, readings, group, whole, section.pooled_before, entered=section.pooled_entered, note=note
            )
        priced = of_row[group.row]
        if size == whole:
            found.append(priced)
            continue
        sum_label = f"price of {plain(whole)} {charge.unit}".rstrip() + " together"
        share = given(Role.TERM, size / whole, f"{plain(size)} of {plain(whole)} {charge.unit}".rstrip())
        step = product(Role.BAND, (total(Role.AMOUNT, priced.steps, sum_label, money), share), "its share", money)
        portions = tuple(Portion(item.quantity * size / whole, item.unit_price) for item in priced.portions)
        found.append(Parts((step,), portions))
    return found


def _by_turns(
    charge: Charge,
    readings: Readings,
    groups: Sequence[Group],
    section: Section,
    turns: Sequence[Turn],
    *,
    note: str,
) -> list[Parts]:
    """Each turn goes on where the one before it ended. The first that has something to price enters the ladder."""
    taken = [turn for turn in turns if turn.size > 0] or [
        Turn(number, NOTHING) for number in range(min(len(groups), 1))
    ]
    climbs: dict[int, list[Climb]] = {}
    position = section.pooled_before
    resumed = section.pooled_entered
    last = -1
    for turn in taken:
        own = climbs.setdefault(turn.group, [])
        if own and last == turn.group:
            own[-1] = Climb(own[-1].start, position + turn.size, own[-1].resumed)
        else:
            own.append(Climb(position, position + turn.size, resumed))
        position, resumed, last = position + turn.size, True, turn.group
    found: list[Parts] = []
    for number, group in enumerate(groups):
        own = climbs.get(number, [])
        schedule = settle(charge.rows[group.row].schedule, readings)
        where = f"in {len(own)} turns" if len(own) > 1 else _on_it_before(charge, own[0].start) if own else ""
        parts = climbed(readings.situation, charge, group.row, schedule, own, position, note=_noted(note, where))
        found.append(parts)
    return found


def _on_it_before(charge: Charge, quantity: Fraction) -> str:
    return f"{plain(quantity)} {charge.unit}".rstrip() + " on the ladder before" if quantity else ""


def _noted(*notes: str) -> str:
    return ", ".join(filter(None, notes))


def _turns_in_time(charge: Charge, readings: Readings, groups: Sequence[Group], section: Section) -> Iterator[Turn]:
    """What each event adds, in order of time; what is included comes off a combination's earliest usage."""
    situation = readings.situation
    assert isinstance(charge.source, OfMeter)
    period = section.days.period(situation.zone)
    number_of_key = {group.key: number for number, group in enumerate(groups)}
    found: list[tuple[object, int, Fraction]] = []
    for at, (event, sample) in enumerate(readings.samples(situation.program.meters[charge.source.meter])):
        if period.contains(event.time):
            size = Fraction(1) if sample.value is None else number_of(sample.value)
            size *= situation.program.meters[charge.source.meter].factor
            found.append(((event.time, 0, at), number_of_key[readings.key_of(charge, event)], size))
    used = sum(size > 0 for size in section.sizes)
    for item in readings.quantities(charge.source.meter):
        key = number_of_key[readings.key_of_quantity(charge, item)]
        if item.time is None and used > 1 and item.quantity:
            raise situation.refuse(
                "RB4005",
                f"a quantity of {item.meter} has no time, and charge {charge.name} is priced in order of time",
                "give the quantity a time",
            )
        order = situation.covered.start if item.time is None else item.time
        if period.contains(order):
            found.append(((order, 1, key, item.quantity), key, item.quantity))
    spent = dict(enumerate(section.sizes))
    freed = dict.fromkeys(spent, NOTHING)
    for _, number, size in found:
        freed[number] += size
        if size < 0:
            raise situation.refuse(
                "RB4010",
                f"an event of {charge.source.meter} counts {plain(size)}, and charge {charge.name} is priced in order "
                "of time: what it takes back has no price of its own",
                "correct the event that counted too much",
                "write `pooled in row order`, or `pooled by share`",
            )
    freed = {number: whole - spent[number] for number, whole in freed.items()}
    for _, number, size in sorted(found, key=lambda item: item[0]):  # type: ignore[arg-type,return-value]
        taken = min(freed[number], size)
        freed[number] -= taken
        if size > taken:
            yield Turn(number, size - taken)
