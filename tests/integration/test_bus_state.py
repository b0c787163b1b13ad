"""Everything in Redis that is not a queue, a lock or risk: trading, odds, feeds, alerts, sessions,
records, heartbeats.
"""

import asyncio
import json
import os
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import msgspec
import pytest

from keter.bus.codec import decode, encode
from keter.bus.connection import Bus
from keter.bus.errors import StaleRevisionError
from keter.bus.queue import Pipe
from keter.bus.state.accounts import read_accounts, write_account
from keter.bus.state.cooldowns import (
    clear_cooldown,
    cool_down,
    cooldown_left_s,
    cooling,
    list_cooldowns,
)
from keter.bus.state.events import FixtureStore, read_score, write_scores
from keter.bus.state.feeds import read_feeds, write_feed
from keter.bus.state.odds import read_odds, read_selections, remove_odds, write_odds
from keter.bus.state.permissions import (
    arm,
    disarm,
    read_arming,
    read_limits,
    restore_limits,
    write_limit,
)
from keter.bus.state.sessions import SessionStore, ThrottleStore
from keter.bus.state.trading import change_trading, known_scopes, read_trading
from keter.bus.telemetry.alerts import acknowledge_alert, clear_alert, raise_alert, read_alerts
from keter.bus.telemetry.audit import done_audit, take_audit
from keter.bus.telemetry.capture import done_capture, push_capture, take_capture
from keter.bus.telemetry.heartbeats import Heart, read_heartbeats
from keter.clock import ManualClock
from keter.domain.alerts import Alert
from keter.domain.feed import CapturedAnswer, EventScore
from keter.domain.market_kinds import MarketKind
from keter.domain.markets import Event, Market, Phase, parse_market
from keter.domain.quotes import BookPrices, MarketUpdate, Score, VenueRef
from keter.domain.signals import Decision
from keter.domain.sports import FULL_TIME
from keter.domain.tickets import AccountSnapshot
from keter.domain.trading import TradingMode, TradingState
from keter.domain.verdicts import Reason, accept
from keter.venues.asianodds.stores import Session
from tests.kit.execution import ACCOUNT, MARK
from tests.kit.support import ROOT, eventually

OTHER = "asianodds:ANOTHER"
NOW = datetime(2026, 2, 21, 12, tzinfo=UTC)
LATER = NOW + timedelta(minutes=1)


def state(mode: TradingMode = TradingMode.ACTIVE, **changes: object) -> TradingState:
    return msgspec.structs.replace(TradingState(mode, "op", "why", NOW), **changes)


# Trading


async def test_without_a_state_nothing_may_be_bet(bus: Bus) -> None:
    view = await read_trading(bus, NOW)
    assert view.state is None
    assert view.may_bet(NOW).reason is Reason.TRADING_NOT_ACTIVE


async def test_an_active_state_lets_bets_through_until_it_is_changed(bus: Bus) -> None:
    active = await change_trading(bus, state(), expected_revision=None, now=NOW)
    assert (active.revision, (await read_trading(bus, NOW)).state) == (1, active)
    assert (await read_trading(bus, NOW)).may_bet(NOW).accepted
    for mode in (TradingMode.REDUCING, TradingMode.PAUSED, TradingMode.HALTED):
        changed = await change_trading(bus, state(mode), expected_revision=None, now=NOW)
        verdict = (await read_trading(bus, NOW)).may_bet(NOW)
        assert not verdict.accepted
        assert verdict.numbers == {"cause": mode.value, "revision": changed.revision}
        assert (await read_trading(bus, NOW)).reducing(NOW) == (mode is TradingMode.REDUCING)


async def test_a_pause_ends_at_its_time_and_a_pause_that_is_over_is_refused(bus: Bus) -> None:
    await change_trading(
        bus, state(TradingMode.PAUSED, until=LATER), expected_revision=None, now=NOW
    )
    view = await read_trading(bus, NOW)
    assert not view.may_bet(LATER - timedelta(seconds=1)).accepted
    assert view.may_bet(LATER).accepted
    with pytest.raises(ValueError, match="in the future"):
        await change_trading(
            bus, state(TradingMode.PAUSED, until=NOW), expected_revision=None, now=LATER
        )


