"""The simulated bookmaker as a child of the supervisor: it gives signs of life like a process.

It serves without Redis. Its heartbeat says how often it was started again.
"""

import asyncio

import structlog

from keter.bus.connection import Bus
from keter.bus.errors import BusRefusedError
from keter.domain.processes import at_machine
from keter.errors import UnavailableError
from keter.opening.stores import open_settings_bus
from keter.processes.heartbeat import History, heart_of
from keter.processes.redis_following import REDIS_TROUBLE
from keter.supervision.handover import Handover
from keter.supervision.liveness import keep_pulsing
from keter.supervision.run import machine_name
from keter.system.tasks import sleep

NAME = "sandbox"
# Seconds between two tries to reach a Redis that is away.
AGAIN_S = 1.0

log = structlog.get_logger("keter.venues.asianodds.simulator")


async def give_signs_of_life(handed: Handover, history: History) -> None:
    """Send pulses to the supervisor and heartbeats to Redis, until cancelled."""
    await asyncio.gather(keep_pulsing(), _keep_beating(handed, history))


async def _keep_beating(handed: Handover, history: History) -> None:
    while True:
        try:
            bus = await open_settings_bus(handed.settings)
            try:
                await _beat(bus, handed, history)
            finally:
                await bus.aclose()
        except (*REDIS_TROUBLE, UnavailableError, BusRefusedError, OSError) as e:
            log.debug("heartbeat_missed", error=str(e))
        await sleep(AGAIN_S)


async def _beat(bus: Bus, handed: Handover, history: History) -> None:
    heart = heart_of(bus, NAME, at_machine(NAME, machine_name()), handed.settings, history)
    heart.belongs_to(handed.run)
    while True:
        await heart.beat()
        await sleep(handed.settings.process.heartbeat_s)
