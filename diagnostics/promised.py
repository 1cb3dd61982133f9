"""What became of a promise, as findings are shown beside it: proved, refuted or not decided."""

from __future__ import annotations

from dataclasses import dataclass

from .source import Span


@dataclass(frozen=True, slots=True)
class Promised:
    """`text` as it is written, `outcome` in the words of the language, and what it rests on or why there is none.

    `witness` is the usage that refutes it; `rounding` how much money rounding alone may break what was proved.
    """

    span: Span
    text: str
    outcome: str
    reason: str = ""
    witness: str = ""
    rounding: str = ""

    @property
    def sentence(self) -> str:
        """The outcome in a line."""
        if self.outcome == "refuted":
            return f"refuted: {self.witness}"
        if self.outcome == "not decided":
            return f"not decided, because {self.reason}" if self.reason else "not decided"
        apart = f", apart from rounding (at most {self.rounding})" if self.rounding else ""
        return f"{self.outcome}{apart}: {self.reason}" if self.reason else f"{self.outcome}{apart}"