async def test_a_change_needs_the_revision_it_was_decided_on(bus: Bus) -> None:
    await change_trading(bus, state(), expected_revision=0, now=NOW)
    with pytest.raises(StaleRevisionError, match="revision is 1, not 0"):
        await change_trading(bus, state(TradingMode.HALTED), expected_revision=0, now=NOW)
    assert (
        await change_trading(bus, state(TradingMode.HALTED), expected_revision=1, now=NOW)
    ).revision == 2


async def test_of_changes_on_the_same_revision_one_wins(bus: Bus) -> None:
    changes = [change_trading(bus, state(), expected_revision=0, now=NOW) for _ in range(10)]
    answers = await asyncio.gather(*changes, return_exceptions=True)
    assert sum(isinstance(answer, TradingState) for answer in answers) == 1


async def test_a_state_restored_from_the_ledger_never_falls_behind(bus: Bus) -> None:
    assert (
        await change_trading(bus, state(revision=41), expected_revision=None, now=NOW)
    ).revision == 42


@pytest.mark.parametrize(
    ("value", "may"),
    [("0", False), ("false", False), ("OFF", False), (" no ", False), ("1", True), ("true", True)],
)
async def test_the_originals_switch_is_honoured(value: str, may: bool, bus: Bus) -> None:
    await change_trading(bus, state(), expected_revision=None, now=NOW)
    await bus.redis.set("trading_enabled", value)
    assert (await read_trading(bus, NOW)).may_bet(NOW).accepted is may


@pytest.mark.parametrize("command", [("SET", "GLOBAL_STOP", "0"), ("RPUSH", "GLOBAL_STOP", "x")])
async def test_a_global_stop_of_any_kind_stops(command: tuple[str, ...], bus: Bus) -> None:
    await change_trading(bus, state(), expected_revision=None, now=NOW)
    await bus.redis.execute_command(*command)
    assert (await read_trading(bus, NOW)).may_bet(NOW).numbers == {"cause": "GLOBAL_STOP"}


ONE, OTHER = "asianodds:one", "asianodds:other"


async def test_a_state_of_one_account_stops_that_account_alone(bus: Bus) -> None:
    await change_trading(bus, state(), expected_revision=0, now=NOW)
    paused = state(TradingMode.PAUSED, until=LATER)
    paused = await change_trading(bus, paused, expected_revision=0, now=NOW, scope=ONE)
    own = await read_trading(bus, NOW, [ONE])
    assert (own.scoped, own.may_bet(NOW).accepted) == ({ONE: paused}, False)
    assert own.may_bet(LATER).accepted
    assert (await read_trading(bus, NOW, [OTHER])).may_bet(NOW).accepted
    both = await read_trading(bus, NOW, [OTHER, ONE])
    assert both.scoped == {ONE: paused}
    assert both.narrowed(OTHER).may_bet(NOW).accepted
    assert (await read_trading(bus, NOW)).scoped == {}
    assert await known_scopes(bus) == [ONE]


async def test_without_a_common_state_an_accounts_own_allows_nothing(bus: Bus) -> None:
    await change_trading(bus, state(), expected_revision=0, now=NOW, scope=ONE)
    view = await read_trading(bus, NOW, [ONE])
    assert view.may_bet(NOW).numbers == {"cause": "no trading state"}
    assert not view.reducing(NOW)


async def test_each_scope_counts_its_own_revisions(bus: Bus) -> None:
    for revision in range(3):
        await change_trading(bus, state(), expected_revision=revision, now=NOW)
    await change_trading(bus, state(), expected_revision=0, now=NOW, scope=ONE)
    with pytest.raises(StaleRevisionError, match=f"trading of {ONE} .* is 1, not 3"):
        await change_trading(bus, state(), expected_revision=3, now=NOW, scope=ONE)
    view = await read_trading(bus, NOW, [ONE])
    assert view.revisions == {"": 3, ONE: 1}
    assert view.gauges == {"trading_revision": 3, f"trading_revision:{ONE}": 1}


