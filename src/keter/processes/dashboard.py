"""The dashboard: serves the console.

It reads Redis and the ledger. Only commands of operators change anything.
"""

import asyncio

from keter.context import Context
from keter.dashboard.app import make_app, serving
from keter.dashboard.ledgers import LazyLedgers
from keter.dashboard.wiring import build_app_context
from keter.domain.processes import role_name
from keter.errors import KeterError
from keter.processes.redis_following import follow_redis
from keter.system.tasks import end_tasks


async def run(context: Context) -> None:
    """Serve the page, watch the rules and send alerts, until asked to stop.

    Redis may be away meanwhile: page and channels say so, and halting works. If one of the tasks
    ends, all do: a page without its watch would show that all is well. Raises the error of the
    task, or KeterError if it ended without one.
    """
    settings = context.settings
    ledgers = LazyLedgers(settings, context.clock)
    app_context = build_app_context(
        settings, context.bus, ledgers, context.clock, context.ids, starts=context.starts
    )
    stop = context.stop
    work = {
        "watch": app_context.watch.run(stop),
        "alerting": app_context.alerting.run(stop),
        "redis": follow_redis(context),
    }
    work |= {
        role_name("hub", one.settings.label): one.hub.run(stop) for one in app_context.accounts
    }
    tasks = [asyncio.create_task(each, name=name) for name, each in work.items()]
    address = settings.dashboard.dash_host, settings.dashboard.dash_port
    try:
        async with serving(make_app(app_context), *address, proxies=app_context.perimeter.proxies):
            context.log.info("dashboard_listening", host=address[0], port=address[1])
            stopping = asyncio.create_task(context.stop.wait())
            await asyncio.wait({*tasks, stopping}, return_when=asyncio.FIRST_COMPLETED)
            ended = [task.get_name() for task in tasks if task.done()]
            await end_tasks(stopping)
    finally:
        await end_tasks(*tasks)
        await app_context.stores.aclose()
        await ledgers.aclose()
    _raise_what_ended(tasks, [] if context.stop.is_set() else ended)


def _raise_what_ended(tasks: list[asyncio.Task[None]], ended: list[str]) -> None:
    """Raise the error of a task, else KeterError.

    KeterError is for a task that ``ended`` by itself, or that does not end when cancelled.
    """
    for task in tasks:
        if task.done() and not task.cancelled():
            task.result()
    if stubborn := [task.get_name() for task in tasks if not task.done()]:
        raise KeterError(f"the dashboard's {', '.join(stubborn)} did not end when cancelled")
    if ended:
        raise KeterError(f"the dashboard's {', '.join(ended)} ended by itself")
