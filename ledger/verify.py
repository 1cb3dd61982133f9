"""Verifying the log: every row against its hash, all of them against the stored state and against signed checkpoints.

The rows are read once, in the order of their places, and what is kept does not grow with them. Each way to tamper has
a finding of its own, which says how often it was met and names the first places:

- a row whose fields do not give its hash: changed (RB7101), or moved from another place (RB7104);
- places without a row: inside (RB7102) or at the end (RB7103); two rows for one place (RB7105), rows outside (RB7106);
- rows that give their hashes, which do not give the root: rewritten with their hashes (RB7107);
- everything fits, but not what was signed: recomputed as a whole (RB7108), or cut off (RB7109).

The last two need a checkpoint that was kept where whoever rewrote the database could not rewrite it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ..diagnostics.diagnostic import Diagnostic
from .leaf import Field, leaf
from .merkle import Frontier, leaf_hash
from .note import Checkpoint

LogRow = tuple[int, str, Sequence[Field], bytes]
"""A row as it is stored: its place in the log from 0, its table as in its leaf, its fields, its stored hash."""

_NAMED_MAX = 20
"""So many places are named for each kind of finding; the rest is counted."""
_REMEMBERED_MAX = 1_000
"""So many gaps and changed rows are remembered to see whether a row turns up elsewhere."""
_BATCH = 4_096


@dataclass(frozen=True, slots=True)
class LogState:
    """What the database says of its log: the number of rows, and `Frontier.to_bytes` of their tree."""

    size: int
    frontier: bytes


@dataclass(frozen=True, slots=True)
class Audit:
    """What came out: the places up to the last row, the root over the stored hashes, and the findings.

    `root` is None where rows are missing, for nothing can be said of the tree then. `fits` is the size of the largest
    checkpoint that fits; up to there every row is as it was when it was signed, but for those that findings name.
    `counts` says how often each code was met.
    """

    size: int
    root: bytes | None
    fits: int
    findings: tuple[Diagnostic, ...]
    counts: Mapping[str, int] = field(default_factory=dict)


def verify_log(rows: Iterable[LogRow], state: LogState, checkpoints: Iterable[Checkpoint] = ()) -> Audit:
    """Verify all rows of a log; rows come in the order of their places.

    Checkpoints are what `open_note` gave for the log's own keys. Never raises for what the rows and the state hold.
    """
    found = _Found()
    places, moved = _Places(found), _Moved(found)
    chain = _Chain([*_mark_of(state, found), *(_Mark(one.size, one.root, "RB7108") for one in checkpoints)], found)
    for place, table, fields, stored in rows:
        try:
            computed = leaf_hash(leaf(table, fields))
        except (TypeError, UnicodeEncodeError):
            computed = b""  # no row was ever written with such fields
        if computed != stored:
            moved.add(place, table, computed, stored)
        if place == places.end:
            places.end += 1
            chain.add(stored, computed)
        elif places.out_of_line(place, table):
            chain.whole = False
    moved.finish()
    places.finish(state.size)
    root = chain.finish(places.end)
    return Audit(places.end, root, chain.fits, found.findings(chain.fits), dict(found.counts))


def _mark_of(state: LogState, found: _Found) -> Iterator[_Mark]:
    try:
        frontier = Frontier.from_bytes(state.frontier)
    except (ValueError, TypeError):
        found.add("RB7107", "the state cannot be read")
        return
    if frontier.size != state.size:
        found.add("RB7107", f"the state says {state.size} rows, and its tree has {frontier.size}")
    yield _Mark(frontier.size, frontier.root(), "RB7107")


@dataclass(frozen=True, slots=True)
class _Mark:
    """A root that the tree had at a size, and the code where it has another now."""

    size: int
    root: bytes
    code: str


class _Chain:
    """The trees over the stored hashes and over what the rows give, which are one as long as no row was changed.

    A mark fits when either has its root: a row is as it was when the tree of what rows give says so, even if its
    stored hash was damaged; and when the tree of stored hashes fits, the changed rows are named already.
    """

    def __init__(self, marks: Sequence[_Mark], found: _Found) -> None:
        self.whole = True
        self.fits = 0
        self._found = found
        self._marks = sorted(marks, key=lambda mark: mark.size, reverse=True)
        self._stored = self._given = Frontier()
        self._new_stored: list[bytes] = []
        self._new_given: list[bytes] = []
        self._room = 0
        self._grow()

    def add(self, stored: bytes, given: bytes) -> None:
        """The next row."""
        if self.whole:
            self._new_stored.append(stored if type(stored) is bytes else b"")
            self._new_given.append(given)
            if len(self._new_given) == self._room:
                self._grow()

    def finish(self, end: int) -> bytes | None:
        """The root over the stored hashes, after `end` rows."""
        for mark in self._marks:
            if mark.code == "RB7108" and mark.size > end:
                self._found.add("RB7109", f"{mark.size} rows were signed, and the log has {end}")
        if not self.whole:
            return None
        self._grow()
        return self._stored.root()

    def _grow(self) -> None:
        one = self._stored is self._given and self._new_stored == self._new_given
        self._stored = self._stored.append(self._new_stored)
        self._given = self._stored if one else self._given.append(self._new_given)
        self._new_stored, self._new_given = [], []
        size = self._stored.size
        while self._marks and self._marks[-1].size <= size:
            mark = self._marks.pop()
            if mark.root in (self._stored.root(), self._given.root()):
                self.fits = size if mark.code == "RB7108" else self.fits
            else:
                self._found.add(mark.code, f"{size} rows give another root")
        self._room = min(_BATCH, self._marks[-1].size - size) if self._marks else _BATCH


class _Places:
    """Which places have a row: what is missing, what is taken twice."""

    def __init__(self, found: _Found) -> None:
        self.end = 0
        self._found = found
        self._gaps: list[tuple[int, int]] = []
        self._missing = 0

    def out_of_line(self, place: int, table: str) -> bool:
        """A row that is not at the next place; whether the tree cannot be grown any more."""
        if place < 0:
            self._found.add("RB7106", _row(place, table))
            return False
        if place > self.end:
            self._missing += place - self.end
            if len(self._gaps) < _REMEMBERED_MAX:
                self._gaps.append((self.end, place))
            self.end = place + 1
            return True
        for number, (start, end) in enumerate(self._gaps):
            if start <= place < end:
                self._gaps[number : number + 1] = [gap for gap in ((start, place), (place + 1, end)) if gap[0] < gap[1]]
                self._missing -= 1
                self._found.add("RB7104", f"{_row(place, table)}, which came late")
                return False
        self._found.add("RB7105", _row(place, table))
        return False

    def finish(self, size: int) -> None:
        """Say what is missing, where the state counts so many rows."""
        for start, end in self._gaps:
            self._found.add("RB7102", _rows(start, end), end - start)
            self._missing -= end - start
        if self._missing:
            self._found.add("RB7102", "further ones", self._missing)
        if self.end < size:
            self._found.add("RB7103", _rows(self.end, size), size - self.end)
        if self.end > size:
            self._found.add("RB7106", _rows(size, self.end), self.end - size)


class _Moved:
    """Rows that do not give their hashes: are they another's, or of nobody?"""

    def __init__(self, found: _Found) -> None:
        self._found = found
        self._rows: list[tuple[int, str, bytes]] = []
        self._written: dict[bytes, int] = {}

    def add(self, place: int, table: str, given: bytes, stored: bytes) -> None:
        """A row that does not give its hash."""
        if len(self._rows) == _REMEMBERED_MAX:
            self._found.add("RB7101", _row(place, table))
            return
        self._rows.append((place, table, given))
        if type(stored) is bytes:
            self._written[stored] = place

    def finish(self) -> None:
        """Say which rows were changed, and which stand where others were written."""
        for place, table, given in self._rows:
            written = self._written.get(given)
            if written is None:
                self._found.add("RB7101", _row(place, table))
            else:
                self._found.add("RB7104", f"{_row(place, table)}, written as row {written + 1}")


