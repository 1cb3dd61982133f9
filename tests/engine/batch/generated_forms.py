"""Random valid rulesets over usage events: meters of every kind and charges of every form, in every combination.

`forms()` draws a text that compiles. What `tests/engine/generated_rulesets.py` draws (policies, tables, bounds over
metered quantities) is drawn here too, beside meters of levels, intervals and percentiles, windows, pooling, ladders
that run over several bills, each-event charges, versions, contracts, cards and terms.
"""

from __future__ import annotations

from random import Random

from hypothesis import strategies as st

from ratebook.diagnostics import Severity, Source
from ratebook.engine.compiler.compile import compile_ruleset

ZONES = ("UTC", "Europe/Berlin", "America/Los_Angeles", "Asia/Shanghai", "Australia/Lord_Howe", "Africa/Cairo")
CURRENCIES = {"USD": "$", "EUR": "€", "JPY": "¥", "CNY": "¥"}

ACCOUNT = """account:
  tier: one of standard, gold, silver, default standard
  seats: number, default 3
  credit: money, default {m}2
  due: money, default {m}0
  country: text, optional
  joined: date, optional
  vip: yes or no, optional
"""
EVENTS = """event a.used:
  size: number
  region: one of eu, us, cn
  host: text, default "h"
  status: number, optional

event b.used:
  size: number
  day: date, optional

event disk:
  size: number
  name: text, default "d"

event seat:
  change: number
  team: one of x, y

event call lasting duration:
  duration: number of s
  dialled: text

event pay:
  amount: money
  method: text, default "card"
  refunded: yes or no, default no

event visit:
  user: text
"""
WINDOWS = """window peak: mon to fri 08:00 to 20:00
window night: daily 22:00 to 06:00
window weekend: sat, sun
window closed: holidays of DE
window spring: mar to may
window season: nov 15 to apr 1
window lunch: daily 12:00 to 12:45
window working: mon to fri 09:00 to 17:00 except holidays of DE
"""
SUMS = (
    "sum of size of a.used",
    "sum of size of a.used where status < 500",
    'sum of size of a.used where region is eu or host is "h"',
    "count of a.used",
    "count of a.used where status is known and status is not 404",
    "sum of size of b.used",
    "sum of size of a.used rounded up to 5",
    "sum of size of a.used rounded half even to 0.1",
    "sum of size of a.used rounded half down to 10",
    "sum of size of a.used each rounded up to 2",
    "sum of size of a.used each rounded half up to 0.5 each at least 3",
    "sum of duration of call in min",
    "sum of duration of call in h rounded up to 0.1 h",
    "sum of duration of call each rounded up to 60 s each at least 30 s",
    "count of visit",
)
SINGLES = (
    "average of size of a.used",
    "average of size of b.used rounded up to 0.01",
    "minimum of size of b.used",
    "maximum of size of a.used",
    "latest of size of a.used",
    "unique host of a.used",
    "unique user of visit",
    "95th percentile of size of a.used",
    "50th percentile of size of b.used where size > 0",
    "99.9th percentile of size of b.used",
    "maximum of sum of size of a.used per 1 h",
    "maximum of sum of size of a.used per 1 day",
    "minimum of sum of size of b.used per 1 day",
    "average of sum of size of a.used per 1 day",
    "average of count of b.used per 6 h of days with usage",
    "minimum of maximum of size of b.used per 1 day of days with usage",
    "sum of unique user of visit per 1 day",
    "maximum of unique host of a.used per 12 h",
    "95th percentile of sum of size of b.used per 1 h",
    "90th percentile of latest of size of b.used per 1 day of days with usage",
    "sum of average of size of b.used per 1 day",
    "average of minimum of size of a.used per 1 day of days with usage",
)
LEVELS = (
    "time-weighted average of level of size of disk",
    "time-weighted average of level of size of disk per name",
    "time-weighted average of level of size of disk by day",
    "time-weighted average of level of size of disk per name by day at its highest",
    "time integral of level of size of disk",
    "time integral of level of size of disk per name by day",
    "latest of level of size of disk",
    "maximum of level of size of disk per name",
    "maximum of level of size of disk by day",
    "time-weighted average of running sum of change of seat",
    "time-weighted average of running sum of change of seat by day at its highest",
    "latest of running sum of change of seat",
    "maximum of running sum of change of seat per team",
    "maximum of running sum of change of seat by day",
    "time integral of running sum of change of seat",
    "maximum of maximum of level of size of disk per 6 h",
    "95th percentile of latest of level of size per name of disk per 12 h",
    "average of maximum of running sum of change of seat per 1 day",
    "sum of latest of level of size of disk per 1 day of days with usage",
)
_BY_EVENT = {
    "a.used": ["region", "host", "region, host"],
    "b.used": [],
    "disk": ["name"],
    "seat": ["team"],
    "call": ["dialled"],
    "visit": ["user"],
}
_VALUES = {
    "region": ["eu", "us", "cn"],
    "host": ['"h"', '"u"', "otherwise"],
    "name": ['"d"', "otherwise"],
    "team": ["x", "y"],
    "dialled": ['"44"', "otherwise"],
    "user": ['"u"', "otherwise"],
    "method": ['"card"', "otherwise"],
    "account.tier": ["gold", "standard", "otherwise"],
    "account.country": ['"GB"', "otherwise"],
}


