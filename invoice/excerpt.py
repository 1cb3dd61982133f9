"""The ruleset's own words behind a line: the excerpt of the source at a place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ..diagnostics import Source
from ..engine.derivation import Place
from .columns import visible
from .document import RuleView

_LINES_MAX: Final = 16


def excerpt(place: Place, sources: Mapping[str, Source], *, lines_max: int | None = _LINES_MAX) -> RuleView:
    """The rule at a place, its indentation kept relative to its first line; empty where the source is not at hand.

    A place without a line stands for no rule at all.
    """
    if not place.line:
        return RuleView("", "")
    source = sources.get(place.file)
    if source is None or not 0 <= place.start <= place.end <= len(source.text):
        return RuleView(str(place), "")
    column = source.position(place.start)[1] - 1
    first, *rest = source.text[place.start : place.end].rstrip().expandtabs(2).split("\n")
    lines = [first, *(line[min(column, len(line) - len(line.lstrip(" "))) :] for line in rest)]
    if lines_max is not None and len(lines) > lines_max:
        lines = [*lines[:lines_max], "…"]
    return RuleView(str(place), "\n".join(visible(line).rstrip() for line in lines))
