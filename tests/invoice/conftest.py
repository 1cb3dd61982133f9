"""Statements built by hand: every shape of line that documents must show."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest

from ratebook.diagnostics import Source
from ratebook.engine import derivation as d
from ratebook.engine.derivation import Place, Role, Step
from ratebook.engine.statement import Labels, Line, LineKind, NotApplied, Statement, TurningPoint
from ratebook.invoice.parties import Parties, Party
from ratebook.money import MoneyUnit, Rounding, allocate, currency

LONG = "Long-term archive of audit records with legal hold and tamper evidence for regulated industries"
RULES = """# Acme Cloud, the price list of the samples.

ruleset cloud "Acme Cloud":
  currency USD

plan payg "Pay as you go" from 2026-01-01:
  charge requests "API requests" graduated:
    first 20 free
    next 80 at $0.010 each
    above at $0.004 each
  charge egress "Data transfer out" by region graduated:
    | region | first 10 TB  | above         |
    | us, eu | $0.09 per GB | $0.085 per GB |
    | cn     | $0.12 per GB | $0.11 per GB  |
  fee base "Platform fee" $31 per month
  charge archive "LABEL": at $0.0042 per GB
  charge jobs "Batch jobs": at $0.05 per started 60 s
  minimum $5,000

discount gold "Gold members":
  10% off egress
  when account.tier is gold
  because "Loyalty programme 2026"

offer festival "Festival offer":
  5% of charges, at most $100
  when period starts in festival

penalty overuse "Over the agreed limit":
  $0.50 per unit of requests above account.limit

discount startup "Start-up credit":
  $50 off total
  when account.age < 2

