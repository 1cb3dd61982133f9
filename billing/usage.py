"""Usage: events as they came, each counted once for ever, and what can be asked of them.

An event is named by its source and id. The same again has no second effect; another content under the same name is an
error. An event of a billed period is late: it is kept, and the next billing run bills the difference as adjustment
lines. Events may come in any order.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeVar, cast

from ..diagnostics import Diagnostic, Severity
from ..intake.rejects import Reject
from ..ledger.books import USAGE_EVENTS
from ..ledger.store import Reader, Row, Store, Transaction
from .acting import Acting, instant, microseconds, record
from .rulesets import rulesets_in_force
from .usage_rows import METER, ReadUsage, Subscribed, UsageRow, read_usage_files, read_usage_rows

T = TypeVar("T")

ROWS_PER_COMMIT = 5_000


@dataclass(frozen=True, slots=True)
class UsageAdded:
    """What became of rows of usage. `late` of those that were added lie in a billed period.

    Where there are `rejects` or errors among `findings`, nothing was added unless bad rows were to be skipped.
    """

    read: int
    added: int
    repeated: int
    late: int
    rejected: int
    rejects: tuple[Reject, ...] = ()
    findings: tuple[Diagnostic, ...] = ()

    @property
    def is_sound(self) -> bool:
        """Whether no row and no file was wrong."""
        return not self.rejects and not any(item.severity is Severity.ERROR for item in self.findings)


def add_usage(
    store: Store,
    acting: Acting,
    usage: Iterable[str | Path] | Iterable[Mapping[str, object]],
    *,
    skip_bad_rows: bool = False,
) -> UsageAdded | Diagnostic:
    """Add the usage of files, or rows that a program hands over; all rows are checked before one is added.

    Rows are added a few thousand a commit. Where a call is broken off, the same call again adds the rest.
    """
    given = list(usage)
    subscribed = store.read(subscribed_accounts)
    if not subscribed.schemas:
        hints = ("`ratebook publish FILE` publishes one", "`ratebook subscription add` puts an account on a plan")
        return Diagnostic("RB7054", "no account is subscribed to a published ruleset", hints=hints)
    if given and isinstance(given[0], Mapping):
        read = read_usage_rows(cast("list[Mapping[str, object]]", given), subscribed)
    else:
        read = read_usage_files(cast("list[str | Path]", given), subscribed)
    return _add(store, acting, read, skip_bad_rows=skip_bad_rows)


def subscribed_accounts(reader: Reader) -> Subscribed:
    """Which rulesets' words each account may use: those of its subscriptions, also of those that have ended."""
    schemas = {item.name: item.program.schema for item in rulesets_in_force(reader)}
    accounts: dict[str, list[str]] = {}
    for account, ruleset in reader.rows(
        "SELECT DISTINCT account, ruleset FROM subscriptions ORDER BY account, ruleset"
    ):
        if ruleset in schemas:
            accounts.setdefault(cast(str, account), []).append(ruleset)
    return Subscribed(accounts, {name: schemas[name] for name in schemas if accounts})


def _add(store: Store, acting: Acting, read: ReadUsage, *, skip_bad_rows: bool) -> UsageAdded:
    rows, repeated = _each_once(read)
    for chunk in _chunks(rows, ROWS_PER_COMMIT):
        known = store.read(lambda reader, chunk=chunk: _known(reader, chunk))  # type: ignore[misc]
        _conflicts(chunk, known, read)
    wrong = bool(read.rejects) or any(item.severity is Severity.ERROR for item in read.findings)
    added = late = 0
    if not wrong or skip_bad_rows:
        closed = store.read(_billed_to)
        for chunk in _chunks(rows, ROWS_PER_COMMIT):
            new, again = store.write(lambda transaction, chunk=chunk: _append(transaction, acting, chunk))  # type: ignore[misc]
            added += len(new)
            repeated += again
            late += sum(row.time < closed.get(row.account, row.time) for row in new)
        if added:
            store.write(
                lambda transaction: record(transaction, acting, "usage added", after={"events": added, "late": late})
            )
    return UsageAdded(read.read, added, repeated, late, read.rejected, tuple(read.rejects), tuple(read.findings))


def _chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (items[first : first + size] for first in range(0, len(items), size))


def _each_once(read: ReadUsage) -> tuple[list[UsageRow], int]:
    """The rows without repeats among themselves; another content under the same name is rejected."""
    first: dict[tuple[str, str], UsageRow] = {}
    repeated = 0
    for row in read.rows:
        before = first.setdefault(row.identity, row)
        if before is row:
            continue
        if before.fingerprint == row.fingerprint:
            repeated += 1
        else:
            _reject_repeat(read, row, f"at {before.place}, which was read first")
    return list(first.values()), repeated


