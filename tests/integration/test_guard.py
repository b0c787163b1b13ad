"""The guard with a real Redis and a real ledger: what it refuses, what it restores, and what makes
it stop betting.
"""

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from keter.bus.codec import decode, encode
from keter.bus.connection import Bus
from keter.bus.errors import LeaseLostError
from keter.bus.locks import Lease
from keter.bus.queue import Item, QueueName, approved_for, depths
from keter.bus.state.accounts import write_account
from keter.bus.state.cooldowns import cool_down, cooldown_left_s
from keter.bus.state.odds import write_odds
from keter.bus.state.permissions import arm, read_arming, read_limits, write_limit
from keter.bus.state.risk import RiskBook, put_bet
from keter.bus.state.risk_state import RiskState
from keter.bus.state.trading import TradingView, change_trading, read_trading
from keter.bus.telemetry.alerts import read_alerts
from keter.bus.telemetry.audit import counts_of
from keter.clock import ManualClock
from keter.control.base import Operator
from keter.control.commands import Control
from keter.domain.exposure import Exposure, ExposureStatus
from keter.domain.market_kinds import Outcome
from keter.domain.markets import Event, parse_market
from keter.domain.order_states import OrderState
from keter.domain.quotes import MarketUpdate
from keter.domain.signals import ApprovedSignal, ConfirmedSignal, Decision
from keter.domain.tickets import AccountSnapshot
from keter.domain.trading import (
    CommandAction,
    OperatorCommand,
    TradingMode,
    TradingState,
    target_of,
)
from keter.domain.verdicts import Reason
from keter.ledger import Ledger, OrderChanges
from keter.opening.stores import open_settings_ledger
from keter.processes.guard import Guard
from keter.processes.handling import Gather
from keter.processes.serving import serve
from keter.processes.turns import Handled
from keter.risk import restore
from keter.settings import Settings
from keter.supervision.run import single
from tests.kit.execution import ACCOUNT, NOW, a_signal, an_event, an_intent, settings_for
from tests.kit.ledger_contract import WAY_TO
from tests.kit.support import RedisServer, eventually
from tests.kit.workbench import context_on, drain, opened, push

pytestmark = pytest.mark.redis
S = OrderState
TODAY = "2026-02-21"


@dataclasses.dataclass
class Desk:
    """One guard at work, its world, and the clock that moves it."""

    guard: Guard
    bus: Bus
    ledger: Ledger
    clock: ManualClock
    settings: Settings
    lease: Lease

    @property
    def run(self) -> str:
        """The mark of the run that the guard works for."""
        return single(self.settings).mark.text

    async def ask(self, signal: ConfirmedSignal | None = None) -> tuple[str, ApprovedSignal | None]:
        """Return the counter that a signal ended on, and the approval if there was one."""
        signal = signal or a_signal(at=self.clock.now())
        handled = await self.guard.handle(Item(signal.queue_key, encode(signal)))
        return next(iter(counts_of(handled.counts))), approval(handled)

    async def trading(self) -> TradingView:
        return await read_trading(self.bus, self.clock.now(), [self.settings.account.key])

    async def mode(self) -> TradingMode:
        """Return the mode in force for the account."""
        decides = (await self.trading()).strictest(self.clock.now())
        assert decides is not None
        return decides.effective(self.clock.now())

    def gauges(self) -> dict[str, float | int | str]:
        """Return what the guard's next heartbeat shows."""
        return self.guard._context.heart._gauges

    async def later(self, seconds: float) -> None:
        """Time passes; money is still there and the guard has had its second."""
        self.clock.set(self.clock.now() + timedelta(seconds=seconds))
        await fund(self.bus, self.settings, self.clock.now())
        await self.guard.tick()


def approval(handled: Handled) -> ApprovedSignal | None:
    outputs = [output for output in handled.outputs if output.queue.startswith("approved:")]
    return decode(ApprovedSignal, outputs[0].payload) if outputs else None


async def fund(
    bus: Bus,
    settings: Settings,
    at: datetime,
    credit_minor: int = 1_000_000,
    outstanding_minor: int = 0,
) -> None:
    snapshot = AccountSnapshot(
        settings.account.key, "EUR", credit_minor, outstanding_minor, 0, 0, at
    )
    await write_account(bus, snapshot)


@asynccontextmanager
async def desk(
    url: str, folder: Path, clock: ManualClock | None = None, **names: object
) -> AsyncIterator[Desk]:
    clock = clock or ManualClock(NOW)
    settings = settings_for(folder, **names)
    async with opened(url) as bus:
        context = dataclasses.replace(context_on(bus, settings, "guard"), clock=clock)
        ledger = await open_settings_ledger(settings, clock=clock)
        try:
            async with Lease(bus, "guard", 10, "guard") as lease:
                assert await lease.acquire(context.stop)
                guard = Guard(context, ledger, lease)
                await guard.start()
                await fund(bus, settings, clock.now())
                yield Desk(guard, bus, ledger, clock, settings, lease)
        finally:
            await ledger.aclose()


async def placed(
    desk: Desk, name: str, state: OrderState, approved: ApprovedSignal, *, made: datetime = NOW
) -> None:
    """Write the ledger's side of an approval that came as far as ``state``."""
    event = approved.signal.update.event
    intent = an_intent(name, decision_id=approved.decision_id, event=event, created_at=made)
    await desk.ledger.orders.create(intent, worker="t")
    for step in WAY_TO[state]:
        await desk.ledger.orders.transition(
            name, step, at=desk.clock.now(), cause="test", worker="t"
        )


async def settled(
    desk: Desk,
    name: str,
    state: OrderState,
    pnl_minor: int,
    *,
    event_name: str | None = None,
    made: datetime = NOW,
) -> None:
    """Make a bet that ran and ended, in ledger and risk book, as router and tracker leave it."""
    event = an_event(event_name or f"Home {name}")
    signal = a_signal(event=event, at=desk.clock.now())
    _, approved = await desk.ask(signal)
    assert approved is not None
    await placed(desk, name, S.FILLED, approved, made=made)
    at = desk.clock.now()
    changes = OrderChanges(pnl_minor=pnl_minor, settled_at=at)
    await desk.ledger.orders.transition(
        name, state, at=at, cause="result", worker="t", changes=changes
    )
    book = RiskBook(desk.bus, ACCOUNT, clock=desk.clock, run=desk.run)
    assert await book.convert(approved.decision_id, day=TODAY)
    assert await book.settle(
        approved.decision_id, day=TODAY, pnl_minor=pnl_minor, lost=state in {S.LOST, S.HALF_LOST}
    )


