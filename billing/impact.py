"""What a new text of a ruleset would change, and for whom: all open periods rated under the old and under the new text.

A period is open that has begun and has no bill. It is rated with the usage that is there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import cast

from ..engine.period import DateRange
from ..engine.plan import Program
from ..ledger.store import Reader, Store
from .account_facts import Place
from .rating import DueAccount, Rated, in_minor_units, rated
from .rulesets import Published
from .run import due_accounts


@dataclass(frozen=True, slots=True)
class Impact:
    """What an account's open periods come to before and after, in minor units; None where they cannot be rated."""

    account: str
    before: int | None
    after: int | None
    reason: str = ""

    @property
    def difference(self) -> int | None:
        """How much more it is after."""
        return None if self.before is None or self.after is None else self.after - self.before


def impact_of(store: Store, old: Published, new: Program, today: date) -> list[Impact]:
    """The accounts for which something changes, by account."""
    place, accounts, within = store.read(lambda reader: _open_periods(reader, old, today))
    if not accounts:
        return []
    before, _ = _totals(store, old.program, accounts, within, place)
    after, reasons = _totals(store, new, accounts, within, place)
    names = [account.facts.account for account in accounts]
    return [
        Impact(name, before.get(name), after.get(name), reasons.get(name, ""))
        for name in names
        if before.get(name) != after.get(name)
    ]


def _open_periods(reader: Reader, old: Published, today: date) -> tuple[int, list[DueAccount], DateRange]:
    place = cast(int, reader.rows("SELECT size FROM log_head")[0][0])
    end = today + timedelta(days=1)
    found = reader.rows("SELECT min(start) FROM subscriptions WHERE ruleset = ?", (old.name,))
    if found[0][0] is None:
        return place, [], DateRange(today, end)
    within = DateRange(min(date.fromisoformat(cast(str, found[0][0])), today), end)
    accounts, _ = due_accounts(reader, old, within, date.max, place)
    if not accounts:
        return place, [], within
    # From the first open day on, most accounts have only open periods, which are rated together.
    first = min(due.covered.start for account in accounts for due in account.due)
    narrow = DateRange(first, end)
    return place, due_accounts(reader, old, narrow, date.max, place)[0], narrow


def _totals(
    store: Store, program: Program, accounts: Sequence[DueAccount], within: DateRange, place: int
) -> tuple[dict[str, int], dict[str, str]]:
    """What each account's periods come to, and why those that have no total have none."""
    totals: dict[str, int] = {}
    reasons: dict[str, str] = {}
    kept = [account for account in accounts if all(due.subscription.plan in program.plans for due in account.due)]
    reasons.update({account.facts.account: "its plan is gone" for account in accounts if account not in kept})
    if not kept:
        return totals, reasons
    with rated(store, program, kept, within, Place(place, place)) as statements:
        for item in statements:
            if isinstance(item, Rated):
                name = item.statement.account
                totals[name] = totals.get(name, 0) + in_minor_units(program, item.statement.total)
            else:
                reasons[item.place.removeprefix("account ")] = f"{item.code}: {item.message}"
    return {name: total for name, total in totals.items() if name not in reasons}, reasons