async def test_an_accounts_halt_disarms_that_account_alone(bus: Bus) -> None:
    for account in (ONE, OTHER):
        await arm(bus, account, "op", NOW, MARK)
    halted = state(TradingMode.HALTED)
    await change_trading(bus, state(TradingMode.PAUSED), expected_revision=0, now=NOW, scope=ONE)
    assert await read_arming(bus, ONE, MARK) is not None
    await change_trading(bus, halted, expected_revision=1, now=NOW, scope=ONE)
    assert await read_arming(bus, ONE, MARK) is None
    assert await read_arming(bus, OTHER, MARK) is not None
    await change_trading(bus, halted, expected_revision=None, now=NOW)
    assert await read_arming(bus, OTHER, MARK) is None


async def test_a_scoped_state_that_cannot_be_read_stops_its_account(bus: Bus) -> None:
    await change_trading(bus, state(), expected_revision=0, now=NOW)
    await bus.redis.hset(bus.keys.trading_state_of(ONE), mapping={"mode": "FAST", "revision": "4"})
    view = await read_trading(bus, NOW, [ONE])
    assert view.may_bet(NOW).numbers == {"cause": "HALTED", "revision": 4}
    await change_trading(bus, state(), expected_revision=4, now=NOW, scope=ONE)
    assert (await read_trading(bus, NOW, [ONE])).may_bet(NOW).accepted


async def test_arming_belongs_to_one_account_and_can_be_taken_back(bus: Bus) -> None:
    assert await read_arming(bus, "acc", MARK) is None
    armed = await arm(bus, "acc", "op", NOW, MARK)
    assert await read_arming(bus, "acc", MARK) == armed
    assert await read_arming(bus, "other", MARK) is None
    assert await disarm(bus, "acc")
    assert not await disarm(bus, "acc")
    assert await read_arming(bus, "acc", MARK) is None


# Odds, feeds, scores


def update(
    event_uid: str = "fb-1",
    *,
    kickoff: datetime = NOW + timedelta(hours=3),
    market: str = "ft.ou.2.5",
) -> MarketUpdate:
    event = Event(event_uid, "fb", "League", "A", "B", kickoff)
    books = (
        BookPrices("PIN", (1.9, 2.0), ("1.90", "2.00"), NOW, NOW),
        BookPrices("SBO", (1.95, None), ("1.95", ""), NOW, NOW),
    )
    return MarketUpdate(
        "t",
        ACCOUNT,
        event,
        parse_market("fb", market),
        Phase.TODAY,
        VenueRef("ao", "k"),
        books,
        True,
        NOW,
    )


async def test_odds_are_kept_per_selection_with_every_book_that_prices_it(bus: Bus) -> None:
    await write_odds(bus, [update()])
    over, under = (
        await read_odds(bus, ACCOUNT, "fb-1", "ft.ou.2.5.over"),
        await read_odds(bus, ACCOUNT, "fb-1", "ft.ou.2.5.under"),
    )
    assert over is not None
    assert under is not None
    assert [(price.book, price.odds, price.text) for price in over.prices] == [
        ("PIN", 1.9, "1.90"),
        ("SBO", 1.95, "1.95"),
    ]
    assert [price.book for price in under.prices] == ["PIN"]
    assert (over.market, over.outcome.value) == (parse_market("fb", "ft.ou.2.5"), "over")
    assert await read_odds(bus, ACCOUNT, "fb-2", "ft.ou.2.5.over") is None


async def test_odds_expire_some_hours_after_kick_off(bus: Bus) -> None:
    await write_odds(
        bus,
        [
            update(),
            update("fb-past", kickoff=NOW - timedelta(days=1)),
            update("fb-far", kickoff=NOW + timedelta(days=90)),
        ],
    )
    lives = [
        await bus.redis.pttl(bus.keys.odds(uid, "ft.ou.2.5.over", ACCOUNT)) / 3_600_000
        for uid in ("fb-1", "fb-past", "fb-far")
    ]
    assert lives == pytest.approx([7, 1 / 6, 192], rel=0.01)


