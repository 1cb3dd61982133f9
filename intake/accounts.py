"""Accounts files into subscriptions, every mistake collected.

Several rows of one account are its successive subscriptions; they are half-open in days and must not overlap.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Final, TypeAlias, TypeVar

from ..diagnostics import Diagnostic
from ..engine.usage import CardHolding, FactSchema, Subscription
from .columns import account_columns, field_plans, missing, read_fields, refused_columns
from .files import FileKind, InputFile, UnreadableFileError, expand_paths, unreadable
from .rejects import Reject, ignored_column, reject
from .rows import Broken, RawRow, RowSource, handed_over, json_value, open_rows
from .values import Refusal, calendar_date, did_you_mean, money, text

_STRUCTURE: Final = (("account",), ("plan",), ("start",))
_CARD_KEYS: Final = frozenset({"card", "bought", "left"})
_ABSENT: Final = (None, "")
# What an attribute's mistake is called, by what the same mistake of an event's field is called.
_ATTRIBUTE_CODES: Final = {"RB3002": "RB3107", "RB3003": "RB3105", "RB3005": "RB3104", "RB3016": "RB3105"}

T = TypeVar("T")
Refuse: TypeAlias = Callable[[str, object, Refusal], None]


@dataclass(frozen=True, slots=True)
class AccountsIntake:
    """Subscriptions by account and start, the mistakes in rows, and findings about the file itself.

    `read` counts rows; `rejected` those that gave no subscription.
    """

    subscriptions: tuple[Subscription, ...]
    rejects: tuple[Reject, ...] = ()
    findings: tuple[Diagnostic, ...] = ()
    read: int = 0
    named: frozenset[str] = frozenset()
    """The names of all accounts, those of rejected rows included."""

    @property
    def rejected(self) -> int:
        """How many rows gave no subscription."""
        return self.read - len(self.subscriptions)

    @property
    def accounts(self) -> frozenset[str]:
        """The names of all accounts, as usage may know them."""
        return frozenset(each.account for each in self.subscriptions)


def read_accounts(path: str | Path, schema: FactSchema) -> AccountsIntake:
    """The subscriptions in a file, or in the files of a glob."""
    files, findings = expand_paths([path])
    reading = _Reading(schema, list(findings))
    for file in files:
        try:
            with open_rows(file, reading.wanted) as source:
                reading.take_file(file, source)
        except UnreadableFileError as error:
            reading.findings.append(unreadable(file, error))
    return reading.result()


def accounts_of_rows(
    rows: Iterable[Mapping[str, object]], schema: FactSchema, *, name: str = "accounts"
) -> AccountsIntake:
    """The subscriptions in rows that a program hands over."""
    reading = _Reading(schema, [])
    reading.take_file(InputFile(name, FileKind.ROWS), handed_over(rows))
    return reading.result()


def accounts_of_numbered(rows: Iterable[tuple[InputFile, int, RawRow]], schema: FactSchema) -> AccountsIntake:
    """The subscriptions in rows of files that were opened before, each with its file and number."""
    reading = _Reading(schema, [])
    for file, number, row in rows:
        reading.take_row(file, number, row)
    return reading.result()


class _Reading:
    """The state of one run over files."""

    def __init__(self, schema: FactSchema, findings: list[Diagnostic]) -> None:
        self.wanted = account_columns(schema)
        self.findings = findings
        self._schema = schema
        self._attributes = field_plans(schema.attributes.values())
        self._rejects: list[Reject] = []
        self._found: list[tuple[Subscription, InputFile, int]] = []
        self._ignored: set[tuple[str, str]] = set()
        self._read = 0
        self._named: set[str] = set()

    def take_file(self, file: InputFile, source: RowSource) -> None:
        """Read the rows of a file, or reject all of them where its columns make each one wrong."""
        refused = refused_columns(source, _STRUCTURE)
        self._rejects.extend(reject(file, None, *mistake) for mistake in refused)
        self._ignore(file, source.columns or ())
        for number, row in source.rows:
            if refused and not isinstance(row, Broken):
                self._read += 1
            else:
                self.take_row(file, number, row)

    def take_row(self, file: InputFile, number: int, row: RawRow | Broken) -> None:
        """Read one row, or reject it with all that is wrong with it."""
        self._read += 1
        mistakes: list[tuple[str, object, Refusal]] = []
        if isinstance(row, Broken):
            mistakes.append(("", row.value, row.refusal))
        else:
            self._ignore(file, (name for name, value in row.items() if value is not None))
            subscription = self._subscription(row, lambda *mistake: mistakes.append(mistake))
            if subscription is not None and not mistakes:
                self._found.append((subscription, file, number))
        self._rejects.extend(reject(file, number, *mistake) for mistake in mistakes)

    def _subscription(self, row: RawRow, refuse: Refuse) -> Subscription | None:
        account = _required(row, "account", text, refuse)
        if account is not None:
            self._named.add(account)
        plan = _required(row, "plan", text, refuse)
        start = _required(row, "start", _day, refuse)
        end = None if row.get("end") in _ABSENT else _required(row, "end", _day, refuse)
        if plan is not None and plan not in self._schema.plans:
            way_out = did_you_mean(plan, self._schema.plans) or "name a plan or contract of the ruleset"
            refuse("plan", plan, Refusal("RB3101", "the ruleset has no such plan or contract", way_out))
        if start is not None and end is not None and end <= start:
            reason = f"the subscription starts on {start}, so that it covers no day"
            refuse("end", end, Refusal("RB3108", reason, "write the first day that is no longer covered"))
        attributes, mistakes = read_fields(row, self._attributes, "accounts")
        for name, raw, refusal in mistakes:
            code = _ATTRIBUTE_CODES.get(refusal.code, refusal.code)
            refuse(name, raw, Refusal(code, refusal.reason, refusal.way_out))
        cards = read_cards(row.get("cards"), self._schema, refuse)
        if account is None or plan is None or start is None:
            return None
        return Subscription(account, plan, start, end, attributes, cards)

    def _ignore(self, file: InputFile, columns: Iterable[str]) -> None:
        for column in columns:
            if column not in self.wanted and (file.name, column) not in self._ignored:
                self._ignored.add((file.name, column))
                self.findings.append(ignored_column(file, column, " of accounts"))

    def result(self) -> AccountsIntake:
        """The subscriptions by account and start, without those that overlap an earlier one."""
        kept: list[Subscription] = []
        before: tuple[Subscription, InputFile, int] | None = None
        # Rows keep their order among equal starts, for the sort is stable.
        for subscription, file, row in sorted(self._found, key=lambda each: (each[0].account, each[0].start)):
            if before is not None and _overlaps(before[0], subscription):
                self._rejects.append(_overlap(subscription, file, row, before))
                continue
            kept.append(subscription)
            before = (subscription, file, row)
        named = frozenset(self._named)
        return AccountsIntake(tuple(kept), tuple(self._rejects), tuple(self.findings), self._read, named)


def read_cards(raw: object, schema: FactSchema, refuse: Refuse) -> tuple[CardHolding, ...]:
    """The cards of a cell: a list, or JSON of one. `refuse` hears of every mistake in it."""
    if isinstance(raw, str) and raw.strip():
        text = raw.strip()
        parsed = json_value(text)
        way_out = 'write [{"card": …, "bought": …, "left": …}]'
        if isinstance(parsed, Refusal):
            refuse("cards", raw, Refusal("RB3109", parsed.reason, way_out))
            return ()
        if parsed[1] < len(text):
            refuse("cards", raw, Refusal("RB3109", "something stands behind the list of cards", way_out))
            return ()
        raw = parsed[0]
    if raw in _ABSENT or (isinstance(raw, str) and not raw.strip()):
        return ()
    if not isinstance(raw, list):
        refuse("cards", raw, Refusal("RB3109", "it is not a list of cards", "write a list of {card, bought, left}"))
        return ()
    holdings = (_card(each, f"cards[{index}]", schema, refuse) for index, each in enumerate(raw))
    return tuple(holding for holding in holdings if holding is not None)


def _card(raw: object, place: str, schema: FactSchema, refuse: Refuse) -> CardHolding | None:
    if not isinstance(raw, dict) or not raw.keys() <= _CARD_KEYS:
        refuse(place, raw, Refusal("RB3109", "it is not {card, bought, left}", "write these keys and no others"))
        return None
    card, bought, left = text(raw.get("card", "")), calendar_date(raw.get("bought")), raw.get("left")
    if isinstance(card, Refusal) or card not in schema.cards:
        way_out = did_you_mean(str(raw.get("card", "")), schema.cards) or "name a card of the ruleset"
        refuse(f"{place}.card", raw.get("card"), Refusal("RB3106", "the ruleset has no such card", way_out))
    if isinstance(bought, Refusal):
        way_out = "write the day on which the card was bought, such as 2026-03-01"
        refuse(f"{place}.bought", raw.get("bought"), Refusal("RB3109", bought.reason, way_out))
    amount = None if left in _ABSENT else money(left)
    if isinstance(amount, Refusal):
        refuse(f"{place}.left", left, Refusal("RB3109", amount.reason, amount.way_out))
    elif amount is not None and amount < 0:
        way_out = "write what is left on it, zero or more; leave it out for the card's whole worth"
        refuse(f"{place}.left", left, Refusal("RB3109", "a card cannot hold less than nothing", way_out))
    elif amount is not None and isinstance(card, str) and amount > schema.worths.get(card, amount):
        way_out = "write what is left on it, or leave it out for the card's whole worth"
        worth = schema.worths[card]
        refuse(f"{place}.left", left, Refusal("RB3109", f"the card is worth {worth} when it is new", way_out))
    if isinstance(card, Refusal) or isinstance(bought, Refusal) or isinstance(amount, Refusal):
        return None
    return CardHolding(card, bought, None if amount is None else Fraction(amount))


def _required(row: RawRow, column: str, convert: Callable[[object], T | Refusal], refuse: Refuse) -> T | None:
    raw = row.get(column)
    value = missing(column, "accounts") if raw in _ABSENT else convert(raw)
    if isinstance(value, Refusal):
        refuse(column, raw, value)
        return None
    return value


def _day(raw: object) -> date | Refusal:
    day = calendar_date(raw)
    return Refusal("RB3102", day.reason, day.way_out) if isinstance(day, Refusal) else day


def _overlaps(earlier: Subscription, later: Subscription) -> bool:
    return earlier.account == later.account and (earlier.end is None or later.start < earlier.end)


def _overlap(later: Subscription, file: InputFile, row: int, before: tuple[Subscription, InputFile, int]) -> Reject:
    earlier, earlier_file, earlier_row = before
    until = "has no end" if earlier.end is None else f"ends before {earlier.end}"
    reason = (
        f"the subscription to `{earlier.plan}` at {earlier_file.place(earlier_row)} begins {earlier.start} and {until}"
    )
    way_out = (
        "remove one of the two"
        if earlier.start == later.start
        else f"give the earlier one the `end` {later.start}, the first day that it no longer covers"
    )
    return reject(file, row, "start", str(later.start), Refusal("RB3103", reason, way_out))
