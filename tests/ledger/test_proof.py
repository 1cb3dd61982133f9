"""Proofs of invoice lines: what `prove` writes holds without a database, and nothing that was changed does."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratebook.diagnostics import has_errors
from ratebook.ledger.books import BOOK_TABLES
from ratebook.ledger.leaf import Field
from ratebook.ledger.merkle import inclusion_proofs, leaf_hash, root
from ratebook.ledger.note import Checkpoint, SecretKey, new_key, sign
from ratebook.ledger.proof import (
    CLAIMED,
    FILED_COLUMNS,
    FILED_TABLE,
    LINKS,
    TABLES,
    Claim,
    Proof,
    ProofRow,
    file_digest,
    prove,
    read_proof,
    verify_proof,
    write_proof,
)
from ratebook.ledger.tables import LEDGER_TABLES

LOG = "ledger.example.com/test"
HASH = "sha256:5f1d"
OTHERS = [leaf_hash(b"%d" % number) for number in range(30)]


def key_of(seed: int = 5, name: str = LOG) -> SecretKey:
    key = new_key(name, bytes([seed]) * 32)
    assert isinstance(key, SecretKey)
    return key


KEY = key_of()
VKEY = str(KEY.public_key)


def row(role: str, table: str, place: int, /, **fields: Field) -> ProofRow:
    return ProofRow(role, table, place, (("id", place + 1), *fields.items()))


FILED = ProofRow(
    "filed usage",
    "filed_events",
    4,
    (
        ("source", "eu"),
        ("event_id", "e-3"),
        ("account", "a-1"),
        ("event", "compute.used"),
        ("time", 7),
        ("fields", "{}"),
    ),
    file=10,
)
FILE = [*(bytes([number]) * 32 for number in range(4)), FILED.hash(), b"\x07" * 32]
"""The hashes of a file's events."""
PATHS = {(10, 4): inclusion_proofs(FILE, len(FILE), [4])[4]}


def rows_of(amount: int = 90_000) -> list[ProofRow]:
    """The rows of a line in the columns that count, among some that do not."""
    return [
        row("usage", "usage_events", 3, source="eu", event_id="e-1", account="a-1", event="compute.used", time=5),
        row("usage", "usage_events", 9, source="eu", event_id="e-2", account="a-1", event="compute.used", time=6),
        row("usage file", "usage_files", 10, path="3/1.parquet", digest=file_digest(root(FILE)), events=len(FILE)),
        FILED,
        row("ruleset", "rulesets", 0, name="platform", hash=HASH, main="platform.rates", files="{}"),
        row("invoice", "invoices", 20, series="INV", number=17, account="a-1", ruleset="platform", hash=HASH,
            currency="CNY", total=90_000, corrects=None),
        row("line", "invoice_lines", 21, invoice=21, line=3, name="compute", amount=amount, place="platform.rates:24",
            transfer=20 if amount else None),
        *([row("transfer", "transfers", 19, key="INV-17/3", fingerprint=b"\x01\x02", phase="plain", amount=abs(amount),
            currency="CNY")] if amount else []),
    ]  # fmt: skip


CLAIM = Claim("INV", 17, 3, HASH, "platform.rates:24")


def log_of(rows: list[ProofRow]) -> list[bytes]:
    hashes = [*OTHERS]
    for one in rows:
        if one.file is None:
            hashes[one.place] = one.hash()
    return hashes


def note_of(hashes: list[bytes], key: SecretKey = KEY) -> str:
    return sign(Checkpoint(key.name, len(hashes), root(hashes)), key)


def document_of(rows: list[ProofRow], claim: Claim = CLAIM) -> str:
    hashes = log_of(rows)
    return write_proof(prove(claim, rows, iter(hashes), len(hashes), note_of(hashes), PATHS))


DOCUMENT = document_of(rows_of())


def codes(document: str, vkey: str = VKEY) -> list[str]:
    return sorted({finding.code for finding in verify_proof(document, vkey)})


def changed(change: Callable[[dict[str, Any]], object]) -> str:
    document = json.loads(DOCUMENT)
    change(document)
    return json.dumps(document)


@pytest.mark.parametrize("amount", [90_000, -90_000, 0])
def test_a_proof_holds(amount: int) -> None:
    assert verify_proof(document_of(rows_of(amount)), VKEY) == ()


def test_the_columns_that_are_compared_are_columns_of_the_tables() -> None:
    columns = {table.name: set(table.hashed) for table in (*LEDGER_TABLES, *BOOK_TABLES) if table.append_only}
    columns[FILED_TABLE] = set(FILED_COLUMNS)
    for role, column, other, other_column in LINKS:
        assert column in columns[TABLES[role]] and other_column in columns[TABLES[other]]
    for _, role, column in CLAIMED:
        assert column in columns[TABLES[role]]
    assert set(TABLES.values()) <= set(columns)
    assert {"amount", "phase"} <= columns["transfers"] and "amount" in columns["invoice_lines"]


