"""The dashboard: serves the console. It reads Redis and the ledger; only operators' commands change anything."""

import asyncio

from keter.dashboard.app import make_app, serving
from keter.dashboard.compose import build_world
from keter.dashboard.ledger_door import LedgerDoor
from keter.workers.runtime import Context, follow_redis


async def run(context: Context) -> None:
    """Serves, watches and calls for help until asked to stop.

    Redis may come and go meanwhile: the page and the channels say so, and halting goes on working.
    """
    settings = context.settings
    door = LedgerDoor(settings, context.clock)
    world = build_world(settings, context.bus, door, context.clock, context.ids)
    stop = context.stop
    work = (world.hub.run(stop), world.watch.run(stop), world.alerting.run(stop), follow_redis(context))
    tasks = {asyncio.create_task(each) for each in work}
    try:
        async with serving(make_app(world), settings.dashboard.dash_host, settings.dashboard.dash_port):
            context.log.info("dashboard_listening", host=settings.dashboard.dash_host, port=settings.dashboard.dash_port)
            stopping = asyncio.create_task(context.stop.wait())
            await asyncio.wait({*tasks, stopping}, return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        await door.aclose()
    for task in tasks:
        if not task.cancelled():
            task.result()