async def test_an_approval_is_reserved_under_its_decision(redis_url: str, tmp_path: Path) -> None:
    async with desk(redis_url, tmp_path) as here:
        told, approved = await here.ask()
        assert told == "guard:ok"
        assert approved is not None
        (exposure,) = (await RiskBook(here.bus, ACCOUNT).read()).exposures
        assert (exposure.decision_id, exposure.stake_minor, exposure.status) == (
            approved.decision_id, 1000, ExposureStatus.RESERVED)  # fmt: skip


async def test_a_newer_price_of_a_waiting_approval_keeps_decision_and_reservation(
    redis_url: str, tmp_path: Path
) -> None:
    async with desk(redis_url, tmp_path, STAKE_RULE="ev") as here:
        _, first = await here.ask(a_signal(offers={"IBC": 2.12}))
        here.clock.set(NOW + timedelta(seconds=2))
        told, second = await here.ask(a_signal(offers={"IBC": 2.30}, at=here.clock.now()))
        assert first is not None
        assert second is not None
        assert told == "guard:refreshed"
        assert second.decision_id == first.decision_id
        assert second.stake_minor == first.stake_minor < 2000
        assert second.signal.offers[0].odds == 2.30
        assert len((await RiskBook(here.bus, ACCOUNT).read()).exposures) == 1


async def test_a_selection_that_is_bet_on_is_not_approved_again(
    redis_url: str, tmp_path: Path
) -> None:
    async with desk(redis_url, tmp_path, COOLDOWN_EVENT_SEC=0) as here:
        _, approved = await here.ask()
        assert approved is not None
        assert await RiskBook(here.bus, ACCOUNT, run=here.run).convert(
            approved.decision_id, day=TODAY
        )
        assert (await here.ask())[0] == "guard:selection_open"


async def test_the_guard_keeps_to_a_lowered_limit_at_once_and_after_the_loss_of_redis(
    redis_url: str, tmp_path: Path
) -> None:
    """Redis forgets everything: the audit still knows how low the limit was."""
    async with desk(redis_url, tmp_path) as at:
        control = Control(
            at.bus, halt_file=tmp_path / "HALT", clock=at.clock, audit=at.ledger.commands.add
        )
        await control.set_limit(
            Operator("ops", "cli"), ACCOUNT, at.settings.risk, "MAX_EXPOSURE_EVENT", "0.01", "test"
        )
        assert await at.ask() == ("guard:exposure_event", None)
        await at.bus.redis.execute_command(
            "DEL", at.bus.keys.risk_limits(ACCOUNT), at.bus.keys.trading_state
        )
        await at.later(1)
        assert await read_limits(at.bus, ACCOUNT) == {"max_exposure_event": Decimal("0.01")}
        assert await at.ask() == ("guard:exposure_event", None)


async def test_a_refusal_is_audited_once_per_selection_and_reason(
    redis_url: str, tmp_path: Path
) -> None:
    async with desk(redis_url, tmp_path) as here:
        await cool_down(
            here.bus, ACCOUNT, event_uid=a_signal().event_uid, seconds=60, reason="sent"
        )
        entries: list[bytes] = []
        for _ in range(3):
            signal = a_signal()
            handled = await here.guard.handle(Item(signal.queue_key, encode(signal)))
            assert handled.counts == {"guard:cooldown_event": 1}
            entries += handled.audit
        (decision,) = [decode(Decision, entry) for entry in entries]
        assert decision.verdict.reason is Reason.COOLDOWN_EVENT


@pytest.mark.parametrize(
    ("names", "prepare", "told"),
    [
        ({}, "nothing", "guard:ok"),
        ({}, "halt_file", "guard:halt_file"),
        ({}, "poor", "guard:balance_too_low"),
        ({}, "no_account", "guard:balance_too_low"),
        ({}, "old_account", "guard:balance_too_low"),
        ({}, "stale", "guard:signal_stale"),
        ({}, "future", "guard:signal_stale"),
        ({}, "paused", "guard:trading_not_active"),
        ({}, "global_stop", "guard:trading_not_active"),
        ({"TRADING_ENABLED": "false"}, "nothing", "guard:trading_not_active"),
        ({"EXECUTION_MODE": "LIVE"}, "nothing", "guard:not_armed"),
        (
            {"EXECUTION_MODE": "LIVE"},
            "armed",
            "guard:not_armed",
        ),  # still no licence and no explicit limits
    ],
)
async def test_what_forbids_a_bet_is_told_by_name(
    redis_url: str, tmp_path: Path, names: dict[str, Any], prepare: str, told: str
) -> None:
    async with desk(redis_url, tmp_path, **names) as here:
        signal = a_signal(at=here.clock.now())
        now, account = here.clock.now(), here.settings.account.key
        if prepare == "halt_file":
            here.settings.router.halt_file.write_text("stop")
        elif prepare == "poor":
            await fund(here.bus, here.settings, now, credit_minor=999)
        elif prepare == "no_account":
            await here.bus.redis.execute_command(
                "DEL", here.bus.keys.account(account), here.bus.keys.accounts
            )
        elif prepare == "old_account":
            await fund(here.bus, here.settings, now - timedelta(minutes=6))
        elif prepare == "stale":
            signal = a_signal(at=now - timedelta(seconds=16))
        elif prepare == "future":
            signal = a_signal(at=now + timedelta(seconds=6))
        elif prepare == "paused":
            await change_trading(
                here.bus,
                TradingState(TradingMode.PAUSED, "me", "lunch", now),
                expected_revision=None,
                now=now,
            )
        elif prepare == "global_stop":
            await here.bus.redis.execute_command("SET", here.bus.keys.global_stop, "1")
        elif prepare == "armed":
            await arm(here.bus, account, "me", now, single(here.settings).mark)
        assert (await here.ask(signal))[0] == told


async def test_a_stake_already_at_the_venue_and_not_yet_in_its_sums_counts_against_the_balance(
    redis_url: str, tmp_path: Path
) -> None:
    async with desk(redis_url, tmp_path) as here:
        _, approved = await here.ask()
        assert approved is not None
        assert await RiskBook(here.bus, ACCOUNT, run=here.run).convert(
            approved.decision_id, day=TODAY
        )
        await fund(here.bus, here.settings, here.clock.now(), credit_minor=1999)
        assert (await here.ask(a_signal(event=an_event("Other"))))[0] == "guard:balance_too_low"
        await fund(
            here.bus, here.settings, here.clock.now(), credit_minor=1999, outstanding_minor=1000
        )
        assert (await here.ask(a_signal(event=an_event("Other"))))[0] == "guard:ok"


