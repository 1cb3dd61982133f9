"""The commands of billing, as a person calls them: what they print, what they refuse and how they end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from ratebook.cli import ratebook


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A folder made by `init`, and the command line in it."""
    monkeypatch.chdir(tmp_path)
    runner = CliRunner()

    def call(*arguments: str, given: str | None = None) -> Result:
        return runner.invoke(ratebook, list(arguments), input=given)

    assert call("init", ".").exit_code == 0
    return call


def objects(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_init_makes_a_database_that_bills_at_once(shop: Any) -> None:
    result = objects(shop("bill", "run", "--period", "2026-03", "--issued", "2026-04-01", "--format", "json"))
    assert (result["invoices"], result["total"], result["refused"]) == (4, "186.78", 0)
    again = objects(shop("bill", "run", "--period", "2026-03", "--issued", "2026-04-01", "--format", "json"))
    assert (again["invoices"], again["earlier"]) == (0, 0)
    listed = objects(shop("bill", "list", "--format", "json"))
    assert [item["number"] for item in listed] == [f"INV-2026-{number:06}" for number in range(1, 5)]
    assert objects(shop("bill", "list", "--account", "food-bank", "--open", "--format", "json")) == listed[3:]
    assert objects(shop("bill", "list", "--period", "2026-02", "--format", "json")) == []


def test_a_document_is_shown_in_each_form(shop: Any) -> None:
    assert shop("bill", "run", "--period", "2026-03", "--issued", "2026-04-01").exit_code == 0
    shown = objects(shop("bill", "show", "INV-2026-000003", "--format", "json"))
    assert (shown["account"], shown["total"], shown["open"]) == ("daily-news", "143.18", "143.18")
    assert shown["statement"]["total"] == "143.18"
    for form, sign in (("table", "Emails sent"), ("text", "INV-2026-000003"), ("html", "<html"), ("md", "INV-2026")):
        result = shop("bill", "show", "INV-2026-000003", "--format", form)
        assert result.exit_code == 0
        assert sign in result.stdout
        assert "DRAFT" not in result.stdout
    chinese = shop("bill", "show", "INV-2026-000003", "--format", "text", "--lang", "zh")
    assert "账单" in chinese.stdout or "发票" in chinese.stdout


def test_lines_are_credited_by_the_numbers_that_are_shown(shop: Any) -> None:
    assert shop("bill", "run", "--period", "2026-03", "--issued", "2026-04-01").exit_code == 0
    shown = objects(shop("bill", "show", "INV-2026-000002", "--format", "json"))["lines"]
    assert [line["line"] for line in shown] == list(range(1, len(shown) + 1))
    table = shop("bill", "show", "INV-2026-000002").stdout.split("\n\n")[1].splitlines()
    assert table[0].split()[:3] == ["line", "id", "kind"]
    assert [row.split()[:3] for row in table[2:]] == [[str(line["line"]), line["id"], line["kind"]] for line in shown]
    last = shown[-1]
    credit = objects(
        shop(
            "bill", "credit", "INV-2026-000002", "--lines", str(last["line"]), "--reason", "waived", "--format", "json"
        )
    )
    assert credit["lines"] == {str(last["line"]): f"{last['amount']} USD"}


def test_init_leaves_what_is_there(shop: Any, tmp_path: Path) -> None:
    before = (tmp_path / "ratebook.db").read_bytes()
    assert shop("init", ".").exit_code == 2
    assert (tmp_path / "ratebook.db").read_bytes() == before
    assert shop("init", "--database", str(tmp_path / "ratebook.db")).exit_code == 0
    assert len(objects(shop("account", "list", "--format", "json"))) == 4
    assert shop("init").exit_code == 2


def test_usage_is_added_once_and_found(shop: Any, tmp_path: Path) -> None:
    again = objects(shop("usage", "add", "usage.jsonl", "--format", "json"))
    assert (again["added"], again["repeated"]) == (0, again["read"])
    row = {"id": "x", "account": "book-club", "event": "newsletter.sent", "time": "2026-03-09T00:00:00Z", "emails": 7}
    added = objects(shop("usage", "add", "-", "--format", "json", given=json.dumps(row)))
    assert added["added"] == 1
    found = objects(shop("usage", "list", "--account", "book-club", "--from", "2026-03-09", "--format", "json"))
    assert [item["id"] for item in found][:1] == ["x"]
    assert objects(shop("usage", "show", "x", "--format", "json"))["fields"] == {"emails": "7"}
    other = shop("usage", "add", "-", given=json.dumps(row | {"emails": 8}))
    assert (other.exit_code, "RB3009" in other.stderr, "Nothing was added" in other.stderr) == (2, True, True)
    bad = shop(
        "usage", "add", "-", "--rejects", "rejects.csv", given=json.dumps(row | {"id": "y", "account": "nobody"})
    )
    assert (bad.exit_code, "RB3008" in bad.stderr) == (2, True)
    assert "RB3008" in (tmp_path / "rejects.csv").read_text(encoding="utf-8")
    assert shop("usage", "show", "unknown").exit_code == 2


def test_publish_says_for_whom_it_changes_what(shop: Any, tmp_path: Path) -> None:
    text = (tmp_path / "starter.rates").read_text(encoding="utf-8")
    dearer = tmp_path / "dearer.rates"
    dearer.write_text(text.replace("$2.00 per 1,000", "$3.00 per 1,000"), encoding="utf-8")
    changed = objects(shop("publish", "dearer.rates", "--dry-run", "--format", "json", "--at", "2026-03-31T12:00:00Z"))
    by_account = {item["account"]: item for item in changed}
    assert by_account["book-club"]["before"] != by_account["book-club"]["after"]
    assert len(objects(shop("publish", "--list", "--format", "json"))) == 1
    assert shop("publish", "starter.rates").exit_code == 0
    assert len(objects(shop("publish", "--list", "--format", "json"))) == 1
    assert shop("bill", "run", "--period", "2026-03", "--issued", "2026-04-01").exit_code == 0
    refused = shop("publish", "dearer.rates")
    assert (refused.exit_code, "RB2702" in refused.stderr) == (1, True)


def test_subscriptions_change_and_end(shop: Any) -> None:
    first = objects(shop("subscription", "list", "--account", "food-bank", "--format", "json"))[0]["subscription"]
    changed = objects(
        shop("subscription", "change", str(first), "--on", "2026-04-01", "--set", "kind=company", "--format", "json")
    )
    assert changed["attributes"] == {"kind": "company"}
    ended = objects(shop("subscription", "end", str(changed["subscription"]), "--on", "2026-05-01", "--format", "json"))
    assert ended["end"] == "2026-05-01"
    wrong = shop("subscription", "add", "food-bank", "yearly", "--start", "2026-06-01")
    assert (wrong.exit_code, "RB3101" in wrong.stderr) == (2, True)
    assert shop("subscription", "show", "99").exit_code == 2
    closed = shop("bill", "run", "--period", "2026-13")
    assert (closed.exit_code, "RB9003" in closed.stderr) == (2, True)


def test_many_accounts_and_subscriptions_come_from_files(shop: Any, tmp_path: Path) -> None:
    rows = ["account,plan,start,kind", "ann,monthly,2026-03-01,charity", "bob,monthly,2026-03-01,company"]
    (tmp_path / "new.csv").write_text("\n".join([*rows, ""]), encoding="utf-8")
    early = shop("subscription", "add", "--from", "new.csv", "--rejects", "rejects.csv")
    assert (early.exit_code, early.stderr.count("RB7006"), "Nothing was added" in early.stderr) == (2, 2, True)
    rejected = (tmp_path / "rejects.csv").read_text(encoding="utf-8").splitlines()
    assert [line.split(",")[:5] for line in rejected[1:]] == [
        ["new.csv", "2", "account", "ann", "RB7006"],
        ["new.csv", "3", "account", "bob", "RB7006"],
    ]
    made = shop("account", "create", "--from", "new.csv", "--currency", "USD", "--attribute", "kind")
    assert (made.exit_code, made.stdout, made.stderr) == (0, "2 accounts added\n", "")
    assert shop("subscription", "add", "--from", "new.csv").stdout == "2 subscriptions added\n"
    again = objects(shop("subscription", "add", "--from", "new.csv", "--format", "json"))
    assert again == {"read": 2, "added": 0, "repeated": 2}
    assert (
        objects(shop("bill", "run", "--period", "2026-03", "--issued", "2026-04-01", "--format", "json"))["invoices"]
        == 6
    )


def test_one_thing_or_a_file_of_many(shop: Any) -> None:
    for wrong in (
        ("subscription", "add"),
        ("subscription", "add", "ann", "--start", "2026-03-01"),
        ("subscription", "add", "ann", "--from", "new.csv"),
        ("subscription", "add", "--from", "new.csv", "--end", "2026-03-01"),
        ("account", "create"),
        ("account", "create", "ann"),
        ("account", "create", "ann", "--from", "new.csv"),
    ):
        result = shop(*wrong)
        assert (result.exit_code, "Usage:" in result.stderr) == (2, True), result.output
    missing = shop("subscription", "add", "--from", "nowhere.csv")
    assert (missing.exit_code, "RB9001" in missing.stderr) == (2, True), missing.stderr