async def test_a_feeds_confirmation_confirms_the_prices_it_did_not_mention(bus: Bus) -> None:
    await write_odds(bus, [update()])
    first = await read_odds(bus, ACCOUNT, "fb-1", "ft.ou.2.5.over")
    assert first is not None
    assert first.confirmed_at == NOW
    await write_feed(bus, ACCOUNT, Phase.TODAY, {"confirmed_at": LATER})
    second = await read_odds(bus, ACCOUNT, "fb-1", "ft.ou.2.5.over")
    assert second is not None
    assert second.confirmed_at == LATER
    await write_feed(bus, "other", Phase.TODAY, {"confirmed_at": LATER + timedelta(hours=1)})
    assert await read_odds(bus, ACCOUNT, "fb-1", "ft.ou.2.5.over") == second


async def test_a_feed_confirms_nothing_that_an_earlier_one_left_behind(bus: Bus) -> None:
    await write_odds(bus, [update()])
    began_at = NOW + timedelta(milliseconds=1)
    await write_feed(bus, ACCOUNT, Phase.TODAY, {"confirmed_at": LATER, "began_at": began_at})
    left = await read_odds(bus, ACCOUNT, "fb-1", "ft.ou.2.5.over")
    assert left is not None
    assert left.confirmed_at == NOW
    assert await read_selections(bus, ACCOUNT, "fb-1", ["ft.ou.2.5.over"]) == [left]
    await write_odds(bus, [msgspec.structs.replace(update(), received_at=began_at)])
    told = await read_odds(bus, ACCOUNT, "fb-1", "ft.ou.2.5.over")
    assert told is not None
    assert told.confirmed_at == LATER
    assert await read_selections(bus, ACCOUNT, "fb-1", ["ft.ou.2.5.over"]) == [told]
    assert [facts.began_at for facts in await read_feeds(bus, [ACCOUNT])] == [began_at]


async def test_each_account_has_the_prices_of_its_own_feed_and_their_confirmation(
    bus: Bus,
) -> None:
    mine = update()
    price = BookPrices("PIN", (1.8, 2.1), ("1.80", "2.10"), NOW, NOW)
    theirs = msgspec.structs.replace(mine, account=OTHER, books=(price,))
    await write_odds(bus, [mine, theirs])
    await write_feed(bus, OTHER, Phase.TODAY, {"confirmed_at": LATER})
    name = "ft.ou.2.5.over"
    for account, odds, confirmed_at in ((ACCOUNT, 1.9, NOW), (OTHER, 1.8, LATER)):
        found = await read_odds(bus, account, "fb-1", name)
        assert found is not None
        assert (found.account, found.prices[0].odds) == (account, odds)
        assert found.confirmed_at == confirmed_at
        assert await read_selections(bus, account, "fb-1", [name]) == [found]
    await remove_odds(bus, OTHER, [("fb-1", mine.market)])
    assert await read_odds(bus, OTHER, "fb-1", name) is None
    assert await read_odds(bus, ACCOUNT, "fb-1", name) is not None


async def test_removed_markets_leave_no_price(bus: Bus) -> None:
    await write_odds(bus, [update(), update(market="ft.ah.-0.75")])
    await remove_odds(
        bus,
        ACCOUNT,
        [("fb-1", parse_market("fb", "ft.ou.2.5")), ("fb-nobody", parse_market("fb", "ft.1x2"))],
    )
    assert await read_odds(bus, ACCOUNT, "fb-1", "ft.ou.2.5.over") is None
    assert await bus.redis.dbsize() == 2
    await remove_odds(bus, ACCOUNT, [])


async def test_thousands_of_odds_are_written_in_several_round_trips(bus: Bus) -> None:
    markets = [Market(FULL_TIME, MarketKind.OVER_UNDER, line) for line in range(1, 700)]
    await write_odds(bus, [msgspec.structs.replace(update(), market=market) for market in markets])
    assert await bus.redis.dbsize() == 2 * 699
    await remove_odds(bus, ACCOUNT, [("fb-1", market) for market in markets])
    assert await bus.redis.dbsize() == 0


