"""A statement as the view of an invoice: groups, adjustments and totals, with the why behind every line.

All sums that a document shows beyond the statement's own are made here, in whole money units, and the statement's
total and due are checked against its lines: what does not add up is never shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from ..diagnostics import Source
from ..engine.statement import Line, LineKind, Statement
from .breakdown import Breakdown, Row, RowKind
from .columns import printable
from .document import (
    Fact,
    Group,
    InvoiceOptions,
    InvoiceView,
    LineView,
    PartyView,
    TotalKind,
    TotalView,
    Why,
)
from .excerpt import excerpt
from .language import Language
from .parties import NO_PARTIES, Parties, Party

_PRICED = frozenset({LineKind.CHARGE, LineKind.FEE})
_ROWS_MAX: Final = 60
_POLICIES = frozenset({LineKind.DISCOUNT, LineKind.OFFER, LineKind.PENALTY, LineKind.MINIMUM, LineKind.CAP})
_TOTAL_KINDS = {
    LineKind.TAX: TotalKind.TAX,
    LineKind.ROUNDING: TotalKind.ROUNDING,
    LineKind.INCLUDED_TAX: TotalKind.INCLUDED_TAX,
    LineKind.PREPAID: TotalKind.PREPAID,
}


def build_invoice(
    statement: Statement,
    parties: Parties | None,
    options: InvoiceOptions,
    sources: Mapping[str, Source] | None = None,
) -> InvoiceView:
    """The document of a statement; `sources` are the ruleset's files by the names that places have."""
    check_sums(statement)
    writer = _Writer.of(statement, options, sources or {}, rows_max=_ROWS_MAX)
    language, words, unit = options.language, options.language.words, statement.money
    parties = parties if parties is not None else NO_PARTIES
    groups, adjustments = writer.groups()
    name = printable(statement.ruleset_labels.in_language(language.code)) or printable(statement.ruleset)
    return InvoiceView(
        language=language.tag,
        direction=language.direction,
        words=words,
        title=words.invoice if options.number is not None else words.draft_invoice,
        heading=words.invoice,
        is_draft=options.number is None,
        number=printable(options.number or ""),
        date="" if options.date is None else language.date(options.date),
        period=period_text(statement, language),
        account=printable(statement.account),
        plan=_plan(statement, language),
        logo=parties.logo,
        seller=_party(parties.seller, words.seller, options),
        buyer=_party(parties.buyer_of(statement.account), words.buyer, options),
        facts=tuple(_facts(statement, options)),
        currency=unit.currency.code,
        groups=groups,
        adjustments=adjustments,
        totals=tuple(writer.totals()),
        total=language.money(statement.total, unit),
        due=language.money(statement.due, unit),
        payment=(Fact(words.terms, parties.terms),) if parties.terms else (),
        bank=parties.bank,
        note=parties.note,
        ruleset=name,
        ruleset_hash=printable(statement.ruleset_hash),
        calculated_from=words.calculated_from.format(name=name),
    )


def line_views(
    statement: Statement, options: InvoiceOptions, sources: Mapping[str, Source] | None = None
) -> tuple[LineView, ...]:
    """Every line of a statement, in its order."""
    check_sums(statement)
    writer = _Writer.of(statement, options, sources or {})
    return tuple(writer.line(line) for line in statement.lines)


def check_sums(statement: Statement) -> None:
    """A statement whose lines do not come to its total, or to what is due, is a mistake of the program."""
    total = sum(line.amount for line in statement.lines if line.is_added)
    prepaid = sum(line.amount for line in statement.lines if line.kind is LineKind.PREPAID)
    if total != statement.total or total + prepaid != statement.due:
        raise AssertionError(f"the lines come to {total} and {total + prepaid}, not {statement.total}, {statement.due}")
    for line in statement.lines:
        if line.derivation.value != statement.money.fraction(line.amount):
            raise AssertionError(f"{line.id} is {line.amount}, but its derivation comes to {line.derivation.value}")


