"""One writer: works are taken in their order, each gets a savepoint, and several are committed at once.

A commit costs as much for one work as for many, so works that wait together share one. There is no thread for this:
whoever comes when nobody is writing writes, for himself and for all who wait by then, and the others find their answers
when their turn comes. So a single caller pays for no change of threads. Nobody gets an answer before the commit: an
answer is a promise that the disk has it. Not more than `IN_FLIGHT_MAX` works may wait; whoever comes then is refused at
once and can try again, instead of waiting without an end.
"""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from typing import Any, Protocol, TypeVar

from ..diagnostics import Diagnostic
from .store import Interrupted, StoreError, Transaction, Undo, unknown_commit

T = TypeVar("T")

IN_FLIGHT_MAX = 64

RETRIES_MAX = 7
RETRY_SECONDS = 0.05
"""The pause before the first retry; each is twice as long as the one before, and somewhere between half and all of it
is waited, so that processes which were thrown out together do not come back together."""


class Session(Protocol):
    """One connection that writes. Every method may raise `StoreError`, after which `abandon` is called.

    `Interrupted` has the group done again on a new session, so that `commit` never raises it.
    """

    def begin(self) -> None: ...
    def savepoint(self) -> Transaction: ...
    def release(self) -> None: ...
    def undo(self) -> None: ...
    def commit(self) -> None: ...
    def failure_of(self, error: Exception) -> StoreError | None:
        """What an exception of a statement means for the database; None where the statement or the work is wrong."""
        ...

    def abandon(self) -> None: ...
    def close(self) -> None: ...


class Work:
    """A work that waits, and its answer once it is `done`."""

    __slots__ = ("done", "error", "function", "result")

    def __init__(self, function: Callable[[Transaction], Any]) -> None:
        self.function = function
        self.done = False
        self.result: Any = None
        self.error: BaseException | None = None


class Writer:
    """Who waits, and whose turn it is. The session is made by the first work that comes."""

    def __init__(self, connect: Callable[[], Session], *, in_flight_max: int = IN_FLIGHT_MAX) -> None:
        self._connect = connect
        self._session: Session | None = None
        self._waiting: deque[Work] = deque()
        self._free = threading.BoundedSemaphore(in_flight_max)
        self._in_flight_max = in_flight_max
        self._changed = threading.Condition()
        """Guards what is below, and tells those who wait that a group was answered."""
        self._writing: int | None = None
        """The thread whose turn it is."""
        self._closed = False

    def write(self, work: Callable[[Transaction], T]) -> T:
        """Run a work and wait for the commit that holds it. Raises what the work raises, and `StoreError`."""
        if self._writing == threading.get_ident():
            raise RuntimeError("a work cannot write through the store: it has a transaction")
        if not self._free.acquire(blocking=False):
            raise StoreError(
                Diagnostic(
                    "RB7034",
                    f"{self._in_flight_max} writes are waiting already",
                    hints=("try again in a moment; nothing has happened",),
                )
            )
        try:
            own = Work(work)
            with self._changed:
                if self._closed:
                    raise RuntimeError("the store was closed")
                self._waiting.append(own)
                try:
                    while not own.done and self._writing is not None:
                        self._changed.wait()
                except BaseException:
                    # Told to stop while waiting: what has not begun does not begin any more.
                    with suppress(ValueError):
                        self._waiting.remove(own)
                    raise
                if not own.done:
                    self._writing = threading.get_ident()
            if not own.done:
                self._take_turn()
            if own.error is not None:
                raise own.error
            found: T = own.result
            return found
        finally:
            self._free.release()

    def close(self) -> None:
        """Finish what waits, then end the connection."""
        with self._changed:
            self._closed = True
            while self._writing is not None:
                self._changed.wait()
            self._writing = threading.get_ident()
        try:
            if self._waiting:
                self._write_group()
            if self._session is not None:
                self._session.close()
                self._session = None
        finally:
            self._end_turn()

    def _take_turn(self) -> None:
        try:
            self._write_group()
        finally:
            self._end_turn()

    def _end_turn(self) -> None:
        with self._changed:
            self._writing = None
            self._changed.notify_all()

    def _gather(self) -> list[Work]:
        with self._changed:
            group = list(self._waiting)
            self._waiting.clear()
        return group

    def _write_group(self) -> None:
        """Write all that waits in one transaction and answer every work of it."""
        group: list[Work] = []
        for attempt in count():
            try:
                if self._session is None:
                    self._session = self._connect()
                self._session.begin()
                # Only now, for while the transaction began others have come.
                group += self._gather()
                answers = [_do(self._session, work) for work in group]
                self._session.commit()
            except BaseException as failure:
                self._abandon()
                if isinstance(failure, Interrupted) and attempt < RETRIES_MAX:
                    time.sleep(RETRY_SECONDS * 2**attempt * random.uniform(0.5, 1))
                    continue
                # Nothing of the group is known to be on the disk, so that all of it fails.
                group += self._gather()
                if not isinstance(failure, Exception):
                    stopped = StoreError(unknown_commit("", "the program was told to stop"))
                    self._answer(group, [(None, stopped)] * len(group))
                    raise
                answers = [(None, failure)] * len(group)
            self._answer(group, answers)
            return

    def _abandon(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            with suppress(Exception):
                session.abandon()

    @staticmethod
    def _answer(group: list[Work], answers: list[tuple[Any, BaseException | None]]) -> None:
        for work, (result, error) in zip(group, answers, strict=True):
            work.result, work.error = result, error
            work.done = True


def _do(session: Session, work: Work) -> tuple[Any, BaseException | None]:
    """One work in its savepoint: its answer, or what it raised after its writing was undone."""
    transaction = session.savepoint()
    try:
        result = work.function(transaction)
    except StoreError:
        raise
    except Undo as undone:
        session.undo()
        return undone.answer, None
    except Exception as error:
        failure = session.failure_of(error)
        if failure is not None:
            raise failure from error
        session.undo()
        return None, error
    session.release()
    return result, None
