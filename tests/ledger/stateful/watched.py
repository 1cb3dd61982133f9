"""A store that is watched: after each step the invariants of the ledger are checked on it.

Debits equal credits, balances are the fold of the transfers, floors hold with holds counted, a hold ends once,
reversals stay within the amount, and the log's tree grew from the one that was seen before.
"""

from __future__ import annotations

from typing import Any

from ratebook.ledger.leaf import leaf
from ratebook.ledger.merkle import Frontier, consistency_proof, leaf_hash, verify_consistency
from ratebook.ledger.store import Store
from ratebook.ledger.tables import LEDGER_TABLES, TRANSFERS
from ratebook.ledger.transaction import heading_of

from .model import Model

APPEND_ONLY = [table for table in LEDGER_TABLES if table.append_only]


class Watched:
    """A store with what was seen of it at the last check, so that each check reads only what is new."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.root = Frontier().root()
        self.hashes: list[bytes] = []
        self.rows: dict[str, list[tuple[Any, ...]]] = {table.name: [] for table in APPEND_ONLY}
        self.fold: dict[int, list[int]] = {}
        self.holds: dict[int, int] = {}
        self.left: dict[int, int] = {}

    def check(self, model: Model) -> None:
        """The invariants, on one consistent view."""

        def work(reader: Any) -> tuple[dict[str, list[tuple[Any, ...]]], Any, Any]:
            new = {
                table.name: reader.rows(f"SELECT * FROM {table.name} WHERE id > ? ORDER BY id", (len(self.hashes),))
                for table in APPEND_ONLY
            }
            return new, reader.rows("SELECT * FROM balances"), reader.rows("SELECT size, frontier FROM log_head")

        new, balances, ((size, stored),) = self.store.read(work)
        for row in new["accounts"]:
            self.fold[row[0]] = [0, 0, 0]
        names = [column.name for column in TRANSFERS.all_columns]
        for row in new["transfers"]:
            self.moved(dict(zip(names, row, strict=True)))
        assert sum(held for _, _, held in self.fold.values()) == sum(self.holds.values())
        assert sum(credited - debited for credited, debited, _ in self.fold.values()) == 0
        assert len(balances) == len(self.fold)
        for account, credited, debited, held, floor, closed in balances:
            assert [credited, debited, held] == self.fold[account]
            assert floor is None or credited - debited - held >= floor
            known = model.accounts[account]
            assert (credited - debited, held) == (known.balance, known.held)
            assert (floor, bool(closed)) == (known.floor, known.closed)
        self.grown(new, Frontier.from_bytes(stored))
        assert size == len(self.hashes)

    def moved(self, row: dict[str, Any]) -> None:
        """Fold one transfer into the balances."""
        giver, taker = self.fold[row["debit"]], self.fold[row["credit"]]
        if row["phase"] in ("plain", "post"):
            taker[0] += row["amount"]
            giver[1] += row["amount"]
        if row["phase"] == "hold":
            giver[2] += row["amount"]
            self.holds[row["id"]] = row["amount"]
        if row["hold"] is not None:
            giver[2] -= self.holds.pop(row["hold"])  # a KeyError where a hold ends twice
        self.left[row["id"]] = row["amount"]
        if row["reverses"] is not None:
            self.left[row["reverses"]] -= row["amount"]
            assert self.left[row["reverses"]] >= 0

    def grown(self, new: dict[str, list[tuple[Any, ...]]], frontier: Frontier) -> None:
        """Ids have no gap, every row has its hash, and the tree grew from the one that was seen before."""
        earlier = len(self.hashes)
        numbered: dict[int, bytes] = {}
        for table in APPEND_ONLY:
            for row in new[table.name]:
                assert leaf_hash(leaf(heading_of(table), row[:-1])) == row[-1]
                numbered[row[0]] = row[-1]
            self.rows[table.name] += new[table.name]
        assert sorted(numbered) == list(range(earlier + 1, earlier + len(numbered) + 1))
        self.hashes += [numbered[number] for number in sorted(numbered)]
        assert frontier.size == len(self.hashes)
        proof = consistency_proof(self.hashes, earlier, frontier.size)
        assert verify_consistency(earlier, self.root, frontier.size, frontier.root(), proof)
        self.root = frontier.root()

    def check_all(self) -> None:
        """No row changed after it was seen, and the tree is that over all rows."""
        for name, rows in self.rows.items():
            found = self.store.read(lambda reader, asked=name: reader.rows(f"SELECT * FROM {asked} ORDER BY id"))
            assert found == rows
        assert Frontier().append(self.hashes).root() == self.root