async def test_reservations_count_for_the_throttle_until_they_are_sent_or_gone(
    redis_url: str, tmp_path: Path
) -> None:
    async with desk(redis_url, tmp_path, THROTTLE_BETS=2) as here:
        book = RiskBook(here.bus, ACCOUNT, run=here.run)
        _, first = await here.ask(a_signal(event=an_event("One")))
        await here.ask(a_signal(event=an_event("Two")))
        assert (await here.ask(a_signal(event=an_event("Three"))))[0] == "guard:throttled"
        assert first is not None
        await book.release(first.decision_id)
        assert (await here.ask(a_signal(event=an_event("Three"))))[0] == "guard:ok"
        await book.note_bet("another")
        assert (await here.ask(a_signal(event=an_event("Four"))))[0] == "guard:throttled"


async def test_a_bet_on_its_way_to_the_venue_counts_for_the_throttle(
    redis_url: str, tmp_path: Path
) -> None:
    """It is no reservation any more and nobody has told yet that it was sent: a slow call must not
    open a gap.
    """
    async with desk(redis_url, tmp_path, THROTTLE_BETS=1) as here:
        _, first = await here.ask(a_signal(event=an_event("One")))
        assert first is not None
        assert await RiskBook(here.bus, ACCOUNT, run=here.run).convert(first.decision_id, day=TODAY)
        assert (await here.ask(a_signal(event=an_event("Two"))))[0] == "guard:throttled"


async def beside(desk: Desk, signal: ConfirmedSignal, stake_minor: int) -> None:
    """Make an open bet on the other side of ``signal``'s line."""
    book = RiskBook(desk.bus, ACCOUNT, clock=desk.clock, run=desk.run)
    now = desk.clock.now()
    held = desk.lease.held
    assert held is not None
    exposure = Exposure(
        f"beside {signal.event_uid}",
        signal.event_uid,
        signal.update.event.league,
        signal.update.market,
        Outcome.UNDER,
        stake_minor,
        "1.7",
        ExposureStatus.RESERVED,
        now,
        now + timedelta(seconds=60),
        account=signal.account,
    )
    assert await book.reserve(exposure, revision=(await book.read()).revision, lease=held)
    assert await book.convert(exposure.decision_id, day=TODAY)


async def set_mode(desk: Desk, mode: TradingMode, until: datetime | None = None) -> None:
    now = desk.clock.now()
    await change_trading(
        desk.bus, TradingState(mode, "ops", "test", now, until), expected_revision=None, now=now
    )


async def test_while_reducing_only_what_raises_no_worst_case_is_approved_and_it_is_marked(
    redis_url: str, tmp_path: Path
) -> None:
    async with desk(redis_url, tmp_path) as here:
        hedged, bare = a_signal(event=an_event("One")), a_signal(event=an_event("Two"))
        await beside(here, hedged, 1000)
        await set_mode(here, TradingMode.REDUCING)
        told, approved = await here.ask(hedged)
        assert approved is not None
        assert (told, approved.reducing) == ("guard:ok", True)
        assert await here.ask(bare) == ("guard:raises_exposure", None)
        await here.bus.redis.execute_command("SET", here.bus.keys.global_stop, "1")
        assert (await here.ask(hedged))[0] == "guard:trading_not_active", "a switch stops those too"
        await here.bus.redis.execute_command("DEL", here.bus.keys.global_stop)
        await set_mode(here, TradingMode.ACTIVE)
        told, approved = await here.ask(bare)
        assert approved is not None
        assert (told, approved.reducing) == ("guard:ok", False)


async def test_reducing_survives_the_loss_of_redis(redis_url: str, tmp_path: Path) -> None:
    async with desk(redis_url, tmp_path) as here:
        control = Control(
            here.bus, halt_file=tmp_path / "HALT", clock=here.clock, audit=here.ledger.commands.add
        )
        await control.reduce(Operator("ops", "cli"), "odd prices")
        await here.bus.redis.flushall()
        await fund(here.bus, here.settings, here.clock.now())
        assert await here.lease.acquire(asyncio.Event())
        assert (await here.ask())[0] == "guard:raises_exposure"
        assert await here.mode() is TradingMode.REDUCING


async def test_a_brake_of_the_day_does_not_end_reducing(redis_url: str, tmp_path: Path) -> None:
    """Its pause would end in ACTIVE; the loss refuses what would be bet without one."""
    async with desk(redis_url, tmp_path, DAILY_LOSS_LIMIT_UNITS=1) as here:
        await settled(here, "a", S.LOST, -1000)
        hedged = a_signal(event=an_event("One"))
        await beside(here, hedged, 1000)
        await set_mode(here, TradingMode.REDUCING)
        await here.later(1)
        assert await here.mode() is TradingMode.REDUCING
        assert (await here.ask(hedged))[0] == "guard:daily_loss_limit"


@pytest.mark.parametrize("mode", [TradingMode.REDUCING, TradingMode.PAUSED])
async def test_trading_enabled_false_starts_stopped_where_bets_would_come_without_another_word(
    redis_url: str, tmp_path: Path, mode: TradingMode
) -> None:
    """A pause that ends by itself would bet, and so does REDUCING."""
    async with desk(redis_url, tmp_path, TRADING_ENABLED="false") as here:
        await set_mode(
            here, mode, NOW + timedelta(minutes=1) if mode is TradingMode.PAUSED else None
        )
        await here.guard.start()
        assert await here.mode() is TradingMode.HALTED


async def test_bets_settled_today_still_count_for_their_event(
    redis_url: str, tmp_path: Path
) -> None:
    async with desk(redis_url, tmp_path, MAX_BETS_PER_EVENT=1) as here:
        await settled(here, "one", S.WON, 900, event_name="Alpha FC")
        assert (await here.ask())[0] == "guard:event_bet_count"


def said(action: CommandAction, after: TradingState) -> OperatorCommand:
    """Return an operator's command as the audit keeps it."""
    return OperatorCommand(
        command_id=f"c{after.revision}",
        action=action,
        actor="operator",
        source="cli",
        target="trading",
        reason=after.reason,
        at=NOW,
        accepted=True,
        result="done",
        after=after,
    )


async def test_a_redis_that_lost_its_last_second_does_not_undo_a_pause(
    redis_url: str, tmp_path: Path
) -> None:
    """The server died after the pause was written and before it reached the disk: the older state
    came back.
    """
    async with desk(redis_url, tmp_path) as here:
        older = await change_trading(
            here.bus,
            TradingState(TradingMode.ACTIVE, "operator", "go", NOW),
            expected_revision=None,
            now=NOW,
        )
        paused = TradingState(
            TradingMode.PAUSED, "operator", "lunch", NOW, revision=older.revision + 1
        )
        await here.ledger.commands.add(said(CommandAction.PAUSE, paused))
        assert await here.mode() is TradingMode.ACTIVE
        await here.guard.start()
        assert await here.mode() is TradingMode.PAUSED
        newer = await change_trading(
            here.bus,
            TradingState(TradingMode.ACTIVE, "operator", "back", NOW),
            expected_revision=None,
            now=NOW,
        )
        assert newer.revision > paused.revision
        await here.guard.start()
        assert await here.mode() is TradingMode.ACTIVE, (
            "what Redis has is newer than the audit: it stands"
        )


