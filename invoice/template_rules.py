"""What a user's template may say: the allow-list of its syntax tree, and the filters and tests that it may use.

A sandbox stops tricks with attributes but not cost. So the tree may hold only what formats: no calls, no arithmetic, no
macros, no imports, no blocks that collect text. Every filter bounds what it gives before it makes it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from ..diagnostics import display_width

if TYPE_CHECKING:
    from jinja2 import nodes

TEMPLATE_CHARACTERS_MAX: Final = 64 * 1024
TEXT_MAX: Final = 1024 * 1024
_NODES_MAX: Final = 8000
_STATEMENT_NODES_MAX: Final = 300
_DEPTH_MAX: Final = 40
_PAD_MAX: Final = 500

_ALLOWED: Final = frozenset(
    {
        *("Template", "Output", "TemplateData", "For", "If", "Assign"),
        *("Name", "Const", "Getattr", "Getitem", "Slice", "Filter", "Test", "Keyword"),
        *("Compare", "Operand", "And", "Or", "Not", "CondExpr", "Tuple", "List"),
    }
)
_WHAT: Final[Mapping[str, str]] = {
    "Call": "calls",
    "Mul": "multiplication",
    "Pow": "powers",
    "Add": "addition",
    "Sub": "subtraction",
    "Div": "division",
    "FloorDiv": "division",
    "Mod": "`%`",
    "Concat": "`~`; write the parts one after another",
    "Neg": "arithmetic",
    "Pos": "arithmetic",
    "Dict": "dictionaries",
    "Macro": "macros",
    "CallBlock": "call blocks",
    "FilterBlock": "filter blocks",
    "AssignBlock": "set blocks",
    "NSRef": "namespaces",
    "Import": "imports",
    "FromImport": "imports",
    "Include": "includes",
    "Extends": "`extends`",
    "Block": "blocks",
    "With": "`with`",
    "Scope": "switching escaping off",
}


class TooMuchError(Exception):
    """A filter would make a text beyond the limit."""


def forbidden(tree: nodes.Template) -> Iterator[tuple[int, str]]:
    """Every place (line) that uses what templates may not, with what it uses."""
    from jinja2 import nodes

    count = 0
    waiting: list[tuple[nodes.Node, int, int]] = [(tree, 0, 1)]
    while waiting:
        node, depth, line = waiting.pop()
        # A few nodes have no line of their own, but what stands in them has.
        line = node.lineno or next((part.lineno for part in node.find_all(nodes.Node) if part.lineno), line)
        count += 1
        if count > _NODES_MAX:
            yield line, f"more than {_NODES_MAX:,} parts"
            return
        if depth > _DEPTH_MAX:
            yield line, f"nesting deeper than {_DEPTH_MAX}"
            return
        name = type(node).__name__
        if name not in _ALLOWED:
            yield line, _WHAT.get(name, f"`{name}`")
            continue
        yield from ((line, what) for what in _misuse(node))
        waiting.extend((child, depth + 1, line) for child in node.iter_child_nodes())
    for statement in tree.find_all((nodes.Output, nodes.For, nodes.If, nodes.Assign)):
        if _expression_size(statement) > _STATEMENT_NODES_MAX:
            yield statement.lineno or 1, f"a tag with more than {_STATEMENT_NODES_MAX} parts"


def _misuse(node: nodes.Node) -> Iterator[str]:
    """What is wrong with a node of an allowed kind."""
    from jinja2 import nodes

    match node:
        case nodes.Filter():
            if node.name not in FILTERS:
                yield f"the filter `{node.name}`"
            if node.dyn_args is not None or node.dyn_kwargs is not None:
                yield "`*` before arguments"
        case nodes.Test():
            if node.name not in TESTS:
                yield f"the test `{node.name}`"
            if node.dyn_args is not None or node.dyn_kwargs is not None:
                yield "`*` before arguments"
        case nodes.For():
            if node.recursive:
                yield "recursive loops"
        case nodes.Tuple() | nodes.List():
            # A list of lists of lists doubles with each line, so lists hold only what is written in them.
            if getattr(node, "ctx", "load") != "store" and not all(
                isinstance(item, nodes.Const) for item in node.items
            ):
                yield "lists of anything but plain values"
        case nodes.Assign():
            if not isinstance(node.target, nodes.Name):
                yield "setting anything but a name"
        case nodes.Getitem():
            if not isinstance(node.arg, nodes.Const | nodes.Slice):
                yield "a place in a list that is not written out"
        case nodes.Name() | nodes.Getattr():
            name = node.name if isinstance(node, nodes.Name) else node.attr
            if name.startswith("_"):
                yield f"the name `{name}`"


def _expression_size(statement: nodes.Node) -> int:
    """How many nodes run in a statement before the first statement inside it."""
    from jinja2 import nodes

    inner = {id(child) for name in ("body", "else_") for child in getattr(statement, name, None) or ()}
    size, waiting = 0, [child for child in statement.iter_child_nodes() if id(child) not in inner]
    while waiting:
        node = waiting.pop()
        size += 1
        if isinstance(node, nodes.If):
            # An `elif` is checked in one go with its `if`.
            size += _expression_size(node)
            continue
        waiting.extend(node.iter_child_nodes())
    return size


def _text(value: Any) -> str:
    if not isinstance(value, str | int) or isinstance(value, bool):
        raise TypeError("a filter of texts was given a list or a part of the document")
    # A plain copy: what was escaped once would be trusted otherwise.
    text = str.__str__(value) if isinstance(value, str) else str(value)
    return _short(str(text), 0)


def _short(text: str, more: int) -> str:
    if len(text) + more > TEXT_MAX:
        raise TooMuchError
    return text


def _size(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _PAD_MAX:
        raise TypeError(f"a width is a whole number up to {_PAD_MAX}")
    return value


def _items(value: Any) -> tuple[Any, ...]:
    if not isinstance(value, tuple | list):
        raise TypeError("a filter of lists was given something else")
    return tuple(value)


def _default(value: Any, fallback: Any = "", of_empty: bool = False) -> Any:
    from jinja2 import Undefined

    return fallback if isinstance(value, Undefined) or (of_empty and not value) else value


def _escape(value: Any) -> Any:
    from markupsafe import escape

    return value if hasattr(value, "__html__") else escape(_text(value))


def _indent(value: Any, width: Any = 4, first: bool = False) -> str:
    text, pad = _text(value), " " * _size(width)
    _short(text, text.count("\n") * len(pad) + len(pad))
    return (pad if first else "") + text.replace("\n", "\n" + pad)


def _join(value: Any, separator: Any = "") -> str:
    parts, mark = [_text(item) for item in _items(value)], _text(separator)
    _short("", sum(map(len, parts)) + len(mark) * len(parts))
    return mark.join(parts)


def _replace(value: Any, old: Any, new: Any) -> str:
    text, before, after = _text(value), _text(old), _text(new)
    _short(text, (text.count(before) if before else len(text) + 1) * len(after))
    return text.replace(before, after)


def _truncate(value: Any, length: Any = 80, end: Any = "…") -> str:
    text, size, mark = _text(value), _size(length), _text(end)
    return text if len(text) <= size else text[: max(0, size - len(mark))] + mark


def _wordwrap(value: Any, width: Any = 79) -> str:
    from .columns import wrap

    text, size = _text(value), _size(width)
    if len(text) > 100_000:
        raise TooMuchError
    return "\n".join(piece for line in text.split("\n") for piece in wrap(line, max(size, 1)))


def _pad(value: Any, width: Any, *, left: int) -> str:
    text = _text(value)
    room = max(0, _size(width) - display_width(text[: _PAD_MAX + 1]))
    before = room * left // 2
    return " " * before + text + " " * (room - before)


def _length(value: Any) -> int:
    return len(value) if isinstance(value, str | tuple | list) else len(_text(value))


def _first(value: Any) -> Any:
    from jinja2 import StrictUndefined

    return next(iter(_items(value)), StrictUndefined(name="first"))


def _last(value: Any) -> Any:
    from jinja2 import StrictUndefined

    return next(reversed(_items(value)), StrictUndefined(name="last"))


FILTERS: Final[Mapping[str, Callable[..., Any]]] = {
    "capitalize": lambda value: _text(value).capitalize(),
    "center": lambda value, width=80: _pad(value, width, left=1),
    "count": _length,
    "d": _default,
    "default": _default,
    "e": _escape,
    "escape": _escape,
    "first": _first,
    "indent": _indent,
    "join": _join,
    "last": _last,
    "length": _length,
    "ljust": lambda value, width: _pad(value, width, left=0),
    "lower": lambda value: _text(value).lower(),
    "replace": _replace,
    "reverse": lambda value: value[::-1] if isinstance(value, tuple | list) else _text(value)[::-1],
    "rjust": lambda value, width: _pad(value, width, left=2),
    "title": lambda value: _text(value).title(),
    "trim": lambda value: _text(value).strip(),
    "truncate": _truncate,
    "upper": lambda value: _text(value).upper(),
    "wordwrap": _wordwrap,
}
TESTS: Final = frozenset({"defined", "undefined", "none", "string", "true", "false", "even", "odd", "eq", "ne", "in"})
