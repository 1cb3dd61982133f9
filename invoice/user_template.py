"""A user's own template of an invoice: read, held to the rules, and rendered inside limits of size and time.

The tree is checked against an allow-list (`template_rules`), then a tick is put before every statement and into every
loop and filter: it knows the line and looks at the deadline. Between two ticks only a bounded piece of work can happen,
so the deadline holds without threads, signals or processes. Every failure is a diagnostic with its line.
"""

from __future__ import annotations

import dataclasses
import difflib
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ..diagnostics import Diagnostic, Source, Span
from .document import InvoiceView
from .template_rules import FILTERS, TEMPLATE_CHARACTERS_MAX, TESTS, TooMuchError, forbidden

if TYPE_CHECKING:
    from jinja2 import Environment, nodes

OUTPUT_BYTES_MAX: Final = 1024 * 1024
SECONDS_MAX: Final = 0.5

_TICK: Final = "_tick"
_HTML_ENDINGS: Final = (".html", ".htm", ".html.j2", ".htm.j2")


class _OutOfTimeError(Exception):
    """The deadline has passed."""


class _NotTextError(Exception):
    """A template prints a part of the document that is no text."""


@dataclass(frozen=True, slots=True)
class UserTemplate:
    """A template that keeps the rules; whether its output is escaped follows from its name."""

    source: Source

    @property
    def is_html(self) -> bool:
        """Whether values are escaped for HTML."""
        return self.source.name.lower().endswith(_HTML_ENDINGS)

    @property
    def suffix(self) -> str:
        """The ending of a document made with it."""
        name = self.source.name.lower().removesuffix(".j2")
        ending = name.rpartition(".")[2]
        return f".{ending}" if "." in name and ending.isalnum() and len(ending) <= 5 else ".txt"


@dataclass(slots=True)
class _Watch:
    """The line that runs, and until when it may."""

    deadline: float
    line: int = 1

    def tick(self, line: int) -> bool:
        self.line = line
        self.look()
        return True

    def look(self) -> None:
        if time.perf_counter() > self.deadline:
            raise _OutOfTimeError


def read_template(source: Source) -> tuple[UserTemplate | None, tuple[Diagnostic, ...]]:
    """The template, or everything in it that templates may not use."""
    template = UserTemplate(source)
    if len(source.text) > TEMPLATE_CHARACTERS_MAX:
        return None, (Diagnostic("RB6001", f"the template is longer than {TEMPLATE_CHARACTERS_MAX // 1024} KiB"),)
    tree = _parsed(template)
    if isinstance(tree, Diagnostic):
        return None, (tree,)
    findings = tuple(
        _finding(
            "RB6002",
            source,
            line,
            f"templates may not use {what}",
            "a template formats finished texts; it never computes",
        )
        for line, what in dict.fromkeys(sorted(forbidden(tree)))
    )
    return (None, findings) if findings else (template, ())


def render_template(
    template: UserTemplate, view: InvoiceView, *, seconds_max: float = SECONDS_MAX
) -> tuple[str | None, tuple[Diagnostic, ...]]:
    """The document, or why there is none; stops after `seconds_max` and at 1 MiB."""
    from jinja2 import TemplateError, UndefinedError
    from jinja2.exceptions import SecurityError

    source = template.source
    watch = _Watch(float("inf"))
    tree = _parsed(template)
    if isinstance(tree, Diagnostic):
        return None, (tree,)
    environment = _environment(template.is_html, watch)
    try:
        _put_ticks(tree, environment)
        compiled = environment.template_class.from_code(environment, environment.compile(tree, source.name), {}, None)
        watch.deadline = time.perf_counter() + seconds_max
        return _collected(compiled.generate(invoice=view, words=view.words), watch), ()
    except _OutOfTimeError:
        return None, (_finding("RB6004", source, watch.line, f"the template takes longer than {seconds_max:g} s"),)
    except TooMuchError:
        return None, (_finding("RB6004", source, watch.line, "the template writes more than 1 MiB"),)
    except SecurityError as error:
        return None, (_finding("RB6002", source, watch.line, f"templates may not use this: {error}"),)
    except UndefinedError as error:
        return None, (_finding("RB6003", source, watch.line, _undefined(str(error.message or error))),)
    except _NotTextError as error:
        return None, (
            _finding("RB6002", source, watch.line, str(error), "print one of its texts, such as its `label`"),
        )
    except (TemplateError, TypeError, ValueError, SyntaxError, RecursionError, MemoryError, OverflowError) as error:
        return None, (_finding("RB6001", source, watch.line, f"the template cannot be run: {_first_line(error)}"),)


def _collected(chunks: Iterator[str], watch: _Watch) -> str:
    collected: list[str] = []
    size = 0
    for chunk in chunks:
        watch.look()
        size += len(chunk.encode("utf-8", "surrogatepass"))
        if size > OUTPUT_BYTES_MAX:
            raise TooMuchError
        collected.append(chunk)
    return "".join(collected)


