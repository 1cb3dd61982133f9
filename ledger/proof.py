"""Proof of one invoice line, to be checked without the database: this usage, this rule, this transfer.

The document is JSON, `ratebook.proof/1`. It holds the rows with all their fields, for each the hashes that lead from
its leaf to the root of the log, and the signed checkpoint with that root. A field is three texts: column, tag and text
as the row's leaf has them (see `leaf`), so that an auditor can write the leaf down again from the document.

    {"schema": "ratebook.proof/1",
     "claim": {"series": "INV", "number": 17, "line": 3, "ruleset": "sha256:…", "place": "platform.rates:24"},
     "rows": [{"role": "transfer", "table": "transfers", "place": 4711,
               "fields": [["id", "i", "4712"], …, ["amount", "i", "90000"], …], "path": ["base64 of a hash", …]}, …],
     "checkpoint": "ledger.example.com/production\\n20852163\\n…"}

An event of a file of usage has its place in the file, and under `file` the place of the file's row, which is shown
too: its path leads to the root that this row has as the file's digest.

What follows from a proof that holds: these rows stood in the log that the checkpoint signs, and they belong together as
`LINKS` says. That the rule gives the line's amount for the usage is shown by rating it again: `billing.audit.rerating`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from ..diagnostics.diagnostic import Diagnostic
from .leaf import Field, heading, leaf, tagged, untagged
from .merkle import HASH_LENGTH, inclusion_proofs, leaf_hash, verify_inclusion
from .note import Checkpoint, PublicKey, from_base64, open_note, read_public_key, to_base64

SCHEMA = "ratebook.proof/1"
_FILE_DIGEST = "merkle-sha256:"

TABLES = {
    "usage": "usage_events",
    "usage file": "usage_files",
    "filed usage": "filed_events",
    "ruleset": "rulesets",
    "invoice": "invoices",
    "line": "invoice_lines",
    "transfer": "transfers",
    "run": "bill_runs",
    "subscription": "subscriptions",
    "attributes": "customer_changes",
    "earlier invoice": "invoices",
    "earlier line": "invoice_lines",
    "settlement": "settlements",
}
"""The roles of rows, and the table that a row of the role is in."""

FILED_TABLE = TABLES["filed usage"]
FILED_COLUMNS = ("source", "event_id", "account", "event", "time", "fields")
"""An event of a file of usage as the leaves of the file's own tree name it."""

_ONE = ("ruleset", "invoice", "line")
"""Roles of which a proof has one row. It has any number of `usage` and `usage file`, and a transfer unless the amount
of the line is zero. The other roles show what else the line was rated with."""

USAGE = ("usage", "filed usage")
"""Roles of events of usage, in the database and in files."""

_AT_MOST_ONE = ("run", "subscription")

LINKS = (
    ("line", "invoice", "invoice", "id"),
    ("line", "transfer", "transfer", "id"),
    ("invoice", "ruleset", "ruleset", "name"),
    ("invoice", "hash", "ruleset", "hash"),
    ("invoice", "currency", "transfer", "currency"),
    ("usage", "account", "invoice", "account"),
    ("filed usage", "account", "invoice", "account"),
    ("invoice", "run", "run", "id"),
    ("run", "hash", "ruleset", "hash"),
    ("invoice", "subscription", "subscription", "number"),
    ("subscription", "account", "invoice", "account"),
    ("attributes", "account", "invoice", "account"),
    ("earlier invoice", "account", "invoice", "account"),
)
"""Which columns of which rows have the same value."""

CLAIMED = (
    ("series", "invoice", "series"),
    ("number", "invoice", "number"),
    ("line", "line", "line"),
    ("ruleset", "invoice", "hash"),
    ("place", "line", "place"),
)
"""What the claim says, and the column of the row that says so too."""

_POSTED = ("plain", "post")
"""Phases of transfers that move money; a hold does not, nor does its end."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What is to be proved: which line of which invoice, and the rule that priced it: its text's hash and its place."""

    series: str
    number: int
    line: int
    ruleset: str
    place: str


