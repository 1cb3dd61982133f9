"""Rulesets in force: checked texts, stored by the hash of their content, and the programs that they compile to.

No bill and no live charge uses a text that is not stored here. Of one name the latest row is in force; which of its
prices hold on which day is the ruleset's own matter. A closed period keeps its prices: a text that changes them is not
published.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import cast

from ..diagnostics import Diagnostic, Severity, Source
from ..engine.compiler.against import compare
from ..engine.compiler.compile import Compiled, compile_ruleset
from ..engine.plan import Program
from ..ledger.books import RULESETS
from ..ledger.store import Reader, Store, Transaction, Value
from .acting import Acting, Json, asked_for, instant, once, record, remembered

_MAX_BYTES = 1 << 40
"""What was checked when it was published is not held to a size again."""


@dataclass(frozen=True, slots=True)
class Published:
    """A ruleset as it is stored: its name, the hash of its content, its files (JSON) and which of them is the first."""

    id: int
    name: str
    hash: str
    main: str
    files: str
    currency: str
    published: datetime
    note: str

    @property
    def program(self) -> Program:
        """What it compiles to; kept for the process."""
        compiled = compiled_of(self.main, self.files)
        assert compiled.program is not None, "only checked rulesets are stored"
        return compiled.program

    @property
    def sources(self) -> Mapping[str, Source]:
        """Its files by name."""
        return compiled_of(self.main, self.files).sources


@lru_cache(maxsize=64)
def compiled_of(main: str, files: str) -> Compiled:
    """The stored files compiled; `files` is JSON of names and texts."""
    texts: dict[str, str] = json.loads(files)
    return compile_ruleset(Source(main, texts[main]), texts.get, max_bytes=_MAX_BYTES)


def files_of(compiled: Compiled) -> tuple[str, str]:
    """The name of the first file of a compiled ruleset, and all of its files as JSON in their order."""
    texts = {name: source.text for name, source in compiled.sources.items()}
    return next(iter(texts)), json.dumps(texts, ensure_ascii=False, separators=(",", ":"))


_COLUMNS = "id, name, hash, main, files, currency, published, note"


def ruleset_in_force(reader: Reader, name: str, *, through: int | None = None) -> Published | Diagnostic:
    """The ruleset of a name that is in force, or was at a place in the sequence; or that there is none."""
    bound, given = ("", ()) if through is None else (" AND id <= ?", (through,))
    found = reader.rows(
        f"SELECT {_COLUMNS} FROM rulesets WHERE name = ?{bound} ORDER BY id DESC LIMIT 1", (name, *given)
    )
    return _published(found[0]) if found else unknown_ruleset(reader, name)


def ruleset_by_hash(reader: Reader, digest: str) -> Published:
    """The ruleset of a hash that some stored row names."""
    return _published(reader.rows(f"SELECT {_COLUMNS} FROM rulesets WHERE hash = ? ORDER BY id LIMIT 1", (digest,))[0])


def rulesets_in_force(reader: Reader) -> list[Published]:
    """The rulesets in force, by name."""
    latest = "SELECT max(id) FROM rulesets GROUP BY name"
    return [
        _published(row) for row in reader.rows(f"SELECT {_COLUMNS} FROM rulesets WHERE id IN ({latest}) ORDER BY name")
    ]


def published_rulesets(reader: Reader) -> list[Published]:
    """Everything that was published, in order."""
    return [_published(row) for row in reader.rows(f"SELECT {_COLUMNS} FROM rulesets ORDER BY id")]


def _published(row: tuple[Value, ...]) -> Published:
    number, name, digest, main, files, currency, published, note = row
    return Published(
        cast(int, number),
        cast(str, name),
        cast(str, digest),
        cast(str, main),
        cast(str, files),
        cast(str, currency),
        instant(cast(int, published)),
        cast(str, note),
    )


def unknown_ruleset(reader: Reader, name: str) -> Diagnostic:
    """The finding that no ruleset of this name is published."""
    known = ", ".join(item.name for item in rulesets_in_force(reader))
    hints = ("`ratebook publish FILE` publishes one", *((f"published are {known}",) if known else ()))
    return Diagnostic("RB7043", f"no ruleset {name} is published", hints=hints)


def closed_through(reader: Reader, name: str) -> date | None:
    """The end of the latest billed period of a ruleset's subscriptions; days before it are closed."""
    found = reader.rows(
        "SELECT max(period_end) FROM invoices WHERE ruleset = ? AND kind IN ('invoice', 'nothing')", (name,)
    )
    return date.fromisoformat(cast(str, found[0][0])) if found[0][0] is not None else None


