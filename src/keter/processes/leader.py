"""Singletons: one leader works, the others stand by and take over when its lease ends."""

import asyncio
from collections.abc import Awaitable, Callable

from keter.bus.locks import Lease
from keter.context import Context
from keter.processes.runtime import raise_errors
from keter.system.tasks import end_tasks

Body = Callable[[Lease], Awaitable[None]]


async def run_as_leader(context: Context, name: str, body: Body) -> None:
    """Run ``body`` while this process holds the lease ``name``; waits for it otherwise.

    Returns when asked to stop.

    A body that loses its lease is cancelled at once: what it still sends carries a fencing number
    that Redis refuses.
    """
    ttl_s = context.settings.process.worker_lease_ttl_s

    def stranger(why: str) -> None:
        context.heart.gauge("stands_by", why)
        context.log.warning("not_the_owner", lease=name, error=why)

    while not context.stop.is_set():
        lease = Lease(
            context.bus, name, ttl_s, context.worker, mark=context.run.mark, stranger=stranger
        )
        async with lease:
            context.heart.gauge("leader", 0)
            await lease.acquire(context.stop)
            if context.stop.is_set():
                return
            context.heart.gauge("leader", 1)
            context.heart.gauge("stands_by", "")
            context.log.info("lease_won", lease=name)
            if await _while_held(lease, body):
                return
            context.heart.count("leases_lost")
            context.log.warning("lease_lost", lease=name)


async def _while_held(lease: Lease, body: Body) -> bool:
    """True when the body came to its end, False when the lease was lost first."""
    work = asyncio.ensure_future(body(lease))
    lost = asyncio.create_task(lease.lost.wait())
    try:
        await asyncio.wait({work, lost}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        ended = work.done()
        await end_tasks(work, lost)
    raise_errors(work)
    return ended
