"""What changed in the versions of a plan or contract."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from ....diagnostics import Span
from ....money import MoneyUnit
from ...condition import Condition
from ...derivation import Place
from ...plan import Bound, Fee, Include, OfAmount, OfAttribute, OfEach, OfMeter, PlanBound, Source
from ..model import Charge, Plan
from .comparison import Change, Kind
from .effects import ChargePair, PlanPair
from .meaning import same
from .prices import Priced, change_of, in_unit, priced_stretches
from .rows import Table, pair_rows
from .sides import Pairing, Side, Version, VersionPair
from .things import Shown, Things, changed_things, with_difference
from .wording import billing_text, dates_text, heading, ladder_text

T = TypeVar("T")
_OF_ROWS = frozenset({"rows", "columns", "declared", "may_lack", "first_match"})


@dataclass(frozen=True, slots=True)
class PlanChanges:
    """What changed from one version to another: changes, price changes with their charges, and the pair itself."""

    title: str
    versions: VersionPair
    changes: tuple[Change, ...]
    prices: tuple[tuple[Priced, ChargePair], ...]
    pair: PlanPair


def changes_of_plan(old: Side, new: Side, versions: VersionPair) -> PlanChanges:
    """The changes between two versions that are both there."""
    assert versions.old is not None and versions.new is not None, "both versions are there"
    before, after = versions.old.model, versions.new.model
    title = heading(after)
    money = new.program.money
    charges = _charge_pairs(versions.old, versions.new)
    changes = [*_of_version(versions, title), *_of_items(old, new, before, after, title)]
    prices: list[tuple[Priced, ChargePair]] = []
    for pair in charges.values():
        own = list(_of_charge(pair, title, money))
        found = [(item, pair) for item in priced_stretches(pair.new, pair.rows, money)]
        prices.extend(found)
        own.extend(change_of(item, pair.new, title, money) for item, _ in found)
        if not own and _says_otherwise(pair):
            # Nothing that means something else may pass unsaid, in words or not.
            own.append(_as_written(old, new, pair, title))
        changes.extend(own)
    return PlanChanges(title, versions, tuple(changes), tuple(prices), PlanPair(before, after, charges))


def _says_otherwise(pair: ChargePair) -> bool:
    """Whether the charges differ in something besides their rows, whose prices have been compared one by one."""
    return not same(pair.old, pair.new, _OF_ROWS) or (
        any(not same(item.old, item.new, frozenset({"keys"})) for item in pair.rows)
    )


def _as_written(old: Side, new: Side, pair: ChargePair, title: str) -> Change:
    texts = old.text(pair.old.place), new.text(pair.new.place)
    spans = pair.old.span, pair.new.span
    return Change(Kind.CHANGED, "charge", pair.new.name, title, "", 0, "", *texts, "", None, *spans)


def _charge_pairs(old: Version, new: Version) -> Mapping[str, ChargePair]:
    """The charges of one name in both versions that do not mean the same, or whose included units may differ."""
    found: dict[str, ChargePair] = {}
    includes_same = _includes(old.model) == _includes(new.model)
    for charge in new.model.charges:
        before = old.charge(charge.name)
        if before is None or (includes_same and same(before, charge) and same(old.model.bounds, new.model.bounds)):
            continue
        earlier = in_unit(before, charge.unit)
        rows = pair_rows(Table(earlier, old.priced(charge.name).tree), new.table(charge.name))
        found[charge.name] = ChargePair(earlier, charge, rows)
    return found


def _includes(plan: Plan) -> list[tuple[str, object, object]]:
    return [(item.meter, item.quantity, item.every) for item in plan.includes]


def _of_version(versions: VersionPair, title: str) -> Iterator[Change]:
    assert versions.old is not None and versions.new is not None, "both versions are there"
    before, after = versions.old.model, versions.new.model
    spans = (before.span, after.span)
    if versions.pairing is Pairing.SUCCESSOR:
        note = f"compared with the version {dates_text(before)}"
        yield Change(Kind.ADDED, "version", after.name, title, new=dates_text(after), new_span=after.span, note=note)
    elif (before.start, before.end) != (after.start, after.end):
        yield Change(
            Kind.CHANGED, "dates", after.name, title, "", 0, "", dates_text(before), dates_text(after), "", None, *spans
        )
    if before.billing != after.billing:
        old, new = billing_text(before.billing), billing_text(after.billing)
        yield Change(Kind.CHANGED, "billing", after.name, title, "", 0, "", old, new, "", None, *spans)
    if before.dated_by_usage is not after.dated_by_usage:
        old, new = (f"dated by {'usage' if plan.dated_by_usage else 'period'}" for plan in (before, after))
        yield Change(Kind.CHANGED, "clock", after.name, title, "", 0, "", old, new, "", None, *spans)
    if before.labels != after.labels:
        old, new = before.labels.default, after.labels.default
        yield Change(Kind.CHANGED, "label", after.name, title, "", 0, "", old, new, "", None, *spans)
    if before.lineage != after.lineage:
        old, new = before.lineage[-1], after.lineage[-1]
        yield Change(Kind.CHANGED, "plan it extends", after.name, title, "", 0, "", old, new, "", None, *spans)


def _of_items(old: Side, new: Side, before: Plan, after: Plan, title: str) -> Iterator[Change]:
    money = new.program.money

    def by_place(side: Side) -> Callable[[Fee | Include | PlanBound], Shown]:
        def show(item: Fee | Include | PlanBound) -> Shown:
            place = item.bound.place if isinstance(item, PlanBound) else item.place
            return Shown(side.text(place), _span(place))

        return show

    show = by_place(old), by_place(new)
    yield from _added_charges(old, new, before, after, title)
    yield from _labels(before, after, title)
    fees = _named(before.fees), _named(after.fees)
    yield from changed_things(Things("fee", title), *fees, *show, money)
    includes = _by_meter(before), _by_meter(after)
    yield from changed_things(Things("included", title), *includes, *show, money)
    bounds = _bounds(before), _bounds(after)
    yield from changed_things(Things("bound", title), *bounds, *show, money)


def _named(items: tuple[T, ...]) -> dict[str, T]:
    return {item.name: item for item in items}  # type: ignore[attr-defined]


def _by_meter(plan: Plan) -> dict[str, Include]:
    found: dict[str, Include] = {}
    for item in plan.includes:
        number = sum(other.meter == item.meter for other in found.values())
        found[item.meter if not number else f"{item.meter} ({number + 1})"] = item
    return found


def _bounds(plan: Plan) -> dict[str, PlanBound]:
    return {" of ".join(filter(None, (item.kind.value, ", ".join(item.lines)))): item for item in plan.bounds}


def _added_charges(old: Side, new: Side, before: Plan, after: Plan, title: str) -> Iterator[Change]:
    def show(side: Side) -> Callable[[Charge], Shown]:
        return lambda charge: Shown(side.text(charge.place), charge.span)

    both = {charge.name for charge in before.charges} & {charge.name for charge in after.charges}
    # What is on both sides is compared price by price.
    olds, news = (
        {charge.name: charge for charge in plan.charges if charge.name not in both} for plan in (before, after)
    )
    yield from changed_things(Things("charge", title), olds, news, show(old), show(new), new.program.money)


def _labels(before: Plan, after: Plan, title: str) -> Iterator[Change]:
    """Lines that are called otherwise on a bill."""
    lines: tuple[list[Charge | Fee], ...] = tuple([*plan.charges, *plan.fees] for plan in (before, after))
    olds = {item.name: item for item in lines[0]}
    for item in lines[1]:
        old = olds.get(item.name)
        if old is not None and old.labels != item.labels:
            texts = old.labels.default, item.labels.default
            yield Change(
                Kind.CHANGED,
                "label",
                item.name,
                title,
                old=texts[0],
                new=texts[1],
                new_span=_span(item.place),
                note="" if texts[0] != texts[1] else "in another language",
            )


def _of_charge(pair: ChargePair, title: str, money: MoneyUnit) -> Iterator[Change]:
    """What is not a price: what is counted, how bands are read, what a row is chosen by, conditions, bounds."""
    old, new = pair.old, pair.new

    def change(what: str, before: str, after: str) -> Change:
        kind = Kind.ADDED if not before else Kind.REMOVED if not after else Kind.CHANGED
        return Change(kind, what, new.name, title, old=before, new=after, old_span=old.span, new_span=new.span)

    if not same(old.source, new.source):
        yield change("source", source_text(old.source), source_text(new.source))
    if old.unit != new.unit:
        yield change("unit", old.unit_text or "number", new.unit_text or "number")
    if old.mode is not new.mode:
        ladders = tuple(f"{charge.mode.value}: {ladder_text(charge.rows[0].bands)}" for charge in (old, new))
        yield change("mode", *ladders)
    if [(item.kind, item.name) for item in old.columns] != [(item.kind, item.name) for item in new.columns]:
        yield change("by", _columns(old), _columns(new))
    if _ladder_words(old) != _ladder_words(new):
        yield change("ladder", _ladder_words(old), _ladder_words(new))
    if not same(old.when, new.when):
        yield change("condition", conditions_text(old.when), conditions_text(new.when))
    if not same((old.free_events, old.free_quantity), (new.free_events, new.free_quantity)):
        yield change("included", old.free_text, new.free_text)
    if not same(old.round_event, new.round_event):
        yield change("rounding of each event", _rounding(old), _rounding(new))
    for what, before, after in (
        ("minimum", old.minimum, new.minimum),
        ("cap", old.cap, new.cap),
        ("minimum per period", old.period_minimum, new.period_minimum),
        ("cap per period", old.period_cap, new.period_cap),
    ):
        if not same(before, after):
            found = change(what, _bound(before), _bound(after))
            yield found if before is None or after is None else with_difference(found, before, after, money)
    if old.bounds_per_row is not new.bounds_per_row and (new.minimum or new.cap) and (old.minimum or old.cap):
        yield change("bound", _per(old), _per(new))
    yield from _row_bounds(pair, title, money)


def _row_bounds(pair: ChargePair, title: str, money: MoneyUnit) -> Iterator[Change]:
    for rows in pair.rows:
        if rows.old is None or rows.new is None:
            continue
        for what, before, after in (
            ("minimum", rows.old.minimum, rows.new.minimum),
            ("cap", rows.old.cap, rows.new.cap),
        ):
            if same(before, after):
                continue
            kind = Kind.ADDED if before is None else Kind.REMOVED if after is None else Kind.CHANGED
            found = Change(
                kind,
                what,
                pair.new.name,
                title,
                rows.where,
                rows.count,
                old=_bound(before),
                new=_bound(after),
                old_span=rows.old.span,
                new_span=rows.new.span,
            )
            yield found if before is None or after is None else with_difference(found, before, after, money)


def _ladder_words(charge: Charge) -> str:
    """How a ladder is shared, how long it runs, and whether it is priced day by day."""
    words = [item.value for item in (charge.pooling, charge.counted) if item is not None]
    return ", ".join([*words, *(["prorated by day"] if charge.prorated else [])])


def _per(charge: Charge) -> str:
    return "per row" if charge.bounds_per_row else "of all rows"


def _bound(bound: Bound | None) -> str:
    return "" if bound is None else bound.text


def _rounding(charge: Charge) -> str:
    rounding = charge.round_event
    return "" if rounding is None else f"to {rounding.size} {rounding.mode.value}"


def _columns(charge: Charge) -> str:
    return ", ".join(column.name for column in charge.columns) or "nothing"


def conditions_text(conditions: tuple[Condition, ...]) -> str:
    """`when` lines on one line."""
    return "; ".join(condition.text for condition in conditions)


def source_text(source: Source) -> str:
    """What a charge is a price on."""
    match source:
        case OfMeter(meter):
            return f"meter {meter}"
        case OfAttribute(attribute):
            return f"account.{attribute}"
        case OfAmount(lines):
            return f"amount of {', '.join(lines)}"
        case OfEach(event, name):
            where = f" where {source.where.text}" if source.where is not None else ""
            return f"each {event}{f'.{name}' if name else ''}{where}"


def _span(place: Place) -> Span:
    return Span(place.file, place.start, place.end)


def shared(found: list[PlanChanges]) -> list[PlanChanges]:
    """The same with each change said once: a contract that took over a line of its plan is named beside it."""
    first: dict[object, tuple[int, int]] = {}
    result: list[list[Change]] = []
    for index, item in enumerate(found):
        own: list[Change] = []
        result.append(own)
        for change in item.changes:
            key = _place_of(change)
            known = first.get(key) if key is not None else None
            if known is None or known[0] == index:
                if key is not None:
                    first.setdefault(key, (index, len(own)))
                own.append(change)
                continue
            there, position = known
            earlier = result[there][position]
            result[there][position] = replace(earlier, also=tuple(dict.fromkeys((*earlier.also, item.title))))
    return [replace(item, changes=tuple(changes)) for item, changes in zip(found, result, strict=True)]


def _place_of(change: Change) -> object:
    """What two changes have in common that come from the same two places of the texts."""
    if change.what in ("dates", "version", "billing", "plan it extends") or change.new_span is None:
        return None
    return (change.what, change.name, change.usage, change.where, change.old_span, change.new_span)
