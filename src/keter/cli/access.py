"""How commands reach the Redis of a running Keter."""

from typing import TYPE_CHECKING

from keter.errors import UnavailableError

if TYPE_CHECKING:
    from keter.bus.connection import Bus
    from keter.settings import Settings


async def bus_or_none(settings: "Settings") -> "Bus | None":
    """A bus to the Redis of the settings or of a running ``keter up``; None when there is none that answers."""
    try:
        return await need_bus(settings)
    except UnavailableError:
        return None


async def need_bus(settings: "Settings") -> "Bus":
    """The same; raises UnavailableError that says what to start."""
    from keter.bus.connection import connect
    from keter.bus.server import locate_redis

    url = locate_redis(settings)
    if url is None:
        raise UnavailableError("Keter is not running here: no Redis in the settings and none started by `keter up`")
    return await connect(url, prefix=settings.redis.redis_key_prefix)
