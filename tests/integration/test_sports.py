"""A bet on another sport than football, from the bookmaker's feed to its settlement: real HTTP,
Redis and SQLite, every worker as it runs in production.
"""

from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from keter.bus.connection import Bus
from keter.bus.state.events import write_scores
from keter.bus.state.risk import RiskBook
from keter.clock import ManualClock
from keter.domain.feed import EventScore
from keter.domain.order_states import SETTLED, OrderState
from keter.domain.orders import Order
from keter.domain.quotes import Score
from keter.domain.sports_scores import BasketballScore, MatchScore, TennisScore
from keter.domain.trading import ExecutionMode
from keter.execution.reconcile.passes import KnownSelections
from keter.opening.stores import open_settings_ledger
from keter.opening.venues import open_bet_venue
from keter.processes import edge, guard, ingest, router, tracker, validator
from keter.processes.lifecycle import Work
from keter.settings import Settings
from keter.venues.asianodds.simulator.config import AccountConfig, SandboxConfig
from keter.venues.asianodds.simulator.server import Sandbox
from tests.kit.support import eventually
from tests.kit.workbench import (
    context_on,
    fund,
    opened,
    quick_feed,
    settings_for,
    working,
)

pytestmark = [pytest.mark.redis, pytest.mark.timeout(180)]
DRY = ExecutionMode.DRY
THREE_SETS = TennisScore(((6, 4), (3, 6), (6, 7)))
WORKS: dict[str, Work] = {
    "ingest": partial(ingest.run, open_source=quick_feed()),
    "validator": validator.run,
    "edge": edge.run,
    "guard": guard.run,
    "router": router.run,
    "tracker": tracker.run,
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "sport", "market_id", "score", "match", "state", "halves"),
    [
        # Home gives a quarter: it wins by two in overtime, and loses by a set.
        (2, "bb", "ot.ah.-0.25", Score(99, 97), BasketballScore((90, 90), (99, 97)), "WON", 2),
        (3, "te", "ft.sets-ah.-0.25", Score(1, 2), THREE_SETS, "LOST", -2),
    ],
    ids=["basketball", "tennis"],
)  # fmt: skip
async def test_a_price_of_another_sport_becomes_a_bet_and_is_settled_by_its_own_score(
    redis_url: str,
    tmp_path: Path,
    number: int,
    sport: str,
    market_id: str,
    score: Score,
    match: MatchScore,
    state: str,
    halves: int,
) -> None:
    world = SandboxConfig(
        accounts=(AccountConfig("demo", "demo-pass"),),
        fixed_fixtures=1,
        fixed_sport=number,
        feed_interval_scale=0,
        delay_scale=0,
    )
    async with Sandbox(world) as sandbox, opened(redis_url) as bus:
        settings = settings_for(
            tmp_path,
            AO_BASE_URL=sandbox.url,
            AO_SPORTS=number,
            PAPER_SPEED=1000,
            PAPER_DRIFT_PCT=0,
            PAPER_REFUSAL_RATE=0,
            RECONCILE_INTERVAL_S=1,
            WORKER_LEASE_TTL_S=10,
        )
        await fund(bus, settings)
        bet = await placed(bus, settings)
        intent = bet.intent
        assert intent.event_uid.startswith(f"{sport}-")
        assert "sets" not in intent.event_uid
        assert (intent.market.sport, intent.market.market_id) == (sport, market_id)
        over = intent.kickoff + timedelta(hours=3)
        await write_scores(bus, [EventScore(intent.event_uid, score, None, True, over, match)])
        ended = await settled(bus, settings, intent.intent_id, over)
        assert ended.state is OrderState(state)
        price = float(bet.odds or 0) - 1 if halves > 0 else 1
        assert ended.pnl_minor == pytest.approx(halves / 2 * price * bet.standing_minor, abs=1)
        assert (await RiskBook(bus, intent.account).read()).exposures == ()


async def placed(bus: Bus, settings: Settings) -> Order:
    """Run the house until it has a bet that runs."""
    async with AsyncExitStack() as stack:
        for name, work in WORKS.items():
            context = context_on(bus, settings, name)
            await stack.enter_async_context(working(context, work))
        ledger = await open_settings_ledger(settings, clock=context.clock)
        stack.push_async_callback(ledger.aclose)

        async def running() -> list[Order]:
            bets = await ledger.orders.open_orders(DRY)
            return [bet for bet in bets if bet.state is OrderState.FILLED]

        await eventually(running, timeout_s=60)
        [bet] = await running()
        return bet


async def settled(bus: Bus, settings: Settings, intent_id: str, now: datetime) -> Order:
    """Let a tracker of a later hour look until the bet has its result."""
    clock = ManualClock(now)
    context = replace(context_on(bus, settings, "tracker"), clock=clock)
    ledger = await open_settings_ledger(settings, clock=clock)
    selections = KnownSelections()
    venue = open_bet_venue(settings, context.account, bus, ledger, clock, intended=selections)
    passes = tracker.Tracker(context, ledger, venue, selections).passes

    async def ended() -> bool:
        clock.set(clock.now() + timedelta(seconds=30))
        passes.make_due()
        await passes.turn()
        return (await ledger.orders.get(intent_id)).state in SETTLED

    try:
        await eventually(ended, timeout_s=30)
        return await ledger.orders.get(intent_id)
    finally:
        await venue.aclose()
        await ledger.aclose()
