"""Imports and price files: what a ruleset is made of. Reading is the caller's; what may be read is decided here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from ...diagnostics import Diagnostic, Source, Span
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
    prices: Mapping[Span, Source]
    """The price files, by the text that names each."""
    price_findings: tuple[Diagnostic, ...]
    """What is wrong with price files as files. No name of the ruleset can be lost with one."""


PRICE_BYTES_MAX = 64 * 1024 * 1024
"""The largest price file: some million rows."""


def gather(source: Source, read: Reader, *, max_bytes: int, price_bytes_max: int = PRICE_BYTES_MAX) -> Gathered:
    """Parse a ruleset and what it imports, and read the price files that they name."""
    trees: list[syntax.Ruleset] = []
    sources: dict[str, Source] = {}
    findings: list[Diagnostic] = []
    prices: dict[Span, Source] = {}
    price_findings: list[Diagnostic] = []

    def visit(item: Source, folder: PurePosixPath, path: tuple[str, ...]) -> None:
        sources[item.name] = item
        written, found = parse(item, max_bytes=max_bytes)
        tree, far = within_horizon(written)
        trees.append(tree)
        findings.extend((*found, *far))
        for declaration in tree.declarations:
            if isinstance(declaration, syntax.Import):
                follow(declaration, folder, path)
            for node in _price_files(declaration):
                given = price_file(node, folder)
                if isinstance(given, Diagnostic):
                    price_findings.append(given)
                else:
                    prices[node.span] = sources[given.name] = given

    def price_file(node: syntax.Text, folder: PurePosixPath) -> Source | Diagnostic:
        refused = _refused(node, "`prices from`", "writes it")
        if refused is not None:
            return refused
        target = str(folder / node.text)
        name = _display(source.name, target)
        if name in sources:
            return sources[name]
        text = read(target)
        if text is None:
            return _unreadable(node, "price file", "a path is read from the folder of the file that names it")
        size = len(text.encode("utf-8", "surrogatepass"))
        if size > price_bytes_max:
            return Diagnostic(
                "RB2222",
                f"the price file “{node.text}” has {size:,} bytes, and {price_bytes_max:,} are allowed",
                node.span,
                "too large",
                hints=("split it, and name the parts with `then`",),
            )
        return Source(name, text.removeprefix("\ufeff"))

    def follow(node: syntax.Import, folder: PurePosixPath, path: tuple[str, ...]) -> None:
        written = node.path.text
        refused = _refused(node.path, "an import", "imports")
        if refused is not None:
            findings.append(refused)
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
            hint = "a path is read from the folder of the file that imports"
            findings.append(_unreadable(node.path, "imported file", hint))
            return
        visit(Source(name, text), PurePosixPath(target).parent, (*path, name))

    visit(source, PurePosixPath(), (source.name,))
    return Gathered(tuple(trees), sources, tuple(findings), prices, tuple(price_findings))


def _price_files(declaration: syntax.Declaration) -> Iterator[syntax.Text]:
    """The texts that name price files."""
    if isinstance(declaration, syntax.Plan | syntax.Contract):
        for item in declaration.items:
            charge = item.item if isinstance(item, syntax.Replace | syntax.Add) else item
            if isinstance(charge, syntax.Charge) and isinstance(charge.prices, syntax.PricesFrom):
                yield from charge.prices.paths


def _unreadable(node: syntax.Text, what: str, hint: str) -> Diagnostic:
    return Diagnostic(
        "RB2009",
        f"the {what} “{node.text}” cannot be read",
        node.span,
        "no such file, or not readable as text",
        hints=(hint,),
    )


def _refused(node: syntax.Text, what: str, verb: str) -> Diagnostic | None:
    """Why a path may not be read, for what names it."""
    written = node.text
    path = PurePosixPath(written)
    if "://" in written:
        message = f"{what} names a file, not an address of the network"
        here, hint = "an address", "save the file beside this one"
    elif path.is_absolute() or "\\" in written or ".." in path.parts or (written[1:2] == ":"):
        message = f"{what} stays in or below the folder of the file that {verb}"
        here, hint = "outside the folder", "put the file into this folder or one below it"
    else:
        return None
    return Diagnostic("RB2011", message, node.span, here, hints=(f"{hint}, and name it by its path from here",))


def _display(first: str, target: str) -> str:
    """The name by which messages cite an imported file: beside the ruleset's own."""
    folder = PurePosixPath(first).parent
    return str(folder / target) if str(folder) != "." else target
