"""Writes the answers of a feed into Redis.

Of each answer the prices are written first, then the changed markets are pushed to the raw queue,
last the feed's confirmation. So nobody sees an old price confirmed by a new answer. The
confirmation says when its source began, so it confirms no price of an earlier source.
"""

from collections.abc import Sequence
from datetime import datetime

from keter.bus.codec import encode
from keter.bus.queue import Output, Pipe, QueueName
from keter.bus.state.events import write_scores
from keter.bus.state.feeds import write_feed
from keter.bus.state.odds import remove_odds, write_odds
from keter.bus.telemetry.capture import push_capture
from keter.clock import to_ms
from keter.context import Context
from keter.domain.feed import FeedUpdate, MarketPrices
from keter.domain.markets import Phase
from keter.domain.quotes import MarketUpdate
from keter.processes.redis_following import REDIS_TROUBLE, retry_pauses
from keter.supervision.book_names import BOOKS, SINCE, books_text, remember_books
from keter.system.tasks import sleep

# Markets written before the event loop may do something else.
CHUNK = 200
OUTAGE_PATIENCE_S = 30.0
STAGE = "ingest"


class Publisher:
    """Write one answer after another."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._account = context.account.key
        # By phase: since when books are counted, and when each was last on the feed (in ms).
        self._books: dict[Phase, tuple[int, dict[str, int]]] = {}
        self._pipe: Pipe = context.pipe(None)

    async def publish(self, update: FeedUpdate, began_at: datetime) -> None:
        """Write an answer of the source that began at ``began_at``.

        While Redis does not answer, write it again: a push conflates, so twice is once. Raises the
        error of Redis after OUTAGE_PATIENCE_S.
        """
        pauses = retry_pauses()
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
                await sleep(pauses.next())
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
        await remove_odds(bus, self._account, update.removed)
        await write_scores(bus, update.scores)
        for start in range(0, len(markets), CHUNK):
            chunk = markets[start : start + CHUNK]
            await write_odds(bus, chunk)
            await self._pipe.step(
                outputs=[
                    Output(QueueName.RAW, market.queue_key, encode(market)) for market in chunk
                ]
            )
        facts = {"began_at": began_at, **_facts(update), **self._books_of(update)}
        await write_feed(bus, self._account, update.phase, facts)
        await self._capture(update)
        await self._pipe.step(counts=_counts(update))
        self._report(update)

    async def _capture(self, update: FeedUpdate) -> None:
        """Give the raw answer to the recorder, if the settings ask for it."""
        if update.capture is None or not self._context.settings.log.capture_raw:
            return
        if not await push_capture(self._context.bus, update.capture):
            self._context.heart.count("captures_dropped")

    def _books_of(self, update: FeedUpdate) -> dict[str, object]:
        """Return when each book was last on this feed, as the feed's facts have it."""
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