@dataclass(frozen=True, slots=True)
class ProofRow:
    """A row as it is in the log: its role in the proof, its table, its place from 0, and its columns with values.

    An event of a file of usage has its place in that file; `file` is the place of the file's row.
    """

    role: str
    table: str
    place: int
    fields: tuple[tuple[str, Field], ...]
    file: int | None = None

    def hash(self) -> bytes:
        """The hash of its leaf."""
        return leaf_hash(
            leaf(heading(self.table, (name for name, _ in self.fields)), [value for _, value in self.fields])
        )

    def value(self, column: str) -> Field:
        """What the row has in a column, None where it has none."""
        return dict(self.fields).get(column)


@dataclass(frozen=True, slots=True)
class Proof:
    """A claim, the rows that show it with their paths to the root, and the signed note with that root."""

    claim: Claim
    rows: tuple[ProofRow, ...]
    paths: tuple[tuple[bytes, ...], ...]
    checkpoint: str


def file_digest(root: bytes) -> str:
    """The root of the tree over a file's events as the file's row has it."""
    return _FILE_DIGEST + root.hex()


def file_root(digest: Field) -> bytes | None:
    """The inverse of `file_digest`; None for what it never gives."""
    found = re.fullmatch(_FILE_DIGEST + "([0-9a-f]{64})", digest) if isinstance(digest, str) else None
    return None if found is None else bytes.fromhex(found[1])


def prove(
    claim: Claim,
    rows: Sequence[ProofRow],
    hashes: Iterable[bytes],
    size: int,
    checkpoint: str,
    filed: Mapping[tuple[int, int], tuple[bytes, ...]] = MappingProxyType({}),
) -> Proof:
    """The proof of a claim from rows of the log, its leaf hashes in their order, and a signed note of `size` rows.

    `filed` has the paths of events of files, by the place of the file's row and the place in the file. ValueError where
    a row is younger than the checkpoint, or there are fewer hashes than `size`.
    """
    paths = inclusion_proofs(hashes, size, [row.place for row in rows if row.file is None])
    found = (paths[row.place] if row.file is None else filed[row.file, row.place] for row in rows)
    return Proof(claim, tuple(rows), tuple(found), checkpoint)


def write_proof(proof: Proof) -> str:
    """The document; `read_proof` gives the same proof again."""
    claim = proof.claim
    document = {
        "schema": SCHEMA,
        "claim": {name: getattr(claim, name) for name, _, _ in CLAIMED},
        "rows": [
            {
                "role": row.role,
                "table": row.table,
                "place": row.place,
                "fields": [[name, *tagged(value)] for name, value in row.fields],
                "path": [to_base64(node) for node in path],
                **({} if row.file is None else {"file": row.file}),
            }
            for row, path in zip(proof.rows, proof.paths, strict=True)
        ],
        "checkpoint": proof.checkpoint,
    }
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"


def verify_proof(document: str, vkey: str) -> tuple[Diagnostic, ...]:
    """What is wrong with a proof; nothing where it holds.

    `vkey` is the public key of the log, or several in a line each, where it had others before. Needs no database, and
    never raises, whatever the document holds.
    """
    findings: list[Diagnostic] = []
    keys = _keys(vkey, findings)
    proof = read_proof(document)
    if not isinstance(proof, Proof):
        return (*findings, *proof)
    if keys:
        checkpoint = open_note(proof.checkpoint, keys)
        findings.extend(_not_held(proof, checkpoint) if isinstance(checkpoint, Checkpoint) else [checkpoint])
    findings.extend(Diagnostic("RB7115", reason) for reason in _apart(proof))
    return tuple(findings)


def _keys(text: str, findings: list[Diagnostic]) -> list[PublicKey]:
    keys = [read_public_key(line) for line in text.splitlines() if line.strip()] or [read_public_key("")]
    findings.extend(key for key in keys if isinstance(key, Diagnostic))
    return [key for key in keys if isinstance(key, PublicKey)]


