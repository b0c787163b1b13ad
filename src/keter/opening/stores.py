"""Open the stores that the settings name: Redis and the ledger.

It imports no venue: most processes need none, and an HTTP client costs each of them 12 MB.
"""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from keter.bus.connection import Bus, connect
from keter.clock import Clock
from keter.errors import UnavailableError
from keter.settings import Settings
from keter.trust import require_safe_redis

if TYPE_CHECKING:
    from keter.ledger import Ledger

# Functions import keter.ledger themselves: SQLAlchemy costs ingest memory and time at its start.


async def open_settings_bus(settings: Settings) -> Bus:
    """Return a bus on the Redis of the settings, else on that of a running `keter up`; close it.

    Raises UnavailableError if there is none, ConfigurationError if LIVE must not depend on it.
    """
    # Imported here: the ingest process loads this module and needs none of it until it connects.
    from keter.redis_server.address import locate_redis
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


def ledger_url(settings: Settings) -> str:
    """Return LEDGER_URL, or else the address of a SQLite file in DATA_DIR.

    The address may hold a password: never log it.
    """
    from keter.ledger.address import sqlite_url

    configured = settings.log.ledger_url.get_secret_value()
    return configured or sqlite_url(settings.mode.data_dir / "ledger.db")


def local_ledger(settings: Settings) -> Path | None:
    """Return the path of the ledger's file, which may not exist; None for a database server.

    Raises ConfigurationError for an address that is none.
    """
    from keter.ledger.address import file_of, parse_url

    return file_of(parse_url(ledger_url(settings)))


def ledger_is_shared(settings: Settings) -> bool:
    """Return True if several machines may use this ledger: a database server, not a file."""
    return local_ledger(settings) is None


def ledger_may_exist(settings: Settings) -> bool:
    """Return False only if the ledger is a file that does not exist.

    Whether a database server holds a ledger is known only after asking it.
    """
    file = local_ledger(settings)
    return file is None or file.exists()


async def open_settings_ledger(
    settings: Settings, *, clock: Clock, read_only: bool = False
) -> "Ledger":
    """Open the ledger that the settings name; its days begin in their time zone.

    Raises what ``keter.ledger.open_ledger`` raises.
    """
    from keter.ledger import open_ledger

    return await open_ledger(
        ledger_url(settings), read_only=read_only, clock=clock, zone=settings.mode.zone
    )
