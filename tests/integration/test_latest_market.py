"""A market put together again from its selections is the market that was written."""

from datetime import timedelta

import msgspec
import pytest

from keter.bus.state.events import write_scores
from keter.bus.state.feeds import write_feed
from keter.bus.state.markets import read_market
from keter.bus.state.odds import read_odds, read_selections, remove_odds, write_odds
from keter.domain.feed import EventScore
from keter.domain.markets import Phase
from keter.domain.quotes import Score
from tests.kit.signals import ACCOUNT, NOW, RESULT, an_update, prices
from tests.kit.workbench import opened

pytestmark = pytest.mark.redis
UPDATE = an_update(prices("PIN", 2.1, 3.4, 3.6), prices("IBC", 2.3, None, 3.5))
UID = UPDATE.event.event_uid


async def test_a_market_comes_back_as_it_was_written_with_gaps_where_a_book_has_none(
    redis_url: str,
) -> None:
    async with opened(redis_url) as bus:
        await write_odds(bus, [UPDATE])
        assert await read_market(bus, ACCOUNT, UID, RESULT) == UPDATE


async def test_the_feeds_confirmation_confirms_every_book(redis_url: str) -> None:
    async with opened(redis_url) as bus:
        await write_odds(bus, [UPDATE])
        later = NOW + timedelta(seconds=20)
        await write_feed(bus, ACCOUNT, Phase.TODAY, {"confirmed_at": later})
        found = await read_market(bus, ACCOUNT, UID, RESULT)
        assert found is not None
        assert {book.confirmed_at for book in found.books} == {later}
        assert {book.changed_at for book in found.books} == {NOW}


async def test_several_selections_at_once_are_what_each_alone_is(redis_url: str) -> None:
    async with opened(redis_url) as bus:
        await write_odds(bus, [UPDATE])
        await write_feed(bus, ACCOUNT, Phase.TODAY, {"confirmed_at": NOW + timedelta(seconds=5)})
        names = [RESULT.selection_id(outcome) for outcome in RESULT.outcomes] + ["ft.ou.2.5.over"]
        assert await read_selections(bus, ACCOUNT, UID, names) == [
            await read_odds(bus, ACCOUNT, UID, name) for name in names
        ]


async def test_a_market_that_is_gone_or_half_gone_is_none(redis_url: str) -> None:
    async with opened(redis_url) as bus:
        await write_odds(bus, [UPDATE])
        await bus.redis.execute_command("DEL", bus.keys.odds(UID, "ft.1x2.draw", ACCOUNT))
        assert await read_market(bus, ACCOUNT, UID, RESULT) is None
        await remove_odds(bus, ACCOUNT, [(UID, RESULT)])
        assert await read_market(bus, ACCOUNT, UID, RESULT) is None


async def test_selections_of_different_answers_are_not_mixed(redis_url: str) -> None:
    async with opened(redis_url) as bus:
        await write_odds(bus, [UPDATE])
        old = await bus.redis.execute_command("GET", bus.keys.odds(UID, "ft.1x2.home", ACCOUNT))
        await write_odds(bus, [msgspec.structs.replace(UPDATE, trace_id="newer")])
        await bus.redis.execute_command("SET", bus.keys.odds(UID, "ft.1x2.home", ACCOUNT), old)
        assert await read_market(bus, ACCOUNT, UID, RESULT) is None


async def test_in_play_the_newest_score_comes_with_it(redis_url: str) -> None:
    async with opened(redis_url) as bus:
        await write_odds(bus, [msgspec.structs.replace(UPDATE, phase=Phase.LIVE)])
        await write_scores(bus, [EventScore(UID, Score(1, 0, 30), None, False, NOW)])
        found = await read_market(bus, ACCOUNT, UID, RESULT)
        assert found is not None
        assert found.score == Score(1, 0, 30)
