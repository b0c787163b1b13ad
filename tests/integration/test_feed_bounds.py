"""A feed that makes up matches with every answer fills neither Redis nor ingest, and the real
matches stay.
"""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from keter.bus.connection import Bus, connect
from keter.bus.state.events import FixtureStore
from keter.bus.state.odds import read_odds
from keter.clock import to_ms
from keter.domain.markets import Phase
from keter.processes.publisher import Publisher
from keter.venues.asianodds.bounds import FeedBounds
from keter.venues.asianodds.normalise import MARKET_TYPE_OF_PHASE, Problem
from keter.venues.asianodds.source import AsianOddsSource
from tests.kit.asianodds_payloads import NOW, feed_body, match_game, total
from tests.kit.asianodds_seam import USER, Venue, played
from tests.kit.support import RedisServer
from tests.kit.workbench import context_on, settings_for

pytestmark = pytest.mark.redis
INVENTED, ANSWERS, REAL, KEPT = 4_000, 8, 20, 200
MOST_BYTES = 30_000_000
UID = "fb-20260215-real-{}-v-guest"


def row(number: int, name: str, kickoff_h: float, *, kind: int) -> dict[str, Any]:
    names = {"HomeTeam": {"Name": name}, "AwayTeam": {"Name": "Guest"}, "MarketTypeId": kind}
    start = to_ms(NOW + timedelta(hours=kickoff_h))
    return match_game(number, MatchId=number, StartTime=start, FullTimeOu=total(), **names)


class InventiveVenue(Venue):
    """Every answer about Today brings the real matches and INVENTED new ones."""

    def __init__(self, kickoff_h: float) -> None:
        super().__init__()
        self._kickoff_h, self._made = kickoff_h, 1_000
        self.say("GetFeeds", *[self._feed] * 2_000)

    def _feed(self, request: httpx.Request) -> httpx.Response:
        kind = int(request.url.params["marketTypeId"])
        if kind != MARKET_TYPE_OF_PHASE[Phase.TODAY]:
            return played(feed_body(), request)
        real = [row(number, f"Real {number}", 3, kind=kind) for number in range(1, REAL + 1)]
        made = [
            row(self._made + n, f"Made {self._made + n}", self._kickoff_h, kind=kind)
            for n in range(INVENTED)
        ]
        self._made += INVENTED
        return played(feed_body(*real, *made), request)


@pytest.fixture
async def own_bus() -> AsyncIterator[Bus]:
    """Open a bus on a server of its own, so that what it uses is ours."""
    server = RedisServer()
    bus = await connect(server.url)
    yield bus
    await bus.aclose()
    server.close()


@pytest.mark.parametrize("kickoff_h", [50 * 8766, 20], ids=["in fifty years", "tomorrow"])
@pytest.mark.slow
async def test_redis_stays_small_and_real_matches_stay(
    own_bus: Bus, tmp_path: Path, kickoff_h: float
) -> None:
    venue = InventiveVenue(kickoff_h)
    context = context_on(own_bus, settings_for(tmp_path, AO_USER=USER), "ingest")
    publisher, began_at = Publisher(context), NOW
    bounds = FeedBounds(timedelta(hours=72), fixtures=KEPT, markets=7 * KEPT)
    source = AsianOddsSource(
        venue.client(),
        venue.clock,
        FixtureStore(own_bus),
        sleep=venue.sleep,
        bounds=bounds,
        capture=False,
    )
    seen = 0
    async for update in source.updates():
        await publisher.publish(update, began_at)
        seen += update.phase is Phase.TODAY
        if seen == ANSWERS:
            break
    keys = await own_bus.redis.execute_command("DBSIZE")
    used = int((await own_bus.redis.execute_command("INFO", "memory"))["used_memory"])
    assert keys < 2 * KEPT + 100, (
        "two selections of each match that is kept, and what there is of anything else"
    )
    assert used < MOST_BYTES
    assert await own_bus.redis.execute_command("HLEN", own_bus.keys.fixtures(USER)) <= 2 * KEPT
    for number in range(1, REAL + 1):
        assert (
            await read_odds(own_bus, context.account.key, UID.format(number), "ft.ou.2.5.over")
            is not None
        ), number
    left_out = source.problems[Problem.BEYOND_HORIZON] + source.problems[Problem.SHED]
    assert left_out >= ANSWERS * INVENTED - KEPT
