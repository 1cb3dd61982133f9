"""Rows of usage, as intake reads them, to rows of the database: with an identity and the fingerprint of the content.

A row is held to the ruleset of its account's subscription that declares its event or meter. A row of a file without an
`id` gets one from the file's content and its place in it, so that the same file counts once; rows that a program hands
over need ids of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Final

from ..diagnostics import Diagnostic, Severity
from ..engine.usage import FactSchema, UsageEvent, Value
from ..intake.columns import refused_columns, usage_columns
from ..intake.facts import Fact, FactReader, Identity
from ..intake.files import FileKind, InputFile, UnreadableFileError, expand_paths, unreadable
from ..intake.rejects import Reject, ignored_column, reject
from ..intake.rows import Broken, RawRow, RowSource, handed_over, open_rows
from ..intake.statement_json import exact_text
from ..intake.values import Refusal
from .acting import canonical, microseconds
from .stored.lookup import Identity as Name
from .stored.lookup import fingerprint
from .stored.spool import Spool

METER = "meter:"
"""What the event of a metered quantity begins with."""
_UNKNOWN_ACCOUNT: Final = "RB3008"
_SUBSCRIBE: Final = "`ratebook subscription add` puts it on one; or leave its usage out"
_SPOOLED_AT_ONCE: Final = 10_000
_STRUCTURE = (("account", "subject"), ("event", "meter", "type"))


@dataclass(frozen=True, slots=True)
class UsageRow:
    """A row of `usage_events`, and where it was read."""

    source: str
    event_id: str
    account: str
    event: str
    time: int
    fields: str
    place: str

    @property
    def identity(self) -> Name:
        """What makes it the same event again."""
        return self.source, self.event_id

    @property
    def fingerprint(self) -> bytes:
        """What makes it the same content."""
        return fingerprint(self.account, self.event, self.time, self.fields)


@dataclass(slots=True)
class ReadUsage:
    """What files or rows hold: rows, mistakes in rows, and findings about files.

    Where there are many rows all of them are in `spool`, and `rows` is empty.
    """

    rows: list[UsageRow] = field(default_factory=list)
    spool: Spool | None = None
    rejects: list[Reject] = field(default_factory=list)
    findings: list[Diagnostic] = field(default_factory=list)
    read: int = 0
    rejected: int = 0

    @property
    def is_sound(self) -> bool:
        """Whether no row and no file was wrong."""
        return not self.rejects and not any(item.severity is Severity.ERROR for item in self.findings)


@dataclass(frozen=True, slots=True)
class Subscribed:
    """Which rulesets' words each account may use: the names of rulesets by account, and the schemas by name."""

    by_account: Mapping[str, Sequence[str]]
    schemas: Mapping[str, FactSchema]


def read_usage_files(
    paths: Iterable[str | Path], subscribed: Subscribed, *, many: int = 0, spool: Callable[[], Spool] | None = None
) -> ReadUsage:
    """The rows of files and globs; `-` is JSON Lines from standard input. From `many` rows on they go to a spool."""
    files, findings = expand_paths(paths)
    reading = _Reading(subscribed, many, spool)
    reading.result.findings.extend(findings)
    for file in files:
        try:
            with open_rows(file, reading.wanted) as source:
                reading.take(file, source, lambda file=file: _digest(file))  # type: ignore[misc]
        except UnreadableFileError as error:
            reading.result.findings.append(unreadable(file, error))
    return reading.finished()


def read_usage_rows(
    rows: Iterable[Mapping[str, object]],
    subscribed: Subscribed,
    *,
    name: str = "usage",
    many: int = 0,
    spool: Callable[[], Spool] | None = None,
) -> ReadUsage:
    """The rows that a program hands over: the mappings that lines of JSON would give."""
    reading = _Reading(subscribed, many, spool)
    reading.take(InputFile(name, FileKind.ROWS), handed_over(rows), None)
    return reading.finished()


def _digest(file: InputFile) -> str:
    if file.path is None:
        return ""
    digest = sha256()
    with file.path.open("rb") as stream:
        while chunk := stream.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