async def test_a_failed_attempt_leaves_a_feeds_confirmation_alone(bus: Bus) -> None:
    await write_feed(
        bus,
        ACCOUNT,
        Phase.LIVE,
        {"confirmed_at": NOW, "known_markets": 7, "body_bytes": 9, "parse_s": 0.5},
    )
    await write_feed(
        bus,
        ACCOUNT,
        Phase.LIVE,
        {"requested_at": LATER, "confirmed_at": None, "problems": 3, "last_problem": "timeout"},
    )
    await write_feed(bus, ACCOUNT, Phase.EARLY, {"requested_at": NOW})
    await write_feed(bus, OTHER, Phase.EARLY, {"requested_at": NOW})
    early, live = await read_feeds(bus, [ACCOUNT])
    assert (early.phase, early.confirmed_at, early.known_markets) == (Phase.EARLY, None, None)
    assert (
        live.confirmed_at,
        live.requested_at,
        live.known_markets,
        live.body_bytes,
        live.parse_s,
    ) == (NOW, LATER, 7, 9, 0.5)
    assert live.fields == {"problems": 3, "last_problem": "timeout"}


async def test_the_newest_score_of_an_event_counts(bus: Bus) -> None:
    assert await read_score(bus, "fb-1") is None
    for home, ended in ((0, False), (2, True)):
        await write_scores(bus, [EventScore("fb-1", Score(home, 1, 90), (0, 0), ended, NOW)])
    last = await read_score(bus, "fb-1")
    assert last is not None
    assert (last.score.home, last.half_time, last.ended) == (2, (0, 0), True)


async def test_each_account_has_its_newest_snapshot(bus: Bus) -> None:
    one = AccountSnapshot("acc", "EUR", 10_000, 500, -200, 0, NOW)
    await write_account(bus, one)
    await write_account(bus, msgspec.structs.replace(one, credit_minor=9_000))
    await write_account(bus, msgspec.structs.replace(one, account="other: {odd}"))
    assert [(found.account, found.credit_minor) for found in await read_accounts(bus)] == [
        ("acc", 9_000),
        ("other: {odd}", 10_000),
    ]


# Alerts, cooldowns


async def test_an_alert_raised_again_keeps_its_age_and_who_has_seen_it(bus: Bus) -> None:
    alert = Alert("feed.stale", "page", "Feed is stale", "60 s", NOW)
    assert await raise_alert(bus, alert)
    assert await acknowledge_alert(bus, alert.id, "op", LATER)
    assert await acknowledge_alert(bus, alert.id, "somebody else", LATER)
    assert not await raise_alert(bus, msgspec.structs.replace(alert, detail="90 s", since=LATER))
    [standing] = await read_alerts(bus)
    assert standing == msgspec.structs.replace(
        alert, detail="90 s", acknowledged_by="op", acknowledged_at=LATER
    )
    assert await clear_alert(bus, alert.id)
    assert not await clear_alert(bus, alert.id)
    assert await read_alerts(bus) == []
    assert not await acknowledge_alert(bus, alert.id, "op", LATER)


@pytest.mark.parametrize(
    "fields",
    [
        {"alert": "{"},
        {"alert": '{"v": 99}', "since_ms": "1" * 40},
        {"since_ms": "x"},
        {"actor": "op"},
    ],
)
async def test_an_alert_that_cannot_be_read_stands_and_hides_no_other(
    bus: Bus, fields: dict[str, str]
) -> None:
    for name in ("good", "odd"):
        await raise_alert(bus, Alert(name, "info", name, "", NOW))
    await bus.redis.delete(bus.keys.alert("odd"))
    for field, value in fields.items():
        await bus.redis.execute_command("HSET", bus.keys.alert("odd"), field, value)
    found = {alert.id: (alert.level, alert.title) for alert in await read_alerts(bus)}
    assert found == {"good": ("info", "good"), "odd": ("page", "An alert that cannot be read")}


async def test_alerts_are_listed_oldest_first_and_expired_ones_are_forgotten(bus: Bus) -> None:
    for name, since in (("late", LATER), ("early", NOW), ("gone", NOW)):
        await raise_alert(bus, Alert(name, "info", name, "", since))
    await bus.redis.delete(bus.keys.alert("gone"))
    assert [alert.id for alert in await read_alerts(bus)] == ["early", "late"]
    assert await bus.redis.zcard(bus.keys.alerts) == 2


