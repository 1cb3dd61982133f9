"""A shop whose prices do everything that a live charge has to live with, and what tests do with it."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from ratebook.billing.acting import Acting, Json
from ratebook.billing.card_batches import make_batch, new_codes, terms_of
from ratebook.billing.card_sales import sell
from ratebook.billing.customers import create_customer, deposit, find_customer, set_credit_limit
from ratebook.billing.keys import new_key, parse_key
from ratebook.billing.live import debit
from ratebook.billing.rulesets import publish, ruleset_in_force
from ratebook.billing.run import Billed, bill
from ratebook.billing.settlements import problems
from ratebook.billing.subscriptions import add_subscription
from ratebook.billing.usage import UsageAdded, add_usage
from ratebook.diagnostics import Diagnostic, Source
from ratebook.engine.compiler.compile import compile_ruleset
from ratebook.engine.period import parse_period
from ratebook.ledger.store import Store, open_store


def done(answer: Json | Diagnostic | tuple[Diagnostic, ...]) -> Json:
    assert not isinstance(answer, Diagnostic | tuple), answer
    return answer


def done_any(answer: object):  # type: ignore[no-untyped-def]
    """What was asked for, whatever it is, and no refusal."""
    assert not isinstance(answer, Diagnostic | tuple), answer
    return answer


SHOP = """
ruleset shop "Shop":
  currency CNY
  time zone Asia/Shanghai

account:
  tier: one of standard, gold, default standard

unit call
unit file

event api.called:
  calls: number of call
  region: one of us, eu

event file.stored:
  files: number of file

meter calls: sum of calls of api.called
meter files: sum of files of file.stored

plan plain "Plain" from 2026-01-01:
  charge calls "Calls": at ¥1.00 per call
  charge files "Files": at ¥0.50 per file

plan main "Main" from 2026-01-01:
  fee base "Base fee" ¥10 per month
  charge calls "Calls" by region graduated:
    | region | first 10      | above          |
    | us     | ¥1.00 per call | ¥0.80 per call |
    | eu     | ¥1.25 per call | ¥0.95 per call |
  charge files "Files" volume:
    up to 20 at ¥0.50 per file
    above at ¥0.30 per file
  minimum ¥15
  cap ¥60

card all "¥20 card":
  worth ¥20
  price ¥18
  valid 12 months
  pays everything

card calling "¥10 of calls":
  worth ¥10
  price ¥9
  valid 6 months
  pays calls

discount gold "Gold members":
  10% off calls
  when account.tier is gold

discount many "Many calls" for main:
  5% off calls, files
  when usage of calls > 25

discounts combine one after another

