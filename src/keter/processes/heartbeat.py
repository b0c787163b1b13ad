"""The heartbeats that a process sends beside its work."""

import asyncio
import contextlib
from dataclasses import dataclass

from keter.backoff import Backoff
from keter.bus.connection import Bus
from keter.bus.errors import NotOwnerError
from keter.bus.state.ownership import refuse_strangers
from keter.bus.telemetry.heartbeats import Heart
from keter.context import Context
from keter.domain.processes import role_name
from keter.errors import UnavailableError
from keter.processes.redis_following import FOLLOW_EVERY_S, REDIS_TROUBLE, SERVE_WITHOUT_REDIS
from keter.settings import Settings
from keter.system.tasks import sleep, stopped_within


@dataclass(frozen=True, slots=True)
class History:
    """How often the supervisor has started this process again; ``kills`` times because it hung."""

    restarts: int = 0
    kills: int = 0


FIRST_START = History()


def heart_of(
    bus: Bus, process: str, worker: str, settings: Settings, history: History, account: str = ""
) -> Heart:
    """Return the heart of a process, with how often it was started again.

    ``account`` is the key of the one account that it works for, empty if it works for all.
    """
    heart = Heart(
        bus,
        process=process,
        worker=worker,
        role=role_name(process, settings.label_of(account)),
        account=account,
        heartbeat_s=settings.process.heartbeat_s,
    )
    heart.gauge("restarts", history.restarts)
    heart.gauge("kills", history.kills)
    return heart


async def stand_by(heart: Heart, stop: asyncio.Event, why: str) -> None:
    """Send one heartbeat that says why nothing is done, then wait until the next look."""
    heart.gauge("stands_by", why)
    with contextlib.suppress(*REDIS_TROUBLE, UnavailableError):
        await heart.beat()
    await stopped_within(stop, FOLLOW_EVERY_S)


async def keep_beating(context: Context, pauses: Backoff) -> None:
    """Send one heartbeat after another; ``loop_lag_s`` is how late the event loop gets to it.

    Raises NotOwnerError if the Redis belongs to another run.
    """
    period_s = context.settings.process.heartbeat_s
    while True:
        try:
            await context.heart.beat()
            if context.process not in SERVE_WITHOUT_REDIS:
                await refuse_strangers(context.bus)
            pauses.reset()
        except NotOwnerError:
            raise
        except (*REDIS_TROUBLE, UnavailableError) as e:
            # The calls of the process itself meet the same outage and act on it.
            context.log.debug("heartbeat_missed", error=str(e))
        due = context.clock.monotonic() + period_s
        await sleep(period_s)
        context.heart.gauge("loop_lag_s", round(max(context.clock.monotonic() - due, 0.0), 4))
