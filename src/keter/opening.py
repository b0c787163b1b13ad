"""Opens what the settings name."""

import asyncio

from keter.bus.connection import Bus, connect
from keter.errors import UnavailableError
from keter.settings import Settings
from keter.trust import require_safe_redis


async def open_settings_bus(settings: Settings) -> Bus:
    """Return a bus on the Redis of the settings, else on that of a running `keter up`; close it.

    Raises UnavailableError if there is none, ConfigurationError if LIVE must not depend on it.
    """
    # Imported here: the ingest process loads this module and needs none of it until it connects.
    from keter.redis_server.private import locate_redis
    from keter.redis_server.probe import refuse_for_live

    url = await asyncio.to_thread(locate_redis, settings)
    if url is None:
        raise UnavailableError("no Redis: set REDIS_URL, or start `keter up`, which brings its own")
    require_safe_redis(settings, url)
    bus = await connect(url, prefix=settings.redis.redis_key_prefix)
    if settings.live:
        try:
            await refuse_for_live(bus)
        except BaseException:
            await bus.aclose()
            raise
    return bus
