"""Where the price of an event is taken from, and where one below zero goes back to.

Cards pay in the order in which they pay a bill, each only the lines that it pays; the wallet pays the rest, down to its
credit limit. What is given back goes to where it was taken from in the same period, latest first, and never comes to
more than was taken.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction
from typing import cast

from ..diagnostics import Diagnostic
from ..engine.evaluators.prepaying import payable_now, paying_cards, shares_of_cards
from ..engine.evaluators.running import Running
from ..engine.plan import Program
from ..engine.usage import CardHolding
from ..ledger.accounts import AccountKind
from ..ledger.requests import AccountId
from ..ledger.store import Reader
from ..money import MoneyUnit
from .amounts import amount_text
from .rating import in_minor_units

WALLET = "wallet"


@dataclass(frozen=True, slots=True)
class Source:
    """A wallet or a card: its account in the ledger, what may be taken from it, and the card's terms where it is one.

    `name` is `wallet` or the card's serial number.
    """

    account: AccountId
    name: str
    available: int
    card: str = ""
    bought: date | None = None


@dataclass(frozen=True, slots=True)
class Sources:
    """What an account can pay with. `cards` are those with something left on them."""

    receivable: AccountId
    currency: str
    closed: bool
    wallet: Source
    cards: tuple[Source, ...]

    @property
    def available(self) -> int:
        """What is there in all, on cards and in the wallet with its credit limit."""
        return sum(item.available for item in (self.wallet, *self.cards))


@dataclass(frozen=True, slots=True)
class Share:
    """A part of a price: what is taken from a source, or below zero given back to it."""

    source: Source
    amount: int


def sources_of(
    reader: Reader, account: str, program: Program, *, freed: Mapping[AccountId, int] | None = None
) -> Sources | Diagnostic:
    """What an account can pay with under a ruleset, with holds taken off but for those that are `freed`."""
    receivable = wallet = None
    left: dict[str, tuple[AccountId, int]] = {}
    currency, closed = "", False
    for number, kind, name, unit, credited, debited, held, floor, shut in reader.rows(
        "SELECT accounts.id, kind, name, currency, credits, debits, held, floor, closed FROM accounts "
        "JOIN balances ON balances.account = accounts.id WHERE owner = ? ORDER BY accounts.id",
        (account,),
    ):
        own = AccountId(cast(int, number))
        rest = cast(int, credited) - cast(int, debited) - cast(int, held) - cast(int, floor or 0)
        rest += (freed or {}).get(own, 0)
        if kind == AccountKind.RECEIVABLE.value:
            receivable, currency, closed = own, cast(str, unit), bool(shut)
        elif kind == AccountKind.WALLET.value:
            wallet = Source(own, WALLET, rest)
        elif kind == AccountKind.CARD.value and rest > 0 and not shut:
            left[cast(str, name).removeprefix("card:")] = (own, rest)
    if receivable is None or wallet is None:
        hints = ("`ratebook account create` opens one", "`ratebook account list` shows all")
        return Diagnostic("RB7006", f"there is no account {account}", hints=hints)
    cards = _cards(reader, program, left) if left and program.cards else ()
    return Sources(receivable, currency, closed, wallet, cards)


def _cards(reader: Reader, program: Program, left: Mapping[str, tuple[AccountId, int]]) -> tuple[Source, ...]:
    marks = ", ".join("?" * len(left))
    rows = reader.rows(
        "SELECT serial, card_batches.card, min(day) FROM cards JOIN card_batches ON card_batches.id = cards.batch "
        "JOIN card_events ON card_events.card = cards.id AND what IN ('sold', 'redeemed') "
        f"WHERE ruleset = ? AND serial IN ({marks}) GROUP BY cards.id, serial, card_batches.card ORDER BY cards.id",
        (program.name, *left),
    )
    return tuple(
        Source(left[serial][0], serial, left[serial][1], card, date.fromisoformat(day))
        for serial, card, day in cast("list[tuple[str, str, str]]", rows)
        if card in program.cards
    )


def shares_of(sources: Sources, before: Running, after: Running, due: int) -> list[Share] | Diagnostic:
    """Who pays a price above zero, or that the funds are insufficient."""
    program = after.ground.program
    found: list[Share] = []
    if sources.cards:
        found = _shares_of_cards(sources, before, after, due)
    rest = due - sum(item.amount for item in found)
    if rest > sources.wallet.available:
        return insufficient(due, due - rest + max(sources.wallet.available, 0), program)
    return [*found, Share(sources.wallet, rest)] if rest else found


def _shares_of_cards(sources: Sources, before: Running, after: Running, due: int) -> list[Share]:
    program = after.ground.program
    unit = MoneyUnit.minor(program.money.currency)
    holdings = [
        CardHolding(item.card, cast(date, item.bought), Fraction(unit.fraction(item.available)))
        for item in sources.cards
    ]
    paying = paying_cards(after, holdings)
    gained: dict[str, int] = {}
    if any(item.pays for item in paying):
        then, now = payable_now(before), payable_now(after)
        for name, amount in now.items():
            gained[name] = in_minor_units(program, amount) - in_minor_units(program, then.get(name, 0))
    left = [item.available for item in sources.cards]
    return [Share(sources.cards[place], paid) for place, paid in shares_of_cards(due, gained, paying, left).items()]


def insufficient(due: int, available: int, program: Program) -> Diagnostic:
    """The finding that a price cannot be paid. `available` is what could pay it."""
    code = program.money.currency.code
    return Diagnostic(
        "RB7018",
        f"the price is {amount_text(due, code)}, and cards and wallet can pay {amount_text(available, code)} of it",
        hints=("deposit money, redeem a card, or raise the credit limit; then charge it under another id",),
    )


def given_back(reader: Reader, key: tuple[int, str], sources: Sources, amount: int) -> list[Share]:
    """Where an amount goes back to, latest taken first; together it is at most what is left of all that was taken."""
    rest, skip = amount, 0
    back: dict[int, int] = {}
    for taken, source in reader.rows(
        "SELECT live_charges.amount, debit FROM live_charges JOIN transfers "
        "ON transfers.id = live_charges.transfer WHERE subscription = ? AND period_start = ? "
        "ORDER BY live_charges.id DESC",
        key,
    ):
        own = cast(int, taken)
        if own < 0:
            skip -= own
            continue
        passed = min(own, skip)
        skip -= passed
        part = min(own - passed, rest)
        if part:
            back[cast(int, source)] = back.get(cast(int, source), 0) + part
            rest -= part
        if not rest:
            break
    return [Share(replace(item, available=0), -part) for item, part in _open(reader, sources, back)]


def _open(reader: Reader, sources: Sources, back: Mapping[int, int]) -> Sequence[tuple[Source, int]]:
    """The sources of some accounts with their parts; what an ended card would get goes to the wallet."""
    found: list[tuple[Source, int]] = []
    to_wallet = back.get(sources.wallet.account, 0)
    for account, part in back.items():
        if account == sources.wallet.account:
            continue
        ((serial, ended),) = reader.rows(
            "SELECT serial, (SELECT count(*) FROM card_events WHERE card_events.card = cards.id "
            "AND what IN ('expired', 'voided')) FROM cards JOIN accounts ON accounts.name = 'card:' || serial "
            "WHERE accounts.id = ?",
            (account,),
        )
        if ended:
            to_wallet += part
        else:
            found.append((Source(AccountId(account), cast(str, serial), 0), part))
    return [*found, (sources.wallet, to_wallet)] if to_wallet else found
