"""Whether Redis takes writes, and if not, of which kind the trouble is: learnt from a write, not
from an answer.
"""

import asyncio
from enum import StrEnum

from keter.bus.connection import Bus
from keter.bus.errors import BusDeniedError, BusRefusedError
from keter.bus.keys import PROBE_MS
from keter.errors import KeterError

DEADLINE_S = 2.5  # below what one look for /readyz may take


class RedisTrouble(StrEnum):
    """Why Redis took no write."""

    AWAY = "away"
    READ_ONLY = "read_only"
    FULL = "full"
    CANNOT_SAVE = "cannot_save"
    DENIED = "denied"
    REFUSING = "refusing"


# The server's own words. NOREPLICAS stands with those that are not ours to explain further.
_WORDS = {
    "READONLY": RedisTrouble.READ_ONLY,
    "OOM": RedisTrouble.FULL,
    "MISCONF": RedisTrouble.CANNOT_SAVE,
}


async def try_write(bus: Bus) -> tuple[RedisTrouble, str] | None:
    """Write a key that ends by itself; the kind of trouble and what was said, None where it was
    taken.
    """
    try:
        async with asyncio.timeout(DEADLINE_S):
            await bus.redis.execute_command("SET", bus.keys.probe, "1", "PX", PROBE_MS)
    except TimeoutError:
        return RedisTrouble.AWAY, f"no answer within {DEADLINE_S:g} s"
    except (KeterError, OSError) as e:
        return trouble_of(e), str(e) or type(e).__name__
    return None


def trouble_of(error: Exception) -> RedisTrouble:
    """Of which kind ``error`` is."""
    if isinstance(error, BusDeniedError):
        return RedisTrouble.DENIED
    if isinstance(error, BusRefusedError):
        return _WORDS.get(error.word, RedisTrouble.REFUSING)
    return RedisTrouble.AWAY
