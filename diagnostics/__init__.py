"""Findings about a user's text or data, and how they are shown. Knows nothing of prices."""

from .codes import CODES, Code
from .diagnostic import Diagnostic, Edit, Label, Severity, has_errors, in_order
from .promised import Promised
from .source import Source, Span, display_width

__all__ = [
    "CODES",
    "Code",
    "Diagnostic",
    "Edit",
    "Label",
    "Promised",
    "Severity",
    "Source",
    "Span",
    "display_width",
    "has_errors",
    "in_order",
]
