"""The running billing period that a usage event belongs to, with its counters as of now.

Counters are kept in the database beside the usage that they follow from, and in memory beside the store, for to read
them again takes longer than to price an event. They know of usage up to a row; what was kept since is counted when the
period is next looked at. Where the ruleset or an attribute changed, or usage came that reaches forward from an earlier
period, they are made anew from all stored usage.
"""

from __future__ import annotations

import json
import secrets
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import date, datetime
from threading import Lock
from typing import cast
from weakref import WeakKeyDictionary
from zoneinfo import ZoneInfo

from ..diagnostics import Diagnostic
from ..engine.evaluators.in_force import plan_on
from ..engine.evaluators.rate import no_version
from ..engine.evaluators.running import Running, debit, from_json, open_period, to_json
from ..engine.period import DateRange, billing_period, local_day
from ..engine.plan import Program
from ..engine.usage import Subscription, UsageEvent
from ..ledger.store import Reader, Store, Transaction
from .account_facts import DAYS_OVERDUE, OVERDUE, AccountFacts, Due, covered_of, facts_of_accounts
from .account_facts import subscription_of as subscription_from
from .acting import canonical, instant, microseconds
from .rulesets import ruleset_by_hash
from .stored.events import Asked, stored_events
from .subscriptions import SubscriptionRow, subscription_rows
from .usage_facts import usage_fact, usage_of_account

EVERYTHING = 2**62
"""A place after every row of the sequence."""

PERIODS_MAX = 2_000
"""So many running periods are kept in memory for a store; the one that was not asked for the longest goes."""


@dataclass(frozen=True, slots=True)
class LivePeriod:
    """A running period of a subscription: its counters know of the account's usage up to the row `through`."""

    due: Due
    program: Program
    running: Running
    through: int

    @property
    def key(self) -> tuple[int, str]:
        """The subscription's number and the period's first day."""
        return self.due.subscription.number, self.due.period.start.isoformat()


@dataclass(frozen=True, slots=True)
class _Held:
    """Counters in memory: good where the row in the database has the same mark. `asked` is what they were made for."""

    mark: int
    asked: tuple[str, str]
    through: int
    running: Running


@dataclass(slots=True)
class Memory:
    """What is kept of one store in this process."""

    periods: OrderedDict[tuple[int, str], _Held] = field(default_factory=OrderedDict)
    programs: dict[str, Program] = field(default_factory=dict)


_MEMORIES: WeakKeyDictionary[Store, Memory] = WeakKeyDictionary()
_LOCK = Lock()


def memory_of(store: Store) -> Memory:
    """What this process keeps of a store. Its periods belong to works that write, which a store does one after another;
    programs never change."""
    with _LOCK:
        return _MEMORIES.setdefault(store, Memory())


def program_in_force(reader: Reader, memory: Memory, ruleset: str) -> Program | None:
    """The program of the ruleset of a name that is in force."""
    found = reader.rows("SELECT hash FROM rulesets WHERE name = ? ORDER BY id DESC LIMIT 1", (ruleset,))
    if not found:
        return None
    digest = cast(str, found[0][0])
    program = memory.programs.get(digest)
    if program is None:
        program = memory.programs[digest] = ruleset_by_hash(reader, digest).program
    return program


def period_of(reader: Reader, memory: Memory, account: str, event: str, time: datetime) -> LivePeriod | Diagnostic:
    """The running period that an event of a name and time belongs to, or why there is none.

    Where rulesets of several subscriptions have the event, it is that of the first by name.
    """
    found = _due(reader, memory, account, event, time)
    if isinstance(found, Diagnostic):
        return found
    due, program = found
    number, start = due.subscription.number, due.period.start.isoformat()
    billed = reader.rows(
        "SELECT 1 FROM invoices WHERE subscription = ? AND period_start = ? AND kind IN ('invoice', 'nothing')",
        (number, start),
    )
    if billed:
        return Diagnostic(
            "RB7081",
            f"the period from {start} of subscription {number} is billed, and that stays",
            hints=("`ratebook usage add` keeps the event; the next billing run bills it as late usage",),
            place=f"account {account}",
        )
    facts = _facts(reader, program, due)
    return _current(reader, memory, program, facts, due)


def keep(transaction: Transaction, memory: Memory, period: LivePeriod) -> None:
    """Keep counters for the next event, in the database and in memory."""
    number, start = period.key
    mark = secrets.randbits(62)
    row = (period.program.hash, period.through, mark, to_json(period.running))
    if not transaction.put(
        "UPDATE running SET hash = ?, through = ?, mark = ?, state = ? WHERE subscription = ? AND period_start = ?",
        (*row, number, start),
    ):
        transaction.put(
            "INSERT INTO running (hash, through, mark, state, subscription, period_start) VALUES (?, ?, ?, ?, ?, ?)",
            (*row, number, start),
        )
    # Where the transaction is undone the database has another mark, and what is in memory is not used.
    asked = (period.program.hash, _asked(period.running.ground.subscription))
    memory.periods[period.key] = _Held(mark, asked, period.through, period.running)
    memory.periods.move_to_end(period.key)
    while len(memory.periods) > PERIODS_MAX:
        memory.periods.popitem(last=False)


