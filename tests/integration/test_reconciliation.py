"""However many bets are unknown, passes stay complete, every bet has its turn, and nothing moves
the clock of a doubt.
"""

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from itertools import pairwise
from math import ceil
from pathlib import Path

import pytest

from keter.bus.codec import decode, encode
from keter.bus.connection import connect
from keter.bus.queue import Item
from keter.bus.state.accounts import take_queries
from keter.bus.state.reconciliation import last_pass, pass_done, wanted_pass
from keter.bus.telemetry.alerts import read_alerts
from keter.domain.order_states import OrderState
from keter.domain.orders import Order
from keter.domain.signals import Decision
from keter.domain.tickets import AccountSnapshot, Ticket
from keter.domain.verdicts import Reason
from keter.execution.reconcile.passes import QUERIES_PER_MINUTE
from keter.execution.reconcile.query_budget import (
    ACCOUNT_COST,
    DOUBTFUL_PER_PASS,
    account_interval_s,
    bound_s,
)
from keter.ledger import OrderChanges
from keter.supervision.run import single
from keter.venues.base import VenueTransientError
from tests.kit.execution import ACCOUNT, NOW
from tests.kit.execution_bench import DRY, RouterProcess, TrackerProcess, World
from tests.kit.support import eventually

pytestmark = pytest.mark.redis
S = OrderState


class Counted:
    """The venue's questions, by the clock of the test: (seconds, what)."""

    def __init__(self, world: World) -> None:
        self.asked: list[tuple[float, str]] = []
        self._world = world
        venue = world.venue
        self._bet, self._bets, self._account = venue.bet, venue.bets, venue.account
        venue.bet, venue.bets, venue.account = self.bet, self.bets, self.account  # type: ignore[method-assign]  # counts

    def _note(self, what: str) -> None:
        self.asked.append(((self._world.clock.now() - NOW).total_seconds(), what))

    async def bet(self, reference: str) -> Sequence[Ticket]:
        self._note(reference)
        return await self._bet(reference)

    async def bets(self) -> Sequence[Ticket]:
        self._note("list")
        return await self._bets()

    async def account(self) -> AccountSnapshot:
        self._note("account")
        return await self._account()

    def of(self, what: str) -> list[float]:
        return [at for at, name in self.asked if name == what]


class Desk:
    """A router that has been let in, and its tracker in its own rhythm."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.router, self.tracker = RouterProcess(world), TrackerProcess(world)
        self.venue = Counted(world)
        self.passes: list[float] = []

    async def begin(self) -> "Desk":
        await self.router.router.begin()
        assert await self.tracker.look()
        return self

    async def unknown(self, count: int) -> list[Order]:
        """Bets whose placement got no answer, and which the venue does not know."""
        found = []
        for n in range(count):
            signal = await self.world.approve(f"u{n}", team=f"Unknown {n}", stake_minor=500)
            assert signal is not None
            self.world.venue.answers = ["lost_before"]
            await self.router.deliver(signal)
            found.append(await self.of(f"u{n}"))
        assert {bet.state for bet in found} <= {S.UNKNOWN}
        return found

    async def live(self, seconds: float) -> None:
        """Run the tracker's own loop over so much time, without its sleeps."""
        until = self.world.clock.now() + timedelta(seconds=seconds)
        while self.world.clock.now() < until:
            if await self.tracker.tracker.passes.turn():
                self.passes.append((self.world.clock.now() - NOW).total_seconds())
            self.wait(0.5)

    def wait(self, seconds: float) -> None:
        self.world.clock.set(self.world.clock.now() + timedelta(seconds=seconds))

    async def of(self, decision_id: str) -> Order:
        bet = await self.world.ledger.orders.by_decision(decision_id)
        assert bet is not None
        return bet

    async def open(self) -> bool:
        """Whether the router may bet, by the mark of the tracker's last pass for it."""
        return await self.router.router.approvals.conditions.reconciled()

    async def alert_details(self) -> dict[str, str]:
        return {alert.id: alert.detail for alert in await read_alerts(self.world.bus)}


@pytest.fixture
async def desk(tmp_path: Path, redis_url: str) -> AsyncIterator[Desk]:
    world = World(tmp_path, redis_url, THROTTLE_BETS=1000)
    await world.open()
    yield await Desk(world).begin()
    await world.close()