def _row(place: int, table: str) -> str:
    """A row for people, who count from 1, with the table as its leaf names it."""
    return f"row {place + 1} in {table.partition('(')[0]}"


def _rows(start: int, end: int) -> str:
    return f"row {start + 1}" if end == start + 1 else f"rows {start + 1} to {end}"


_SAYS = {
    "RB7101": ("a row was changed: {}", "{} rows were changed"),
    "RB7102": ("{} is missing", "{} rows are missing between others"),
    "RB7103": ("{}, the last, is missing", "{} rows are missing at the end"),
    "RB7104": ("a row was moved: {}", "{} rows were moved"),
    "RB7105": ("a place has two rows: {}", "{} rows claim places that others have"),
    "RB7106": ("a row is outside the log: {}", "{} rows are outside the log"),
    "RB7107": ("the log is not what its state says: {}", "the log is not what its state says, in {} ways"),
    "RB7108": ("the log is not what was signed: {}", "the log is not what was signed in {} checkpoints"),
    "RB7109": ("rows that were signed are gone: {}", "rows of {} checkpoints are gone"),
}
"""What is said of one place, and of many."""


class _Found:
    """How often each code was met, and the first places."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self._places: dict[str, list[str]] = {}

    def add(self, code: str, place: str, count: int = 1) -> None:
        """The code was met at a place, `count` times."""
        self.counts[code] = self.counts.get(code, 0) + count
        named = self._places.setdefault(code, [])
        if len(named) < _NAMED_MAX:
            named.append(place)

    def findings(self, fits: int) -> tuple[Diagnostic, ...]:
        """One finding for each code, in their order."""
        return tuple(self._finding(code, fits) for code in sorted(self.counts))

    def _finding(self, code: str, fits: int) -> Diagnostic:
        count, named = self.counts[code], self._places[code]
        one, many = _SAYS[code]
        notes = []
        if count > 1:
            more = ", …" if len(named) == _NAMED_MAX else ""
            notes.append(f"{'; '.join(named)}{more}")
        if code in ("RB7107", "RB7108"):
            notes.append(
                f"the first {fits} rows are as they were signed; what was changed comes after them"
                if fits
                else "no checkpoint fits that says up to where the log is as it was"
            )
        message = one.format(named[0]) if len(named) == 1 else many.format(count)
        return Diagnostic(code, message, notes=tuple(notes))
