"""The feed over real HTTP: what we know is what the bookmaker shows, under every choice the
protocol leaves open.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from keter.domain.feed import EventScore, FeedUpdate, MarketPrices
from keter.domain.market_kinds import MarketKind
from keter.domain.markets import Phase
from keter.domain.sports import FULL_TIME
from keter.venues.asianodds.normalise import read_ref
from keter.venues.asianodds.simulator.board import MarketType
from keter.venues.asianodds.simulator.config import DEMO_ACCOUNT, ProtocolConfig
from keter.venues.asianodds.simulator.server import Sandbox
from keter.venues.asianodds.transport import MAX_BODY_BYTES
from tests.integration.asianodds.conftest import OpenAccount, OpenSandbox

KINDS = {MarketKind.ASIAN_HANDICAP: "H", MarketKind.OVER_UNDER: "O", MarketKind.ONE_X_TWO: "X"}
Known = dict[tuple[str, str], MarketPrices]


async def follow(
    source: Any, enough: Callable[[list[FeedUpdate], Known], bool], *, timeout_s: float = 30
) -> tuple[list[FeedUpdate], Known]:
    """Apply updates as ingest would, until ``enough``."""
    updates: list[FeedUpdate] = []
    known: Known = {}
    async with asyncio.timeout(timeout_s):
        async for update in source.updates():
            updates.append(update)
            for uid, market in update.removed:
                known.pop((uid, market.market_id), None)
            for prices in update.changed:
                known[prices.event.event_uid, prices.market.market_id] = prices
            if enough(updates, known):
                break
    return updates, known


def each_phase(times: int) -> Callable[[list[FeedUpdate], Known], bool]:
    return lambda updates, _: all(
        sum(update.phase is phase for update in updates) >= times for phase in Phase
    )


def shown(sandbox: Sandbox, prices: MarketPrices) -> dict[str, tuple[float | None, ...]]:
    """Return what the bookmaker's board has of the row a market came from, in our order."""
    row = sandbox.house.board.rows[read_ref(prices.ref).game_id]
    offer = row.offers[KINDS[prices.market.family], prices.market.period == FULL_TIME]
    order = (0, 2, 1) if prices.market.family is MarketKind.ONE_X_TWO else (0, 1)
    assert prices.market.line_q == offer.line_q
    return {
        book: tuple((legs[i] or 0) / 1000 or None for i in order)
        for book, legs in offer.prices.items()
    }


@pytest.mark.parametrize(
    "protocol",
    [
        ProtocolConfig(),
        ProtocolConfig(bom=True, second_port=True, throttle_answer="-810", expired_answer="-1"),
        ProtocolConfig(since_zero="ignored", throttle_answer="429", cursor_idle_s=0.2),
    ],
    ids=["plain", "bom, second port", "other cursors"],
)
async def test_what_we_know_is_what_the_bookmaker_shows(
    open_sandbox: OpenSandbox, open_account: OpenAccount, protocol: ProtocolConfig
) -> None:
    """A world that stands still: every market of every row, price for price."""
    sandbox = await open_sandbox(protocol, fixed_fixtures=30)
    _, known = await follow(open_account(sandbox).source, each_phase(2))
    assert len(known) == 60
    for prices in known.values():
        assert {book.book: book.odds for book in prices.books} == shown(sandbox, prices)


@pytest.mark.slow
async def test_a_moving_market_is_followed_change_by_change(
    open_sandbox: OpenSandbox, open_account: OpenAccount
) -> None:
    """After many deltas every market is of the phase its match is in."""
    sandbox = await open_sandbox(speed=600)
    source = open_account(sandbox).source
    updates, known = await follow(source, lambda updates, _: len(updates) >= 60)
    assert sum(len(update.changed) for update in updates) > 100
    assert any(update.removed for update in updates)
    assert {prices.phase for prices in known.values()} == set(Phase)
    rows = sandbox.house.board.rows
    live = {
        row.fixture.match_id
        for row in rows.values()
        if row.market_type is MarketType.LIVE and not row.closing
    }
    for prices in known.values():
        ref = read_ref(prices.ref)
        assert (prices.phase is Phase.LIVE) == (ref.market_type == 0)
        assert (
            prices.phase is Phase.LIVE
            or ref.match_id not in live
            or ref.game_id not in rows
            or rows[ref.game_id].closing
        )


