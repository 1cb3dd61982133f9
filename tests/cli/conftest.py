"""Runs the real command in a folder of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

RULESET = """\
ruleset shop "Corner shop":
  currency EUR

account:
  tier: one of standard, gold, default standard
  country: text, optional

event sale:
  amount: number
  kind: one of book, pen

meter sales: sum of amount of sale

plan base "Base" from 2026-01-01:
  charge sales "Sales" graduated:
    first 10 free
    above at €0.50 each
  minimum €2

discount gold "Gold":
  10% off sales
  when account.tier is gold

example "twenty sales" on base in 2026-03:
  usage sales 20
  expect sales €5.00
  expect total €5.00
"""
ACCOUNTS = "account,plan,start,tier\na-1,base,2026-01-01,standard\na-2,base,2026-01-01,gold\n"
USAGE = """\
{"id": "1", "account": "a-1", "event": "sale", "time": "2026-03-02T10:00:00Z", "amount": 15, "kind": "book"}
{"id": "2", "account": "a-1", "event": "sale", "time": "2026-03-03T10:00:00Z", "amount": 5.5, "kind": "pen"}
{"id": "3", "account": "a-2", "event": "sale", "time": "2026-03-03T10:00:00Z", "amount": 110, "kind": "pen"}
{"id": "4", "account": "a-2", "event": "sale", "time": "2026-04-03T10:00:00Z", "amount": 1, "kind": "pen"}
"""


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command did."""

    code: int
    out: str
    err: str


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a ruleset, accounts and usage that belong together."""
    (tmp_path / "shop.rates").write_text(RULESET, encoding="utf-8")
    (tmp_path / "accounts.csv").write_text(ACCOUNTS, encoding="utf-8")
    (tmp_path / "usage.jsonl").write_text(USAGE, encoding="utf-8")
    return tmp_path


@pytest.fixture
def ratebook(folder: Path) -> Callable[..., Ran]:
    """`ratebook("check", "shop.rates")` in the folder; no run may ever print a traceback."""

    def run(*arguments: str, stdin: str | None = None) -> Ran:
        done = subprocess.run(
            [sys.executable, "-m", "ratebook", *arguments],
            cwd=folder,
            input=stdin,
            capture_output=True,
            text=True,
            encoding="utf-8",
            env={**os.environ, "PYTHONUTF8": "1"},
            check=False,
        )
        assert "Traceback" not in done.stderr + done.stdout
        assert done.returncode != 70, done.stderr
        return Ran(done.returncode, done.stdout, done.stderr)

    return run
