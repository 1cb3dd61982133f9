"""The built-in documents: a view through a template of `templates/`. Undefined names are errors, HTML is escaped."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import Enum
from functools import cache
from typing import TYPE_CHECKING, Final

from .breakdown import Row
from .columns import pad_left, two_columns, wrap
from .document import InvoiceView
from .worksheet import worksheet

if TYPE_CHECKING:
    from jinja2 import Environment

TEXT_WIDTH: Final = 80


class InvoiceFormat(Enum):
    """The forms of a document, valued by the words of `--format`."""

    TEXT = "text"
    MARKDOWN = "md"
    HTML = "html"

    @property
    def suffix(self) -> str:
        """The ending of a file of this form."""
        return {"text": ".txt", "md": ".md", "html": ".html"}[self.value]


_TEMPLATES: Final = {
    InvoiceFormat.TEXT: "invoice.txt.j2",
    InvoiceFormat.MARKDOWN: "invoice.md.j2",
    InvoiceFormat.HTML: "invoice.html.j2",
}
_MARKDOWN_SIGNS: Final = re.compile(r"([\\`*_{}\[\]<>()#+!|~&$])")


def render_invoice(view: InvoiceView, form: InvoiceFormat) -> str:
    """The document in a form; text fits 80 columns, HTML is one file that needs no other."""
    return render(_TEMPLATES[form], invoice=view, words=view.words)


def render(template: str, **values: object) -> str:
    """A built-in template with its values; it ends with one line end."""
    return _environment().get_template(template).render(values).strip() + "\n"


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("ratebook.invoice", "templates"),
        autoescape=lambda name: name is not None and ".html" in name,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        beside=_beside, lines=_lines, right=_right, sheet=_sheet, markdown=markdown, fenced=fenced, quoted=_quoted
    )
    return environment


def _beside(left: str, right: str, indent: int = 0) -> str:
    return "\n".join(
        line.rstrip() for line in two_columns(left, right, TEXT_WIDTH, indent=indent, hanging=2).split("\n")
    )


def _lines(text: str, indent: int = 0) -> str:
    return "\n".join(" " * indent + line for line in wrap(text, TEXT_WIDTH - indent))


def _right(text: str) -> str:
    return "\n".join(pad_left(line, TEXT_WIDTH) for line in wrap(text, TEXT_WIDTH))


def _sheet(rows: Sequence[Row], indent: int = 0, width: int = TEXT_WIDTH) -> str:
    return "\n".join(worksheet(rows, width, indent=indent))


def _quoted(text: str, indent: int = 0) -> str:
    lead = " " * indent + "| "
    return "\n".join(lead + piece for line in text.split("\n") for piece in wrap_indented(line, TEXT_WIDTH - len(lead)))


def wrap_indented(line: str, width: int) -> tuple[str, ...]:
    """A line of a ruleset in lines of at most `width`, each with its indentation."""
    content = line.lstrip(" ")
    indent = min(len(line) - len(content), width // 2)
    return tuple(" " * indent + piece for piece in wrap(content, width - indent))


def markdown(text: str) -> str:
    """The text with the signs of Markdown escaped, fit for a cell of a table."""
    return _MARKDOWN_SIGNS.sub(r"\\\1", text)


def fenced(text: str) -> str:
    """The text as a block of code, behind a fence longer than any in it."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{text}\n{fence}"
