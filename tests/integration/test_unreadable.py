"""Rows of the venue that cannot be believed or stored: the tracker goes on, their money counts,
somebody is told.
"""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from keter.bus.codec import encode
from keter.bus.queue import Pipe
from keter.bus.state.risk import put_bet
from keter.bus.telemetry.alerts import read_alerts
from keter.bus.telemetry.audit import take_audit
from keter.domain.exposure import Terms, exposure_of
from keter.domain.order_states import SETTLED, OrderState
from keter.domain.signals import Decision
from keter.domain.streaks import losing_streak
from keter.domain.tickets import Ticket, TicketStatus
from keter.domain.trading import CommandAction, OperatorCommand
from keter.domain.verdicts import accept
from keter.ledger import OrderChanges, UnstorableRowError
from keter.processes.recorder import Recorder
from keter.risk.gate import RiskContext, RiskLimits, assess
from keter.risk.restore import last_streak_pause
from keter.venues.asianodds.tickets import read_tickets
from keter.venues.asianodds.wire import read_answer
from tests.integration.test_execution import Desk
from tests.kit.asianodds_payloads import data_body
from tests.kit.execution import ACCOUNT, NOW, a_signal, a_ticket
from tests.kit.execution_bench import TrackerProcess, World
from tests.kit.hooks import Hook
from tests.kit.ledger_contract import put_in
from tests.unit.venues.asianodds.test_tickets import bet_row

pytestmark = pytest.mark.redis
S = OrderState
UNTOLD = f"foreign:{ACCOUNT}:unreadable"


@pytest.fixture
async def desk(tmp_path: Path, redis_url: str) -> AsyncIterator[Desk]:
    world = World(tmp_path, redis_url)
    await world.open()
    yield await Desk(world).begin()
    await world.close()


class Rows:
    """Raw rows that the venue shows beside its honest ones, as its own parser reads them."""

    def __init__(self, desk: Desk) -> None:
        self.rows: list[dict[str, Any]] = []
        self._honest, self._bet = desk.world.venue.bets, desk.world.venue.bet
        desk.world.venue.bets = self.bets  # type: ignore[method-assign]  # more rows
        desk.world.venue.bet = self.bet  # type: ignore[method-assign]  # more rows

    def read(self) -> tuple[Ticket, ...]:
        return read_tickets(read_answer(data_body(self.rows)), NOW)

    async def bets(self) -> Sequence[Ticket]:
        spoilt = {ticket.reference for ticket in self.read()}
        return [
            *[ticket for ticket in await self._honest() if ticket.reference not in spoilt],
            *self.read(),
        ]

    async def bet(self, reference: str) -> Sequence[Ticket]:
        shown = [ticket for ticket in self.read() if ticket.reference == reference]
        return shown or await self._bet(reference)


@pytest.fixture
def rows(desk: Desk) -> Rows:
    return Rows(desk)


async def verdict_of_the_gate(desk: Desk) -> str:
    """Return the risk gate's verdict on a good signal beside what the book holds."""
    state = await desk.world.book().read()
    assert state.day is not None
    signal = a_signal(at=desk.world.clock.now())
    context = RiskContext(accept(), True, state.exposures, state.day, 0, 0, None, 10**9)
    return assess(signal, context, RiskLimits(desk.world.settings.risk, desk.world.settings.stake))[
        0
    ].reason.value


@pytest.mark.parametrize("stake", ["1e20", "-5,000.00", 10**30])
async def test_an_open_row_of_unknown_size_is_told_and_nothing_is_bet_beside_it(
    desk: Desk, rows: Rows, stake: object
) -> None:
    await desk.running()
    before = sum((await desk.exposed()).values())
    assert await verdict_of_the_gate(desk) == "ok"
    rows.rows = [bet_row(BetPlacementReference="WA-by-hand", Stake=stake, HomeName="Ev\x1b[2Jil")]
    desk.world.venue.finish(0, 2, 1)
    assert await desk.look(), "the pass is complete all the same"
    assert (await desk.of()).state is S.WON, "the rest of the list is settled"
    exposed = await desk.exposed()
    assert set(exposed) == {UNTOLD}
    assert sum(exposed.values()) >= before, "no total falls by it"
    assert await verdict_of_the_gate(desk) == "exposure_total"
    [alert] = [
        alert
        for alert in await read_alerts(desk.world.bus)
        if alert.id == f"unreadable-tickets:{ACCOUNT}"
    ]
    assert alert.level == "page"
    assert (
        "61000000001" in alert.detail
        and "Ev [2Jil" in alert.detail
        and "a stake of" in alert.detail
    )
    rows.rows = [bet_row(BetPlacementReference="WA-by-hand", Stake=7)]
    await desk.look()
    assert await desk.exposed() == {f"foreign:{ACCOUNT}:PIN:61000000001": 700}, (
        "whole again, it is an ordinary foreign bet"
    )
    assert "unreadable-tickets" not in await desk.alerts()
    rows.rows = []


