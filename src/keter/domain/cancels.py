"""What waits in the queue of cancels."""

from datetime import datetime

import msgspec


class WantedCancel(msgspec.Struct, frozen=True):
    """Somebody's wish that all that rests of an order be cancelled.

    * ``account`` is the key of the order's account, and ``strategy`` the order's own.
    * ``reason`` is a short text for people: what has become stale, or what was pressed.
    * ``asked_by`` is a strategy, the tracker that repeats a cancel, or an operator.
    """

    intent_id: str
    account: str
    strategy: str
    reason: str
    asked_by: str
    at: datetime
    v: int = 1

    @property
    def queue_key(self) -> str:
        """The key on which the queue conflates: a wish that waits is asked once."""
        return self.intent_id
