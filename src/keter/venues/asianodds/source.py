"""AsianOdds as a source of prices: polls Live, Today and Early at their intervals and tells what
changed.

Each market type has its own cursor. The first question, and the first after a gap of ``GAP_S``
without a good answer, uses an old cursor, which the documentation answers with everything; rows
that such an answer leaves out are dropped. Every other answer is a delta on the one before. A
cursor that cannot be true is not followed. A slow answer confirms prices for no later than
``SLOW_S`` after the question. A broken answer is counted, moves no cursor and yields no update:
nothing is confirmed by it.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

import msgspec
import structlog

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

EVERYTHING = 1_000_000_000_000  # a cursor of 2001: "changed since then" is everything
GAP_S = 240.0
# An answer that takes longer counts as received then: when it left the venue is not known.
SLOW_S = 3.0
_THREAD_ABOVE_BYTES = 256 * 1024
_PATIENCE = 1.5
_LONGEST_FACTOR = 8.0  # of what a venue asks for that throttles us
_LONGEST_TROUBLE_FACTOR = 4.0  # of the interval, after answers that were broken or did not come
_TROUBLE_COUNTED = 8  # failures in a row that make a difference
# What has come nearer than the horizon is told, and what the feed forgot to end goes.
_EVERYTHING_EVERY_S = 6 * 3600.0
_LONGEST_SLEEP_S = 1.0
_CLOCKS_APART_MS = 86_400_000

_log = structlog.get_logger(__name__)


class _Poll:
    """Where one market type stands: when it is due (monotonic), how much slower than usual, and its
    cursor.

    ``failures`` are those in a row; ``everything_at`` is when a good answer last told everything.
    """

    def __init__(self, phase: Phase) -> None:
        self.phase = phase
        self.due = 0.0
        self.factor = 1.0
        self.failures = 0
        self.since = EVERYTHING
        self.everything_at: float | None = None
        self.good_at: float | None = None


class AsianOddsSource:
    """``PriceSource`` over one account; iterate ``updates()`` once, from one task.

    ``problems`` counts what went wrong by kind, over the life of the source; each kind is logged
    once. Of several sports asked for, all come in one answer, since the venue's limit is per market
    type.
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
        self._client, self._clock, self._sleep, self._capture = client, clock, sleep, capture
        self._sports, self._bookies = frozenset(sports), ",".join(bookies) or "ALL"
        self._polls = [_Poll(phase) for phase in (Phase.LIVE, Phase.TODAY, Phase.EARLY)]
        self._state = FeedState(final_after=final_after, bounds=bounds)
        self._fixtures = fixtures
        self.problems: Counter[str] = Counter()
        self.timeouts_in_a_row = 0

    async def updates(self) -> AsyncIterator[FeedUpdate]:
        """Update for ever.

        Raises VenueRejectedError when the venue will not have us: credentials, address.
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
        """One question; None when it brought nothing that can be used.

        The next one is due an interval later, or more.
        """
        interval_s = self._client.feed_interval_s[poll.phase]
        try:
            self._mind_the_gap(poll)
            asked = poll.since
            found = await self._client.feed(
                poll.phase, asked, sport=self._single_sport(), bookies=self._bookies
            )
            found = self._as_it_stood(poll, found)
            update = await self._merge(poll, found, asked)
        except VenueRejectedError:
            raise
        except VenueError as e:
            self._slow_down(poll, interval_s, e)
            return None
        poll.factor, poll.failures, self.timeouts_in_a_row = 1.0, 0, 0
        poll.due = self._clock.monotonic() + interval_s
        return update

    def _as_it_stood(self, poll: _Poll, found: FeedAnswer) -> FeedAnswer:
        """An answer that was long under way tells what stood when it left the venue: it confirms
        nothing for later.
        """
        latest = found.requested_at + timedelta(seconds=SLOW_S)
        if found.received_at <= latest:
            return found
        self._count(
            "slow_answer",
            f"{poll.phase.value}: {(found.received_at - found.requested_at).total_seconds():.1f} s",
        )
        return msgspec.structs.replace(found, received_at=latest)

    def _single_sport(self) -> int | None:
        return next(iter(self._sports)) if len(self._sports) == 1 else None

    def _mind_the_gap(self, poll: _Poll) -> None:
        """Too long without an answer, or on deltas alone: the chain of deltas is not trusted any
        more.
        """
        now = self._clock.monotonic()
        if poll.good_at is not None and now - poll.good_at > GAP_S:
            poll.since = EVERYTHING
        if poll.everything_at is not None and now - poll.everything_at > _EVERYTHING_EVERY_S:
            poll.since = EVERYTHING

    def _slow_down(self, poll: _Poll, interval_s: float, error: VenueError) -> None:
        self._count(error.kind, error.detail)
        self.timeouts_in_a_row = self.timeouts_in_a_row + 1 if error.kind == "timeout" else 0
        poll.failures += 1
        if isinstance(error, VenueThrottledError):
            poll.factor = min(poll.factor * _PATIENCE, _LONGEST_FACTOR)
            wait_s = error.retry_after_s * poll.factor
        else:
            # The venue did not ask for patience: a single broken answer costs its interval and no
            # more.
            again = min(poll.failures - 1, _TROUBLE_COUNTED)
            wait_s = interval_s * min(_PATIENCE**again, _LONGEST_TROUBLE_FACTOR)
        poll.due = self._clock.monotonic() + wait_s

    async def _merge(self, poll: _Poll, found: FeedAnswer, asked: int) -> FeedUpdate:
        """Decode and merges, off the event loop when it takes long.

        Raises BrokenAnswerError before anything is changed.
        """
        fresh = asked == EVERYTHING
        size = len(found.answer.body)
        start = self._clock.monotonic()
        if size > _THREAD_ABOVE_BYTES:
            since, merged = await asyncio.to_thread(self._take, found, poll.phase, fresh)
        else:
            since, merged = self._take(found, poll.phase, fresh)
        parse_s = self._clock.monotonic() - start
        poll.good_at = self._clock.monotonic()
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
        """A cursor that cannot be stays where it was: with one from the future every later answer
        would be empty.
        """
        if since is None:
            return
        if 0 < since <= now_ms + _CLOCKS_APART_MS:
            poll.since = since
        else:
            self._count("bad_since", f"{poll.phase.value}: {since}")

    def _take(self, found: FeedAnswer, phase: Phase, fresh: bool) -> tuple[int | None, Merged]:
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
            tell = _log.info if kind in EVERYDAY else _log.warning
            tell("feed problem", kind=kind, detail=detail)
        self.problems[kind] += times
