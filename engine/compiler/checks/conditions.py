"""Conditions that nothing can meet, on whatever they stand, and policies whose dates no bill of their plans has."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from ....diagnostics import Diagnostic, Label, Span
from ...condition import Condition
from ...plan import OfEach
from ...usage import FieldSchema
from ..lower import concerns, plans_of
from ..model import Plan, PolicyModel, Ruleset, TaxModel
from ..satisfy import ANY_DAY, Begins, witness
from .calendars import Calendars, dates_of, last_day, meet, reach
from .wording import listed


def check_never(ruleset: Ruleset) -> Iterator[Diagnostic]:
    """Conditions that nothing can meet, and dates that no period of the plans in question has."""
    calendars = Calendars(ruleset)
    for item in ruleset.policies:
        plans = plans_of(ruleset, item)
        what = f"{item.policy.kind.value} `{item.policy.name}`"
        yield from _rule(ruleset, calendars, what, item, item.policy.when, plans)
    for tax in ruleset.taxes:
        plans = [plan for plan in ruleset.plans if concerns(tax.plans, plan)]
        yield from _rule(ruleset, calendars, f"tax `{tax.tax.name}`", tax, tax.tax.when, plans)
    reported: set[Span] = set()
    for plan in ruleset.plans:
        for what, when, span in _lines(plan):
            found = None if span in reported else _never(ruleset, what, when, span, [(plan, calendars.begins(plan))])
            if found is not None:
                # What a contract takes over from its plan is reported once.
                reported.add(span)
                yield found
    yield from _events(ruleset)


def _lines(plan: Plan) -> Iterator[tuple[str, tuple[Condition, ...], Span]]:
    for charge in plan.charges:
        yield f"charge `{charge.name}`", charge.when, charge.span
    for fee in plan.fees:
        yield f"fee `{fee.name}`", fee.when, Span(fee.place.file, fee.place.start, fee.place.end)


def _rule(
    ruleset: Ruleset,
    calendars: Calendars,
    what: str,
    item: PolicyModel | TaxModel,
    when: tuple[Condition, ...],
    plans: Sequence[Plan],
) -> Iterator[Diagnostic]:
    if not plans:
        return
    dated = [plan for plan in plans if meet([reach(plan), dates_of(item)])]
    if not dated:
        yield _out_of_reach(what, item, plans)
        return
    found = _never(ruleset, what, when, item.span, [(plan, calendars.begins(plan, item)) for plan in dated])
    if found is not None:
        yield found


def _out_of_reach(what: str, item: PolicyModel | TaxModel, plans: Sequence[Plan]) -> Diagnostic:
    start, end = dates_of(item)
    names = listed([f"`{name}`" for name in dict.fromkeys(plan.name for plan in plans)])
    starts = [first for first, _ in map(reach, plans)]
    ends = [last for _, last in map(reach, plans)]
    first = min((day for day in starts if day is not None), default=None)
    last = max((day for day in ends if day is not None), default=None)
    before = end is not None and None not in starts and first is not None and end <= first
    after = start is not None and None not in ends and last is not None and last <= start
    if before and end is not None:
        why = f"it ends on {last_day(end)}, and {names} begins on {first}"
    elif after and last is not None:
        why = f"it begins on {start}, and {names} ends on {last_day(last)}"
    else:
        why = f"no version of {names} is in force in its dates"
    plan = plans[0] if before else plans[-1]
    return Diagnostic(
        "RB2406",
        f"{what} can never apply: {why}",
        item.dating or item.span,
        "no bill begins in these days",
        (Label(plan.span, f"in force {_in_force(plan)}"),),
        ("give it dates on which the plan is in force", "remove it, if it is over"),
        (f"witness: no bill of {names} begins {_span_text(start, end)}, so that it takes and adds nothing",),
    )


def _in_force(plan: Plan) -> str:
    return _span_text(plan.start, plan.end) if plan.start or plan.end else "always"


def _span_text(start: object, end: object) -> str:
    return " ".join([*([f"from {start}"] if start else []), *([f"before {end}"] if end else [])]) or "at any time"


def _never(
    ruleset: Ruleset, what: str, conditions: tuple[Condition, ...], span: Span, plans: Sequence[tuple[Plan, Begins]]
) -> Diagnostic | None:
    """A finding where the conditions hold in no billing period of any of the plans."""
    attributes = ruleset.schema.attributes
    if not conditions:
        return None

    def possible(some: Sequence[Condition], begins: Begins) -> bool:
        return witness(some, attributes, begins) is not None

    if not possible(conditions, ANY_DAY):
        core = _core(conditions, lambda some: possible(some, ANY_DAY))
        hints = ("change or remove one of the conditions" if len(core) > 1 else "change the condition", "remove it")
        return Diagnostic("RB2211", _never_text(what, core), span, "never applies", hints=hints, notes=_nobody(core))
    if any(possible(conditions, begins) for _, begins in plans):
        return None
    core = _core(conditions, lambda some: any(possible(some, begins) for _, begins in plans))
    names = listed([f"`{name}`" for name in dict.fromkeys(plan.name for plan, _ in plans)])
    return Diagnostic(
        "RB2211",
        f"{_never_text(what, core)} where a bill of {names} begins",
        span,
        "never applies",
        hints=("change the condition, or the dates", "remove it"),
        notes=(f"witness: bills of {names} begin on {_first_days([begins for _, begins in plans])}",),
    )


def _core(conditions: Sequence[Condition], possible: Callable[[Sequence[Condition]], bool]) -> list[Condition]:
    """The conditions without those that are not needed for the contradiction."""
    core = list(conditions)
    for condition in conditions:
        fewer = [other for other in core if other is not condition]
        if not possible(fewer):
            core = fewer
    return core


def _never_text(what: str, core: Sequence[Condition]) -> str:
    texts = " and ".join(f"`{condition.text}`" for condition in core)
    return f"{what} can never apply: {texts} {'never holds' if len(core) == 1 else 'never hold together'}"


def _nobody(core: Sequence[Condition]) -> tuple[str, ...]:
    both = "it" if len(core) == 1 else "both" if len(core) == 2 else "all of them"
    return (f"witness: there is no account and no usage for which {'it holds' if both == 'it' else f'{both} hold'}",)


def _first_days(begins: Sequence[Begins]) -> str:
    days = sorted({day for each in begins for day, _ in (each.days(()) or ())[:4]})
    if not days:
        return "no day in its dates"
    return ", ".join(str(day) for day in days[:3]) + (", …" if len(days) > 3 else "")


def _events(ruleset: Ruleset) -> Iterator[Diagnostic]:
    """`where` of meters and of charges on each event that no event meets."""
    events = ruleset.schema.events
    asked = [
        (f"meter `{name}` counts nothing", meter.where, ruleset.meter_spans[name], meter.event)
        for name, meter in ruleset.meters.items()
    ]
    asked += [
        (f"charge `{charge.name}` prices nothing", charge.source.where, charge.span, charge.source.event)
        for plan in ruleset.plans
        for charge in plan.charges
        if isinstance(charge.source, OfEach)
    ]
    for what, where, span, event in dict.fromkeys(asked):
        if where is None:
            continue
        fields: Mapping[str, FieldSchema] = {field.name: field for field in events[event].fields}
        if witness([where], {}, fields=fields) is None:
            yield Diagnostic(
                "RB2211",
                f"{what}: `{where.text}` never holds",
                span,
                "no event is let through",
                hints=("write `or` where one of them is enough", "change the condition"),
                notes=(f"witness: there is no event `{event}` for which it holds, so that all usage costs nothing",),
            )
