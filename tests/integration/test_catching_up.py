"""What the guard restores from the audit is what was said last, whatever the clock showed then: a
real Redis, a real ledger.
"""

import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from keter.bus.connection import Bus
from keter.bus.state.permissions import read_arming, read_limits
from keter.clock import ManualClock
from keter.context import Context
from keter.control.base import Operator
from keter.control.commands import Control
from keter.domain.streaks import STREAK
from keter.domain.trading import CommandAction, ExecutionMode, OperatorCommand
from keter.ledger import Ledger
from keter.opening.stores import open_settings_ledger
from keter.risk.restore import ACTOR, catch_up, last_streak_pause
from tests.kit.execution import ACCOUNT, LIVE_RUN, NOW, USER, an_account, own_redis, settings_for
from tests.kit.workbench import context_on, opened

pytestmark = pytest.mark.redis
RUN = msgspec.structs.replace(LIVE_RUN, accounts=(an_account(USER, ExecutionMode.LIVE),))
ME = Operator("ops", "cli")
# The clock is set between two commands: back as after a fast one, or forth.
either_way = pytest.mark.parametrize(
    "set_by", [timedelta(hours=-2), timedelta(hours=2)], ids=["back", "forth"]
)


@dataclass
class Desk:
    """An operator's commands, the guard's own context beside them, and the clock of both."""

    context: Context
    ledger: Ledger
    clock: ManualClock
    control: Control

    @property
    def bus(self) -> Bus:
        return self.context.bus

    async def armed(self) -> bool:
        return await read_arming(self.bus, ACCOUNT, RUN.mark) is not None

    async def set_limit(self, amount: str) -> None:
        await self.control.set_limit(
            ME, ACCOUNT, self.context.settings.risk, "MAX_STAKE", amount, "why"
        )

    async def remembered(self) -> bytes:
        payload = await self.bus.redis.execute_command("HGET", self.bus.keys.armed, ACCOUNT)
        assert isinstance(payload, bytes)
        return payload

    async def come_back_with(self, arming: bytes) -> None:
        """Redis died and comes back without its last second: the permission stands as it did."""
        await self.bus.redis.execute_command("HSET", self.bus.keys.armed, ACCOUNT, arming)

    def set_clock(self, by: timedelta) -> None:
        self.clock.set(self.clock.now() + by)


@asynccontextmanager
async def a_desk(url: str, folder: Path) -> AsyncIterator[Desk]:
    settings, clock = settings_for(folder), ManualClock(NOW)
    async with opened(url) as bus:
        context = dataclasses.replace(context_on(bus, settings, "guard"), clock=clock, run=RUN)
        await own_redis(bus, RUN)
        ledger = await open_settings_ledger(settings, clock=clock)
        try:
            commands = ledger.commands
            control = Control(
                bus,
                halt_file=settings.router.halt_file,
                clock=clock,
                audit=commands.add,
                last=commands.last_trading,
            )
            yield Desk(context, ledger, clock, control)
        finally:
            await ledger.aclose()


@pytest.fixture
async def desk(redis_url: str, tmp_path: Path) -> AsyncIterator[Desk]:
    async with a_desk(redis_url, tmp_path) as made:
        yield made


@either_way
@pytest.mark.parametrize(
    ("first", "second"), [("20", "10"), ("10", "20")], ids=["lowered", "raised"]
)
async def test_a_limit_is_restored_to_the_wish_said_last(
    desk: Desk, set_by: timedelta, first: str, second: str
) -> None:
    await desk.set_limit(first)
    desk.set_clock(set_by)
    await desk.set_limit(second)
    await desk.bus.redis.execute_command("DEL", desk.bus.keys.risk_limits(ACCOUNT))
    await catch_up(desk.context, desk.ledger)
    assert await read_limits(desk.bus, ACCOUNT) == {"max_stake": Decimal(second)}


@pytest.mark.parametrize(
    ("target", "restored"),
    [
        ("max_stake=5", {"max_stake": Decimal(5)}),
        (f"max_stake=5@{ACCOUNT}", {"max_stake": Decimal(5)}),
        ("max_stake=5@asianodds:ANOTHER", {}),
    ],
    ids=["of an older version", "ours", "of another account"],
)
async def test_a_limit_is_restored_to_the_account_that_it_was_said_of(
    desk: Desk, target: str, restored: dict[str, Decimal]
) -> None:
    row = OperatorCommand(
        "c1", CommandAction.SET_LIMIT, "ops", "cli", target, "why", NOW, True, "done"
    )
    await desk.ledger.commands.add(row)
    await catch_up(desk.context, desk.ledger)
    assert await read_limits(desk.bus, ACCOUNT) == restored
    assert await read_limits(desk.bus, "asianodds:ANOTHER") == {}, "it is not of this run"


@either_way
@pytest.mark.parametrize("stop", ["disarm", "halt without Redis"])
async def test_an_arming_is_taken_back_by_a_stop_said_after_it(
    desk: Desk, tmp_path: Path, set_by: timedelta, stop: str
) -> None:
    await desk.control.arm(ME, ACCOUNT, "open the day")
    arming = await desk.remembered()
    desk.set_clock(set_by)
    if stop == "disarm":
        await desk.control.disarm(ME, ACCOUNT, "enough")
    else:
        away = Control(
            None, halt_file=tmp_path / "HALT", clock=desk.clock, audit=desk.ledger.commands.add
        )
        await away.halt(ME, "enough")
    await desk.come_back_with(arming)
    await catch_up(desk.context, desk.ledger)
    assert not await desk.armed()


@either_way
async def test_an_arming_said_after_a_disarming_stands(desk: Desk, set_by: timedelta) -> None:
    await desk.control.disarm(ME, ACCOUNT, "enough")
    desk.set_clock(set_by)
    await desk.control.arm(ME, ACCOUNT, "go on")
    await catch_up(desk.context, desk.ledger)
    assert await desk.armed()


async def test_an_arming_outlives_the_disarming_of_another_account(desk: Desk) -> None:
    await desk.control.arm(ME, ACCOUNT, "open the day")
    desk.set_clock(timedelta(hours=1))
    await desk.control.disarm(ME, "somebody else", "enough")
    await catch_up(desk.context, desk.ledger)
    assert await desk.armed()


@pytest.mark.parametrize(("stop_after_s", "stands"), [(60, False), (-60, True)])
async def test_of_an_arming_that_the_audit_does_not_know_the_clock_decides(
    desk: Desk, tmp_path: Path, stop_after_s: float, stands: bool
) -> None:
    """Its row was not written: the ledger did not answer at that moment."""
    unwritten = Control(desk.bus, halt_file=tmp_path / "HALT", clock=desk.clock, audit=None)
    await unwritten.arm(ME, ACCOUNT, "open the day")
    arming = await desk.remembered()
    desk.set_clock(timedelta(seconds=stop_after_s))
    await desk.control.disarm(ME, ACCOUNT, "enough")
    await desk.come_back_with(arming)
    await catch_up(desk.context, desk.ledger)
    assert await desk.armed() == stands


async def test_a_losing_streak_is_counted_from_the_pause_said_last(desk: Desk) -> None:
    """Not from one of a clock that ran two hours fast: losses of those hours would not count."""
    guard = Operator(ACTOR, ACTOR)
    await desk.control.pause(guard, f"{STREAK}: 7 losses", for_s=60)
    desk.set_clock(timedelta(hours=-2))
    paused = await desk.control.pause(guard, f"{STREAK}: 7 losses", for_s=7200)
    assert paused.command.action is CommandAction.PAUSE
    assert await last_streak_pause(desk.ledger, ACCOUNT) == paused.command.at