def forms() -> st.SearchStrategy[str]:
    """A ruleset that compiles."""
    # The text is drawn from one seed: a thousand draws of Hypothesis a ruleset would be most of the time.
    return st.integers(0, 2**32 - 1).map(ruleset_text).filter(compiles)


def compiles(text: str) -> bool:
    """The few that the checker refuses are drawn anew."""
    return not refusals(text)


def refusals(text: str) -> list[str]:
    """Why a text is no ruleset."""
    found = compile_ruleset(Source("drawn.rates", text))
    if found.program is not None:
        return []
    return [f"{item.code} {item.message}" for item in found.findings if item.severity is Severity.ERROR]


def ruleset_text(seed: int) -> str:
    """The text that a seed stands for; not each compiles."""
    return _Writing(Random(seed)).text()


class _Writing:
    """One text in the making."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.currency = self.one(list(CURRENCIES))
        self.sign = CURRENCIES[self.currency]
        self.meters: dict[str, str] = {}
        self.dated = False
        """Whether the plan at hand has versions by usage, which price only what has parts that add up."""

    def one(self, choices: list[str] | tuple[str, ...]) -> str:
        return self.random.choice(choices)

    def maybe(self, text: str, chance: float = 0.3) -> str:
        return text if self.random.random() < chance else ""

    def money(self, most: int = 3) -> str:
        if self.random.random() < 0.1:
            return f"{self.sign}{self.random.randrange(0, most * 10**6) / 10**6:.6f}"
        return f"{self.sign}{self.random.randrange(0, most * 100) / 100:.2f}"

    def text(self) -> str:
        found = [self._head(), ACCOUNT.format(m=self.sign), EVENTS, WINDOWS]
        for kind, measures in (("sum", SUMS), ("one", SINGLES), ("level", LEVELS)):
            for number in range(self.random.choice([1, 2, 3])):
                self.meters[f"{kind}{number}"] = self.one(measures)
        found.append("\n".join(f"meter {name}: {measure}" for name, measure in self.meters.items()) + "\n")
        found.extend(self._plans())
        found.extend(self._policies())
        found.extend(self._cards())
        return "\n".join(found)

    def _head(self) -> str:
        ways = ("half even", "half up", "half down", "up", "down")
        size = self.maybe(f"to {self.sign}0.001 " if self.random.random() < 0.5 else f"to {self.sign}5 ", 0.15)
        lines = [
            'ruleset drawn "Drawn":',
            f"  currency {self.currency}",
            f"  time zone {self.one(ZONES)}",
            f"  round each line {size}{self.one(ways)}",
        ]
        if self.random.random() < 0.15:
            lines.append(f"  round total to {self.sign}{self.one(['5', '50', '10'])} {self.one(ways)}")
        return "\n".join(lines) + "\n"

    # Plans

    def _plans(self) -> list[str]:
        billed = self.one(
            ["monthly"] * 5
            + ["quarterly", "monthly from start", "every 2 months from start", "weekly", "daily", "yearly from start"]
        )
        kind = self.random.random()
        self.dated = 0.15 <= kind < 0.3
        first = self._plan("one", billed, "from 2026-01-01" + (" before 2026-06-01" if kind < 0.3 else ""))
        found = [first, self._plan("two", self.one(["monthly", billed]), "from 2026-01-01")]
        if kind < 0.15:
            found.append(self._plan("one", billed, "from 2026-06-01"))
        elif kind < 0.3:
            # Versions by usage share their lines' names: the later one differs in numbers mostly.
            found = [self._dated(first)]
            found.append(self._dated(self._plan("one", billed, "from 2026-06-01")))
            self.dated = False
            found.append(self._plan("two", "monthly", "from 2026-01-01"))
        if self.random.random() < 0.25:
            end = self.one(["", " before 2027-01-01"])
            found.append(
                f"contract deal extends two from 2026-02-01{end}:\n"
                f"  {self.one(['add minimum ' + self.money(40), 'add fee extra ' + self.money(9) + ' per month'])}\n"
            )
        return found

    def _dated(self, plan: str) -> str:
        head, _, rest = plan.partition("\n")
        return f"{head}\n  dated by usage\n{rest}"

    def _plan(self, name: str, billed: str, dates: str) -> str:
        lines = [f"plan {name} {dates}:", f"  billed {billed}"]
        for meter, measure in self.meters.items():
            divisible = meter.startswith("sum") or measure.startswith(("time-weighted", "time integral"))
            if self.random.random() < 0.75 and (divisible or not self.dated):
                lines += self._charge(meter, measure, meter)
        if self.random.random() < 0.3 and not self.dated:
            meter = self.one(list(self.meters))
            lines += self._charge("again", self.meters[meter], f"again of {meter}")
        if self.random.random() < 0.5:
            lines += self._calls()
        if self.random.random() < 0.4:
            lines += self._payments()
        if self.random.random() < 0.2:
            lines += self._bands("places of account.seats", "", "places", prorated=False)
        charged = [line.split()[1].rstrip(":") for line in lines if line.startswith("  charge ")]
        if charged and self.random.random() < 0.3:
            of = self.one([charged[0], charged[-1], ", ".join(dict.fromkeys([charged[0], charged[-1]]))])
            rate = self.one([f"at {self.one(['5%', '12.5%', '0.1%'])}", ""])
            if rate:
                lines.append(f"  charge support of amount of {of}: {rate}")
            else:
                lines += [
                    f"  charge support of amount of {of} graduated:",
                    f"    first {self.sign}20 at 10%",
                    "    above at 7%",
                ]
        lines += self._fees()
        for meter in self.meters:
            if self.random.random() < 0.2 and "prorated by day" not in charge_of(lines, meter):
                per = self.one(["", "", " per 12 months", " per 3 months", " prorated by day"])
                lines.append(f"  include {self.one(['5', '7.5', '100'])}{self._unit(meter)} of {meter}{per}")
        low = self.random.randrange(0, 40)
        if low > 28:
            of = self.maybe(f" of {charged[0]}" if charged else "", 0.3)
            lines.append(f"  minimum {self.sign}{low}{of}{self.maybe(' prorated by day')}")
        if self.random.random() < 0.2:
            lines.append(f"  cap {self.sign}{low + self.random.randrange(1, 300)}{self.maybe(' prorated by day')}")
        return "\n".join(lines) + "\n"

    def _unit(self, meter: str) -> str:
        measure = self.meters[meter]
        if "duration" not in measure:
            return ""
        return " min" if "in min" in measure else " h" if "in h" in measure else " s"

    def _charge(self, name: str, measure: str, head: str) -> list[str]:
        event = measure.split(" of ")[-1].split()[0] if " per " not in measure else _event_of(measure)
        fields = _BY_EVENT.get(event, [])
        adds_up = name.startswith("sum") or (name == "again" and measure in SUMS)
        columns = ""
        if fields and self.random.random() < 0.5:
            columns = self.one(fields)
        if self.random.random() < 0.15:
            columns = ", ".join(filter(None, [columns, self.one(["account.tier", "account.country"])]))
        if adds_up and self.random.random() < 0.15:
            columns = ", ".join(filter(None, [columns, "time"]))
        bound = self._bound(rows=bool(columns) and not self.dated)
        when = self.maybe(f"    when {self._condition()}", 0.12)
        tail = [*bound, *([when] if when else [])]
        if columns and self.random.random() < 0.7:
            return [*self._table(head, columns, adds_up=adds_up), *tail]
        return [
            *self._bands(head, columns if "time" not in columns else "", name, prorated=self._averaged(measure)),
            *tail,
        ]

    def _averaged(self, measure: str) -> bool:
        return measure.startswith("time-weighted")

    def _bound(self, *, rows: bool) -> list[str]:
        kind = self.random.random()
        per = self.maybe(" per row", 0.3) if rows else ""
        prorated = self.maybe(" prorated by day", 0.3)
        if kind < 0.1:
            return [f"    minimum {self.money(9)}{per}{prorated}"]
        if kind < 0.2:
            return [f"    cap {self.sign}{self.random.randrange(10, 60)}{per}{prorated}"]
        if kind < 0.25:
            return [f"    minimum {self.money(9)}{per}", f"    cap {self.sign}{self.random.randrange(10, 60)}{per}"]
        return []

    def _sharing(self, columns: str, mode: str, *, adds_up: bool, prorated: bool) -> str:
        kind = self.random.random()
        if columns and not set(columns.split(", ")) <= {"account.tier", "account.country"} and kind < 0.4:
            ways = ["pooled in row order", "pooled by share", *(["pooled in time order"] if adds_up else [])]
            if mode == "stairstep":
                ways = ["pooled by share"]
            return " " + self.one(ways)
        if adds_up and mode != "stairstep" and 0.4 < kind < 0.6:
            return " " + self.one(["counted per year from start", "counted per calendar year"])
        if prorated and kind > 0.7:
            return " prorated by day"
        return ""

    def _table(self, head: str, columns: str, *, adds_up: bool) -> list[str]:
        names = columns.split(", ")
        cells: list[list[str]] = [[]]
        first_match = ""
        for column in names:
            if column == "time":
                values = self.random.choice(
                    [["peak", "otherwise"], ["night", "lunch", "otherwise"], ["closed", "otherwise"]]
                )
            elif column in ("dialled", "host") and self.random.random() < 0.3:
                names[names.index(column)] = f"{column} prefix"
                values = ['"4"', '"44"', "otherwise"] if column == "dialled" else ['"h"', "otherwise"]
            else:
                values = _VALUES[column]
            if len(cells) > 4:
                values = ["any"]
            cells = [[*row, value] for row in cells for value in values]
        mode = self.one(["", "", "graduated", "graduated", "volume", "stairstep"])
        heads = self._heads(mode, "") if mode else ["price"]
        sharing = self._sharing(columns, mode, adds_up=adds_up, prorated=False) if mode else ""
        found = [f"  charge {head} by {columns}{first_match}{' ' if mode else ''}{mode}{sharing}:"]
        found.append(f"    | {' | '.join([*names, *heads])} |")
        for row in cells:
            prices = [price.removeprefix("at ") for price in self._prices(mode, len(heads), sharing)]
            found.append(f"    | {' | '.join([*row, *prices])} |")
        return found

    def _bands(self, head: str, columns: str, name: str, *, prorated: bool) -> list[str]:
        by = f" by {columns}" if columns else ""
        if self.random.random() < 0.25:
            return [f"  charge {head}{by}: {self._price()}"]
        mode = self.one(["graduated", "graduated", "volume", "stairstep"])
        sharing = self._sharing(columns, mode, adds_up=name.startswith("sum"), prorated=prorated)
        heads = self._heads(mode, name if not columns and not sharing else "")
        prices = self._prices(mode, len(heads), sharing)
        return [
            f"  charge {head}{by} {mode}{sharing}:",
            *(f"    {band} {price}" for band, price in zip(heads, prices, strict=True)),
        ]

    def _heads(self, mode: str, name: str) -> list[str]:
        bounds = sorted(self.random.sample([10, 20, 30, 60, 300], self.random.choice([1, 2, 3])))
        heads, low = [], 0
        depends = ""
        if name and mode == "graduated":
            depends = self.one(["", "", "", " per day", " per account.seats", " prorated by day"])
        for bound in bounds:
            if mode == "graduated":
                heads.append(f"{'next' if low else 'first'} {bound - low}{depends}")
                depends = ""
            else:
                heads.append(f"{self.one(['up to', 'below'])} {bound}")
            low = bound
        return [*heads, "above"]

    def _prices(self, mode: str, count: int, sharing: str) -> list[str]:
        if mode == "stairstep":
            return [f"for {self.money(40)}" for _ in range(count)]
        return [self._price(stepped="pooled" not in sharing) for _ in range(count)]

    def _price(self, *, stepped: bool = True) -> str:
        if self.random.random() < 0.1:
            return "free"
        block = self.one(
            ["each"] * 3 + ["per 10", "per 5", *(["per started 10", "per 10 in steps of 2"] if stepped else [])]
        )
        sign = self.maybe("-", 0.03)
        once = self.maybe(f" plus {self.money(2)} once{self.maybe(' if used', 0.5)}", 0.2)
        return f"at {sign}{self.money()} {block}{once}"

    # Each event

    def _calls(self) -> list[str]:
        source = "each call.duration"
        kind = self.random.random()
        price = self.one(
            [
                f"{self.money()} per 60 s",
                f"{self.money()} per started 60 s plus {self.money(1)} once",
                f"{self.money()} per 60 s in steps of 6 s",
                f"{self.money()} per s",
            ]
        )
        other = f"{self.money()} per 60 s in steps of {self.one(['1', '10', '60'])} s"
        if kind < 0.35:
            window = self.one(["peak", "night", "lunch", "weekend", "closed"])
            lines = [
                f"  charge calls of {source} by time:",
                "    | time | price |",
                f"    | {window} | {price} |",
                f"    | otherwise | {other} |",
            ]
        elif kind < 0.6:
            lines = [
                f"  charge calls of {source} by dialled, time:",
                "    | dialled prefix | time | price |",
                f'    | "44" | peak | {price} |',
                f'    | "44" | otherwise | {other} |',
                f'    | "4", "1" | any | {price} |',
                f"    | otherwise | any | {other} |",
            ]
        elif kind < 0.8:
            mode = self.one(["graduated", "volume"])
            heads = (
                ["first 60 s", "next 120 s", "above"] if mode == "graduated" else ["up to 60 s", "below 180 s", "above"]
            )
            lines = [
                f"  charge calls of {source} {mode}:",
                *(f"    {band} at {self.one([price, other])}" for band in heads),
            ]
        else:
            lines = [f"  charge calls of {source}{self.maybe(' where duration > 10')}:", f"    at {price}"]
        if self.random.random() < 0.3:
            lines.append(f"    {self.one(['include 2 events', 'include 100 s'])}")
        return [*lines, *self._event_bounds()]

    def _event_bounds(self) -> list[str]:
        lines = []
        if self.random.random() < 0.2:
            lines.append(f"    minimum {self.sign}0.50")
        if self.random.random() < 0.2:
            lines.append(f"    cap {self.sign}{self.random.randrange(1, 9)}")
        if self.random.random() < 0.1:
            lines.append(f"    minimum {self.sign}{self.random.randrange(1, 9)} per period")
        if self.random.random() < 0.1:
            lines.append(f"    cap {self.sign}{self.random.randrange(10, 90)} per period")
        if self.random.random() < 0.2:
            lines.append(f"    round each event {self.one(['half up', 'up', 'half even', 'down'])}")
        return lines

    def _payments(self) -> list[str]:
        where = self.maybe(" where not refunded", 0.3)
        price = f"{self.one(['2.9%', '0.15%', '10%'])}{self.maybe(f' plus {self.money(1)} once', 0.6)}"
        kind = self.random.random()
        if kind < 0.4:
            lines = [f"  charge paying of each pay.amount{where}:", f"    at {price}"]
        elif kind < 0.7:
            lines = [
                f"  charge paying of each pay.amount{where} by method:",
                "    | method | price |",
                f'    | "card" | {price} |',
                "    | otherwise | 1% |",
            ]
        else:
            lines = [
                f"  charge paying of each pay.amount{where} graduated:",
                f"    first {self.sign}100 at 3%",
                f"    above at 1% plus {self.money(1)} once",
            ]
        if self.random.random() < 0.3:
            lines.append(f"    include {self.one(['3 events', '1 event', self.sign + '250'])}")
        return [*lines, *self._event_bounds()]

    # Fees, policies, taxes, cards

    def _fees(self) -> list[str]:
        found = []
        for number in range(self.random.choice([0, 1, 1, 2])):
            term = self.one(["month", "month", "day", "week", "3 months", "12 months", "14 days"])
            rest = self.one(["", "", " in advance", " prorated by second", " not prorated"])
            trial = self.maybe(self.one([" after 15 days", " after 1 month"]), 0.2)
            seats = self.maybe(" for account.seats", 0.25)
            found.append(f"  fee fee{number} {self.money(20)} per {term}{seats}{rest}{trial}")
        return found

    def _policies(self) -> list[str]:
        found = []
        for number in range(self.random.choice([0, 1, 2, 3])):
            kind = self.one(["discount", "discount", "offer", "penalty"])
            lines = [f"{kind} p{number}{self.maybe(' for one', 0.2)}{self._dates()}:"]
            lines.append("  " + (self._added() if kind == "penalty" else self._taken()))
            if self.random.random() < 0.5:
                lines.append(f"  when {self._condition()}")
            found.append("\n".join(lines) + "\n")
        ways = ["add up", "one after another", "best one"]
        found += [f"discounts combine {self.one(ways)}\n", f"offers combine {self.one(ways)}\n"]
        if self.random.random() < 0.4:
            base = self.one(["total", "total", "charges", "fees"])
            found.append(f"tax vat{self.maybe(' included')}:\n  {self.one(['20%', '8.875%'])} of {base}\n")
        if self.random.random() < 0.15:
            found.append(
                "tax levy:\n  3% of total\n" + self.maybe("  when account.vip is known and account.vip\n", 0.5)
            )
        return found

    def _dates(self) -> str:
        return self.maybe(self.one([" from 2026-03-01 before 2026-07-01", " before 2026-06-01"]), 0.1)

    def _taken(self) -> str:
        target = self.one(["charges", "total", "total", "fees"])
        sums = [name for name in self.meters if name.startswith("sum")]
        kind = self.random.random()
        if kind < 0.15:
            return f"{self.one(['5', '20'])}{self._unit(sums[0])} of {sums[0]} free"
        if kind < 0.3:
            return f"{self.one(['10%', '50%'])} off {sums[0]} during {self.one(['peak', 'weekend', 'spring', 'night'])}"
        size = self.one(["10%", "33.3%", "100%", f"{self.sign}7", "account.credit"])
        return f"{size} off {target}" + self.maybe(f", at most {self.sign}4", 0.3)

    def _added(self) -> str:
        meter = self.one([name for name in self.meters if not self._unit(name)] or ["sum0"])
        return self.one(
            [
                f"{self.sign}3",
                "5% of total",
                f"5% of total, at most {self.sign}2",
                f"{self.money()} per 1 of {meter} above 15",
                f"{self.sign}1 per started 10 of {meter} above 20",
                f"{self.money()} per 1 of account.seats above 4",
                "1% of total per 1 of account.seats below 2",
                "0.05% of account.due",
                "account.credit",
            ]
        )

    def _condition(self) -> str:
        meter = self.one([name for name in self.meters if not self._unit(name)] or list(self.meters))
        choices = [
            "account.tier is gold",
            "account.tier is one of gold, silver",
            "account.seats >= 4",
            "not account.seats < 2",
            'account.country is known and account.country is "GB"',
            "account.joined is known and account.joined < 2026-04-01",
            "account.vip is known and account.vip",
            "period starts in spring",
            "month is one of 3, 11",
        ]
        if not self._unit(meter):
            choices += [f"usage of {meter} > 20", f"usage of {meter} < 10"]
        first = self.one(choices)
        return first + self.maybe(f" {self.one(['and', 'or'])} {self.one(choices)}", 0.25)

    def _cards(self) -> list[str]:
        if self.random.random() < 0.7:
            return []
        valid = self.maybe(f"  valid {self.one(['12 months', '90 days'])}\n", 0.6)
        found = [f"card gift:\n  worth {self.sign}100\n{valid}  pays everything\n"]
        if self.random.random() < 0.5:
            found.append(f"card some:\n  worth {self.sign}20\n  pays {self.one(['charges', 'fees'])}\n")
        return found


def charge_of(lines: list[str], meter: str) -> str:
    """The first line of the charge that prices a meter."""
    return " ".join(line for line in lines if line.startswith(f"  charge {meter} ") or f" of {meter} " in line)


def _event_of(measure: str) -> str:
    return next(event for event in _BY_EVENT if f"of {event} " in f"{measure} ")
