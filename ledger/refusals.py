"""Why the ledger refuses a request: one ordered list. Of several reasons the earliest is given.

Idempotence comes first: a key that was used before is answered from memory, or refused for another body, before
anything else is looked at. What is wrong with a request alone comes before what is wrong with the accounts that it
names, and funds come last, since they change from one moment to the next.
"""

from __future__ import annotations

import enum


class Refusal(enum.Enum):
    """The reasons in the order in which they are looked for; the value is the code of the page that explains it."""

    KEY_REUSED = "RB7001"
    AMOUNT_NOT_WHOLE = "RB7002"
    AMOUNT_NOT_POSITIVE = "RB7003"
    AMOUNT_TOO_LARGE = "RB7004"
    SAME_ACCOUNT = "RB7005"
    ACCOUNT_UNKNOWN = "RB7006"
    CURRENCY_DIFFERS = "RB7007"
    ACCOUNT_CLOSED = "RB7008"
    HOLD_UNKNOWN = "RB7009"
    HOLD_RESOLVED = "RB7010"
    HOLD_EXPIRED = "RB7011"
    HOLD_NOT_EXPIRED = "RB7012"
    HOLD_EXCEEDED = "RB7013"
    TRANSFER_UNKNOWN = "RB7014"
    NOT_REVERSIBLE = "RB7015"
    REVERSAL_EXCEEDED = "RB7016"
    BALANCE_TOO_LARGE = "RB7017"
    NOT_EMPTY = "RB7019"
    INSUFFICIENT_FUNDS = "RB7018"

    @property
    def code(self) -> str:
        """The stable code of its page."""
        return self.value


PRECEDENCE: dict[Refusal, int] = {refusal: rank for rank, refusal in enumerate(Refusal)}
"""The rank of each refusal; the lowest is given."""
