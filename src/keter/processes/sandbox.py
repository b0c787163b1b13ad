"""The sandbox as the supervisor's child: it gives signs of life as every worker does, so that one
that hangs is not left so.

It serves without Redis; its heartbeat tells the page how often it was started again.
"""

import asyncio

import structlog

from keter.bus.connection import Bus
from keter.bus.errors import BusRefusedError
from keter.bus.telemetry.heartbeats import Heart
from keter.domain.processes import at_machine
from keter.errors import UnavailableError
from keter.processes.runtime import REDIS_TROUBLE, History, connect_by
from keter.supervision.handover import Handover
from keter.supervision.liveness import keep_pulsing
from keter.supervision.run import machine_name

NAME = "sandbox"
AGAIN_S = 1.0  # between two looks for a Redis that is away

log = structlog.get_logger("keter.venues.asianodds.simulator")


async def give_signs_of_life(handed: Handover, history: History) -> None:
    """Pulses for the supervisor and beats for the page, until cancelled."""
    await asyncio.gather(keep_pulsing(), _keep_beating(handed, history))


async def _keep_beating(handed: Handover, history: History) -> None:
    while True:
        try:
            bus = await connect_by(handed.settings)
            try:
                await _beat(bus, handed, history)
            finally:
                await bus.aclose()
        except (*REDIS_TROUBLE, UnavailableError, BusRefusedError, OSError) as e:
            log.debug("heartbeat_missed", error=str(e))
        await asyncio.sleep(AGAIN_S)


async def _beat(bus: Bus, handed: Handover, history: History) -> None:
    period_s = handed.settings.process.heartbeat_s
    heart = Heart(bus, process=NAME, worker=at_machine(NAME, machine_name()), heartbeat_s=period_s)
    heart.gauge("restarts", history.restarts)
    heart.gauge("kills", history.kills)
    heart.belongs_to(handed.run)
    while True:
        await heart.beat()
        await asyncio.sleep(period_s)
