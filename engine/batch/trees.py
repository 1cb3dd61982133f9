"""What the table of a charge asks, and whether two tables read alike."""

from __future__ import annotations

from collections.abc import Iterator

from ..dispatch import Branch, Chain, Leaf, Tree, below


def windows_asked(tree: Tree) -> frozenset[str]:
    """The windows that a table names."""
    return frozenset(name for branch in branches_of(tree) for name, _ in branch.windows)


def branches_of(tree: Tree, column: int | None = None) -> Iterator[Branch]:
    """The branches of a tree, or those at one column; a part that several cells share is told once."""
    waiting, seen = [tree], set()
    while waiting:
        part = waiting.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        if isinstance(part, Branch) and column in (None, part.column):
            yield part
        waiting.extend(below(part))


def form_of_tree(tree: Tree, seen: dict[int, object]) -> object:
    """What a tree is, as a value that can be compared by hash; `seen` holds the forms of parts that were met."""
    found = seen.get(id(tree))
    if found is not None:
        return found
    form: object
    match tree:
        case Leaf(row):
            form = row
        case Chain(trees):
            form = ("chain", *(form_of_tree(part, seen) for part in trees))
        case Branch():
            form = (
                tree.column,
                tuple((value, form_of_tree(part, seen)) for value, part in tree.values.items()),
                tuple(
                    (
                        case.low,
                        case.low_included,
                        case.high,
                        case.high_included,
                        case.text,
                        form_of_tree(case.tree, seen),
                    )
                    for case in tree.ranges
                ),
                tuple((prefix, form_of_tree(part, seen)) for prefix, part in tree.prefixes.items()),
                tuple((name, form_of_tree(part, seen)) for name, part in tree.windows),
                None if tree.otherwise is None else form_of_tree(tree.otherwise, seen),
                tree.otherwise_text,
            )
    seen[id(tree)] = form
    return form