def test_it_holds_however_the_json_is_written_and_with_all_keys_the_log_had() -> None:
    assert verify_proof(json.dumps(json.loads(DOCUMENT), sort_keys=True), f"{key_of(6).public_key}\n\n{VKEY}\n") == ()


def test_what_is_written_is_read_again() -> None:
    proof = read_proof(DOCUMENT)
    assert isinstance(proof, Proof)
    assert proof.claim == CLAIM and list(proof.rows) == rows_of()
    assert write_proof(proof) == DOCUMENT


def test_the_document_is_what_the_page_says() -> None:
    document = json.loads(DOCUMENT)
    assert document["schema"] == "ratebook.proof/1"
    transfer = document["rows"][-1]
    assert (transfer["role"], transfer["table"], transfer["place"]) == ("transfer", "transfers", 19)
    assert transfer["fields"][:3] == [["id", "i", "20"], ["key", "s", "INV-17/3"], ["fingerprint", "b", "0102"]]
    # A leaf as it is written down by hand from the fields.
    names = ",".join(name for name, _, _ in transfer["fields"])
    lines = [f"t{len(f'transfers({names})')}:transfers({names})"]
    lines.extend(f"{tag}{len(text.encode())}:{text}" for _, tag, text in transfer["fields"])
    text = "ratebook.ledger/1\n" + "".join(f"{line}\n" for line in lines)
    assert leaf_hash(text.encode()) == rows_of()[-1].hash()


@given(st.data())
def test_every_field_hash_and_place_that_is_changed_is_found(data: st.DataObject) -> None:
    document = json.loads(DOCUMENT)
    one = data.draw(st.sampled_from(document["rows"]))
    match data.draw(st.sampled_from(["field", "name", "path", "place", "table", "drop", "swap"])):
        case "field":
            field = data.draw(st.sampled_from(one["fields"]))
            field[2] = data.draw(st.text().filter(lambda text: text != field[2]))
        case "name":
            field = data.draw(st.sampled_from(one["fields"]))
            field[0] = data.draw(st.sampled_from(["other", "amount2", "", "a,b"]))
        case "path":
            at = data.draw(st.integers(0, len(one["path"]) - 1))
            one["path"][at] = data.draw(st.sampled_from(["A" * 43 + "=", "", one["path"][at][:-2] + "B=", None]))
        case "place":
            one["place"] = data.draw(st.integers().filter(lambda place: place != one["place"]))
        case "table":
            one["table"] = data.draw(st.sampled_from(["customers", "", "transfer"]))
        case "drop":
            one["fields"].pop()
        case "swap":
            one["fields"].reverse()
    assert set(codes(json.dumps(document))) & {"RB7113", "RB7114"}


@given(st.integers(0, len(DOCUMENT) - 1), st.characters(codec="utf-8"))
def test_any_character_of_the_document_that_is_changed_is_found(place: int, character: str) -> None:
    document = DOCUMENT[:place] + character + DOCUMENT[place + 1 :]
    try:
        same = json.loads(document) == json.loads(DOCUMENT)
    except ValueError:
        same = False
    assert (verify_proof(document, VKEY) == ()) == same


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=8,
)


@given(JSON, st.data())
def test_no_json_raises(value: object, data: st.DataObject) -> None:
    assert has_errors(verify_proof(json.dumps(value), VKEY))
    # The same in the place of any part of a proof.
    document: Any = json.loads(DOCUMENT)
    part, before = document, json.dumps(document)
    for _ in range(data.draw(st.integers(1, 4))):
        keys = list(part) if isinstance(part, dict) else list(range(len(part)))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(part[key], (dict, list)) or not part[key]:
            break
        parent, part = part, part[key]
    else:
        part, key = parent, key
    part[key] = value
    changed = json.dumps(document)
    assert bool(verify_proof(changed, VKEY)) == (changed != before)


@pytest.mark.parametrize(
    "document",
    ["", "{", "[" * 100_000, "NaN", '{"schema": Infinity}', "9" * 10_000, '{"schema": "ratebook.proof/2"}',
     DOCUMENT.replace('"schema"', '"checkpoint": "", "schema"'), "\ud800", "null", "[]", '"x"'],
    ids=range(12),
)  # fmt: skip
def test_what_is_no_proof(document: str) -> None:
    assert codes(document) == ["RB7113"]


def test_every_mistake_is_said_at_once() -> None:
    def change(document: dict[str, Any]) -> None:
        document["claim"].pop("series")
        document["claim"]["number"] = "17"
        document["rows"][0]["place"] = True
        document["rows"][1]["fields"][0] = ["id", "i", "007"]
        document["rows"][2]["path"][0] = "x"
        document["extra"] = 1

    found = [finding.message for finding in verify_proof(changed(change), VKEY)]
    assert found == ["this is no proof: the document has 'extra', which no proof has"]

    def without_extra(document: dict[str, Any]) -> None:
        change(document)
        del document["extra"]

    found = [finding.message for finding in verify_proof(changed(without_extra), VKEY)]
    assert [message.removeprefix("this is no proof: ") for message in found] == [
        "the claim has no series",
        "number of the claim is not a whole number",
        "place of row 1 of the proof is not a whole number",
        "field 1 of row 2 of the proof is not a column, a tag and a text that fit each other",
        "the path of row 3 of the proof holds what is not the base64 of a hash",
    ]


