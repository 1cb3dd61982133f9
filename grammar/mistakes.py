from dataclasses import dataclass
from typing import Any
@dataclass
class Slip:
    finding: Any=None
    line: int=0
    patch: Any=None
    line_is_head: bool=False
def explain(*a): raise a[-1]
def stand_in(*a): return None
