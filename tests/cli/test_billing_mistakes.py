"""What people get wrong at the commands of billing: each is answered with its code, what is wrong, and a way out."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

import pytest
from click.testing import CliRunner, Result

from ratebook.cli import ratebook

MISTAKES = """
account create x --currency XYZ                                      | RB7007 | --currency
account create x --currency usd                                      | RB7007 | write USD
account create x --currency USD --credit-limit -5                    | RB7003 | not below zero
account create x --currency USD --credit-limit 10000000000000.01     | RB7004 | 10,000,000,000,000.00 USD
account create " x" --currency USD                                   | RB7040 | visible|spaces
account create x --currency USD --set tier                           | RB9006 | NAME=VALUE
account create book-club --currency USD                              | RB7041 | book-club
account show nobody                                                  | RB7006 | account create
account deposit book-club -5                                         | RB7003 | −5 is not above zero
account deposit book-club 0                                          | RB7003 | 0 is not above zero
account deposit book-club 0.001                                      | RB7002 | 2 decimals
account deposit book-club 10000000000000.01                          | RB7004 | 10,000,000,000,000.00 USD
account deposit book-club "5 EUR"                                    | RB7007 | in EUR
account deposit book-club 5EUR                                       | RB7007 | in EUR
account deposit book-club abc                                        | RB7002 | “abc” is no amount
account deposit nobody 5                                             | RB7006 | nobody
account withdraw book-club 5                                         | RB7018 | 5.00 USD
account limit book-club -1                                           | RB7003 | not below zero
account set book-club kind=goat --from 2026-05-01                    | RB3104 | subscription 1 of account book-club
account set book-club kind=company --from soon                       | RB9003 | --from
account close book-club                                              | RB7042 | subscription end
subscription add nobody monthly --start 2026-03-01                   | RB7006 | nobody
subscription add book-club monthly --start 2026-03-01                | RB7046 | subscription change 1
subscription add new monthlyy --start 2026-03-01                     | RB3101 | account new
subscription add new monthly --start 2026-03-01 --end 2026-03-01     | RB3108 | account new
subscription add new monthly --start 2026-03-01 --set kin=charity    | RB2001 | kind
subscription add new monthly --start 2026-03-01 --set kind=goat      | RB3104 | company
subscription add euro monthly --start 2026-03-01                     | RB7044 | EUR
subscription add new monthly --start 2026-03-01 --ruleset nope       | RB7043 | starter
subscription change 1 --plan monthly --on 2026-03-15                 | RB7045 | 2026-04-01
subscription change 99 --plan monthly --on 2026-03-15                | RB7047 | 99
subscription end 1 --on 2026-03-15                                   | RB7045 | 2026-04-01
subscription end 1 --on 2025-03-15                                   | RB7052 | 2026-01-01
subscription list --account nobody                                   | RB7006 | nobody
bill run --period 2026-13                                            | RB9003 | --period
bill run --period 2026-04 --ruleset nope                             | RB7043 | starter
bill list --account nobody                                           | RB7006 | nobody
bill show nonsense                                                   | RB7060 | nonsense
bill credit INV-2026-000001 --amount 1                               | RB7069 | --reason
bill credit INV-2026-000001 --amount 999 --reason x                  | RB7067 | 5.80 USD
bill credit INV-2026-000001 --amount -1 --reason x                   | RB7003 | --amount
bill credit INV-2026-000001 --lines 9 --reason x                     | RB7068 | line 9
bill credit INV-2026-000002 --reason x                               | RB7067 | nothing is left of INV-2026-000002
bill credit CN-2026-000001 --reason x                                | RB7066 | CN-2026-000001
bill write-off INV-2026-000002 --reason x                            | RB7062 | --open
bill write-off INV-2026-000001 --amount 9 --reason x                 | RB7067 | 5.80 USD
payment add nobody 5                                                 | RB7006 | nobody
payment add book-club -5                                             | RB7003 | −5 is not above zero
payment add book-club "5 EUR"                                        | RB7007 | EUR
payment add book-club 5 --invoice INV-2026-000003                    | RB7061 | daily-news
payment add daily-news 8 --key paid                                  | RB7001 | paid
payment refund {payment} --amount 8                                  | RB7065 | 7.00 USD
payment refund {refunded}                                            | RB7064 | payment show
payment reverse {refunded}                                           | RB7064 | payment show
payment refund 1                                                     | RB7063 | payment list
payment from-wallet book-club                                        | RB7018 | account show
payment list --account nobody                                        | RB7006 | nobody
usage add nowhere.jsonl                                              | RB9001 | nowhere.jsonl
usage list --account nobody                                          | RB7006 | nobody
usage list --from soon                                               | RB9003 | --from
usage debit nobody newsletter.sent emails=1 --id q                   | RB7006 | nobody
usage debit book-club newsletter.sent emails=x --id q                | RB3003 | emails
usage debit book-club nothing emails=1 --id q                        | RB3007 | nothing
usage debit book-club newsletter.sent emails --id q                  | RB9006 | FIELD=VALUE
usage debit book-club newsletter.sent emails=1 --id q --time 2026-03-02T00:00:00Z | RB7081 | usage add
usage debit book-club newsletter.sent emails=90000 --id q --time 2026-04-02T00:00:00Z | RB7018 | deposit
usage afford book-club newsletter.sent --field letters               | RB7084 | emails
usage authorize book-club newsletter.sent --field letters --id q     | RB7084 | emails
usage authorize book-club newsletter.sent --field emails --units 0 --id q | RB7084 | 0 emails
account deposit closed 5                                             | RB7008 | account closed
account limit closed 5                                               | RB7008 | account closed
account deposit new 5 --at 2026-01-01                                | RB9003 | 2026-01-01T00:00:00Z
account deposit new 5 --at yesterday                                 | RB9003 | --at
account list --database starter.rates                                | RB7035 | starter.rates
account list --database nowhere/x.db                                 | RB7031 | init
usage settle 99 -5                                                   | RB7084 | −5
usage settle 99 5                                                    | RB7082 | 99
card sell b-1                                                        | RB7071 | b-1
card batch starter gift --batch b --count 1 --key-file card.key      | RB9001 | card.key
outbox resolve 99 confirmed --reason x                               | RB7077 | 99
watch add w "balance below" --to file:w                              | RB7090 | balance below MONEY
watch add w "balance below $5" --to nowhere                          | RB7091 | nowhere
watch remove w                                                       | RB7092 | watch list
report account nobody --period 2026                                  | RB7006 | nobody
audit checkpoint                                                     | RB7116 | audit key
log --from soon                                                      | RB9003 | --from
"""
"""What is called | the code of the answer | what is in it."""


def call(*arguments: str) -> Result:
    return CliRunner().invoke(ratebook, list(arguments))


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A folder in which March is billed, one invoice credited whole, and payments entered; their numbers."""
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(tmp_path_factory.mktemp("shop"))
        numbers = {}
        for line in (
            "init .",
            "account create new --currency USD",
            "account create euro --currency EUR",
            "account create closed --currency USD",
            "account close closed",
            "bill run --period 2026-03 --issued 2026-04-01",
            "bill credit INV-2026-000002 --reason outage --issued 2026-04-02",
            "payment add daily-news 7 --key paid --format csv",
            "payment add daily-news 6 --format csv",
        ):
            done = call(*shlex.split(line))
            assert done.exit_code == 0, done.output
            numbers[line] = done.stdout.splitlines()[-1].split(",")[0]
        found = {"payment": numbers["payment add daily-news 7 --key paid --format csv"]}
        found["refunded"] = numbers["payment add daily-news 6 --format csv"]
        assert call("payment", "refund", found["refunded"]).exit_code == 0
        yield found


