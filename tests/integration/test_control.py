"""The command core with Redis there, gone and in between."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from keter.bus.connection import Bus, connect
from keter.bus.errors import StaleRevisionError
from keter.bus.state.permissions import read_arming
from keter.bus.state.trading import TradingView, change_trading, read_trading
from keter.clock import ManualClock
from keter.control import trading_state
from keter.control.base import Operator
from keter.control.commands import Control
from keter.domain.trading import OperatorCommand, TradingMode, TradingState
from keter.errors import UnavailableError, UsageError
from tests.kit.execution import LIVE_RUN, own_redis
from tests.kit.support import RedisServer

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
OPS = Operator("ops", "cli")
ACC = LIVE_RUN.accounts[0].key


@pytest.fixture
async def bus(redis_url: str) -> AsyncIterator[Bus]:
    found = await connect(redis_url)
    yield found
    await found.aclose()


@pytest.fixture
def audit() -> list[OperatorCommand]:
    return []


@pytest.fixture
def control(bus: Bus, tmp_path: Path, audit: list[OperatorCommand]) -> Control:
    return make(bus, tmp_path, audit)


def make(bus: Bus | None, folder: Path, audit: list[OperatorCommand]) -> Control:
    async def add(row: OperatorCommand) -> None:
        audit.append(row)

    return Control(bus, halt_file=folder / "HALT", clock=ManualClock(NOW), audit=add)


async def start(bus: Bus) -> None:
    await change_trading(
        bus,
        TradingState(TradingMode.ACTIVE, "guard", "first start", NOW),
        expected_revision=None,
        now=NOW,
    )


async def test_pause_and_resume_change_the_state_and_leave_a_row_each(
    bus: Bus, control: Control, audit: list[OperatorCommand]
) -> None:
    await start(bus)
    paused = await control.pause(OPS, "lunch", for_s=60)
    view = await read_trading(bus, NOW)
    assert view.state is not None
    assert (view.state.mode, view.state.until) == (TradingMode.PAUSED, NOW + timedelta(seconds=60))
    assert paused.revision == view.state.revision
    resumed = await control.resume(OPS, "back")
    assert resumed.revision == view.state.revision + 1
    assert [
        (row.action.value, row.before and row.before.mode, row.after and row.after.mode)
        for row in audit
    ] == [
        ("pause", TradingMode.ACTIVE, TradingMode.PAUSED),
        ("resume", TradingMode.PAUSED, TradingMode.ACTIVE),
    ]


@pytest.mark.parametrize("for_s", [60, 600])
async def test_a_pause_never_ends_a_longer_one_sooner(
    bus: Bus, control: Control, audit: list[OperatorCommand], for_s: float
) -> None:
    """The guard's pause until tomorrow is not cut short by an operator's of ten minutes; one
    without end is longer.
    """
    until = NOW + timedelta(seconds=600)
    guards = TradingState(TradingMode.PAUSED, "guard", "losing streak: 7 losses", NOW, until)
    guards = await change_trading(bus, guards, expected_revision=None, now=NOW)
    short = await control.pause(OPS, "lunch", for_s=for_s)
    assert (await read_trading(bus, NOW)).state == guards
    assert "paused already by guard" in short.command.result
    assert [(row.before, row.after) for row in audit] == [(guards, guards)]
    await control.pause(OPS, "for good")
    state = (await read_trading(bus, NOW)).state
    assert state is not None
    assert (state.actor, state.until) == ("guard", None), "its end asks for as much as before"
    assert state.reason == "losing streak: 7 losses; made longer by ops: for good"
    await control.resume(OPS, "back")
    await control.pause(OPS, "lunch")
    state = (await read_trading(bus, NOW)).state
    assert state is not None
    assert (state.actor, state.reason) == ("ops", "lunch")


def changed_meanwhile(bus: Bus, monkeypatch: pytest.MonkeyPatch, state: TradingState) -> None:
    """Put ``state`` in force, as the guard would, between a command's next look and its change."""

    async def look(asked: Bus, now: datetime, scopes: Sequence[str] = ()) -> TradingView:
        before = await read_trading(asked, now, scopes)
        monkeypatch.setattr(trading_state, "read_trading", read_trading)
        await change_trading(bus, state, expected_revision=None, now=NOW)
        return before

    monkeypatch.setattr(trading_state, "read_trading", look)


