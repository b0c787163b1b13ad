"""``/readyz``: what must be so for everything to work, each with what is wrong.

Every check has a deadline.
"""

import asyncio
from collections.abc import Awaitable
from datetime import timedelta

from keter.bus.connection import Bus
from keter.bus.telemetry.heartbeats import read_heartbeats
from keter.clock import Clock
from keter.dashboard.ledgers import LazyLedgers
from keter.dashboard.models import Check
from keter.dashboard.rules.workers import wanted
from keter.dashboard.stores import Stores
from keter.domain.processes import Process
from keter.errors import KeterError
from keter.license.keeper import LicenseKeeper
from keter.settings import Settings

DEADLINE_S = 3.0
CLOCKS_MAY_DIFFER = timedelta(seconds=2)


async def readiness(
    settings: Settings,
    bus: Bus,
    ledgers: LazyLedgers,
    stores: Stores,
    clock: Clock,
    starts: frozenset[Process],
) -> list[Check]:
    """Return the checks, all made at once.

    They are of Redis, the clocks, the heartbeats of what this run ``starts``, the ledger and the
    licence. Redis and the ledger must take writes.
    """
    looks = {
        "redis": _redis(bus, stores),
        "clock": _clocks(bus, clock),
        "workers": _workers(bus, stores, settings, starts),
        "ledger": _ledger(settings, ledgers, stores),
        "licence": _licence(settings, clock),
    }
    return list(await asyncio.gather(*[_checked(name, look) for name, look in looks.items()]))


async def _checked(name: str, look: Awaitable[tuple[bool, str]]) -> Check:
    try:
        async with asyncio.timeout(DEADLINE_S):
            ok, detail = await look
    except TimeoutError:
        ok, detail = False, f"no answer within {DEADLINE_S:g} s"
    except KeterError as e:
        ok, detail = False, str(e)
    return Check(name=name, ok=ok, detail=detail)


async def _redis(bus: Bus, stores: Stores) -> tuple[bool, str]:
    await bus.redis.execute_command("PING")
    trouble = (await stores.look()).redis
    return (True, "answers and takes writes") if trouble is None else (False, trouble.detail)


async def _clocks(bus: Bus, clock: Clock) -> tuple[bool, str]:
    offset_ms = abs(await bus.now_ms() - clock.now().timestamp() * 1000)
    return offset_ms <= CLOCKS_MAY_DIFFER / timedelta(
        milliseconds=1
    ), f"Redis' clock and ours differ by {offset_ms:.0f} ms"


async def _workers(
    bus: Bus, stores: Stores, settings: Settings, starts: frozenset[Process]
) -> tuple[bool, str]:
    """Check the heartbeats.

    A worker that beats can work only where Redis takes its writes.
    """
    limit_s = 3 * settings.process.heartbeat_s
    fresh = {beat.role for beat in await read_heartbeats(bus) if beat.age_s <= limit_s}
    missing = [name for name in wanted(starts, settings.labels) if name not in fresh]
    if (await stores.look()).redis is not None:
        return False, "no worker can do its work: Redis takes no writes"
    return not missing, f"no heartbeat of {', '.join(missing)}" if missing else "every worker beats"


async def _ledger(settings: Settings, ledgers: LazyLedgers, stores: Stores) -> tuple[bool, str]:
    account = settings.account
    await (await ledgers.reading()).summary(account.mode, account.key)
    trouble = (await stores.look()).ledger
    return (True, "can be read and written") if trouble is None else (False, trouble.detail)


async def _licence(settings: Settings, clock: Clock) -> tuple[bool, str]:
    found = await asyncio.to_thread(LicenseKeeper(settings, clock).require)
    return True, "not needed" if found is None else f"{found.days_left(clock.now())} days left"