@pytest.mark.parametrize("line", MISTAKES.strip().splitlines(), ids=lambda line: line.partition("|")[0].strip())
def test_a_mistake_is_answered(shop: dict[str, str], line: str) -> None:
    written, code, *words = (part.strip() for part in line.split("|"))
    before = call("account", "list", "--format", "csv").stdout
    result = call(*shlex.split(written.format(**shop)))
    assert result.exit_code == 2, result.output
    assert f"error[{code}]" in result.stderr, result.stderr
    assert any(word in result.stderr for word in words), result.stderr
    assert "= help: " in result.stderr, result.stderr
    assert result.stdout == ""
    assert call("account", "list", "--format", "csv").stdout == before


def test_what_would_change_nothing_is_wrong_use(shop: dict[str, str]) -> None:
    result = call("subscription", "change", "1", "--on", "2026-05-01")
    assert (result.exit_code, "--plan or --set" in result.stderr) == (2, True)
    assert call("log", "--limit", "-1").exit_code == 2


def test_a_period_that_is_not_over_is_said(shop: dict[str, str]) -> None:
    early = call("bill", "run", "--period", "2026-04", "--issued", "2026-04-10")
    assert (early.exit_code, "not over on 2026-04-10" in early.stderr) == (0, True)
    assert early.stdout.startswith("0 invoices")


def test_fields_that_nobody_reads_are_warned_of(shop: dict[str, str]) -> None:
    asked = ("usage", "afford", "city-choir", "newsletter.sent", "--field", "emails", "--time", "2026-04-02T00:00:00Z")
    result = call(*asked, "colour=red")
    assert (result.exit_code, "warning[RB3020]: `colour`" in result.stderr) == (0, True)
    assert call(*asked).stderr == ""


def test_messages_without_an_address_fail_the_delivery(shop: dict[str, str]) -> None:
    result = call("outbox", "deliver")
    assert (result.exit_code, "RB7079" in result.stderr, "no address" in result.stderr) == (1, True, True)


def test_the_same_key_prints_the_same(shop: dict[str, str]) -> None:
    first = call("payment", "add", "food-bank", "1", "--key", "again")
    assert first.exit_code == 0
    assert call("payment", "add", "food-bank", "1", "--key", "again").stdout == first.stdout


def test_a_credit_note_says_what_it_corrects_and_why(shop: dict[str, str]) -> None:
    shown = call("bill", "show", "CN-2026-000001").stdout
    assert "corrects  INV-2026-000002\n" in shown and "reason    outage\n" in shown
    assert "payable by" not in shown and "about" not in shown
