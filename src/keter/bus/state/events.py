"""What is known of events: the score of each, and which event a venue's match id stands for."""

from collections.abc import Mapping, Sequence
from itertools import islice

from keter.bus.codec import decode, encode
from keter.bus.connection import Bus
from keter.bus.errors import PoisonedPayloadError
from keter.bus.keys import FIXTURES_MS, SCORE_MS
from keter.domain.feed import EventScore
from keter.domain.markets import Event

# Commands per round trip: a snapshot of 2,000 matches must not hold the connection for long.
CHUNK = 500


async def write_scores(bus: Bus, scores: Sequence[EventScore]) -> None:
    """Write scores; of several for one event the last counts."""
    for start in range(0, len(scores), CHUNK):
        async with bus.redis.batch() as batch:
            for score in scores[start : start + CHUNK]:
                batch.set(bus.keys.score(score.event_uid), encode(score), px=SCORE_MS)
            await batch.execute()


async def read_score(bus: Bus, event_uid: str) -> EventScore | None:
    """Return the last score seen of an event, None if there is none.

    Raises PoisonedPayloadError for a score that cannot be decoded.
    """
    payload = await bus.redis.execute_command("GET", bus.keys.score(event_uid))
    return decode(EventScore, payload) if payload is not None else None


class FixtureStore:
    """The event of each match id of a venue.

    A uid once given to a match outlives the process that gave it.
    """

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def load(self, account: str) -> dict[int, Event]:
        """Return the event of every match id known; one that cannot be decoded is left out."""
        found = {}
        for match_id, payload in (
            await self._bus.redis.read_hash(self._bus.keys.fixtures(account))
        ).items():
            try:
                found[int(match_id)] = decode(Event, payload)
            except (ValueError, PoisonedPayloadError):  # written by another version of Keter
                continue
        return found

    async def save(self, account: str, fixtures: Mapping[int, Event | None]) -> None:
        """Add or replace the events of match ids; None removes a match id."""
        key, remaining = self._bus.keys.fixtures(account), iter(fixtures.items())
        while chunk := list(islice(remaining, CHUNK)):
            async with self._bus.redis.batch() as batch:
                for match_id, event in chunk:
                    if event is None:
                        batch.hdel(key, str(match_id))
                    else:
                        batch.hset(key, str(match_id), encode(event))
                batch.pexpire(key, FIXTURES_MS)
                await batch.execute()