async def test_an_unreadable_row_that_goes_leaves_nothing_behind(desk: Desk, rows: Rows) -> None:
    rows.rows = [bet_row(Stake="1e20")]
    await desk.look()
    assert UNTOLD in await desk.exposed()
    rows.rows = []
    await desk.look()
    assert (await desk.exposed(), await desk.alerts()) == ({}, set())
    assert await verdict_of_the_gate(desk) == "ok"


async def test_what_an_earlier_tracker_counted_is_taken_back_by_its_successor(
    desk: Desk, rows: Rows
) -> None:
    rows.rows = [bet_row(Stake="1e20")]
    await desk.look()
    rows.rows = []
    desk.tracker = TrackerProcess(desk.world)
    await desk.look()
    assert UNTOLD not in await desk.exposed()


async def test_our_own_bet_under_a_row_that_cannot_be_read_stays_where_it_is(
    desk: Desk, rows: Rows
) -> None:
    await desk.running()
    reference = f"WA-{(await desk.of()).intent.reference}"
    rows.rows = [
        bet_row(
            BetPlacementReference=reference, Status="Lost", PnlInfo="Lost", Stake=10, Pnl="-1e20"
        )
    ]
    for _ in range(4):
        assert await desk.look(60)
    bet = await desk.of()
    assert (bet.state, await desk.exposed(), await desk.pnl()) == (S.FILLED, {"d1": 1000}, 0)
    assert await desk.alerts() == {"unreadable-tickets"}
    rows.rows = [
        bet_row(BetPlacementReference=reference, Status="Lost", PnlInfo="Lost", Stake=10, Pnl=-10)
    ]
    await desk.look()
    assert ((await desk.of()).state, await desk.pnl(), await desk.exposed()) == (S.LOST, -1000, {})
    assert "unreadable-tickets" not in await desk.alerts()


async def test_an_unknown_bet_whose_ticket_cannot_be_read_is_not_taken_for_never_placed(
    desk: Desk, rows: Rows
) -> None:
    await desk.bet(answer="lost_before")
    reference = f"WA-{(await desk.of()).intent.reference}"
    rows.rows = [bet_row(BetPlacementReference=reference, Stake="-1")]
    for _ in range(6):
        assert await desk.look(desk.world.settings.router.unknown_absent_s), (
            "such a bet does not hold the pass up"
        )
    assert (await desk.of()).state is S.UNKNOWN
    assert (await desk.exposed())["d1"] == 1000


async def test_a_foreign_row_with_a_stake_counts_with_it_whatever_else_is_wrong(
    desk: Desk, rows: Rows
) -> None:
    rows.rows = [
        bet_row(
            BetPlacementReference="WA-" + "x" * 90, Stake=7, Status="Won", PnlInfo="Won", Pnl="1e30"
        )
    ]
    assert await desk.look()
    assert list((await desk.exposed()).values()) == [700]
    await desk.look()
    assert {"unreadable-tickets", "foreign-bets"} <= await desk.alerts()
    assert await verdict_of_the_gate(desk) == "ok", "a stake that is known stops nothing by itself"


async def test_a_row_that_the_ledger_refuses_is_exposure_and_told_until_it_changes(
    desk: Desk,
) -> None:
    bad = a_ticket(stake_minor=2**63)
    good = msgspec.structs.replace(bad, reference="other", ticket_id="98", stake_minor=500)
    desk.world.venue.add(bad)
    desk.world.venue.add(good)
    for _ in range(3):
        assert await desk.look()
        assert await desk.exposed() == {
            f"foreign:{ACCOUNT}:PIN:99": 2**63,
            f"foreign:{ACCOUNT}:PIN:98": 500,
        }
        assert {"unreadable-tickets", "foreign-bets"} <= await desk.alerts()
    desk.world.venue.tickets[0] = msgspec.structs.replace(bad, stake_minor=700)
    await desk.look()
    assert await desk.exposed() == {
        f"foreign:{ACCOUNT}:PIN:99": 700,
        f"foreign:{ACCOUNT}:PIN:98": 500,
    }
    assert "unreadable-tickets" not in await desk.alerts()


async def test_a_ticket_of_ours_that_the_ledger_refuses_leaves_the_bet_and_the_pass_alone(
    desk: Desk,
) -> None:
    await desk.running()
    await desk.bet("d2", team="Gamma FC")
    desk.world.venue.decide(-1, accept=True)
    desk.world.venue._change(0, status=TicketStatus.SETTLED, result="WON", pnl_minor=10**30)
    for _ in range(2):
        assert await desk.look()
    assert ((await desk.of("d1")).state, (await desk.of("d2")).state) == (S.FILLED, S.FILLED)
    assert (await desk.exposed())["d1"] == 1000
    assert "unreadable-tickets" in await desk.alerts()


