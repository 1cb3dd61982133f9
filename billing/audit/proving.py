"""Making the proof of an invoice line: the rows that show it, as few events of usage as suffice to rate it again.

All of a line's story is shown: the published ruleset, the subscription and attributes that it was rated with, the run
that billed it, usage, the line, its invoice, and the transfer that posted it. Of usage the least of these is shown from
which the same line comes out: none, one kind of event in the billing period, all of the period, all before its end.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import cast

from ...diagnostics import Diagnostic
from ...ledger.books import BOOK_TABLES
from ...ledger.log import leaf_hashes
from ...ledger.merkle import inclusion_proofs, verify_inclusion
from ...ledger.note import Checkpoint
from ...ledger.proof import FILED_COLUMNS, FILED_TABLE, Claim, Proof, ProofRow, file_root, prove
from ...ledger.proof import TABLES as PLACES
from ...ledger.store import Reader, Row
from ...ledger.tables import LEDGER_TABLES
from ..account_facts import DAYS_OVERDUE, OVERDUE
from ..documents import Document, find_document
from ..rulesets import compiled_of
from ..stored.events import Asked, count_events, event_names, filed_events
from ..stored.parts import finding, parts_of
from ..stored.tree import event_hashes
from .report import TABLES
from .rerating import rate_again

USAGE_MAX = 10_000
"""So many events are shown without being asked for: each takes about 2 KiB."""

_COLUMNS = {table.name: table.hashed for table in (*LEDGER_TABLES, *BOOK_TABLES) if table.append_only}


def prove_line(
    reader: Reader, number: str, line: int, checkpoint: Checkpoint, note: str, *, usage_max: int = USAGE_MAX
) -> Proof | Diagnostic:
    """The proof of a line of a document under a checkpoint, whose signed note goes with it.

    Refused where there is no such line (RB7060, RB7135), the checkpoint is older (RB7135), the log is another than was
    signed (RB7108), or it takes more events than `usage_max` to rate the line again (RB7135).
    """
    document = find_document(reader, number)
    if isinstance(document, Diagnostic):
        return document
    shown = _story(reader, document, line)
    if isinstance(shown, Diagnostic):
        return shown
    usage = _usage(reader, document, shown, usage_max)
    if isinstance(usage, Diagnostic):
        return usage
    rows = [*usage, *shown]
    youngest = max(row.place for row in rows if row.file is None)
    if youngest >= checkpoint.size:
        return Diagnostic(
            "RB7135",
            f"the checkpoint is of {checkpoint.size} rows, and the line needs {youngest + 1}",
            hints=("`ratebook audit checkpoint` signs a new one", "--key signs one for this proof"),
        )
    billed = next(row for row in shown if row.role == "line")
    claim = Claim(
        series=document.number.rpartition("-")[0],
        number=int(document.number.rpartition("-")[2]),
        line=line,
        ruleset=document.hash,
        place=cast(str, billed.value("place")),
    )
    filed = _filed_paths(reader, rows)
    if isinstance(filed, Diagnostic):
        return filed
    try:
        proof = prove(claim, rows, leaf_hashes(reader, TABLES), checkpoint.size, note, filed)
    except ValueError:
        return _other_log(checkpoint)
    path = proof.paths[-1]
    if not verify_inclusion(rows[-1].hash(), rows[-1].place, checkpoint.size, path, checkpoint.root):
        return _other_log(checkpoint)
    return proof


def _other_log(checkpoint: Checkpoint) -> Diagnostic:
    hints = ("`ratebook audit verify` with this checkpoint says what differs",)
    return Diagnostic("RB7108", f"the log is not what was signed in the checkpoint of {checkpoint.size}", hints=hints)


def _story(reader: Reader, document: Document, line: int) -> list[ProofRow] | Diagnostic:
    """Everything that is shown but usage."""
    lines = rows_as(reader, "line", "invoice = ? AND line = ?", (document.id, line))
    if not lines:
        message = f"{document.number} has no line {line}"
        return Diagnostic("RB7135", message, hints=(f"`ratebook bill show {document.number}` lists its lines",))
    (billed,) = lines
    (invoice,) = rows_as(reader, "invoice", "id = ?", (document.id,))
    rulesets = rows_as(reader, "ruleset", "name = ? AND hash = ?", (document.ruleset, document.hash))[:1]
    transfer = billed.value("transfer")
    posted = [] if transfer is None else rows_as(reader, "transfer", "id = ?", (transfer,))
    run = cast("int | None", invoice.value("run"))
    if run is None:
        return [*rulesets, *posted, invoice, billed]
    return [
        *rulesets,
        *_known(reader, document, run),
        *rows_as(reader, "run", "id = ?", (run,)),
        *_before(reader, document, billed, rulesets, run),
        *posted,
        invoice,
        billed,
    ]


def _known(reader: Reader, document: Document, run: int) -> Iterator[ProofRow]:
    """What the run knew of the account: the subscription as it stood, and all attributes until then."""
    of = (document.subscription, run)
    yield from rows_as(
        reader, "subscription", "id = (SELECT max(id) FROM subscriptions WHERE number = ? AND id <= ?)", of
    )
    yield from rows_as(reader, "attributes", "account = ? AND id <= ?", (document.account, run))


def _before(
    reader: Reader, document: Document, billed: ProofRow, rulesets: Sequence[ProofRow], run: int
) -> Iterator[ProofRow]:
    """Earlier documents, where the line depends on them: what it adjusts, and what was overdue."""
    start = cast(str, billed.value("origin_start"))
    bill = "subscription = ? AND period_start = ? AND id <= ? AND kind IN ('invoice', 'nothing')"
    if start:
        concerned = (
            "((invoices.period_start = ? AND invoices.kind IN ('invoice', 'nothing') AND origin_start = '') "
            "OR (origin_start = ? AND invoices.kind <> 'credit note'))"
        )
        earlier = (
            "SELECT invoice_lines.id FROM invoice_lines JOIN invoices ON invoices.id = invoice_lines.invoice "
            f"WHERE invoices.subscription = ? AND invoices.id <= ? AND {concerned}"
        )
        yield from rows_as(reader, "earlier line", f"id IN ({earlier})", (document.subscription, run, start, start))
    owed = "account = ? AND id <= ? AND kind IN ('invoice', 'adjustment') AND total > 0"
    if any(_reads_overdue(row) for row in rulesets):
        both = f"({owed}) OR ({bill})"
        parameters = (document.account, run, document.subscription, start, run)
        yield from rows_as(reader, "earlier invoice", both, parameters)
        settled = f"id <= ? AND invoice IN (SELECT id FROM invoices WHERE {owed})"
        yield from rows_as(reader, "settlement", settled, (run, document.account, run))
    elif start:
        yield from rows_as(reader, "earlier invoice", bill, (document.subscription, start, run))


def _reads_overdue(ruleset: ProofRow) -> bool:
    compiled = compiled_of(cast(str, ruleset.value("main")), cast(str, ruleset.value("files")))
    return compiled.program is not None and bool({OVERDUE, DAYS_OVERDUE} & compiled.program.schema.attributes.keys())


def _usage(
    reader: Reader, document: Document, shown: Sequence[ProofRow], usage_max: int
) -> list[ProofRow] | Diagnostic:
    """The least usage from which the line comes out; what the period has, where it cannot be rated again at all."""
    fallback: list[ProofRow] | None = None
    for asked in _choices(reader, document, shown):
        count = count_events(reader, asked)
        if count > usage_max:
            hints = (f"--all-usage shows them all, in about {count * 2 // 1024 + 1:,} MiB",)
            return Diagnostic("RB7135", f"it takes {count:,} events to rate the line again", hints=hints)
        rows = _usage_rows(reader, asked)
        found = rate_again([*rows, *shown])
        if found is None:
            return rows
        fallback = rows if found.code == "RB7134" and fallback is None else fallback
    if fallback is not None:
        return fallback
    hints = ("`ratebook explain` shows what it comes to; tell the maintainers if that is what was billed",)
    return Diagnostic("RB7133", "the line does not come out again from what is stored", hints=hints)


def _choices(reader: Reader, document: Document, shown: Sequence[ProofRow]) -> Iterator[Asked]:
    """Which usage events, from none of them to all that the bill could see."""
    invoice = next(row for row in shown if row.role == "invoice")
    billed = next(row for row in shown if row.role == "line")
    earlier = [row for row in shown if row.role == "earlier invoice" and row.value("kind") != "adjustment"]
    of = (document.subscription, billed.value("origin_start"))
    about = next((row for row in earlier if (row.value("subscription"), row.value("period_start")) == of), invoice)
    starts, ends = cast(int, about.value("starts")), cast(int, about.value("ends"))
    run = cast("int | None", invoice.value("run")) or 0
    before = Asked(account=document.account, through=run, until=ends)
    within = replace(before, since=starts)
    yield replace(within, events=())
    names = event_names(reader, within)
    if len(names) > 1:
        for name in names:
            yield replace(within, events=(name,))
    yield within
    yield before


def _usage_rows(reader: Reader, asked: Asked) -> list[ProofRow]:
    """The rows of these events, and of the files that hold some of them."""
    words, values = asked.conditions(in_files=False)
    rows = rows_as(reader, "usage", words, values)
    for part in asked.parts(reader):
        filed = [
            ProofRow("filed usage", FILED_TABLE, place, tuple(zip(FILED_COLUMNS, content, strict=True)), part.id - 1)
            for place, content in filed_events(part, asked)
        ]
        if filed:
            rows += [*rows_as(reader, "usage file", "id = ?", (part.id,)), *filed]
    return rows


def _filed_paths(reader: Reader, rows: Sequence[ProofRow]) -> dict[tuple[int, int], tuple[bytes, ...]] | Diagnostic:
    """For events of files, what leads from each to the root of its file."""
    paths: dict[tuple[int, int], tuple[bytes, ...]] = {}
    files = {row.file for row in rows if row.file is not None}
    for part in parts_of(reader) if files else []:
        if part.id - 1 not in files:
            continue
        places = [row.place for row in rows if row.file == part.id - 1]
        found = inclusion_proofs(event_hashes(part), part.events, places)
        paths |= {(part.id - 1, place): path for place, path in found.items()}
        first = next(row for row in rows if row.file == part.id - 1)
        root = file_root(part.digest)
        if root is None or not verify_inclusion(first.hash(), first.place, part.events, found[first.place], root):
            return finding(part, "is not what it was when it was taken in")
    return paths


def rows_as(reader: Reader, role: str, where: str, parameters: Row) -> list[ProofRow]:
    """Rows of the table of a role, in the order of the log."""
    table = PLACES[role]
    names = _COLUMNS[table]
    return [
        ProofRow(role, table, cast(int, fields[0]) - 1, tuple(zip(names, fields, strict=True)))
        for fields in reader.rows(f"SELECT {', '.join(names)} FROM {table} WHERE {where} ORDER BY id", parameters)
    ]
