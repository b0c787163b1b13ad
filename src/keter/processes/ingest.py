"""Ingest: the venue's feed into Redis.

One active process per account.

Of each answer first the prices are written, then the changed markets are pushed to the raw queue,
last the feed's confirmation: nobody sees an old price confirmed by a new answer, nor one that an
earlier source has left, since each says when it began. While Redis does not answer, the answer is
kept and published again: a push conflates, so twice is once. When that takes too long, or the lease
is lost, a new source starts from everything.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime

from keter.bus.codec import encode
from keter.bus.connection import Bus
from keter.bus.locks import Lease
from keter.bus.queue import Output, Pipe, QueueName
from keter.bus.state.events import write_scores
from keter.bus.state.feeds import write_feed
from keter.bus.state.odds import remove_odds, write_odds
from keter.bus.telemetry.capture import push_capture
from keter.clock import Clock, to_ms
from keter.context import Context
from keter.domain.feed import FeedUpdate, MarketPrices
from keter.domain.markets import Phase
from keter.domain.quotes import MarketUpdate
from keter.processes.feed_watch import FeedWatch
from keter.processes.leader import run_as_leader
from keter.processes.runtime import REDIS_TROUBLE, Waits, raise_errors
from keter.settings import Settings
from keter.supervision.book_names import BOOKS, SINCE, books_text, remember_books
from keter.system.tasks import end_tasks
from keter.venues.base import PriceSource, VenueError, VenueRejectedError, VenueThrottledError
from keter.venues.feeds import open_price_source

CHUNK = 200  # markets between two looks at the rest of the process
OUTAGE_PATIENCE_S = 30.0
REJECTED_WAIT_S = 30.0
STAGE = "ingest"

OpenSource = Callable[[Settings, Bus, Clock], AbstractAsyncContextManager[PriceSource]]


async def run(context: Context, open_source: OpenSource = open_price_source) -> None:
    """Feed Redis while holding the account's lease, until asked to stop."""
    account = context.settings.venue.ao_user

    async def body(_lease: Lease) -> None:
        await Ingest(context, open_source).run()

    await run_as_leader(context, f"ingest:{account}", body)


