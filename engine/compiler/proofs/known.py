"""What of a plan the checker has read. A part that learns a new field is not decided until the field is known here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields
from enum import Enum
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
        operations.Plan: "name labels place start end billing charges fees includes bounds policies taxes "
        "dated_by_usage",
        operations.Meter: "name labels unit event aggregation place text field factor rank where level per interval "
        "by_day rounding each_rounding each_minimum",
        operations.Charge: "name labels place text source unit columns tree rows bounds_per_row minimum cap "
        "period_minimum period_cap free_events free_quantity free_text round_event when because citation",
        operations.Column: "kind name values",
        operations.Row: "schedule place minimum cap",
        operations.Bound: "amount text place because source prorated",
        operations.OfMeter: "meter",
        operations.OfAttribute: "attribute factor",
        operations.OfAmount: "lines",
        operations.LineRounding: "size mode",
        operations.QuantityRounding: "size mode",
        operations.Interval: "aggregation seconds days_with_usage",
        operations.OfEach: "event field factor where lasting length seconds",
        operations.Fee: "name labels place text amount every calendar in_advance proration per multiplier trial "
        "trial_steps when because citation",
        operations.Include: "meter quantity text place every prorated because citation",
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
        schedule.Band: "upper inclusive rate step once if_used refused width_per prorated head text once_text",
        schedule.DependsOn: "days meter attribute per",
    }
)


_OURS = (operations.__name__, schedule.__name__)


@cache
def _parts(kind: Any) -> tuple[tuple[tuple[str, Any], ...], tuple[str, ...]]:
    """The fields of a part of a plan that are not known here, with what each is where nothing was said; and the rest.

    Raises `Unmodelled` for a kind that is not known at all.
    """
    if kind not in _KNOWN:
        raise Unmodelled(f"{kind.__name__} is not followed by the checker yet")
    known = set(_KNOWN[kind].split())
    news = []
    for item in fields(kind):
        if item.name not in known:
            default = item.default_factory() if item.default_factory is not MISSING else item.default
            news.append((item.name, default))
    return tuple(news), tuple(item.name for item in fields(kind) if item.name in known and item.name != "place")


def must_know(part: object) -> None:
    """Raise `Unmodelled` where a part of a plan, or anything inside it, says something that is not known here."""
    if isinstance(part, tuple):
        for item in part:
            must_know(item)
        return
    kind: Any = type(part)
    if kind.__module__ not in _OURS or isinstance(part, Enum):
        return
    news, rest = _parts(kind)
    for name, default in news:
        if getattr(part, name) != default:
            raise Unmodelled(_said(name, getattr(part, name)))
    for name in rest:
        must_know(getattr(part, name))


def _said(name: str, value: object) -> str:
    """Why a field is not followed, in the words of a price list."""
    match name:
        case "pooling" | "counted":
            return f"a ladder that is {getattr(value, 'value', 'shared')} is not followed by the checker yet"
        case "prorated":
            return "a ladder that is prorated by day depends on every day's level"
        case _:
            return f"`{name.replace('_', ' ')}` is not followed by the checker yet"


def must_know_plan(program: operations.Program, plan: operations.Plan) -> None:
    """Raise `Unmodelled` where a plan holds what is not known here.

    What is prorated by the days that are covered is known: claims are about periods that are covered whole.
    """
    must_know(plan)
    others = [version for version in program.plans.get(plan.name, ()) if version.start != plan.start]
    if others and any(version.dated_by_usage for version in (plan, *others)):
        raise Unmodelled(f"versions of {plan.name} are dated by usage, and may meet inside a bill")
    for charge in plan.charges:
        for row in charge.rows:
            if row.schedule.mode not in (schedule.Mode.GRADUATED, schedule.Mode.VOLUME, schedule.Mode.STAIRSTEP):
                raise Unmodelled(f"{row.schedule.mode.value} bands are not followed by the checker yet")
        if isinstance(charge.source, operations.OfMeter):
            must_know(program.meters[charge.source.meter])
