"""The page of every code: what a finding means, why it matters for money, and the way out, with an example.

The words are data (`pages.toml`); this module lays them out for a terminal and for docs/errors.md.
"""

from __future__ import annotations

import textwrap
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

from .codes import CODES, Code

_WIDTH = 88
_CHAPTERS = {
    "RB10": "Characters and layout",
    "RB11": "Common slips",
    "RB20": "Names",
    "RB21": "Types, units, money",
    "RB22": "Bands, tables, lines",
    "RB23": "Dates and versions",
    "RB24": "Policies",
    "RB25": "Allowing warnings, and examples",
    "RB26": "Promises and comparisons",
    "RB27": "Against an earlier version",
    "RB29": "Not built yet",
    "RB30": "Rows of usage",
    "RB31": "Rows of accounts",
    "RB40": "Rating",
    "RB50": "Examples",
    "RB60": "Documents",
    "RB70": "Ledger",
    "RB71": "Audit",
    "RB90": "Files and commands",
}


@dataclass(frozen=True, slots=True)
class Page:
    """What is said of a code. `given` is the ruleset text above `bad` and `good`; empty texts are left out.

    `earlier` is what stood in the place of both in the version that they are compared with, below `given` too.
    `files` are texts of files that `bad` and `good` name. `graph` says in words what docs/graphs/CODE.svg shows.
    """

    code: Code
    meaning: str
    way_out: str
    given: str = ""
    bad: str = ""
    good: str = ""
    bad_row: str = ""
    good_row: str = ""
    earlier: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    graph: str = ""

    @property
    def examples(self) -> tuple[tuple[str, str], ...]:
        """Headings with the texts below them."""
        reported = "Warned of" if self.code.warning else "Reported"
        named = (
            ("Before", self.earlier),
            (reported, self.bad),
            ("Accepted", self.good),
            *self.files.items(),
            (f"{reported} row", self.bad_row),
            ("Accepted row", self.good_row),
        )
        return tuple((heading, text) for heading, text in named if text)


def page(code: str) -> str:
    """The page of a code, as plain text for a terminal. The code is one of the table."""
    return "".join(f"{line}\n" for line in _terminal(pages()[code]))


def pages_markdown() -> str:
    """All pages as docs/errors.md: a section for each code, with the code as its anchor."""
    return "".join(f"{line}\n" for line in _markdown())


@cache
def pages() -> Mapping[str, Page]:
    """Every page by its code, in the order of the table."""
    written = tomllib.loads((files(__package__) / "pages.toml").read_text(encoding="utf-8"))
    given = {name: _text(item["text"]) for name, item in written.pop("given").items()}
    if set(written) != set(CODES):
        raise ValueError(f"pages and codes differ: {sorted(set(written) ^ set(CODES))}")
    return {code: _page(CODES[code], written[code], given) for code in CODES}


def _page(code: Code, written: Mapping[str, Any], given: Mapping[str, str]) -> Page:
    return Page(
        code,
        written["meaning"],
        written["way_out"],
        given.get(written.get("given", ""), ""),
        _text(written.get("bad", "")),
        _text(written.get("good", "")),
        written.get("bad_row", ""),
        written.get("good_row", ""),
        _text(written.get("earlier", "")),
        {name: _text(text) for name, text in written.get("files", {}).items()},
        written.get("graph", ""),
    )


def _text(written: str) -> str:
    return written.strip("\n") + "\n" if written else ""


def _severity(code: Code) -> str:
    return "warning" if code.warning else "error"


def _terminal(item: Page) -> Iterator[str]:
    yield f"{item.code.code} ({_severity(item.code)}): {item.code.title}"
    yield ""
    yield from textwrap.wrap(item.meaning, _WIDTH)
    yield ""
    yield from textwrap.wrap(f"Way out: {item.way_out}", _WIDTH)
    for heading, text in item.examples:
        yield ""
        yield f"{heading}:"
        yield ""
        yield from (f"    {line}".rstrip() for line in text.rstrip("\n").split("\n"))
    if item.graph:
        yield ""
        yield from textwrap.wrap(item.graph, _WIDTH)
        yield f"Drawn in docs/graphs/{item.code.code}.svg, among the sources of Ratebook."


def _markdown() -> Iterator[str]:
    yield "# Findings and their codes"
    yield ""
    yield "<!-- Written by `ratebook.diagnostics.pages`; the words are in diagnostics/pages.toml. -->"
    yield ""
    yield from textwrap.wrap(
        "Every finding has a code that never changes its meaning. An error keeps a ruleset or a row from being used; a "
        'warning can be kept on purpose with `allow CODE because "…"`. `ratebook errors CODE` prints one of these '
        "sections. The examples leave out what stands above them: a header, and the events, meters and plans that they "
        "name.",
        118,
    )
    chapter = ""
    for item in pages().values():
        if _CHAPTERS[item.code.code[:4]] != chapter:
            chapter = _CHAPTERS[item.code.code[:4]]
            yield ""
            yield f"## {chapter}"
        yield ""
        yield f"### {item.code.code}"
        yield ""
        yield f"**{item.code.title}** ({_severity(item.code)})"
        yield ""
        yield from textwrap.wrap(item.meaning, 118)
        yield ""
        yield from textwrap.wrap(f"*Way out:* {item.way_out}", 118)
        for heading, text in item.examples:
            yield ""
            yield f"{heading}:"
            yield ""
            yield from (f"    {line}".rstrip() for line in text.rstrip("\n").split("\n"))
        if item.graph:
            yield ""
            yield f"![{item.graph}](graphs/{item.code.code}.svg)"