async def written(bus: Bus) -> bool:
    """Whether everything that Redis was told is in its file."""
    facts = await bus.redis.execute_command("INFO", "persistence")
    return (facts["aof_buffer_length"], facts["aof_pending_bio_fsync"]) == (0, 0)


async def test_what_a_restarted_redis_forgot_is_made_good_within_a_second_without_a_new_guard(
    tmp_path: Path,
) -> None:
    """The server died right after three commands and was back before the guard's lease had
    ended.
    """
    server = RedisServer()
    try:
        async with desk(server.url, tmp_path) as here:
            control = Control(
                here.bus,
                halt_file=tmp_path / "HALT",
                clock=here.clock,
                audit=here.ledger.commands.add,
            )
            who, account = Operator("ops", "cli"), here.settings.account.key
            older = await change_trading(
                here.bus,
                TradingState(TradingMode.ACTIVE, "ops", "go", NOW),
                expected_revision=None,
                now=NOW,
            )
            await arm(
                here.bus, account, "ops", NOW - timedelta(seconds=60), single(here.settings).mark
            )
            await control.set_limit(who, ACCOUNT, here.settings.risk, "MAX_STAKE", "20", "fewer")
            await control.disarm(who, account, "enough")
            await here.bus.redis.execute_command(
                "HSET", here.bus.keys.risk_limits(ACCOUNT), "max_stake", "50"
            )
            await arm(
                here.bus, account, "ops", NOW - timedelta(seconds=60), single(here.settings).mark
            )
            paused = TradingState(
                TradingMode.PAUSED, "ops", "lunch", NOW, revision=older.revision + 1
            )
            await here.ledger.commands.add(said(CommandAction.PAUSE, paused))
            await eventually(partial(written, here.bus))  # the three commands never were
            server.kill()
            server.start()
            await here.bus.redis.connection_pool.disconnect()
            assert await here.mode() is TradingMode.ACTIVE
            await here.later(1)
            assert await here.mode() is TradingMode.PAUSED
            assert await read_limits(here.bus, ACCOUNT) == {"max_stake": Decimal(20)}
            assert await read_arming(here.bus, account, single(here.settings).mark) is None
    finally:
        server.close()


async def test_the_first_start_is_active_and_a_halt_survives_the_loss_of_redis(
    redis_url: str, tmp_path: Path
) -> None:
    async with desk(redis_url, tmp_path) as here:
        assert await here.mode() is TradingMode.ACTIVE
        halted = TradingState(TradingMode.HALTED, "operator", "enough", NOW, revision=7)
        await here.ledger.commands.add(said(CommandAction.HALT, halted))
        await change_trading(here.bus, halted, expected_revision=None, now=NOW)
        await here.bus.redis.execute_command("DEL", here.bus.keys.trading_state)
        assert (await here.ask())[0] == "guard:trading_not_active"
        assert await here.mode() is TradingMode.HALTED


async def test_a_lost_risk_book_is_rebuilt_from_the_ledger_before_the_next_decision(
    redis_url: str, tmp_path: Path
) -> None:
    async with desk(redis_url, tmp_path, MAX_EXPOSURE_EVENT=15, COOLDOWN_EVENT_SEC=0) as here:
        await settled(here, "lost", S.LOST, -1000, event_name="Gone")
        event = an_event("Open")
        _, approved = await here.ask(a_signal(event=event))
        assert approved is not None
        await placed(here, "open", S.UNKNOWN, approved)
        await here.bus.redis.flushall()
        await fund(here.bus, here.settings, here.clock.now())
        assert await here.lease.acquire(asyncio.Event())
        told, _ = await here.ask(a_signal(event=event))
        state = await RiskBook(here.bus, ACCOUNT).read()
        assert told == "guard:selection_open"
        assert state.day is not None
        assert (state.day.pnl_minor, state.day.streak, state.day.staked_minor) == (-1000, 1, 2000)
        assert [exposure.decision_id for exposure in state.exposures] == [approved.decision_id]


