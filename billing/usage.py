"""Usage: events as they came, each counted once for ever, and what can be asked of them.

An event is named by its source and id. The same again has no second effect; another content under the same name is an
error. An event of a billed period is late: it is kept, and the next billing run bills the difference as adjustment
lines. Events may come in any order.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar, cast

from ..diagnostics import Diagnostic, Severity
from ..intake.files import UnreadableFileError
from ..intake.parquet import read_errors
from ..intake.rejects import Reject
from ..ledger.books import USAGE_EVENTS
from ..ledger.store import Reader, Store, StoreError, Transaction
from .acting import Acting, instant, microseconds, record
from .rulesets import rulesets_in_force
from .stored.events import Asked, events_by_time
from .stored.intake import Conflict, add_files, looked_at_again, sorted_rows
from .stored.lookup import kept
from .stored.spool import Spool
from .usage_rows import METER, ReadUsage, Subscribed, UsageRow, read_usage_files, read_usage_rows

T = TypeVar("T")

ROWS_PER_COMMIT = 5_000
FILED_FROM = 100_000
"""From so many rows on an intake becomes files of Parquet beside the database, where it has a folder for them."""


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
    filed_from: int | None = None,
) -> UsageAdded | Diagnostic:
    """Add the usage of files, or rows that a program hands over; all rows are checked before one is added.

    Rows are added a few thousand a commit. From `filed_from` rows on, `FILED_FROM` where nothing is said, all of them
    are added in one, as files beside the database. Where a call is broken off, the same call again adds the rest.
    """
    given, many = list(usage), FILED_FROM if filed_from is None else filed_from
    subscribed = store.read(subscribed_accounts)
    if not subscribed.schemas:
        hints = ("`ratebook publish FILE` publishes one", "`ratebook subscription add` puts an account on a plan")
        return Diagnostic("RB7054", "no account is subscribed to a published ruleset", hints=hints)
    with _aside(store) as spool:
        if given and isinstance(given[0], Mapping):
            rows = cast("list[Mapping[str, object]]", given)
            read = read_usage_rows(rows, subscribed, many=many, spool=spool)
        else:
            read = read_usage_files(cast("list[str | Path]", given), subscribed, many=many, spool=spool)
        if read.spool is not None:
            return _add_filed(store, acting, read, read.spool, skip_bad_rows=skip_bad_rows)
    return _add(store, acting, read, skip_bad_rows=skip_bad_rows)


@contextmanager
def _aside(store: Store) -> Iterator[Callable[[], Spool] | None]:
    """What makes a place for rows on their way into files, once there are many; None where there can be no files."""
    folder = store.read(lambda reader: reader.folder)
    if folder is None:
        yield None
        return
    with ExitStack() as stack:

        def spool() -> Spool:
            folder.mkdir(parents=True, exist_ok=True)
            return Spool(Path(stack.enter_context(TemporaryDirectory(prefix=".incoming-", dir=folder))))

        try:
            with read_errors():
                yield spool
        except (OSError, UnreadableFileError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            hints = ("nothing was added; the same can be added again once there is room",)
            raise StoreError(
                Diagnostic("RB7035", f"usage cannot be written: {reason}", hints=hints, place=str(folder))
            ) from error


def _add_filed(store: Store, acting: Acting, read: ReadUsage, spool: Spool, *, skip_bad_rows: bool) -> UsageAdded:
    done: tuple[int, int] | None = (0, 0)
    with sorted_rows(store, spool) as found:
        while True:
            for conflict in found.conflicts:
                _reject_conflict(read, conflict)
            if not (read.is_sound or skip_bad_rows):
                break
            done = add_files(store, acting, spool, found, store.read(_billed_to))
            if done is not None:
                break
            # Somebody else added some of it meanwhile.
            found = looked_at_again(store, found)
    added, late = done or (0, 0)
    repeated = found.repeated + found.kept
    return UsageAdded(read.read, added, repeated, late, read.rejected, tuple(read.rejects), tuple(read.findings))


def _reject_conflict(read: ReadUsage, conflict: Conflict) -> None:
    where = f"at {conflict.before}, which was read first" if conflict.before else "in the database, which came first"
    _reject_repeat(read, conflict.event_id, conflict.at, where)


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
        known = store.read(lambda reader, chunk=chunk: kept(reader, [row.identity for row in chunk]))  # type: ignore[misc]
        _conflicts(chunk, known, read)
    added = late = 0
    if read.is_sound or skip_bad_rows:
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
            _reject_repeat(read, row.event_id, row.place, f"at {before.place}, which was read first")
    return list(first.values()), repeated


def _conflicts(rows: Iterable[UsageRow], known: Mapping[tuple[str, str], bytes], read: ReadUsage) -> None:
    for row in rows:
        if known.get(row.identity, row.fingerprint) != row.fingerprint:
            _reject_repeat(read, row.event_id, row.place, "in the database, which came first")


def _reject_repeat(read: ReadUsage, event_id: str, place: str, where: str) -> None:
    reason = f"the same id has other content here than {where}"
    way_out = "give different usage different ids, or repeat a row as it was"
    file, _, number = place.rpartition(" ")
    read.rejects.append(
        Reject(
            file.partition(",")[0],
            int(number) if number.isdigit() else None,
            "id",
            event_id,
            "RB3009",
            reason,
            way_out,
            place,
        )
    )
    read.rejected += 1


def _append(transaction: Transaction, acting: Acting, rows: Sequence[UsageRow]) -> tuple[list[UsageRow], int]:
    """Add what is not there; those that were added, and how many were there as they are."""
    known = kept(transaction, [row.identity for row in rows])
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
    events = None if event is None else [event]
    if meter is not None:
        metered = {METER + meter, *_events_of(reader, meter)}
        events = sorted(metered if events is None else metered.intersection(events))
    asked = Asked(
        account=account,
        events=events,
        source=source,
        event_id=id_,
        since=None if since is None else microseconds(since),
        until=None if until is None else microseconds(until),
    )
    for row in events_by_time(reader, asked, count_max=count_max):
        is_metered = row.event.startswith(METER)
        yield StoredEvent(
            row.source,
            row.event_id,
            row.account,
            "" if is_metered else row.event,
            row.event.removeprefix(METER) if is_metered else "",
            instant(row.time),
            json.loads(row.fields),
            instant(row.received),
        )


def _events_of(reader: Reader, meter: str) -> Iterator[str]:
    for published in rulesets_in_force(reader):
        found = published.program.meters.get(meter)
        if found is not None:
            yield found.event
