"""What of a plan the checker has read. A part that learns a new field is not decided until the field is known here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields
from functools import cache
from types import MappingProxyType
from typing import Any

from ... import plan as operations
from ... import schedule


class Unmodelled(Exception):  # noqa: N818 - an honest answer, not an error
    """Something whose amounts the checker does not follow; the reason is said in business words."""


class Unrated(Exception):  # noqa: N818
    """Facts for which rating gives no statement, so that nothing is claimed of them."""


_KNOWN: Mapping[type, str] = MappingProxyType(
    {
        operations.Plan: "name labels place start end billing charges fees includes bounds policies taxes",
        operations.Meter: "name labels unit event aggregation place text field factor rank where level per interval "
        "by_day rounding each_rounding each_minimum",
        operations.Charge: "name labels place text source unit columns tree rows bounds_per_row minimum cap "
        "period_minimum period_cap free_events free_quantity free_text round_event when because citation",
        operations.Column: "kind name values",
        operations.Row: "schedule place minimum cap",
        operations.Bound: "amount text place because source",
        operations.OfMeter: "meter",
        operations.OfAttribute: "attribute factor",
        operations.OfAmount: "lines",
        operations.OfEach: "event field factor where lasting length seconds",
        operations.Fee: "name labels place text amount every calendar in_advance proration per multiplier trial "
        "trial_steps when because citation",
        operations.Include: "meter quantity text place every because citation",
        operations.PlanBound: "kind bound labels lines",
        operations.Policy: "kind name labels place text effect targets at_most when start end because citation",
        operations.Targets: "names everything text",
        operations.PercentOff: "percent text during",
        operations.MoneyOff: "money",
        operations.UnitsFree: "meter quantity text",
        operations.AddMoney: "money",
        operations.AddPercent: "percent text base per",
        operations.AddPerUnit: "price per text meter attribute attribute_factor bound above started unit",
        operations.PerAttribute: "attribute step text bound above",
        operations.MoneyOf: "amount attribute text",
        operations.NumberOf: "number attribute factor text",
        operations.Tax: "name labels place text percent targets included when start end because citation",
        schedule.Schedule: "mode bands quantity_scale money_scale",
        schedule.Band: "upper inclusive rate step once if_used refused width_per head text once_text",
        schedule.DependsOn: "days meter attribute per",
    }
)


@cache
def _news(kind: Any) -> tuple[tuple[str, Any], ...]:
    """The fields of a part of a plan that are not known here, with what each is where nothing was said."""
    known = set(_KNOWN[kind].split())
    found = []
    for item in fields(kind):
        if item.name not in known:
            default = item.default_factory() if item.default_factory is not MISSING else item.default
            found.append((item.name, default))
    return tuple(found)


def must_know(*parts: object) -> None:
    """Raise `Unmodelled` for a part that says something which is not known here."""
    for part in parts:
        if type(part) not in _KNOWN:
            raise Unmodelled(f"{type(part).__name__} is not followed by the checker yet")
        kind: Any = type(part)
        for name, default in _news(kind):
            if getattr(part, name) != default:
                raise Unmodelled(f"`{name.replace('_', ' ')}` is not followed by the checker yet")


def must_know_plan(program: operations.Program, plan: operations.Plan) -> None:
    """Raise `Unmodelled` where a plan holds what is not known here."""
    must_know(plan, *plan.fees, *plan.includes, *plan.bounds, *plan.policies, *plan.taxes)
    must_know(*(policy.effect for policy in plan.policies))
    for charge in plan.charges:
        must_know(charge, charge.source, *charge.columns, *charge.rows)
        for row in charge.rows:
            must_know(row.schedule, *row.schedule.bands)
            if row.schedule.mode not in (schedule.Mode.GRADUATED, schedule.Mode.VOLUME, schedule.Mode.STAIRSTEP):
                raise Unmodelled(f"{row.schedule.mode.value} bands are not followed by the checker yet")
        if isinstance(charge.source, operations.OfMeter):
            must_know(program.meters[charge.source.meter])
