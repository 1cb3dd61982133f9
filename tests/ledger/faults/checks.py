"""What must hold of a ledger after a fault, read from the database and computed anew.

Problems are sentences that begin with a word for their kind: `lost` (acknowledged and not there, or otherwise),
`repeated` (there twice, or done again by a retry), `partial` (a group in part), `chain`, `sums`, `unreadable`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from ratebook.ledger.leaf import leaf
from ratebook.ledger.merkle import EMPTY_ROOT, Frontier, leaf_hash, root
from ratebook.ledger.refusals import Refusal
from ratebook.ledger.requests import Hold, Outcome, Posted, Refused, Request, Transfer
from ratebook.ledger.requests import fingerprint as fingerprint_of
from ratebook.ledger.store import Reader, Store
from ratebook.ledger.tables import ACCOUNTS, REFUSALS, TERMS, TRANSFERS, Table
from ratebook.ledger.transaction import heading_of

from .workload import Told

Record = dict[str, Any]

fingerprint = lru_cache(maxsize=50_000)(fingerprint_of)


@dataclass(slots=True)
class Books:
    """All rows of the ledger, as one reader sees them."""

    tables: dict[str, list[Record]]
    balances: dict[int, Record]
    size: int
    frontier: bytes
    transfers: dict[str, list[Record]] = field(default_factory=dict)
    refusals: dict[str, list[Record]] = field(default_factory=dict)


def read_books(store: Store) -> Books:
    """Everything in one consistent view."""
    return store.read(_read)


def _read(reader: Reader) -> Books:
    tables = {table.name: list(_records(reader, table)) for table in (ACCOUNTS, TRANSFERS, REFUSALS, TERMS)}
    names = ("account", "credits", "debits", "held", "floor", "closed")
    balances = {
        row[0]: dict(zip(names, row, strict=True)) for row in reader.rows(f"SELECT {', '.join(names)} FROM balances")
    }
    ((size, frontier),) = reader.rows("SELECT size, frontier FROM log_head")
    books = Books(tables, balances, size, bytes(frontier))  # type: ignore[arg-type]
    for name, by_key in (("transfers", books.transfers), ("refusals", books.refusals)):
        for record in tables[name]:
            by_key.setdefault(record["key"], []).append(record)
    return books


def _records(reader: Reader, table: Table) -> Iterator[Record]:
    names = [column.name for column in table.all_columns]
    for row in reader.rows(f"SELECT {', '.join(names)} FROM {table.name} ORDER BY id"):
        yield dict(zip(names, row, strict=True))


@lru_cache(maxsize=50_000)
def _leaf_hash(head: str, fields: tuple[Any, ...]) -> bytes:
    # Kept, for states of one trace share nearly all their rows. Columns have strict types, so that equal is the same.
    return leaf_hash(leaf(head, fields))


def sound(books: Books) -> Iterator[str]:
    """What is wrong with a ledger by itself: the chain over its rows, sums, floors."""
    yield from _chain(books)
    yield from _sums(books)


def _chain(books: Books) -> Iterator[str]:
    hashes: dict[int, bytes] = {}
    for table in (ACCOUNTS, TRANSFERS, REFUSALS, TERMS):
        head, names = heading_of(table), table.hashed
        for record in books.tables[table.name]:
            computed = _leaf_hash(head, tuple([record[name] for name in names]))
            if computed != record["leaf"]:
                yield f"chain: row {record['id']} of {table.name} has another leaf than its columns say"
            if record["id"] in hashes:
                yield f"chain: the number {record['id']} was given twice"
            hashes[record["id"]] = computed
    if sorted(hashes) != list(range(1, len(hashes) + 1)):
        yield "chain: the sequence has gaps"
        return
    head_root = Frontier.from_bytes(books.frontier).root()
    if books.size != len(hashes):
        yield f"chain: log_head counts {books.size} rows, there are {len(hashes)}"
    elif head_root != (root(hashes[number] for number in sorted(hashes)) if hashes else EMPTY_ROOT):
        yield "chain: the root of log_head is not the root of the rows"


def _sums(books: Books) -> Iterator[str]:
    credited: Counter[int] = Counter()
    debited: Counter[int] = Counter()
    open_holds: dict[int, Record] = {}
    for row in books.tables["transfers"]:
        if row["phase"] in ("plain", "post"):
            credited[row["credit"]] += row["amount"]
            debited[row["debit"]] += row["amount"]
        if row["phase"] == "hold":
            open_holds[row["id"]] = row
        elif row["hold"] is not None and open_holds.pop(row["hold"], None) is None:
            yield f"sums: transfer {row['id']} resolves a hold that is not open"
    held: Counter[int] = Counter()
    for row in open_holds.values():
        held[row["debit"]] += row["amount"]
    latest = {row["account"]: (row["floor"], row["closed"]) for row in books.tables["account_terms"]}
    accounts = {row["id"] for row in books.tables["accounts"]}
    if accounts != set(books.balances):
        yield "sums: not every account has a balance"
    for account, kept in books.balances.items():
        folded = (credited[account], debited[account], held[account])
        if folded != (kept["credits"], kept["debits"], kept["held"]):
            yield f"sums: the transfers of account {account} come to {folded}, its balance says {kept}"
        floor, closed = latest.get(account, (None, 0))
        if (floor, closed) != (kept["floor"], kept["closed"]):
            yield f"sums: the terms of account {account} are {floor, closed}, its balance says {kept}"
        if floor is not None and folded[0] - folded[1] - folded[2] < floor:
            yield f"sums: account {account} is below its floor"
    if sum(kept["credits"] - kept["debits"] for kept in books.balances.values()):
        yield "sums: debits and credits differ"


def kept(books: Books, told: Told) -> Iterator[str]:
    """What is wrong with a ledger by what was acknowledged, and by what was sent."""
    for request, outcome in told.acknowledged:
        yield from _acknowledged(books, request, outcome)
    for request in told.sent:
        rows = books.transfers.get(request.key, [])
        refused = books.refusals.get(request.key, [])
        if len({row["leg"] for row in rows}) < len(rows) or len(refused) > 1:
            yield f"repeated: {request.key} stands there twice"
        if rows and rows[0]["fingerprint"] == fingerprint(request) and len(rows) != len(request.legs):
            yield f"partial: {request.key} has {len(rows)} of {len(request.legs)} legs"
        if rows and refused:
            yield f"repeated: {request.key} was posted and refused"


def _acknowledged(books: Books, request: Request, outcome: Outcome) -> Iterator[str]:
    rows = books.transfers.get(request.key, [])
    refused = books.refusals.get(request.key, [])
    body = fingerprint(request)
    if isinstance(outcome, Refused) and outcome.refusal is Refusal.KEY_REUSED:
        if (not rows and not refused) or any(row["fingerprint"] == body for row in (*rows, *refused)):
            yield f"lost: {request.key} was refused as used for something else, which is not there"
    elif isinstance(outcome, Refused):
        found = [(row["refusal"], row["detail"], row["fingerprint"]) for row in refused]
        if found != [(outcome.refusal.name, outcome.detail, body)]:
            yield f"lost: the refusal of {request.key} is {found or 'not there'}"
    else:
        if [row["id"] for row in rows] != list(outcome.transfers) or {row["fingerprint"] for row in rows} != {body}:
            yield f"lost: {request.key} was acknowledged as {outcome.transfers}, there is {[row['id'] for row in rows]}"
            return
        for row, leg in zip(rows, request.legs, strict=True):
            if isinstance(leg, Transfer | Hold) and (row["debit"], row["credit"], row["amount"]) != (
                leg.debit,
                leg.credit,
                leg.amount,
            ):
                yield f"lost: {request.key} asked for {leg}, there is {row}"


def retried(store: Store, told: Told, before: Books, *, twice: bool = True) -> Iterator[str]:
    """What is wrong with retrying all that was sent: what is there must be answered from memory, all else done once."""
    if not told.sent:
        return
    asked = list(told.sent)
    answered = {(request.key, fingerprint(request)): _plain(outcome) for request, outcome in told.acknowledged}
    first = store.write(lambda transaction: transaction.post(asked))
    for request, outcome in zip(asked, first, strict=True):
        expected = answered.get((request.key, fingerprint(request)))
        if expected is not None and _plain(outcome) != expected:
            yield f"repeated: {request.key} was {expected}, a retry gave {outcome}"
    made = sum(_rows_made(outcome) for outcome in first)
    if twice:
        second = store.write(lambda transaction: transaction.post(asked))
        if [_plain(outcome) for outcome in second] != [_plain(outcome) for outcome in first]:
            yield "repeated: the same requests had other outcomes at the second retry"
    books = read_books(store)
    if books.size != before.size + made:
        yield f"repeated: the retries made {made} rows, there are {books.size - before.size} more"
    yield from sound(books)
    # From here on the answers of the retry are answers like all others.
    told.acknowledged[:] = list(zip(asked, first, strict=True))


def _rows_made(outcome: Outcome) -> int:
    if outcome.repeated:
        return 0
    if isinstance(outcome, Posted):
        return len(outcome.transfers)
    return 0 if outcome.refusal is Refusal.KEY_REUSED else 1


def _plain(outcome: Outcome) -> Outcome:
    return replace(outcome, repeated=False) if outcome.repeated else outcome


def problems(store: Store, told: Told, *, twice: bool = True) -> list[str]:
    """Everything that is wrong; afterwards all that was sent is acknowledged. Sends it again, once or twice."""
    try:
        books = read_books(store)
        found = [*sound(books), *kept(books, told)]
        return found or list(retried(store, told, books, twice=twice))
    except Exception as error:
        return [f"unreadable: {error!r}"]