async def test_a_halt_in_the_very_moment_of_a_pause_or_resume_stands(
    bus: Bus, control: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody halts between the look at the state and its change."""
    await start(bus)
    halt = TradingState(TradingMode.HALTED, "guard", "trouble", NOW)
    changed_meanwhile(bus, monkeypatch, halt)
    with pytest.raises(UsageError, match="stronger"):
        await control.pause(OPS, "lunch")
    changed_meanwhile(bus, monkeypatch, halt)
    with pytest.raises(StaleRevisionError):
        await control.resume(OPS, "back")
    state = (await read_trading(bus, NOW)).state
    assert state is not None
    assert state.mode is TradingMode.HALTED


async def test_reducing_holds_until_somebody_resumes_and_is_audited(
    bus: Bus, control: Control, audit: list[OperatorCommand]
) -> None:
    await start(bus)
    reduced = await control.reduce(OPS, "odd prices")
    assert (await control.standing()).mode is TradingMode.REDUCING
    paused = await control.pause(OPS, "lunch", for_s=60)
    state = (await read_trading(bus, NOW)).state
    assert state is not None
    assert (state.mode, state.until) == (TradingMode.PAUSED, None), "its end would allow every bet"
    assert "would end REDUCING" in paused.command.result
    await control.reduce(OPS, "back", out_of_pause=True)
    await control.resume(OPS, "fine")
    assert [(row.action.value, row.after and row.after.mode) for row in audit] == [
        ("reduce", TradingMode.REDUCING),
        ("pause", TradingMode.PAUSED),
        ("reduce", TradingMode.REDUCING),
        ("resume", TradingMode.ACTIVE),
    ]
    assert reduced.revision == 2


async def test_reducing_does_not_weaken_a_stop(bus: Bus, control: Control, tmp_path: Path) -> None:
    """A pause is ended by it only where that is asked for; a halt, even one said without Redis,
    never.
    """
    await start(bus)
    await control.pause(OPS, "lunch")
    with pytest.raises(UsageError, match="paused, which is stronger"):
        await control.reduce(OPS, "odd prices")
    (tmp_path / "HALT").write_text("by hand")
    with pytest.raises(UsageError, match="halted, which is stronger"):
        await control.reduce(OPS, "odd prices", out_of_pause=True)
    (tmp_path / "HALT").unlink()
    await control.halt(OPS, "stop")
    (tmp_path / "HALT").unlink()
    with pytest.raises(UsageError, match="halted, which is stronger"):
        await control.reduce(OPS, "odd prices", out_of_pause=True)


@pytest.mark.parametrize("out_of_pause", [False, True])
async def test_reducing_never_ends_a_pause_said_in_the_very_moment(
    bus: Bus, control: Control, monkeypatch: pytest.MonkeyPatch, out_of_pause: bool
) -> None:
    """The guard pauses between the look and the change: reducing would end its pause."""
    await start(bus)
    changed_meanwhile(
        bus, monkeypatch, TradingState(TradingMode.PAUSED, "guard", "losing streak", NOW)
    )
    with pytest.raises(UsageError, match="paused, which is stronger"):
        await control.reduce(OPS, "odd prices", out_of_pause=out_of_pause)
    assert (await control.standing()).mode is TradingMode.PAUSED


async def test_reducing_is_done_though_somebody_resumes_in_the_very_moment(
    bus: Bus, control: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    await start(bus)
    changed_meanwhile(bus, monkeypatch, TradingState(TradingMode.ACTIVE, "ops", "fine", NOW))
    await control.reduce(OPS, "odd prices")
    assert (await control.standing()).mode is TradingMode.REDUCING


async def test_a_halt_is_not_weakened_to_a_pause(bus: Bus, control: Control) -> None:
    await start(bus)
    await control.halt(OPS, "stop")
    with pytest.raises(UsageError, match="stronger"):
        await control.pause(OPS, "lunch")


async def test_halting_twice_is_no_error(
    bus: Bus, control: Control, audit: list[OperatorCommand]
) -> None:
    await start(bus)
    await control.halt(OPS, "stop")
    await control.halt(OPS, "really")
    assert len(audit) == 2
    assert (await control.standing()).mode is TradingMode.HALTED


async def test_resume_names_the_switches_that_still_stop_betting(
    bus: Bus, control: Control
) -> None:
    await bus.redis.execute_command("SET", bus.keys.global_stop, "1")
    outcome = await control.resume(OPS, "go")
    assert "GLOBAL_STOP" in outcome.command.result


async def test_a_halt_takes_every_arming_back(bus: Bus, control: Control) -> None:
    """LIVE has to be allowed anew after a halt: resuming alone does not bet money again."""
    await own_redis(bus)
    await control.arm(OPS, ACC, "open the day")
    await control.halt(OPS, "odd prices")
    assert await read_arming(bus, ACC, LIVE_RUN.mark) is None
    await control.resume(OPS, "prices are fine")
    assert await read_arming(bus, ACC, LIVE_RUN.mark) is None


async def test_a_halt_said_without_redis_takes_every_arming_back_when_it_is_resumed(
    bus: Bus, control: Control, tmp_path: Path, audit: list[OperatorCommand]
) -> None:
    """Redis never heard of the halt and still holds the permission."""
    await start(bus)
    await own_redis(bus)
    await control.arm(OPS, ACC, "open the day")
    await make(None, tmp_path, audit).halt(OPS, "odd prices")
    assert await read_arming(bus, ACC, LIVE_RUN.mark) is not None
    await control.resume(OPS, "prices are fine")
    assert await read_arming(bus, ACC, LIVE_RUN.mark) is None


@pytest.mark.parametrize("seconds", [1e300, float("inf"), float("nan")])
async def test_a_pause_beyond_the_calendar_is_refused(
    bus: Bus, control: Control, seconds: float
) -> None:
    await start(bus)
    with pytest.raises(UsageError, match="a year at most"):
        await control.pause(OPS, "lunch", for_s=seconds)


async def test_a_pause_leaves_the_arming_alone(bus: Bus, control: Control) -> None:
    await own_redis(bus)
    await control.arm(OPS, ACC, "open the day")
    await control.pause(OPS, "lunch")
    await control.resume(OPS, "back")
    assert await read_arming(bus, ACC, LIVE_RUN.mark) is not None


async def test_without_redis_a_halt_still_writes_the_file(
    tmp_path: Path, audit: list[OperatorCommand]
) -> None:
    outcome = await make(None, tmp_path, audit).halt(OPS, "stop")
    assert "stop" in (tmp_path / "HALT").read_text()
    assert any("HALT file stops the router" in warning for warning in outcome.warnings)
    assert outcome.audited


async def test_without_redis_nothing_but_a_halt_is_accepted(tmp_path: Path) -> None:
    control = make(None, tmp_path, [])
    (tmp_path / "HALT").write_text("stop")
    for command in (control.pause(OPS, ""), control.resume(OPS, ""), control.arm(OPS, ACC, "")):
        with pytest.raises(UnavailableError):
            await command
    assert (tmp_path / "HALT").exists()
    standing = await control.standing()
    assert standing.mode is TradingMode.HALTED
    assert standing.problem is not None


async def test_a_redis_that_dies_under_us_does_not_hold_a_halt_back(tmp_path: Path) -> None:
    server = RedisServer()
    bus = await connect(server.url)
    try:
        server.kill()
        outcome = await make(bus, tmp_path, []).halt(OPS, "stop")
        assert (tmp_path / "HALT").exists()
        assert outcome.warnings
    finally:
        await bus.aclose()
        server.close()


async def test_a_halt_that_can_do_neither_says_so(tmp_path: Path) -> None:
    """The file cannot be written and Redis is away: nothing was stopped, and nobody may believe it
    was.
    """
    blocked = tmp_path / "file"
    blocked.write_text("")
    control = Control(None, halt_file=blocked / "HALT", clock=ManualClock(NOW), audit=None)
    with pytest.raises(
        UnavailableError, match=r"nothing was halted: the HALT file .+ Redis could not be told"
    ):
        await control.halt(OPS, "stop")


async def test_a_ledger_that_fails_never_holds_a_command_back(bus: Bus, tmp_path: Path) -> None:
    async def broken(_: OperatorCommand) -> None:
        raise UnavailableError("the ledger is away")

    await start(bus)
    control = Control(bus, halt_file=tmp_path / "HALT", clock=ManualClock(NOW), audit=broken)
    outcome = await control.halt(OPS, "stop")
    assert not outcome.audited
    assert any("the ledger is away" in warning for warning in outcome.warnings)
    assert (await control.standing()).mode is TradingMode.HALTED