class Ingest:
    """One source after another, and a watch over how old their confirmations grow."""

    def __init__(self, context: Context, open_source: OpenSource) -> None:
        self._context = context
        self._open_source = open_source
        self._publisher = Publisher(context)
        self._watch = FeedWatch(context)

    async def run(self) -> None:
        """Works until asked to stop; what is under way is dropped then, which a later start makes
        good.
        """
        tasks = [asyncio.create_task(self._follow()), asyncio.create_task(self._watch.run())]
        stopped = asyncio.create_task(self._context.stop.wait())
        try:
            await asyncio.wait({*tasks, stopped}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await end_tasks(*tasks, stopped)
        raise_errors(*tasks)

    async def _follow(self) -> None:
        waits = Waits()
        while True:
            began_at = self._context.clock.now()
            try:
                async with self._open_source(
                    self._context.settings, self._context.bus, self._context.clock
                ) as source:
                    self._watch.follow(source)
                    async for update in source.updates():
                        await self._publisher.publish(update, began_at)
                        self._watch.confirmed(update)
                        await self._watch.welcome()
                        waits.reset()
            except VenueError as e:
                await self._recover(e, waits)

    async def _recover(self, error: VenueError, waits: Waits) -> None:
        self._context.heart.count(f"venue_{error.kind}")
        self._context.heart.error(str(error))
        self._context.log.warning("feed_failed", kind=error.kind, detail=error.detail)
        wait_s = waits.next()
        if isinstance(error, VenueThrottledError):
            wait_s = max(wait_s, error.retry_after_s)
        elif isinstance(error, VenueRejectedError):
            # The same again is refused again, and too many logins lock an account
            wait_s = REJECTED_WAIT_S
            await self._watch.refused(error)
        await asyncio.sleep(wait_s)


class Publisher:
    """Writes one answer after another into Redis."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._account = context.settings.venue.ao_user
        self._books: dict[
            Phase, tuple[int, dict[str, int]]
        ] = {}  # since when, and when each book was last shown
        self._pipe: Pipe = context.pipe(None)

    async def publish(self, update: FeedUpdate, began_at: datetime) -> None:
        """Write an answer of the source that began at ``began_at``.

        Waits out a Redis that does not answer, for OUTAGE_PATIENCE_S; then its error comes out.
        """
        waits = Waits()
        started = self._context.clock.monotonic()
        markets = [self._market(prices, update.received_at) for prices in update.changed]
        while True:
            try:
                await self._write(update, markets, began_at)
            except REDIS_TROUBLE as e:
                if self._context.clock.monotonic() - started > OUTAGE_PATIENCE_S:
                    raise
                self._context.heart.count("publish_retries")
                self._context.log.warning("publish_retried", error=str(e))
                await asyncio.sleep(waits.next())
            else:
                break
        self._context.heart.observe("publish", self._context.clock.monotonic() - started)
        self._context.heart.observe("parse", update.parse_s)

    def _market(self, prices: MarketPrices, received_at: datetime) -> MarketUpdate:
        return MarketUpdate(
            trace_id=self._context.ids(),
            account=self._account,
            event=prices.event,
            market=prices.market,
            phase=prices.phase,
            ref=prices.ref,
            books=prices.books,
            active=prices.active,
            received_at=received_at,
            score=prices.score,
        )

    async def _write(
        self, update: FeedUpdate, markets: Sequence[MarketUpdate], began_at: datetime
    ) -> None:
        bus = self._context.bus
        await remove_odds(bus, update.removed)
        await write_scores(bus, update.scores)
        for start in range(0, len(markets), CHUNK):
            chunk = markets[start : start + CHUNK]
            await write_odds(bus, chunk)
            await self._pipe.step(
                outputs=[
                    Output(QueueName.RAW, market.queue_key, encode(market)) for market in chunk
                ]
            )
        await write_feed(
            bus,
            self._account,
            update.phase,
            {"began_at": began_at, **_facts(update), **self._books_of(update)},
        )
        if (
            update.capture is not None
            and self._context.settings.log.capture_raw
            and not await push_capture(bus, update.capture)
        ):
            self._context.heart.count("captures_dropped")
        await self._pipe.step(counts=_counts(update))
        self._report(update)

    def _books_of(self, update: FeedUpdate) -> dict[str, object]:
        """When each book was last shown on this feed, as its facts tell it."""
        now_ms = to_ms(update.received_at)
        since, known = self._books.get(update.phase, (now_ms, {}))
        shown = {price.book for prices in update.changed for price in prices.books}
        known = remember_books(known, sorted(shown), now_ms)
        self._books[update.phase] = since, known
        return {BOOKS: books_text(known), SINCE: since}

    def _report(self, update: FeedUpdate) -> None:
        heart, phase = self._context.heart, update.phase.value
        heart.count("answers")
        heart.count("markets", len(update.changed))
        heart.gauge(f"known_markets_{phase}", update.known_markets)
        heart.gauge(f"body_bytes_{phase}", update.body_bytes)
        heart.gauge(f"parse_s_{phase}", round(update.parse_s, 4))


def _facts(update: FeedUpdate) -> dict[str, object]:
    return {
        "confirmed_at": update.received_at,
        "requested_at": update.requested_at,
        "known_markets": update.known_markets,
        "body_bytes": update.body_bytes,
        "parse_s": update.parse_s,
        "changed": len(update.changed),
        "removed": len(update.removed),
        "problems": sum(update.problems.values()),
    }


def _counts(update: FeedUpdate) -> dict[str, int]:
    counts = {
        f"{STAGE}:answers": 1,
        f"{STAGE}:changed": len(update.changed),
        f"{STAGE}:removed": len(update.removed),
    }
    return {name: n for name, n in counts.items() if n}