async def test_an_event_or_a_selection_rests_until_its_time_is_over(bus: Bus) -> None:
    await cool_down(bus, ACCOUNT, event_uid="e1", seconds=60, reason="attempt")
    await cool_down(
        bus, ACCOUNT, event_uid="e2", selection_id="ft.1x2.home", seconds=60, reason="price_moved"
    )
    assert await cooling(bus, ACCOUNT, "e1", "ft.1x2.away") is Reason.COOLDOWN_EVENT
    assert await cooling(bus, ACCOUNT, "e2", "ft.1x2.home") is Reason.COOLDOWN_SELECTION
    assert await cooling(bus, ACCOUNT, "e2", "ft.1x2.away") is None
    assert await cooling(bus, ACCOUNT, "e3", "ft.1x2.home") is None


async def test_a_rest_is_of_one_account_alone(bus: Bus) -> None:
    await cool_down(bus, ACCOUNT, event_uid="e1", seconds=60, reason="attempt")
    await cool_down(
        bus, ACCOUNT, event_uid="e2", selection_id="ft.1x2.home", seconds=60, reason="price_moved"
    )
    await cool_down(bus, OTHER, event_uid="e3", seconds=60, reason="attempt")
    found = {
        account: [await cooling(bus, account, event, "ft.1x2.home") for event in ("e1", "e2", "e3")]
        for account in (ACCOUNT, OTHER)
    }
    assert found == {
        ACCOUNT: [Reason.COOLDOWN_EVENT, Reason.COOLDOWN_SELECTION, None],
        OTHER: [None, None, Reason.COOLDOWN_EVENT],
    }
    assert await cooldown_left_s(bus, ACCOUNT, "e1", "s") > 50
    assert await cooldown_left_s(bus, OTHER, "e1", "s") == 0
    assert len(await list_cooldowns(bus, ACCOUNT)) == 2
    assert await clear_cooldown(bus, bus.keys.cooldown_event("e1", ACCOUNT))
    assert await cooling(bus, ACCOUNT, "e1", "s") is None
    assert await cooling(bus, OTHER, "e3", "s") is Reason.COOLDOWN_EVENT


async def test_a_limit_is_lowered_on_one_account_alone(bus: Bus) -> None:
    assert await write_limit(bus, ACCOUNT, "max_stake", Decimal(5), instead_of=None)
    assert await read_limits(bus, OTHER) == {}
    assert await write_limit(bus, OTHER, "max_stake", Decimal(9), instead_of=None)
    await restore_limits(bus, OTHER, {"max_stake": Decimal(7), "max_exposure_day": Decimal(30)})
    assert await read_limits(bus, ACCOUNT) == {"max_stake": 5}
    assert await read_limits(bus, OTHER) == {"max_stake": 7, "max_exposure_day": 30}


async def test_a_longer_rest_is_not_shortened_and_none_is_none(bus: Bus) -> None:
    await cool_down(bus, ACCOUNT, event_uid="e", seconds=60, reason="long")
    await cool_down(bus, ACCOUNT, event_uid="e", seconds=5, reason="short")
    await cool_down(bus, ACCOUNT, event_uid="never", seconds=0, reason="off")
    [rest] = await list_cooldowns(bus, ACCOUNT)
    assert rest.reason == "long"
    assert 55 < rest.remaining_s <= 60
    assert await clear_cooldown(bus, rest.key)
    assert not await clear_cooldown(bus, rest.key)
    assert await cooling(bus, ACCOUNT, "e", "s") is None
    with pytest.raises(ValueError, match="not a cooldown"):
        await clear_cooldown(bus, "trading:state")


# Sessions, throttles


async def test_a_session_is_dropped_only_by_the_token_that_failed(bus: Bus) -> None:
    store = SessionStore(bus, Session)
    assert await store.read("acc") is None
    await store.write("acc", Session("old-token", "key", "http://x", NOW))
    new = Session("new-token", "key", "http://y", LATER)
    await store.write("acc", new)
    await store.drop("acc", "old-token")
    assert await store.read("acc") == new
    assert await bus.redis.pttl(bus.keys.session("acc")) > 0
    await store.drop("acc", "new-token")
    assert await store.read("acc") is None


