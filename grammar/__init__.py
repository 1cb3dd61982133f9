"""The language's surface: text to syntax and back. Importing this folder imports no parser; `parse` loads it.

`parse.parse` reads a text, `format.format_ruleset` writes one, `syntax` holds the nodes between them.
"""

from __future__ import annotations

__all__ = ["format", "parse", "syntax"]
