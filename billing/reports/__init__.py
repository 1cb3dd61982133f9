"""Reports: what the books say, as tables with charts; each is a function of a reader and a span of days."""

from __future__ import annotations

from .report import Bar, Cell, Column, ColumnKind, Report

__all__ = ["Bar", "Cell", "Column", "ColumnKind", "Report"]
