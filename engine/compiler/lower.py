"""Model to plan: prices to schedules over integers, tables to decision trees, policies to the plans they touch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction
from math import lcm
from zoneinfo import ZoneInfo

from ...diagnostics import Diagnostic, Source, Span
from .. import plan as operations
from .. import schedule
from ..derivation import Place
from ..dispatch import Tree
from ..plan import ColumnKind, Policy, Program, Targets, Tax
from ..schedule import Mode, Schedule
from .model import Band, Charge, Plan, PolicyModel, Ruleset
from .times import Times
from .tree import build_tree

_EPOCH = date(2024, 1, 1)


@dataclass(frozen=True, slots=True)
class Trees:
    """The decision tree of every charge, by plan version and name, and what building them found."""

    by_charge: Mapping[tuple[str, date | None, str], Tree]
    findings: tuple[Diagnostic, ...]


def build_trees(ruleset: Ruleset) -> Trees:
    """The decision trees of a ruleset. A table that several contracts share is reported once."""
    zone = ZoneInfo(ruleset.zone)
    times: dict[date, Times] = {}
    trees: dict[tuple[str, date | None, str], Tree] = {}
    built: dict[tuple[object, ...], Tree] = {}
    findings: dict[Diagnostic, None] = {}
    for plan in ruleset.plans:
        since = plan.start or _EPOCH
        for charge in plan.charges:
            # A contract has the very rows of what it extends; only prices by time depend on when they begin.
            by_time = any(column.kind is ColumnKind.TIME for column in charge.columns)
            key = (id(charge.rows), charge.name, charge.first_match, charge.columns, since if by_time else None)
            if key not in built:
                if since not in times:
                    times[since] = Times(ruleset.windows, zone, since)
                built[key], found = build_tree(charge, times[since])
                findings.update(dict.fromkeys(found))
            trees[plan.name, plan.start, charge.name] = built[key]
    return Trees(trees, tuple(findings))


def lower(ruleset: Ruleset, trees: Trees, content_hash: str, sources: Mapping[str, Source]) -> Program:
    """The program of a ruleset without errors."""
    plans: dict[str, list[operations.Plan]] = {}
    policies = PoliciesByPlan(ruleset)
    for plan in ruleset.plans:
        plans.setdefault(plan.name, []).append(_plan(ruleset, plan, policies, trees, sources))
    return Program(
        name=ruleset.name,
        labels=ruleset.labels,
        hash=content_hash,
        zone=ruleset.zone,
        money=ruleset.money,
        line_rounding=ruleset.line_rounding,
        total_rounding=ruleset.total_rounding,
        total_rounding_place=ruleset.total_rounding_place,
        schema=ruleset.schema,
        meters=ruleset.meters,
        windows=ruleset.windows,
        plans={name: tuple(versions) for name, versions in plans.items()},
        cards=ruleset.cards,
        combinations=ruleset.combinations,
    )


def _plan(
    ruleset: Ruleset, plan: Plan, policies: PoliciesByPlan, trees: Trees, sources: Mapping[str, Source]
) -> operations.Plan:
    return operations.Plan(
        name=plan.name,
        labels=plan.labels,
        place=plan.place,
        start=plan.start,
        end=plan.end,
        billing=plan.billing,
        charges=tuple(
            _charge(charge, trees.by_charge[plan.name, plan.start, charge.name], sources) for charge in plan.charges
        ),
        fees=plan.fees,
        includes=plan.includes,
        bounds=plan.bounds,
        policies=tuple(_narrowed(item.policy, plan) for item in policies.of(plan)),
        taxes=tuple(_narrowed_tax(item.tax, plan) for item in ruleset.taxes if concerns(item.plans, plan)),
        dated_by_usage=plan.dated_by_usage,
    )


def concerns(plans: Sequence[str], plan: Plan) -> bool:
    """Whether a policy for these plans (none means all) is for this one or what it extends."""
    return not plans or any(name in plans for name in plan.lineage)


class PoliciesByPlan:
    """The policies of a ruleset by the plans that they are for, so that many plans do not ask each of many policies."""

    def __init__(self, ruleset: Ruleset) -> None:
        self._removed = ruleset.removed
        self._named: dict[str, list[tuple[int, PolicyModel]]] = {}
        self._general: list[tuple[int, PolicyModel]] = []
        for place in enumerate(ruleset.policies):
            for name in place[1].plans:
                self._named.setdefault(name, []).append(place)
            if not place[1].plans:
                self._general.append(place)

    def of(self, plan: Plan) -> list[PolicyModel]:
        """The policies that concern a plan, as written, without those that a contract removes."""
        gone = frozenset[str]().union(*(self._removed.get(name, frozenset()) for name in plan.lineage))
        found = dict(self._general)
        for name in plan.lineage:
            found.update(self._named.get(name, ()))
        return [found[place] for place in sorted(found) if found[place].policy.name not in gone]


def policies_of(ruleset: Ruleset, plan: Plan) -> list[PolicyModel]:
    """The policies that concern one plan; for many plans `PoliciesByPlan` is asked."""
    return [item for item in ruleset.policies if _holds_for(ruleset, item, plan)]


def plans_of(ruleset: Ruleset, item: PolicyModel) -> list[Plan]:
    """The plans, version by version, that a policy concerns."""
    return [plan for plan in ruleset.plans if _holds_for(ruleset, item, plan)]


def _holds_for(ruleset: Ruleset, item: PolicyModel, plan: Plan) -> bool:
    return concerns(item.plans, plan) and not any(
        item.policy.name in ruleset.removed[name] for name in plan.lineage if name in ruleset.removed
    )


def _targets(targets: Targets, plan: Plan) -> Targets:
    own = plan.line_names
    names = tuple(name for name in targets.names if name in own)
    return targets if names == targets.names else replace(targets, names=names)


def _narrowed(policy: Policy, plan: Plan) -> Policy:
    targets = _targets(policy.targets, plan)
    return policy if targets is policy.targets else replace(policy, targets=targets)


def _narrowed_tax(tax: Tax, plan: Plan) -> Tax:
    targets = _targets(tax.targets, plan)
    return tax if targets is tax.targets else replace(tax, targets=targets)


def _charge(charge: Charge, tree: Tree, sources: Mapping[str, Source]) -> operations.Charge:
    return operations.Charge(
        name=charge.name,
        labels=charge.labels,
        place=charge.place,
        text=charge.text,
        source=charge.source,
        unit=charge.unit_text,
        columns=charge.columns,
        tree=tree,
        pooling=charge.pooling,
        counted=charge.counted,
        prorated=charge.prorated,
        rows=_rows(charge, sources),
        bounds_per_row=charge.bounds_per_row,
        minimum=charge.minimum,
        cap=charge.cap,
        period_minimum=charge.period_minimum,
        period_cap=charge.period_cap,
        free_events=charge.free_events,
        free_quantity=charge.free_quantity,
        free_text=charge.free_text,
        round_event=charge.round_event,
        when=charge.when,
        because=charge.because,
        citation=charge.citation,
    )


def _rows(charge: Charge, sources: Mapping[str, Source]) -> tuple[operations.Row, ...]:
    """The rows with their schedules; rows that share their bands share the schedule."""
    schedules = {id(row.bands): row.bands for row in charge.rows}
    made = {key: schedule_of(charge.mode, bands) for key, bands in schedules.items()}
    return tuple(
        operations.Row(
            made[id(row.bands)],
            _place(row.span, sources) if charge.columns else charge.place,
            row.minimum,
            row.cap,
        )
        for row in charge.rows
    )


def _place(span: Span, sources: Mapping[str, Source]) -> Place:
    return Place(span.file, sources[span.file].position(span.start)[0], span.start, span.end)


def schedule_of(mode: Mode, bands: Sequence[Band]) -> Schedule:
    """Bands over the coarsest integers that hold every bound, rate and amount exactly."""
    quantity_scale = lcm(
        *(band.upper.denominator for band in bands if band.upper is not None),
        *(band.price.step.denominator for band in bands if band.price.step is not None),
    )
    rates = [_rate(band, quantity_scale) for band in bands]
    money_scale = lcm(*(rate.denominator for rate in rates), *(band.price.once.denominator for band in bands))
    return Schedule(
        mode,
        tuple(_band(band, rate, quantity_scale, money_scale) for band, rate in zip(bands, rates, strict=True)),
        quantity_scale,
        money_scale,
    )


def _rate(band: Band, quantity_scale: int) -> Fraction:
    """Money for one integer of quantity, or for one started step."""
    return band.price.rate / quantity_scale if band.price.step is None and quantity_scale != 1 else band.price.rate


def _whole(number: Fraction, scale: int) -> int:
    """A number as an integer over a scale that is a multiple of its denominator."""
    return number.numerator * (scale // number.denominator)


def _band(band: Band, rate: Fraction, quantity_scale: int, money_scale: int) -> schedule.Band:
    price = band.price
    return schedule.Band(
        upper=None if band.upper is None else _whole(band.upper, quantity_scale),
        inclusive=band.inclusive,
        rate=_whole(rate, money_scale),
        step=None if price.step is None else _whole(price.step, quantity_scale),
        once=_whole(price.once, money_scale),
        if_used=price.if_used,
        refused=price.refused,
        width_per=band.width_per,
        prorated=band.prorated,
        head=band.head,
        text=price.text,
        once_text=price.once_text,
    )
