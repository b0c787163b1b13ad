"""The questions that may still be asked about an account, for every process that asks.

See ``lua/budget_take.lua``.
"""

from datetime import datetime

from keter.bus.connection import Bus


async def take_questions(
    bus: Bus, account: str, wanted: int, *, per_minute: int, now: datetime
) -> tuple[bool, int]:
    """Take ``wanted`` questions if so many are left.

    Returns whether it did, and how many are left now.
    """
    args = [round(now.timestamp() * 1000), wanted, per_minute]
    taken, left = await bus.redis.run("budget_take", [bus.keys.budget(account)], args)
    return bool(taken), int(float(left))
