"""End to end: the real command, its output, its exit codes, and what it says of wrong use."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

INPUTS = ("--usage", "usage.jsonl", "--accounts", "accounts.csv", "--period", "2026-03")


def test_help_lists_every_command(ratebook: Callable) -> None:
    ran = ratebook("--help")
    assert ran.code == 0
    for name in ("check", "fmt", "test", "rate", "explain", "invoice", "quote", "init", "order", "errors"):
        assert f"  {name} " in ran.out
        assert ratebook(name, "--help").code == 0


def test_check_is_silent_about_a_sound_ruleset(ratebook: Callable) -> None:
    ran = ratebook("check", "shop.rates")
    assert (ran.code, ran.out) == (0, "")
    assert "0 errors, 0 warnings" in ran.err


def test_check_reports_every_mistake_of_a_run(ratebook: Callable, folder: Path) -> None:
    text = (folder / "shop.rates").read_text().replace("sum of amount", "sum of amout").replace("EUR", "ERU")
    (folder / "broken.rates").write_text(text)
    ran = ratebook("check", "broken.rates")
    assert ran.code == 1
    assert "RB2005" in ran.out and "did you mean `amount`" in ran.out and "broken.rates:2:" in ran.out


def test_check_as_json(ratebook: Callable, folder: Path) -> None:
    (folder / "broken.rates").write_text((folder / "shop.rates").read_text().replace("sum of amount", "sum of amout"))
    ran = ratebook("check", "broken.rates", "--format", "json")
    document = json.loads(ran.out)
    assert document["schema"] == "ratebook.diagnostics/1"
    assert {finding["code"] for finding in document["diagnostics"]} >= {"RB2001"}


def test_check_fails_on_warnings_where_asked(ratebook: Callable, folder: Path) -> None:
    text = (folder / "shop.rates").read_text() + "\nmeter count_of_sales: count of sale\n"
    (folder / "warned.rates").write_text(text)
    assert ratebook("check", "warned.rates").code == 0
    assert ratebook("check", "warned.rates", "--fail-on", "warning").code == 1


def test_a_promise_is_proved_or_not_decided(ratebook: Callable, folder: Path) -> None:
    text = (folder / "shop.rates").read_text() + "\npromise more sales never costs less\n"
    (folder / "promised.rates").write_text(text)
    ran = ratebook("check", "promised.rates", "--require-proof")
    assert ran.code == 0 and "never costs less: proved" in ran.out
    (folder / "promised.rates").write_text(text + "promise margin on sales is at least 10%\n")
    ran = ratebook("check", "promised.rates")
    assert ran.code == 0 and "not decided, because no `cost of sales` is declared" in ran.out
    assert ratebook("check", "promised.rates", "--require-proof").code == 3


def test_fmt_changes_a_file_once(ratebook: Callable, folder: Path) -> None:
    path = folder / "shop.rates"
    neat = path.read_text()
    path.write_text(
        neat.replace("account:\n", "account:   # customers\n").replace("first 10 free", "first   10   free")
    )
    assert ratebook("fmt", "--check", "shop.rates").code == 1
    diff = ratebook("fmt", "--diff", "shop.rates")
    assert "-    first   10   free" in diff.out and "+    first 10 free" in diff.out
    assert ratebook("fmt", "shop.rates").code == 0
    assert "# customers" in path.read_text() and "    first 10 free\n" in path.read_text()
    assert ratebook("fmt", "--check", "shop.rates").code == 0


def test_fmt_leaves_a_broken_file_alone(ratebook: Callable, folder: Path) -> None:
    path = folder / "shop.rates"
    path.write_text(path.read_text().replace("graduated:", "graduated"))
    before = path.read_text()
    assert ratebook("fmt", "shop.rates").code == 1
    assert path.read_text() == before


def test_examples_pass_and_fail(ratebook: Callable, folder: Path) -> None:
    ran = ratebook("test", "shop.rates")
    assert ran.code == 0 and "1 passed, 0 failed" in ran.err
    path = folder / "shop.rates"
    path.write_text(path.read_text().replace("expect sales €5.00", "expect sales €6.00"))
    ran = ratebook("test", "shop.rates")
    assert ran.code == 1 and "sales is 5.00 (-1.00)" in ran.out


def test_accept_rewrites_and_marks(ratebook: Callable, folder: Path) -> None:
    path = folder / "shop.rates"
    path.write_text(path.read_text().replace("expect sales €5.00", "expect sales €6.00"))
    ratebook("test", "--accept", "shop.rates")
    assert "in 2026-03 unreviewed:" in path.read_text() and "expect sales €5.00" in path.read_text()
    ran = ratebook("test", "shop.rates")
    assert ran.code == 1 and "RB5002" in ran.out
    path.write_text(path.read_text().replace(" unreviewed", ""))
    assert ratebook("test", "shop.rates").code == 0


def test_rate_as_json_lines(ratebook: Callable) -> None:
    ran = ratebook("rate", "shop.rates", *INPUTS, "--format", "jsonl")
    assert ran.code == 0
    first, second = map(json.loads, ran.out.splitlines())
    assert first["schema"] == "ratebook.statement/1"
    assert first["account"] == "a-1" and first["total"] == "5.25" == first["due"]
    assert first["period"] == {"start": "2026-03-01T00:00:00+00:00", "end": "2026-04-01T00:00:00+00:00"}
    assert second["total"] == "45.00"
    assert second["lines"][1]["kind"] == "discount" and second["lines"][1]["on"] == ["sales"]
    assert second["lines"][1]["source"] == "shop.rates:20"
    assert "4 events read: 4 counted, 0 repeated, 0 rejected; 1 of those counted outside the period" in ran.err
    assert "2 accounts; total 50.25 EUR" in ran.err


def test_rate_as_csv_and_parquet(ratebook: Callable, folder: Path) -> None:
    ran = ratebook("rate", "shop.rates", *INPUTS, "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(ran.out)))
    assert [row["billed_cost"] for row in rows] == ["5.25", "50.00", "-5.00"]
    assert ratebook("rate", "shop.rates", *INPUTS, "--format", "parquet", "-o", "out.parquet").code == 0
    import duckdb

    (total,) = duckdb.sql(f"select sum(billed_cost) from '{folder / 'out.parquet'}'").fetchall()[0]
    assert str(total) == "50.25"


def test_rate_reads_standard_input_globs_and_folders(ratebook: Callable, folder: Path) -> None:
    usage = (folder / "usage.jsonl").read_text()
    plain = ratebook("rate", "shop.rates", *INPUTS, "--format", "jsonl")
    piped = ratebook("rate", ".", "--usage", "-", *INPUTS[2:], "--format", "jsonl", stdin=usage)
    globbed = ratebook("rate", ".", "--usage", "us*.jsonl", *INPUTS[2:], "--format", "jsonl")
    assert plain.out == piped.out == globbed.out


def test_a_repeated_file_changes_nothing(ratebook: Callable, folder: Path) -> None:
    (folder / "again.jsonl").write_text((folder / "usage.jsonl").read_text())
    once = ratebook("rate", "shop.rates", *INPUTS, "--format", "jsonl")
    twice = ratebook("rate", "shop.rates", "--usage", "again.jsonl", *INPUTS, "--format", "jsonl")
    assert once.out == twice.out and "4 repeated" in twice.err


def test_bad_rows_stop_the_run_and_lose_nothing(ratebook: Callable, folder: Path) -> None:
    bad = '{"id": "9", "account": "a-9", "event": "sale", "time": "2026-03-02T10:00Z", "amount": "x", "kind": "bok"}\n'
    (folder / "usage.jsonl").write_text((folder / "usage.jsonl").read_text() + bad)
    ran = ratebook("rate", "shop.rates", *INPUTS, "--format", "jsonl", "--rejects", "rejects.csv", "-o", "out.jsonl")
    assert ran.code == 2 and not (folder / "out.jsonl").exists() and ran.out == ""
    for said in ("RB3008", "RB3003", "RB3005", "RB3006", "usage.jsonl, line 5", "did you mean `book`"):
        assert said in ran.err
    rows = list(csv.DictReader((folder / "rejects.csv").open()))
    assert {row["code"] for row in rows} == {"RB3008", "RB3003", "RB3005", "RB3006"}
    skipped = ratebook("rate", "shop.rates", *INPUTS, "--format", "jsonl", "--skip-bad-rows")
    assert skipped.code == 0 and "1 rejected" in skipped.err


def test_explain_adds_up_and_says_why_not(ratebook: Callable) -> None:
    ran = ratebook("explain", "shop.rates", *INPUTS, "--account", "a-1")
    assert ran.code == 0
    for said in ("shop.rates:15", "10.5  × €0.50 each", "5.25", "account.tier is gold", "minimum"):
        assert said in ran.out
    only = ratebook("explain", "shop.rates", *INPUTS, "--account", "a-1", "--line", "sales")
    assert only.code == 0 and len(only.out) < len(ran.out)
    document = json.loads(ratebook("explain", "shop.rates", *INPUTS, "--account", "a-1", "--format", "json").out)
    assert document["schema"] == "ratebook.explanation/1"


def test_invoices_in_every_form(ratebook: Callable, folder: Path) -> None:
    for form, suffix in (("text", ".txt"), ("md", ".md"), ("html", ".html")):
        assert ratebook("invoice", "shop.rates", *INPUTS, "--format", form, "-o", "out").code == 0
        assert "DRAFT" in (folder / "out" / f"a-1-2026-03-01{suffix}").read_text(encoding="utf-8").upper()
    numbered = ("--account", "a-2", "--number", "2026-17", "--date", "2026-04-01", "--lang", "zh")
    assert ratebook("invoice", "shop.rates", *INPUTS, *numbered, "--format", "text", "-o", "out").code == 0
    text = (folder / "out" / "a-2-2026-03-01.txt").read_text(encoding="utf-8")
    assert "2026-17" in text and "€45.00" in text


def test_a_template_of_ones_own(ratebook: Callable, folder: Path) -> None:
    (folder / "mine.txt").write_text("{{ invoice.account }} owes {{ invoice.due }}\n")
    ran = ratebook("invoice", "shop.rates", *INPUTS, "--template", "mine.txt", "-o", "out")
    assert ran.code == 0, ran.err
    assert "a-1 owes" in (folder / "out" / "a-1-2026-03-01.txt").read_text()
    (folder / "bad.txt").write_text("{{ ''.__class__.__mro__ }}\n")
    ran = ratebook("invoice", "shop.rates", *INPUTS, "--template", "bad.txt", "-o", "out")
    assert ran.code == 2 and "RB6002" in ran.err


def test_quote(ratebook: Callable) -> None:
    ran = ratebook("quote", "shop.rates", "--plan", "base", "--usage", "sales=1,010", "--account", "tier=gold")
    assert ran.code == 0 and "450.00" in ran.out
    explained = ratebook("quote", "shop.rates", "--plan", "base", "--usage", "sales=20", "--explain")
    assert "10  × €0.50 each" in explained.out


def test_order_and_errors(ratebook: Callable) -> None:
    assert "penalties" in ratebook("order").out
    assert "RB2204" in ratebook("errors").out
    assert "RB2204" in ratebook("errors", "rb2204").out
    assert ratebook("errors", "RB0000").code == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("chek", "shop.rates"), "Did you mean 'check'?"),
        (("check",), "Missing argument"),
        (("check", "nothing.rates"), "RB9001"),
        (("check", "empty"), "RB9008"),
        (("rate", "shop.rates", *INPUTS[:4], "--period", "2026-13"), "RB9003"),
        (("rate", "shop.rates", "--usage", "nothing.csv", *INPUTS[2:]), "RB9001"),
        (("rate", "shop.rates", "--usage", "shop.rates", *INPUTS[2:]), "RB9002"),
        (("rate", "shop.rates", *INPUTS, "--account", "a-3"), "RB9004"),
        (("rate", "shop.rates", *INPUTS, "--format", "parquet"), "-o FILE"),
        (("rate", "shop.rates", *INPUTS, "--format", "csv", "-o", "nowhere/out.csv"), "RB9007"),
        (("explain", "shop.rates", *INPUTS), "--account ID"),
        (("explain", "shop.rates", *INPUTS, "--account", "a-1", "--line", "sale"), "RB2001"),
        (("invoice", "shop.rates", *INPUTS, "--number", "7", "-o", "out"), "--account ID"),
        (("invoice", "shop.rates", *INPUTS, "--lang", "tlh", "-o", "out"), "RB6006"),
        (("invoice", "shop.rates", *INPUTS, "--date", "soon", "-o", "out"), "RB9003"),
        (("quote", "shop.rates", "--plan", "bas", "--usage", "sales=1"), "RB9005"),
        (("quote", "shop.rates", "--plan", "base", "--usage", "sales"), "RB9006"),
        (("quote", "shop.rates", "--plan", "base", "--usage", "sale=1"), "RB3012"),
        (("quote", "shop.rates", "--plan", "base", "--account", "teir=gold"), "did you mean tier"),
        (("quote", "shop.rates", "--plan", "base", "--account", "tier=silver"), "RB3104"),
        (("quote", "shop.rates", "--plan", "base", "--period", "2025-01"), "RB4004"),
    ],
)
def test_wrong_use_exits_with_2(ratebook: Callable, folder: Path, arguments: tuple[str, ...], said: str) -> None:
    (folder / "empty").mkdir()
    ran = ratebook(*arguments)
    assert said in ran.err + ran.out
    assert ran.code == 2


def test_rating_with_a_broken_ruleset_exits_with_1(ratebook: Callable, folder: Path) -> None:
    (folder / "shop.rates").write_text((folder / "shop.rates").read_text().replace("EUR", "USD"))
    ran = ratebook("rate", "shop.rates", *INPUTS)
    assert ran.code == 1 and "RB2102" in ran.err


def test_an_account_that_cannot_be_rated_is_named(ratebook: Callable, folder: Path) -> None:
    text = (folder / "shop.rates").read_text().replace("account.tier is gold", 'account.country is "DE"')
    (folder / "shop.rates").write_text(text)
    ran = ratebook("rate", "shop.rates", *INPUTS)
    assert ran.code == 2 and "RB4001" in ran.err and "account a-1" in ran.err and "account.country is known" in ran.err


def test_usage_takes_many_files(ratebook: Callable, folder: Path) -> None:
    lines = (folder / "usage.jsonl").read_text().splitlines(keepends=True)
    (folder / "one.jsonl").write_text("".join(lines[:2]))
    (folder / "two.jsonl").write_text("".join(lines[2:]))
    whole = ratebook("rate", "shop.rates", *INPUTS, "--format", "jsonl")
    parts = ratebook("rate", "shop.rates", "--usage", "one.jsonl", "two.jsonl", *INPUTS[2:], "--format", "jsonl")
    last = ratebook("rate", "shop.rates", *INPUTS[2:], "--format", "jsonl", "--usage", "one.jsonl", "two.jsonl")
    before = ratebook(
        "rate", "--usage", "one.jsonl", "--usage=two.jsonl", "shop.rates", *INPUTS[2:], "--format", "jsonl"
    )
    assert whole.out == parts.out == last.out == before.out != ""


def test_usage_outside_a_subscription_is_said(ratebook: Callable, folder: Path) -> None:
    (folder / "accounts.csv").write_text(
        "account,plan,start,end,tier\na-1,base,2026-03-03,,gold\na-2,base,2026-01-01,,gold\n"
    )
    ran = ratebook("rate", "shop.rates", *INPUTS, "--format", "jsonl")
    assert "1 event inside the period, while the account has no subscription" in ran.err
    assert "1 of those counted outside the period" in ran.err


def test_text_that_is_not_utf8_is_unreadable_input(ratebook: Callable, folder: Path) -> None:
    (folder / "shop.rates").write_bytes(b"\xff\xfe")
    for command in ("check", "fmt", "test"):
        assert ratebook(command, "shop.rates").code == 2


def test_rate_says_how_far_a_counted_ladder_reaches_back(ratebook: Callable, folder: Path) -> None:
    """Usage of March stands on the ladder of April; where files begin in April, the summary says so."""
    path = folder / "shop.rates"
    text = path.read_text().replace("graduated:", "graduated counted per calendar year:")
    path.write_text(text.replace("  minimum €2\n", ""))
    rows = [json.loads(line) for line in (folder / "usage.jsonl").read_text().splitlines()]
    inputs = ("--accounts", "accounts.csv", "--period", "2026-04", "--account", "a-2")
    whole = ratebook("rate", "shop.rates", "--usage", "usage.jsonl", *inputs)
    assert whole.code == 0, whole.err
    # 110 sales in March are past the 10 free ones: 1 × 0.50, less 10% for gold.
    assert "total 0.45 EUR" in whole.err
    assert "rules reach back to 2026-01-01" in whole.err
    april = [json.dumps(row) for row in rows if row["time"] > "2026-04"]
    (folder / "april.jsonl").write_text("\n".join(april) + "\n")
    late = ratebook("rate", "shop.rates", "--usage", "april.jsonl", *inputs)
    assert "total 0.00 EUR" in late.err
    assert "usage begins on 2026-04-03, and rules reach back to 2026-01-01" in late.err
