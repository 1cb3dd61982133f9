"""The commands over payments, cards and the outbox, as people call them."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from ratebook.billing.rulesets import publish
from ratebook.diagnostics import Source
from ratebook.engine.compiler.compile import compile_ruleset
from ratebook.ledger.store import open_store

from .conftest import Desk, done

RULESET = Path(__file__).parents[3] / "rulesets" / "platform" / "platform.rates"


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, str]:
        assert self.code == 0, self.err
        return json.loads(self.out)  # type: ignore[no-any-return]


@pytest.fixture
def ratebook(tmp_path: Path) -> Callable[..., Ran]:
    """`ratebook("payment", "list")` in a folder of its own; no run may ever print a traceback."""

    def run(*arguments: str, stdin: str = "") -> Ran:
        environment = {**os.environ, "PYTHONUTF8": "1", "RATEBOOK_DATABASE": str(tmp_path / "ratebook.db")}
        done = subprocess.run(
            [sys.executable, "-m", "ratebook", *arguments],
            cwd=tmp_path,
            input=stdin,
            capture_output=True,
            text=True,
            encoding="utf-8",
            env=environment,
            check=False,
        )
        assert "Traceback" not in done.stderr + done.stdout and done.returncode != 70, done.stderr
        return Ran(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def number(tmp_path: Path) -> str:
    """An account with an invoice over 100.00 in the database of the folder, and the ruleset published."""
    with closing(open_store(str(tmp_path / "ratebook.db"), create=True)) as store:
        desk = Desk(store)
        desk.account()
        compiled = compile_ruleset(Source("platform.rates", RULESET.read_text(encoding="utf-8")))
        done(publish(store, desk.acting(), compiled))
        return desk.invoice()


def test_a_payment_from_entry_to_refund(ratebook: Callable[..., Ran], number: str, tmp_path: Path) -> None:
    paid = ratebook("payment", "add", "a-1", "120", "--method", "bank", "--format", "json").json
    assert (paid["invoices"], paid["to wallet"]) == ({number: "100.00 CNY"}, "20.00 CNY")
    payment = str(paid["payment"])
    assert ratebook("payment", "show", payment, "--format", "json").json["went to"] == {
        number: "100.00 CNY",
        "wallet": "20.00 CNY",
    }
    refund = ratebook("payment", "refund", payment, "--amount", "15", "--format", "json").json
    assert refund["amount"] == "15.00 CNY"
    refused = ratebook("payment", "refund", payment, "--amount", "106")
    assert (refused.code, "RB7065" in refused.err) == (2, True)
    nowhere = ratebook("outbox", "deliver")
    assert "RB7079" in nowhere.err and "Nothing was sent" in nowhere.out
    ratebook("outbox", "deliver", "--to", "file:bank.jsonl")
    assert json.loads((tmp_path / "bank.jsonl").read_text(encoding="utf-8"))["data"]["amount"] == "15.00 CNY"
    message = str(refund["message"])
    assert "RB7069" in ratebook("outbox", "resolve", message, "confirmed").err
    told = ratebook("outbox", "resolve", message, "confirmed", "--reason", "on the statement", "--format", "json")
    assert told.json["state"] == "confirmed"
    rows = list(csv.DictReader(io.StringIO(ratebook("payment", "list", "--format", "csv").out)))
    assert [(row["kind"], row["amount"], row["left"]) for row in rows] == [
        ("payment", "120.00", "105.00"),
        ("refund", "15.00", ""),
    ]
    assert "confirmed" in ratebook("outbox", "list").out
    assert ratebook("payment", "reverse", payment, "--format", "json").json["amount"] == "105.00 CNY"


def test_mistakes_have_a_code_and_a_way_out(ratebook: Callable[..., Ran], number: str) -> None:
    for arguments, expected in (
        (("payment", "add", "a-9", "1"), "RB7006"),
        (("payment", "add", "a-1", "1 EUR"), "RB7007"),
        (("payment", "add", "a-1", "0.001"), "RB7002"),
        (("payment", "add", "a-1", "--", "-1"), "RB7003"),
        (("payment", "add", "a-1", "1", "--invoice", "X-1"), "RB7060"),
        (("payment", "show", "5"), "RB7063"),
        (("card", "show", "x"), "RB7071"),
        (("card", "redeem", "a-1"), "RB7070"),
        (("outbox", "resolve", "77", "failed", "--reason", "x"), "RB7077"),
    ):
        ran = ratebook(*arguments)
        assert (ran.code, expected in ran.err) == (2, True), (arguments, ran)
        assert "help:" in ran.err or "hint" in ran.err or "= " in ran.err, ran.err


def test_a_card_from_its_key_to_its_expiry(ratebook: Callable[..., Ran], number: str, tmp_path: Path) -> None:
    assert ratebook("card", "key", "card.key").code == 0
    assert (tmp_path / "card.key").stat().st_mode & 0o777 == 0o600
    assert "RB9007" in ratebook("card", "key", "card.key").err
    given = ("--key-file", "card.key")
    made = ratebook("card", "batch", "platform", "starter", "--batch", "b", "--count", "2", "-o", "codes.csv", *given)
    assert made.code == 0, made.err
    assert (tmp_path / "codes.csv").stat().st_mode & 0o777 == 0o600
    codes = {row["serial"]: row["code"] for row in csv.DictReader((tmp_path / "codes.csv").open(encoding="utf-8"))}
    assert list(codes) == ["b-000001", "b-000002"] and not any(code in made.out + made.err for code in codes.values())
    again = ratebook("card", "batch", "platform", "starter", "--batch", "b", "--count", "2", "-o", "other.csv", *given)
    assert "RB7075" in again.err and not (tmp_path / "other.csv").exists()
    assert "RB7075" in ratebook("card", "batch", "platform", "x", "--batch", "c", "--count", "1", *given).err
    sold = ratebook("card", "sell", "b-000001", "--on", "2026-01-15", "--format", "json")
    assert json.loads(sold.out)[0]["valid until"] == "2027-01-15"
    when = ("--at", "2026-04-01T00:00:00Z")
    redeemed = ratebook("card", "redeem", "a-1", *given, *when, "--format", "json", stdin=codes["b-000001"] + "\n")
    assert redeemed.json["worth"] == "100.00 CNY"
    assert codes["b-000001"] not in redeemed.out + redeemed.err
    assert "RB7073" in ratebook("card", "redeem", "a-1", *given, *when, stdin=codes["b-000002"]).err
    assert ratebook("card", "void", "b-000002", "--format", "json").json["state"] == "voided"
    expired = json.loads(ratebook("card", "expire", "--on", "2027-01-15", "--format", "json").out)
    assert expired == [{"serial": "b-000001", "account": "a-1", "amount": "100.00", "currency": "CNY"}]
    assert "voided" in ratebook("card", "list").out