def _not_held(proof: Proof, checkpoint: Checkpoint) -> Iterable[Diagnostic]:
    """The rows that do not lead to the root."""
    files = {row.place: row for row in proof.rows if row.role == "usage file"}
    for row, path in zip(proof.rows, proof.paths, strict=True):
        if row.file is not None:
            file = files.get(row.file)
            size, root = (None, None) if file is None else (file.value("events"), file_root(file.value("digest")))
            if (
                not isinstance(size, int)
                or root is None
                or not verify_inclusion(row.hash(), row.place, size, path, root)
            ):
                yield Diagnostic(
                    "RB7114",
                    f"no file that is shown holds {_named(row)} as it is shown",
                    notes=("a field, its place, its file or one of the hashes beside it was changed",),
                )
        elif not verify_inclusion(row.hash(), row.place, checkpoint.size, path, checkpoint.root):
            yield Diagnostic(
                "RB7114",
                f"the log of {checkpoint.size} rows does not hold {_named(row)} as it is shown",
                notes=("a field, its place or one of the hashes beside it was changed",),
            )


def _apart(proof: Proof) -> Iterable[str]:
    """In which ways the rows do not show the claim."""
    rows: dict[str, list[ProofRow]] = {role: [] for role in TABLES}
    for row in proof.rows:
        if TABLES.get(row.role) != row.table or (row.table == FILED_TABLE) != (row.file is not None):
            yield f"{_named(row)} is shown as {row.role!r}, which its table does not hold"
        else:
            rows[row.role].append(row)
    for role in _ONE:
        if len(rows[role]) != 1:
            yield f"a proof has one row as {role!r}, and here are {len(rows[role])}"
    for role in _AT_MOST_ONE:
        if len(rows[role]) > 1:
            yield f"a proof has at most one row as {role!r}, and here are {len(rows[role])}"
    yield from _amounts(rows)
    for role, column, other_role, other_column in LINKS:
        for row in rows[role]:
            for other in rows[other_role]:
                if row.value(column) != other.value(other_column) or row.value(column) is None:
                    yield f"{_named(row)} and {_named(other)} differ in {_column(column, other_column)}"
    for name, role, column in CLAIMED:
        for row in rows[role]:
            if row.value(column) != getattr(proof.claim, name):
                yield f"the claim names another {name} than {_named(row)}"


def _amounts(rows: dict[str, list[ProofRow]]) -> Iterable[str]:
    """The amount of a line is what its transfer moves; below zero it is moved back."""
    transfers = rows["transfer"]
    if len(transfers) > 1:
        yield f"a line has one transfer at most, and here are {len(transfers)}"
    for line in rows["line"]:
        amount = line.value("amount")
        if not isinstance(amount, int):
            yield f"{_named(line)} has no amount"
        elif not transfers and (amount != 0 or line.value("transfer") is not None):
            yield f"the transfer of {_named(line)} is not shown"
        else:
            for transfer in transfers:
                if transfer.value("amount") != abs(amount):
                    yield f"{_named(line)} and {_named(transfer)} differ in the amount"
    for transfer in transfers:
        if transfer.value("phase") not in _POSTED:
            yield f"{_named(transfer)} moves no money"


def _column(column: str, other: str) -> str:
    return column if column == other else f"{column} and {other}"


def _named(row: ProofRow) -> str:
    if row.file is not None:
        return f"event {row.place + 1} of the file in row {row.file + 1}"
    return f"row {row.place + 1} in {row.table}"


