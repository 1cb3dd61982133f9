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

T = TypeVar("T")

RESERVED_LINES = frozenset({"charges", "fees", "total", "due", "minimum", "cap", "rounding"})
RESERVED_FIELDS = frozenset({"id", "account", "event", "time", "source", "meter"})


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
    findings: list[Diagnostic] = field(default_factory=list)

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

    def unknown(self, node: syntax.Node, name: str, what: str, known: Iterable[str]) -> None:
        """Note an unknown name and offer those that are near."""
        known = list(known)
        near = difflib.get_close_matches(name, known, n=3, cutoff=0.6)
        hints = [f"did you mean {' or '.join(f'`{item}`' for item in near)}?"] if near else []
        if not near and known:
            some = ", ".join(f"`{item}`" for item in known[:6])
            hints.append(f"declared: {some}" + (", …" if len(known) > 6 else ""))
        if not known:
            hints.append(f"declare it, as in `{what} {name}: …`" if what != "line" else "no line is declared")
        edits = (Edit(node.span, near[0]),) if len(near) == 1 else ()
        self.report("RB2001", f"there is no {what} `{name}`", node, f"unknown {what}", *hints, edits=edits)

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
            known = list(self.units.units)
            near = difflib.get_close_matches(name.text, known, n=3, cutoff=0.5)
            same = [unit for unit in known if unit.lower() == name.text.lower()]
            offered = same or near
            hints = [f"did you mean {' or '.join(f'`{item}`' for item in offered)}?"] if offered else []
            hints.append(f"declare it: `unit {name.text}`")
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
        if (node.code and node.code == code) or (node.symbol and node.symbol in symbols(code)):
            return node.value
        written = node.code or node.symbol
        label = () if self.currency_span is None else (Label(self.currency_span, "the ruleset's currency"),)
        sign = symbols(code)[0] if symbols(code) else ""
        right = f"{sign}{node.digits}" if sign else f"{node.digits} {code}"
        self.report(
            "RB2102",
            f"`{written}` is not the currency of this ruleset, which is {code}",
            node,
            "another currency",
            f"write `{right}`",
            labels=label,
        )
        return None


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
