"""What resolving knows while it goes: the declared names and the findings. Mutable, and only inside `resolve`."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TypeVar

from ....diagnostics import Diagnostic, Edit, Label, Source, Span
from ....grammar import syntax
from ....money import MoneyUnit, Rounding
from ...derivation import Place
from ...plan import Card, LineRounding, Meter
from ...quantity import Unit, UnitTable
from ...statement import Labels
from ...usage import EventSchema, FieldSchema
from ...window import Window
from ..model import Plan
from ..sheet import PriceTables
from .plan_lines import PlanLines

T = TypeVar("T")

NO_CURRENCY_CODE = "XXX"
"""The code that stands in where the header names no currency that is known."""

_UNIT_WORDS = {
    **dict.fromkeys(("second", "seconds", "sec", "secs"), "s"),
    **dict.fromkeys(("minute", "minutes", "mins"), "min"),
    **dict.fromkeys(("hour", "hours", "hr", "hrs"), "h"),
    "days": "day",
    **dict.fromkeys(("byte", "bytes"), "B"),
    **dict.fromkeys(("gigabyte", "gigabytes"), "GB"),
    **dict.fromkeys(("megabyte", "megabytes"), "MB"),
    **dict.fromkeys(("terabyte", "terabytes"), "TB"),
}

_NUMBER_WORDS = {
    **dict.fromkeys(("k", "K", "thousand", "千"), "1,000"),
    "万": "10,000",
    **dict.fromkeys(("m", "M", "mio", "million", "百万"), "1,000,000"),
    "亿": "100,000,000",
    **dict.fromkeys(("bn", "billion"), "1,000,000,000"),
}

_DECLARE = {
    "attribute": "declare it in a block `account:`, as in `{name}: text`",
    "event": "declare it, as in `event {name}:` with its fields below",
    "field": "the event has no fields yet; declare it below the event, as in `{name}: number`",
    "meter": "declare it, as in `meter {name}: sum of FIELD of EVENT`",
    "window": "declare it, as in `window {name}: daily 08:00 to 20:00`",
    "plan": "declare it, as in `plan {name}:` with its charges below",
    "card": "declare it, as in `card {name}:` with `worth` below",
    "line": "no charge or fee is declared yet",
}

RESERVED_LINES = frozenset({"charges", "fees", "total", "due", "minimum", "cap", "rounding"})
RESERVED_FIELDS = frozenset({"id", "account", "event", "time", "source", "meter"})


def circle(start: str, after: Mapping[str, Iterable[str]]) -> tuple[str, ...]:
    """A way from a name along those that it asks for, from where it first comes back to a name; each has a next one."""
    path = [start]
    while True:
        following = next(name for name in after[path[-1]] if name in after)
        if following in path:
            return tuple(path[path.index(following) :])
        path.append(following)


def round_about(names: tuple[str, ...]) -> str:
    """`a → b → a`"""
    return " → ".join((*names, names[0]))


def near_names(name: str, known: Iterable[str]) -> list[str]:
    """At most three known names that a slip could have turned into this one, nearest first."""
    known = list(known)
    folded = name.casefold()
    same = [item for item in known if item.casefold() == folded]
    if same:
        return same[:3]
    near = difflib.get_close_matches(folded, {item.casefold() for item in known}, n=3, cutoff=0.7)
    plural = [item for item in known if item.casefold() in (f"{folded}s", folded.removesuffix("s"))]
    found = [item for text in near for item in known if item.casefold() == text]
    return list(dict.fromkeys([*plural, *found]))[:3]


@dataclass(slots=True)
class Scope:
    """The ruleset so far."""

    sources: Mapping[str, Source]
    money: MoneyUnit
    currency_span: Span | None = None
    zone: str = "UTC"
    line_rounding: Rounding = Rounding.HALF_EVEN
    total_rounding: LineRounding | None = None
    total_rounding_place: Place | None = None
    units: UnitTable = field(default_factory=UnitTable)
    attributes: dict[str, FieldSchema] = field(default_factory=dict)
    attribute_spans: dict[str, Span] = field(default_factory=dict)
    events: dict[str, EventSchema] = field(default_factory=dict)
    event_spans: dict[str, Span] = field(default_factory=dict)
    meters: dict[str, Meter] = field(default_factory=dict)
    meter_spans: dict[str, Span] = field(default_factory=dict)
    windows: dict[str, Window] = field(default_factory=dict)
    window_spans: dict[str, Span] = field(default_factory=dict)
    cards: dict[str, Card] = field(default_factory=dict)
    own_lines: list[tuple[str, str, Span, tuple[str, ...]]] = field(default_factory=list)
    """Policies, taxes and cards by name: what each is, where it stands, and the plans it is for (none means all)."""
    broken: set[str] = field(default_factory=set)
    """Names whose declarations have a finding or could not be read: that they are missing is no second mistake."""
    mentioned: set[str] = field(default_factory=set)
    """Every name inside a charge, policy or tax that has a finding."""
    file_lost: bool = False
    """Whether a file could not be read, so that any name may be declared in it."""
    findings: list[Diagnostic] = field(default_factory=list)
    price_tables: PriceTables = field(default_factory=PriceTables)
    _plan_lines: PlanLines | None = None

    def plan_lines(self, plans: tuple[Plan, ...]) -> PlanLines:
        """The lines of the plans by name."""
        if self._plan_lines is None or self._plan_lines.plans is not plans:
            self._plan_lines = PlanLines(plans)
        return self._plan_lines

    def report(
        self,
        code: str,
        message: str,
        node: syntax.Node | Span,
        here: str = "",
        *hints: str,
        labels: tuple[Label, ...] = (),
        notes: tuple[str, ...] = (),
        edits: tuple[Edit, ...] = (),
    ) -> None:
        """Note a finding at a node."""
        span = node if isinstance(node, Span) else node.span
        self.findings.append(Diagnostic(code, message, span, here, labels, hints[:3], notes, edits))

    def lose(self, node: syntax.Node, *names: str) -> None:
        """Note that a declaration with a finding is left out, so that nothing more is said about its names."""
        self.broken.update(names)
        self.mentioned.update(item.text for item in syntax.walk(node) if isinstance(item, syntax.Name))

    def is_lost(self, name: str) -> bool:
        """Whether something of this name may have been left out."""
        return self.file_lost or name in self.broken

    def not_built(self, what: str, node: syntax.Node) -> None:
        """Refuse a form of the language whose evaluation is not built yet."""
        self.report(
            "RB2901",
            f"{what} cannot be rated yet",
            node,
            "this form is not built yet",
            "leave it out until a later version of Ratebook",
        )

    def place(self, node: syntax.Node | Span) -> Place:
        """Where a node stands."""
        span = node if isinstance(node, Span) else node.span
        return Place(span.file, self.sources[span.file].position(span.start)[0], span.start, span.end)

    def text(self, node: syntax.Node) -> str:
        """The node's own words, on one line."""
        return " ".join(self.sources[node.span.file].slice(node.span).split())

    def first_line(self, node: syntax.Node) -> str:
        """The first line of a node's text."""
        return self.sources[node.span.file].slice(node.span).split("\n")[0].strip()

    def look_up(self, table: Mapping[str, T], name: syntax.Name | syntax.EventName, what: str) -> T | None:
        """What a name stands for, or a finding that offers near names."""
        found = table.get(name.text)
        if found is None:
            self.unknown(name, name.text, what, table)
        return found

    def unknown(self, node: syntax.Node, name: str, what: str, known: Iterable[str], *hints: str) -> None:
        """Note an unknown name and offer those that are near; nothing where its declaration was left out."""
        if self.is_lost(name):
            return
        known = list(known)
        near = near_names(name, known)
        self.mentioned.update(near)  # what was probably meant is not also unused
        offered = [f"did you mean {' or '.join(f'`{item}`' for item in near)}?"] if near else [*hints]
        other = None if near or hints or what.startswith("line") else self.other_kind(name, what)
        if other is not None:
            offered.append(other)
        if not near and known:
            some = ", ".join(f"`{item}`" for item in known[:6])
            offered.append(f"declared: {some}" + (", …" if len(known) > 6 else ""))
        kind, _, owner = what.partition(" of ")
        if not known and not offered:
            offered.append(_DECLARE.get(kind, "declare it").format(name=name))
        edits = (Edit(node.span, near[0]),) if len(near) == 1 else ()
        message = f"{owner} has no {kind} `{name}`" if owner else f"there is no {kind} `{name}`"
        self.report("RB2001", message, node, f"unknown {kind}", *offered, edits=edits)

    def other_kind(self, name: str, what: str) -> str | None:
        """What a name is, where it is known as something else than what is asked for."""
        for kind, table in (
            ("event", self.events),
            ("meter", self.meters),
            ("window", self.windows),
            ("attribute", self.attributes),
            ("card", self.cards),
        ):
            if name in table and kind != what:
                return f"`{name}` is {'an' if kind[0] in 'ae' else 'a'} {kind}; here a {what} is named"
        return None

    def declared_before(self, node: syntax.Node, name: str, what: str, before: Span) -> None:
        """Note a name that is declared twice."""
        self.report(
            "RB2002",
            f"{what} `{name}` is declared twice",
            node,
            "declared again here",
            "give one of them another name, or remove it",
            labels=(Label(before, "first declared here"),),
        )

    def unit(self, name: syntax.Name | None) -> Unit | None:
        """The unit of a name; a finding for one that is not declared."""
        if name is None:
            return None
        found = self.units.find(name.text)
        if found is None:
            if self.is_lost(name.text):
                return None
            synonym = _UNIT_WORDS.get(name.text.lower())
            offered = [synonym] if synonym else near_names(name.text, self.units.units)
            if name.text.lower() in ("month", "months", "year", "years"):
                self.report(
                    "RB2004",
                    f"a {name.text.lower().removesuffix('s')} has no fixed length, so it is no unit",
                    name,
                    "no unit",
                    "write it in `day` or `h`, or use a fee, which has terms of months",
                )
                return None
            if name.text in _NUMBER_WORDS:
                self.report(
                    "RB2004",
                    f"`{name.text}` is no unit: numbers are written out",
                    name,
                    "a number word",
                    f"write the number with its zeros: 1{name.text} is `{_NUMBER_WORDS[name.text]}`",
                    f"for a unit of your own, declare it: `unit {name.text}`",
                )
                return None
            hints = [f"did you mean {' or '.join(f'`{item}`' for item in offered)}?"] if offered else []
            hints.append(f"for a count of your own, declare it: `unit {name.text}`")
            self.report("RB2004", f"there is no unit `{name.text}`", name, "unknown unit", *hints)
        return found

    def labels(self, name: str, label: syntax.Text | None, annotations: syntax.Annotations | None) -> Labels:
        """The labels of a declaration; without one it is called by its name."""
        by_language: dict[str, str] = {}
        default = name if label is None else label.text
        for item in () if annotations is None else annotations.labels:
            if item.language:
                by_language[item.language] = item.text.text
            else:
                default = item.text.text
        return Labels(default, by_language)

    def money_value(self, node: syntax.Money) -> Fraction | None:
        """Money in the ruleset's currency; a finding for money of another."""
        from ....money import symbols

        code = self.money.currency.code
        if code == NO_CURRENCY_CODE:
            # The header has the finding.
            return node.value
        if (node.code and node.code == code) or (node.symbol and node.symbol in symbols(code)):
            return node.value
        written = node.code or node.symbol
        label = () if self.currency_span is None else (Label(self.currency_span, "the ruleset's currency"),)
        self.report(
            "RB2102",
            f"`{self.text(node)}` is not in the currency of this ruleset, which is {code}",
            node,
            f"`{written}` here",
            f"write the amount in {code}, as in `{self.money_text(node.digits)}`",
            labels=label,
        )
        return None

    def money_text(self, digits: str) -> str:
        """Money of the ruleset's currency as it is written."""
        from ....money import symbols

        code = self.money.currency.code
        signs = symbols(code)
        return f"{signs[0]}{digits}" if signs else f"{digits} {code}"


def because(annotations: syntax.Annotations | None) -> str:
    """The reason that a declaration gives, or nothing."""
    return "" if annotations is None or annotations.because is None else annotations.because.text


def citation(annotations: syntax.Annotations | None) -> str:
    """The source that a declaration cites, or nothing."""
    return "" if annotations is None or annotations.source is None else annotations.source.text


ROUNDINGS = {
    syntax.RoundingMode.HALF_EVEN: Rounding.HALF_EVEN,
    syntax.RoundingMode.HALF_UP: Rounding.HALF_UP,
    syntax.RoundingMode.HALF_DOWN: Rounding.HALF_DOWN,
    syntax.RoundingMode.UP: Rounding.UP,
    syntax.RoundingMode.DOWN: Rounding.DOWN,
}
