"""How each meter of a plan is kept while a period runs: as counts, as the events that decide it, or as all its events.

Counts are exact where events add up. Where one event decides (the greatest, the latest), that event is kept for each
combination of what rules tell apart. Where the order of events or all of them matter, all are kept, and read again for
each price: `Kept.reason` says why.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator, Sequence

from ....records import Record
from ...condition import Condition, UsageOf, operands
from ...dispatch import Branch, Tree, below
from ...plan import (
    AddPerUnit,
    Aggregation,
    Charge,
    ColumnKind,
    LevelKind,
    Meter,
    OfEach,
    OfMeter,
    PercentOff,
    Plan,
    Pooling,
    Program,
    UnitsFree,
)


class Keep(enum.Enum):
    """What is kept of the events that a meter counts."""

    COUNTS = "counts"
    DECIDING = "deciding events"
    ALL = "all events"


class Kept(Record):
    """How a meter is kept, and what tells its events apart: values of `fields`, and the `windows` that hold them.

    `with_history` says that earlier billing periods are read too, for ladders and included units that reach back.
    """

    meter: Meter
    keep: Keep
    fields: tuple[str, ...]
    windows: tuple[str, ...]
    with_history: bool
    reason: str = ""


def kept_meters(program: Program, versions: Sequence[Plan]) -> tuple[Kept, ...]:
    """How the meters that some versions of a plan read are kept."""
    return tuple(
        _kept(program.meters[name], versions) for name in sorted(set(_read(versions))) if name in program.meters
    )


def _kept(meter: Meter, versions: Sequence[Plan]) -> Kept:
    charges = [
        charge
        for plan in versions
        for charge in plan.charges
        if isinstance(charge.source, OfMeter) and charge.source.meter == meter.name
    ]
    fields = dict.fromkeys(
        column.name for charge in charges for column in charge.columns if column.kind is ColumnKind.FIELD
    )
    windows = dict.fromkeys([*(name for charge in charges for name in windows_of(charge.tree)), *_during(versions)])
    renewed = any(item.meter == meter.name and item.every is not None for plan in versions for item in plan.includes)
    with_history = renewed or any(charge.counted is not None for charge in charges)
    keep, reason = _way(meter, charges)
    return Kept(meter, keep, tuple(fields), tuple(windows), with_history, reason)


def _way(meter: Meter, charges: Iterable[Charge]) -> tuple[Keep, str]:
    if any(charge.pooling is Pooling.TIME_ORDER for charge in charges):
        return Keep.ALL, f"{meter.name} is priced in order of time"
    if meter.level is not None:
        return Keep.ALL, f"{meter.name} is a level, which lasts until the next event"
    if meter.interval is not None:
        return Keep.ALL, f"{meter.name} looks at every interval of the period"
    match meter.aggregation:
        case Aggregation.COUNT | Aggregation.SUM:
            return Keep.COUNTS, ""
        case Aggregation.MAXIMUM | Aggregation.MINIMUM | Aggregation.LATEST:
            return Keep.DECIDING, ""
        case Aggregation.UNIQUE:
            return Keep.DECIDING, f"{meter.name} counts different values"
        case _:
            return Keep.ALL, f"{meter.name} is {meter.aggregation.value} of all events"


def decides_before(meter: Meter) -> bool:
    """Whether of the events before a period only the latest of each series decides: what a level was when it began."""
    return meter.level is LevelKind.LEVEL


def obstacle_to_sums(charge: Charge) -> str:
    """Why the events of an `each` charge cannot be priced once for all and added up; empty where they can."""
    if charge.free_events or charge.free_quantity:
        return f"{charge.name} includes what comes first in the period"
    if charge.when:
        return f"{charge.name} has conditions"
    if any(
        band.width_per is not None and band.width_per.meter is not None
        for row in charge.rows
        for band in row.schedule.bands
    ):
        return f"a width of {charge.name} depends on a meter"
    return ""


def each_windows(versions: Sequence[Plan]) -> tuple[str, ...]:
    """The windows that policies ask of the events of `each` charges."""
    return tuple(dict.fromkeys(_during(versions)))


def each_charges(plan: Plan) -> Iterator[Charge]:
    """The charges of a plan that price every event on its own."""
    return (charge for charge in plan.charges if isinstance(charge.source, OfEach))


def windows_of(tree: Tree) -> set[str]:
    """The windows that a table names."""
    found = {name for name, _ in tree.windows} if isinstance(tree, Branch) else set()
    return found.union(*(windows_of(part) for part in below(tree)))


def _during(versions: Sequence[Plan]) -> Iterator[str]:
    for plan in versions:
        for policy in plan.policies:
            if isinstance(policy.effect, PercentOff) and policy.effect.during is not None:
                yield policy.effect.during


def _read(versions: Sequence[Plan]) -> Iterator[str]:
    """The names of the meters that some rule of the plan reads."""
    for plan in versions:
        yield from (include.meter for include in plan.includes)
        rules: list[tuple[Condition, ...]] = [fee.when for fee in plan.fees]
        for charge in plan.charges:
            if isinstance(charge.source, OfMeter):
                yield charge.source.meter
            rules.append(charge.when)
            for row in charge.rows:
                for band in row.schedule.bands:
                    if band.width_per is not None and band.width_per.meter is not None:
                        yield band.width_per.meter
        for policy in plan.policies:
            rules.append(policy.when)
            if isinstance(policy.effect, AddPerUnit | UnitsFree) and policy.effect.meter is not None:
                yield policy.effect.meter
        rules.extend(tax.when for tax in plan.taxes)
        for conditions in rules:
            for condition in conditions:
                yield from (item.meter for item in operands(condition) if isinstance(item, UsageOf))
