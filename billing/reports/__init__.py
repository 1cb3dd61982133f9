"""Reports: what the books say, as tables with charts; each is a function of a reader and a span of days."""

from __future__ import annotations

from .report import Bars, Cell, Column, ColumnKind, Report, Trend

__all__ = ["Bars", "Cell", "Column", "ColumnKind", "Report", "Trend"]