class _Reading:
    """The state of one run over files."""

    def __init__(self, subscribed: Subscribed, many: int = 0, spool: Callable[[], Spool] | None = None) -> None:
        self.result = ReadUsage()
        self._many, self._spool = many, spool
        self.wanted = frozenset().union(*(usage_columns(schema) for schema in subscribed.schemas.values()))
        self._subscribed = subscribed
        self._known = subscribed.by_account.keys()
        self._ignored: set[tuple[str, str, str]] = set()
        self._readers = {
            name: FactReader(schema, self._known, self._refuse, self._ignore)
            for name, schema in subscribed.schemas.items()
        }
        self._words = {
            name: frozenset(schema.events) | frozenset(schema.meters) for name, schema in subscribed.schemas.items()
        }

    def take(self, file: InputFile, source: RowSource, digest: Callable[[], str] | None) -> None:
        self._file, self._row = file, 0
        result = self.result
        refused = refused_columns(source, _STRUCTURE)
        result.rejects.extend(reject(file, None, *mistake) for mistake in refused)
        made: str | None = None
        for self._row, row in source.rows:
            result.read += 1
            before = len(result.rejects)
            if isinstance(row, Broken):
                self._refuse("", row.value, row.refusal)
            elif not refused:
                found = self._reader_of(row).fact(row)
                if found is not None and len(result.rejects) == before:
                    fact, identity = found
                    if identity is None and digest is not None:
                        made = digest() if made is None else made
                        identity = (str(self._row), f"file:{made}") if made else None
                    self._add(fact, identity)
            result.rejected += bool(refused) or len(result.rejects) > before

    def _add(self, fact: Fact, identity: Identity | None) -> None:
        if identity is None:
            way_out = "give every event an `id` of its own, so that it counts once for ever"
            self._refuse("id", None, Refusal("RB7048", "it is missing", way_out))
            return
        found = usage_row(fact, identity, self._file.place(self._row))
        if isinstance(found, Refusal):
            self._refuse("time", None, found)
            return
        rows = self.result.rows
        rows.append(found)
        if self._spool is not None and len(rows) >= (self._many if self.result.spool is None else _SPOOLED_AT_ONCE):
            self._write_aside()

    def finished(self) -> ReadUsage:
        """What was read, once everything is."""
        if self.result.spool is not None:
            self._write_aside()
            self.result.spool.close()
        return self.result

    def _write_aside(self) -> None:
        assert self._spool is not None, "nobody else makes a spool"
        if self.result.spool is None:
            self.result.spool = self._spool()
        self.result.spool.add(self.result.rows)
        self.result.rows.clear()

    def _reader_of(self, row: RawRow) -> FactReader:
        """The words of the ruleset that has this event, of those that the account is subscribed to."""
        account, word = row.get("account", row.get("subject")), row.get("event", row.get("meter", row.get("type")))
        own = self._subscribed.by_account.get(str(account), ())
        named = next((name for name in own if word in self._words[name]), None)
        named = named or next(iter(own), None) or next(iter(self._readers))
        return self._readers[named]

    def _refuse(self, column: str, raw: object, refusal: Refusal) -> None:
        if refusal.code == _UNKNOWN_ACCOUNT:
            way_out = refusal.way_out if refusal.way_out.startswith("did you mean") else _SUBSCRIBE
            refusal = replace(refusal, reason="no account of this name has a plan", way_out=way_out)
        self.result.rejects.append(reject(self._file, self._row, column, raw, refusal))

    def _ignore(self, column: str, owner: str) -> None:
        key = (self._file.name, column, owner)
        if key not in self._ignored:
            self._ignored.add(key)
            self.result.findings.append(ignored_column(self._file, column, owner))


def usage_row(fact: Fact, identity: Identity, place: str = "") -> UsageRow | Refusal:
    """A valid fact as the database has it."""
    event_id, source = identity
    if isinstance(fact, UsageEvent):
        event, time, fields = fact.event, fact.time, dict(_texts(fact.fields))
    elif fact.time is None:
        way_out = "write in `time` when it was used; it belongs to the billing period that holds this time"
        return Refusal("RB7049", "a metered quantity needs one here", way_out)
    else:
        event, time = METER + fact.meter, fact.time
        fields = {**dict(_texts(fact.fields)), "quantity": exact_text(fact.quantity)}
    return UsageRow(source or "", event_id, fact.account, event, microseconds(time), canonical(fields), place)


def _texts(fields: Mapping[str, Value]) -> Iterator[tuple[str, object]]:
    for name, value in fields.items():
        match value:
            case bool() | str():
                yield name, value
            case Decimal():
                yield name, _number(value)
            case date():
                yield name, value.isoformat()


def _number(value: Decimal) -> str:
    """The shortest text of a number, so that 1.0 is the same content as 1."""
    text = format(value, "f")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text
