"""LIVE is armed for the run that is under way and no other, and every permission can be taken
back.
"""

import msgspec
import pytest

from keter.bus.connection import Bus
from keter.bus.state.permissions import arm, armed_accounts, read_arming
from keter.control.commands import Control
from keter.domain.runs import Run
from keter.domain.trading import OperatorCommand
from keter.errors import UnavailableError, UsageError
from tests.integration.test_control import ACC, NOW, OPS, audit, bus, control
from tests.kit.execution import LIVE_RUN, an_account, own_redis

__all__ = ["audit", "bus", "control"]  # fixtures
DRY_RUN = msgspec.structs.replace(LIVE_RUN, accounts=(an_account("acc"),))


async def test_arming_is_kept_per_account_and_taken_back(
    bus: Bus, control: Control, audit: list[OperatorCommand]
) -> None:
    await own_redis(bus)
    await control.arm(OPS, ACC, "today")
    arming = await read_arming(bus, ACC, LIVE_RUN.mark)
    assert arming is not None
    assert arming.actor == "ops"
    await control.arm(OPS, ACC, "again")
    await control.disarm(OPS, ACC, "enough")
    assert await read_arming(bus, ACC, LIVE_RUN.mark) is None
    await control.disarm(OPS, ACC, "to be sure")
    assert [(row.value_before, row.value_after) for row in audit] == [
        ("not armed", "armed"),
        ("armed", "armed"),
        ("armed", "not armed"),
        ("not armed", "not armed"),
    ]


async def test_arming_needs_something_that_runs_live_on_that_account(
    bus: Bus, control: Control
) -> None:
    with pytest.raises(UnavailableError, match="nothing runs that could be armed") as told:
        await control.arm(OPS, ACC, "open the day")
    assert told.value.exit_code == 69
    await own_redis(bus)
    with pytest.raises(UsageError, match="another account"):
        await control.arm(OPS, "other", "open the day")
    await control.arm(OPS, ACC, "open the day")


async def test_what_runs_dry_is_not_armed_whatever_the_settings_say(
    bus: Bus, control: Control
) -> None:
    await own_redis(bus, DRY_RUN)
    with pytest.raises(UsageError, match="what runs is DRY"):
        await control.arm(OPS, ACC, "open the day")


@pytest.mark.parametrize(
    "next_run",
    [
        msgspec.structs.replace(LIVE_RUN, run_id="next"),
        DRY_RUN,
        msgspec.structs.replace(LIVE_RUN, fingerprint="edited"),
    ],
    ids=["run", "mode", "settings"],
)
async def test_an_arming_ends_with_its_run_and_is_good_for_no_other(
    bus: Bus, control: Control, next_run: Run
) -> None:
    await own_redis(bus)
    await control.arm(OPS, ACC, "open the day")
    assert await read_arming(bus, ACC, LIVE_RUN.mark) is not None
    assert await read_arming(bus, ACC, next_run.mark) is None
    await own_redis(bus, next_run)
    assert not await bus.redis.exists(bus.keys.armed), "each start of `keter up` begins disarmed"


async def test_disarming_every_account_takes_back_what_stands_and_what_runs(
    bus: Bus, control: Control, audit: list[OperatorCommand]
) -> None:
    """Whatever account the settings name by now; the one that runs is told first."""
    await own_redis(bus)
    await control.arm(OPS, ACC, "open the day")
    await arm(bus, "a former one", "ops", NOW, LIVE_RUN.mark)
    audit.clear()
    outcomes = await control.disarm_every(OPS, "enough", named="edited")
    assert (
        [one.command.target for one in outcomes]
        == [row.target for row in audit]
        == [ACC, "a former one", "edited"]
    )
    assert [row.value_before for row in audit] == ["armed", "armed", "not armed"]
    assert await armed_accounts(bus) == set()


async def test_an_owner_that_cannot_be_read_holds_no_disarming_back(
    bus: Bus, control: Control
) -> None:
    await arm(bus, ACC, "ops", NOW, LIVE_RUN.mark)
    await bus.redis.execute_command("HSET", bus.keys.owner, "record", b"spoilt")
    (outcome,) = await control.disarm_every(OPS, "enough")
    assert outcome.command.target == ACC
    assert await armed_accounts(bus) == set()


async def test_where_no_account_is_known_a_disarming_says_so(bus: Bus, control: Control) -> None:
    with pytest.raises(UnavailableError, match="no account is known to disarm"):
        await control.disarm_every(OPS, "enough")