def _known(reader: Reader, rows: Sequence[UsageRow]) -> dict[tuple[str, str], bytes]:
    """The fingerprints of those of these events that are stored."""
    by_source: dict[str, list[str]] = {}
    for row in rows:
        by_source.setdefault(row.source, []).append(row.event_id)
    found: dict[tuple[str, str], bytes] = {}
    for source, ids in by_source.items():
        for some in _chunks(ids, 900):
            marks = ", ".join("?" * len(some))
            sql = f"SELECT event_id, fingerprint FROM usage_events WHERE source = ? AND event_id IN ({marks})"
            for event_id, body in reader.rows(sql, (source, *some)):
                found[source, cast(str, event_id)] = cast(bytes, body)
    return found


def _conflicts(rows: Iterable[UsageRow], known: Mapping[tuple[str, str], bytes], read: ReadUsage) -> None:
    for row in rows:
        if known.get(row.identity, row.fingerprint) != row.fingerprint:
            _reject_repeat(read, row, "in the database, which came first")


def _reject_repeat(read: ReadUsage, row: UsageRow, where: str) -> None:
    reason = f"the same id has other content here than {where}"
    way_out = "give different usage different ids, or repeat a row as it was"
    file, _, number = row.place.rpartition(" ")
    read.rejects.append(
        Reject(
            file.partition(",")[0],
            int(number) if number.isdigit() else None,
            "id",
            row.event_id,
            "RB3009",
            reason,
            way_out,
            row.place,
        )
    )
    read.rejected += 1


def _append(transaction: Transaction, acting: Acting, rows: Sequence[UsageRow]) -> tuple[list[UsageRow], int]:
    """Add what is not there; those that were added, and how many were there as they are."""
    known = _known(transaction, rows)
    new = [row for row in rows if row.identity not in known]
    again = sum(known.get(row.identity) == row.fingerprint for row in rows)
    transaction.append(
        USAGE_EVENTS,
        [
            (row.source, row.event_id, row.account, row.event, row.time, row.fields, row.fingerprint, acting.time)
            for row in new
        ],
    )
    return new, again


def _billed_to(reader: Reader) -> dict[str, int]:
    """To which instant each account is billed."""
    found = reader.rows("SELECT account, max(ends) FROM invoices WHERE kind IN ('invoice', 'nothing') GROUP BY account")
    return {cast(str, account): cast(int, ends) for account, ends in found}


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """A usage event as it is kept. `meter` stands for a quantity that was metered elsewhere."""

    source: str
    id: str
    account: str
    event: str
    meter: str
    time: datetime
    fields: Mapping[str, object]
    received: datetime


def find_usage(
    reader: Reader,
    *,
    account: str | None = None,
    event: str | None = None,
    meter: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    source: str | None = None,
    id_: str | None = None,
    count_max: int | None = None,
) -> Iterator[StoredEvent]:
    """Events in the order of their time; `since` belongs to the range and `until` does not.

    `meter` asks for quantities that were metered elsewhere, and for the events that rulesets in force meter so.
    """
    conditions, given = ["1 = 1"], list[str | int]()
    plain = (("account", account), ("event", event), ("source", source), ("event_id", id_))
    for column, value in plain:
        if value is not None:
            conditions.append(f"{column} = ?")
            given.append(value)
    if meter is not None:
        events = sorted({METER + meter, *_events_of(reader, meter)})
        conditions.append(f"event IN ({', '.join('?' * len(events))})")
        given.extend(events)
    for sign, moment in ((">=", since), ("<", until)):
        if moment is not None:
            conditions.append(f"time {sign} ?")
            given.append(microseconds(moment))
    limit = "" if count_max is None else f" LIMIT {int(count_max)}"
    parameters: Row = given
    for row in reader.stream(
        "SELECT source, event_id, account, event, time, fields, received FROM usage_events "
        f"WHERE {' AND '.join(conditions)} ORDER BY time, id{limit}",
        parameters,
    ):
        named, own, whose, what, time, fields, received = row
        word = cast(str, what)
        metered = word.startswith(METER)
        yield StoredEvent(
            cast(str, named),
            cast(str, own),
            cast(str, whose),
            "" if metered else word,
            word.removeprefix(METER) if metered else "",
            instant(cast(int, time)),
            json.loads(cast(str, fields)),
            instant(cast(int, received)),
        )


def _events_of(reader: Reader, meter: str) -> Iterator[str]:
    for published in rulesets_in_force(reader):
        found = published.program.meters.get(meter)
        if found is not None:
            yield found.event