tax vat "VAT": 20% of total
""".replace("LABEL", LONG)
USD, CNY = currency("USD"), currency("CNY")
assert USD is not None and CNY is not None


def place(start_text: str, end_text: str = "") -> Place:
    """From the first text to the end of the line in which the second stands."""
    start = RULES.index(start_text)
    last = RULES.index(end_text, start) if end_text else start
    end = RULES.find("\n", last)
    return Place("cloud.rates", RULES.count("\n", 0, start) + 1, start, end)


@dataclass
class Build:
    """Lines one after another, with shares and sums worked out as the evaluator does."""

    unit: MoneyUnit
    mode: Rounding = Rounding.HALF_EVEN
    lines: list[Line] = field(default_factory=list)
    left: list[int] = field(default_factory=list)
    code: str = "USD"
    sign: str = "$"

    def band(self, label: str, quantity: str, rate: str, words: str, unit: str = "") -> Step:
        number = Fraction(quantity)
        return d.product(
            Role.BAND,
            (d.given(Role.SLICE, number, label, unit), d.given(Role.RATE, Fraction(rate), words, self.code)),
            unit=self.code,
        )

    def add(self, line_id: str, kind: LineKind, labels: Labels | str, step: Step, where: Place, **more: object) -> Line:
        root = d.rounded(Role.ROUNDING, step, self.unit.size, self.mode, unit=self.code)
        amount = self.unit.parse(root.value)
        names = Labels(labels) if isinstance(labels, str) else labels
        line = Line(line_id, kind, names, amount, root, where, **more)  # type: ignore[arg-type]
        self.lines.append(line)
        self.left.append(amount if kind in (LineKind.CHARGE, LineKind.FEE) else 0)
        return line

    def charge(
        self,
        line_id: str,
        labels: Labels | str,
        where: Place,
        bands: tuple[Step, ...],
        quantity: str,
        unit: str = "",
        **more: object,
    ) -> Line:
        step = d.total(Role.AMOUNT, bands, unit=self.code)
        return self.add(line_id, LineKind.CHARGE, labels, step, where, quantity=Fraction(quantity), unit=unit, **more)

    def percent(
        self,
        line_id: str,
        kind: LineKind,
        labels: Labels | str,
        percent: str,
        on: tuple[str, ...],
        where: Place,
        *,
        sign: int = -1,
        at_most: str | None = None,
        **more: object,
    ) -> Line:
        indexes = [index for index, line in enumerate(self.lines) if line.id in on]
        targets = tuple(
            d.given(
                Role.TARGET,
                self.unit.fraction(self.left[index]),
                " ".join([self.lines[index].id, *(text for _, text in self.lines[index].by)]),
                self.code,
            )
            for index in indexes
        )
        base = d.total(Role.BASE, targets, unit=self.code)
        share = Fraction(percent) / 100
        step = d.product(Role.PART, (d.given(Role.PERCENT, share, f"{percent}%"), base), f"{percent}%", self.code)
        if at_most is not None:
            step = d.lesser(Role.PART, (step, d.given(Role.LIMIT, Fraction(at_most), "", self.code)))
        if sign < 0:
            step = d.negative(Role.PART, step)
        line = self.add(line_id, kind, labels, step, where, on=on, **more)
        weights = [max(self.left[index], 0) for index in indexes]
        taken = allocate(line.amount, weights) if sum(weights) else ()
        if kind in (LineKind.DISCOUNT, LineKind.OFFER, LineKind.PENALTY):
            for index, part in zip(indexes, taken, strict=False):
                self.left[index] += part
            line = self.lines[-1] = _with_taken(line, tuple(zip(indexes, taken, strict=False)))
        return line

    def statement(self, **more: object) -> Statement:
        total = sum(line.amount for line in self.lines if line.is_added)
        prepaid = sum(line.amount for line in self.lines if line.kind is LineKind.PREPAID)
        facts: dict[str, object] = {
            "ruleset": "cloud",
            "ruleset_hash": "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "account": "a-1",
            "plan": "payg",
            "plan_labels": Labels("Pay as you go", {"zh": "按量付费"}),
            "start": datetime(2026, 3, 1, tzinfo=ZoneInfo("UTC")),
            "end": datetime(2026, 4, 1, tzinfo=ZoneInfo("UTC")),
            "not_applied": (),
            "ruleset_labels": Labels("Acme Cloud", {"zh": "极云"}),
            **more,
        }
        return Statement(money=self.unit, lines=tuple(self.lines), total=total, due=total + prepaid, **facts)  # type: ignore[arg-type]


def _with_taken(line: Line, taken: tuple[tuple[int, int], ...]) -> Line:
    import dataclasses

    return dataclasses.replace(line, taken=taken)


def full(unit: MoneyUnit, sign: str = "$") -> Statement:
    """Tiers, a table with three regions, one policy on one charge, others on all, minimum, taxes, a prepaid card."""
    b = Build(unit, code=unit.currency.code, sign=sign)
    requests = place("charge requests", "above at")
    b.charge(
        "requests",
        Labels("API requests", {"zh": "接口请求"}),
        requests,
        (
            b.band("first 20", "20", "0", "free"),
            b.band("next 80", "80", "0.010", f"{sign}0.010 each"),
            b.band("above", "382", "0.004", f"{sign}0.004 each"),
        ),
        "482",
        quantity_derivation=d.given(Role.METER, Fraction(482), "count of requests over 482 events"),
    )
    egress = place("charge egress", "| cn")
    names = Labels("Data transfer out", {"zh": "公网下行流量"})
    for region, quantity, first, above in (
        ("us", "12500.5", "0.09", "0.085"),
        ("eu", "1234.5678", "0.09", "0.085"),
        ("cn", "10000", "0.12", "0.11"),
    ):
        q = Fraction(quantity)
        bands = [b.band("first 10 TB", str(min(q, Fraction(10000))), first, f"{sign}{first} per GB", "GB")]
        if q > 10000:
            bands.append(b.band("above", str(q - 10000), above, f"{sign}{above} per GB", "GB"))
        b.charge(
            "egress",
            names,
            egress,
            tuple(bands),
            quantity,
            "GB",
            by=(("region", region),),
            quantity_derivation=d.given(Role.METER, q, f"sum of bytes over {int(q) // 7} events", "GB"),
        )
    b.add(
        "base",
        LineKind.FEE,
        Labels("Platform fee", {"zh": "平台月费"}),
        d.product(
            Role.AMOUNT,
            (
                d.given(Role.RATE, Fraction(31), f"{sign}31 per month", b.code),
                d.given(Role.TERM, Fraction(10, 31), "10 of 31 days"),
            ),
            "2026-03-01 to 2026-03-31",
            unit=b.code,
        ),
        place("fee base"),
    )
    b.charge(
        "archive",
        LONG,
        place("charge archive"),
        (b.band("", "2048", "0.0042", f"{sign}0.0042 per GB", "GB"),),
        "2048",
        "GB",
    )
    slice_ = d.given(Role.SLICE, Fraction(61), "", "s")
    blocks = d.rounded(
        Role.SLICE, d.quotient(Role.SLICE, slice_, d.given(Role.PART, Fraction(60), "", "s")), Fraction(1), Rounding.UP
    )
    jobs = d.product(
        Role.BAND, (blocks, d.given(Role.RATE, Fraction("0.05"), f"{sign}0.05 per started 60 s", b.code)), unit=b.code
    )
    once = d.given(Role.ONCE, Fraction("0.25"), "once", b.code)
    metered = d.difference(
        Role.QUANTITY,
        (
            d.given(Role.METER, Fraction(361), "sum of duration over 3 events", "s"),
            d.given(Role.INCLUDED, Fraction(300), "included", "s"),
        ),
        unit="s",
    )
    b.charge("jobs", "Batch jobs", place("charge jobs"), (jobs, once), "61", "s", quantity_derivation=metered)
    b.percent(
        "gold",
        LineKind.DISCOUNT,
        Labels("Gold members", {"zh": "金牌会员"}),
        "10",
        ("egress",),
        place("discount gold", "because"),
        because="Loyalty programme 2026",
    )
    b.percent(
        "festival",
        LineKind.OFFER,
        Labels("Festival offer", {"zh": "节日优惠"}),
        "5",
        ("requests", "egress", "archive", "jobs"),
        place("offer festival", "when"),
        at_most="100",
    )
    over = d.product(
        Role.PART,
        (
            d.given(Role.QUANTITY, Fraction(82), "above 400"),
            d.given(Role.RATE, Fraction("0.5"), f"{sign}0.50 per unit", b.code),
        ),
        unit=b.code,
    )
    b.add(
        "overuse",
        LineKind.PENALTY,
        Labels("Over the agreed limit", {"zh": "超出约定用量"}),
        over,
        place("penalty overuse", "$0.50"),
        on=("requests",),
    )
    so_far = sum(line.amount for line in b.lines)
    minimum = d.difference(
        Role.AMOUNT,
        (
            d.given(Role.BOUND, Fraction(5000), "minimum", b.code),
            d.given(Role.BASE, unit.fraction(so_far), "charges and fees after policies", b.code),
        ),
        unit=b.code,
    )
    b.add(
        "minimum",
        LineKind.MINIMUM,
        Labels("Minimum", {"zh": "最低消费"}),
        minimum,
        place("minimum"),
        on=("requests", "egress", "base", "archive", "jobs"),
    )
    before_tax = sum(line.amount for line in b.lines)
    for line_id, kind, percent in (("vat", LineKind.TAX, "20"),):
        step = d.product(
            Role.AMOUNT,
            (
                d.given(Role.PERCENT, Fraction(percent) / 100, f"{percent}%"),
                d.given(Role.BASE, unit.fraction(before_tax), "total before taxes", b.code),
            ),
            unit=b.code,
        )
        b.add(line_id, kind, Labels("VAT", {"zh": "增值税"}), step, place("tax vat"))
    card = d.negative(
        Role.AMOUNT,
        d.lesser(
            Role.AMOUNT,
            (
                d.given(Role.LIMIT, Fraction(100), "left on the card", b.code),
                d.given(Role.BASE, Fraction(6000), "total", b.code),
            ),
        ),
    )
    b.add("starter", LineKind.PREPAID, Labels(f"{sign}100 card", {"zh": f"{sign}100 充值卡"}), card, place("plan payg"))
    return b.statement(
        not_applied=(
            NotApplied(
                "startup",
                LineKind.DISCOUNT,
                Labels("Start-up credit"),
                "account.age is 5; it would have to be below 2",
                place("discount startup", "when"),
            ),
        )
    )


def small(unit: MoneyUnit, **more: object) -> Statement:
    """One charge, a credit larger than it, a tax inside the price, a rounding line: all to a small unit."""
    b = Build(unit, mode=Rounding.HALF_UP, code=unit.currency.code)
    b.charge(
        "calls",
        '<script>alert("1")</script> & | `calls`',
        place("charge requests", "above at"),
        (b.band("", "3", "0.00125", "$0.00125 each"),),
        "3",
        by=(("dialled", "+44\x1b[31m\u202e20\n<b>"),),
    )
    b.add(
        "credit",
        LineKind.DISCOUNT,
        "Credit",
        d.negative(Role.AMOUNT, d.given(Role.LIMIT, Fraction("1234.5"), "", b.code)),
        place("discount startup"),
        on=("calls",),
    )
    total = d.given(Role.BASE, unit.fraction(sum(line.amount for line in b.lines)), "total", b.code)
    share = d.quotient(Role.PERCENT, d.given(Role.PERCENT, Fraction(7)), d.given(Role.PERCENT, Fraction(107)))
    b.add("gst", LineKind.INCLUDED_TAX, "GST", d.product(Role.AMOUNT, (share, total), unit=b.code), place("tax vat"))
    return b.statement(**more)


@pytest.fixture
def usd() -> MoneyUnit:
    return MoneyUnit.minor(USD)


@pytest.fixture
def full_statement(usd: MoneyUnit) -> Statement:
    return full(usd)


@pytest.fixture
def chinese_statement() -> Statement:
    return full(MoneyUnit.minor(CNY), "¥")


@pytest.fixture
def small_statement() -> Statement:
    return small(MoneyUnit(USD, Fraction(1, 10000)))


@pytest.fixture
def empty_statement(usd: MoneyUnit) -> Statement:
    return Build(usd).statement()


@pytest.fixture
def odd_statement(usd: MoneyUnit) -> Callable[[Step], Statement]:
    """A statement whose one charge has whatever derivation."""

    def make(step: Step) -> Statement:
        b = Build(usd)
        b.add("odd", LineKind.CHARGE, "Odd", step, place("charge jobs"))
        return b.statement()

    return make


@pytest.fixture
def sources() -> dict[str, Source]:
    return {"cloud.rates": Source("cloud.rates", RULES)}


@pytest.fixture
def turning_points() -> tuple[TurningPoint, ...]:
    return (TurningPoint("egress", Fraction("655.56"), "GB", "above 655.56 GB the minimum no longer adds anything"),)


@pytest.fixture
def parties() -> Parties:
    return Parties(
        seller=Party(
            "Acme Cloud, Inc.", ("1 Market Street", "San Francisco, CA 94105"), "US 12-3456789", "billing@acme.example"
        ),
        buyer=Party("Example GmbH & Co. KG", ("Lindenstraße 5", "10969 Berlin", "Germany"), "DE 123456789"),
        buyers={"a-2": Party("极光科技（上海）有限公司", ("上海市浦东新区世纪大道 100 号",))},
        logo="data:image/svg+xml;base64,"
        "PHN2ZyB4bWxucz0iaHR0cDovL3d3dy53My5vcmcvMjAwMC9zdmciIHdpZHRoPSIxMjAiIGhlaWdodD0iMzIiPjxjaXJjbGUgY3g9IjE2IiBjeT0iMTYiIHI9IjE0IiBmaWxsPSIjMGI1YzdkIi8+PHRleHQgeD0iMzgiIHk9IjIyIiBmb250LXNpemU9IjE4IiBmb250LWZhbWlseT0ic2Fucy1zZXJpZiIgZmlsbD0iIzBiNWM3ZCI+QWNtZTwvdGV4dD48L3N2Zz4=",
        terms="Payable within 14 days without deduction",
        bank=("Acme Cloud, Inc.", "IBAN US00 0000 0000 0000 0000 00", "Reference: account a-1"),
        note="Thank you for building with us.",
    )
