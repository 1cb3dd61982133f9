"""Imports: which files a ruleset is made of. Reading them is the caller's; what may be read is decided here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath

from ...diagnostics import Diagnostic, Source
from ...grammar import syntax
from ...grammar.parse import parse
from .horizon import within_horizon

Reader = Callable[[str], "str | None"]
"""Gives the text of a file named relative to the ruleset's folder, or None where it cannot be read."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """A ruleset's file and everything it imports, each once, in the order of first import."""

    trees: tuple[syntax.Ruleset, ...]
    sources: dict[str, Source]
    findings: tuple[Diagnostic, ...]


def gather(source: Source, read: Reader, *, max_bytes: int) -> Gathered:
    """Parse a ruleset and what it imports."""
    trees: list[syntax.Ruleset] = []
    sources: dict[str, Source] = {}
    findings: list[Diagnostic] = []

    def visit(item: Source, folder: PurePosixPath, path: tuple[str, ...]) -> None:
        sources[item.name] = item
        written, found = parse(item, max_bytes=max_bytes)
        tree, far = within_horizon(written)
        trees.append(tree)
        findings.extend((*found, *far))
        for declaration in tree.declarations:
            if isinstance(declaration, syntax.Import):
                follow(declaration, folder, path)

    def follow(node: syntax.Import, folder: PurePosixPath, path: tuple[str, ...]) -> None:
        written = node.path.text
        refusal = _refusal(written)
        if refusal is not None:
            is_address = "://" in written
            here = "an address" if is_address else "outside the folder"
            hint = "save the file beside this one" if is_address else "put the file into this folder or one below it"
            hints = (f"{hint}, and name it by its path from here",)
            findings.append(Diagnostic("RB2011", refusal, node.path.span, here, hints=hints))
            return
        target = str(folder / written)
        name = _display(source.name, target)
        if name in path:
            findings.append(
                Diagnostic(
                    "RB2010",
                    "a file imports itself" if name == path[-1] else "files import each other in a circle",
                    node.path.span,
                    " → ".join((*path[path.index(name) :], name)),
                    hints=("remove this line" if name == path[-1] else "move what both need into a file of its own",),
                )
            )
            return
        if name in sources:
            return
        text = read(target)
        if text is None:
            findings.append(
                Diagnostic(
                    "RB2009",
                    f"the imported file “{written}” cannot be read",
                    node.path.span,
                    "no such file, or not readable as text",
                    hints=("a path is read from the folder of the file that imports",),
                )
            )
            return
        visit(Source(name, text), PurePosixPath(target).parent, (*path, name))

    visit(source, PurePosixPath(), (source.name,))
    return Gathered(tuple(trees), sources, tuple(findings))


def _refusal(written: str) -> str | None:
    path = PurePosixPath(written)
    if "://" in written:
        return "an import names a file, not an address of the network"
    if path.is_absolute() or "\\" in written or ".." in path.parts or (written[1:2] == ":"):
        return "an import stays in or below the folder of the file that imports"
    return None


def _display(first: str, target: str) -> str:
    """The name by which messages cite an imported file: beside the ruleset's own."""
    folder = PurePosixPath(first).parent
    return str(folder / target) if str(folder) != "." else target
