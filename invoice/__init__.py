"""A statement as a document that people want to receive, and as an explanation of every amount on it."""

from __future__ import annotations

from .document import InvoiceOptions, InvoiceView
from .explain import explain_html, explain_json, explain_text, explained_lines
from .language import Language, english, find_language
from .parties import NO_PARTIES, Parties, Party, parse_parties, read_parties
from .render import InvoiceFormat, render_invoice
from .statement import build_invoice
from .user_template import UserTemplate, read_template, render_template

__all__ = [
    "NO_PARTIES",
    "InvoiceFormat",
    "InvoiceOptions",
    "InvoiceView",
    "Language",
    "Parties",
    "Party",
    "UserTemplate",
    "build_invoice",
    "english",
    "explain_html",
    "explain_json",
    "explain_text",
    "explained_lines",
    "find_language",
    "parse_parties",
    "read_parties",
    "read_template",
    "render_invoice",
    "render_template",
]