def read_proof(document: str) -> Proof | tuple[Diagnostic, ...]:
    """The proof that a document holds, or everything because of which it is none (RB7113)."""
    try:
        read = json.loads(document, object_pairs_hook=_once, parse_constant=_refuse)
    except RecursionError:
        return (_unreadable("it is nested too deep"),)
    except ValueError as error:
        return (_unreadable(f"it is not JSON: {error}"),)
    problems: list[str] = []
    parts = _parts(read, _DOCUMENT, "the document", problems)
    if parts is not None and parts["schema"] != SCHEMA:
        # Of another schema nothing else can be said.
        return (_unreadable(f"it is not of the schema {SCHEMA}"),)
    if parts is None:
        return tuple(map(_unreadable, problems))
    claimed = _parts(parts["claim"], _CLAIM, "the claim", problems)
    rows = [_row(value, f"row {number} of the proof", problems) for number, value in enumerate(parts["rows"], start=1)]
    if problems or claimed is None:
        return tuple(map(_unreadable, problems))
    whole = [row for row in rows if row is not None]
    return Proof(
        Claim(**claimed), tuple(row for row, _ in whole), tuple(path for _, path in whole), parts["checkpoint"]
    )


_DOCUMENT: dict[str, type] = {"schema": str, "claim": dict, "rows": list, "checkpoint": str}
_CLAIM: dict[str, type] = {"series": str, "number": int, "line": int, "ruleset": str, "place": str}
_ROW: dict[str, type] = {"role": str, "table": str, "place": int, "fields": list, "path": list}
_FILED_ROW = {**_ROW, "file": int}
_WORDS = {str: "a text", int: "a whole number", list: "a list", dict: "an object"}


def _parts(value: object, kinds: dict[str, type], where: str, problems: list[str]) -> dict[str, Any] | None:
    """The parts of an object, if it has just these and each is of its kind."""
    if type(value) is not dict:
        problems.append(f"{where} is not an object")
        return None
    before = len(problems)
    problems.extend(f"{where} has no {name}" for name in kinds if name not in value)
    problems.extend(f"{where} has {name!r}, which no proof has" for name in value if name not in kinds)
    problems.extend(
        f"{name} of {where} is not {_WORDS[kind]}"
        for name, kind in kinds.items()
        if name in value and type(value[name]) is not kind
    )
    return value if len(problems) == before else None


def _row(value: object, where: str, problems: list[str]) -> tuple[ProofRow, tuple[bytes, ...]] | None:
    """A row and its path."""
    is_filed = type(value) is dict and "file" in value
    parts = _parts(value, _FILED_ROW if is_filed else _ROW, where, problems)
    if parts is None:
        return None
    before = len(problems)
    fields = tuple(_field(field, number, where, problems) for number, field in enumerate(parts["fields"], start=1))
    path = tuple(_hash(node) for node in parts["path"])
    if None in path:
        problems.append(f"the path of {where} holds what is not the base64 of a hash")
    shown = tuple(field for field in fields if field is not None)
    row = ProofRow(parts["role"], parts["table"], parts["place"], shown, parts.get("file"))
    try:
        row.hash()
    except ValueError as error:
        problems.append(f"{where} is no row of a log: {error}")
    return (row, tuple(node for node in path if node is not None)) if len(problems) == before else None


def _field(value: object, number: int, where: str, problems: list[str]) -> tuple[str, Field] | None:
    """A column and its value, from the three texts."""
    if type(value) is list and len(value) == 3 and all(type(part) is str for part in value):
        name, tag, text = value
        try:
            return name, untagged(tag, text)
        except ValueError:
            pass
    problems.append(f"field {number} of {where} is not a column, a tag and a text that fit each other")
    return None


def _hash(value: object) -> bytes | None:
    data = from_base64(value) if type(value) is str else None
    return data if data is not None and len(data) == HASH_LENGTH else None


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """An object of JSON in which no name stands twice: readers differ in which of the values they take."""
    made = dict(pairs)
    if len(made) < len(pairs):
        raise ValueError("a name stands twice in an object")
    return made


def _refuse(word: str) -> object:
    raise ValueError(f"{word} is no number")


def _unreadable(reason: str) -> Diagnostic:
    return Diagnostic("RB7113", f"this is no proof: {reason}")
