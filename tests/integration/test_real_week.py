"""A week of real fixtures, real odds and real results through all of Keter, checked against the
files by other code.

Two leagues, ingest to tracker, played in under a minute. Every bet's price must be a cell of its
book, every settlement the one that the result demands, every sum right to the cent.
"""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path

import pytest

from keter.bus.connection import Bus
from keter.bus.queue import depths, queues_of, read_dead
from keter.bus.state.risk import RiskBook
from keter.bus.telemetry.audit import read_counts
from keter.context import Context
from keter.domain.feed import FeedUpdate
from keter.domain.order_states import FINAL, SETTLED, OrderState
from keter.domain.orders import Order
from keter.domain.signals import Decision
from keter.domain.trading import ExecutionMode
from keter.ledger import Ledger, OrderFilter
from keter.opening.stores import open_settings_ledger
from keter.processes import edge, guard, ingest, recorder, router, tracker, validator
from keter.processes.lifecycle import Work
from keter.settings import Settings
from keter.strategies.value.evidence import recompute
from keter.venues.asianodds.simulator.config import (
    AccountConfig,
    BettingConfig,
    CsvConfig,
    SandboxConfig,
)
from keter.venues.asianodds.simulator.scenario_csv import CsvScenario
from keter.venues.asianodds.simulator.server import Sandbox
from tests.kit.football_csv import Row, read_rows
from tests.kit.signals import ACCOUNT
from tests.kit.support import eventually, football_data
from tests.kit.workbench import context_on, done_so_far, opened, quick_feed, settings_for, working

pytestmark = [pytest.mark.redis, pytest.mark.data, pytest.mark.slow, pytest.mark.timeout(600)]
FIRST, LAST = "2024-05-13", "2024-05-19"
SPEED = 20_000.0
MIN_EV_PCT = 0.5
DRY = ExecutionMode.DRY


def week(files: list[Path]) -> SandboxConfig:
    return SandboxConfig(
        speed=SPEED,
        feed_interval_scale=0,
        delay_scale=0,
        accounts=(AccountConfig("demo", "demo-pass"),),
        betting=BettingConfig(quote_drift_rate=0.0),
        csv=CsvConfig(paths=tuple(files), first=FIRST, last=LAST),
    )


def daring(folder: Path, sandbox: Sandbox) -> Settings:
    """Limits wide enough to bet on everything that has a little value; fills without drift, so that
    prices stay cells.
    """
    wide = dict.fromkeys(
        ("MAX_EXPOSURE_EVENT", "MAX_EXPOSURE_LEAGUE", "MAX_EXPOSURE_DAY", "MAX_EXPOSURE_TOTAL"),
        99_999,
    )
    return settings_for(
        folder,
        AO_BASE_URL=sandbox.url,
        MIN_EV_PCT=MIN_EV_PCT,
        MAX_CONSENSUS_SPREAD_PCT=20,
        STAKE_RULE="ev",
        STAKE_STEP="0.01",
        MIN_STAKE="0.10",
        EV_REFERENCE_PCT=1,
        MAX_BETS_PER_EVENT=50,
        THROTTLE_BETS=1000,
        COOLDOWN_EVENT_SEC=0,
        COOLDOWN_SELECTION_SEC=0,
        DAILY_LOSS_LIMIT_UNITS=10_000,
        LOSING_STREAK_LIMIT=1000,
        PAPER_SPEED=1000,
        PAPER_DRIFT_PCT=0,
        PAPER_REFUSAL_RATE=0.1,
        RECONCILE_INTERVAL_S=1,
        # A busy machine must not cost a lease: what is done twice is counted twice
        WORKER_LEASE_TTL_S=10,
        **wide,
    )


@asynccontextmanager
async def whole_house(
    bus: Bus, settings: Settings, updates: list[FeedUpdate]
) -> AsyncIterator[dict[str, Context]]:
    feed = quick_feed(0.1, final_after=timedelta(seconds=2), witness=updates.append)
    runs: dict[str, Work] = {
        "ingest": partial(ingest.run, open_source=feed),
        "validator": validator.run,
        "edge": edge.run,
        "guard": guard.run,
        "router": router.run,
        "tracker": tracker.run,
        "recorder": recorder.run,
    }
    contexts = {}
    async with AsyncExitStack() as stack:
        for process, run in reversed(runs.items()):
            contexts[process] = context_on(bus, settings, process)
            await stack.enter_async_context(working(contexts[process], run))
        yield contexts


async def test_a_real_week_from_feed_to_profit(redis_url: str, tmp_path: Path) -> None:
    files = [football_data() / "E0_2324.csv", football_data() / "SP1_2324.csv"]
    rows = {row.teams: row for row in read_rows(files, FIRST, LAST)}
    updates: list[FeedUpdate] = []
    async with Sandbox(week(files)) as sandbox, opened(redis_url) as bus:
        settings = daring(tmp_path, sandbox)
        async with whole_house(bus, settings, updates) as contexts:
            ledger = await open_settings_ledger(settings, clock=contexts["guard"].clock)
            try:
                soon = partial(
                    eventually, timeout_s=60, every_s=0.5, progress=partial(done_so_far, bus)
                )
                # By the clock: a week is a minute.
                await eventually(lambda: over(sandbox), timeout_s=120, every_s=0.5)
                await soon(lambda: all_final(ledger))
                await soon(lambda: empty(bus))
                await soon(lambda: recorded(bus))
                bets = await ledger.orders.list_orders(OrderFilter(mode=DRY), limit=10_000)
                decisions = await ledger.decisions.recent(100_000)
                counts = await read_counts(bus, contexts["guard"].period())
                check_feed(updates, rows)
                check_stages(counts, decisions, contexts)
                check_bets(bets, rows, counts)
                await check_money(bets, ledger, bus, contexts["guard"].period())
            finally:
                await ledger.aclose()
        assert [
            letter for queue in queues_of([ACCOUNT]) for letter in await read_dead(bus, queue)
        ] == []


