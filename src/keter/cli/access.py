"""How commands reach the Redis of a running Keter, and its ledger."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from keter.cli.output import run_async
from keter.errors import KeterError, UnavailableError

if TYPE_CHECKING:
    from keter.bus.connection import Bus
    from keter.ledger import Ledger
    from keter.settings import Settings

T = TypeVar("T")


async def bus_or_none(settings: "Settings") -> "Bus | None":
    """A bus to the Redis of the settings or of a running ``keter up``; None when there is none that can be used."""
    try:
        return await need_bus(settings)
    except KeterError:
        return None


async def need_bus(settings: "Settings") -> "Bus":
    """The same; raises UnavailableError that says what to start."""
    from keter.bus.connection import connect
    from keter.bus.server import locate_redis

    url = locate_redis(settings)
    if url is None:
        raise UnavailableError("Keter is not running here: no Redis in the settings and none started by `keter up`")
    return await connect(url, prefix=settings.redis.redis_key_prefix)


def with_ledger(work: "Callable[[Ledger], Awaitable[T]]") -> T:
    """Opens the ledger of the settings read only, runs ``work`` on it, closes it."""
    from keter.clock import SystemClock
    from keter.ledger import open_settings_ledger
    from keter.settings import load_settings

    async def run() -> T:
        ledger = await open_settings_ledger(load_settings(), clock=SystemClock(), read_only=True)
        try:
            return await work(ledger)
        finally:
            await ledger.aclose()

    return run_async(run())
