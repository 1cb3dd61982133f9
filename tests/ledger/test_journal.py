"""The journals, read by the programs that they are for: both accept them and agree with every balance."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ratebook.billing.acting import Acting
from ratebook.billing.customers import create_customer, deposit, withdraw
from ratebook.billing.reports.report import money
from ratebook.diagnostics import Diagnostic
from ratebook.ledger.accounts import AccountKind
from ratebook.ledger.journal import Journal, beancount, hledger, read_journal
from ratebook.ledger.journal.entries import journal_name
from ratebook.ledger.store import Reader, Store, open_store

NAMES = ("a-1", "A-1", "b:2", "客户 1", "Ä", "x y;z", '"quoted"', "-", "a-1-2f08b7ca")
DAY = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = open_store(str(tmp_path / "ledger.db"), create=True)
    for number, name in enumerate(NAMES):
        code = "JPY" if number == 0 else "CNY"
        done = [
            create_customer(made, Acting("test", DAY, f"create {name}"), name, code),
            deposit(made, Acting("test", DAY, f"in {name}"), name, 5000 + number, reference='say "hi"; | \\ and\nmore'),
            # Earlier than the account was opened: an account is used from its first transfer on.
            withdraw(made, Acting("test", DAY.replace(month=2), f"out {name}"), name, 101),
        ]
        assert not any(isinstance(answer, Diagnostic) for answer in done)
    yield made
    made.close()


def shown(amount: int, code: str) -> str:
    return str(money(amount, code))


def test_names_of_accounts_are_taken_and_told_apart() -> None:
    names = [journal_name(AccountKind.WALLET, f"wallet:{name}") for name in NAMES]
    assert len(set(names)) == len(NAMES)
    assert names[1] == "Liabilities:Wallet:A-1"
    assert all(re.fullmatch(r"Liabilities:Wallet:[A-Z0-9][\w-]*", name) for name in names)


def test_entries_balance_and_add_up_to_the_balances(store: Store) -> None:
    def read(reader: Reader) -> tuple[Journal, dict[str, int]]:
        journal = read_journal(reader)
        sums: dict[str, int] = {}
        for entry in journal.entries(reader):
            assert sum(posting.amount for posting in entry.postings) == 0
            for posting in entry.postings:
                sums[posting.account] = sums.get(posting.account, 0) + posting.amount
        return journal, sums

    journal, sums = store.read(read)
    assert {account.name: account.balance for account in journal.accounts.values() if account.balance} == sums
    assert all(account.first_day.month == 2 for account in journal.accounts.values() if account.balance)


def _written(store: Store, form: str, path: Path) -> Path:
    def read(reader: Reader) -> str:
        journal = read_journal(reader)
        write = {"beancount": beancount, "hledger": hledger}[form]
        return "".join(write(journal, journal.entries(reader), shown, title="All of it"))

    path.write_text(store.read(read), encoding="utf-8")
    return path


def test_bean_check_accepts_the_journal(store: Store, tmp_path: Path) -> None:
    program = Path(sys.executable).with_name("bean-check")
    if not program.exists():
        pytest.skip("bean-check is not installed: pip install beancount")
    path = _written(store, "beancount", tmp_path / "ledger.beancount")
    assert _run([str(program), str(path)]) == ""
    # The check can fail: a balance that is off by one.
    broken = path.read_text(encoding="utf-8").replace(
        "balance Assets:Gateway:JPY  4899 JPY", "balance Assets:Gateway:JPY  4898 JPY"
    )
    path.write_text(broken, encoding="utf-8")
    assert "Balance failed" in _run([str(program), str(path)])


def test_hledger_accepts_the_journal_and_agrees(store: Store, tmp_path: Path) -> None:
    program = shutil.which("hledger")
    if program is None:
        pytest.skip("hledger is not installed: apt-get install hledger")
    path = _written(store, "hledger", tmp_path / "ledger.journal")
    assert _run([program, "-f", str(path), "check", "--strict"]) == ""
    told = _run([program, "-f", str(path), "balance", "--output-format", "csv", "--empty"])
    journal = store.read(read_journal)
    for account in journal.accounts.values():
        amount = shown(account.balance, account.currency)
        assert f'"{account.name}","{"0" if account.balance == 0 else f"{amount} {account.currency}"}"' in told
    broken = path.read_text(encoding="utf-8").replace("= 4899 JPY", "= 4898 JPY")
    path.write_text(broken, encoding="utf-8")
    assert "4898" in _run([program, "-f", str(path), "check", "--strict"])


def _run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr
