"""Proofs of real invoice lines: made on both databases, checked without one, rated again."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from ratebook.billing.audit.checkpoints import Signed, take_checkpoint
from ratebook.billing.audit.proving import prove_line
from ratebook.billing.audit.rerating import rate_again
from ratebook.billing.credit_notes import credit
from ratebook.diagnostics import Diagnostic
from ratebook.ledger.note import Checkpoint, SecretKey, new_key, sign
from ratebook.ledger.proof import USAGE, Proof, ProofRow, read_proof, verify_proof, write_proof

from ..test_platform import sold_cards

pytestmark = pytest.mark.usefixtures("rows_or_files")

MONTHS = {"2026-01": "2026-02-01", "2026-02": "2026-03-01", "2026-03": "2026-04-01"}


def key_of(seed: int = 7) -> SecretKey:
    key = new_key("ledger.example.com/test", bytes([seed]) * 32)
    assert isinstance(key, SecretKey)
    return key


KEY = key_of()
VKEY = str(KEY.public_key)


def signed_log(books: Any) -> Signed:
    signed = take_checkpoint(books.store, KEY)
    assert isinstance(signed, Signed), signed
    return signed


def proof_of(books: Any, signed: Signed, number: str, line: int, **options: int) -> Proof | Diagnostic:
    found: Proof | Diagnostic = books.store.read(
        lambda reader: prove_line(reader, number, line, signed.checkpoint, signed.note, **options)
    )
    return found


def lines(books: Any) -> list[tuple[str, int, str, str]]:
    """Number, line, kind and the origin of every line of every document with a number."""
    return [
        (f"{series}-{number:06d}", line, kind, origin)
        for series, number, line, kind, origin in books.rows(
            "SELECT series, number, line, invoice_lines.kind, origin_start FROM invoice_lines "
            "JOIN invoices ON invoices.id = invoice_lines.invoice WHERE invoices.kind <> 'nothing' "
            "ORDER BY invoice_lines.id"
        )
    ]


def test_every_line_of_the_platform_is_proved_and_comes_out_again(platform: Any) -> None:
    for month, day in MONTHS.items():
        platform.bill("platform", month, day)
    signed = signed_log(platform)
    all_lines = lines(platform)
    assert len(all_lines) > 20
    usage = set()
    for number, line, kind, _ in all_lines:
        proof = proof_of(platform, signed, number, line)
        assert isinstance(proof, Proof), (number, line, kind, proof)
        document = write_proof(proof)
        assert verify_proof(document, VKEY) == ()
        read = read_proof(document)
        assert isinstance(read, Proof)
        assert rate_again(read.rows) is None
        usage.add(sum(row.role in USAGE for row in proof.rows))
    assert len(usage) > 3, "as much as it takes"


SHOP = """
ruleset shop "Shop":
  currency CNY
  time zone Asia/Shanghai

unit call

account:
  overdue: money
  days_overdue: number of day

event call.made:
  calls: number of call
event other.used:
  calls: number of call

meter calls: sum of calls of call.made
meter others: sum of calls of other.used

plan basic "Basic" from 2026-01-01:
  charge calls "Calls" graduated:
    first 100 at ¥1.00 per call
    above at ¥0.50 per call
  charge others "Others":
    at ¥2.00 per call
  fee monthly "Monthly" ¥10 per month
  minimum ¥20

penalty late "Late": 0.05% of account.overdue per day of account.days_overdue

