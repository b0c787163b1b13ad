"""Ingest: the venue's feed into Redis. One process is active for each account.

If Redis does not answer for too long, or the lease is lost, a new source starts from nothing.
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from keter.backoff import Backoff
from keter.bus.connection import Bus
from keter.bus.locks import Lease
from keter.clock import Clock
from keter.context import Context
from keter.domain.accounts import Account
from keter.opening.venues import open_price_source
from keter.processes.feed_watch import FeedWatch
from keter.processes.leader import run_as_leader
from keter.processes.publisher import Publisher
from keter.processes.redis_following import retry_pauses
from keter.settings import Settings
from keter.system.tasks import run_until, sleep
from keter.venues.base import PriceSource, VenueError, VenueRejectedError, VenueThrottledError

# The same again is refused again, and too many logins lock an account.
REJECTED_WAIT_S = 30.0

OpenSource = Callable[[Settings, Account, Bus, Clock], AbstractAsyncContextManager[PriceSource]]


async def run(context: Context, open_source: OpenSource = open_price_source) -> None:
    """Feed Redis while holding the account's lease, until asked to stop."""
    account = context.account.key

    async def body(_lease: Lease) -> None:
        await Ingest(context, open_source).run()

    await run_as_leader(context, f"ingest:{account}", body)


class Ingest:
    """Publish one source after another, and watch how old their confirmations grow."""

    def __init__(self, context: Context, open_source: OpenSource) -> None:
        self._context = context
        self._open_source = open_source
        self._publisher = Publisher(context)
        self._watch = FeedWatch(context)

    async def run(self) -> None:
        """Publish until asked to stop. An answer in hand is dropped then: the next start reads it.

        Raises the errors of the bus.
        """
        await run_until(self._context.stop, self._follow(), self._watch.run())

    async def _follow(self) -> None:
        pauses = retry_pauses()
        while True:
            began_at = self._context.clock.now()
            try:
                async with self._open_source(
                    self._context.settings,
                    self._context.account,
                    self._context.bus,
                    self._context.clock,
                ) as source:
                    self._watch.follow(source)
                    async for update in source.updates():
                        await self._publisher.publish(update, began_at)
                        self._watch.confirmed(update)
                        await self._watch.answered()
                        pauses.reset()
            except VenueError as e:
                await self._recover(e, pauses)

    async def _recover(self, error: VenueError, pauses: Backoff) -> None:
        """Report the error and wait as long as it asks for."""
        self._context.heart.count(f"venue_{error.kind}")
        self._context.heart.error(str(error))
        self._context.log.warning("feed_failed", kind=error.kind, detail=error.detail)
        wait_s = pauses.next()
        if isinstance(error, VenueThrottledError):
            wait_s = max(wait_s, error.retry_after_s)
        elif isinstance(error, VenueRejectedError):
            wait_s = REJECTED_WAIT_S
            await self._watch.refused(error)
        await sleep(wait_s)
