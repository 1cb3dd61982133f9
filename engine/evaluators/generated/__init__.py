"""The plan as Python source: one specialised function a plan and period, held to `rate` to the last money unit."""

from .quotation import Obstacle, Quoted, Quoter, Slot, Unquotable, quoter

__all__ = ["Obstacle", "Quoted", "Quoter", "Slot", "Unquotable", "quoter"]
