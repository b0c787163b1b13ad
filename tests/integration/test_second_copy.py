"""A second Keter on the same account, on a ledger of its own: recognised by its tickets or by the
fight for the session.
"""

from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path

import msgspec
import pytest

from keter.bus.connection import Bus
from keter.bus.state.accounts import contested, note_contest
from keter.bus.state.permissions import arm, read_arming
from keter.bus.state.trading import read_trading
from keter.clock import ManualClock
from keter.control.base import Operator
from keter.control.commands import Control
from keter.domain.order_states import OrderState
from keter.domain.references import is_ours, make_reference
from keter.domain.trading import TradingMode
from keter.risk.restore import catch_up
from keter.venues.asianodds.limits import CAPABILITY
from tests.integration.test_execution import Desk
from tests.integration.test_worker_alerts import Ingest
from tests.kit.execution import ACCOUNT, NOW, a_ticket
from tests.kit.execution_bench import TrackerProcess, World
from tests.kit.hooks import Hook
from tests.kit.workbench import settings_for

pytestmark = pytest.mark.redis
FORM = CAPABILITY.reference_form


def made(intent_id: str) -> str:
    return make_reference(intent_id, FORM)


THEIRS = a_ticket(
    reference=made("0123456789abcdef" * 2),
    ticket_id="77",
    book="IBC",
    odds="2.1",
    stake_minor=900,
    home="Home",
    away="Away",
)


@pytest.fixture
async def desk(tmp_path: Path, redis_url: str) -> AsyncIterator[Desk]:
    world = World(tmp_path, redis_url)
    await world.open()
    await arm(world.bus, ACCOUNT, "ops", NOW, world.mark)
    yield await Desk(world).begin()
    await world.close()


async def mode(desk: Desk) -> tuple[TradingMode | None, str]:
    state = (await read_trading(desk.world.bus, desk.world.clock.now())).state
    return (state.mode, state.reason) if state is not None else (None, "")


async def armed(desk: Desk) -> bool:
    return await read_arming(desk.world.bus, ACCOUNT, desk.world.mark) is not None


async def test_tickets_of_a_keter_that_this_ledger_does_not_know_stop_betting(desk: Desk) -> None:
    desk.world.venue.add(THEIRS)
    await desk.look()
    assert await armed(desk) is False
    found, reason = await mode(desk)
    assert found is TradingMode.PAUSED
    assert reason.startswith(
        "second copy: 1 open tickets of a Keter that this ledger does not know, 1 older than it"
    )
    assert "second-copy" in await desk.alerts()
    assert await desk.exposed() == {f"foreign:{ACCOUNT}:IBC:77": 900}


async def test_what_an_operator_has_resumed_is_not_stopped_again_for_the_same_tickets(
    desk: Desk, tmp_path: Path
) -> None:
    """Neither in the next pass nor by the next tracker; a further ticket stops it again."""
    desk.world.venue.add(THEIRS)
    await desk.look()
    control = Control(
        desk.world.bus, halt_file=tmp_path / "HALT", clock=desk.world.clock, audit=None
    )
    await control.resume(Operator("ops", "cli"), "it is stopped")
    await desk.look()
    desk.tracker = TrackerProcess(desk.world)
    await desk.look()
    assert (await mode(desk))[0] is TradingMode.ACTIVE
    assert "second-copy" in await desk.alerts(), "the alert stands as long as the tickets do"
    desk.world.venue.add(msgspec.structs.replace(THEIRS, reference=made("f" * 32), ticket_id="78"))
    await desk.look()
    assert (await mode(desk))[0] is TradingMode.PAUSED


async def test_a_bet_by_hand_stops_nothing(desk: Desk) -> None:
    desk.world.venue.add(msgspec.structs.replace(THEIRS, reference="by-hand"))
    await desk.look()
    assert await armed(desk)
    assert (await mode(desk))[0] is TradingMode.ACTIVE
    assert await desk.alerts() == {"foreign-bets"}


async def test_our_own_bets_are_no_second_copy(desk: Desk) -> None:
    await desk.running()
    await desk.look()
    assert "second-copy" not in await desk.alerts()
    assert await armed(desk)


async def test_a_bet_of_ours_that_was_believed_refused_and_lives_is_no_second_copy(
    desk: Desk,
) -> None:
    """It is called out as what it is; nobody is sent to look for a program that does not exist."""
    desk.world.ids = (
        f"{n:032x}" for n in count()
    ).__next__  # as the real ones: their references look like a Keter's
    desk = await Desk(desk.world).begin()
    await desk.bet(answer="lost_after")
    reference = (await desk.of()).intent.reference
    assert is_ours(reference, FORM)
    desk.world.venue.hidden.add(reference)
    for _ in range(4):
        await desk.look(desk.world.settings.router.unknown_absent_s)
    assert (await desk.of()).state is OrderState.REFUSED
    desk.world.venue.hidden.clear()
    desk.world.venue.decide(0, accept=True)
    await desk.look()
    await desk.look()
    assert "bet-state-mismatch" in await desk.alerts()
    assert "second-copy" not in await desk.alerts()
    assert await armed(desk)


async def test_the_pause_for_a_second_copy_outlives_a_redis_that_had_lost_the_trading_state(
    desk: Desk,
) -> None:
    """The guard goes by revisions when it catches up: a pause with a lower one than an old resume's
    would be undone.
    """
    world = desk.world
    control = Control(
        world.bus,
        halt_file=world.folder / "HALT",
        clock=world.clock,
        audit=world.ledger.commands.add,
        last=world.ledger.commands.last_trading,
    )
    for _ in range(3):
        await control.pause(Operator("ops", "cli"), "a look")
        await control.resume(Operator("ops", "cli"), "all well")
    await world.bus.redis.execute_command("DEL", world.bus.keys.trading_state)
    await note_contest(world.bus, ACCOUNT)
    await desk.look()
    await catch_up(world.context(Hook(), "guard"), world.ledger)
    assert (await mode(desk))[0] is TradingMode.PAUSED


async def test_a_session_that_is_fought_over_stops_betting_once_and_calls_for_help(
    desk: Desk,
) -> None:
    await note_contest(desk.world.bus, ACCOUNT)
    await desk.look()
    assert await mode(desk) == (
        TradingMode.PAUSED,
        "second copy: the session was taken away again and again",
    )
    assert await armed(desk) is False
    assert "second-copy" in await desk.alerts()
    await desk.world.bus.redis.execute_command("DEL", desk.world.bus.keys.contested(ACCOUNT))
    await desk.look()
    assert "second-copy" not in await desk.alerts()
    assert (await mode(desk))[0] is TradingMode.PAUSED, (
        "the alert ends, the pause only by somebody's word"
    )


async def test_ingest_tells_a_fight_of_minutes_and_not_a_login_elsewhere(
    bus: Bus, tmp_path: Path
) -> None:
    settings = settings_for(tmp_path)
    ingest = Ingest(bus, settings, ManualClock(NOW))

    async def taken(after_s: float) -> bool:
        ingest.source.problems["session_contested"] += 1
        await ingest.look(after_s)
        return await contested(bus, settings.account.key)

    assert not await taken(1)
    assert not await taken(60)
    assert not await taken(301), "a fight that rests for five minutes begins anew"
    assert not await taken(100)
    assert await taken(25)
