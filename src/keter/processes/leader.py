"""Singletons: one process leads, the others stand by and take over when its lease ends."""

from collections.abc import Awaitable, Callable

from keter.bus.locks import Lease
from keter.context import Context
from keter.system.tasks import run_until

Body = Callable[[Lease], Awaitable[None]]


async def run_as_leader(context: Context, name: str, body: Body) -> None:
    """Run ``body`` while this process holds the lease ``name``; wait for the lease otherwise.

    Return when ``body`` ends or a stop is asked for. Raises the errors of ``body``. A body that
    loses its lease is cancelled at once. What it still sends carries a fencing number that Redis
    refuses.
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
            if await run_until(lease.lost, body(lease)):
                return
            context.heart.count("leases_lost")
            context.log.warning("lease_lost", lease=name)