def relinked(change: Callable[[list[ProofRow]], object], claim: Claim = CLAIM) -> list[str]:
    """What is said of rows that are all in the log and were changed before they got there."""
    rows = rows_of()
    change(rows)
    findings = verify_proof(document_of(rows, claim), VKEY)
    assert {finding.code for finding in findings} <= {"RB7115"}
    return [finding.message for finding in findings]


def put(role: str, column: str, value: Field) -> Callable[[list[ProofRow]], None]:
    def change(rows: list[ProofRow]) -> None:
        for at, one in enumerate(rows):
            if one.role == role:
                fields = tuple((name, value if name == column else old) for name, old in one.fields)
                rows[at] = ProofRow(one.role, one.table, one.place, fields)
                return

    return change


@pytest.mark.parametrize(
    ("role", "column", "value"),
    [
        ("line", "invoice", 5), ("line", "transfer", 5), ("line", "transfer", None), ("line", "amount", 90_001),
        ("line", "amount", None), ("line", "line", 4), ("line", "place", "platform.rates:25"),
        ("line", "amount", "90000"),
        ("invoice", "hash", "sha256:00"), ("invoice", "currency", "EUR"), ("invoice", "account", "a-2"),
        ("invoice", "series", "CN"), ("invoice", "number", 18), ("invoice", "ruleset", "other"),
        ("invoice", "hash", None),
        ("ruleset", "hash", "sha256:00"), ("ruleset", "name", "other"),
        ("transfer", "amount", 1), ("transfer", "currency", "EUR"), ("transfer", "phase", "hold"),
        ("usage", "account", "a-2"), ("usage", "account", None),
    ],
)  # fmt: skip
def test_rows_that_do_not_belong_together(role: str, column: str, value: Field) -> None:
    assert relinked(put(role, column, value))


@pytest.mark.parametrize("role", ["ruleset", "invoice", "line", "transfer"])
def test_a_row_that_is_left_out_or_shown_twice(role: str) -> None:
    def leave_out(rows: list[ProofRow]) -> None:
        rows[:] = [one for one in rows if one.role != role]

    def show_twice(rows: list[ProofRow]) -> None:
        (one,) = [one for one in rows if one.role == role]
        rows.append(ProofRow(one.role, one.table, 25, one.fields))

    assert relinked(leave_out)
    assert relinked(show_twice)


def test_usage_may_be_left_out_for_a_line_without_usage() -> None:
    def change(rows: list[ProofRow]) -> None:
        rows[:] = [one for one in rows if one.role != "usage"]

    assert relinked(change) == []


def test_a_row_in_a_role_that_its_table_does_not_have() -> None:
    def change(rows: list[ProofRow]) -> None:
        rows.append(ProofRow("usage", "customers", 26, (("id", 27), ("account", "a-1"))))
        rows.append(ProofRow("witness", "transfers", 27, (("id", 28),)))

    assert len(relinked(change)) == 2


@pytest.mark.parametrize(
    "claim",
    [
        Claim("CN", 17, 3, HASH, "platform.rates:24"),
        Claim("INV", 18, 3, HASH, "platform.rates:24"),
        Claim("INV", 17, 4, HASH, "platform.rates:24"),
        Claim("INV", 17, 3, "sha256:00", "platform.rates:24"),
        Claim("INV", 17, 3, HASH, "platform.rates:1"),
    ],
)
def test_a_claim_that_the_rows_do_not_show(claim: Claim) -> None:
    (message,) = relinked(lambda rows: None, claim)
    assert message.startswith("the claim names another")


def test_rows_of_another_log_and_checkpoints_of_other_keys() -> None:
    other = note_of(OTHERS)

    def change(document: dict[str, Any]) -> None:
        document["checkpoint"] = other

    findings = verify_proof(changed(change), VKEY)
    assert [finding.code for finding in findings] == ["RB7114"] * (len(rows_of()) - 1), "a file has a tree of its own"
    assert codes(DOCUMENT, str(key_of(6).public_key)) == ["RB7110"]
    assert codes(DOCUMENT, str(key_of(5, "elsewhere").public_key)) == ["RB7112"]
    assert codes(DOCUMENT, "") == codes(DOCUMENT, KEY.text()) == ["RB7116"]
    assert codes(DOCUMENT, f"{VKEY}\nrubbish") == ["RB7116"]
    assert codes("", "rubbish") == ["RB7113", "RB7116"]


def test_a_row_that_is_younger_than_the_checkpoint_cannot_be_proved() -> None:
    rows = rows_of()
    with pytest.raises(ValueError, match="no place 20"):
        prove(CLAIM, rows, log_of(rows), 15, "")
