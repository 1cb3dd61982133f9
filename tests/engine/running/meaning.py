"""What running prices are held to: the scalar evaluator, over all events at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ratebook.diagnostics import Diagnostic
from ratebook.engine.evaluators.rate import rate, without_minimums
from ratebook.engine.evaluators.running import Running, debit, from_json, open_period, to_json
from ratebook.engine.evaluators.running.charging import amounts_of
from ratebook.engine.period import DateRange
from ratebook.engine.plan import Program
from ratebook.engine.statement import Statement
from ratebook.engine.usage import AccountUsage, Subscription, UsageEvent


def meant(program: Program, subscription: Subscription, days: DateRange, usage: AccountUsage) -> Statement | Diagnostic:
    """The statement of a period without the floors that act at its end, and without cards."""
    versions = tuple(without_minimums(plan) for plan in program.plans[subscription.plan])
    own = replace(program, plans={**program.plans, subscription.plan: versions})
    return rate(own, replace(subscription, cards=()), usage, days)


def assert_charged_as_meant(
    program: Program,
    subscription: Subscription,
    days: DateRange,
    earlier: AccountUsage,
    events: Sequence[UsageEvent],
) -> Running | None:
    """Charge events one by one and compare each price with the difference of two statements; refused ones stay out.

    The result is None where the period itself cannot be opened.
    """
    running = open_period(program, subscription, days, earlier)
    before = meant(program, subscription, days, earlier)
    if isinstance(before, Diagnostic) or isinstance(running, Diagnostic):
        assert isinstance(running, Diagnostic) and isinstance(before, Diagnostic), (running, before)
        assert running.code == before.code
        return None
    assert running.amounts == amounts_of(before)
    opening, charged = before.total, 0
    usage = earlier
    for event in events:
        more = replace(usage, events=(*usage.events, event))
        after = meant(program, subscription, days, more)
        found = debit(running, event)
        if isinstance(after, Diagnostic) or isinstance(found, Diagnostic):
            assert isinstance(after, Diagnostic) and isinstance(found, Diagnostic), (found, after)
            assert (found.code, found.message) == (after.code, after.message)
            continue
        running, price = found
        kept = to_json(running)
        again = from_json(kept, program, subscription)
        assert to_json(again) == kept
        assert (again.counters, again.amounts, again.total) == (running.counters, running.amounts, running.total)
        running = again
        assert price.total == after.total - before.total
        assert price.total == sum(line.amount for line in price.lines if line.is_added)
        assert running.amounts == amounts_of(after)
        usage, before = more, after
        charged += price.total
        assert opening + charged == running.total == after.total
    return running