@pytest.mark.parametrize("count", [9, 15, 40])
@pytest.mark.slow
async def test_passes_stay_complete_and_every_unknown_bet_has_its_turn(
    desk: Desk, count: int
) -> None:
    """With nine or more unknown bets no pass was ever complete, and nothing was bet for as long as
    they stayed unknown.
    """
    bets = await desk.unknown(count)
    begun = (desk.world.clock.now() - NOW).total_seconds()
    await desk.live(240)
    ended = (desk.world.clock.now() - NOW).total_seconds()
    assert max(b - a for a, b in pairwise([begun, *desk.passes, ended])) < 20
    limit = bound_s(count, QUERIES_PER_MINUTE, 3.0)
    for bet in bets:
        turns = [begun, *desk.venue.of(bet.intent.reference), ended]
        assert max(b - a for a, b in pairwise(turns)) <= limit
        passes = [sum(at < turn for at in desk.passes) for turn in turns]
        assert max(b - a for a, b in pairwise(passes)) <= ceil(count / DOUBTFUL_PER_PASS) + 1
    assert len(desk.venue.asked) <= QUERIES_PER_MINUTE * (1 + ended / 60)
    looks = ended / account_interval_s(desk.world.settings.router.reconcile_interval_s) + 1
    assert looks / 2 * ACCOUNT_COST < len(desk.venue.of("account")) <= (looks + 1) * ACCOUNT_COST


@pytest.mark.slow
async def test_the_router_bets_on_while_bets_are_unknown_and_their_stakes_stay_reserved(
    desk: Desk,
) -> None:
    await desk.unknown(11)
    await desk.live(180)
    signal = await desk.world.approve("d1", team="Other FC")
    assert signal is not None
    await desk.router.deliver(signal)
    assert (await desk.of("d1")).state is S.OPEN
    exposures = {
        exposure.decision_id: exposure.stake_minor
        for exposure in (await desk.world.book().read()).exposures
    }
    assert exposures == {**{f"u{n}": 500 for n in range(11)}, "d1": 1000}
    assert await desk.world.approve("again", team="Unknown 3") is None, (
        "the event of an unknown bet rests"
    )
    await desk.live(desk.world.settings.router.unknown_absent_s)
    assert {(await desk.of(f"u{n}")).state for n in range(11)} == {S.REFUSED}


async def test_trackers_that_keep_dying_ask_for_all_bets_within_one_budget(desk: Desk) -> None:
    """Each begins anew with an empty memory; who was asked and what may be spent is in Redis."""
    bets = await desk.unknown(30)
    for _ in range(60):
        desk.tracker = TrackerProcess(desk.world)
        desk.wait(1)
        await desk.tracker.look()
    assert {bet.intent.reference for bet in bets} <= {what for _, what in desk.venue.asked}
    assert len(desk.venue.asked) <= QUERIES_PER_MINUTE * 2


async def test_a_list_that_cannot_be_read_closes_the_router_and_the_account_is_not_asked_for_it(
    desk: Desk,
) -> None:
    await desk.unknown(3)

    async def fail() -> Sequence[Ticket]:
        raise VenueTransientError("timeout", "no answer")

    desk.world.venue.bets = fail  # type: ignore[method-assign]  # away
    before = len(desk.venue.of("account"))
    await desk.live(90)
    assert desk.passes == []
    assert len(desk.venue.of("account")) - before <= 90 / 10 * ACCOUNT_COST
    token = await wanted_pass(desk.world.bus, ACCOUNT)
    assert token is not None
    assert not await pass_done(
        desk.world.bus, ACCOUNT, token, single(desk.world.settings).mark, within_s=-1
    )


async def test_an_account_that_is_not_told_for_long_leaves_passes_incomplete_until_it_is(
    desk: Desk,
) -> None:
    honest = desk.world.venue.account

    async def fail() -> AccountSnapshot:
        raise VenueTransientError("timeout", "no answer")

    desk.world.venue.account = fail  # type: ignore[method-assign]  # the account alone is away
    await desk.live(45)
    assert desk.passes, "one look that fails is none"
    desk.wait(60)
    desk.passes.clear()
    await desk.live(60)
    assert desk.passes == []
    desk.world.venue.account = honest  # type: ignore[method-assign]  # back
    await desk.live(20)
    assert desk.passes


async def test_a_venue_that_answers_for_no_single_bet_keeps_nobody_from_its_turn(
    desk: Desk,
) -> None:
    bets = await desk.unknown(9)
    honest = desk.world.venue.bet

    async def fail(reference: str) -> Sequence[Ticket]:
        await honest(reference)
        raise VenueTransientError("code_-1", "trouble")

    desk.world.venue.bet = fail  # type: ignore[method-assign]  # fails each time
    await desk.live(120)
    assert {bet.intent.reference for bet in bets} <= {what for _, what in desk.venue.asked}
    assert len(desk.passes) > 20