def line_names(statement: Statement, language: Language) -> dict[str, str]:
    """What lines are called, by id, and the rows of tables by id and values, as targets name them."""
    names: dict[str, str] = {}
    for line in statement.lines:
        label = line_label(line, language.code)
        names[line.id] = label
        if line.by or line.days is not None:
            names[line.row_name] = f"{label} ({by_text(statement, line, language)})"
    return names


def line_label(line: Line, language_code: str) -> str:
    """A line's label in a language, its id where it has none."""
    return printable(line.labels.in_language(language_code)) or printable(line.id)


def by_text(statement: Statement, line: Line, language: Language) -> str:
    """`region us · class hot · Mar 15 – 31, 2026`: what sets a row apart from others of its charge."""
    days = [] if line.days is None else [language.period(*statement.period_of(line))]
    return " · ".join([*(printable(f"{name} {value}") for name, value in line.by), *days])


def period_text(statement: Statement, language: Language) -> str:
    """What a statement bills: a whole billing period, or a part of one, which it says."""
    period = language.period(statement.start, statement.end)
    if statement.part_of is None:
        return period
    return language.words.part_of.format(period=period, whole=language.period(*statement.part_of))


def _party(party: Party | None, heading: str, options: InvoiceOptions) -> PartyView | None:
    if party is None:
        return None
    words = options.language.words
    facts = ((words.tax_id, party.tax_id), (words.email, party.email), (words.phone, party.phone))
    return PartyView(heading, party.name, party.address, tuple(Fact(label, value) for label, value in facts if value))


def _facts(statement: Statement, options: InvoiceOptions) -> Iterable[Fact]:
    language, words = options.language, options.language.words
    yield Fact(words.number, words.draft if options.number is None else printable(options.number))
    if options.date is not None:
        yield Fact(words.date, language.date(options.date))
    if options.due_date is not None:
        yield Fact(words.due_date, language.date(options.due_date))
    yield Fact(words.period, period_text(statement, language))
    yield Fact(words.account, printable(statement.account))
    yield Fact(words.plan, _plan(statement, language))
    yield Fact(words.currency, statement.money.currency.code)


def _plan(statement: Statement, language: Language) -> str:
    return printable(statement.plan_labels.in_language(language.code)) or printable(statement.plan)


