"""Charging as it happens, as a person calls it: what is printed, what is refused, and how commands end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from ratebook.cli import ratebook

SENT = ("city-choir", "newsletter.sent", "--time", "2026-04-02T09:00:00Z")


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A folder made by `init` with ten dollars in a wallet, and the command line in it."""
    monkeypatch.chdir(tmp_path)
    runner = CliRunner()

    def call(*arguments: str) -> Result:
        return runner.invoke(ratebook, list(arguments))

    assert call("init", ".").exit_code == 0
    assert call("account", "deposit", "city-choir", "10").exit_code == 0
    return call


def objects(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def wallet(shop: Any) -> str:
    return str(objects(shop("account", "show", "city-choir", "--format", "json"))["wallet"])


def test_a_charge_is_printed_and_happens_once(shop: Any) -> None:
    for _ in range(2):
        answer = objects(shop("usage", "debit", *SENT, "emails=4000", "--id", "n-1", "--format", "json"))
        assert (answer["price"], answer["currency"], answer["charged"]) == ("4.80", "USD", True)
        assert answer["taken"] == [{"from": "wallet", "amount": "4.80"}]
        assert wallet(shop) == "5.20"
    shown = shop("usage", "debit", *SENT, "emails=500", "--id", "n-2")
    assert "Emails sent 1.00, Charity discount -0.20" in shown.stdout
    refused = shop("usage", "debit", *SENT, "emails=90000", "--id", "n-3")
    assert (refused.exit_code, "RB7018" in refused.output) == (2, True)
    assert "RB3009" in shop("usage", "debit", *SENT, "emails=1", "--id", "n-1").output
    assert "RB9006" in shop("usage", "debit", *SENT, "emails", "--id", "n-4").output
    assert "RB9003" in shop("usage", "debit", *SENT[:2], "emails=1", "--id", "n-4", "--time", "today").output


def test_usage_that_was_added_is_left_to_the_bill(shop: Any, tmp_path: Path) -> None:
    row = {"id": "n-1", "account": "city-choir", "event": "newsletter.sent", "time": "2026-04-02T09:00:00Z"}
    (tmp_path / "own.jsonl").write_text(json.dumps({**row, "emails": 4000}))
    assert shop("usage", "add", "own.jsonl").exit_code == 0
    answer = shop("usage", "debit", *SENT, "emails=4000", "--id", "n-1")
    assert (answer.exit_code, "the bill charges it" in answer.stdout, wallet(shop)) == (0, True, "10.00")


def test_usage_is_authorized_settled_cancelled_and_expired(shop: Any) -> None:
    asked = (*SENT, "--field", "emails")
    assert objects(shop("usage", "afford", *asked, "--format", "json"))["units"] == "7252"
    numbers = []
    for name in ("a", "b", "c"):
        at = ("--at", "2026-04-02T09:00:00Z", "--minutes", "5")
        answer = objects(shop("usage", "authorize", *asked, "--units", "2,000", "--id", name, *at, "--format", "json"))
        assert answer["units"] == "2000"
        numbers.append(str(answer["authorization"]))
    soon, late = ("--at", "2026-04-02T09:01:00Z"), ("--at", "2026-04-02T10:00:00Z")
    settled = objects(shop("usage", "settle", numbers[0], "1500", *soon, "--format", "json"))
    assert settled["price"] == "0.80"
    assert objects(shop("usage", "cancel", numbers[1], *soon, "--format", "json"))["state"] == "cancelled"
    assert "RB7083" in shop("usage", "settle", numbers[2], "1500", *late).output
    assert objects(shop("usage", "expire-holds", *late, "--format", "json")) == {"expired": 1}
    states = [item["state"] for item in objects(shop("usage", "authorizations", "--format", "json"))]
    assert states == ["settled", "cancelled", "expired"]
    assert objects(shop("usage", "authorizations", "--account", "book-club", "--format", "json")) == []
    assert "RB7082" in shop("usage", "cancel", "1").output
    assert "RB7084" in shop("usage", "settle", numbers[2], "many").output
    assert wallet(shop) == "9.20"


def test_a_bill_shows_what_was_charged(shop: Any) -> None:
    assert shop("usage", "debit", *SENT, "emails=4000", "--id", "n-1").exit_code == 0
    assert shop("bill", "run", "--period", "2026-04", "--issued", "2026-05-01").exit_code == 0
    shown = objects(shop("bill", "show", "INV-2026-000002", "--format", "json"))
    assert [(line["id"], line["billed"], line["taken"]) for line in shown["live"]] == [
        ("emails", "6.00", "6.00"),
        ("charity", "-1.20", "-1.20"),
        ("minimum", "0.20", "0.00"),
    ]
    assert "charged as it happened" in shop("bill", "show", "INV-2026-000002").stdout