def refusals_of(reader: Reader, compiled: Compiled) -> list[Diagnostic]:
    """Why a compiled ruleset cannot be published; empty where it can. Warnings do not stand in the way."""
    if compiled.program is None:
        return [finding for finding in compiled.findings if finding.severity is Severity.ERROR]
    program = compiled.program
    earlier = ruleset_in_force(reader, program.name)
    if isinstance(earlier, Diagnostic):
        return []
    if earlier.currency != program.money.currency.code:
        message = (
            f"{program.name} is published in {earlier.currency}, and this text is in {program.money.currency.code}"
        )
        return [Diagnostic("RB7050", message, hints=("publish it under another name",))]
    closed = closed_through(reader, program.name)
    if closed is None:
        return _missing_plans(reader, program)
    found = compare(compiled_of(earlier.main, earlier.files), compiled, closed)
    assert found is not None, "both have a program"
    refused = [item for item in found.findings if item.severity is Severity.ERROR]
    return [*refused, *_missing_plans(reader, program)]


def _missing_plans(reader: Reader, program: Program) -> list[Diagnostic]:
    rows = reader.rows(
        "SELECT DISTINCT plan FROM subscriptions WHERE ruleset = ? AND id IN "
        "(SELECT max(id) FROM subscriptions GROUP BY number) AND end_day = '' ORDER BY plan",
        (program.name,),
    )
    hints = ("keep the plan, or move its accounts to another one first: `ratebook subscription change`",)
    return [
        Diagnostic("RB7050", f"plan {cast(str, plan)} is gone, and accounts have it", hints=hints)
        for (plan,) in rows
        if plan not in program.plans
    ]


def publish(store: Store, acting: Acting, compiled: Compiled, *, note: str = "") -> Json | tuple[Diagnostic, ...]:
    """Store a checked ruleset, so that it is in force from now on; the same content in force adds nothing.

    Refused with all of `refusals_of`; nothing is remembered then, and the same key may publish a corrected text.
    """
    program = compiled.program
    if program is None:
        return tuple(store.read(lambda reader: refusals_of(reader, compiled)))
    body = {"hash": program.hash, "name": program.name}
    known = store.read(lambda reader: remembered(reader, acting.key, asked_for("publish", body)))
    if known is not None:
        return (known,) if isinstance(known, Diagnostic) else known
    refused = store.read(lambda reader: refusals_of(reader, compiled))
    if refused:
        return tuple(refused)
    main, files = files_of(compiled)
    currency = program.money.currency.code

    def work(transaction: Transaction) -> Json | Diagnostic:
        late = refusals_of(transaction, compiled)
        if late:  # something was billed or published since
            return late[0]
        earlier = ruleset_in_force(transaction, program.name)
        before = None if isinstance(earlier, Diagnostic) else earlier.hash
        if before == program.hash:
            return {"ruleset": program.name, "hash": program.hash, "published": False, "before": before}
        transaction.append(RULESETS, [(program.name, program.hash, main, files, currency, acting.time, note)])
        record(transaction, acting, "ruleset published", subject=program.name, before=before, after=program.hash)
        return {"ruleset": program.name, "hash": program.hash, "published": True, "before": before}

    answer = once(store, acting, "publish", body, work)
    return (answer,) if isinstance(answer, Diagnostic) else answer
