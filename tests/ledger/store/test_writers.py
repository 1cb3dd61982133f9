"""Sixteen writers on two hot accounts and 98 others: nothing is lost, no floor is passed, one reversal wins."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Sequence
from typing import Any

from ratebook.ledger.refusals import Refusal
from ratebook.ledger.requests import AccountId, Outcome, Posted, Refused, Request, Reverse, Transfer, TransferId

WRITERS, TURNS, ACCOUNTS, HOT = 16, 40, 100, 2
FUNDS = 40

WRITER = """
    import json, sys
    from ratebook.ledger.requests import Request, Reverse, Transfer
    from ratebook.ledger.store import open_store
    url, told = sys.argv[1], json.loads(sys.argv[2])
    store = open_store(url)
    sys.stdin.readline()
    outcomes = []
    for key, *leg in told:
        made = Transfer(*leg, "USD", "payment") if len(leg) == 3 else Reverse(*leg)
        (outcome,) = store.write(lambda transaction: transaction.post([Request(key, (made,), 0)]))
        said = list(outcome.transfers) if hasattr(outcome, "transfers") else outcome.refusal.name
        outcomes.append([key, said])
    store.close()
    print(json.dumps(outcomes))
"""


def turns(number: int, accounts: Sequence[int], paid: int) -> list[list[Any]]:
    """What one writer does: every other transfer touches a hot account, and all try to reverse the same transfer."""
    chance = random.Random(number)
    told: list[list[Any]] = []
    for turn in range(TURNS):
        if turn % 2:
            pair = [accounts[chance.randrange(HOT)], accounts[chance.randrange(HOT, ACCOUNTS)]]
            chance.shuffle(pair)
        else:
            pair = chance.sample(accounts[HOT:], 2)
        told.append([f"writer {number} turn {turn}", *pair, chance.randint(1, 30)])
    told.insert(chance.randrange(TURNS), [f"writer {number} reverses", paid])
    return told


def opened(bank: Any) -> tuple[list[AccountId], TransferId]:
    """A hundred accounts with little on them, and a payment that everybody will want back."""
    accounts = [bank.account(f"account {number}", FUNDS) for number in range(ACCOUNTS)]
    shop = bank.account("shop")
    return accounts, bank.posted(Transfer(bank.gateway, shop, 1_000, "USD", "payment"))


def hold_to_account(bank: Any, accounts: Sequence[int], paid: int, told: list[Any], said: dict[str, Any]) -> None:
    """What was answered is what is there: as if all had come one after the other, in the order of the log."""
    asked = {key: leg for key, *leg in told}
    rows = bank.rows("SELECT id, key, debit, credit, amount FROM transfers WHERE key LIKE ? ORDER BY id", ("writer %",))
    balance = dict.fromkeys(accounts, FUNDS)
    for number, key, debit, credit, amount in rows:
        assert said[key] == [number]
        if key.endswith("reverses"):
            assert amount == 1_000
            continue
        assert asked[key] == [debit, credit, amount]
        balance[debit] -= amount
        balance[credit] += amount
        assert balance[debit] >= 0
    assert {account: bank.balance(account)[0] for account in accounts} == balance
    answered = {key for key, answer in said.items() if isinstance(answer, list)}
    assert answered == {key for _, key, *_ in rows}
    assert len([key for key in answered if key.endswith("reverses")]) == 1
    refused = [answer for answer in said.values() if isinstance(answer, str)]
    assert set(refused) <= {"INSUFFICIENT_FUNDS", "REVERSAL_EXCEEDED"}
    assert refused.count("REVERSAL_EXCEEDED") == WRITERS - 1 and refused.count("INSUFFICIENT_FUNDS") > 20
    assert len(said) == WRITERS * (TURNS + 1)
    assert bank.rows("SELECT sum(credits) - sum(debits) FROM balances") == [(0,)]
    assert bank.rows("SELECT sum(amount) FROM transfers WHERE reverses = ?", (paid,)) == [(1_000,)]


def test_threads(bank: Any) -> None:
    accounts, paid = opened(bank)
    told = [turns(number, accounts, paid) for number in range(WRITERS)]
    said: dict[str, Any] = {}

    def write(own: list[list[Any]]) -> None:
        for key, *leg in own:
            made = Transfer(leg[0], leg[1], leg[2], "USD", "payment") if len(leg) == 3 else Reverse(leg[0])
            (outcome,) = bank.requests([Request(key, (made,), 0)])
            said[key] = outcome.refusal.name if isinstance(outcome, Refused) else list(outcome.transfers)

    threads = [threading.Thread(target=write, args=(own,)) for own in told]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    hold_to_account(bank, accounts, paid, [item for own in told for item in own], said)


def test_processes(new_postgresql: Callable[[], str], request: Any) -> None:
    url = new_postgresql()
    from ratebook.ledger.store import open_store

    make_bank = request.getfixturevalue("make_bank")
    store = open_store(url)
    bank = make_bank(store)
    accounts, paid = opened(bank)
    told = [turns(number, accounts, paid) for number in range(WRITERS)]
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(WRITER), url, json.dumps(own)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=dict(os.environ),
        )
        for own in told
    ]
    said: dict[str, Any] = {}
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("\n")
        writer.stdin.flush()
    for writer in writers:
        printed, _ = writer.communicate(timeout=300)
        assert writer.returncode == 0
        said.update(dict(json.loads(printed)))
    hold_to_account(bank, accounts, paid, [item for own in told for item in own], said)
    store.close()


def test_the_same_keys_from_all_writers_at_once(bank: Any) -> None:
    payer, payee = bank.account("payer", 100), bank.account("payee")
    outcomes: list[Outcome] = []

    def write() -> None:
        for number in range(20):
            outcomes.extend(bank.requests([Request(f"k{number}", (Transfer(payer, payee, 4, "USD", "payment"),), 0)]))

    threads = [threading.Thread(target=write) for _ in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert bank.balance(payer) == (20, 0)
    assert sum(isinstance(outcome, Posted) and not outcome.repeated for outcome in outcomes) == 20
    assert sum(outcome.repeated for outcome in outcomes) == 20 * (WRITERS - 1)
    assert not [o for o in outcomes if isinstance(o, Refused) and o.refusal is not Refusal.KEY_REUSED]