tax vat: 10% of total
"""


def call(name: str, day: str, calls: int, event: str = "call.made") -> dict[str, object]:
    return {"id": name, "account": "ann", "event": event, "time": f"{day}T09:00:00+08:00", "calls": calls}


@pytest.fixture
def shop(books: Any) -> Any:
    """Three months of one account: late usage is adjusted, and the first invoice is never paid."""
    books.publish(SHOP)
    books.subscribe("ann", "shop", "basic", "2026-01-01")
    for month, day in MONTHS.items():
        events = [call(f"{month}-{number}", f"{month}-{5 + number:02d}", 30) for number in range(5)]
        books.use([*events, call(f"{month}-other", f"{month}-20", 3, "other.used")])
        books.bill("shop", month, day)
        books.use([call(f"late {month}", f"{month}-07", 7)])
    return books


def test_adjustments_and_penalties_are_proved_too(shop: Any) -> None:
    signed, kinds, events = signed_log(shop), set(), {}
    for number, line, kind, origin in lines(shop):
        proof = proof_of(shop, signed, number, line)
        assert isinstance(proof, Proof), (number, line, kind, proof)
        assert verify_proof(write_proof(proof), VKEY) == ()
        assert rate_again(proof.rows) is None
        kinds.add(kind)
        (name,) = (row.value("name") for row in proof.rows if row.role == "line")
        if not origin:
            events[name] = sum(row.role in USAGE for row in proof.rows)
    assert {"charge", "fee", "penalty", "adjustment", "tax"} <= kinds
    # A fee needs no usage, a charge only what it counts.
    assert events["monthly"] == 0 and events["others"] == 1 and events["calls"] in (5, 6)


def dishonest(proof: Proof, leave_out: int) -> Proof:
    """The same proof without some of its usage: all that is still in it holds."""
    kept = [
        (row, path) for place, (row, path) in enumerate(zip(proof.rows, proof.paths, strict=True)) if place != leave_out
    ]
    return Proof(proof.claim, tuple(row for row, _ in kept), tuple(path for _, path in kept), proof.checkpoint)


def test_usage_that_is_left_out_is_missed(shop: Any) -> None:
    number, line = next((number, line) for number, line, kind, _ in lines(shop) if kind == "charge")
    proof = proof_of(shop, signed_log(shop), number, line)
    assert isinstance(proof, Proof)
    usage = [place for place, row in enumerate(proof.rows) if row.role in USAGE]
    assert len(usage) == 5
    for place in usage:
        less = dishonest(proof, place)
        assert verify_proof(write_proof(less), VKEY) == ()
        found = rate_again(less.rows)
        assert found is not None and found.code == "RB7133"


def test_without_what_it_was_rated_with_nothing_is_decided(shop: Any) -> None:
    number, line = next((number, line) for number, line, kind, _ in lines(shop) if kind == "charge")
    proof = proof_of(shop, signed_log(shop), number, line)
    assert isinstance(proof, Proof)
    for role in ("subscription", "run", "attributes"):
        without = dishonest(proof, next(place for place, row in enumerate(proof.rows) if row.role == role))
        found = rate_again(without.rows)
        assert (found is not None and found.code == "RB7134") or role != "subscription"


@pytest.mark.parametrize(
    ("number", "line", "code"),
    [("INV-2026-000009", 1, "RB7060"), ("INV-2026-000001", 99, "RB7135"), ("x", 1, "RB7060")],
)
def test_what_is_not_there(shop: Any, number: str, line: int, code: str) -> None:
    found = proof_of(shop, signed_log(shop), number, line)
    assert isinstance(found, Diagnostic) and found.code == code


def test_a_checkpoint_that_is_older_or_of_another_log(shop: Any) -> None:
    number, line, _, _ = lines(shop)[0]
    signed = signed_log(shop)
    small = Checkpoint(KEY.name, 5, signed.checkpoint.root)
    found = proof_of(shop, Signed(small, sign(small, KEY)), number, line)
    assert isinstance(found, Diagnostic) and found.code == "RB7135"
    for other in (
        Checkpoint(KEY.name, signed.checkpoint.size, bytes(32)),
        Checkpoint(KEY.name, signed.checkpoint.size + 1, signed.checkpoint.root),
    ):
        found = proof_of(shop, Signed(other, sign(other, KEY)), number, line)
        assert isinstance(found, Diagnostic) and found.code == "RB7108"


def test_more_events_than_are_shown_without_being_asked_for(shop: Any) -> None:
    number, line = next((number, line) for number, line, kind, _ in lines(shop) if kind == "charge")
    found = proof_of(shop, signed_log(shop), number, line, usage_max=4)
    assert isinstance(found, Diagnostic) and found.code == "RB7135"


def written(row: ProofRow, column: str, old: str, new: str) -> ProofRow:
    """The row with another text in a column."""
    fields = ((name, str(value).replace(old, new) if name == column else value) for name, value in row.fields)
    return replace(row, fields=tuple(fields))


def test_another_ruleset_in_the_proof(shop: Any) -> None:
    number, line = next((number, line) for number, line, kind, _ in lines(shop) if kind == "charge")
    proof = proof_of(shop, signed_log(shop), number, line)
    assert isinstance(proof, Proof)
    for role, column, old, new in (
        ("ruleset", "files", "¥1.00", "¥9.00"),
        ("usage", "fields", "30", "31"),
        ("filed usage", "fields", "30", "31"),
        ("subscription", "attributes", "{", ""),
    ):
        rows = tuple(written(row, column, old, new) if row.role == role else row for row in proof.rows)
        if rows == proof.rows:
            assert "usage" in role, "usage is rows, or events of files"
            continue
        # Whoever owns the log can have such rows in it; then the rule does not give the line.
        found = rate_again(rows)
        assert found is not None and found.code == ("RB7134" if role == "subscription" else "RB7133"), found
        changed = write_proof(Proof(proof.claim, rows, proof.paths, proof.checkpoint))
        assert {finding.code for finding in verify_proof(changed, VKEY)} == {"RB7114"}


def test_the_size_of_a_proof(shop: Any) -> None:
    number, line = next((number, line) for number, line, kind, _ in lines(shop) if kind == "charge")
    proof = proof_of(shop, signed_log(shop), number, line)
    assert isinstance(proof, Proof)
    document = write_proof(proof)
    assert len(document) < 2_048 * (len(proof.rows) + 4) + len(json.dumps(SHOP))


def test_what_cards_paid_and_credit_notes_are_shown_and_not_rated_again(platform: Any) -> None:
    sold_cards(platform)
    for month, day in MONTHS.items():
        platform.bill("platform", month, day)
    acting = replace(platform.acting("2026-04-02"), reason="a slip")
    platform.done(credit(platform.store, acting, "INV-2026-000001", issued=date(2026, 4, 2)))
    signed, undecided = signed_log(platform), set()
    for number, line, kind, _ in lines(platform):
        if kind != "prepaid" and not number.startswith("CN-"):
            continue
        proof = proof_of(platform, signed, number, line)
        assert isinstance(proof, Proof), proof
        assert verify_proof(write_proof(proof), VKEY) == ()
        found = rate_again(proof.rows)
        assert found is not None and found.code == "RB7134"
        undecided.add(found.message)
    assert len(undecided) == 2