@pytest.mark.slow
async def test_a_venue_so_slow_that_bets_miss_their_turn_completes_no_pass(desk: Desk) -> None:
    await desk.unknown(40)
    honest = desk.world.venue.bet

    async def slow(reference: str) -> Sequence[Ticket]:
        desk.wait(60)
        return await honest(reference)

    desk.world.venue.bet = slow  # type: ignore[method-assign]  # a minute for each answer
    assert not await desk.tracker.look()
    desk.world.venue.bet = honest  # type: ignore[method-assign]  # well again
    await desk.live(120)
    assert desk.passes


async def test_a_closing_price_does_not_restart_the_clock_of_an_unknown_bet(desk: Desk) -> None:
    """Half of the bets that became unknown near their kick-off stayed reserved up to twice as
    long.
    """
    [bet] = await desk.unknown(1)
    router = desk.world.settings.router
    began = desk.world.clock.now()
    for _ in range(3):
        desk.wait(router.unknown_absent_s / 4)
        await desk.tracker.look()
    closing = OrderChanges(closing_fair_odds=2.0)
    await desk.world.ledger.orders.amend(
        bet.intent.intent_id,
        closing,
        at=desk.world.clock.now(),
        cause="closing_price",
        worker="tracker",
    )
    figures = await desk.world.ledger.figures(DRY, ACCOUNT, "2026-02-21", clv_since=NOW)
    assert figures.unknown_since == began
    await desk.tracker.look()
    assert f"unknown-bets:{ACCOUNT}" in await desk.alert_details(), (
        "the alert does not clear itself for a minute"
    )
    desk.wait(router.unknown_absent_s / 4 + 1)
    await desk.tracker.look()
    assert (await desk.of("u0")).state is S.REFUSED
    last = (await desk.world.ledger.orders.trail(bet.intent.intent_id))[-1]
    assert last.evidence["unknown_since"] == began.isoformat()


async def test_a_vanished_bet_is_doubted_as_soon_with_a_closing_price_as_without(
    desk: Desk,
) -> None:
    signal = await desk.world.approve("d1")
    assert signal is not None
    await desk.router.deliver(signal)
    desk.world.venue.hidden.add((await desk.of("d1")).intent.reference)
    router = desk.world.settings.router
    for part in (2, 2, 4):
        desk.wait(router.unknown_error_s / part)
        await desk.world.ledger.orders.amend(
            (await desk.of("d1")).intent.intent_id,
            OrderChanges(closing_fair_odds=2.0),
            at=desk.world.clock.now(),
            cause="closing_price",
            worker="tracker",
        )
        await desk.tracker.look()
    assert (await desk.of("d1")).state is S.UNKNOWN


async def test_the_moment_of_the_last_complete_pass_is_known_whoever_asked_for_it(
    desk: Desk,
) -> None:
    bus = desk.world.bus
    first = await last_pass(bus, ACCOUNT)
    assert first is not None
    assert await last_pass(bus, "OTHER") is None

    async def moved() -> bool:
        await desk.tracker.look()
        newer = await last_pass(bus, ACCOUNT)
        return newer is not None and newer > first

    assert await eventually(moved)


@pytest.mark.parametrize(
    ("jump_s", "granted"), [(-3600, 120), (-30, 60), (0, 60), (30, 90), (3600, 180)]
)
async def test_a_clock_gives_what_its_minutes_are_worth_and_nothing_for_going_back(
    redis_url: str, jump_s: int, granted: int
) -> None:
    """Two askers whose clocks differ by less than a minute get together what one would get."""
    bus = await connect(redis_url)
    await bus.redis.flushall()
    found = 0
    for moment in (NOW, NOW + timedelta(seconds=jump_s)) * 2:
        while (await take_queries(bus, ACCOUNT, 1, per_minute=60, now=moment))[0]:
            found += 1
    assert found == granted
    await bus.aclose()


async def test_what_a_closed_router_skips_is_a_decision_and_no_bet(desk: Desk) -> None:
    second = RouterProcess(desk.world)
    await second.router.begin()
    signal = await desk.world.approve("d1")
    assert signal is not None
    handled = await second.router.handle(Item(signal.queue_key, encode(signal)))
    assert await desk.world.ledger.orders.by_decision("d1") is None
    [decision] = [decode(Decision, entry) for entry in handled.audit]
    assert (decision.verdict.reason, decision.decision_id, decision.details["state"]) == (
        Reason.RECONCILING,
        "d1",
        None,
    )
    assert handled.counts == {"router:reconciling": 1}
    summary = await desk.world.ledger.summary(DRY, ACCOUNT)
    assert summary.states == {}, "nothing for the page to count as rejected"
    assert (await desk.world.book().read()).exposures == (), "what it reserved is free again"