allow RB2209 because "more files are meant to be cheaper"
"""

KEY = done_any(parse_key(new_key(), place="test"))


@dataclass
class Till:
    """Somebody who works with one store; what is refused fails the test, unless it is asked for by `refused`."""

    store: Store
    count: int = 0
    batches: int = field(default=0)

    def acting(self, day: str = "2026-03-10", key: str = "") -> Acting:
        self.count += 1
        time = datetime.fromisoformat(f"{day}T12:00:00").replace(tzinfo=UTC)
        return Acting("tester", time, key or f"wish {self.count}", "")

    def publish(self, text: str = SHOP) -> None:
        compiled = compile_ruleset(Source("shop.rates", text))
        assert compiled.program is not None, compiled.findings
        done(publish(self.store, self.acting(), compiled))

    def account(
        self,
        name: str = "ann",
        plan: str = "plain",
        *,
        wallet: int = 0,
        limit: int = 0,
        start: str = "2026-01-01",
        **own: str,
    ) -> str:
        done(create_customer(self.store, self.acting(start), name, "CNY", credit_limit=limit))
        self.deposit(name, wallet)
        first = date.fromisoformat(start)
        done(add_subscription(self.store, self.acting(start), name, "shop", plan, first, attributes=own))
        return name

    def deposit(self, name: str, amount: int) -> None:
        if amount:
            done(deposit(self.store, self.acting(), name, amount))

    def limit(self, name: str, amount: int) -> None:
        done(set_credit_limit(self.store, self.acting(), name, amount))

    def card(self, card: str, account: str = "ann", bought: str = "2026-02-01") -> str:
        """Sell a card to an account; its serial number."""
        self.batches += 1
        program = done_any(self.store.read(lambda reader: ruleset_in_force(reader, "shop"))).program
        codes = done_any(new_codes(f"b{self.batches}", 1))
        terms = done_any(terms_of(program, card))
        done(make_batch(self.store, self.acting(), f"b{self.batches}", terms, codes, KEY))
        done(sell(self.store, self.acting(), [codes[0][0]], account=account, day=date.fromisoformat(bought)))
        return str(codes[0][0])

    def debit(self, event: Mapping[str, object], day: str = "2026-03-10") -> Json:
        return done(debit(self.store, self.acting(day), event))

    def refused(self, event: Mapping[str, object], day: str = "2026-03-10") -> str:
        """The code with which a charge is refused, without any effect but that the refusal may be remembered."""
        before = self.everything()
        answer = debit(self.store, self.acting(day), event)
        assert isinstance(answer, Diagnostic), answer
        assert self.everything() == before
        return answer.code

    def add(self, *events: Mapping[str, object], day: str = "2026-03-11") -> UsageAdded:
        found = add_usage(self.store, self.acting(day), list(events))
        assert isinstance(found, UsageAdded)
        assert found.is_sound, found.rejects
        return found

    def bill(self, period: str = "2026-03", issued: str = "2026-04-01") -> Billed:
        within = parse_period(period)
        assert within is not None
        found = bill(self.store, self.acting(issued), "shop", within, issued=date.fromisoformat(issued))
        assert isinstance(found, Billed), found
        assert found.refusals == []
        return found

    def wallet(self, name: str = "ann") -> int:
        customer = done_any(self.store.read(lambda reader: find_customer(reader, name)))
        assert customer.wallet.available >= 0, "the wallet is above its floor"
        return int(customer.wallet.balance)

    def on_card(self, serial: str) -> int:
        ((left,),) = self.rows(
            "SELECT credits - debits FROM accounts JOIN balances ON account = accounts.id WHERE name = ?",
            f"card:{serial}",
        )
        return int(str(left))

    def rows(self, sql: str, *given: str | int) -> list[tuple[object, ...]]:
        return [tuple(row) for row in self.store.read(lambda reader: reader.rows(sql, given))]

    def everything(self) -> list[object]:
        """All that an operation could change."""
        tables = ("transfers", "usage_events", "live_charges", "live_lines", "running", "operations", "authorizations")
        tables += ("authorization_holds", "authorization_ends", "balances")
        order = {"running": "subscription, period_start", "balances": "account"}
        return [self.rows(f"SELECT * FROM {table} ORDER BY {order.get(table, 'id')}") for table in tables]

    def check(self) -> None:
        """Money is conserved, nothing is below its floor, and documents are what was posted and settled."""
        assert self.store.read(problems) == []
        ((wrong,),) = self.rows("SELECT CAST(coalesce(sum(credits - debits), 0) AS BIGINT) FROM balances")
        assert wrong == 0
        assert self.rows("SELECT account FROM balances WHERE credits - debits - held < floor") == []


def called(
    name: str, calls: object = 5, region: str = "us", *, account: str = "ann", day: str = "2026-03-02"
) -> dict[str, object]:
    """An event of calls."""
    time = f"{day}T09:00:00+08:00"
    return {"id": name, "account": account, "event": "api.called", "time": time, "calls": calls, "region": region}


def stored(name: str, files: object = 5, *, account: str = "ann", day: str = "2026-03-02") -> dict[str, object]:
    """An event of files."""
    time = f"{day}T09:00:00+08:00"
    return {"id": name, "account": account, "event": "file.stored", "time": time, "files": files}


@pytest.fixture
def till(store: Store) -> Till:
    """The shop's prices in force."""
    found = Till(store)
    found.publish()
    return found


@pytest.fixture
def new_till(url: str, tmp_path: Path) -> Iterator[object]:
    """Makes a shop in a database of its own, as often as it is called, on the kind of database of the test."""
    from contextlib import ExitStack, closing

    with ExitStack() as stack:

        def make() -> Till:
            if not url.startswith("postgresql"):
                path = str(tmp_path / f"{uuid.uuid4().hex}.db")
                opened = stack.enter_context(closing(open_store(path, create=True)))
            else:
                opened = _another(stack)
            found = Till(opened)
            found.publish()
            return found

        yield make


def _another(stack) -> Store:  # type: ignore[no-untyped-def]
    from contextlib import closing

    import psycopg

    server, name = os.environ["RATEBOOK_TEST_SERVER"], f"ratebook_{uuid.uuid4().hex[:12]}"

    def drop() -> None:
        with psycopg.connect(server.format(name="postgres"), autocommit=True) as admin:
            admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    stack.callback(drop)
    return stack.enter_context(closing(open_store(server.format(name=name), create=True)))