@pytest.mark.slow
async def test_final_scores_are_those_of_the_matches(
    open_sandbox: OpenSandbox, open_account: OpenAccount
) -> None:
    sandbox = await open_sandbox(fixed_fixtures=3)
    scenario: Any = sandbox.house.scenario
    results = {match_id: (number + 1, number) for number, match_id in enumerate(scenario.fixtures)}
    finals: dict[str, EventScore] = {}
    account = open_account(sandbox)

    def enough(updates: list[FeedUpdate], known: Known) -> bool:
        if len(updates) == 4:
            for match_id, score in results.items():
                scenario.finish(match_id, score, (0, 0))
        finals.update({score.event_uid: score for score in updates[-1].scores if score.ended})
        return len(finals) == len(results)

    await follow(account.source, enough, timeout_s=60)
    fixtures = scenario.fixtures.values()
    assert {(s.score.home, s.score.away) for s in finals.values()} == {
        fixture.full_time for fixture in fixtures
    }


BAD = [
    "bom",
    "xml",
    "html",
    "truncated_gzip",
    "result_null",
    "unknown_fields",
    "missing_teams",
    "odd_odds",
    "nan",
    "http_error",
    "throttled",
    "expired_401",
    "expired_code",
    "session_killed",
]


@pytest.mark.parametrize("kind", BAD)
@pytest.mark.slow
async def test_bad_input_is_survived_and_the_good_state_stays(
    open_sandbox: OpenSandbox, open_account: OpenAccount, kind: str
) -> None:
    """The fault strikes from the fifth answer of a world that stands still: no market may change or
    be lost by it.
    """
    sandbox = await open_sandbox(fixed_fixtures=10)
    account = open_account(sandbox)
    # A session that dies again and again is a contest.
    times = 1 if "expired" in kind or "session" in kind else 3
    sandbox.faults.add({"kind": kind, "route": "getfeeds", "skip": 4, "count": times})
    updates, known = await follow(account.source, each_phase(4))
    assert sandbox.faults.injected[kind] == times  # type: ignore[index] # kinds are their own names
    assert len(known) == 20
    assert sum(len(update.changed) for update in updates) == 20
    assert not any(update.removed for update in updates)
    for prices in known.values():
        assert {book.book: book.odds for book in prices.books} == shown(sandbox, prices)


@pytest.mark.parametrize("kind", ["unknown_fields", "missing_teams", "odd_odds", "nan"])
async def test_a_first_snapshot_with_bad_content_gives_only_true_prices(
    open_sandbox: OpenSandbox, open_account: OpenAccount, kind: str
) -> None:
    sandbox = await open_sandbox(fixed_fixtures=40)
    account = open_account(sandbox)
    sandbox.faults.add({"kind": kind, "route": "getfeeds", "count": 3})
    _, known = await follow(account.source, each_phase(1))
    for prices in known.values():
        truth = shown(sandbox, prices)
        for book in prices.books:
            if kind != "odd_odds":
                assert book.odds == truth[book.book]
            assert all(odds is None or 1 < odds <= 1001 for odds in book.odds)
    if kind == "unknown_fields":
        assert len(known) == 80
        assert not account.source.problems
    else:
        assert account.source.problems


async def test_fifty_megabytes_are_refused_without_reading_them_all(
    open_sandbox: OpenSandbox, open_account: OpenAccount
) -> None:
    sandbox = await open_sandbox(fixed_fixtures=5)
    account = open_account(sandbox)
    sandbox.faults.add({"kind": "huge", "route": "getfeeds", "count": 1, "skip": 3})
    started = time.monotonic()
    _, known = await follow(account.source, each_phase(3))
    assert account.source.problems == {"too_large": 1}
    assert len(known) == 10
    assert MAX_BODY_BYTES < 50 * 2**20
    assert time.monotonic() - started < 20


async def test_another_login_elsewhere_costs_a_login_and_no_price(
    open_sandbox: OpenSandbox, open_account: OpenAccount
) -> None:
    sandbox = await open_sandbox(fixed_fixtures=5)
    account = open_account(sandbox)

    def enough(updates: list[FeedUpdate], known: Known) -> bool:
        if len(updates) == 5:
            sandbox.house.sessions.login(
                DEMO_ACCOUNT.user, DEMO_ACCOUNT.password_md5, "10.0.0.9", sandbox.house.now()
            )
        return each_phase(3)(updates, known)

    updates, known = await follow(account.source, enough)
    assert sandbox.house.calls["login"] == 2
    assert len(known) == 10
    assert not any(update.removed for update in updates)
