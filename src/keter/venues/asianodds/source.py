"""AsianOdds as a source of prices: polls Live, Today and Early at their intervals.

Each market type has its own cursor. The first question, and the first after a gap of ``GAP_S``
without a good answer, uses an old cursor. By the documentation the venue answers it with
everything, and rows that such an answer leaves out are dropped. Every other answer is a delta on
the one before.

A slow answer confirms prices for no later than ``SLOW_S`` after the question. A broken answer is
counted, moves no cursor and yields no update, so it confirms nothing.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

import msgspec
import structlog

from keter.backoff import Backoff
from keter.clock import Clock, to_ms
from keter.domain.feed import CapturedAnswer, FeedUpdate
from keter.domain.markets import Phase
from keter.domain.verdicts import Number
from keter.venues.asianodds.bounds import FeedBounds
from keter.venues.asianodds.client import Client, FeedAnswer
from keter.venues.asianodds.limits import CAPABILITY, VENUE
from keter.venues.asianodds.merging import Merged
from keter.venues.asianodds.normalise import EVERYDAY
from keter.venues.asianodds.scores import FINAL_AFTER
from keter.venues.asianodds.session import Sleep
from keter.venues.asianodds.state import FeedState
from keter.venues.asianodds.stores import FixtureStore
from keter.venues.asianodds.wire import leave_out_other_sports, read_feed
from keter.venues.base import (
    VenueError,
    VenueRejectedError,
    VenueThrottledError,
    VenueTransientError,
)

# A cursor of the year 2001: everything has changed since then.
EVERYTHING = 1_000_000_000_000
GAP_S = 240.0
# An answer that takes longer counts as received then: when it left the venue is not known.
SLOW_S = 3.0
# Parsing a larger answer would hold up the event loop.
_THREAD_ABOVE_BYTES = 256 * 1024
# The factor by which pauses grow.
_GROWTH = 1.5
# The most that they grow to, in multiples of what a venue asks for that throttles us.
_MOST_THROTTLED = 8.0
# The same in multiples of the interval, after answers that were broken or did not come.
_MOST_FAILED = 4.0
# Everything is asked for anew so often: for matches that have come within the horizon, and to drop
# what the feed forgot to end.
_EVERYTHING_EVERY_S = 6 * 3600.0
_LONGEST_SLEEP_S = 1.0
# How far the venue's clock may run ahead of ours in a cursor. With a cursor from the future every
# later answer would be empty.
_CURSOR_AHEAD_MS = 86_400_000

_log = structlog.get_logger(__name__)


class _Poll:
    """The polling of one market type. All times are monotonic seconds.

    ``due`` is when it is asked next, ``since`` is its cursor. ``everything_at`` is when a good
    answer last covered everything, ``good_at`` when there was any good answer.
    """

    def __init__(self, phase: Phase, interval_s: float) -> None:
        self.phase = phase
        self.interval_s = interval_s
        self.due = 0.0
        # A multiple of what the venue asks for: its own figure was not enough.
        self.throttled = Backoff(_GROWTH, _MOST_THROTTLED, _GROWTH)
        # The first failure costs no more than the interval: the venue did not ask for patience.
        self.failed = Backoff(interval_s, _MOST_FAILED * interval_s, _GROWTH)
        self.since = EVERYTHING
        self.everything_at: float | None = None
        self.good_at: float | None = None

    def pause_s(self, error: VenueError) -> float:
        """Count a failure and return the seconds until the next question."""
        pause_s = self.failed.next()
        if isinstance(error, VenueThrottledError):
            return error.retry_after_s * self.throttled.next()
        return pause_s

    def recovered(self) -> None:
        """Forget the failures: an answer was good."""
        self.failed.reset()
        self.throttled.reset()


class AsianOddsSource:
    """``PriceSource`` over one account; iterate ``updates()`` once, from one task.

    ``problems`` counts what went wrong by kind, over the life of the source; each kind is logged
    once. Several sports come in one answer, because the venue's limit is per market type.
    """

    capability = CAPABILITY

    def __init__(
        self,
        client: Client,
        clock: Clock,
        fixtures: FixtureStore,
        *,
        sports: Sequence[int] = (1,),
        bookies: Sequence[str] = ("ALL",),
        capture: bool = True,
        sleep: Sleep = asyncio.sleep,
        final_after: timedelta = FINAL_AFTER,
        bounds: FeedBounds | None = None,
    ) -> None:
        self._client = client
        self._clock = clock
        self._sleep = sleep
        self._capture = capture
        self._sports = frozenset(sports)
        self._bookies = ",".join(bookies) or "ALL"
        self._polls = [
            _Poll(phase, client.feed_interval_s[phase])
            for phase in (Phase.LIVE, Phase.TODAY, Phase.EARLY)
        ]
        self._state = FeedState(final_after=final_after, bounds=bounds)
        self._fixtures = fixtures
        self.problems: Counter[str] = Counter()
        self.timeouts_in_a_row = 0

    async def updates(self) -> AsyncIterator[FeedUpdate]:
        """Yield updates without end.

        Raises VenueRejectedError if the venue refuses the account or the address is wrong.
        """
        self._state.remember(await self._fixtures.load(self._client.account))
        while True:
            poll = min(self._polls, key=lambda waiting: waiting.due)
            wait_s = poll.due - self._clock.monotonic()
            if wait_s > 0:
                await self._idle(min(wait_s, _LONGEST_SLEEP_S))
                continue
            wait_s = await self._client.feed_wait_s(poll.phase)
            if wait_s > 0:
                poll.due = self._clock.monotonic() + wait_s
                continue
            update = await self._ask(poll)
            if update is not None:
                yield update

    async def _idle(self, wait_s: float) -> None:
        try:
            await self._client.keep_alive()
        except VenueTransientError as e:
            self._count(e.kind, e.detail)
        await self._sleep(wait_s)

    async def _ask(self, poll: _Poll) -> FeedUpdate | None:
        """Ask once and return the update; None if the answer cannot be used.

        The next question is due an interval later, or more. Raises VenueRejectedError.
        """
        try:
            self._restart_after_gap(poll)
            asked = poll.since
            found = await self._client.feed(
                poll.phase, asked, sport=self._single_sport(), bookies=self._bookies
            )
            found = self._dated_back(poll, found)
            update = await self._merge(poll, found, asked)
        except VenueRejectedError:
            raise
        except VenueError as e:
            self._slow_down(poll, e)
            return None
        poll.recovered()
        self.timeouts_in_a_row = 0
        poll.due = self._clock.monotonic() + poll.interval_s
        return update

    def _dated_back(self, poll: _Poll, found: FeedAnswer) -> FeedAnswer:
        """Return the answer with the latest time for which it confirms prices.

        A slow answer shows the prices of when it left the venue, not of when it arrived.
        """
        latest = found.requested_at + timedelta(seconds=SLOW_S)
        if found.received_at <= latest:
            return found
        took_s = (found.received_at - found.requested_at).total_seconds()
        self._count("slow_answer", f"{poll.phase.value}: {took_s:.1f} s")
        return msgspec.structs.replace(found, received_at=latest)

    def _single_sport(self) -> int | None:
        return next(iter(self._sports)) if len(self._sports) == 1 else None

    def _restart_after_gap(self, poll: _Poll) -> None:
        """Ask for everything after too long without an answer, or on deltas alone."""
        now = self._clock.monotonic()
        if poll.good_at is not None and now - poll.good_at > GAP_S:
            poll.since = EVERYTHING
        if poll.everything_at is not None and now - poll.everything_at > _EVERYTHING_EVERY_S:
            poll.since = EVERYTHING

    def _slow_down(self, poll: _Poll, error: VenueError) -> None:
        self._count(error.kind, error.detail)
        self.timeouts_in_a_row = self.timeouts_in_a_row + 1 if error.kind == "timeout" else 0
        poll.due = self._clock.monotonic() + poll.pause_s(error)

    async def _merge(self, poll: _Poll, found: FeedAnswer, asked: int) -> FeedUpdate:
        """Decode and merge an answer, off the event loop if it is large.

        Raises BrokenAnswerError before anything is changed.
        """
        fresh = asked == EVERYTHING
        size = len(found.answer.body)
        start = self._clock.monotonic()
        if size > _THREAD_ABOVE_BYTES:
            since, merged = await asyncio.to_thread(self._read, found, poll.phase, fresh)
        else:
            since, merged = self._read(found, poll.phase, fresh)
        poll.good_at = self._clock.monotonic()
        parse_s = poll.good_at - start
        if fresh:
            poll.everything_at = poll.good_at
        self._move_cursor(poll, since, to_ms(found.received_at))
        for kind, times in merged.problems.items():
            self._count(kind, poll.phase.value, times)
        await self._fixtures.save(self._client.account, merged.fixtures)
        return FeedUpdate(
            phase=poll.phase,
            changed=merged.changed,
            removed=merged.removed,
            scores=merged.scores,
            requested_at=found.requested_at,
            received_at=found.received_at,
            body_bytes=size,
            parse_s=parse_s,
            known_markets=merged.known_markets,
            problems=merged.problems,
            capture=self._captured(poll.phase, found, asked) if self._capture else None,
        )

    def _move_cursor(self, poll: _Poll, since: int | None, now_ms: int) -> None:
        """Follow the cursor of an answer, unless it is missing or impossible."""
        if since is None:
            return
        if 0 < since <= now_ms + _CURSOR_AHEAD_MS:
            poll.since = since
        else:
            self._count("bad_since", f"{poll.phase.value}: {since}")

    def _read(self, found: FeedAnswer, phase: Phase, fresh: bool) -> tuple[int | None, Merged]:
        """Return the cursor of an answer and what it changed. Raises BrokenAnswerError."""
        feed = read_feed(found.answer)
        leave_out_other_sports(feed, self._sports)
        return feed.since, self._state.merge(feed, phase, found.received_at, fresh=fresh)

    def _captured(self, phase: Phase, found: FeedAnswer, asked: int) -> CapturedAnswer:
        request: dict[str, Number] = {
            "method": "GetFeeds",
            "phase": phase.value,
            "since": asked,
            "sport": self._single_sport(),
            "sports": ",".join(map(str, sorted(self._sports))),
            "bookies": self._bookies,
        }
        return CapturedAnswer(
            self._client.account,
            VENUE,
            request,
            found.requested_at,
            found.received_at,
            found.answer.body,
        )

    def _count(self, kind: str, detail: str, times: int = 1) -> None:
        if kind not in self.problems:
            log = _log.info if kind in EVERYDAY else _log.warning
            log("feed problem", kind=kind, detail=detail)
        self.problems[kind] += times
