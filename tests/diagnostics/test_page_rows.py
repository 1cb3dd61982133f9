"""The rows on the pages of RB30xx and RB31xx, read by the real command: a bad one gives its code, a good one none."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from ratebook.cli import ratebook
from ratebook.diagnostics.pages import Page, pages

RULESET = """\
ruleset acme "Acme":
  currency USD
  time zone UTC

account:
  tier: one of standard, gold, default standard
  seats: number, default 1
  country: text{country}

event api.call:
  region: one of us, eu

event net.flow:
  size: number of GB

event paid:
  amount: money

event call lasting duration:
  prepaid: yes or no, default no
  duration: number of s, default 0

meter calls: count of api.call
meter egress: sum of size of net.flow
meter paid: sum of amount of paid

plan payg from 2026-01-01:
  charge calls: at $1 each
  charge egress: at $1 per GB
  charge paid: at 1%
  charge talk of each call.duration: at $1 per s

plan flat from 2026-01-01:
  fee base $10 per month

card starter:
  worth $100
  pays everything
"""
ACCOUNT = {"account": "a-1", "plan": "payg", "start": "2026-01-01"}
NOT_A_ROW = {"RB3014": "a column of Parquet", "RB3019": "bytes"}
_CELLS = {"account": "a-1", "event": "api.call", "time": "2026-03-02T10:00:00Z", "region": "us"}
ROWS = [page for page in pages().values() if page.bad_row and page.code.code not in NOT_A_ROW]


def codes_of(page: Page, row: str, folder: Path) -> set[str]:
    """The codes that the command reports for a row, among usage or accounts as its columns say."""
    needed = page.code.code == "RB3107"
    (folder / "acme.rates").write_text(RULESET.format(country="" if needed else ", optional"), encoding="utf-8")
    accounts = json.dumps(ACCOUNT | ({"country": "DE"} if needed else {}))
    usage = folder / "usage.jsonl"
    lines = row.replace("  and  ", "\n")
    if page.code.code.startswith("RB31"):
        accounts = lines
        usage.write_text("", encoding="utf-8")
    elif row.startswith("{"):
        usage.write_text(lines + "\n", encoding="utf-8")
    else:
        usage = folder / "usage.csv"
        header = "account,event,time," + ("size" if "net.flow" in row else "region") + "\n"
        if "event,time" in row:  # the row is the first of a file; below it stands one with as many cells
            header, lines = "", row + "\n" + ",".join([_CELLS.get(name, "eu") for name in row.split(",")])
        usage.write_text(f"{header}{lines}\n", encoding="utf-8")
    (folder / "accounts.jsonl").write_text(accounts + "\n", encoding="utf-8")
    arguments = ["rate", str(folder / "acme.rates"), "--usage", str(usage)]
    arguments += ["--accounts", str(folder / "accounts.jsonl"), "--period", "2026-03"]
    done = CliRunner().invoke(ratebook, arguments)
    return set(re.findall(r"^(?:error|warning)\[(RB\d{4})\]", done.output, re.MULTILINE))


@pytest.mark.parametrize("page", ROWS, ids=lambda page: page.code.code)
def test_the_bad_row_gives_its_code_and_nothing_else(page: Page, tmp_path: Path) -> None:
    assert codes_of(page, page.bad_row, tmp_path) == {page.code.code}


@pytest.mark.parametrize("page", ROWS, ids=lambda page: page.code.code)
def test_the_good_row_gives_nothing(page: Page, tmp_path: Path) -> None:
    assert codes_of(page, page.good_row, tmp_path) - {"RB3020"} == set()