def _parsed(template: UserTemplate) -> nodes.Template | Diagnostic:
    from jinja2 import TemplateSyntaxError

    source = template.source
    try:
        tree = _environment(template.is_html, _Watch(float("inf"))).parse(source.text, source.name)
        _split(tree)
        return tree
    except TemplateSyntaxError as error:
        return _finding("RB6001", source, error.lineno, f"the template cannot be read: {error.message}")
    except (ValueError, RecursionError, MemoryError, OverflowError) as error:
        return _finding("RB6001", source, 1, f"the template cannot be read: {_first_line(error)}")


def _environment(escaping: bool, watch: _Watch) -> Environment:
    """An environment that knows the allowed filters and tests, no globals, and only the fields of the view."""
    from jinja2 import StrictUndefined
    from jinja2.runtime import LoopContext
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Sandbox(ImmutableSandboxedEnvironment):
        def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:  # noqa: ARG002
            if isinstance(obj, LoopContext):
                return attr in _LOOP
            if not dataclasses.is_dataclass(obj) or isinstance(obj, type) or attr.startswith("_"):
                return False
            return attr in {member.name for member in dataclasses.fields(obj)} or isinstance(
                getattr(type(obj), attr, None), property
            )

        def is_safe_callable(self, obj: Any) -> bool:  # noqa: ARG002
            return False

    environment = Sandbox(
        undefined=StrictUndefined,
        autoescape=escaping,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        # Nothing is worked out while the template is compiled, where no deadline runs.
        optimized=False,
        finalize=_printed,
    )
    environment.globals.clear()
    environment.filters.clear()
    environment.filters.update({name: _watched(function, watch) for name, function in FILTERS.items()})
    environment.filters[_TICK] = watch.tick
    environment.tests = {name: test for name, test in environment.tests.items() if name in TESTS}
    return environment


_LOOP: Final = frozenset(
    {"index", "index0", "revindex", "revindex0", "first", "last", "length", "depth", "depth0", "previtem", "nextitem"}
)


def _watched(function: Callable[..., Any], watch: _Watch) -> Callable[..., Any]:
    def run(*values: Any, **named: Any) -> Any:
        watch.look()
        return function(*values, **named)

    return run


def _printed(value: Any) -> Any:
    """What `{{ … }}` may print: texts and whole numbers."""
    from jinja2 import Undefined

    if value is None or isinstance(value, str | int | Undefined):
        return "" if value is None else value
    raise _NotTextError("the template prints a list or a part of the document instead of a text")


def _put_ticks(tree: nodes.Template, environment: Environment) -> None:
    """A tick before every statement, and in the condition of every filtered loop."""
    from jinja2 import nodes

    def ticking(line: int) -> nodes.Filter:
        return nodes.Filter(nodes.Const(line), _TICK, [], [], None, None)

    def ticked(statements: list[nodes.Node]) -> list[nodes.Node]:
        return [node for statement in statements for node in (nodes.ExprStmt(ticking(statement.lineno)), statement)]

    for parent in _blocks(tree):
        parent.body = ticked(parent.body) or [nodes.ExprStmt(ticking(parent.lineno))]
        if parent.else_:
            parent.else_ = ticked(parent.else_)
        if isinstance(parent, nodes.For) and parent.test is not None:
            parent.test = nodes.And(ticking(parent.lineno), parent.test)
    tree.body = ticked(tree.body)
    for node in tree.find_all(nodes.Node):
        if node.lineno is None:
            node.lineno = 1
    tree.set_environment(environment)


def _split(tree: nodes.Template) -> None:
    """Every printed value as a statement of its own, so that a tick stands before each."""
    from jinja2 import nodes

    def split(statements: list[nodes.Node]) -> list[nodes.Node]:
        return [
            piece
            for statement in statements
            for piece in (
                [nodes.Output([part], lineno=part.lineno) for part in statement.nodes]
                if isinstance(statement, nodes.Output)
                else [statement]
            )
        ]

    tree.body = split(tree.body)
    for parent in _blocks(tree):
        parent.body, parent.else_ = split(parent.body), split(parent.else_)


def _blocks(tree: nodes.Template) -> list[nodes.For | nodes.If]:
    """The statements that hold statements."""
    from jinja2 import nodes

    return [*tree.find_all(nodes.For), *tree.find_all(nodes.If)]


def _undefined(message: str) -> str:
    known = re.fullmatch(r"'(?:[\w.]+\.)?(\w+?)(?:View)?(?: object)?' has no attribute '(\w+)'", message)
    if known is None:
        return f"the template names a value that there is none of: {message}"
    owner, name = known.groups()
    near = difflib.get_close_matches(name, [member.name for member in dataclasses.fields(InvoiceView)], n=1)
    hint = f"; did you mean `{near[0]}`?" if near and owner == "Invoice" else ""
    return f"{owner.lower()} has no value `{name}`{hint}"


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


def _finding(code: str, source: Source, line: int, message: str, hint: str = "") -> Diagnostic:
    number = min(max(line, 1), source.line_count)
    start = source.line_start(number)
    text = source.line(number)
    lead = len(text) - len(text.lstrip())
    span = Span(source.name, start + lead, max(start + len(text.rstrip()), start + lead))
    return Diagnostic(code, message, span, hints=(hint,) if hint else ())