def _due(reader: Reader, memory: Memory, account: str, event: str, time: datetime) -> tuple[Due, Program] | Diagnostic:
    gone: Diagnostic | None = None
    for row in sorted(subscription_rows(reader, account), key=lambda item: (item.ruleset, item.start)):
        program = program_in_force(reader, memory, row.ruleset)
        if row.is_never or program is None or event not in program.schema.events:
            continue
        day = local_day(time, ZoneInfo(program.zone))
        if day < row.start or (row.end is not None and row.end <= day):
            continue
        period = _period(program, row, day)
        if isinstance(period, Diagnostic):
            gone = period
            continue
        return Due(row, period, covered_of(row, period)), program
    if gone is not None:
        return gone
    return Diagnostic(
        "RB7054",
        f"no subscription of account {account} covers an event {event} of {time.isoformat()}",
        hints=("`ratebook subscription add` puts an account on a plan", "look whether the event's time is right"),
        place=f"account {account}",
    )


def _period(program: Program, row: SubscriptionRow, day: date) -> DateRange | Diagnostic:
    if row.plan not in program.plans:
        hint = "publish a ruleset that has it, or move the account to another plan"
        return Diagnostic("RB7053", f"plan {row.plan} is gone", hints=(hint,), place=f"account {row.account}")
    plan = plan_on(program, row.plan, day)
    if plan is None:
        return no_version(program, Subscription(row.account, row.plan, row.start, row.end), day)
    return billing_period(plan.billing, day, row.start)


def _facts(reader: Reader, program: Program, due: Due) -> AccountFacts:
    """What the ruleset asks of the account, but for cards."""
    account = due.subscription.account
    if OVERDUE in program.schema.attributes or DAYS_OVERDUE in program.schema.attributes:
        (facts,) = facts_of_accounts(reader, program, due.subscription.ruleset, EVERYTHING, accounts={account})
        return facts
    facts = AccountFacts(account, [due.subscription])
    for attributes, since in reader.rows(
        "SELECT attributes, valid_from FROM customer_changes WHERE account = ? ORDER BY id", (account,)
    ):
        facts.changes.append((date.fromisoformat(cast(str, since)), json.loads(cast(str, attributes))))
    return facts


def _current(
    reader: Reader, memory: Memory, program: Program, facts: AccountFacts, due: Due
) -> LivePeriod | Diagnostic:
    key = (due.subscription.number, due.period.start.isoformat())
    found = reader.rows(
        "SELECT hash, through, mark, state FROM running WHERE subscription = ? AND period_start = ?", key
    )
    subscription = subscription_from(program, facts, due)
    if isinstance(subscription, Diagnostic):
        return subscription
    asked = (program.hash, _asked(subscription))
    if found:
        digest, through, mark, state = found[0]
        held = memory.periods.get(key)
        running: Running | None = None
        if held is not None and held.mark == mark and held.asked == asked:
            running = held.running
        elif digest == program.hash:
            running = _read(cast(str, state), program, subscription)
        if running is not None:
            caught_up = _catch_up(reader, program, due, running, cast(int, through))
            if caught_up is not None:
                return caught_up
    return _anew(reader, program, subscription, due)


def _read(state: str, program: Program, subscription: Subscription) -> Running | None:
    try:
        return from_json(state, program, subscription)
    except ValueError:
        return None


def _catch_up(
    reader: Reader, program: Program, due: Due, running: Running, through: int
) -> LivePeriod | Diagnostic | None:
    """The counters with what was kept since a row; None where that cannot be counted event by event."""
    covered = due.instants(ZoneInfo(program.zone))
    account = due.subscription.account
    last = through
    for row in stored_events(reader, Asked(account=account, after=through)):
        last = row.place
        if row.time >= microseconds(covered.end):
            continue
        time, fields = instant(row.time), json.loads(row.fields)
        fact = usage_fact(program.schema, account, row.event, time, fields, row.event_id, row.source)
        if fact is None:
            continue
        if not isinstance(fact, UsageEvent) or not covered.contains(fact.time):
            return None
        counted = debit(running, fact)
        if isinstance(counted, Diagnostic):
            return counted
        running, _ = counted
    return LivePeriod(due, program, running, last)


def _anew(reader: Reader, program: Program, subscription: Subscription, due: Due) -> LivePeriod | Diagnostic:
    account, end = subscription.account, due.instants(ZoneInfo(program.zone)).end
    usage = usage_of_account(reader, program.schema, account, through=EVERYTHING, until=end)
    ((last,),) = reader.rows("SELECT coalesce(max(id), 0) FROM usage_events WHERE account = ?", (account,))
    ((file,),) = reader.rows("SELECT coalesce(max(id), 0) FROM usage_files")
    running = open_period(program, subscription, due.period, usage)
    if isinstance(running, Diagnostic):
        return running
    return LivePeriod(due, program, running, max(cast(int, last), cast(int, file)))


def _asked(subscription: Subscription) -> str:
    """What of a subscription the counters depend on, as a text."""
    attributes = {name: f"{type(value).__name__} {value}" for name, value in subscription.attributes.items()}
    return canonical([subscription.plan, str(subscription.start), str(subscription.end), attributes])