async def test_a_spoilt_account_answer_or_score_ends_no_tracker(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = desk.world.venue.account

    async def huge() -> object:
        return msgspec.structs.replace(await honest(), credit_minor=10**30)

    desk.world.venue.account = huge  # type: ignore[method-assign,assignment]  # it lies
    assert await desk.look(20)


async def test_the_recorder_stores_what_can_be_stored_and_tells_the_rest(desk: Desk) -> None:
    def decision(n: int, at: object = NOW) -> Decision:
        return Decision(f"t{n}", "edge", "edge", "e", "ft.1x2.home", accept(), at)  # type: ignore[arg-type]  # or a broken one

    world = desk.world
    producer = Pipe(world.bus, source=None, worker="edge", lease_ttl_s=5)
    await producer.step(audit=[encode(decision(n)) for n in range(7)])
    context = world.context(Hook(), "recorder")
    recorder = Recorder(context, world.ledger)
    honest = world.ledger.decisions.add_many

    async def picky(batch: Sequence[Decision]) -> None:
        if any(one.trace_id == "t3" for one in batch):
            raise UnstorableRowError("a made-up rule")
        await honest(batch)

    world.ledger.decisions.add_many = picky  # type: ignore[method-assign]  # one row is against a rule
    with structlog.testing.capture_logs() as logs:
        assert await recorder.decisions()
    assert {row.trace_id for row in await world.ledger.decisions.recent()} == {
        f"t{n}" for n in range(7) if n != 3
    }
    assert [line["event"] for line in logs if line["log_level"] == "error"] == [
        "decision_not_stored"
    ]
    assert not (await take_audit(world.bus)).entries, "the batch is done with"


async def move(desk: Desk, name: str, state: OrderState) -> None:
    """Settles a bet, or grades it anew, the way the tracker does."""
    world, pnl = (
        desk.world,
        {S.WON: 900, S.HALF_WON: 450, S.LOST: -1000, S.HALF_LOST: -500}.get(state, 0),
    )
    before = await world.ledger.orders.by_decision(f"d-{name}")
    if before is None:
        await put_in(world.ledger, S.FILLED, name)
        before = await world.ledger.orders.get(name)
        await put_bet(world.bus, exposure_of(before, Terms()))
    if before.state is state:
        return
    now = world.clock.now()
    changes = OrderChanges(pnl_minor=pnl, settled_at=before.settled_at or now)
    after = await world.ledger.orders.transition(
        name, state, at=now, cause="venue", worker="t", changes=changes
    )
    await desk.tracker.tracker.passes.reconciler.risk.book_result(before, after)


async def pause_for_streak(desk: Desk) -> None:
    """Do what the guard does when a streak has reached its limit."""
    world = desk.world
    command = OperatorCommand(
        world.ids(),
        CommandAction.PAUSE,
        "guard",
        "guard",
        "trading",
        "losing streak: 7 losses in a row",
        world.clock.now(),
        accepted=True,
        result="PAUSED by the guard",
    )
    await world.ledger.commands.add(command)
    state = await world.book().read()
    assert await world.book().forget_streak(lease=world.guard, revision=state.revision)
    assert await last_streak_pause(world.ledger, ACCOUNT) == world.clock.now()


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(st.integers(0, 6), st.sampled_from(sorted(SETTLED)), st.integers(0, 5)),
        min_size=1,
        max_size=14,
    )
)
@pytest.mark.slow
async def test_the_losing_streak_follows_every_regrade(
    desk: Desk, steps: list[tuple[int, OrderState, int]]
) -> None:
    """Held against the history told from its beginning: settlements, regrades and the guard's
    pauses, in any order.
    """
    desk.wait(1)
    await pause_for_streak(desk)
    example, order, states, paid = (
        desk.world.ids(),
        list[str](),
        dict[str, OrderState](),
        set[str](),
    )
    for number, state, pause in steps:
        name = f"{example}-{number}"
        desk.wait(1)
        await move(desk, name, state)
        order += [name] if name not in states else []
        states[name] = state
        if pause == 0:
            desk.wait(1)
            await pause_for_streak(desk)
            paid = set(order)
        day = (await desk.world.book().read()).day
        assert day is not None
        assert day.streak == losing_streak(
            states[one] for one in reversed(order) if one not in paid
        )


async def test_a_settlement_booked_late_counts_where_it_was_settled(desk: Desk) -> None:
    """A tracker died between ledger and risk book; its successor settled a later bet first."""
    world = desk.world
    for name in ("a", "b"):
        await put_in(world.ledger, S.FILLED, name)
        await put_bet(world.bus, exposure_of(await world.ledger.orders.get(name), Terms()))
    changes = OrderChanges(pnl_minor=-1000, settled_at=world.clock.now())
    await world.ledger.orders.transition(
        "a", S.LOST, at=world.clock.now(), cause="venue", worker="t", changes=changes
    )
    desk.wait(30)
    await move(desk, "b", S.WON)
    await desk.look(30)
    day = (await world.book().read()).day
    assert day is not None and (day.streak, day.pnl_minor, await desk.exposed()) == (0, -100, {})
