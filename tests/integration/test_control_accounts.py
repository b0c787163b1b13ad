"""Two accounts of one run: each is stopped and resumed alone, and everything together."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from keter.bus.connection import Bus, connect
from keter.bus.errors import StaleRevisionError
from keter.bus.state.permissions import arm, armed_accounts
from keter.bus.state.trading import TradingView, change_trading, read_trading
from keter.clock import ManualClock
from keter.control.commands import Control
from keter.control.standing import resumes_lightly
from keter.domain.accounts import AccountId
from keter.domain.trading import ExecutionMode, OperatorCommand, TradingMode, TradingState
from keter.errors import UnavailableError, UsageError
from tests.integration.test_control import NOW, OPS, make
from tests.kit.execution import LIVE_RUN, an_account, own_redis

UNTIL = NOW + timedelta(hours=1)
RUN = msgspec.structs.replace(
    LIVE_RUN,
    accounts=(an_account("one", ExecutionMode.LIVE), an_account("two", ExecutionMode.LIVE)),
)
ONE, TWO = (account.key for account in RUN.accounts)
M = TradingMode


@pytest.fixture
async def bus(redis_url: str) -> AsyncIterator[Bus]:
    found = await connect(redis_url)
    await own_redis(found, RUN)
    active = TradingState(M.ACTIVE, "guard", "first start", NOW)
    await change_trading(found, active, expected_revision=0, now=NOW)
    yield found
    await found.aclose()


@pytest.fixture
def audit() -> list[OperatorCommand]:
    return []


@pytest.fixture
def control(bus: Bus, tmp_path: Path, audit: list[OperatorCommand]) -> Control:
    return make(bus, tmp_path, audit)


async def view(bus: Bus) -> TradingView:
    return await read_trading(bus, NOW, [ONE, TWO])


async def modes(bus: Bus) -> list[TradingMode]:
    """Return what is in force for both accounts."""
    seen = await view(bus)
    decide = [seen.narrowed(account).strictest(NOW) for account in (ONE, TWO)]
    return [state.effective(NOW) for state in decide if state is not None]


async def guard_pauses(bus: Bus, account: str, until: datetime | None = UNTIL) -> TradingState:
    state = TradingState(M.PAUSED, "guard", "losing streak: 7 losses", NOW, until)
    return await change_trading(bus, state, expected_revision=None, now=NOW, scope=account)


@pytest.mark.parametrize("name", [ONE, "one"])
async def test_a_pause_of_one_account_leaves_the_other_betting(
    bus: Bus, control: Control, audit: list[OperatorCommand], name: str
) -> None:
    paused = await control.pause(OPS, "lunch", for_s=60, account=name)
    assert await modes(bus) == [M.PAUSED, M.ACTIVE]
    assert (paused.scope, paused.revision) == (ONE, (await view(bus)).scoped[ONE].revision)
    assert paused.command.result.startswith(f"{ONE}: paused until")
    await control.reduce(OPS, "odd prices", out_of_pause=True, account=name)
    assert await modes(bus) == [M.REDUCING, M.ACTIVE]
    resumed = await control.resume(OPS, "back", account=name)
    assert await modes(bus) == [M.ACTIVE, M.ACTIVE]
    assert resumed.command.result == f"{ONE}: running: new bets may be made"
    assert [(row.action.value, row.target) for row in audit] == [
        (action, f"trading:{ONE}") for action in ("pause", "reduce", "resume")
    ]


async def test_a_halt_of_one_account_disarms_it_alone_and_writes_no_file(
    bus: Bus, control: Control, tmp_path: Path
) -> None:
    for account in (ONE, TWO):
        await arm(bus, account, "ops", NOW, RUN.mark)
    await control.halt(OPS, "odd prices", account="two")
    assert await modes(bus) == [M.ACTIVE, M.HALTED]
    assert await armed_accounts(bus) == {ONE}
    assert not (tmp_path / "HALT").exists()
    with pytest.raises(UsageError, match=f"{TWO} is halted, which is stronger than a pause"):
        await control.pause(OPS, "lunch", account=TWO)


async def test_a_resume_of_everything_ends_every_accounts_own_stop_and_says_which(
    bus: Bus, control: Control, audit: list[OperatorCommand]
) -> None:
    guards = await guard_pauses(bus, ONE)
    await control.halt(OPS, "odd prices", account=TWO)
    audit.clear()
    resumed = await control.resume(OPS, "back")
    assert await modes(bus) == [M.ACTIVE, M.ACTIVE]
    assert resumed.command.result == (
        "running: new bets may be made; ended too: PAUSED of asianodds:one by guard: losing"
        " streak: 7 losses, HALTED of asianodds:two by ops: odd prices"
    )
    assert [(row.target, row.before and row.before.mode) for row in audit] == [
        (f"trading:{ONE}", M.PAUSED),
        (f"trading:{TWO}", M.HALTED),
        ("trading", M.ACTIVE),
    ]
    assert audit[0].before == guards


async def test_a_pause_that_is_over_is_not_ended_once_more(
    bus: Bus, control: Control, audit: list[OperatorCommand]
) -> None:
    await guard_pauses(bus, ONE, NOW + timedelta(seconds=1))
    control._clock.set(UNTIL)  # type: ignore[attr-defined]  # a clock in the test's hands
    resumed = await control.resume(OPS, "back")
    assert resumed.command.result == "running: new bets may be made"
    assert len(audit) == 1


async def test_a_resume_of_one_account_says_what_stops_it_still(bus: Bus, control: Control) -> None:
    await guard_pauses(bus, ONE)
    await control.pause(OPS, "lunch")
    resumed = await control.resume(OPS, "back", account=ONE)
    assert await modes(bus) == [M.PAUSED, M.PAUSED]
    assert resumed.command.result == (f"{ONE}: resumed, but still stopped by PAUSED by ops: lunch")


async def test_a_resume_ends_no_stop_that_its_operator_has_not_seen(
    bus: Bus, control: Control
) -> None:
    """The guard pauses an account between the look and the confirmation."""
    await control.pause(OPS, "lunch")
    seen = (await control.standing()).revisions
    await guard_pauses(bus, TWO)
    with pytest.raises(StaleRevisionError, match=f"trading of {TWO} changed meanwhile"):
        await control.resume(OPS, "back", seen=seen)
    assert await modes(bus) == [M.PAUSED, M.PAUSED]
    await control.resume(OPS, "back", seen=(await control.standing()).revisions)
    assert await modes(bus) == [M.ACTIVE, M.ACTIVE]


async def test_a_resume_of_one_account_is_for_the_revision_that_was_seen(
    bus: Bus, control: Control
) -> None:
    await guard_pauses(bus, ONE)
    seen = (await control.standing(ONE)).revisions
    await control.pause(OPS, "for good", account=ONE)
    with pytest.raises(StaleRevisionError):
        await control.resume(OPS, "back", seen=seen, account=ONE)
    assert await modes(bus) == [M.PAUSED, M.ACTIVE]


async def test_reducing_everything_out_of_a_pause_ends_the_accounts_own_pauses(
    bus: Bus, control: Control, audit: list[OperatorCommand]
) -> None:
    await guard_pauses(bus, ONE)
    await control.halt(OPS, "odd prices", account=TWO)
    reduced = await control.reduce(OPS, "careful", out_of_pause=True)
    assert await modes(bus) == [M.REDUCING, M.HALTED]
    assert reduced.command.result.endswith(f"still stopped by HALTED of {TWO} by ops: odd prices")
    assert [row.target for row in audit] == [f"trading:{TWO}", f"trading:{ONE}", "trading"]


async def test_reducing_from_the_page_leaves_the_accounts_own_pauses(
    bus: Bus, control: Control
) -> None:
    await guard_pauses(bus, ONE)
    await control.reduce(OPS, "careful")
    assert await modes(bus) == [M.PAUSED, M.REDUCING]


async def test_a_wrong_name_is_refused_with_the_accounts_there_are(
    bus: Bus, control: Control, audit: list[OperatorCommand]
) -> None:
    for command in (
        control.pause(OPS, "", account="three"),
        control.reduce(OPS, "", account="sandbox:one"),
        control.halt(OPS, "", account="asianodds"),
        control.resume(OPS, "", account="on"),
    ):
        with pytest.raises(UsageError, match=f"say one of {ONE}, {TWO}"):
            await command
    assert await modes(bus) == [M.ACTIVE, M.ACTIVE]
    assert audit == []


async def test_a_name_that_several_venues_have_is_refused(bus: Bus, control: Control) -> None:
    namesake = msgspec.structs.replace(RUN.accounts[0], id=AccountId("other", "one"))
    accounts = (*RUN.accounts, namesake)
    await bus.redis.execute_command("DEL", bus.keys.owner)
    await own_redis(bus, msgspec.structs.replace(RUN, accounts=accounts))
    with pytest.raises(UsageError, match="or several; say one of"):
        await control.pause(OPS, "lunch", account="one")
    await control.pause(OPS, "lunch", account="other:one")
    assert await modes(bus) == [M.ACTIVE, M.ACTIVE]


async def test_an_account_that_runs_no_more_is_still_found_by_its_stop(
    bus: Bus, control: Control
) -> None:
    gone = "asianodds:gone"
    await guard_pauses(bus, gone)
    await control.resume(OPS, "back", account="gone")
    seen = await read_trading(bus, NOW, [gone])
    assert seen.scoped[gone].mode is M.ACTIVE


async def test_no_account_is_known_where_nothing_runs(bus: Bus, control: Control) -> None:
    await bus.redis.execute_command("DEL", bus.keys.owner)
    with pytest.raises(UsageError, match="no account is known here"):
        await control.pause(OPS, "lunch", account="one")


async def test_without_redis_one_account_cannot_be_stopped_and_nothing_pretends_so(
    tmp_path: Path,
) -> None:
    with pytest.raises(UnavailableError):
        await make(None, tmp_path, []).halt(OPS, "stop", account=ONE)
    assert not (tmp_path / "HALT").exists()


async def test_everything_stands_as_the_account_that_may_bet_most(
    bus: Bus, control: Control
) -> None:
    await guard_pauses(bus, ONE)
    assert [(await control.standing(scope)).mode for scope in ("", ONE, TWO)] == [
        M.ACTIVE,
        M.PAUSED,
        M.ACTIVE,
    ]
    await control.halt(OPS, "odd prices", account=TWO)
    everything = await control.standing()
    assert everything.mode is M.PAUSED
    assert everything.cause is not None and everything.cause.actor == "guard"


async def test_of_one_account_alone_the_guards_pause_is_everythings(
    redis_url: str, tmp_path: Path
) -> None:
    """Whoever has one account sees and ends it as if there were but one state."""
    bus = await connect(redis_url)
    try:
        await own_redis(bus, msgspec.structs.replace(RUN, accounts=RUN.accounts[:1]))
        active = TradingState(M.ACTIVE, "guard", "first start", NOW)
        await change_trading(bus, active, expected_revision=0, now=NOW)
        control = make(bus, tmp_path, [])
        guards = await guard_pauses(bus, ONE)
        standing = await control.standing()
        assert (standing.mode, standing.cause) == (M.PAUSED, guards)
        assert not resumes_lightly(standing), "its end asks for a proof of identity"
        await control.resume(OPS, "back")
        assert (await control.standing()).mode is M.ACTIVE
    finally:
        await bus.aclose()


async def test_one_press_resumes_only_if_every_stop_it_ends_is_a_persons(
    bus: Bus, control: Control
) -> None:
    await control.pause(OPS, "lunch", account=ONE)
    assert resumes_lightly(await control.standing())
    await guard_pauses(bus, TWO)
    assert not resumes_lightly(await control.standing())
    assert resumes_lightly(await control.standing(ONE))
    assert not resumes_lightly(await control.standing(TWO))


async def test_a_new_state_gets_a_revision_above_the_audits_last_of_its_own_account(
    bus: Bus, tmp_path: Path
) -> None:
    """A Redis that lost the account's state counts on where the ledger is."""

    async def last(scope: str) -> TradingState | None:
        revision = {ONE: 7, "": 40}.get(scope)
        return None if revision is None else TradingState(M.PAUSED, "g", "", NOW, None, revision)

    control = Control(
        bus, halt_file=tmp_path / "HALT", clock=ManualClock(NOW), audit=None, last=last
    )
    assert (await control.pause(OPS, "lunch", account=ONE)).revision == 8
    assert (await control.pause(OPS, "lunch", account=TWO)).revision == 1
    assert (await control.pause(OPS, "lunch")).revision == 41