async def test_fixtures_are_kept_by_match_id_and_removed_one_by_one(bus: Bus) -> None:
    store = FixtureStore(bus)
    assert await store.load("acc") == {}
    one, other = update("fb-1").event, update("fb-2").event
    await store.save("acc", {-7: one, 2**40: other})
    await store.save("acc", {})
    assert await store.load("acc") == {-7: one, 2**40: other}
    await store.save("acc", {-7: None, 2**40: one})
    await bus.redis.hset(bus.keys.fixtures("acc"), "5", b"{}")
    await bus.redis.hset(bus.keys.fixtures("acc"), "x", b"{}")
    assert await store.load("acc") == {2**40: one}
    assert await bus.redis.pttl(bus.keys.fixtures("acc")) > 0


async def test_a_throttle_gives_one_call_per_interval_and_name(bus: Bus) -> None:
    throttle = ThrottleStore(bus)
    assert await throttle.take("acc", "feeds:1", 5) == 0
    assert 4 < await throttle.take("acc", "feeds:1", 5) <= 5
    assert await throttle.take("acc", "feeds:0", 5) == 0
    assert await throttle.take("other", "feeds:1", 5) == 0
    assert await throttle.take("acc", "short", 0.05) == 0

    async def free() -> bool:
        return await throttle.take("acc", "short", 0.05) == 0

    await eventually(free, timeout_s=2)


