"""The life of orders that rest, against the toy exchange: real ledger, real Redis, real router and
tracker code.

Hypothesis chooses what happens: placements and cancels whose request or answer is lost, fills that
overtake a cancel, lapses, results and regrades, lists that lag, a router or tracker that dies at
any step, time. After each of it no order was sent twice, and neither ledger nor risk book holds
less at risk than the exchange. In the end the ledger says exactly what the exchange's book says.
"""

import asyncio
import contextlib
import tempfile
from collections import Counter
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from keter.domain.market_kinds import Outcome
from keter.domain.order_states import NEVER_PLACED, SETTLED, OrderState, Side
from keter.domain.orders import Order
from tests.kit.exchange_desk import ExchangeDesk, selection
from tests.kit.execution_bench import RouterProcess, TrackerProcess
from tests.kit.hooks import Crash
from tests.kit.toy_exchange import Row

S = OrderState
WHICH = st.integers(0, 5)
DEATHS = st.one_of(st.none(), st.integers(1, 30))
PLACED = ["", "", "late", "late", "lost_after", "lost_before", "refused"]
CANCELLED = ["", "", "lost_before", "lost_after", "not_yet", "refused"]
MOST_ORDERS = 4
# Of all runs together: a run that meets none of it proves little.
SEEN = Counter[str]()


