"""The session that somebody else keeps taking away: noted by whoever logs in, read by whoever may
stop betting.
"""

from keter.bus.connection import Bus
from keter.bus.keys import CONTESTED_MS


async def note_contest(bus: Bus, account: str) -> None:
    """The session of ``account`` has been fought over for minutes."""
    await bus.redis.execute_command("SET", bus.keys.contested(account), "1", "PX", CONTESTED_MS)


async def contested(bus: Bus, account: str) -> bool:
    """Whether it was fought over lately."""
    return bool(await bus.redis.execute_command("EXISTS", bus.keys.contested(account)))