TAKER = """
import asyncio, json, sys
from keter.bus.connection import connect
from keter.bus.state.sessions import ThrottleStore

async def main(url, takers):
    bus = await connect(url)
    throttle, taken = ThrottleStore(bus), []
    await bus.redis.execute_command("INCR", "takers")
    while int(await bus.redis.execute_command("GET", "takers")) < takers:
        await asyncio.sleep(0.01)
    until_ms = await bus.now_ms() + 3_000
    while await bus.now_ms() < until_ms:
        wait = await throttle.take("acc", "feeds", 0.2)
        if wait == 0:
            taken.append(await bus.now_ms())
        else:
            await asyncio.sleep(min(wait, 0.01))
    await bus.aclose()
    print(json.dumps(taken))

asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""


@pytest.mark.slow
async def test_a_throttle_is_shared_by_all_processes(bus: Bus, redis_url: str) -> None:
    """Three processes that ask as fast as they can get one call per interval between them.

    They begin when all are there, however long a busy machine takes to start them.
    """
    children = [
        await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            TAKER,
            redis_url,
            "3",
            stdout=asyncio.subprocess.PIPE,
            cwd=ROOT,
            env=dict(os.environ),
        )
        for _ in range(3)
    ]
    taken = [json.loads((await child.communicate())[0]) for child in children]
    moments = sorted(moment for part in taken for moment in part)
    assert sum(bool(part) for part in taken) >= 2, (
        "only one process got through: nothing was shared"
    )
    assert len(moments) >= 5
    gaps = [after - before for before, after in pairwise(moments)]
    assert len(moments) <= (moments[-1] - moments[0]) / 200 + 1.5
    assert sum(gaps) / len(gaps) >= 199


# Records


def decision(n: int) -> Decision:
    return Decision(f"t{n}", "edge", "w", "e", "s", accept(n=n), NOW)


async def test_a_batch_of_decisions_is_kept_until_it_is_written_down(bus: Bus) -> None:
    producer = Pipe(bus, source=None, worker="edge", lease_ttl_s=5)
    await producer.step(audit=[encode(decision(n)) for n in range(5)])
    first = await take_audit(bus, 3)
    assert [decode(Decision, entry).trace_id for entry in first.entries] == ["t0", "t1", "t2"]
    again = await take_audit(bus, 3)  # another recorder, after the first one's death
    assert again.entries == first.entries
    assert not await done_audit(bus, first)
    assert await done_audit(bus, again)
    rest = await take_audit(bus)
    assert [decode(Decision, entry).trace_id for entry in rest.entries] == ["t3", "t4"]
    assert await done_audit(bus, rest)
    assert (await take_audit(bus)).entries == ()


def answer(n: int = 0, body: bytes = b"{}") -> CapturedAnswer:
    return CapturedAnswer("acc", "ao", {"market_type": n}, NOW, LATER, body)


async def test_captured_answers_come_back_byte_for_byte(bus: Bus) -> None:
    sent = [answer(1, b"\xef\xbb\xbf{}" * 1_000), answer(2, bytes(range(256)))]
    for each in sent:
        assert await push_capture(bus, each)
    batch = await take_capture(bus)
    assert list(batch.answers) == sent
    assert batch.unreadable == 0
    assert await done_capture(bus, batch)
    assert not await done_capture(bus, batch)
    assert await bus.redis.get(bus.keys.capture_bytes) == b"0"


async def test_answers_are_refused_when_nobody_records(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("keter.bus.telemetry.capture.CAPTURE_CAP_BYTES", 3_000)
    noise = [os.urandom(1_000) for _ in range(5)]
    taken = [await push_capture(bus, answer(n, body)) for n, body in enumerate(noise)]
    assert taken == [True, True, False, False, False]
    batch = await take_capture(bus)
    assert not await push_capture(bus, answer(9, noise[0])), (
        "a batch that is being written still takes room"
    )
    await done_capture(bus, batch)
    assert await push_capture(bus, answer(9, noise[0]))


async def test_an_unreadable_capture_is_left_out_and_counted(bus: Bus) -> None:
    await push_capture(bus, answer(1))
    await bus.redis.rpush(bus.keys.capture, b"not zlib")
    await push_capture(bus, answer(2))
    batch = await take_capture(bus)
    assert [each.request["market_type"] for each in batch.answers] == [1, 2]
    assert batch.unreadable == 1
    assert await done_capture(bus, batch)


# Heartbeats


async def test_a_heartbeat_tells_counts_gauges_latencies_and_the_last_error(bus: Bus) -> None:
    heart = Heart(
        bus, process="edge", worker="edge-2", heartbeat_s=2, clock=ManualClock(NOW), version="9.9"
    )
    heart.count("items")
    heart.count("items", 4)
    heart.gauge("lag_s", 0.25)
    heart.gauge("leader", 1)
    for seconds in (0.0004, 0.003, 0.003, 7.0, 100.0):
        heart.observe("handle", seconds)
    heart.error("call failed:\n  AOToken=abcdef123456 refused")
    await heart.beat()
    [beat] = await read_heartbeats(bus)
    assert (beat.process, beat.worker, beat.pid, beat.version, beat.started_at) == (
        "edge",
        "edge-2",
        os.getpid(),
        "9.9",
        NOW,
    )
    assert beat.counters == {"items": 5}
    assert beat.gauges == {"lag_s": "0.25", "leader": "1"}
    assert 0 <= beat.age_s < 2
    assert beat.last_error is not None
    assert "abcdef123456" not in beat.last_error
    assert "\n" not in beat.last_error
    histogram = beat.histograms["handle"]
    assert histogram.count == 5
    assert histogram.sum_s == pytest.approx(107.0064)
    buckets = dict(histogram.buckets)
    assert [buckets[bound] for bound in (0.005, 5.0, 10.0, 60.0, float("inf"))] == [3, 3, 4, 4, 5]


async def test_a_process_that_does_not_beat_any_more_disappears(bus: Bus) -> None:
    await Heart(bus, process="edge", worker="a", heartbeat_s=0.05).beat()
    await Heart(bus, process="edge", worker="b", heartbeat_s=60).beat()
    assert 170_000 < await bus.redis.pttl(bus.keys.heartbeat("edge", "b")) <= 180_000

    async def only_b() -> bool:
        return [beat.worker for beat in await read_heartbeats(bus)] == ["b"]

    await eventually(only_b)
    assert await bus.redis.zcard(bus.keys.heartbeats) == 1


async def test_without_processes_there_are_no_heartbeats(bus: Bus) -> None:
    assert await read_heartbeats(bus) == []
