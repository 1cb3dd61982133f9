"""The page on the columnar evaluator lists every reason for which it leaves accounts to the scalar one."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "columnar.md"
FOLDERS = (ROOT / "engine" / "batch", ROOT / "intake" / "columnar")
MARK = "<!-- reasons -->"


def reasons() -> list[str]:
    """The words of every `UnfitError`, of every condition that refuses a row, and of every constant that names one."""
    found: set[str] = set()
    for folder in FOLDERS:
        for path in sorted(folder.rglob("*.py")):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            constants = dict(_constants(tree))
            for node in ast.walk(tree):
                if isinstance(node, ast.Call) and node.args:
                    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                    if name in ("UnfitError", "refuse_where"):
                        found.update(_words(node.args[0], constants))
            found.update(text for name, text in constants.items() if name in NAMED)
    # What begins with a gap are meters that the language does not have.
    return sorted(text for text in found if not text.startswith("…") and not text.endswith("…"))


NAMED = {
    "TOO_LARGE",
    "METERED_ELSEWHERE",
    "TOO_MANY",
    "UNKNOWN_ATTRIBUTE",
    "NO_VERSION",
    "BEYOND",
    "UNDATED",
    "DOUBTFUL",
    "AMBIGUOUS",
    "UNPRICED",
}


def _constants(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in tree.body:
        target = (
            node.target
            if isinstance(node, ast.AnnAssign)
            else node.targets[0]
            if isinstance(node, ast.Assign)
            else None
        )
        value = getattr(node, "value", None)
        if isinstance(target, ast.Name) and isinstance(value, ast.Constant) and isinstance(value.value, str):
            yield target.id, value.value


def _words(node: ast.expr, constants: dict[str, str]) -> Iterator[str]:
    match node:
        case ast.Constant(str() as text):
            yield text
        case ast.Name(name) if name in constants:
            yield constants[name]
        case ast.JoinedStr(values):
            yield "".join(part.value if isinstance(part, ast.Constant) else "…" for part in values)
        case _:
            return


def test_the_page_lists_every_reason(request) -> None:  # type: ignore[no-untyped-def]
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(MARK)
    _, _, after = rest.partition("\nBesides: quantities")
    listed = "\n".join(f"- {reason}" for reason in reasons())
    wanted = f"{before}{MARK}\n\n{listed}\n\nBesides: quantities{after}"
    if request.config.getoption("--update-cases"):
        PAGE.write_text(wanted, encoding="utf-8")
        return
    assert text == wanted
