"""Limits are lowered and raised within the settings; only what is a lock of a selection is
cleared.
"""

from decimal import Decimal

import pytest

from keter.betting_settings import RiskSettings
from keter.bus.connection import Bus
from keter.bus.errors import StaleRevisionError
from keter.bus.locks import Locks
from keter.bus.state.permissions import read_limits, write_limit
from keter.clock import random_id
from keter.control.commands import Control
from keter.domain.limits import lowered
from keter.domain.trading import OperatorCommand
from keter.errors import UsageError
from tests.integration.test_control import OPS, audit, bus, control
from tests.kit.execution import ACCOUNT

__all__ = ["audit", "bus", "control"]  # fixtures

BOUNDS = RiskSettings()


async def test_a_limit_is_lowered_and_raised_again_up_to_the_settings_and_each_is_audited(
    bus: Bus, control: Control, audit: list[OperatorCommand]
) -> None:
    assert await control.limit(ACCOUNT, BOUNDS, "MAX_STAKE") == BOUNDS.max_stake
    await control.set_limit(OPS, ACCOUNT, BOUNDS, "MAX_STAKE", "5.50", "nervous")
    assert lowered(BOUNDS, await read_limits(bus, ACCOUNT)).max_stake == Decimal("5.50")
    await control.set_limit(OPS, ACCOUNT, BOUNDS, "MAX_STAKE", str(BOUNDS.max_stake), "calm")
    assert lowered(BOUNDS, await read_limits(bus, ACCOUNT)) == BOUNDS
    assert [(row.action.value, row.target) for row in audit] == [
        ("set_limit", f"max_stake=5.50@{ACCOUNT}"),
        ("set_limit", f"max_stake=50@{ACCOUNT}"),
    ]
    assert "was 5.50" in audit[-1].result
    assert [(row.value_before, row.value_after) for row in audit] == [
        ("50", "5.50"),
        ("5.50", "50"),
    ]
    assert [(row.before, row.after) for row in audit] == [(None, None)] * 2


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MAX_STAKE", "50.01"),
        ("MAX_STAKE", "0"),
        ("MAX_STAKE", "-1"),
        ("MAX_STAKE", "NaN"),
        ("MAX_STAKE", "x"),
        ("MAX_STAKE", "1.001"),
        ("THROTTLE_BETS", "1"),
    ],
)
async def test_a_limit_beyond_the_settings_or_of_no_sense_changes_nothing(
    bus: Bus, control: Control, audit: list[OperatorCommand], name: str, value: str
) -> None:
    with pytest.raises(UsageError):
        await control.set_limit(OPS, ACCOUNT, BOUNDS, name, value, "greedy")
    assert (await read_limits(bus, ACCOUNT), audit) == ({}, [])


async def test_a_limit_above_the_settings_in_redis_counts_for_nothing(bus: Bus) -> None:
    await write_limit(bus, ACCOUNT, "max_stake", Decimal(999), instead_of=None)
    assert lowered(BOUNDS, await read_limits(bus, ACCOUNT)) == BOUNDS


async def test_a_limit_that_changed_since_it_was_shown_is_not_overwritten(
    bus: Bus, control: Control
) -> None:
    await control.set_limit(OPS, ACCOUNT, BOUNDS, "MAX_STAKE", "5", "first")
    with pytest.raises(StaleRevisionError):
        await control.set_limit(
            OPS, ACCOUNT, BOUNDS, "MAX_STAKE", "40", "late", expected=Decimal(50)
        )
    assert await control.limit(ACCOUNT, BOUNDS, "MAX_STAKE") == 5


async def test_a_limit_that_somebody_changes_in_the_very_moment_of_a_change_is_not_overwritten(
    bus: Bus, control: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody lowers it between the look at it and its change."""

    async def lowered_meanwhile(bus: Bus, account: str) -> dict[str, Decimal]:
        found = await read_limits(bus, account)
        assert await write_limit(
            bus, account, "max_stake", Decimal("1.50"), instead_of=found.get("max_stake")
        )
        return found

    monkeypatch.setattr("keter.control.tending.read_limits", lowered_meanwhile)
    for _ in range(2):  # where no limit stood, and where one stood
        with pytest.raises(StaleRevisionError):
            await control.set_limit(OPS, ACCOUNT, BOUNDS, "MAX_STAKE", "40", "late")
        assert await read_limits(bus, ACCOUNT) == {"max_stake": Decimal("1.50")}
        await write_limit(bus, ACCOUNT, "max_stake", Decimal(20), instead_of=Decimal("1.5"))


async def test_only_the_lock_of_a_selection_can_be_cleared(
    bus: Bus, control: Control, audit: list[OperatorCommand]
) -> None:
    key = bus.keys.exec_lock("event", "selection", ACCOUNT)
    locks = Locks(bus, owner="router", ids=random_id)
    assert await locks.acquire(key, 60) is not None
    await control.clear_lock(OPS, key, "left behind")
    assert await locks.owner(key) is None
    for wrong in (key, bus.keys.trading_state):
        with pytest.raises(UsageError):
            await control.clear_lock(OPS, wrong, "again")
    assert len(audit) == 1