class ExchangeLife(RuleBasedStateMachine):
    """See the module."""

    url: ClassVar[str]

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self._folder = tempfile.TemporaryDirectory(prefix="keter-exchange-")
        self.desk = ExchangeDesk(Path(self._folder.name), self.url)
        self.names: list[str] = []

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(asyncio.wait_for(work, 60))

    def name(self, which: int) -> str:
        return self.names[which % len(self.names)]

    @initialize(says_size=st.booleans(), names_fills=st.booleans(), twice=st.booleans())
    def begin(self, says_size: bool, names_fills: bool, twice: bool) -> None:
        exchange = self.desk.exchange
        exchange.says_size, exchange.names_fills, exchange.twice = says_size, names_fills, twice
        self.run(self.desk.open())

    # Keter

    @precondition(lambda self: len(self.names) < MOST_ORDERS)
    @rule(
        side=st.sampled_from(Side),
        stake=st.sampled_from([3, 500, 1000]),
        fault=st.sampled_from(PLACED),
    )
    def place(self, side: Side, stake: int, fault: str) -> None:
        name = f"o{len(self.names)}"
        self.names.append(name)
        self.run(self.desk.place(name, side=side, stake_minor=stake, fault=fault))

    @precondition(lambda self: self.names)
    @rule(which=WHICH)
    def want_cancel(self, which: int) -> None:
        self.run(self.desk.want_cancel(self.name(which)))

    @precondition(lambda self: self.names)
    @rule(
        faults=st.lists(st.sampled_from(CANCELLED), max_size=3),
        overtaken_by=st.integers(0, 400),
        which=WHICH,
        kill_at=DEATHS,
    )
    def serve(self, faults: list[str], overtaken_by: int, which: int, kill_at: int | None) -> None:
        """Let the router serve the cancels; a fill may overtake them, and it may die."""
        self.desk.exchange.cancel_faults = faults
        name = self.name(which)
        if overtaken_by and self.has(name):
            self.desk.exchange.before_cancel = self.desk.filling(overtaken_by, name)
        self.run(self._until_death(self.desk.router, self.desk.served(), kill_at))
        self.desk.exchange.before_cancel = lambda _reference: None
        if self.desk.router.hook.dead:
            SEEN["a router died"] += 1
            self.run(self.desk.new_router())

    @rule(kill_at=DEATHS, after_s=st.sampled_from([0, 1, 5, 60]))
    def track(self, kill_at: int | None, after_s: int) -> None:
        self.run(self._until_death(self.desk.tracker, self.desk.look(after_s), kill_at))
        if self.desk.tracker.hook.dead:
            SEEN["a tracker died"] += 1
            self.desk.tracker = TrackerProcess(self.desk.world)

    async def _until_death(
        self,
        process: RouterProcess | TrackerProcess,
        work: Coroutine[Any, Any, Any],
        kill_at: int | None,
    ) -> None:
        process.hook.steps.clear()
        process.hook.kill_at = kill_at
        with contextlib.suppress(Crash):
            await work
        process.hook.kill_at = None

    # the exchange

    def has(self, name: str) -> bool:
        return any(row.reference for row in self.rows(name))

    def rows(self, name: str) -> list[Row]:
        return [
            row
            for row in self.desk.exchange.rows
            if row.reference and row.selection == selection(name)
        ]

    @precondition(lambda self: any(self.has(name) for name in self.names))
    @rule(which=WHICH, size=st.integers(1, 600))
    def fill(self, which: int, size: int) -> None:
        name = self.name(which)
        if self.has(name) and self.desk.row(name).resting and self.desk.fill(size, name):
            SEEN["a fill"] += 1

    @precondition(lambda self: self.names)
    @rule(which=WHICH)
    def play_begins(self, which: int) -> None:
        self.desk.exchange.start(selection(self.name(which))[0])

    @precondition(lambda self: self.names)
    @rule(which=WHICH, winner=st.sampled_from([Outcome.OVER, Outcome.UNDER]))
    def settle_or_regrade(self, which: int, winner: Outcome) -> None:
        self.desk.wait(1)
        self.desk.exchange.settle(selection(self.name(which))[0], winner)

    @rule(lags=st.booleans())
    def list_lags(self, lags: bool) -> None:
        if lags:
            self.desk.exchange.freeze_list()
        else:
            self.desk.exchange.thaw_list()

    @precondition(lambda self: self.desk.exchange.flying)
    @rule()
    def a_request_lands(self) -> None:
        SEEN["a late request"] += 1
        self.desk.exchange.land(min(self.desk.exchange.flying))

    # promises

    @invariant()
    def nothing_is_sent_twice(self) -> None:
        assert all(count == 1 for count in self.desk.exchange.sends.values())

    @invariant()
    def nothing_at_risk_is_forgotten(self) -> None:
        if self.names:
            self.run(self._hold_against_the_exchange())

    async def _hold_against_the_exchange(self) -> None:
        exposed = await self.desk.exposed()
        for name in self.names:
            order = await self.desk.of(name)
            if order.cancel.value == "unknown" and order.resting_minor:
                SEEN["an unknown cancel"] += 1
            self._has_its_parts(order)
            for row in self.rows(name):
                if row.result is not None or order.state in SETTLED:
                    continue
                really = row.filled - row.voided + row.resting
                maybe = order.resting_minor + order.in_doubt_minor + order.awaited_minor
                assert order.standing_minor + maybe >= really, name
                assert exposed.get(name, 0) >= really, name

    def _has_its_parts(self, order: Order) -> None:
        if order.state not in NEVER_PLACED:
            parts = order.accounted_minor + order.resting_minor + order.in_doubt_minor
            assert parts + order.awaited_minor == order.stake_minor

    def teardown(self) -> None:
        try:
            if hasattr(self.desk, "router"):
                self.run(self._recover())
                self.run(self._compare())
        finally:
            if hasattr(self.desk, "router"):
                self.run(self.desk.close())
            self.loop.close()
            self._folder.cleanup()

    async def _recover(self) -> None:
        """Nothing but the ordinary happens from now on."""
        exchange = self.desk.exchange
        exchange.thaw_list()
        exchange.cancel_faults.clear()
        for reference in sorted(exchange.flying):
            exchange.land(reference)
        await self.desk.new_router()
        self.desk.tracker = TrackerProcess(self.desk.world)
        for _ in range(8):
            await self.desk.look(60)
            await self.desk.served()

    async def _compare(self) -> None:
        exposed = await self.desk.exposed()
        for name in self.names:
            order, rows = await self.desk.of(name), self.rows(name)
            if not rows:
                assert order.state is S.REFUSED, f"{name} is {order.state} and nobody has it"
                assert name not in exposed
                continue
            (row,) = rows
            assert (order.filled_minor, order.cancelled_minor, order.lapsed_minor) == (
                row.filled,
                row.cancelled,
                row.lapsed,
            ), name
            assert (order.resting_minor, order.awaited_minor) == (row.resting, 0)
            if row.result is not None:
                assert (order.state, order.pnl_minor) == (row.result, row.pnl)
            standing = 0 if row.result is not None else row.filled + row.resting
            assert exposed.get(name, 0) == standing, f"{name} {order.state}"
        settled = [row for name in self.names for row in self.rows(name) if row.result is not None]
        assert await self.desk.pnl() == sum(row.pnl or 0 for row in settled)
        assert await self.desk.world.ledger.integrity() == []
        assert await self.desk.alerts() <= {"unknown-bets"}


@pytest.mark.redis
@pytest.mark.timeout(900)
def test_whatever_happens_ledger_and_risk_book_follow_the_exchange(redis_url: str) -> None:
    class OnThisRedis(ExchangeLife):
        url = redis_url

    SEEN.clear()
    limits = settings(
        max_examples=50,
        stateful_step_count=30,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(OnThisRedis, settings=limits)
    wanted = {"a fill", "a late request", "a router died", "a tracker died", "an unknown cancel"}
    assert {what for what in wanted if not SEEN[what]} == set()
