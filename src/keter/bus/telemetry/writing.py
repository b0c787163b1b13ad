"""Whether Redis takes writes, and if not, why: proved by a write, not by an answer to PING."""

import asyncio
from enum import StrEnum

from keter.bus.connection import Bus
from keter.bus.errors import BusDeniedError, BusRefusedError
from keter.bus.keys import PROBE_MS
from keter.domain.storage import WRITE_PROBE_S
from keter.errors import KeterError


class RedisTrouble(StrEnum):
    """Why Redis took no write."""

    AWAY = "away"
    READ_ONLY = "read_only"
    FULL = "full"
    CANNOT_SAVE = "cannot_save"
    DENIED = "denied"
    REFUSING = "refusing"


# By the server's error code; other codes, such as NOREPLICAS, are REFUSING.
_BY_CODE = {
    "READONLY": RedisTrouble.READ_ONLY,
    "OOM": RedisTrouble.FULL,
    "MISCONF": RedisTrouble.CANNOT_SAVE,
}


async def try_write(bus: Bus) -> tuple[RedisTrouble, str] | None:
    """Write a key that expires by itself.

    Return None if Redis took it, else the kind of trouble and the text of the error.
    """
    try:
        async with asyncio.timeout(WRITE_PROBE_S):
            await bus.redis.execute_command("SET", bus.keys.probe, "1", "PX", PROBE_MS)
    except TimeoutError:
        return RedisTrouble.AWAY, f"no answer within {WRITE_PROBE_S:g} s"
    except (KeterError, OSError) as e:
        return trouble_of(e), str(e) or type(e).__name__
    return None


def trouble_of(error: Exception) -> RedisTrouble:
    """Return the kind of trouble that ``error`` means."""
    if isinstance(error, BusDeniedError):
        return RedisTrouble.DENIED
    if isinstance(error, BusRefusedError):
        return _BY_CODE.get(error.word, RedisTrouble.REFUSING)
    return RedisTrouble.AWAY
