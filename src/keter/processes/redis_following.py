"""How a process finds Redis at its start, and again when Redis went away."""

import asyncio

import structlog

from keter.backoff import Backoff
from keter.bus.connection import Bus, absent
from keter.bus.errors import BusRefusedError, ConnectionLostError, LeaseLostError
from keter.context import Context
from keter.domain.processes import Process
from keter.errors import UnavailableError
from keter.opening.stores import open_settings_bus
from keter.settings import Settings
from keter.system.tasks import stopped_within

FOLLOW_EVERY_S = 1.0
# What people look at when something is wrong must be there while Redis is not.
SERVE_WITHOUT_REDIS = frozenset({Process.DASHBOARD.value})
REDIS_TROUBLE = (ConnectionLostError, BusRefusedError, LeaseLostError)


def retry_pauses() -> Backoff:
    """Return the pauses between tries: 0.1 s, doubled up to 3 s, with jitter.

    The jitter keeps processes from returning in step.
    """
    return Backoff(0.1, 3.0, jitter=0.2)


async def reach_redis(
    settings: Settings, stop: asyncio.Event, pauses: Backoff, log: structlog.stdlib.BoundLogger
) -> Bus | None:
    """Return a bus as soon as Redis answers; None if asked to stop before."""
    is_logged = False
    while not stop.is_set():
        try:
            bus = await open_settings_bus(settings)
        except (UnavailableError, BusRefusedError) as e:
            if not is_logged:
                log.warning("redis_unreachable", error=str(e))
            is_logged = True
        else:
            if is_logged:
                log.info("redis_back")
            return bus
        await stopped_within(stop, pauses.next())
    return None


async def try_redis(settings: Settings) -> Bus:
    """Return a bus, or one without a Redis whose errors say why."""
    try:
        return await open_settings_bus(settings)
    except (UnavailableError, BusRefusedError) as e:
        return absent(str(e), prefix=settings.redis.redis_key_prefix)


async def follow_redis(context: Context) -> None:
    """Keep the bus connected to wherever Redis is, until asked to stop.

    It is for a process that goes on without Redis. Raises ConfigurationError if Redis came back as
    one that LIVE must not depend on.
    """
    while not await context.pause(FOLLOW_EVERY_S):
        try:
            await context.bus.now_ms()
        except (UnavailableError, BusRefusedError, OSError):
            try:
                found = await open_settings_bus(context.settings)
            except (UnavailableError, BusRefusedError, OSError) as e:
                # OSError: also of too many open files.
                context.log.debug("redis_away", error=str(e))
                continue
            await context.bus.replace_connections(found)
            context.log.info("redis_back")