def check_feed(updates: list[FeedUpdate], rows: dict[tuple[str, str], Row]) -> None:
    """Every fixture and every market of the files was seen, and nothing else."""
    seen: dict[tuple[str, str], set[str]] = {}
    for update in updates:
        for prices in update.changed:
            teams = prices.event.home, prices.event.away
            assert prices.event.league == rows[teams].league
            seen.setdefault(teams, set()).add(prices.market.market_id)
    assert seen == {teams: row.markets() for teams, row in rows.items()}
    finals = {
        score.event_uid: score.score for update in updates for score in update.scores if score.ended
    }
    events = {
        prices.event.event_uid: prices.event for update in updates for prices in update.changed
    }
    assert set(finals) == set(events)
    for uid, score in finals.items():
        assert (score.home, score.away) == rows[events[uid].home, events[uid].away].goals


def check_stages(
    counts: dict[str, int], decisions: list[Decision], contexts: dict[str, Context]
) -> None:
    """Check that each stage accounts for what it took, reason by reason.

    What it audited is what it counted.
    """
    taken = {name: context.heart._counters.get("items", 0) for name, context in contexts.items()}
    stages = {stage: Counter[str]() for stage in ("validator", "edge", "guard", "router")}
    for name, times in counts.items():
        stage, _, reason = name.partition(":")
        if stage in stages and not reason.startswith("book_"):
            stages[stage][reason] = times
    assert taken["validator"] == sum(stages["validator"].values()) <= counts["ingest:changed"]
    assert 0 < taken["edge"] <= stages["validator"]["ok"]
    assert (
        taken["guard"]
        == sum(stages["guard"].values())
        <= stages["edge"]["ok"] + stages["guard"]["contended"]
    )
    assert (
        taken["router"]
        == sum(stages["router"].values())
        <= stages["guard"]["ok"] + stages["guard"]["refreshed"]
    )
    audited = Counter((decision.stage, decision.verdict.reason.value) for decision in decisions)
    assert audited["edge", "ok"] == stages["edge"]["ok"]
    assert audited["edge", "ev_too_high"] == stages["edge"]["ev_too_high"]
    for reason, times in stages["router"].items():
        assert audited["router", reason] == times
    approved = {
        decision.decision_id
        for decision in decisions
        if decision.stage == "guard" and decision.verdict.accepted
    }
    assert len(approved) == stages["guard"]["ok"]
    for decision in decisions:
        if decision.stage == "edge" and decision.verdict.accepted:
            fair = decision.details["fair"]
            assert isinstance(fair, dict)
            assert recompute(fair["evidence"]).identical


def check_bets(bets: list[Order], rows: dict[tuple[str, str], Row], counts: dict[str, int]) -> None:
    """Each bet is one the file would have given, settled as the result demands."""
    assert len(bets) >= 10, "a week without bets proves nothing"
    assert len(bets) == len({bet.intent.decision_id for bet in bets})
    sent = [bet for bet in bets if bet.state is not OrderState.SKIPPED]
    assert len(sent) == counts.get("router:ok", 0) + counts.get("router:venue_refused", 0)
    for bet in bets:
        row = rows[bet.intent.home, bet.intent.away]
        assert bet.intent.ev_pct >= MIN_EV_PCT
        if bet.state in SETTLED:
            assert bet.odds is not None
            assert bet.book is not None
            assert Decimal(bet.odds) in row.prices(bet.book, bet.intent.selection_id)
            expected = row.profit_minor(
                bet.intent.selection_id, Decimal(bet.odds), bet.standing_minor
            )
            assert bet.pnl_minor == expected, (bet, row.goals)
            assert sign(bet.state) == (expected > 0) - (expected < 0)
    assert sum(bet.state in SETTLED for bet in bets) >= 5


def sign(state: OrderState) -> int:
    if state in {OrderState.WON, OrderState.HALF_WON}:
        return 1
    return -1 if state in {OrderState.LOST, OrderState.HALF_LOST} else 0


async def check_money(bets: list[Order], ledger: Ledger, bus: Bus, day: str) -> None:
    """Check that the day's profit is the same in bets, ledger sums and risk book.

    Nothing is left at risk.
    """
    profit = sum(bet.pnl_minor or 0 for bet in bets if bet.state in SETTLED)
    summary = await ledger.summary(DRY, None, day)
    state = await RiskBook(bus, ACCOUNT).read()
    assert state.day is not None
    assert profit == summary.pnl_minor == state.day.pnl_minor
    assert state.exposures == ()
    assert summary.outstanding_minor == 0
    staked = sum(
        bet.standing_minor or bet.intent.stake_minor for bet in bets if bet.state in SETTLED
    )
    assert staked == summary.staked_minor


def over(sandbox: Sandbox) -> bool:
    scenario = sandbox.house.scenario
    assert isinstance(scenario, CsvScenario)
    return all(show.fixture.full_time is not None for show in scenario.listings)


async def all_final(ledger: Ledger) -> bool:
    bets = await ledger.orders.list_orders(OrderFilter(mode=DRY), limit=10_000)
    return bool(bets) and all(bet.state in FINAL for bet in bets)


async def empty(bus: Bus) -> bool:
    return all(
        facts.depth == facts.in_flight == 0 for facts in (await depths(bus, [ACCOUNT])).values()
    )


async def recorded(bus: Bus) -> bool:
    return not await bus.redis.execute_command("EXISTS", bus.keys.audit, bus.keys.audit_taken)