@dataclass(frozen=True, slots=True)
class _Writer:
    statement: Statement
    options: InvoiceOptions
    sources: Mapping[str, Source]
    breakdown: Breakdown
    rows_max: int | None

    @classmethod
    def of(
        cls,
        statement: Statement,
        options: InvoiceOptions,
        sources: Mapping[str, Source],
        *,
        rows_max: int | None = None,
    ) -> _Writer:
        names = line_names(statement, options.language)
        return cls(statement, options, sources, Breakdown(options.language, statement.money, names), rows_max)

    def groups(self) -> tuple[tuple[Group, ...], tuple[LineView, ...]]:
        """The charges and fees with what is about each alone, and the other adjustments."""
        rows: dict[str, list[Line]] = {}
        for line in self.statement.lines:
            if line.kind in _PRICED:
                rows.setdefault(line.id, []).append(line)
        own: dict[str, list[LineView]] = {name: [] for name in rows}
        others: list[LineView] = []
        for line in self.statement.lines:
            if line.kind in _POLICIES:
                targets = set(line.on)
                shelf = own[next(iter(targets))] if len(targets) == 1 and targets <= own.keys() else others
                shelf.append(self.line(line))
        return tuple(self._group(lines, own[name]) for name, lines in rows.items()), tuple(others)

    def _group(self, lines: list[Line], policies: list[LineView]) -> Group:
        first = lines[0]
        single = len(lines) == 1 and not first.by and first.days is None
        return Group(
            id=printable(first.id),
            label=line_label(first, self.options.language.code),
            is_single=single,
            amount="" if len(lines) == 1 else self._amount(sum(line.amount for line in lines)),
            lines=tuple(self.line(line) for line in lines),
            policies=tuple(policies),
        )

    def line(self, line: Line) -> LineView:
        """A line with its bands, or with quantity and rate alone where one product says it all."""
        label = line_label(line, self.options.language.code)
        bands = self.breakdown.bands(line.derivation)
        quantity = rate = ""
        if line.kind in _PRICED:
            if len(bands) == 1 and bands[0].label in ("", label):
                quantity, rate, bands = bands[0].quantity, bands[0].rate, ()
            elif line.quantity is not None:
                quantity = self.options.language.quantity(line.quantity, printable(line.unit))
        else:
            products = [row for row in bands if row.quantity]
            if len(products) == 1:
                quantity, rate = products[0].quantity, products[0].rate
            bands = ()
        rounding = self.breakdown.rounding(line.derivation)
        return LineView(
            id=printable(line.id),
            kind=line.kind.value.replace(" ", "-"),
            label=label,
            by=by_text(self.statement, line, self.options.language),
            quantity=quantity,
            rate=rate,
            amount=self._amount(line.amount),
            bands=bands,
            note=self.options.language.words.semicolon.join(
                text for text in (self.breakdown.limit(line.derivation), rounding) if text
            ),
            why=self._why(line, rounding),
        )

    def _why(self, line: Line, rounding: str) -> Why:
        return Why(
            quantities=self.breakdown.quantity_rows(line.quantity_derivation),
            rows=self._shortened(self.breakdown.rows(line.derivation)),
            rounding=rounding,
            shares=tuple(self._shares(line)),
            rule=excerpt(line.place, self.sources),
            because=printable(line.because),
            source=printable(line.source),
            met=self._met(line),
        )

    def _met(self, line: Line) -> str:
        language = self.options.language
        return language.words.semicolon.join(language.sentence(printable(text)) for text in line.met)

    def _shortened(self, rows: tuple[Row, ...]) -> tuple[Row, ...]:
        """The rows, their middle left out where thousands of events were priced one by one."""
        if self.rows_max is None or len(rows) <= self.rows_max:
            return rows
        count = self.options.language.number(Fraction(len(rows) - self.rows_max))
        gap = Row(RowKind.PART, self.options.language.words.more_rows.format(count=count))
        return (*rows[: self.rows_max - 4], gap, *rows[-4:])

    def _shares(self, line: Line) -> Iterable[Fact]:
        """How the amount fell on several lines."""
        if len(line.taken) < 2:
            return
        words = self.options.language.words
        for index, amount in line.taken:
            target = self.statement.lines[index]
            name = line_label(target, self.options.language.code)
            label = f"{name} ({named})" if (named := by_text(self.statement, target, self.options.language)) else name
            says = words.taken_from if amount < 0 else words.added_to
            yield Fact(says.format(label=label), self._amount(amount))

    def totals(self) -> Iterable[TotalView]:
        """The rows under the lines, in the order in which they come about."""
        words, statement = self.options.language.words, self.statement
        taxes = [line for line in statement.lines if line.kind is LineKind.TAX]
        roundings = [line for line in statement.lines if line.kind is LineKind.ROUNDING]
        if taxes or roundings:
            subtotal = sum(line.amount for line in statement.lines if line.kind in _PRICED | _POLICIES)
            label = words.subtotal_before_tax if taxes else words.subtotal
            yield TotalView(TotalKind.SUBTOTAL.value, label, self._amount(subtotal), "", None)
        yield from (self._total(line, "") for line in (*taxes, *roundings))
        total = self.options.language.money(statement.total, statement.money)
        yield TotalView(TotalKind.TOTAL.value, words.total, total, "", None)
        for line in statement.lines:
            if line.kind is LineKind.INCLUDED_TAX:
                yield self._total(line, words.included_tax_note)
        for line in statement.lines:
            if line.kind is LineKind.PREPAID:
                yield self._total(line, words.prepaid_note if line.amount <= 0 else "")
        due = self.options.language.money(statement.due, statement.money)
        yield TotalView(TotalKind.DUE.value, words.due, due, "", None)

    def _total(self, line: Line, note: str) -> TotalView:
        view = self.line(line)
        return TotalView(_TOTAL_KINDS[line.kind].value, view.label, view.amount, note, view)

    def _amount(self, amount: int) -> str:
        return self.options.language.amount(amount, self.statement.money)
