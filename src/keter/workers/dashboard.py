"""The dashboard: serves the console. It reads Redis and the ledger; only operators' commands change anything."""

import asyncio

from keter.dashboard.app import make_app, serving
from keter.dashboard.compose import build_world
from keter.dashboard.ledger_door import LedgerDoor
from keter.workers.runtime import Context


async def run(context: Context) -> None:
    """Serves until asked to stop. Redis may come and go meanwhile: the page says so and halting goes on working."""
    settings = context.settings
    door = LedgerDoor(settings, context.clock)
    world = build_world(settings, context.bus, door, context.clock, context.ids)
    hub = asyncio.create_task(world.hub.run(context.stop))
    watch = asyncio.create_task(world.watch.run(context.stop))
    try:
        async with serving(make_app(world), settings.dashboard.dash_host, settings.dashboard.dash_port):
            context.log.info("dashboard_listening", host=settings.dashboard.dash_host, port=settings.dashboard.dash_port)
            stopping = asyncio.create_task(context.stop.wait())
            await asyncio.wait({hub, watch, stopping}, return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
    finally:
        for task in (hub, watch):
            task.cancel()
        await asyncio.wait({hub, watch})
        await door.aclose()
    for task in (hub, watch):
        if not task.cancelled():
            task.result()
