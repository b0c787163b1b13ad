"""The newest fair price of a bet's selection before kick-off, kept where the tracker's successor
finds it.
"""

from datetime import datetime

import msgspec

from keter.bus.connection import Bus
from keter.bus.keys import CLOSING_MS


class ClosingLook(msgspec.Struct, frozen=True):
    """A fair price and when it was looked at."""

    fair_odds: float
    seen_at: datetime


async def note_closing(bus: Bus, intent_id: str, look: ClosingLook) -> None:
    """Replace what was seen before."""
    await bus.redis.execute_command(
        "SET", bus.keys.closing(intent_id), msgspec.json.encode(look), "PX", CLOSING_MS
    )


async def read_closing(bus: Bus, intent_id: str) -> ClosingLook | None:
    """None when nothing was seen. Raises msgspec.MsgspecError for what Keter did not write."""
    found = await bus.redis.execute_command("GET", bus.keys.closing(intent_id))
    return None if found is None else msgspec.json.decode(found, type=ClosingLook)