async def test_trading_is_restored_only_after_the_book_holds_every_open_bet(
    redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever sees the state may bet by the book."""
    booked: list[list[str]] = []

    async def watched(bus: Bus, *state: Any, **expected: Any) -> TradingState:
        booked.append(
            [exposure.decision_id for exposure in (await RiskBook(bus, ACCOUNT).read()).exposures]
        )
        return await change_trading(bus, *state, **expected)

    async with desk(redis_url, tmp_path) as here:
        _, approved = await here.ask()
        assert approved is not None
        await placed(here, "open", S.FILLED, approved)
        await here.bus.redis.flushall()
        assert await here.lease.acquire(asyncio.Event())
        monkeypatch.setattr(restore, "change_trading", watched)
        await here.guard.tick()
        assert await here.mode() is TradingMode.ACTIVE
        assert booked == [[approved.decision_id]]


async def test_an_accounts_own_pause_comes_back_before_the_common_state(
    redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a common state an account that has none of its own may bet."""
    restored: list[str] = []

    async def watched(bus: Bus, state: TradingState, *, scope: str = "", **rest: Any) -> Any:
        restored.append(scope)
        return await change_trading(bus, state, scope=scope, **rest)

    async with desk(redis_url, tmp_path) as here:
        own, other = here.settings.account.key, "asianodds:OTHER"
        until = NOW + timedelta(hours=1)
        paused = TradingState(TradingMode.PAUSED, "guard", "losing streak", NOW, until, 4)
        halted = TradingState(TradingMode.HALTED, "ops", "enough", NOW, revision=2)
        for scope, action, state in (
            (own, CommandAction.PAUSE, paused),
            (other, CommandAction.HALT, halted),
        ):
            row = msgspec.structs.replace(said(action, state), command_id=scope)
            await here.ledger.commands.add(msgspec.structs.replace(row, target=target_of(scope)))
        await here.bus.redis.flushall()
        assert await here.lease.acquire(asyncio.Event())
        monkeypatch.setattr(restore, "change_trading", watched)
        await here.guard.tick()
        assert (set(restored[:-1]), restored[-1]) == ({own, other}, "")
        view = await read_trading(here.bus, NOW, [own, other])
        assert {name: state.mode for name, state in view.scoped.items()} == {
            own: TradingMode.PAUSED,
            other: TradingMode.HALTED,
        }
        assert view.state is not None and view.state.mode is TradingMode.ACTIVE
        assert (await here.ask())[0] == "guard:trading_not_active"
        here.clock.set(until)
        assert await here.mode() is TradingMode.ACTIVE


async def test_an_accounts_own_pause_that_somebody_removes_comes_back(
    redis_url: str, tmp_path: Path
) -> None:
    """Nothing else would miss it: without a state of its own an account may bet."""
    async with desk(redis_url, tmp_path, DAILY_LOSS_LIMIT_UNITS=1) as here:
        await settled(here, "a", S.LOST, -1000)
        await here.later(1)
        await here.later(1)
        assert await here.mode() is TradingMode.PAUSED
        own = here.bus.keys.trading_state_of(here.settings.account.key)
        await here.bus.redis.execute_command("DEL", own)
        await here.later(1)
        assert await here.mode() is TradingMode.PAUSED


async def test_another_accounts_stop_leaves_this_account_alone(
    redis_url: str, tmp_path: Path
) -> None:
    async with desk(redis_url, tmp_path) as here:
        halted = TradingState(TradingMode.HALTED, "ops", "enough", NOW)
        await change_trading(
            here.bus, halted, expected_revision=0, now=NOW, scope="asianodds:OTHER"
        )
        assert (await here.ask())[0] == "guard:ok"


async def test_an_operator_waits_for_the_revisions_of_both_states(
    redis_url: str, tmp_path: Path
) -> None:
    async with desk(redis_url, tmp_path, DAILY_LOSS_LIMIT_UNITS=1) as here:
        await settled(here, "a", S.LOST, -1000)
        await here.later(1)
        await here.later(1)
        view, gauges = await here.trading(), here.gauges()
        assert {name: gauges[name] for name in view.gauges} == view.gauges
        assert set(view.gauges) == {
            "trading_revision",
            f"trading_revision:{here.settings.account.key}",
        }


async def test_what_others_put_into_an_emptied_book_does_not_hide_that_it_was_lost(
    redis_url: str, tmp_path: Path
) -> None:
    """The tracker adopts and settles a bet before the guard looks: the day's loss before that is
    still there.
    """
    async with desk(redis_url, tmp_path) as here:
        await settled(here, "lost", S.LOST, -5000)
        await here.bus.redis.flushall()
        await here.bus.redis.execute_command("SET", here.bus.keys.risk_day, TODAY)
        assert await here.lease.acquire(asyncio.Event())
        await here.guard.tick()
        state = await RiskBook(here.bus, ACCOUNT).read()
        assert state.day is not None
        assert state.day.pnl_minor == -5000


async def test_the_throttle_outlives_redis(redis_url: str, tmp_path: Path) -> None:
    async with desk(redis_url, tmp_path, THROTTLE_BETS=1) as here:
        _, approved = await here.ask(a_signal(event=an_event("One")))
        assert approved is not None
        await placed(here, "sent", S.FILLED, approved)
        await here.bus.redis.flushall()
        await fund(here.bus, here.settings, here.clock.now())
        assert await here.lease.acquire(asyncio.Event())
        await here.guard.start()
        assert (await here.ask(a_signal(event=an_event("Two"))))[0] == "guard:throttled"


async def test_a_bet_not_sent_yet_counts_on_its_day_in_a_rebuilt_book_until_it_is_given_back(
    redis_url: str, tmp_path: Path
) -> None:
    """Redis is lost between the intent and its sending: whether it is sent or skipped then, the
    day's stakes are right.
    """
    async with desk(redis_url, tmp_path, COOLDOWN_EVENT_SEC=0) as here:
        _, approved = await here.ask()
        assert approved is not None
        await placed(here, "begun", S.QUOTED, approved)
        await here.bus.redis.flushall()
        assert await here.lease.acquire(asyncio.Event())
        await here.guard.start()
        book = RiskBook(here.bus, ACCOUNT, clock=here.clock, run=here.run)
        for wanted in (1000, 0):
            day = (await book.read()).day
            assert day is not None and (day.staked_minor, day.bets) == (wanted, wanted // 1000)
            await book.release(approved.decision_id)


async def test_what_a_foreign_ticket_puts_at_risk_is_never_taken_off_the_days_stakes(
    redis_url: str, tmp_path: Path
) -> None:
    """Neither after a rebuild nor after a streak was forgotten: the day's cap would grow by
    somebody else's bet.
    """
    async with desk(redis_url, tmp_path, LOSING_STREAK_LIMIT=1) as here:
        foreign = Exposure(
            "foreign:t1",
            "elsewhere",
            "",
            None,
            None,
            5000,
            "2.0",
            ExposureStatus.BET,
            NOW,
            account=ACCOUNT,
        )
        await put_bet(here.bus, foreign)
        await settled(here, "a", S.LOST, -1000)
        await here.later(1)
        state = await RiskBook(here.bus, ACCOUNT).read()
        assert state.day is not None
        assert (state.day.streak, state.day.staked_minor) == (0, 1000)
        await here.bus.redis.execute_command("DEL", here.bus.keys.risk_day)
        await here.later(1)
        await RiskBook(here.bus, ACCOUNT).release("foreign:t1")
        day = (await RiskBook(here.bus, ACCOUNT).read()).day
        assert day is not None
        assert (day.staked_minor, day.bets) == (1000, 1)


async def test_the_daily_loss_limit_pauses_until_the_day_is_over(
    redis_url: str, tmp_path: Path
) -> None:
    async with desk(redis_url, tmp_path, DAILY_LOSS_LIMIT_UNITS=2) as here:
        await settled(here, "a", S.LOST, -1000)
        await here.later(1)
        assert await here.mode() is TradingMode.ACTIVE
        await settled(here, "b", S.LOST, -1000)
        await here.later(1)
        assert await here.mode() is TradingMode.PAUSED
        view = await here.trading()
        assert view.state is not None
        assert view.state.mode is TradingMode.ACTIVE, "other accounts go on"
        paused = view.scoped[here.settings.account.key]
        assert paused.until == datetime.fromisoformat("2026-02-22T00:00:00+00:00")
        assert [alert.id for alert in await read_alerts(here.bus)] == [
            f"daily_loss_limit:{ACCOUNT}"
        ]
        assert (await here.ask())[0] == "guard:trading_not_active"
        (command,) = await here.ledger.commands.recent()
        assert (command.source, command.action) == ("guard", CommandAction.PAUSE)
        assert command.target == f"trading:{here.settings.account.key}"
        here.clock.set(paused.until - timedelta(seconds=1))
        await here.later(2)
        assert await here.mode() is TradingMode.ACTIVE
        assert await read_alerts(here.bus) == []
        assert (await here.ask())[0] == "guard:ok"


async def test_yesterdays_loss_does_not_brake_the_day_that_begins_while_it_is_read(
    redis_url: str, tmp_path: Path
) -> None:
    async with desk(redis_url, tmp_path, DAILY_LOSS_LIMIT_UNITS=1) as here:
        await settled(here, "a", S.LOST, -1000)
        await here.later(1)
        assert await here.mode() is TradingMode.PAUSED
        midnight = datetime.fromisoformat("2026-02-22T00:00:00+00:00")
        here.clock.set(midnight - timedelta(milliseconds=1))
        book = here.guard.accounts.keeper.books[ACCOUNT]
        read = book.read

        async def slowly(day: str | None = None) -> RiskState:
            state = await read(day)
            here.clock.set(midnight + timedelta(milliseconds=1))
            return state

        book.read = slowly  # type: ignore[method-assign]  # midnight comes while Redis answers
        await here.guard.accounts.watch()
        assert await here.mode() is TradingMode.ACTIVE


async def test_a_bet_beyond_the_daily_loss_is_refused_even_before_the_brake_was_pulled(
    redis_url: str, tmp_path: Path
) -> None:
    async with desk(redis_url, tmp_path, DAILY_LOSS_LIMIT_UNITS=1) as here:
        await settled(here, "a", S.LOST, -1000)
        assert (await here.ask())[0] == "guard:daily_loss_limit"


@pytest.mark.slow
async def test_a_losing_streak_pauses_once_and_is_paid_for_with_the_pause(
    redis_url: str, tmp_path: Path
) -> None:
    async with desk(
        redis_url, tmp_path, LOSING_STREAK_LIMIT=3, LOSING_STREAK_PAUSE_MIN=20, THROTTLE_BETS=99
    ) as here:
        for name in "abc":
            await settled(here, name, S.LOST, -1000)
        assert (await here.ask(a_signal(event=an_event("Next"))))[0] == "guard:losing_streak"
        await here.later(1)
        assert await here.mode() is TradingMode.PAUSED
        assert [alert.id for alert in await read_alerts(here.bus)] == [f"losing_streak:{ACCOUNT}"]
        await here.later(20 * 60 + 1)
        assert await here.mode() is TradingMode.ACTIVE
        assert await read_alerts(here.bus) == []
        assert (await here.ask(a_signal(event=an_event("After"), at=here.clock.now())))[
            0
        ] == "guard:ok"
        assert await here.lease.acquire(asyncio.Event())
        await here.bus.redis.flushall()
        assert await here.lease.acquire(asyncio.Event())
        await here.later(2)
        state = await RiskBook(here.bus, ACCOUNT).read()
        assert state.day is not None
        assert state.day.streak == 0, (
            "the losses before the pause do not count again after a loss of Redis"
        )
        assert await here.mode() is TradingMode.ACTIVE


async def test_the_brakes_leave_an_operators_halt_alone(redis_url: str, tmp_path: Path) -> None:
    async with desk(redis_url, tmp_path, DAILY_LOSS_LIMIT_UNITS=1) as here:
        await settled(here, "a", S.LOST, -1000)
        halted = TradingState(TradingMode.HALTED, "operator", "enough", NOW)
        await change_trading(here.bus, halted, expected_revision=None, now=NOW)
        await here.later(1)
        assert await here.mode() is TradingMode.HALTED


async def test_a_guard_that_lost_its_lease_reserves_nothing(redis_url: str, tmp_path: Path) -> None:
    """It was frozen past its lease while another took over: its next reservation is refused by
    Redis, whatever it believes.
    """
    async with desk(redis_url, tmp_path) as here:
        key = here.bus.keys.lease("guard")
        await here.bus.redis.execute_command("SET", key, "another|99999999999999999")
        signal = a_signal(at=here.clock.now())
        handled = await here.guard.handle(Item(signal.queue_key, encode(signal)))
        assert handled.counts == {"guard:contended": 1}
        assert [(output.queue, output.returned) for output in handled.outputs] == [
            (QueueName.CONFIRMED, True)
        ]
        assert (await RiskBook(here.bus, ACCOUNT).read()).exposures == ()
        here.lease.lost.set()
        with pytest.raises(LeaseLostError):
            await here.ask()


async def test_two_signals_of_one_event_at_once_reserve_within_the_cap(
    redis_url: str, tmp_path: Path
) -> None:
    """Another writer changes the book between look and reservation again and again: the cap still
    holds.
    """
    async with desk(redis_url, tmp_path, MAX_EXPOSURE_TOTAL=30, THROTTLE_BETS=99) as here:
        signals = [a_signal(event=an_event(f"Home {number}")) for number in range(8)]
        told = await asyncio.gather(*(here.ask(signal) for signal in signals))
        names = sorted(name for name, _ in told)
        state = await RiskBook(here.bus, ACCOUNT).read()
        assert sum(exposure.stake_minor for exposure in state.exposures) <= 3000
        assert names.count("guard:ok") == len(state.exposures) <= 3
        assert set(names) <= {"guard:ok", "guard:exposure_total", "guard:contended"}


@pytest.mark.slow
async def test_an_expired_reservation_makes_room_and_a_new_decision(
    redis_url: str, tmp_path: Path
) -> None:
    async with desk(redis_url, tmp_path, RESERVATION_TTL_S=5) as here:
        _, first = await here.ask()
        assert first is not None

        async def expired() -> bool:
            return not (await RiskBook(here.bus, ACCOUNT).read()).exposures

        await eventually(expired, timeout_s=15)
        told, second = await here.ask()
        assert told == "guard:ok"
        assert second is not None
        assert second.decision_id != first.decision_id


def test_signals_of_these_tests_are_what_the_gate_takes() -> None:
    assert msgspec.json.decode(encode(a_signal()), type=ConfirmedSignal).offers[0].book == "IBC"


async def _serve_once(here: Desk, *signals: ConfirmedSignal) -> list[tuple[str, float]]:
    """Run the guard's own loop over ``signals`` until all are judged.

    Returns the approvals in the order in which they went on.
    """
    await push(
        here.bus, QueueName.CONFIRMED, *((signal.queue_key, encode(signal)) for signal in signals)
    )
    context = dataclasses.replace(
        context_on(here.bus, here.settings, "guard"), clock=here.clock, stop=asyncio.Event()
    )
    gather = Gather(0.0, here.guard.accounts.rank)
    task = asyncio.ensure_future(
        serve(context, context.pipe(QueueName.CONFIRMED), here.guard.handle, gather=gather)
    )
    await eventually(lambda: _all_judged(here.bus))
    context.stop.set()
    await asyncio.wait_for(task, 10)
    found = [
        decode(ApprovedSignal, item.payload)
        for item in await drain(here.bus, approved_for(ACCOUNT))
    ]
    return [(one.signal.event_uid, one.signal.offers[0].odds) for one in found]


async def _all_judged(bus: Bus) -> bool:
    facts = (await depths(bus, [ACCOUNT]))[QueueName.CONFIRMED]
    return facts.depth == facts.in_flight == 0


def _values_of(event: Event) -> list[ConfirmedSignal]:
    """Three lines of one match, worth more and more."""
    markets = [parse_market("fb", f"ft.ou.{line}") for line in ("2.25", "2.5", "2.75")]
    made = [a_signal(event=event, offers={"IBC": odds}) for odds in (2.15, 2.25, 2.35)]
    moved = [
        msgspec.structs.replace(one.update, market=market)
        for one, market in zip(made, markets, strict=True)
    ]
    return [
        msgspec.structs.replace(one, update=update) for one, update in zip(made, moved, strict=True)
    ]


async def test_of_an_events_values_that_arrive_together_the_best_is_taken(
    redis_url: str, tmp_path: Path
) -> None:
    async with desk(redis_url, tmp_path) as here:
        one, two = an_event("One"), an_event("Two")
        taken = await _serve_once(here, *_values_of(one), *_values_of(two))
    assert taken == [(one.event_uid, 2.35), (two.event_uid, 2.35)]


async def test_where_the_throttle_lets_few_through_they_are_the_best(
    redis_url: str, tmp_path: Path
) -> None:
    async with desk(redis_url, tmp_path, THROTTLE_BETS=2) as here:
        signals = [
            a_signal(event=an_event(f"Home {odds}"), offers={"IBC": odds})
            for odds in (2.15, 2.3, 2.2, 2.25)
        ]
        taken = await _serve_once(here, *signals)
    assert [odds for _, odds in taken] == [2.3, 2.25]


async def test_what_a_rest_refused_is_looked_at_again_when_the_rest_is_over(
    redis_url: str, tmp_path: Path
) -> None:
    async with desk(redis_url, tmp_path) as here:
        signal = a_signal()
        await write_odds(here.bus, [signal.update])
        await cool_down(here.bus, ACCOUNT, event_uid=signal.event_uid, seconds=1.5, reason="ok")
        assert (await here.ask(signal))[0] == "guard:cooldown_event"
        here.clock.set(here.clock.now() + timedelta(seconds=1))
        assert (await here.guard.tick()).outputs == [], "the rest is not over"

        async def over() -> list[MarketUpdate]:
            here.clock.set(here.clock.now() + timedelta(seconds=1))
            outputs = (await here.guard.tick()).outputs
            assert all(output.queue is QueueName.RAW and output.returned for output in outputs)
            return [decode(MarketUpdate, output.payload) for output in outputs]

        (again,) = await eventually(over)
        assert (again.market, again.books[0].texts) == (
            signal.update.market,
            signal.update.books[0].texts,
        )
        here.clock.set(here.clock.now() + timedelta(seconds=100))
        assert (await here.guard.tick()).outputs == [], "it is looked at once"


async def test_what_the_throttle_refused_is_looked_at_again_when_there_is_room(
    redis_url: str, tmp_path: Path
) -> None:
    async with desk(redis_url, tmp_path, THROTTLE_BETS=1, THROTTLE_WINDOW_S=2) as here:
        signal = a_signal()
        await write_odds(here.bus, [signal.update])
        await RiskBook(here.bus, ACCOUNT).note_bet("another")
        assert (await here.ask(signal))[0] == "guard:throttled"

        async def again() -> bool:
            here.clock.set(here.clock.now() + timedelta(seconds=1))
            return bool((await here.guard.tick()).outputs)

        await eventually(again)


async def test_a_market_that_is_gone_when_its_rest_ends_is_forgotten(
    redis_url: str, tmp_path: Path
) -> None:
    async with desk(redis_url, tmp_path) as here:
        signal = a_signal()
        await cool_down(here.bus, ACCOUNT, event_uid=signal.event_uid, seconds=0.5, reason="ok")
        assert (await here.ask(signal))[0] == "guard:cooldown_event"
        await eventually(lambda: _rest_over(here.bus, signal))
        here.clock.set(here.clock.now() + timedelta(seconds=1))
        assert (await here.guard.tick()).outputs == []


async def _rest_over(bus: Bus, signal: ConfirmedSignal) -> bool:
    return await cooldown_left_s(bus, ACCOUNT, signal.event_uid, signal.selection_id) == 0


# Several accounts

FIRST, SECOND = "asianodds:first", "asianodds:second"
TWO_ACCOUNTS = {
    "ACCOUNTS": "A,B",
    "AO_USER__A": "first",
    "AO_PASS__A": "made-up",
    "AO_USER__B": "second",
    "AO_PASS__B": "made-up",
}


@asynccontextmanager
async def desk_of_two(url: str, folder: Path, **names: object) -> AsyncIterator[Desk]:
    """Open the desk of a run on two accounts, both with money."""
    async with desk(url, folder, None, **TWO_ACCOUNTS, **names) as here:
        for one in here.settings.each:
            await fund(here.bus, one, here.clock.now())
        yield here


async def test_each_account_gets_its_own_stake_in_its_own_queue(
    redis_url: str, tmp_path: Path
) -> None:
    async with desk_of_two(redis_url, tmp_path, FIXED_STAKE=10, FIXED_STAKE__B=6) as here:
        stakes = {}
        for account in (FIRST, SECOND):
            signal = a_signal(account=account)
            handled = await here.guard.handle(Item(signal.queue_key, encode(signal)))
            (output,) = handled.outputs
            assert output.queue == approved_for(account)
            approved = decode(ApprovedSignal, output.payload)
            assert approved.signal.account == account
            stakes[account] = approved.stake_minor
            (exposure,) = (await RiskBook(here.bus, account).read()).exposures
            assert (exposure.account, exposure.decision_id) == (account, approved.decision_id)
        assert stakes == {FIRST: 1000, SECOND: 600}


async def test_each_account_keeps_to_its_own_caps_and_to_nobody_elses(
    redis_url: str, tmp_path: Path
) -> None:
    """Two selections' worth of stake fits the first account's event and half of it the other's."""
    async with desk_of_two(
        redis_url,
        tmp_path,
        FIXED_STAKE=10,
        MAX_EXPOSURE_EVENT__A=20,
        MAX_EXPOSURE_EVENT__B=5,
        MAX_EXPOSURE_LEAGUE__B=15,
    ) as here:
        first, second = a_signal(account=FIRST), a_signal(account=SECOND)
        assert (await here.ask(first))[0] == "guard:ok"
        assert (await here.ask(second))[0] == "guard:exposure_event"
        book = await RiskBook(here.bus, SECOND).read()
        assert (book.exposures, [one.account for one in book.of_others]) == ((), [FIRST])


async def test_the_stakes_of_one_account_take_no_room_of_the_others_caps(
    redis_url: str, tmp_path: Path
) -> None:
    async with desk_of_two(
        redis_url, tmp_path, FIXED_STAKE=10, MAX_EXPOSURE_TOTAL=10, MAX_EXPOSURE_DAY=10
    ) as here:
        for account in (FIRST, SECOND):
            told, _ = await here.ask(a_signal(event=an_event("One"), account=account))
            assert told == "guard:ok"
            told, _ = await here.ask(a_signal(event=an_event("Two"), account=account))
            assert told in {"guard:exposure_day", "guard:exposure_total"}


async def test_a_rest_a_throttle_and_a_lowered_limit_stop_one_account_alone(
    redis_url: str, tmp_path: Path
) -> None:
    async with desk_of_two(redis_url, tmp_path, THROTTLE_BETS=1) as here:
        uid = a_signal().event_uid
        await cool_down(here.bus, FIRST, event_uid=uid, seconds=60, reason="sent")
        assert (await here.ask(a_signal(account=FIRST)))[0] == "guard:cooldown_event"
        assert (await here.ask(a_signal(account=SECOND)))[0] == "guard:ok"
        other = an_event("Other")
        told, _ = await here.ask(a_signal(event=other, account=SECOND))
        assert told == "guard:throttled"
        await write_limit(here.bus, FIRST, "max_exposure_event", Decimal("0.01"), instead_of=None)
        assert (await here.ask(a_signal(event=other, account=FIRST)))[0] == "guard:exposure_event"


async def test_the_money_and_the_losses_of_one_account_stop_the_other_from_nothing(
    redis_url: str, tmp_path: Path
) -> None:
    async with desk_of_two(redis_url, tmp_path, DAILY_LOSS_LIMIT_UNITS=1) as here:
        poor = here.settings.of(FIRST)
        await fund(here.bus, poor, here.clock.now(), credit_minor=1)
        assert (await here.ask(a_signal(account=FIRST)))[0] == "guard:balance_too_low"
        _, approved = await here.ask(a_signal(account=SECOND))
        assert approved is not None
        theirs = RiskBook(here.bus, SECOND, clock=here.clock, run=here.run)
        assert await theirs.convert(approved.decision_id, day=TODAY)
        assert await theirs.settle(approved.decision_id, day=TODAY, pnl_minor=-1000, lost=True)
        await fund(here.bus, poor, here.clock.now())
        told, _ = await here.ask(a_signal(event=an_event("Next"), account=SECOND))
        assert told == "guard:daily_loss_limit"
        assert (await here.ask(a_signal(event=an_event("Next"), account=FIRST)))[0] == "guard:ok"


async def test_a_signal_of_an_account_that_is_not_of_the_run_is_refused_and_counted(
    redis_url: str, tmp_path: Path
) -> None:
    async with desk_of_two(redis_url, tmp_path) as here:
        signal = a_signal(account=ACCOUNT)
        handled = await here.guard.handle(Item(signal.queue_key, encode(signal)))
        assert (counts_of(handled.counts), handled.outputs) == ({"guard:other_run": 1}, [])
        (decision,) = [decode(Decision, entry) for entry in handled.audit]
        assert decision.verdict.reason is Reason.OTHER_RUN
        for account in (FIRST, SECOND):
            assert (await RiskBook(here.bus, account).read()).exposures == ()


async def test_what_is_of_no_account_of_the_run_comes_first_and_ends_no_ranking(
    redis_url: str, tmp_path: Path
) -> None:
    """The stake of its own account decides what a signal is worth."""
    async with desk_of_two(redis_url, tmp_path, FIXED_STAKE__B=40, BANKROLL=100_000) as here:
        signals = [
            a_signal(account=FIRST),
            a_signal(account=SECOND),
            a_signal(account=ACCOUNT),
        ]
        items = [Item(signal.queue_key, encode(signal)) for signal in signals]
        items.append(Item("spoilt", b"no signal"))
        assert await here.guard.accounts.rank(items) == [2, 3, 1, 0]


async def bet_on_both(here: Desk) -> None:
    """Make a bet on each account that runs, and let Redis forget everything."""
    for name, account in (("a", FIRST), ("b", SECOND)):
        _, approved = await here.ask(a_signal(account=account))
        assert approved is not None
        intent = an_intent(
            name,
            decision_id=approved.decision_id,
            event=approved.signal.update.event,
            account=account,
            stake_minor=approved.stake_minor,
        )
        await here.ledger.orders.create(intent, worker="t")
        for step in WAY_TO[S.FILLED]:
            await here.ledger.orders.transition(
                name, step, at=here.clock.now(), cause="test", worker="t"
            )
    await here.bus.redis.flushall()
    assert await here.lease.acquire(asyncio.Event())
    await here.later(2)


async def test_a_rebuilt_book_gives_each_account_its_own_bets(
    redis_url: str, tmp_path: Path
) -> None:
    async with desk_of_two(redis_url, tmp_path) as here:
        await bet_on_both(here)
        for account, other in ((FIRST, SECOND), (SECOND, FIRST)):
            state = await RiskBook(here.bus, account).read()
            assert [one.account for one in state.exposures] == [account]
            assert [one.account for one in state.of_others] == [other]
            assert state.run == here.run


async def test_a_rebuilt_book_gives_each_account_its_own_day(
    redis_url: str, tmp_path: Path
) -> None:
    async with desk_of_two(redis_url, tmp_path, FIXED_STAKE__B=6) as here:
        await bet_on_both(here)
        for account, stake_minor in ((FIRST, 1000), (SECOND, 600)):
            day = (await RiskBook(here.bus, account).read()).day
            assert day is not None
            assert (day.bets, day.staked_minor) == (1, stake_minor)
            assert await RiskBook(here.bus, account).bets_in_window(60) == 1


async def test_when_the_rest_of_one_account_is_over_only_its_market_is_looked_at_again(
    redis_url: str, tmp_path: Path
) -> None:
    async with desk_of_two(redis_url, tmp_path) as here:
        signals = {account: a_signal(account=account) for account in (FIRST, SECOND)}
        await write_odds(here.bus, [signal.update for signal in signals.values()])
        for account, seconds in ((FIRST, 0.5), (SECOND, 600)):
            signal = signals[account]
            await cool_down(
                here.bus, account, event_uid=signal.event_uid, seconds=seconds, reason="ok"
            )
            assert (await here.ask(signal))[0] == "guard:cooldown_event"

        async def over() -> list[MarketUpdate]:
            here.clock.set(here.clock.now() + timedelta(seconds=1))
            outputs = (await here.guard.tick()).outputs
            return [decode(MarketUpdate, output.payload) for output in outputs]

        (again,) = await eventually(over)
        assert again.account == FIRST
        here.clock.set(here.clock.now() + timedelta(seconds=5))
        assert (await here.guard.tick()).outputs == []
